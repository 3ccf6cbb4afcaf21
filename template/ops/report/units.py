"""Numbers for readers, with an unbreakable space before the unit. None is "unknown"."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from ops.clock import moment
from ops.report.blocks import Bar, Cell, Part, Phrase, Picture, Rounded, Span, Time
from ops.report.words import STOP_TEXTS, Words
from oss_oms_sync.answers.job_answers import ReplayAnswer
from oss_oms_sync.answers.pass_answers import PassAnswer


def count(number: int | None, say: Words) -> str:
    """Format 1234567 as 1,234,567."""
    return say("unknown") if number is None else f"{number:,}"


def size(number: int | None, say: Words) -> str:
    """Format bytes with three digits: 1.24 TB."""
    return say("{n:size}", n=number)


def limit(number: int | None, say: Words) -> str:
    """Format a configured number of bytes, such as 1 GiB."""
    return f"{number // 2**30}\u00a0GiB" if number and number % 2**30 == 0 else size(number, say)


def a_minute(number: float | None, say: Words) -> str:
    """Format a rate in objects a minute."""
    return say("unknown") if number is None else say("{number} objects a minute", number=rate(number))


def rate(number: float) -> str:
    """Format a rate, with a decimal if it is small; 0 only for zero."""
    if 0 < number < 0.1:
        return "<\u00a00.1"
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def duration(seconds: float | None, say: Words) -> str:
    """Format a duration in a single unit."""
    return say("{s:time}", s=seconds)


def age(time: datetime, now: datetime, say: Words) -> str:
    """Format the time from `time` to `now`."""
    past = (now - time).total_seconds()
    return say("{duration:time} ago", duration=past) if past >= 1 else say("just now")


def share(number: int, whole: int) -> str:
    """Format a percentage that is 100 % only for all and 0 % only for none."""
    if number in (0, whole) or not whole:
        shown = "100" if whole and number == whole else "0"
    else:
        percent = 100 * number / whole
        shown = "< 0.1" if percent < 0.1 else "> 99.9" if percent > 99.9 else f"{percent:.1f}"
    return f"{shown} %".replace(" ", "\u00a0")


def number(amount: int | None, say: Words, tone: str = "") -> Phrase | Cell:
    """Format a count in a table: pale if 0, otherwise in its tone."""
    if amount is None:
        return Cell(say("unknown"), "open")
    return Cell(count(amount, say), tone if amount else "nil") if tone or not amount else count(amount, say)


def volume(size_bytes: int | None, say: Words) -> Cell:
    """Format bytes in a table, pale if 0."""
    return Cell(
        Rounded(size(size_bytes, say), exact(size_bytes, say)),
        "open" if size_bytes is None else "" if size_bytes else "nil",
    )


def exact(size_bytes: int | None, say: Words) -> str:
    """Format bytes in full."""
    return say("unknown") if size_bytes is None else say("{n:byte|bytes}", n=size_bytes)


def time(written: str | None, now: datetime | None, say: Words) -> Phrase:
    """Format a time of an answer, and its age at `now`."""
    if not written:
        return unknown(say)
    try:
        at = moment(written)
    except ValueError:  # a document that certify did not write
        return Span("outside", written)
    return Time(written, clock(at), age(at, now, say) if now else None)


def pass_times(
    started: str | None, ended: str | None, now: datetime | None, say: Words, pace: int | None = None
) -> Phrase:
    """Return the time, duration and speed of a pass."""
    took, rate = None, None if pace is None else a_minute(pace, say)
    with contextlib.suppress(ValueError):  # an open pass, or a document that certify did not write
        took = say("took {duration:time}", duration=(moment(ended or "") - moment(started or "")).total_seconds())
    below = Span("below", say(", ").join(filter(None, (took, rate))))
    return time(started, now, say), " – ", time(ended, now, say), below


def stopped(answer: PassAnswer | ReplayAnswer, say: Words) -> Phrase:
    """Return the reason why a call ended early, or None. The function's own text is in English."""
    if answer.stop is None or say.language == "en":
        return answer.stopped
    return say(STOP_TEXTS[answer.stop]), Span("note", Span("outside", answer.stopped))


def picture(caption: Phrase, side: str, total: str, parts: Sequence[tuple[str, int, str]], say: Words) -> Picture:
    """Return a bar of parts (name, number, tone); `side` and `total`: its subject and its sum."""
    numbers = say(", ").join(say("{name} {number}", name=name, number=number) for name, number, _ in parts)
    label = say("{side}, {total} objects: {parts}", side=side, total=total, parts=numbers or say("none"))
    return Picture(caption, total, Bar([Part(number, tone) for _, number, tone in parts], label))


def clock(at: datetime) -> str:
    """Format a time for readers, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def name(text: str | None, say: Words) -> Span:
    """Return a name that is not translated."""
    return Span("code", text) if text else unknown(say)


def unknown(say: Words) -> Span:
    """Return the mark of an unknown fact, which is never green."""
    return Span("", say("unknown"), "open")
