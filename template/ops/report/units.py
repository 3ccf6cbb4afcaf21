"""Numbers as people read them, not to be broken before their units. None is "not known"."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from ops.clock import moment
from ops.report.blocks import Bar, Cell, Part, Phrase, Picture, Rounded, Span, Time
from ops.report.words import STOPS, Words
from oss_oms_sync.answers.job_answers import ReplayAnswer
from oss_oms_sync.answers.pass_answers import PassAnswer


def count(number: int | None, say: Words) -> str:
    """1234567 as 1,234,567."""
    return say("not known") if number is None else f"{number:,}"


def size(number: int | None, say: Words) -> str:
    """Bytes, with three digits: 1.24 TB."""
    return say("{n:size}", n=number)


def limit(number: int | None, say: Words) -> str:
    """Bytes that somebody chose, such as 1 GiB."""
    return f"{number // 2**30}\u00a0GiB" if number and number % 2**30 == 0 else size(number, say)


def a_minute(number: float | None, say: Words) -> str:
    """A rate in objects."""
    return say("not known") if number is None else say("{number} objects a minute", number=rate(number))


def rate(number: float) -> str:
    """With a decimal where it is so small that it counts; 0 only of none."""
    if 0 < number < 0.1:
        return "<\u00a00.1"
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def duration(seconds: float | None, say: Words) -> str:
    """In the one unit that a person would say."""
    return say("{s:time}", s=seconds)


def age(time: datetime, now: datetime, say: Words) -> str:
    """How long before `now` it was."""
    past = (now - time).total_seconds()
    return say("{duration:time} ago", duration=past) if past >= 1 else say("just now")


def share(number: int, whole: int) -> str:
    """A percentage that is 100 % only of all, and 0 % only of none."""
    if number in (0, whole) or not whole:
        shown = "100" if whole and number == whole else "0"
    else:
        percent = 100 * number / whole
        shown = "< 0.1" if percent < 0.1 else "> 99.9" if percent > 99.9 else f"{percent:.1f}"
    return f"{shown} %".replace(" ", "\u00a0")


def number(given: int | None, say: Words, tone: str = "") -> Phrase | Cell:
    """A count in a table: pale if it is 0, and in its tone if it is not."""
    if given is None:
        return Cell(say("not known"), "open")
    return Cell(count(given, say), tone if given else "nil") if tone or not given else count(given, say)


def volume(given: int | None, say: Words) -> Cell:
    """Bytes in a table, in the same way."""
    return Cell(Rounded(size(given, say), exact(given, say)), "open" if given is None else "" if given else "nil")


def exact(given: int | None, say: Words) -> str:
    """Bytes in full."""
    return say("not known") if given is None else say("{n:byte|bytes}", n=given)


def time(given: str | None, now: datetime | None, say: Words) -> Phrase:
    """A time of an answer, and how long before `now` it was."""
    if not given:
        return not_known(say)
    try:
        at = moment(given)
    except ValueError:  # of a document that somebody made himself
        return Span("outside", given)
    return Time(given, clock(at), age(at, now, say) if now else None)


def ran(started: str | None, ended: str | None, now: datetime | None, say: Words, pace: int | None = None) -> Phrase:
    """When a pass took place, how long it took, and how fast it was."""
    took, rate = None, None if pace is None else a_minute(pace, say)
    with contextlib.suppress(ValueError):  # of one that is open, or a document that somebody made himself
        took = say("took {duration:time}", duration=(moment(ended or "") - moment(started or "")).total_seconds())
    below = Span("below", say(", ").join(filter(None, (took, rate))))
    return time(started, now, say), " – ", time(ended, now, say), below


def stopped(answer: PassAnswer | ReplayAnswer, say: Words) -> Phrase:
    """Why a call ended early; None if it did not. What the function says of it is in English."""
    if answer.stop is None or say.language == "en":
        return answer.stopped
    return say(STOPS[answer.stop]), Span("note", Span("outside", answer.stopped))


def picture(caption: Phrase, side: str, total: str, parts: Sequence[tuple[str, int, str]], say: Words) -> Picture:
    """A bar of parts, each with its name, its number and its tone; `side` and `total`: what of, and how many."""
    told = say(", ").join(say("{name} {number}", name=name, number=number) for name, number, _ in parts)
    label = say("{side}, {total} objects: {parts}", side=side, total=total, parts=told or say("none"))
    return Picture(caption, total, Bar([Part(number, tone) for _, number, tone in parts], label))


def clock(at: datetime) -> str:
    """A time as people read it, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def name(given: str | None, say: Words) -> Span:
    """A name that is the same in every language."""
    return Span("code", given) if given else not_known(say)


def not_known(say: Words) -> Span:
    """What an answer does not say is not green."""
    return Span("", say("not known"), "open")
