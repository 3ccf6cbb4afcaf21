"""Formats of numbers and times for readers, with a no-break space before units; None becomes "unknown"."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from ops.clock import parse_timestamp
from ops.report.blocks import Bar, Cell, Part, Phrase, Picture, RoundedText, Span, Time
from ops.report.words import STOP_TEXTS, Translator
from oss_oms_sync.answers.job_answers import ReplayAnswer
from oss_oms_sync.answers.pass_answers import PassAnswer


def count(number: int | None, translate: Translator) -> str:
    return translate("unknown") if number is None else f"{number:,}"


def size(number: int | None, translate: Translator) -> str:
    """Format a number of bytes with three digits and a unit, such as 1.24 TB."""
    return translate("{n:size}", n=number)


def limit(number: int | None, translate: Translator) -> str:
    """Format a limit in bytes from s.yaml: in GiB if it is a whole number of GiB, otherwise like a size."""
    return f"{number // 2**30}\u00a0GiB" if number and number % 2**30 == 0 else size(number, translate)


def objects_a_minute(number: float | None, translate: Translator) -> str:
    if number is None:
        return translate("unknown")
    if number == int(number):
        return translate("{number:object|objects} per minute", number=int(number))
    return translate("{number} objects per minute", number=rate(number))


def rate(number: float) -> str:
    """Format a rate. A rate below 10 has a decimal, and only the rate zero becomes "0"."""
    if 0 < number < 0.1:
        return "<\u00a00.1"
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def duration(seconds: float | None, translate: Translator) -> str:
    """Format a duration in its largest unit, such as 3 h."""
    return translate("{s:time}", s=seconds)


def age(time: datetime, now: datetime, translate: Translator) -> str:
    """Format the time that has passed from `time` to `now`, such as "5 min ago"."""
    seconds = (now - time).total_seconds()
    return translate("{duration:time} ago", duration=seconds) if seconds >= 1 else translate("just now")


def share(number: int, total: int, translate: Translator) -> str:
    """Format `number` as a percentage of `total`.

    Rounding never gives 100% or 0%: 100% means all objects, and 0% no objects.
    """
    if number in (0, total) or not total:
        digits = "100" if total and number == total else "0"
    else:
        percent = 100 * number / total
        digits = "< 0.1" if percent < 0.1 else "> 99.9" if percent > 99.9 else f"{percent:.1f}"
    return translate("{digits}%", digits=digits).replace(" ", "\u00a0")


def count_cell(number: int | None, translate: Translator, tone: str = "") -> Phrase | Cell:
    """Format a count for a table cell: pale if it is 0, otherwise in the colour of `tone`."""
    if number is None:
        return Cell(translate("unknown"), "open")
    return Cell(count(number, translate), tone if number else "nil") if tone or not number else count(number, translate)


def size_cell(size_bytes: int | None, translate: Translator) -> Cell:
    """Format a number of bytes for a table cell: rounded on a web page, exact on a terminal, pale if it is 0."""
    return Cell(
        RoundedText(size(size_bytes, translate), exact_size(size_bytes, translate)),
        "open" if size_bytes is None else "" if size_bytes else "nil",
    )


def exact_size(size_bytes: int | None, translate: Translator) -> str:
    """Format a number of bytes without rounding, such as "1,240 bytes"."""
    return translate("unknown") if size_bytes is None else translate("{n:byte|bytes}", n=size_bytes)


def time_with_age(time_text: str | None, now: datetime | None, translate: Translator) -> Phrase:
    if not time_text:
        return unknown_span(translate)
    try:
        parsed_time = parse_timestamp(time_text)
    except ValueError:  # a document that certify did not write
        return Span("outside", time_text)
    return Time(time_text, date_and_time(parsed_time), age(parsed_time, now, translate) if now else None)


def pass_times(
    start: str | None,
    end: str | None,
    now: datetime | None,
    translate: Translator,
    objects_per_minute: int | None = None,
) -> Phrase:
    duration_text, speed = None, None if objects_per_minute is None else objects_a_minute(objects_per_minute, translate)
    with contextlib.suppress(ValueError):  # an open pass, or a document that certify did not write
        duration_text = translate(
            "took {duration:time}",
            duration=(parse_timestamp(end or "") - parse_timestamp(start or "")).total_seconds(),
        )
    note = Span("below", translate(", ").join(filter(None, (duration_text, speed))))
    return time_with_age(start, now, translate), " – ", time_with_age(end, now, translate), note


def stop_reason(answer: PassAnswer | ReplayAnswer, translate: Translator) -> Phrase:
    """Return the reason why a call ended early, or None if it did not.

    In Chinese, the function's own English text follows the translated reason.
    """
    if answer.stop is None or translate.language == "en":
        return answer.stopped
    return translate(STOP_TEXTS[answer.stop]), Span("note", Span("outside", answer.stopped))


def picture(
    caption: Phrase, subject: str, total: int, parts: Sequence[tuple[str, int, str]], translate: Translator
) -> Picture:
    """Return a bar of `parts`, each of which is a name, a number and a tone.

    `subject` and `total` are the bar's name and sum in the text for screen readers.
    """
    numbers = translate(", ").join(translate("{name} {number}", name=name, number=number) for name, number, _ in parts)
    label = translate(
        "{side}, {total:object|objects}: {parts}", side=subject, total=total, parts=numbers or translate("none")
    )
    return Picture(caption, f"{total:,}", Bar([Part(number, tone) for _, number, tone in parts], label))


def date_and_time(time: datetime) -> str:
    """Format a time to the second, without its zone: a report says once that all its times are UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def resource_name(name: str | None, translate: Translator) -> Span:
    return Span("code", name) if name else unknown_span(translate)


def unknown_span(translate: Translator) -> Span:
    return Span("", translate("unknown"), "open")
