"""A check of a cutover, with its name, the required state, and the consequences of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, t

DOCTOR, DEPLOY = Step("doctor"), Step("deploy")
CONTINUE_TEXT = t("Continue the cutover")
REHEARSED_TEXT = t("a rehearsal does not freeze the source")


@dataclass(frozen=True)
class CutoverCheck:
    """A check of a cutover, which passes if the `classes` are empty, or accepted by the name of the first class.

    - `title`: the name of the failure.
    - `wanted`: the required state.
    - `opens_project`: if the check fails, the cutover opens the project, because objects have to be submitted.
    - `keeps_project_open`: the cutover does not close the project while objects are in the classes, because only an
      open project repairs or proves them.
    - `needs_freeze`: the check is not part of a rehearsal.
    """

    id: str
    title: Text
    wanted: Text
    classes: Sequence[ObjectClass] = ()
    opens_project: bool = False
    keeps_project_open: bool = False
    needs_freeze: bool = False

    def with_values(self, **values: object) -> CutoverCheck:
        """Return a copy of the check with these values for the placeholders of `wanted`."""
        return replace(self, wanted=self.wanted.filled(**values))

    def finding(
        self,
        result: Result,
        state: Text,
        remedy_text: Text = NOTHING,
        step: Step | None = None,
        keys: Sequence[str] = (),
        *,
        gates: bool = True,
        waits: bool = False,
    ) -> Finding:
        """Return the result of this check as a finding; `step` is the command of the remedy."""
        return Finding(self.id, self.wanted, result, state, remedy_text, step, keys, gates=gates, waits=waits)
