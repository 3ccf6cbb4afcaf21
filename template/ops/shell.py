"""Printed commands of ops.py, quoted for this machine's shell, with the interpreter that runs this program."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path

from oss_oms_sync.answers.step import Step

IS_WINDOWS = os.name == "nt"
# Words that PowerShell needs no quotes for; and the characters that end its single-quoted strings unless doubled.
_PLAIN = re.compile(r"(?!@)[\w./:=@+-]+", re.ASCII)
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
# A command within a sentence: its options, and the values of options that take one.
_VALUE = r"(?:'[^']*'|[A-Za-z0-9_./:@%+=,-]*[A-Za-z0-9_/])"
_VALUED = "(?:reason|since|prefix|key|escaped-key|objects|size|frozen-since|accept)"
IN_TEXT = rf"(?<![A-Za-z0-9_])py[a-z0-9.]* ops\.py [a-z]+(?: --{_VALUED}[ =]{_VALUE}| --[a-z-]+| -t[ =]{_VALUE})*"
# Commands of the Serverless Devs tool.
_TOOL_COMMANDS = ("deploy", "remove")
# Commands that need no project.
_WITHOUT_PROJECT = ("cost", "check", "show")
# The file used instead of s.yaml, which every printed command then names; empty for s.yaml.
TEMPLATE: ContextVar[str] = ContextVar("TEMPLATE", default="")


class Typed:
    """A command in a sentence, formatted when the sentence is printed: only then are shell and file known."""

    def __init__(self, job: str, **options: object) -> None:
        self._step = Step(job, options)

    def __str__(self) -> str:
        return command(self._step)


# The command for a migration's cost, with places for the user's numbers.
COST = Typed("cost", objects="N", size="BYTES")


def interpreter() -> str:
    """Return the name that starts this interpreter; a virtual environment's `python` has a `python3` beside it."""
    if IS_WINDOWS:
        return "python" if shutil.which("python") else "py"
    name = Path(sys.executable).name
    return name if re.fullmatch(r"python3\.\d+", name) else "python3"


def command(step: Step | None) -> str:
    """Return a next step as a shell command; empty if there is none."""
    if step is None:
        return ""
    head = ["s", step.job, "-y"] if step.job in _TOOL_COMMANDS else [interpreter(), "ops.py", step.job]
    words: list[str] = []
    for name, value in step.options.items():
        option = f"--{name.replace('_', '-')}"
        if name == "key" and not _can_be_typed(str(value)):
            words += _option_words("--escaped-key", json.dumps(str(value))[1:-1].replace(r"\"", r"\u0022"))
        elif isinstance(value, Mapping):
            words += (word for element, reason in value.items() for word in (option, f"{element}={reason}"))
        elif isinstance(value, list):
            words += (word for element in value for word in _option_words(option, str(element)))
        else:
            words += [option] if value is True else _option_words(option, str(value))
    return " ".join(map(quoted, [*head, *words, *_file_words(step.job)]))


def with_file(sentence: str) -> str:
    """Return a function's sentence with this session's file in its commands, which the function does not know."""

    def named(match: re.Match[str]) -> str:
        file = [] if " -t" in match[0] else _file_words(match[0].split(" ")[2])
        return " ".join([match[0], *map(quoted, file)])

    return re.sub(IN_TEXT, named, sentence) if TEMPLATE.get() else sentence


def _file_words(job: str) -> list[str]:
    return _option_words("-t", TEMPLATE.get()) if TEMPLATE.get() and job not in _WITHOUT_PROJECT else []


def chained(*steps: Step) -> str:
    """Join commands so that each runs only if the command before it succeeded.

    PowerShell has `&&` only from version 7.
    """
    if not IS_WINDOWS:
        return " && ".join(map(command, steps))
    first, *others = map(command, steps)
    return first + "".join(f"; if ($?) {{ {other} }}" for other in others)


def quoted(word: str) -> str:
    """Quote a word for a POSIX shell, or for PowerShell on Windows."""
    if not IS_WINDOWS:
        return shlex.quote(word)
    return word if _PLAIN.fullmatch(word) else "'" + _QUOTES.sub(r"\g<0>\g<0>", word) + "'"


def _option_words(option: str, value: str) -> list[str]:
    """Return an option with its value: as one word if the value could be mistaken for an option."""
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def _can_be_typed(key: str) -> bool:
    """Return True if a key is visible and reaches a program unchanged.

    PowerShell loses quotation marks on the way to a program, and a key with characters that the output's encoding lacks
    is printed as another key.
    """
    try:
        key.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return key.isprintable() and not (IS_WINDOWS and '"' in key)
