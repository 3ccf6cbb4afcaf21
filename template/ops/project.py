"""A reader of s.yaml, the user's settings, for programs on the user's machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from ops.errors import UsageError
from oss_oms_sync.answers.text import t, untranslated

# Control characters and Unicode's line ends: no setting contains them, and some would end a comment.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def read(file: Path, required_names: Iterable[str]) -> dict[str, str]:
    """Return the variables of s.yaml, and of the file that s.yaml extends.

    The variable `access` is the alias of the credentials in Serverless Devs. Raises UsageError if a file cannot be
    read, or if a variable in `required_names` is missing or empty.
    """
    texts = [read_text(file)]
    try:
        # Serverless Devs follows a single `extend`.
        if extended_file := _parse_values(texts[0], "", "extend").get("extend"):
            texts.insert(0, read_text(file.parent / extended_file))
        values = {**variables(*texts), "access": "default"}
        for text in texts:
            values |= _parse_values(text, "", "access")
    except ValueError as error:
        problem, fix = str(error).rsplit(": ", 1)
        raise UsageError(untranslated(problem), untranslated(fix)) from None
    for name in required_names:
        if not values.get(name):
            raise UsageError(
                t("{file} has no {name} under vars", name=name, file=file.name),
                t("Add the value of this variable under vars"),
            )
    return values


def read_text(file: Path) -> str:
    """Return the text of a settings file. Raises UsageError if the file cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError:
        raise UsageError(
            t("{file} cannot be read", file=str(file)),
            t("Run the command in the project's folder, or pass the file with -t"),
        ) from None
    except UnicodeDecodeError:
        raise UsageError(t("{file} is not UTF-8", file=str(file)), t("Save the file as UTF-8")) from None


def variables(*texts: str) -> dict[str, str]:
    """Return the values under `vars` in the texts of settings files, with `${vars.NAME}` replaced; later texts win.

    Raises ValueError, whose message has the remedy, for YAML that this reader does not support.
    """
    values: dict[str, str] = {}
    for text in texts:
        ((vars_line, block),) = re.findall(r"^vars:(.*)\n((?:[ #].*\n|\n)*)", f"{text}\n", re.MULTILINE) or [("", "")]
        (indent,) = re.findall(r"\A(?: *(?:#.*)?\n)*( +)", block) or [""]
        values |= _parse_values(block, indent, r"\w+")
        if re.match(r"\s*[^\s#]", vars_line) or re.search(rf"^{indent}(?!\w+:)[^ #\n]", block, re.MULTILINE):
            raise ValueError("vars in s.yaml holds a line that is not read here: write each as a name and its value")
    for _ in range(len(values)):  # no chain of references is longer
        for name, value in values.items():
            values[name] = re.sub(r"\$\{vars\.(\w+)\}", lambda reference: values.get(reference[1], reference[0]), value)
    if (prefix := values.get("objectPrefix", "")).startswith("/"):
        corrected_prefix = json.dumps(prefix.lstrip("/"))
        raise ValueError(
            f'vars.objectPrefix is {prefix!r} in s.yaml, but no object key begins with "/": write {corrected_prefix}'
        )
    for name in ("objectPrefix", "objectSuffix"):
        if re.search(r"\$\{|<%", values.get(name, "")):
            raise ValueError(f"vars.{name} is an expression in s.yaml, which is not read here: write it out")
    return values


def _parse_values(block: str, indent: str, names: str) -> dict[str, str]:
    """Return the one-line values of the YAML keys that match the pattern `names` and are indented by `indent`.

    Maps and lists are left out. Raises ValueError for a value that YAML would read differently than this reader.
    """
    line_pattern = rf"""^{indent}({names}): *("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|.*).*((?:\n+{indent} .*)*)"""
    texts = {}
    for name, scalar, continuation in re.findall(line_pattern, block, re.MULTILINE):
        value = scalar if scalar[:1] in ('"', "'") else re.split(r"(?:^|[ \t])#", scalar)[0].strip(" \t")
        nested_text = re.sub(r"^ *#.*", "", continuation, flags=re.MULTILINE).strip()
        if re.fullmatch(r"(&\S+)?", value) and re.match(r"- |[^\s:]+:(\s|$)", nested_text):
            continue
        if nested_text or re.match(r"[&*!|>[{]|(~|null)?$", value, re.IGNORECASE):
            raise ValueError(
                f"vars.{name} in s.yaml is not read here as it is written: write it in quotes, on one line"
            )
        texts[name] = _unquote(name, value)
    return texts


def _unquote(name: str, value: str) -> str:
    """Return the text of a YAML scalar. Errors do not contain the text, because it may be a secret."""
    unquoted_value = value[1:-1].replace("''", "'") if value[0] == "'" else value
    try:
        text: str = json.loads(value, strict=False) if value[0] == '"' else unquoted_value
    except ValueError:
        raise ValueError(
            f"vars.{name} holds an escape in s.yaml that is not read here: write the character itself"
        ) from None
    if CONTROL_CHARACTERS.search(text):
        raise ValueError(f"vars.{name} holds a control character in s.yaml, such as a line break or a tab: remove it")
    return text
