"""Tolerant reading and writing of JSON: invalid JSON loads as None, and lone surrogates are escaped on output.

An object that has two different values for the same name is read as null, because it is ambiguous; Python's own parser
would silently drop the first value.
"""

from __future__ import annotations

import json


def load(text: bytes | str) -> object:
    """Return the value of a JSON text, or None if `text` is not JSON or is nested too deep for the parser."""
    try:
        return strict_load(text)
    except (ValueError, RecursionError):
        return None


def strict_load(text: bytes | str) -> object:
    """Return the value of a JSON text.

    Raises ValueError if `text` is not JSON, and RecursionError if it is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_build_object)


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    value = dict(pairs)
    is_unambiguous = len(value) == len(pairs) or all(value[name] == member for name, member in pairs)
    return value if is_unambiguous else None


def dump(value: object) -> bytes:
    """Return `value` as one line of JSON in UTF-8, with lone surrogates escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
