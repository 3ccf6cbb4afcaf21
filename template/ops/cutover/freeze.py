"""The plan of a cutover, made from the command's options.

The freeze is the time from which applications no longer write to the source bucket. If the options do not state it, the
user types it.
"""

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
    """The options of a cutover.

    - `freeze_time` is the time of the freeze, or None for a rehearsal.
    - `sample` is the number of objects to read on both sides, or None for certify's default.
    - `accept` has the classes that the user accepts, each with the person and the reason.
    - `deep`: the comparison also reads contents.
    - `restart`: compare again, even if a comparison began after the freeze.
    - `close`: close the project without a question.
    """

    freeze_time: datetime | None
    sample: int | None = None
    accept: Mapping[str, str] = field(default_factory=dict)
    deep: bool = False
    restart: bool = False
    close: bool = False

    @property
    def options_to_continue(self) -> str:
        return f"--frozen-since {timestamp(self.freeze_time)}" if self.freeze_time else "--rehearse"


def make_plan(session: Session, options: Namespace) -> CutoverPlan:
    """Return the plan of a cutover. Ask for the time of the freeze if the options do not state it.

    Raises UsageError if the time is not valid, or if it is missing and there is no terminal.
    """
    other_options = (options.sample, options.accept, options.deep, options.restart, options.close)
    return CutoverPlan(_choose_freeze_time(session, options), *other_options)


def _choose_freeze_time(session: Session, options: Namespace) -> datetime | None:
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
            session.print_text(error.problem)
    raise UsageError(t("The start of the freeze is missing"), _FREEZE_REMEDY)


def _parse_freeze_time(time_text: str, session: Session) -> datetime:
    now = session.clock.now()
    if time_text == "now":
        return now
    freeze_time = parse_time(time_text)
    if freeze_time is None:
        raise UsageError(t("{text!r} is not a time with a time zone", text=time_text), _FREEZE_REMEDY)
    if freeze_time > now + MAX_CLOCK_SKEW:
        raise UsageError(
            t("the start of the freeze, {frozen}, is in the future", frozen=timestamp(freeze_time)), _FREEZE_REMEDY
        )
    return freeze_time
