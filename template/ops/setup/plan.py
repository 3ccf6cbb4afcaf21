"""The plan: a line for each thing, what it takes, and a hash by which somebody says yes to just this."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ops.commands import command
from ops.report.blocks import Finding, Hero, Items, Report, Span
from ops.report.blocks import Step as BlockStep
from ops.setup.needs import OURS, Line, Standing
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

NEXT = " && ".join(command(Step(job)) for job in ("deploy", "doctor"))
_TITLE, _STOPS, _TO_DO, _ALL = t("Plan of both clouds"), t("stop"), t("ready"), t("set up")
_WORDS = {
    Standing.THERE: (t("is there"), "good"),
    Standing.CREATE: (t("create"), "way"),
    Standing.CHANGE: (t("change"), "open"),
    Standing.REMOVE: (t("remove"), "open"),
    Standing.BY_HAND: (t("by hand"), "open"),
    Standing.UNSEEN: (t("not seen"), "bad"),
    Standing.STOP: (t("stop"), "bad"),
}


class Plan:
    """How all stands, in the order in which it is made."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        states = [line.state for line in lines]
        self.is_to_do = any(state in OURS for state in states)
        # What nobody could look at is not carried out beside.
        self.can_be_done = Standing.STOP not in states and Standing.UNSEEN not in states
        self.exit_code = 3 if Standing.UNSEEN in states else 0 if self.can_be_done else 1

    @property
    def hash(self) -> str:
        """Of all that it says."""
        return hashlib.sha256(json.dumps([_to_json(line) for line in self._lines]).encode()).hexdigest()[:8]

    def report(self, language: str) -> Report:
        """For people."""
        word, tone = (_STOPS, "bad") if not self.can_be_done else (_TO_DO, "way") if self.is_to_do else (_ALL, "good")
        step = BlockStep("", NEXT) if self.can_be_done and not self.is_to_do else None
        hero = Hero(word.of(language), tone, self._sum().of(language), step)
        return Report(hero, language, [_finding(line, language) for line in self._lines], title=_TITLE.of(language))

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"plan": self.hash, "can_be_done": self.can_be_done, "steps": [_to_json(line) for line in self._lines]}

    def _sum(self) -> Text:
        if not self.can_be_done:
            return t("Nothing is done before that is settled. The rest of the plan: {hash}", hash=self.hash)
        if not self.is_to_do:
            return t("All is there. Deploy it, and see whether all is well:")
        return t("Buckets that are there are not changed, and none is ever deleted. This plan: {hash}", hash=self.hash)


def _finding(line: Line, language: str) -> Finding:
    word, tone = _WORDS[line.state]
    seen = t("{what}: {seen}", what=line.what, seen=line.seen) if line.seen else line.what
    facts = Items([Span("code", fact) for fact in line.facts])
    next_ = BlockStep(line.next.of(language) if line.next else "")
    return Finding(seen.of(language), Span("mark", word.of(language), tone), (), "", facts, next_)


def _to_json(line: Line) -> dict[str, Any]:
    return {
        "state": line.state.value,
        "what": line.what.to_json(),
        "seen": line.seen.to_json() if line.seen else None,
        "next": line.next.to_json() if line.next else None,
        "facts": list(line.facts),
    }
