"""What can go wrong between a command and its answer: each error says in both languages what happened and what to do.

OpsError
├── UsageError       the command asks for something that cannot be done
├── ToolError        the Serverless Devs tool, or what stands in for it, gave no answer
├── CloudError       Function Compute did not run the function to its end
├── FunctionError    the function ran, and raised an error
└── UntrustedError   a document is not what it claims to be
"""

from __future__ import annotations

from collections.abc import Sequence

from oss_oms_sync.answers.text import Text


class OpsError(Exception):
    """What happened, what to do about it, and what others said of it, line by line."""

    exit_code = 1

    def __init__(self, happened: Text, fix: Text, said: Sequence[str] = ()) -> None:
        self.happened = happened
        self.fix = fix
        self.said = said
        super().__init__(happened.en)


class UsageError(OpsError):
    """Nothing was done."""

    exit_code = 2


class ToolError(OpsError):
    """It is not known what the function did, if it was called at all."""


class CloudError(OpsError):
    """The function did not begin, or not end."""


class FunctionError(OpsError):
    """An error that the function raised, of a type `kind`; a refusal of its payload is wrong use."""

    REFUSAL = "PayloadError"

    def __init__(self, kind: str, happened: Text, fix: Text) -> None:
        self.kind = kind
        if kind == self.REFUSAL:
            self.exit_code = UsageError.exit_code
        super().__init__(happened, fix)


class UntrustedError(OpsError):
    """Nobody may go by it."""

    exit_code = 4
