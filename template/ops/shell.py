"""Shell commands to print for the user, quoted for this machine's shell, with the name of its Python interpreter."""

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
# Words that PowerShell reads without quotes, and characters that must be doubled within its single quotes.
_PLAIN_WORD = re.compile(r"(?!@)[\w./:=@+-]+", re.ASCII)
_QUOTE_PATTERN = re.compile("['\u2018\u2019\u201a\u201b]")
# Two characters that enclose a command in a sentence, by which pages and terminals style it. Unicode reserves them for
# programs' own use.
_COMMAND_BEGIN, _COMMAND_END = "\ufdd0", "\ufdd1"
COMMAND_IN_TEXT = re.compile(f"{_COMMAND_BEGIN}([^{_COMMAND_BEGIN}{_COMMAND_END}]*){_COMMAND_END}")
# Commands that read no s.yaml.
_PROJECTLESS_COMMANDS = ("cost", "check", "show", "fleet")
# The file that printed commands use instead of s.yaml; empty for s.yaml.
SETTINGS_FILE: ContextVar[str] = ContextVar("TEMPLATE", default="")


# The command that estimates a migration's cost, with placeholders for the user's numbers.
COST_STEP = Step("cost", {"objects": "N", "size": "BYTES"})


def interpreter() -> str:
    """Return the name of the Python interpreter to print in commands, such as python3, or python or py on Windows."""
    if IS_WINDOWS:
        return "python" if shutil.which("python") else "py"
    name = Path(sys.executable).name
    return name if re.fullmatch(r"python3\.\d+", name) else "python3"


def command(step: Step | None) -> str:
    """Return the shell command for a step, or "" if `step` is None."""
    if step is None:
        return ""
    return " ".join(map(quote_word, [*step.words(interpreter(), _can_be_typed), *_template_option(step.job)]))


def sentence(text: Text, language: str) -> str:
    """Return a text in `language`, with its commands quoted for this machine's shell and enclosed in two marks.

    The marks are the characters of `COMMAND_IN_TEXT`.
    """
    return text.of(language, lambda step: f"{_COMMAND_BEGIN}{command(step)}{_COMMAND_END}")


def remove_marks(text: str) -> str:
    return COMMAND_IN_TEXT.sub(r"\1", text)


def _template_option(job: str) -> list[str]:
    return ["-t", SETTINGS_FILE.get()] if SETTINGS_FILE.get() and job not in _PROJECTLESS_COMMANDS else []


def chain(*steps: Step) -> str:
    """Join commands into a line in which each command runs only if the previous command succeeded.

    PowerShell before version 7 has no `&&`.
    """
    if not IS_WINDOWS:
        return " && ".join(map(command, steps))
    first_command, *later_commands = map(command, steps)
    return first_command + "".join(f"; if ($?) {{ {later_command} }}" for later_command in later_commands)


def quote_word(word: str) -> str:
    if not IS_WINDOWS:
        return shlex.quote(word)
    return word if _PLAIN_WORD.fullmatch(word) else "'" + _QUOTE_PATTERN.sub(r"\g<0>\g<0>", word) + "'"


def _can_be_typed(key: str) -> bool:
    """Return True if an object key can be part of a printed command: visible, and passed on by the shell unchanged.

    PowerShell loses quotation marks. A key with characters outside the encoding of the output is not printed as it is.
    """
    try:
        key.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return key.isprintable() and not (IS_WINDOWS and '"' in key)
