"""Parts of a certificate, which anybody may have made. What is missing, or is not what was expected, is None: it is
shown as not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

Answer = Mapping[str, Any]


def part(answer: object, *path: str) -> Any:
    """What is there in `answer` under these names, one after the other."""
    for name in path:
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer


def whole(answer: object, *path: str) -> int | None:
    """A count."""
    value = part(answer, *path)
    return value if type(value) is int else None


def text(answer: object, *path: str) -> str | None:
    """A text that is not empty."""
    value = part(answer, *path)
    return value if isinstance(value, str) and value else None


def rows(answer: object, *path: str) -> Sequence[Any]:
    """A list; an empty one where there is none."""
    value = part(answer, *path)
    return value if isinstance(value, list) else ()


def fields(answer: object, *path: str) -> Answer:
    """An object; an empty one where there is none."""
    value = part(answer, *path)
    return value if isinstance(value, Mapping) else {}


def in_language(answer: object, name: str, language: str) -> str | None:
    """A text that the answer has in both languages, as `name` and `name_zh`."""
    return text(answer, f"{name}_zh") or text(answer, name) if language == "zh" else text(answer, name)


def moment(value: object) -> datetime | None:
    """A time such as 2026-01-31T09:12:00Z."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
