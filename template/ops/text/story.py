"""One key's story."""

from __future__ import annotations

from collections.abc import Iterator

from ops.terminal import Line
from ops.words import Report


def lines(report: Report, lang: str) -> Iterator[Line]:  # noqa: ARG001 (the function tells it in English only)
    """What became of the key, and what comes next."""
    yield f"{report['key']!r}: {report['story']}"
    yield report["next"]
