"""The plan of setup: a line for each resource, and a hash with which the user confirms exactly this plan."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ops.accounts.needs import SETUP_STATES, Line, Need, ResourceState
from ops.exit_codes import ExitCode
from ops.report.blocks import Block, FindingBlock, Items, Paragraph, Report, ReportHead, Span
from ops.report.blocks import StepBlock as BlockStep
from ops.shell import COST_STEP, chain, sentence
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t


class ResultTexts(NamedTuple):
    """The texts and next steps that a run of setup prints at its end.

    - `created` is printed if the run changed resources.
    - `existing` is printed if all resources were complete before.
    - `word` names the resulting state.
    """

    created: Text
    existing: Text
    steps: Sequence[Step]
    word: Text = t("complete")

    @property
    def command(self) -> str:
        """The next command as the user types it, or an empty string without a next step."""
        return chain(*self.steps)


_DEPLOY_TEXTS = ResultTexts(
    t("Setup is complete. Deploy the project, then check it:"),
    t("All resources exist. Deploy the project, then check it:"),
    [Step("deploy"), Step("doctor")],
)
# The texts after a setup of a single cloud, by the cloud; "" for both clouds.
TEXTS_AFTER_SETUP = {
    "": _DEPLOY_TEXTS,
    "huawei": _DEPLOY_TEXTS,
    "alibaba": ResultTexts(
        t("The setup of Alibaba Cloud is complete. Continue with Huawei Cloud:"),
        t("All Alibaba Cloud resources exist. Continue with Huawei Cloud:"),
        [Step("setup", {"only": "huawei"})],
    ),
}
TEXTS_AFTER_REMOVAL = ResultTexts(
    t("Setup has removed the resources. The buckets and their objects are unchanged."),
    t("Setup has nothing to remove. The buckets and their objects are unchanged."),
    [],
    t("removed"),
)
_STATE_LABELS = {
    ResourceState.EXISTS: (t("unchanged"), "good"),
    ResourceState.CREATE: (t("create"), "way"),
    ResourceState.CHANGE: (t("change"), "open"),
    ResourceState.REMOVE: (t("remove"), "open"),
    ResourceState.BY_HAND: (t("by hand"), "open"),
    ResourceState.WAIT: (t("wait"), "open"),
    ResourceState.UNREADABLE: (t("unknown"), "bad"),
    ResourceState.STOP: (t("stop"), "bad"),
}


# States that prevent every step; their lines come first.
_URGENT_STATES = (ResourceState.STOP, ResourceState.UNREADABLE)
_STATE_COUNTS = (
    (ResourceState.STOP, t("{n} to resolve first")),
    (ResourceState.UNREADABLE, t("{n} unknown")),
    (ResourceState.CREATE, t("{n} to create")),
    (ResourceState.CHANGE, t("{n} to change")),
    (ResourceState.REMOVE, t("{n} to remove")),
    (ResourceState.BY_HAND, t("{n} to do by hand")),
    (ResourceState.WAIT, t("{n} to wait for")),
)


class SetupPlan:
    """The state of all resources in the order of their creation, and the steps that setup would take."""

    def __init__(self, lines: Sequence[tuple[Need, Line]], texts: ResultTexts) -> None:
        self._lines, self._texts = lines, texts
        states = [line.state for _, line in lines]
        self.has_changes = any(state in SETUP_STATES for state in states)
        # A plan with an unknown state is not executed.
        self.can_be_done = ResourceState.STOP not in states and ResourceState.UNREADABLE not in states
        self.is_waiting = ResourceState.WAIT in states
        is_unfinished = self.is_waiting or ResourceState.UNREADABLE in states
        self.exit_code = ExitCode.NOT_PROVEN if is_unfinished else ExitCode.OK
        if ResourceState.STOP in states:
            self.exit_code = ExitCode.FAILED

    @property
    def hash(self) -> str:
        """The hash of all lines, as 8 hexadecimal digits; it changes with any line."""
        # The details of a refusal contain a request id, which differs each time.
        lines = [_to_json(need, line._replace(detail=None) if line.steps else line) for need, line in self._lines]
        return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:8]

    def report(self, language: str) -> Report:
        word, tone, text = self._verdict()
        is_done = self.can_be_done and not self.has_changes and not self.is_waiting
        step = BlockStep("", self._texts.command) if is_done and self._texts.steps else None
        head = ReportHead(word.of(language), tone, sentence(text, language), step)
        lines = sorted(self._lines, key=lambda pair: pair[1].state not in _URGENT_STATES)
        blocks = [block for need, line in lines for block in _describe_line(need, line, language)]
        blocks.append(Paragraph(sentence(self._total_text(), language)))
        return Report(head, language, blocks, title=t("Plan for both clouds").of(language))

    def to_json(self) -> dict[str, Any]:
        return {"plan": self.hash, "can_be_done": self.can_be_done, "steps": [_to_json(*line) for line in self._lines]}

    def creates(self, created_need: Need) -> bool:
        return any(need is created_need and line.state is ResourceState.CREATE for need, line in self._lines)

    def _total_text(self) -> Text:
        numbers = Counter(line.state for _, line in self._lines)
        counts = [phrase.filled(n=numbers[state]) for state, phrase in _STATE_COUNTS if numbers[state]]
        if not counts:
            return t("Total: nothing to do")
        if not numbers[ResourceState.REMOVE]:
            counts.append(t("none to remove"))
        return t("Total: {counts}", counts=counts)

    def _verdict(self) -> tuple[Text, str, Text]:
        if not self.can_be_done:
            text = t(
                "Setup changes nothing until the problems below are resolved. Hash of this plan: {hash}",
                hash=self.hash,
            )
            return t("stop"), "bad", text
        if self.has_changes:
            text = t(
                "Setup changes no existing bucket, and deletes no bucket. The resources of this plan are"
                " free of charge. To estimate the cost of a migration: {command}. Hash of this plan: {hash}",
                command=COST_STEP,
                hash=self.hash,
            )
            return t("ready"), "way", text
        if self.is_waiting:
            text = t(
                "Some resources are still missing. When they exist, run the command again: setup continues from here"
            )
            return t("wait"), "open", text
        return self._texts.word, "good", self._texts.existing


def _describe_line(need: Need, line: Line, language: str) -> Iterator[Block]:
    word, tone = _STATE_LABELS[line.state]
    text = t("{what}: {detail}", what=need.title, detail=line.detail) if line.detail else need.title
    facts = Items([Span("code", sentence(fact, language)) for fact in line.facts])
    step_block = BlockStep(sentence(line.next, language) if line.next else "")
    yield FindingBlock(sentence(text, language), Span("mark", word.of(language), tone), step_block, keys=facts)
    if line.steps:
        yield Items(
            [
                t("Or ask an administrator to do this, then run setup again:").of(language),
                *(f"{number}. {sentence(step, language)}" for number, step in enumerate(line.steps, 1)),
            ]
        )


def _to_json(need: Need, line: Line) -> dict[str, Any]:
    return {
        "state": line.state.value,
        "what": to_json(need.title),
        "detail": to_json(line.detail) if line.detail else None,
        "next": to_json(line.next) if line.next else None,
        "facts": [to_json(fact) for fact in line.facts],
        "steps": [to_json(step) for step in line.steps],
    }
