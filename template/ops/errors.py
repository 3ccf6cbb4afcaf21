"""Errors of a command: each says in English and in Chinese what went wrong and what to do.

OpsError
├── UsageError       the command is wrong or cannot be executed
├── ToolError        the Serverless Devs tool or the sandbox gave no answer
├── CloudError       Function Compute did not run the function to its end
├── FunctionError    the function raised an error
└── UntrustedError   a document is not what it claims to be
"""

from __future__ import annotations

from collections.abc import Sequence

from ops.exit_codes import ExitCode
from oss_oms_sync.answers.text import Text


class OpsError(Exception):
    """The error of a command: `problem` says what went wrong, and `fix` what to do.

    `output` has lines of another program, such as Serverless Devs.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, problem: Text, fix: Text, output: Sequence[str] = ()) -> None:
        self.problem = problem
        self.fix = fix
        self.output = output
        super().__init__(problem.en)


class UsageError(OpsError):
    """The error of a command that was refused before any change."""

    exit_code = ExitCode.REFUSED


class ToolError(OpsError):
    """The error of a call without an answer, after which it is unknown if the function ran."""


class CloudError(OpsError):
    """The error of a function that did not start or did not end."""


class FunctionError(OpsError):
    """The error of a deployed function that raised an exception; `error_type` is the name of the exception's class.

    If the function refused its payload with a PayloadError, the exit code is that of a usage error.
    """

    REFUSAL = "PayloadError"

    def __init__(self, error_type: str, problem: Text, fix: Text) -> None:
        self.error_type = error_type
        if error_type == self.REFUSAL:
            self.exit_code = UsageError.exit_code
        super().__init__(problem, fix)


class UntrustedError(OpsError):
    """The error of a document that is damaged, is not a certificate, or contradicts itself."""

    exit_code = ExitCode.UNTRUSTED
