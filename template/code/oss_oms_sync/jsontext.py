"""Tolerant JSON: text that is not JSON loads as None, and lone surrogates are escaped on output.

An object that has two different values of one name is read as null, because it is ambiguous: Python's own parser would
silently drop the first.
"""

from __future__ import annotations

import json


def load(text: bytes | str) -> object:
    """Return the value in `text`; None if it is not JSON, or nested too deep to be read."""
    try:
        return strict_load(text)
    except (ValueError, RecursionError):
        return None


def strict_load(text: bytes | str) -> object:
    """Return the value in `text`.

    Raises ValueError or RecursionError for unreadable text.
    """
    return json.loads(text, object_pairs_hook=_unambiguous)


def _unambiguous(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    value = dict(pairs)
    is_clear = len(value) == len(pairs) or all(value[name] == member for name, member in pairs)
    return value if is_clear else None


def dump(value: object) -> bytes:
    """Return `value` as one line of JSON in UTF-8, with lone surrogates escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
