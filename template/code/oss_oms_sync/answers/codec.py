"""Conversion of values to JSON and back, by their type hints alone.

A dataclass becomes an object with the names of its fields. A NamedTuple becomes the list of its values, like any tuple,
because thousands of them are stored at once. An enumeration becomes its value, a Digest 64 hex digits, a time ISO 8601
in UTC to the second. The names of a mapping are texts, whole numbers or an enumeration. A value of type `object` stays
unchanged. Types in hints have to be imported at runtime. The JSON omits the underscore at the end of a field's name
such as `from_`.

A Text becomes {"en", "zh"}; in an object, its English has the field's name, and its Chinese that name with `_zh`. The
commands of ops.py in it are quoted for a POSIX shell; `steps`, or the name with `_steps`, has each command as a Step,
so that readers can print it for their shell.

Input in any other form is refused: a missing field, or 1.0 or True as a whole number. Unknown names are ignored.
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

# A number below 2^256: too large for many readers of JSON.
Digest = Annotated[int, "64 hex digits"]


class UnreadableError(ValueError):
    """JSON of another form than the requested type."""


def to_json(value: object, kind: object = None) -> Any:
    """Convert `value` to data for json.dumps, by the type hint `kind`.

    Without `kind`, `value` is a dataclass or NamedTuple.
    """
    return _form(kind or type(value)).write(value)


def from_json(kind: type[T], value: object) -> T:
    """Return the object that `to_json` converted to `value`.

    Raises UnreadableError.
    """
    try:
        return _form(kind).read(value)  # type: ignore[no-any-return, arg-type]
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise UnreadableError(f"not of the form of {kind}: {error}") from error


def timestamp(at: datetime) -> str:
    """Format a time for answers and facts."""
    return f"{at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def parse_timestamp(text: str) -> datetime:
    """Parse a UTC timestamp such as 2026-01-31T08:00:00Z.

    Raises ValueError.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


class _Form(NamedTuple):
    write: Callable[[Any], Any]
    # Raises any of the exceptions that `from_json` catches.
    read: Callable[[Any], Any]


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r:.80} is not of type {kind.__name__}")
    return value


def _read_digest(text: str) -> int:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError(f"{text:.80} is no digest")
    return int(text, 16)


def _write_text(text: Text, prefix: str = "") -> dict[str, Any]:
    """Return the fields of a text, named by `_text_names` from `prefix`."""
    english, chinese, steps = _text_names(prefix)
    written: dict[str, Any] = {english: text.en, chinese: text.zh}
    return {**written, steps: [to_json(step) for step in text.steps]} if text.steps else written


def _read_text(fields: Mapping[str, Any], prefix: str = "") -> Text:
    english, chinese, steps = _text_names(prefix)
    values = {str(number): _form(Step).read(step) for number, step in enumerate(_exactly(list, fields.get(steps, [])))}
    phrases = [_phrase(_exactly(str, fields[name]), values) for name in (english, chinese)]
    return Text(phrases[0], values, phrases[1])


def _text_names(prefix: str) -> tuple[str, str, str]:
    return (prefix, f"{prefix}_zh", f"{prefix}_steps") if prefix else ("en", "zh", "steps")


def _phrase(sentence: str, steps: Mapping[str, Step]) -> str:
    """Return a sentence as a phrase with a placeholder for each command."""
    places = {str(step).replace("{", "{{").replace("}", "}}"): f"{{{name}}}" for name, step in steps.items()}
    # The longest first, because a command may begin with a shorter command.
    pattern = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    literal = sentence.replace("{", "{{").replace("}", "}}")
    return re.sub(pattern, lambda match: places[match[0]], literal) if places else literal


_FORMS: Mapping[object, _Form] = {
    object: _Form(lambda value: value, lambda value: value),
    **{kind: _Form(lambda value: value, partial(_exactly, kind)) for kind in (str, int, bool, NoneType)},
    Text: _Form(_write_text, _read_text),
    float: _Form(float, lambda number: float(number if type(number) is int else _exactly(float, number))),
    Digest: _Form(lambda number: f"{number:064x}", _read_digest),
    datetime: _Form(timestamp, parse_timestamp),
}


@cache
def _form(hint: Any) -> _Form:
    origin, args = get_origin(hint), get_args(hint)
    if hint in _FORMS:
        return _FORMS[hint]
    if origin in (Union, UnionType):
        (form,) = (_form(arg) for arg in args if arg is not NoneType)
        return _Form(
            lambda value: None if value is None else form.write(value),
            lambda value: None if value is None else form.read(value),
        )
    if origin in (list, Sequence) or args[1:] == (...,):
        form, kind = _form(args[0]), list if origin is list else tuple
        return _Form(lambda many: list(map(form.write, many)), lambda many: kind(map(form.read, _exactly(list, many))))
    if origin is tuple:
        return _of_tuple(tuple, args)
    if origin in (dict, Mapping):
        return _of_mapping(dict, *args)
    if origin is Counter:
        return _of_mapping(Counter, args[0], int)
    if is_dataclass(hint):
        return _of_dataclass(hint)
    if issubclass(hint, Enum):
        return _Form(lambda member: member.value, hint)
    return _of_tuple(hint._make, tuple(get_type_hints(hint, include_extras=True).values()))


def _of_tuple(make: Callable[[Any], Any], hints: Sequence[Any]) -> _Form:
    forms = [_form(hint) for hint in hints]

    def write(values: Any) -> list[Any]:
        return [form.write(value) for form, value in zip(forms, values, strict=True)]

    def read(values: Any) -> Any:
        return make([form.read(value) for form, value in zip(forms, _exactly(list, values), strict=True)])

    return _Form(write, read)


def _of_mapping(make: Callable[[Any], Any], key: Any, value: Any) -> _Form:
    name, form = _form(key), _form(value)

    def write(entries: Any) -> dict[str, Any]:
        return {str(name.write(key)): form.write(value) for key, value in entries.items()}

    def read(entries: Any) -> Any:
        # Names are always texts in JSON.
        names = {text: int(text) if key is int else text for text in entries}
        return make({name.read(names[text]): form.read(value) for text, value in entries.items()})

    return _Form(write, read)


def _of_dataclass(kind: Any) -> _Form:
    hints = get_type_hints(kind, include_extras=True)
    texts = [field.name for field in fields(kind) if hints[field.name] is Text]
    forms = {field.name: _form(hints[field.name]) for field in fields(kind) if field.name not in texts}

    def write(value: Any) -> dict[str, Any]:
        written = {name.rstrip("_"): form.write(getattr(value, name)) for name, form in forms.items()}
        for name in texts:
            written |= _write_text(getattr(value, name), name)
        return written

    def read(value: Any) -> Any:
        fields_by_name = {name: form.read(value[name.rstrip("_")]) for name, form in forms.items()}
        return kind(**fields_by_name, **{name: _read_text(value, name) for name in texts})

    return _Form(write, read)
