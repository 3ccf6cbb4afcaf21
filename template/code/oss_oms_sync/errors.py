"""The errors that the functions raise on purpose, and the log, to which they tell the others. Every message is one line
without secrets that says what to do.

    OmsSyncError
    ├── SettingsError      a setting is missing or unusable; nothing was sent
    ├── CredentialsError   Function Compute gave the function no credentials; nothing was sent
    ├── EventError         the payload is partly unreadable; what was readable is sent and recorded
    ├── PayloadError       a manual payload asks for something that the job does not know
    ├── RecordError        a failed key could not be recorded
    └── StorageError       OSS, or OBS, did not do what a job depends on

After any of them, Function Compute invokes the function again, and in the end hands the event to the `onFailure`
destination: the keys of an invocation that raised are still with Function Compute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from urllib.parse import quote

_MAX_MESSAGE = 300
# How much of a text is looked at to make one line of it.
_MAX_SCANNED = 4096
_MAX_PROBLEMS = 3

log = logging.getLogger(__name__)


class OmsSyncError(Exception):
    """The root of the tree."""


class SettingsError(OmsSyncError):
    """All invalid settings at once, each with its name and what a valid value looks like."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" | ".join(self.problems))


class CredentialsError(OmsSyncError):
    """The function runs without a role."""


class EventError(OmsSyncError):
    """What could not be read of the payload, and why: only the first few, because all of an event may be wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__(" | ".join(islice(problems, _MAX_PROBLEMS)))


class PayloadError(OmsSyncError):
    """What cannot be used in a manual payload, and what can."""


class RecordError(OmsSyncError):
    """The log bucket accepted no failed record for some keys: how many, and the first few reasons why."""

    def __init__(self, problems: Sequence[str]) -> None:
        some = " | ".join(dict.fromkeys(problems[:_MAX_PROBLEMS]))
        super().__init__(f"{len(problems)} failed keys are not recorded: {some}")


class StorageError(OmsSyncError):
    """What OSS or OBS answered to a call that failed: raised, or returned where a caller makes many.

    `answered`: it was certainly not carried out; otherwise it may have been, or still be. `code` is the cloud's error
    code, or OtherRegion, which OSS reports in several ways; for OBS see `obs_answers`. `is_refusal`: OSS answers this,
    a 4xx, to any such call for this object, and not to all calls for whatever object.
    """

    def __init__(self, problem: str, code: str = "", *, answered: bool = True, is_refusal: bool = False) -> None:
        self.code = code
        self.answered = answered
        self.is_refusal = is_refusal
        super().__init__(problem)


def root_cause(error: BaseException) -> str:
    """The message of the error at the bottom of a chain: "Connection reset by peer", not the layers above it."""
    while below := error.__cause__ or error.__context__:
        error = below
    return str(error) or type(error).__name__


def presentable(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` as one printable line of at most 300 characters, with all `secrets` masked."""
    # The longest first: otherwise a secret inside another one is masked, and leaves the rest of that one visible.
    # As it is, in a URL, and in JSON.
    forms = ((secret, quote(secret, safe=""), secret.replace("/", r"\/")) for secret in secrets if secret)
    masked = sorted(set(chain.from_iterable(forms)), key=len, reverse=True)
    spare = len(masked[0]) if masked else 0
    start = text[: _MAX_SCANNED + spare]
    for secret in masked:
        start = start.replace(secret, "***")
    if len(text) > _MAX_SCANNED + spare:
        start = start[: len(start) - spare]  # which may hold half a secret
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"
