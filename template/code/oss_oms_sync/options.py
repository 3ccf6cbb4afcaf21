"""The options of a job: in a manual call the payload itself, in a timer event a JSON text inside it."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import TypeVar, get_args, get_origin, get_type_hints

from oss_oms_sync import jsontext
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import is_text, is_timer_event
from oss_oms_sync.filters import prefix_problem

T = TypeVar("T")


def option_types(kind: type) -> dict[str, type]:
    """The options that are the fields of a dataclass, with their types, but for None."""
    hints = get_type_hints(kind).items()
    # Of `list[str] | None` the first.
    types = {name: get_args(hint)[0] if NoneType in get_args(hint) else hint for name, hint in hints}
    return {name: get_origin(type_) or type_ for name, type_ in types.items()}


def parse(payload: bytes | str, kind: type[T]) -> T:
    """What `payload` asks for, a JSON object: as a dataclass whose fields are the options that a job takes, each with
    its default. A `prefix` means the same to every job. Source: Function Compute, "Timer triggers".

    Raises PayloadError for anything else.
    """
    given, types = _object(payload), option_types(kind)
    if is_timer_event(given):
        given = _object(str(given.get("payload") or ""))
    for name, value in given.items():
        if name not in types:
            raise PayloadError(f"The payload asks for {name!r}, which this job does not know. It takes {_list(types)}")
        unusable = (isinstance(value, int) and value < 0) or (isinstance(value, str) and not is_text(value))
        if type(value) is not types[name] or unusable:
            raise PayloadError(
                f"The payload's {name} is {value!r}, which is no {_NAMES[types[name]]}. It takes {_list(types)}"
            )
    if problem := prefix_problem(str(given.get("prefix", ""))):
        raise PayloadError(f"The payload's prefix {problem}")
    return kind(**given)


_NAMES = {str: "text", bool: "true or false", int: "whole number", list: "list", dict: "JSON object"}


def _list(types: Mapping[str, type]) -> str:
    return ", ".join(f"{name} ({_NAMES[kind]})" for name, kind in types.items())


def _object(text: bytes | str) -> dict[str, object]:
    if not text.strip():
        return {}
    value = jsontext.load(text)
    if not isinstance(value, dict):
        raise PayloadError('The payload is no JSON object such as {"dry_run": true}, which names nothing twice')
    return value
