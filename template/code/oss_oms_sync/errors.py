"""What the function raises on purpose. Every message is one line that says what to do, and holds no secret.

    OmsSyncError
    ├── SettingsError      a setting is missing or unusable; nothing was sent
    ├── CredentialsError   Function Compute gave the function no credentials; nothing was sent
    ├── EventError         the payload is partly unreadable; what was readable is sent and recorded
    ├── PayloadError       a payload by hand asks for what the job does not know
    ├── RecordError        a failed key could not be recorded
    └── StorageError       OSS did not do what a job cannot go on without

Function Compute answers each by invoking again, later by handing the event to the `onFailure` destination: a
key of an invocation that raised is still Function Compute's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from urllib.parse import quote

_MAX_MESSAGE = 300
# No more of a text is looked at for the sake of one line.
_MAX_SCANNED = 4096
_MAX_PROBLEMS = 3


class OmsSyncError(Exception):
    """The root of the tree."""


class SettingsError(OmsSyncError):
    """Every unusable setting at once, each with its name and what a right value looks like."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" | ".join(self.problems))


class CredentialsError(OmsSyncError):
    """The function runs without a role."""


class EventError(OmsSyncError):
    """What of the payload could not be read, and why: the first few, for an event may be wrong throughout."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__(" | ".join(islice(problems, _MAX_PROBLEMS)))


class PayloadError(OmsSyncError):
    """What of a payload by hand cannot be used, and what can."""


class RecordError(OmsSyncError):
    """The log bucket took no failed record for some keys: how many, and the first few reasons why."""

    def __init__(self, problems: Sequence[str]) -> None:
        some = " | ".join(dict.fromkeys(problems[:_MAX_PROBLEMS]))
        super().__init__(f"{len(problems)} failed keys are not recorded: {some}")


class StorageError(OmsSyncError):
    """What OSS said to a read, a write or a listing that a job cannot go on without; `code` as StorageFailure's."""

    def __init__(self, problem: str, code: str = "") -> None:
        self.code = code
        super().__init__(problem)


def root_cause(error: BaseException) -> str:
    """What the error at the bottom of a chain says: "Connection reset by peer", not the layers above it."""
    while below := error.__cause__ or error.__context__:
        error = below
    return str(error) or type(error).__name__


def presentable(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` as one printable line of at most 300 characters, with every one of `secrets` masked."""
    # The longest first: otherwise a part that is itself one of them is masked and leaves the rest in sight.
    masked = sorted({form for secret in filter(None, secrets) for form in _forms(secret)}, key=len, reverse=True)
    spare = len(masked[0]) if masked else 0
    start = text[: _MAX_SCANNED + spare]
    for secret in masked:
        start = start.replace(secret, "***")
    if len(text) > _MAX_SCANNED + spare:
        start = start[: len(start) - spare]  # where half a secret may stand
    line = "".join(c if c.isprintable() else " " for c in start)
    line = " ".join(line.split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def _forms(secret: str) -> tuple[str, str, str]:
    """As it is, in a URL, and in JSON."""
    return secret, quote(secret, safe=""), secret.replace("/", r"\/")
