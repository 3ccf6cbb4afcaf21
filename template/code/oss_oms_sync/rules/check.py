"""A check of a cutover: its name, the required state, and the consequences of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, t

DOCTOR, DEPLOY = Step("doctor"), Step("deploy")
CONTINUE_TEXT = t("Continue the cutover")
REHEARSED_TEXT = t("a rehearsal freezes nothing")


@dataclass(frozen=True)
class CutoverCheck:
    """A check. `title` is the claim of a passed check, `wanted` the required state.

    `classes`: the check passes if these classes are empty, or accepted by the name of the first class. `opens`: a
    failure opens the project, because objects have to be submitted. `keeps_open`: a cutover does not close the project
    while objects are in the classes, because only an open project fixes or proves them. `of_freeze`: not part of a
    rehearsal.
    """

    id: str
    title: Text
    wanted: Text
    classes: Sequence[ObjectClass] = ()
    opens: bool = False
    keeps_open: bool = False
    of_freeze: bool = False

    def with_values(self, **values: object) -> CutoverCheck:
        """Return the check with these values in the required state."""
        return replace(self, wanted=self.wanted.filled(**values))

    def finding(
        self,
        result: Result,
        state: Text,
        following: Text = NOTHING,
        step: Step | None = None,
        keys: Sequence[str] = (),
        *,
        gates: bool = True,
        waits: bool = False,
    ) -> Finding:
        """Return a result of the check; `state` is the actual state, `following` the remedy, `step` its command."""
        return Finding(self.id, self.wanted, result, state, following, step, keys, gates=gates, waits=waits)
