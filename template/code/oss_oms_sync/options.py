"""The options of a job, from the payload of a manual call, or from the JSON text inside a timer event."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import TypeVar, get_args, get_origin, get_type_hints

from oss_oms_sync import jsontext
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import is_text, is_timer_event
from oss_oms_sync.filters import prefix_problem

T = TypeVar("T")


def option_types(options_class: type) -> dict[str, type]:
    """Return the types of a dataclass's fields, by the fields' names; `list[str] | None` counts as `list`."""
    hints = get_type_hints(options_class).items()
    types = {name: get_args(hint)[0] if NoneType in get_args(hint) else hint for name, hint in hints}
    return {name: get_origin(type_) or type_ for name, type_ in types.items()}


def parse(payload: bytes | str, options_class: type[T]) -> T:
    """Return the options in `payload`, a JSON object, as an instance of the dataclass `options_class`.

    An option that the payload lacks has its default. The option `prefix` is checked here, because it has the same
    meaning in every job. Source: Function Compute, "Timer triggers".

    Raises PayloadError if the payload is not a JSON object, or has an option that is unknown or of the wrong type.
    """
    options, types = _parse_object(payload), option_types(options_class)
    if is_timer_event(options):
        options = _parse_object(str(options.get("payload") or ""))
    for name, value in options.items():
        if name not in types:
            raise PayloadError(
                f"The payload asks for {name!r}, which this job does not know. It takes {_describe_options(types)}"
            )
        is_unusable = (isinstance(value, int) and value < 0) or (isinstance(value, str) and not is_text(value))
        if type(value) is not types[name] or is_unusable:
            raise PayloadError(
                f"The payload's {name} is {value!r}, which is no {_TYPE_NAMES[types[name]]}."
                f" It takes {_describe_options(types)}"
            )
    if problem := prefix_problem(str(options.get("prefix", ""))):
        raise PayloadError(f"The payload's prefix {problem}")
    return options_class(**options)


_TYPE_NAMES = {str: "text", bool: "true or false", int: "whole number", list: "list", dict: "JSON object"}


def _describe_options(types: Mapping[str, type]) -> str:
    return ", ".join(f"{name} ({_TYPE_NAMES[option_type]})" for name, option_type in types.items())


def _parse_object(text: bytes | str) -> dict[str, object]:
    if not text.strip():
        return {}
    value = jsontext.load(text)
    if not isinstance(value, dict):
        raise PayloadError('The payload is not a JSON object such as {"dry_run": true} without duplicate names')
    return value
