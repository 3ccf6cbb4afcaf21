"""Conversion of values to JSON and back by their type hints alone.

- A dataclass becomes an object with the names of its fields, without the underscore at the end of a name such as
  `from_`.
- A NamedTuple becomes the list of its values like any tuple, because thousands of them are stored at once.
- An enumeration becomes its value, a Digest 64 hex digits, and a time ISO 8601 in UTC to the second.
- The names of a mapping are texts, whole numbers or members of an enumeration.
- A Text becomes {"en", "zh"}. A field `reason` with a Text becomes two fields, `reason` in English and `reason_zh`.
- The commands of ops.py in a Text are quoted for a POSIX shell. The field `steps` or `reason_steps` has each command as
  a Step, so that readers can print it for their own shell.
- A value of type `object` stays unchanged.

The types in hints have to be imported at runtime. Input in any other form is refused, for example if a field is
missing, or if a whole number is 1.0 or True. Unknown names are ignored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timezone
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text

T = TypeVar("T")

# A number below 2^256. JSON has it as text, because some readers of JSON accept no number of this size.
Digest = Annotated[int, "64 hex digits"]


class UnreadableError(ValueError):
    """The error for JSON that does not have the form of the requested type."""


def to_json(value: object, kind: object = None) -> Any:
    """Convert `value` to data that json.dumps accepts.

    `kind` is the type hint of `value`. It is optional if `value` is a dataclass or a NamedTuple.
    """
    return _find_form(kind or type(value)).write(value)


def from_json(kind: type[T], value: object) -> T:
    """Convert `value`, data that `to_json` returned, back to an object of the type `kind`.

    Raises UnreadableError if `value` has another form.
    """
    try:
        return _find_form(kind).read(value)  # type: ignore[no-any-return, arg-type]
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise UnreadableError(f"not of the form of {kind}: {error}") from error


def timestamp(time: datetime) -> str:
    """Format a time for answers and facts, in UTC and to the second, such as 2026-01-31T08:00:00Z."""
    return f"{time.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def parse_timestamp(text: str) -> datetime:
    """Return the UTC time of a timestamp such as 2026-01-31T08:00:00Z. Raises ValueError for any other text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


class _JsonForm(NamedTuple):
    write: Callable[[Any], Any]
    # Raises any of the exceptions that `from_json` catches.
    read: Callable[[Any], Any]


def _check_type(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r:.80} is not of type {kind.__name__}")
    return value


def _read_digest(text: str) -> int:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError(f"{text:.80} is no digest")
    return int(text, 16)


def _write_text(text: Text, prefix: str = "") -> dict[str, Any]:
    english, chinese, steps = _name_text_fields(prefix)
    json_fields: dict[str, Any] = {english: text.en, chinese: text.zh}
    return {**json_fields, steps: [to_json(step) for step in text.steps]} if text.steps else json_fields


def _read_text(fields: Mapping[str, Any], prefix: str = "") -> Text:
    english, chinese, steps = _name_text_fields(prefix)
    values = {
        str(number): _find_form(Step).read(step) for number, step in enumerate(_check_type(list, fields.get(steps, [])))
    }
    phrases = [_make_phrase(_check_type(str, fields[name]), values) for name in (english, chinese)]
    return Text(phrases[0], values, phrases[1])


def _name_text_fields(prefix: str) -> tuple[str, str, str]:
    return (prefix, f"{prefix}_zh", f"{prefix}_steps") if prefix else ("en", "zh", "steps")


def _make_phrase(sentence: str, steps: Mapping[str, Step]) -> str:
    """Return a sentence as a phrase in which each command is replaced by its placeholder."""
    placeholders = {str(step).replace("{", "{{").replace("}", "}}"): f"{{{name}}}" for name, step in steps.items()}
    # The longest command comes first, because a command may begin with a shorter command.
    pattern = "|".join(map(re.escape, sorted(placeholders, key=len, reverse=True)))
    escaped_sentence = sentence.replace("{", "{{").replace("}", "}}")
    return re.sub(pattern, lambda match: placeholders[match[0]], escaped_sentence) if placeholders else escaped_sentence


_FORMS: Mapping[object, _JsonForm] = {
    object: _JsonForm(lambda value: value, lambda value: value),
    **{kind: _JsonForm(lambda value: value, partial(_check_type, kind)) for kind in (str, int, bool, NoneType)},
    Text: _JsonForm(_write_text, _read_text),
    float: _JsonForm(float, lambda number: float(number if type(number) is int else _check_type(float, number))),
    Digest: _JsonForm(lambda number: f"{number:064x}", _read_digest),
    datetime: _JsonForm(timestamp, parse_timestamp),
}


@cache
def _find_form(hint: Any) -> _JsonForm:
    origin, args = get_origin(hint), get_args(hint)
    if hint in _FORMS:
        return _FORMS[hint]
    if origin in (Union, UnionType):
        (form,) = (_find_form(arg) for arg in args if arg is not NoneType)
        return _JsonForm(
            lambda value: None if value is None else form.write(value),
            lambda value: None if value is None else form.read(value),
        )
    if origin in (list, Sequence) or args[1:] == (...,):
        form, kind = _find_form(args[0]), list if origin is list else tuple
        return _JsonForm(
            lambda values: list(map(form.write, values)), lambda values: kind(map(form.read, _check_type(list, values)))
        )
    if origin is tuple:
        return _make_tuple_form(tuple, args)
    if origin in (dict, Mapping):
        return _make_mapping_form(dict, *args)
    if origin is Counter:
        return _make_mapping_form(Counter, args[0], int)
    if is_dataclass(hint):
        return _make_dataclass_form(hint)
    if issubclass(hint, Enum):
        return _JsonForm(lambda member: member.value, hint)
    return _make_tuple_form(hint._make, tuple(get_type_hints(hint, include_extras=True).values()))


def _make_tuple_form(constructor: Callable[[Any], Any], hints: Sequence[Any]) -> _JsonForm:
    forms = [_find_form(hint) for hint in hints]

    def write(values: Any) -> list[Any]:
        return [form.write(value) for form, value in zip(forms, values, strict=True)]

    def read(values: Any) -> Any:
        return constructor([form.read(value) for form, value in zip(forms, _check_type(list, values), strict=True)])

    return _JsonForm(write, read)


def _make_mapping_form(constructor: Callable[[Any], Any], key_type: Any, value_type: Any) -> _JsonForm:
    name_form, value_form = _find_form(key_type), _find_form(value_type)

    def write(entries: Any) -> dict[str, Any]:
        return {str(name_form.write(name)): value_form.write(element) for name, element in entries.items()}

    def read(entries: Any) -> Any:
        # Names are always texts in JSON.
        names = {text: int(text) if key_type is int else text for text in entries}
        return constructor({name_form.read(names[text]): value_form.read(element) for text, element in entries.items()})

    return _JsonForm(write, read)


def _make_dataclass_form(kind: Any) -> _JsonForm:
    hints = get_type_hints(kind, include_extras=True)
    text_names = [field.name for field in fields(kind) if hints[field.name] is Text]
    forms = {field.name: _find_form(hints[field.name]) for field in fields(kind) if field.name not in text_names}

    def write(value: Any) -> dict[str, Any]:
        json_fields = {name.rstrip("_"): form.write(getattr(value, name)) for name, form in forms.items()}
        for name in text_names:
            json_fields |= _write_text(getattr(value, name), name)
        return json_fields

    def read(value: Any) -> Any:
        fields_by_name = {name: form.read(value[name.rstrip("_")]) for name, form in forms.items()}
        return kind(**fields_by_name, **{name: _read_text(value, name) for name in text_names})

    return _JsonForm(write, read)
