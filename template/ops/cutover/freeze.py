"""What a cutover is asked for; above all since when nobody writes to the source any more, as the command says, or as
somebody answers."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ops.clock import parse_time, timestamp
from ops.errors import UsageError
from ops.session import Session
from oss_oms_sync.answers.text import t

# This machine's clock may be behind by so much.
_CLOCKS = timedelta(minutes=1)

_HOW = t("Give --rehearse, or since when nobody writes: --frozen-since now, or --frozen-since 2026-01-31T08:00:00Z")


@dataclass(frozen=True)
class CutoverPlan:
    """What was asked for; `frozen` is None for a rehearsal. `close`: without asking."""

    frozen: datetime | None
    sample: int | None = None
    accept: Mapping[str, str] = field(default_factory=dict)
    deep: bool = False
    # Whether to compare anew, even if a comparison has begun since the freeze.
    restart: bool = False
    close: bool = False

    @property
    def again(self) -> str:
        """How one goes on with it."""
        return f"--frozen-since {timestamp(self.frozen)}" if self.frozen else "--rehearse"


def plan(session: Session, options: Namespace) -> CutoverPlan:
    """As the command line has it. Raises UsageError where it is not said since when nobody writes."""
    wishes = (options.sample, options.accept, options.deep, options.restart, options.close)
    return CutoverPlan(_moment(session, options), *wishes)


def _moment(session: Session, options: Namespace) -> datetime | None:
    """The moment of the freeze; None for a rehearsal."""
    if options.rehearse:
        return None
    if options.frozen_since:
        return _read(options.frozen_since, session)
    while session.screen.interactive:
        given = session.screen.ask(
            t(
                "Since when has nobody written to the source? [now, a time such as 2026-01-31T08:00:00Z, or r to"
                " rehearse]"
            ).of(session.lang)
        )
        if given.lower() in ("r", "rehearse"):
            return None
        try:
            return _read(given, session)
        except UsageError as error:
            session.say(error.happened)
    raise UsageError(t("It is not said since when nobody writes to the source"), _HOW)


def _read(given: str, session: Session) -> datetime:
    now = session.clock.now()
    if given == "now":
        return now
    frozen = parse_time(given)
    if frozen is None:
        raise UsageError(t("{given!r} is not a time with its zone", given=given), _HOW)
    if frozen > now + _CLOCKS:
        raise UsageError(t("{frozen} is yet to come", frozen=timestamp(frozen)), _HOW)
    return frozen
