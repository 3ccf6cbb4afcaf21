"""JSON as it comes from and goes to the outside: what is none, and what UTF-8 cannot carry, raises nothing."""

from __future__ import annotations

import json


def load(text: bytes | str) -> object:
    """The value that `text` holds; None where it is no JSON, or nested too deep to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def dump(value: object) -> bytes:
    """`value` as one line of JSON in UTF-8, with lone surrogates escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
