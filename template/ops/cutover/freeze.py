"""The plan of a cutover, by its options; without an option, the user types the time of the freeze."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ops.clock import parse_time, timestamp
from ops.errors import UsageError
from ops.session import Session
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW

_FREEZE_REMEDY = t(
    "Pass --rehearse, or the start of the freeze: --frozen-since now, or --frozen-since 2026-01-31T08:00:00Z"
)


@dataclass(frozen=True)
class CutoverPlan:
    """The options of a cutover; `frozen` is None for a rehearsal, and `close` closes without a question."""

    frozen: datetime | None
    sample: int | None = None
    accept: Mapping[str, str] = field(default_factory=dict)
    deep: bool = False
    # True to compare again even if a comparison began after the freeze.
    restart: bool = False
    close: bool = False

    @property
    def again(self) -> str:
        """The options with which the same command continues this cutover."""
        return f"--frozen-since {timestamp(self.frozen)}" if self.frozen else "--rehearse"


def plan(session: Session, options: Namespace) -> CutoverPlan:
    """Return the plan of a cutover by the command's options. Raises UsageError if the time of the freeze is missing."""
    acceptances = (options.sample, options.accept, options.deep, options.restart, options.close)
    return CutoverPlan(_freeze_time(session, options), *acceptances)


def _freeze_time(session: Session, options: Namespace) -> datetime | None:
    """Return the time of the freeze; None for a rehearsal."""
    if options.rehearse:
        return None
    if options.frozen_since:
        return _parse_freeze_time(options.frozen_since, session)
    while session.screen.interactive:
        time_text = session.screen.ask(
            t(
                "When did all writes to the source stop? [now, a time such as 2026-01-31T08:00:00Z, or r to rehearse]"
            ).of(session.lang)
        )
        if time_text.lower() in ("r", "rehearse"):
            return None
        try:
            return _parse_freeze_time(time_text, session)
        except UsageError as error:
            session.print_text(error.happened)
    raise UsageError(t("The start of the freeze is missing"), _FREEZE_REMEDY)


def _parse_freeze_time(time_text: str, session: Session) -> datetime:
    now = session.clock.now()
    if time_text == "now":
        return now
    frozen = parse_time(time_text)
    if frozen is None:
        raise UsageError(t("{text!r} is not a time with its zone", text=time_text), _FREEZE_REMEDY)
    if frozen > now + MAX_CLOCK_SKEW:
        raise UsageError(t("{frozen} is in the future", frozen=timestamp(frozen)), _FREEZE_REMEDY)
    return frozen
