"""Numbers for readers, with an unbreakable space before the unit. None is "unknown"."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from ops.clock import moment
from ops.report.blocks import Bar, Cell, Part, Phrase, Picture, Rounded, Span, Time
from ops.report.words import STOP_TEXTS, Translator
from oss_oms_sync.answers.job_answers import ReplayAnswer
from oss_oms_sync.answers.pass_answers import PassAnswer


def count(number: int | None, translate: Translator) -> str:
    """Format 1234567 as 1,234,567."""
    return translate("unknown") if number is None else f"{number:,}"


def size(number: int | None, translate: Translator) -> str:
    """Format bytes with three digits: 1.24 TB."""
    return translate("{n:size}", n=number)


def limit(number: int | None, translate: Translator) -> str:
    """Format a configured number of bytes, such as 1 GiB."""
    return f"{number // 2**30}\u00a0GiB" if number and number % 2**30 == 0 else size(number, translate)


def a_minute(number: float | None, translate: Translator) -> str:
    """Format a rate in objects a minute."""
    return translate("unknown") if number is None else translate("{number} objects a minute", number=rate(number))


def rate(number: float) -> str:
    """Format a rate, with a decimal if it is small; 0 only for zero."""
    if 0 < number < 0.1:
        return "<\u00a00.1"
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def duration(seconds: float | None, translate: Translator) -> str:
    """Format a duration in a single unit."""
    return translate("{s:time}", s=seconds)


def age(time: datetime, now: datetime, translate: Translator) -> str:
    """Format the time from `time` to `now`."""
    past = (now - time).total_seconds()
    return translate("{duration:time} ago", duration=past) if past >= 1 else translate("just now")


def share(number: int, whole: int) -> str:
    """Format a percentage that is 100 % only for all and 0 % only for none."""
    if number in (0, whole) or not whole:
        shown = "100" if whole and number == whole else "0"
    else:
        percent = 100 * number / whole
        shown = "< 0.1" if percent < 0.1 else "> 99.9" if percent > 99.9 else f"{percent:.1f}"
    return f"{shown} %".replace(" ", "\u00a0")


def number(amount: int | None, translate: Translator, tone: str = "") -> Phrase | Cell:
    """Format a count in a table: pale if 0, otherwise in its tone."""
    if amount is None:
        return Cell(translate("unknown"), "open")
    return Cell(count(amount, translate), tone if amount else "nil") if tone or not amount else count(amount, translate)


def volume(size_bytes: int | None, translate: Translator) -> Cell:
    """Format bytes in a table, pale if 0."""
    return Cell(
        Rounded(size(size_bytes, translate), exact(size_bytes, translate)),
        "open" if size_bytes is None else "" if size_bytes else "nil",
    )


def exact(size_bytes: int | None, translate: Translator) -> str:
    """Format bytes in full."""
    return translate("unknown") if size_bytes is None else translate("{n:byte|bytes}", n=size_bytes)


def time(written: str | None, now: datetime | None, translate: Translator) -> Phrase:
    """Format a time of an answer, and its age at `now`."""
    if not written:
        return unknown(translate)
    try:
        at = moment(written)
    except ValueError:  # a document that certify did not write
        return Span("outside", written)
    return Time(written, clock(at), age(at, now, translate) if now else None)


def pass_times(
    started: str | None, ended: str | None, now: datetime | None, translate: Translator, pace: int | None = None
) -> Phrase:
    """Return the time, duration and speed of a pass."""
    took, rate = None, None if pace is None else a_minute(pace, translate)
    with contextlib.suppress(ValueError):  # an open pass, or a document that certify did not write
        took = translate("took {duration:time}", duration=(moment(ended or "") - moment(started or "")).total_seconds())
    below = Span("below", translate(", ").join(filter(None, (took, rate))))
    return time(started, now, translate), " – ", time(ended, now, translate), below


def stopped(answer: PassAnswer | ReplayAnswer, translate: Translator) -> Phrase:
    """Return the reason why a call ended early, or None. The function's own text is in English."""
    if answer.stop is None or translate.language == "en":
        return answer.stopped
    return translate(STOP_TEXTS[answer.stop]), Span("note", Span("outside", answer.stopped))


def picture(
    caption: Phrase, side: str, total: str, parts: Sequence[tuple[str, int, str]], translate: Translator
) -> Picture:
    """Return a bar of parts (name, number, tone); `side` and `total`: its subject and its sum."""
    numbers = translate(", ").join(translate("{name} {number}", name=name, number=number) for name, number, _ in parts)
    label = translate("{side}, {total} objects: {parts}", side=side, total=total, parts=numbers or translate("none"))
    return Picture(caption, total, Bar([Part(number, tone) for _, number, tone in parts], label))


def clock(at: datetime) -> str:
    """Format a time for readers, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def name(text: str | None, translate: Translator) -> Span:
    """Return a name that is not translated."""
    return Span("code", text) if text else unknown(translate)


def unknown(translate: Translator) -> Span:
    """Return the mark of an unknown fact, which is never green."""
    return Span("", translate("unknown"), "open")
