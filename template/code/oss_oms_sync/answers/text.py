"""Texts for people in English or Chinese, each made of a phrase and the values of its placeholders.

A phrase is English, and is written where it is used: `t("{n:key waits|keys wait}", n=3)`. Its Chinese translation is in
zh.json beside this module; this file is read only for Chinese output. Formats of values:

    {n}           a whole number with its thousands: 12,345
    {n:key|keys}  a number with its noun: 1 key, 2 keys (Chinese has no plural, and {n} alone)
    {names}       a list: a, b, c; in Chinese a、b、c
    {names:and}   a, b and c; {names:or}: a, b or c; Chinese has no such word
    {parts:sentences}  a list of sentences, with spaces between English sentences; a sentence that ends in a command,
                       which has no full stop, gets a full stop if another sentence follows
    {text}        another Text, in the same language
    {step}        a Step, which each reader prints for its shell
    {n:size}      bytes, with three digits: 999 bytes, 1.24 TB; units are powers of 1000
    {n:time}      seconds, in the unit that fits best: 90 s, 3 h

A size or a time that is None is shown as unknown.

All other formats are Python's: {share:.0%}, {name!r}. A phrase with only placeholders needs no translation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from oss_oms_sync.answers.step import Step


@dataclass(frozen=True)
class Text:
    """A phrase of the catalogue of translations, zh.json, and the values of its placeholders."""

    phrase: str
    values: Mapping[str, object] = field(default_factory=dict)
    # The Chinese phrase, or None if the catalogue has it.
    chinese: str | None = None

    def filled(self, **values: object) -> Text:
        """Return a copy of the text with more values; a value that has no placeholder is ignored."""
        return Text(self.phrase, {**self.values, **values}, self.chinese)

    def __str__(self) -> str:
        return self.en

    @property
    def en(self) -> str:
        return self.of("en")

    @property
    def zh(self) -> str:
        return self.of("zh")

    @property
    def steps(self) -> list[Step]:
        return [*{str(part): part for part in self.parts("en") if isinstance(part, Step)}.values()]

    def of(self, language: str, command: Callable[[Step], str] = str) -> str:
        """Return the text in `language`, "en" or "zh"; `command` formats each Step for the reader's shell."""
        return "".join(part if isinstance(part, str) else command(part) for part in self.parts(language))

    def parts(self, language: str) -> Iterator[str | Step]:
        phrase = self.phrase
        if language == "zh":
            phrase = _load_chinese().get(phrase, phrase) if self.chinese is None else self.chinese
        for literal_text, name, format_spec, conversion in Formatter().parse(phrase):
            yield literal_text
            if name is not None:
                value = self.values[name]
                yield from _format_value(repr(value) if conversion == "r" else value, format_spec or "", language)


class AtLeast(int):
    """A number that is a lower bound, so that a text has "at least" before it."""


def t(phrase: str, /, **values: object) -> Text:
    """Return a Text of the phrase with these values.

    A test requires a translation of every phrase in a call of this function.
    """
    return Text(phrase, values)


def untranslated(text: str) -> Text:
    """Return a Text that is the same in every language, such as the message of a program."""
    return Text("{text}", {"text": text})


def sentences(*parts: Text | None) -> Text:
    return Text("{parts:sentences}", {"parts": [part for part in parts if part is not None]})


NOTHING = Text("")
_SIZE_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
# Units of time with their lengths in seconds, in descending order.
_TIME_UNITS = ((86400, t("{n:,.0f}\u00a0d")), (3600, t("{n:,.0f}\u00a0h")), (60, t("{n:,.0f}\u00a0min")))
# Characters after which a joined sentence needs no full stop.
_SENTENCE_ENDS = (*".!?:", *"。！？：")


def _format_value(value: object, format_spec: str, language: str) -> Iterator[str | Step]:
    if format_spec in _QUANTITIES:
        value, format_spec = t("unknown") if value is None else _QUANTITIES[format_spec](value), ""
    singular, _, plural = format_spec.partition("|")
    match value:
        case Step():
            yield value
        case Text():
            yield from value.parts(language)
        case list() | tuple():
            yield from _format_list(
                [[*_format_value(element, "", language)] for element in value], format_spec, language
            )
        case int() | float() if plural:
            yield from _format_value(value, "", language)
            yield f" {singular if value == 1 else plural}"
        case AtLeast():
            yield t("at least {n}", n=int(value)).of(language)
        case _:
            yield f"{value:,}" if type(value) is int and not format_spec else format(value, format_spec)


def _format_list(elements: Sequence[Sequence[str | Step]], joining_word: str, language: str) -> Iterator[str | Step]:
    last_separator = f" {joining_word} " if joining_word else ", "
    for number, element in enumerate(elements, 1):
        yield from element
        if number == len(elements):
            return
        if joining_word == "sentences":
            full_stop, space = ("。", "") if language == "zh" else (".", " ")
            yield space if _is_ended(element) else f"{full_stop}{space}"
        elif language == "zh":
            yield "、"
        else:
            yield last_separator if number == len(elements) - 1 else ", "


def _is_ended(sentence: Sequence[str | Step]) -> bool:
    last_part = [part for part in sentence if part][-1:]
    return any(isinstance(part, str) and part.endswith(_SENTENCE_ENDS) for part in last_part)


def _format_size(number: int) -> Text:
    if abs(number) < 1000:
        return t("{n:byte|bytes}", n=number)
    value, power = number / 1000, 0
    # A number that would be rounded up to 1000 is shown in the next unit.
    while abs(value) >= 999.5 and power < len(_SIZE_UNITS) - 1:
        value, power = value / 1000, power + 1
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return untranslated(f"{value:,.{digits}f}\u00a0{_SIZE_UNITS[power]}")


def _format_time(seconds: float) -> Text:
    if seconds < 1:
        return t("<\u00a01\u00a0s")
    for length, text in _TIME_UNITS:
        if seconds >= 2 * length or seconds == length:
            return text.filled(n=seconds / length)
    return t("{n:.0f}\u00a0s", n=seconds)


_QUANTITIES: Mapping[str, Callable[[Any], Text]] = {"size": _format_size, "time": _format_time}


@cache
def _load_chinese() -> Mapping[str, str]:
    translations: Mapping[str, str] = json.loads(Path(__file__).with_name("zh.json").read_text(encoding="utf-8"))
    return translations
