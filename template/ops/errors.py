"""Errors of a command: each says in both languages what happened and what to do.

OpsError
├── UsageError       the command asks for something impossible
├── ToolError        the Serverless Devs tool or the sandbox gave no answer
├── CloudError       Function Compute did not run the function to its end
├── FunctionError    the function raised an error
└── UntrustedError   a document is not what it claims to be
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from oss_oms_sync.answers.text import Text, t


class ExitCode(IntEnum):
    """Exit codes of all commands, each with its meaning, which the help prints."""

    OK = (0, t("GO or OK"))
    FAILED = (1, t("NO-GO, an error, or not in step"))
    REFUSED = (2, t("wrong use, or not wanted"))
    NOT_PROVEN = (3, t("not proven, or to be continued"))
    UNTRUSTED = (4, t("a certificate that cannot be trusted"))
    STOPPED = (130, t("interrupted"))

    meaning: Text

    def __new__(cls, number: int, meaning: Text) -> ExitCode:  # noqa: PYI034  typing has Self since 3.11
        code = int.__new__(cls, number)
        code._value_, code.meaning = number, meaning
        return code


class OpsError(Exception):
    """An error with its remedy, `fix`, and the lines of another program's `output` about it."""

    exit_code = ExitCode.FAILED

    def __init__(self, happened: Text, fix: Text, output: Sequence[str] = ()) -> None:
        self.happened = happened
        self.fix = fix
        self.output = output
        super().__init__(happened.en)


class UsageError(OpsError):
    """A command that was refused before any change."""

    exit_code = ExitCode.REFUSED


class ToolError(OpsError):
    """A call without an answer; it is unknown if the function ran."""


class CloudError(OpsError):
    """A function that did not start, or did not end."""


class FunctionError(OpsError):
    """An error of type `kind` that the function raised; refusing its payload counts as wrong use."""

    REFUSAL = "PayloadError"

    def __init__(self, kind: str, happened: Text, fix: Text) -> None:
        self.kind = kind
        if kind == self.REFUSAL:
            self.exit_code = UsageError.exit_code
        super().__init__(happened, fix)


class UntrustedError(OpsError):
    """A document is damaged, is not a certificate, or contradicts itself."""

    exit_code = ExitCode.UNTRUSTED
