"""Texts for users, who read English or Chinese."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Text(NamedTuple):
    """The same text in English and in Chinese."""

    en: str
    zh: str

    def of(self, lang: str) -> str:
        """In one of them: "en" or "zh"."""
        return self.zh if lang == "zh" else self.en

    @classmethod
    def same(cls, text: str) -> Text:
        """A text that has no language, such as the message of a program."""
        return cls(text, text)

    @classmethod
    def join(cls, parts: Iterable[Text]) -> Text:
        """Join `parts` into one text; the spaces between them belong to the parts."""
        english, chinese = zip(*parts, strict=True)
        return cls("".join(english), "".join(chinese))


def objects_en(number: int, kind: str = "") -> str:
    """`number` objects in English, singular or plural."""
    return f"{number:,} {kind}object{'' if number == 1 else 's'}"
