"""The next step that a report recommends, as a value: a command of ops.py, or of the Serverless Devs tool."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Commands of the Serverless Devs tool.
_TOOL_COMMANDS = ("deploy", "remove")
_PLAIN_WORD = re.compile(r"[\w./:=@%+,-]+", re.ASCII)


@dataclass(frozen=True)
class Step:
    """A command of ops.py, such as `compare`, and its options by their names in payloads.

    The jobs `deploy` and `remove` are commands of the Serverless Devs tool instead. `str` formats a step for a POSIX
    shell.
    """

    job: str
    options: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join(map(_quote, self.words()))

    def words(self, python: str = "python3", can_be_typed: Callable[[str], bool] = str.isprintable) -> list[str]:
        """Return the words of the command, not yet quoted for a shell.

        `python` is the command that runs Python. A key for which `can_be_typed` returns False is escaped as in JSON.
        """
        words = ["s", self.job, "-y"] if self.job in _TOOL_COMMANDS else [python, "ops.py", self.job]
        for name, value in self.options.items():
            option = f"--{name.replace('_', '-')}"
            if name == "key" and not can_be_typed(str(value)):
                words += _join_option("--escaped-key", json.dumps(str(value))[1:-1].replace(r"\"", r"\u0022"))
            elif isinstance(value, Mapping):
                words += (word for element, reason in value.items() for word in (option, f"{element}={reason}"))
            elif isinstance(value, list):
                words += (word for element in value for word in _join_option(option, str(element)))
            else:
                words += [option] if value is True else _join_option(option, str(value))
        return words


def _join_option(option: str, value: str) -> list[str]:
    """Return an option and its value, joined in a single word if the value itself looks like an option."""
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def _quote(word: str) -> str:
    """Quote a word for a POSIX shell as `shlex.quote` does, without importing shlex in a cold start."""
    return word if _PLAIN_WORD.fullmatch(word) else "'" + word.replace("'", "'\"'\"'") + "'"
