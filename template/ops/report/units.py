"""Formats of numbers and times for readers, with a no-break space before units; None becomes "unknown"."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from ops.clock import parse_timestamp
from ops.report.blocks import Bar, Cell, Part, Phrase, Picture, Rounded, Span, Time
from ops.report.words import STOP_TEXTS, Translator
from oss_oms_sync.answers.job_answers import ReplayAnswer
from oss_oms_sync.answers.pass_answers import PassAnswer


def count(number: int | None, translate: Translator) -> str:
    """Format 1234567 as 1,234,567."""
    return translate("unknown") if number is None else f"{number:,}"


def size(number: int | None, translate: Translator) -> str:
    """Format a number of bytes with three digits, such as 1.24 TB."""
    return translate("{n:size}", n=number)


def limit(number: int | None, translate: Translator) -> str:
    """Format a limit from s.yaml: in GiB if it is a whole number of GiB, otherwise like `size`."""
    return f"{number // 2**30}\u00a0GiB" if number and number % 2**30 == 0 else size(number, translate)


def objects_a_minute(number: float | None, translate: Translator) -> str:
    """Format a rate as objects per minute."""
    return translate("unknown") if number is None else translate("{number} objects per minute", number=rate(number))


def rate(number: float) -> str:
    """Format a rate, with a decimal if it is below 10; only zero becomes "0"."""
    if 0 < number < 0.1:
        return "<\u00a00.1"
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def duration(seconds: float | None, translate: Translator) -> str:
    """Format a duration in its largest unit, such as 3 h."""
    return translate("{s:time}", s=seconds)


def age(time: datetime, now: datetime, translate: Translator) -> str:
    """Format the time that has passed from `time` to `now`, such as "5 min ago"."""
    past = (now - time).total_seconds()
    return translate("{duration:time} ago", duration=past) if past >= 1 else translate("just now")


def share(number: int, whole: int, translate: Translator) -> str:
    """Format `number` as a percentage of `whole`: "100 %" means all, "0 %" means none, without rounding."""
    if number in (0, whole) or not whole:
        digits = "100" if whole and number == whole else "0"
    else:
        percent = 100 * number / whole
        digits = "< 0.1" if percent < 0.1 else "> 99.9" if percent > 99.9 else f"{percent:.1f}"
    return translate("{digits} %", digits=digits).replace(" ", "\u00a0")


def number(amount: int | None, translate: Translator, tone: str = "") -> Phrase | Cell:
    """Format a count for a table cell: pale if it is 0, otherwise in its tone."""
    if amount is None:
        return Cell(translate("unknown"), "open")
    return Cell(count(amount, translate), tone if amount else "nil") if tone or not amount else count(amount, translate)


def volume(size_bytes: int | None, translate: Translator) -> Cell:
    """Format bytes for a table cell: rounded on a page, exact on a terminal, pale if 0."""
    return Cell(
        Rounded(size(size_bytes, translate), exact(size_bytes, translate)),
        "open" if size_bytes is None else "" if size_bytes else "nil",
    )


def exact(size_bytes: int | None, translate: Translator) -> str:
    """Format the exact number of bytes, such as "1,240 bytes"."""
    return translate("unknown") if size_bytes is None else translate("{n:byte|bytes}", n=size_bytes)


def time(written: str | None, now: datetime | None, translate: Translator) -> Phrase:
    """Format a time of an answer, with its age at `now` if `now` is known."""
    if not written:
        return unknown(translate)
    try:
        at = parse_timestamp(written)
    except ValueError:  # a document that certify did not write
        return Span("outside", written)
    return Time(written, clock(at), age(at, now, translate) if now else None)


def pass_times(
    started: str | None, ended: str | None, now: datetime | None, translate: Translator, pace: int | None = None
) -> Phrase:
    """Return the start, the end, the duration and the speed of a pass; `pace` is the speed in objects per minute."""
    duration_text, speed = None, None if pace is None else objects_a_minute(pace, translate)
    with contextlib.suppress(ValueError):  # an open pass, or a document that certify did not write
        duration_text = translate(
            "took {duration:time}",
            duration=(parse_timestamp(ended or "") - parse_timestamp(started or "")).total_seconds(),
        )
    note = Span("below", translate(", ").join(filter(None, (duration_text, speed))))
    return time(started, now, translate), " – ", time(ended, now, translate), note


def stop_reason(answer: PassAnswer | ReplayAnswer, translate: Translator) -> Phrase:
    """Return the reason why a call ended early, or None if it did not.

    In Chinese, the function's own English text follows the translated reason.
    """
    if answer.stop is None or translate.language == "en":
        return answer.stopped
    return translate(STOP_TEXTS[answer.stop]), Span("note", Span("outside", answer.stopped))


def picture(
    caption: Phrase, side: str, total: str, parts: Sequence[tuple[str, int, str]], translate: Translator
) -> Picture:
    """Return a bar of `parts`, each a name, a number and a tone.

    `side` and `total` are the subject and the sum in the bar's text for screen readers.
    """
    numbers = translate(", ").join(translate("{name} {number}", name=name, number=number) for name, number, _ in parts)
    label = translate("{side}, {total} objects: {parts}", side=side, total=total, parts=numbers or translate("none"))
    return Picture(caption, total, Bar([Part(number, tone) for _, number, tone in parts], label))


def clock(at: datetime) -> str:
    """Format a time to the second, without its zone: reports state once that times are UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def name(text: str | None, translate: Translator) -> Span:
    """Return a bucket's or another name, which is not translated; None becomes "unknown"."""
    return Span("code", text) if text else unknown(translate)


def unknown(translate: Translator) -> Span:
    """Return "unknown" in the colour of unproven facts."""
    return Span("", translate("unknown"), "open")
