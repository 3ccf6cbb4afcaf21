"""One key's story."""

from __future__ import annotations

from collections.abc import Iterator

from ops.terminal import Line
from ops.words import Report


def lines(report: Report, lang: str) -> Iterator[Line]:
    """What became of the key, and what comes next."""
    if lang == "zh":
        yield f"{report['key']!r}：{report['story_zh']}"
        yield report["next_zh"]
    else:
        yield f"{report['key']!r}: {report['story']}"
        yield report["next"]
