"""The plan: a line for each thing, what it takes, and a hash by which somebody says yes to just this."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ops.commands import command
from ops.setup.needs import OURS, Line, Standing
from ops.terminal import Line as Shown
from ops.terminal import Marked, Whole
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

NEXT = " && ".join(command(Step(job)) for job in ("deploy", "doctor"))
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

    def lines(self, language: str) -> Iterator[Shown]:
        """For a terminal."""
        for line in self._lines:
            word, tone = _WORDS[line.state]
            seen = t("{what}: {seen}", what=line.what, seen=line.seen) if line.seen else line.what
            yield Marked("", word.of(language), tone, f"  {seen.of(language)}")
            for fact in line.facts:
                yield f"    {fact}"
            if line.next:
                yield f"    -> {line.next.of(language)}"
        yield self._sum().of(language)
        if self.can_be_done and not self.is_to_do:
            yield Whole(f"  {NEXT}")

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"plan": self.hash, "can_be_done": self.can_be_done, "steps": [_to_json(line) for line in self._lines]}

    def _sum(self) -> Text:
        if not self.can_be_done:
            return t("Nothing is done before that is settled. The rest of the plan: {hash}", hash=self.hash)
        if not self.is_to_do:
            return t("All is there. Deploy it, and see whether all is well:")
        return t("Buckets that are there are not changed, and none is ever deleted. This plan: {hash}", hash=self.hash)


def _to_json(line: Line) -> dict[str, Any]:
    return {
        "state": line.state.value,
        "what": line.what.to_json(),
        "seen": line.seen.to_json() if line.seen else None,
        "next": line.next.to_json() if line.next else None,
        "facts": list(line.facts),
    }
