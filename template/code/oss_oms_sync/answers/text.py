"""Texts for people, in English or Chinese: a phrase, and the values of its places.

A phrase is English and stands where it is used, `t("{n:key waits|keys wait}", n=3)`. Its Chinese is in zh.json, beside
this module, which is read only for Chinese output. Formats of values:

    {n}           a whole number with its thousands: 12,345
    {n:key|keys}  a number with its noun: 1 key, 2 keys (Chinese has no plural, and {n} alone)
    {names}       a list: a, b, c; in Chinese a、b、c
    {names:and}   a, b and c; {names:or}: a, b or c; Chinese has no such word
    {parts:sentences}  a list of sentences, with spaces between English ones; a sentence that ends in a command, which
                       has no full stop, gets one if another follows
    {text}        another Text, in the same language
    {n:size}      bytes, with three digits: 999 bytes, 1.24 TB; units are powers of 1000
    {n:time}      seconds, in the unit that fits best: 90 s, 3 h

A size or time that is None is shown as not known.

All other formats are Python's: {share:.0%}, {name!r}. A phrase of places alone needs no translation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Text:
    """A phrase of the catalogue with its values."""

    phrase: str
    # Or the Chinese text, if the Text was read from an answer.
    values: Mapping[str, object] | str = field(default_factory=dict)

    def filled(self, **values: object) -> Text:
        """Return the phrase with more values; those without a place are ignored."""
        return Text(self.phrase, {**self.values, **values} if isinstance(self.values, Mapping) else self.values)

    def __str__(self) -> str:
        return self.en

    def to_json(self) -> dict[str, str]:
        """Return the form in answers."""
        return {"en": self.en, "zh": self.zh}

    @property
    def en(self) -> str:
        """The English text."""
        return self.of("en")

    @property
    def zh(self) -> str:
        """The Chinese text."""
        return self.of("zh")

    def of(self, language: str) -> str:
        """Return the text in `language`: "en" or "zh"."""
        if isinstance(self.values, str):
            return self.values if language == "zh" else self.phrase
        phrase = _chinese().get(self.phrase, self.phrase) if language == "zh" else self.phrase
        return phrase.format_map({name: _Shown(value, language) for name, value in self.values.items()})


class AtLeast(int):
    """A number that is only a lower bound."""


def t(phrase: str, /, **values: object) -> Text:
    """Return the phrase with these values; a test compares all such phrases with the catalogue."""
    return Text(phrase, values)


def same(text: str) -> Text:
    """Return a Text without a language, such as the message of a program."""
    return Text("{text}", {"text": text})


def sentences(*parts: Text | None) -> Text:
    """Join sentences, without those that are None."""
    return Text("{parts:sentences}", {"parts": [part for part in parts if part is not None]})


NOTHING = Text("")
_SIZES = ("kB", "MB", "GB", "TB", "PB", "EB")
# Units of time with their seconds, the longest first.
_TIMES = ((86400, t("{n:,.0f}\u00a0d")), (3600, t("{n:,.0f}\u00a0h")), (60, t("{n:,.0f}\u00a0min")))
# Characters that end a sentence, or introduce what follows.
_ENDS = (*".!?:", *"。！？：")


class _Shown:
    """A value of a phrase, formatted by `str.format`."""

    def __init__(self, value: object, language: str) -> None:
        self._value = value
        self._language = language

    def __repr__(self) -> str:
        return repr(self._value)

    def __format__(self, spec: str) -> str:
        value = self._value
        if spec in _QUANTITIES:
            value, spec = t("unknown") if value is None else _QUANTITIES[spec](value), ""
        if isinstance(value, Text):
            return value.of(self._language)
        if isinstance(value, (list, tuple)):
            return self._joined([f"{_Shown(element, self._language)}" for element in value], spec)
        singular, _, plural = spec.partition("|")
        if plural:
            return f"{self} {singular if value == 1 else plural}"
        if isinstance(value, AtLeast):
            return t("at least {n}", n=int(value)).of(self._language)
        return f"{value:,}" if type(value) is int and not spec else format(value, spec)

    def _joined(self, shown: Sequence[str], how: str) -> str:
        if how == "sentences":
            stop, between = ("。", "") if self._language == "zh" else (".", " ")
            ended = [sentence if sentence.endswith(_ENDS) else f"{sentence}{stop}" for sentence in shown[:-1]]
            return between.join([*ended, *shown[-1:]])
        if self._language == "zh":
            return "、".join(shown)
        return f" {how} ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:]))) if how else ", ".join(shown)


def _size(number: int) -> Text:
    if abs(number) < 1000:
        return t("{n:byte|bytes}", n=number)
    value, power = number / 1000, 0
    # A number that would be rounded up to 1000 is shown in the next unit.
    while abs(value) >= 999.5 and power < len(_SIZES) - 1:
        value, power = value / 1000, power + 1
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return same(f"{value:,.{digits}f}\u00a0{_SIZES[power]}")


def _time(seconds: float) -> Text:
    if seconds < 1:
        return t("<\u00a01\u00a0s")
    for length, text in _TIMES:
        if seconds >= 2 * length or seconds == length:
            return text.filled(n=seconds / length)
    return t("{n:.0f}\u00a0s", n=seconds)


_QUANTITIES: Mapping[str, Callable[[Any], Text]] = {"size": _size, "time": _time}


@cache
def _chinese() -> Mapping[str, str]:
    translations: Mapping[str, str] = json.loads(Path(__file__).with_name("zh.json").read_text(encoding="utf-8"))
    return translations
