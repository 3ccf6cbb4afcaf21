"""JSON as it comes from and goes to the outside: what is none, and what UTF-8 cannot carry, raises nothing.

An object that names something twice, and not alike, is read as null: which of the two is meant nobody knows, and
Python's own reading would silently drop the first.
"""

from __future__ import annotations

import json


def load(text: bytes | str) -> object:
    """The value that `text` holds; None where it is no JSON, or nested too deep to be read."""
    try:
        return strict_load(text)
    except (ValueError, RecursionError):
        return None


def strict_load(text: bytes | str) -> object:
    """As `load`, but raises ValueError or RecursionError where there is no value to be read."""
    return json.loads(text, object_pairs_hook=_unambiguous)


def _unambiguous(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    value = dict(pairs)
    is_clear = len(value) == len(pairs) or all(value[name] == one for name, one in pairs)
    return value if is_clear else None


def dump(value: object) -> bytes:
    """`value` as one line of JSON in UTF-8, with lone surrogates escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
