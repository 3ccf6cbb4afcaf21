"""Printed commands of ops.py, quoted for this machine's shell, with the interpreter that runs this program."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from contextvars import ContextVar
from pathlib import Path

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text

IS_WINDOWS = os.name == "nt"
# Words that PowerShell needs no quotes for; and the characters that end its single-quoted strings unless doubled.
_PLAIN = re.compile(r"(?!@)[\w./:=@+-]+", re.ASCII)
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
# Marks around a command in a sentence, for pages and terminals to set it off: Unicode reserves these two characters for
# a program's own use.
_BEGIN, _END = "\ufdd0", "\ufdd1"
COMMAND_IN_TEXT = re.compile(f"{_BEGIN}([^{_BEGIN}{_END}]*){_END}")
# Commands that need no project.
_WITHOUT_PROJECT = ("cost", "check", "show", "fleet")
# The file used instead of s.yaml, which every printed command then names; empty for s.yaml.
TEMPLATE: ContextVar[str] = ContextVar("TEMPLATE", default="")


# The command for a migration's cost, with places for the user's numbers.
COST = Step("cost", {"objects": "N", "size": "BYTES"})


def interpreter() -> str:
    """Return the name that starts this interpreter; a virtual environment's `python` has a `python3` beside it."""
    if IS_WINDOWS:
        return "python" if shutil.which("python") else "py"
    name = Path(sys.executable).name
    return name if re.fullmatch(r"python3\.\d+", name) else "python3"


def command(step: Step | None) -> str:
    """Return a next step as a shell command; empty without a step."""
    if step is None:
        return ""
    return " ".join(map(quoted, [*step.words(interpreter(), _can_be_typed), *_file_words(step.job)]))


def sentence(text: Text, language: str) -> str:
    """Return a text with its commands for this machine's shell, between marks."""
    return text.of(language, lambda step: f"{_BEGIN}{command(step)}{_END}")


def unmarked(text: str) -> str:
    """Return a text without the marks around its commands."""
    return COMMAND_IN_TEXT.sub(r"\1", text)


def _file_words(job: str) -> list[str]:
    return ["-t", TEMPLATE.get()] if TEMPLATE.get() and job not in _WITHOUT_PROJECT else []


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
