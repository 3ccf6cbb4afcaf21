"""The commands that are printed: ops.py's, by the interpreter that runs it, as this machine's shell takes them."""

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
# What PowerShell takes as it stands; and what it takes for the end of what is in single quotes, unless it is doubled.
_PLAIN = re.compile(r"(?!@)[\w./:=@+-]+", re.ASCII)
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
# How a command stands in a sentence: its options, and the value of those that take one.
_VALUE = r"(?:'[^']*'|[A-Za-z0-9_./:@%+=,-]*[A-Za-z0-9_/])"
_VALUED = "(?:reason|since|prefix|key|escaped-key|objects|size|frozen-since|accept)"
IN_TEXT = rf"(?<![A-Za-z0-9_])py[a-z0-9.]* ops\.py [a-z]+(?: --{_VALUED}[ =]{_VALUE}| --[a-z-]+| -t[ =]{_VALUE})*"
# The Serverless Devs tool's own.
_OF_TOOL = ("deploy", "remove")
# Those that ask for no project.
_OF_NONE = ("cost", "check", "show")
# What this runs with instead of s.yaml, and what every command that is printed names then; empty for s.yaml.
TEMPLATE: ContextVar[str] = ContextVar("TEMPLATE", default="")


class Typed:
    """A command in a sentence: how it is typed, and with which file, is only known where the sentence is said."""

    def __init__(self, job: str, **options: object) -> None:
        self._step = Step(job, options)

    def __str__(self) -> str:
        return command(self._step)


# What a migration costs, of numbers that whoever asks fills in.
COST = Typed("cost", objects="N", size="BYTES")


def interpreter() -> str:
    """What this runs by, as it is typed: where there is a `python`, it is the `python3` beside it."""
    if IS_WINDOWS:
        return "python" if shutil.which("python") else "py"
    name = Path(sys.executable).name
    return name if re.fullmatch(r"python3\.\d+", name) else "python3"


def command(step: Step | None) -> str:
    """A next step as a shell takes it; empty if there is none."""
    if step is None:
        return ""
    head = ["s", step.job, "-y"] if step.job in _OF_TOOL else [interpreter(), "ops.py", step.job]
    words: list[str] = []
    for name, value in step.options.items():
        option = f"--{name.replace('_', '-')}"
        if name == "key" and not _can_be_typed(str(value)):
            words += _given("--escaped-key", json.dumps(str(value))[1:-1].replace(r"\"", r"\u0022"))
        elif isinstance(value, Mapping):
            words += (word for one, why in value.items() for word in (option, f"{one}={why}"))
        elif isinstance(value, list):
            words += (word for one in value for word in _given(option, str(one)))
        else:
            words += [option] if value is True else _given(option, str(value))
    return " ".join(map(quoted, [*head, *words, *_of_file(step.job)]))


def with_file(sentence: str) -> str:
    """A sentence of a function, which knows no file, as it holds for the file that this runs with."""

    def named(match: re.Match[str]) -> str:
        file = [] if " -t" in match[0] else _of_file(match[0].split(" ")[2])
        return " ".join([match[0], *map(quoted, file)])

    return re.sub(IN_TEXT, named, sentence) if TEMPLATE.get() else sentence


def _of_file(job: str) -> list[str]:
    return _given("-t", TEMPLATE.get()) if TEMPLATE.get() and job not in _OF_NONE else []


def one_after_another(*steps: Step) -> str:
    """Commands of which each wants that the one before went well. PowerShell has && only since its version 7."""
    if not IS_WINDOWS:
        return " && ".join(map(command, steps))
    first, *others = map(command, steps)
    return first + "".join(f"; if ($?) {{ {one} }}" for one in others)


def quoted(word: str) -> str:
    """A word as a POSIX shell takes it, or PowerShell."""
    if not IS_WINDOWS:
        return shlex.quote(word)
    return word if _PLAIN.fullmatch(word) else "'" + _QUOTES.sub(r"\g<0>\g<0>", word) + "'"


def _given(option: str, value: str) -> list[str]:
    """An option with its value: in one word where that could be taken for another option."""
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def _can_be_typed(key: str) -> bool:
    """Whether a key can be seen, and comes through: PowerShell loses quotation marks on the way to a program, and
    what the output's encoding lacks is printed as another key."""
    try:
        key.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return key.isprintable() and not (IS_WINDOWS and '"' in key)
