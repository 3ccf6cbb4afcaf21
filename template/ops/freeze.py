"""Since when nobody writes to the source any more: as the command says, or as somebody answers."""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime, timedelta

from ops.clock import parse_time, timestamp
from ops.errors import UsageError
from ops.waiting import Session
from ops.words import Text

# This machine's clock may be behind by so much.
_CLOCKS = timedelta(minutes=1)

_QUESTION = Text(
    "Since when has nobody written to the source? [now, a time such as 2026-01-31T08:00:00Z, or r to rehearse]",
    "源端从何时起停止写入？[now 表示现在，或时间如 2026-01-31T08:00:00Z，或 r 表示演练]",
)
_NOT_A_TIME = Text("{!r} is not a time with its zone", "{!r} 不是带时区的时间")
_FUTURE = Text("{} is yet to come", "{} 尚未到来")
_HOW = Text(
    "Give --rehearse, or since when nobody writes: --frozen-since now, or --frozen-since 2026-01-31T08:00:00Z",
    "请使用 --rehearse，或给出停写时间：--frozen-since now，或 --frozen-since 2026-01-31T08:00:00Z",
)
_NO_TIME = Text("It is not said since when nobody writes to the source", "未给出源端停写的时间")


def moment(session: Session, options: Namespace) -> datetime | None:
    """The moment of the freeze; None for a rehearsal.

    Raises UsageError where there is no usable one.
    """
    if options.rehearse:
        return None
    if options.frozen_since:
        return _read(options.frozen_since, session)
    while session.screen.interactive:
        try:
            given = session.screen.ask(_QUESTION.of(session.lang))
        except EOFError:
            break
        if given.lower() in ("r", "rehearse"):
            return None
        try:
            return _read(given, session)
        except UsageError as error:
            session.screen.say(error.happened.of(session.lang))
    raise UsageError(_NO_TIME, _HOW)


def _read(given: str, session: Session) -> datetime:
    now = session.clock.now()
    if given == "now":
        return now
    frozen = parse_time(given)
    if frozen is None:
        raise UsageError(_NOT_A_TIME.filled(given), _HOW)
    if frozen > now + _CLOCKS:
        raise UsageError(_FUTURE.filled(timestamp(frozen)), _HOW)
    return frozen
