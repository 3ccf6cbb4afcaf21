"""What is said, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol


class Said(Protocol):
    """What has both languages: a text of the catalogue, or one of those here."""

    @property
    def en(self) -> str:
        """In English."""

    def of(self, lang: str, /) -> str:
        """In one of them: "en" or "zh"."""


class Text(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def of(self, lang: str) -> str:
        """In one of them: "en" or "zh"."""
        return self.zh if lang == "zh" else self.en

    def filled(self, *values: object) -> Text:
        """With these in its places; a Text among them in the same language."""
        return Text(*(self.of(lang).format(*_in_language(values, lang)) for lang in ("en", "zh")))


def _in_language(values: Iterable[object], lang: str) -> Iterator[object]:
    return (one.of(lang) if isinstance(one, Text) else one for one in values)
