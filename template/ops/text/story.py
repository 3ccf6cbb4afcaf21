"""One key's story."""

from __future__ import annotations

from collections.abc import Iterator

from ops.terminal import Line
from ops.words import Report, colon, in_lang


def lines(report: Report, lang: str) -> Iterator[Line]:
    """What became of the key, and what comes next."""
    yield f"{report['key']!r}{colon(lang)}{in_lang(report, 'story', lang)}"
    yield in_lang(report, "next", lang)
