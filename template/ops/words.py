"""What is said, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Report = Mapping[str, Any]


class Text(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def of(self, lang: str) -> str:
        """In one of them: "en" or "zh"."""
        return self.zh if lang == "zh" else self.en
