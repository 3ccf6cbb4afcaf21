"""Changes that a user makes in a project's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def rewrite(file: Path, instead: Mapping[str, str]) -> None:
    """Replace texts in a file, which must contain all of them."""
    text = file.read_text(encoding="utf-8")
    for old, new in instead.items():
        assert old in text, f"{file.name} has no {old!r}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
