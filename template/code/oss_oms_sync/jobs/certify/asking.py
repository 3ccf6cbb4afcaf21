"""What a payload asks certify for, and the steps that ask for the same once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from oss_oms_sync import options
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.comparison.drawing import MAX_DRAWN
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.step import Step

# In the place of who accepts something, and why, until somebody says it.
WHO_WHY = "<who, why>"
_MARKS = ("close", "open", "look")
OPTIONS: dict[str, type] = {
    "frozen_since": str,
    "sample": int,
    "accept": dict,
    "run": str,
    **dict.fromkeys(_MARKS, bool),
}

# What OMS has not finished.
OMS_UNFINISHED = "oms_unfinished"
# What may be accepted by name although nobody has proven it.
ACCEPTABLE = (*(one.title for one in ObjectClass if one.can_be_accepted), OMS_UNFINISHED)
DOCTOR, DEPLOY = Step("doctor"), Step("deploy")


@dataclass(frozen=True)
class CutoverOptions:
    """What a payload asks for. `frozen_since` is None for a rehearsal; `accept` has who accepts what, and why; `run`
    is the run of a cutover that asks; `mark` is "close", "open" or "look", or empty for a certificate."""

    frozen_since: datetime | None
    sample: int
    accept: Mapping[str, str]
    run: str
    mark: str

    @classmethod
    def parse(cls, event: bytes | str, now: datetime) -> CutoverOptions:
        """Read a manual payload.

        Raises PayloadError.
        """
        asked = options.parse(event, OPTIONS)
        marks = [name for name in _MARKS if asked.get(name) is True]
        if marks and len(asked.keys() - {"run", "frozen_since"}) > 1:
            raise PayloadError(
                "The payload asks to close or open the project, or whether it is closed, and for something else: do one"
                " at a time"
            )
        sample = asked.get("sample", 0)
        if not isinstance(sample, int) or sample > MAX_DRAWN:
            raise PayloadError(f"The payload's sample is {sample!r}. Give at most {MAX_DRAWN}")
        run, mark = str(asked.get("run", "")), "".join(marks)
        return cls(_frozen(asked.get("frozen_since"), now), sample, _accepted(asked.get("accept", {})), run, mark)

    def cutover(self, frozen: datetime | None = None, sample: int | None = None, **more: object) -> Step:
        """What goes on with a cutover, or with its rehearsal: one that asks for the same, but for what is given."""
        since, number = frozen or self.frozen_since, self.sample if sample is None else sample
        when: dict[str, object] = {"frozen_since": timestamp(since)} if since else {"rehearse": True}
        asked = {"sample": number, "accept": dict(self.accept), **more}
        return Step("cutover", {**when, **{name: value for name, value in asked.items() if value}})

    def accepting(self, title: str) -> Step:
        """The same, where somebody accepts something by its name."""
        return self.cutover(accept={**self.accept, title: WHO_WHY})

    def comparing(self, scope: Scope | None, **what: bool | str) -> Step:
        """A comparison like one of `scope`, which is the usual one if there is none; in a cutover it is a part of that,
        unless it needs what a cutover does not ask for.

        Only what looks at the same pass again asks for `overwrite` because that did: else compare sends what is newer
        in OBS only if `what` asks for it.
        """
        carried = ("deep", "overwrite") if "again" in what else ("deep",)
        asked: dict[str, object] = {name: True for name in carried if scope and getattr(scope, name)}
        if scope and scope.since:
            asked["since"] = timestamp(scope.since)
        asked = {**asked, **what}
        if self.frozen_since and not asked.keys() & {"overwrite", "since"}:
            return self.cutover(deep="deep" in asked, restart="restart" in asked)
        return Step("compare", asked)


def _frozen(text: object, now: datetime) -> datetime | None:
    if text is None:
        return None
    time = parse_time(str(text))
    if time is None:
        raise PayloadError(f"The payload's frozen_since is {text!r}. Give a time in UTC such as 2026-01-31T08:00:00Z")
    if time > now:
        raise PayloadError(f"The payload's frozen_since is {text!r}, which is yet to come. It is in UTC")
    return time


def _accepted(given: object) -> dict[str, str]:
    accepted = given.items() if isinstance(given, dict) else ()
    for name, why in accepted:
        if name not in ACCEPTABLE:
            raise PayloadError(f"The payload accepts {name!r}. What can be accepted: {', '.join(ACCEPTABLE)}")
        if not isinstance(why, str) or why.strip() in ("", WHO_WHY):
            raise PayloadError(
                f'The payload accepts {name!r} without saying who does, and why. Give {{"accept": {{"{name}": "who,'
                ' why"}}'
            )
    return {str(name): str(why) for name, why in accepted}
