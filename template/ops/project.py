"""What s.yaml says of the project, for programs on the user's machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from ops.errors import UsageError
from oss_oms_sync.answers.text import same, t

# Control characters, and what YAML takes for the end of a line besides: no name has one, and a comment would end there.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_FILL_IN = t("Fill it in there")


def read(file: Path, needed: Iterable[str]) -> dict[str, str]:
    """The texts under `vars` in the file, and as `access` the tool's alias. Raises UsageError if it cannot be read, or
    lacks one that is `needed`."""
    try:
        text = as_it_stands(file)
        (alias,) = re.findall(r"""^access: *("[^"\n]*"|'[^'\n]*'|[^\s#]+)""", text, re.MULTILINE) or ["default"]
        given = {**variables(text), "access": unquoted("access", alias)}
    except ValueError as error:
        raise UsageError(same(str(error)), _FILL_IN) from None
    for name in needed:
        if not given.get(name):
            raise UsageError(t("{file} says no {name} under vars", name=name, file=file.name), _FILL_IN)
    return given


def as_it_stands(file: Path) -> str:
    """The text of s.yaml. Raises UsageError if there is no such file."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        raise UsageError(
            t("{file} cannot be read", file=str(file)), t("Run this in the project's folder, or name the file with -t")
        ) from None


def variables(text: str) -> dict[str, str]:
    """The texts under `vars` in s.yaml, with what they refer to among themselves.

    Raises ValueError for what cannot be read, with what to do about it.
    """
    (block,) = re.findall(r"^vars:.*\n((?:[ #].*\n|\n)*)", f"{text}\n", re.MULTILINE) or [""]
    lines = re.findall(r"""^ +(\w+): *("(?:[^"\\]|\\.)*"|'[^']*'|[^ \t\r\n#]+)""", block, re.MULTILINE)
    given = {name: unquoted(name, value) for name, value in lines}
    for _ in range(len(given)):  # no chain is longer
        for name, value in given.items():
            given[name] = re.sub(r"\$\{vars\.(\w+)\}", lambda other: given.get(other[1], other[0]), value)
    if (prefix := given.get("objectPrefix", "")).startswith("/"):
        right = json.dumps(prefix.lstrip("/"))
        raise ValueError(f'vars.objectPrefix is {prefix!r} in s.yaml, but no object key begins with "/": write {right}')
    return given


def unquoted(name: str, value: str) -> str:
    """A text of YAML. What is refused is not shown, because it may be a secret."""
    try:
        text: str = json.loads(value, strict=False) if value[0] == '"' else value.strip("'")
    except ValueError:
        raise ValueError(
            f"vars.{name} holds an escape in s.yaml that is not read here: write the character itself"
        ) from None
    if CONTROL.search(text):
        raise ValueError(f"vars.{name} holds a control character in s.yaml, such as a line break or a tab: remove it")
    return text
