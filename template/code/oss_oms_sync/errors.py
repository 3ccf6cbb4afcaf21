"""The errors of the functions, the reasons of failed keys with their remedies, and the log.

Every message is one line without secrets that names the next step.

    OmsSyncError
    ├── SettingsError      a setting is missing or unusable; nothing was sent
    ├── CredentialsError   Function Compute gave the function no credentials; nothing was sent
    ├── EventError         the payload is partly unreadable; the readable part is sent and recorded
    ├── PayloadError       a manual payload has an option that the job does not know
    ├── RecordError        a failed key could not be recorded
    └── StorageError       OSS, or OBS, did not do what a job depends on

After any of them, Function Compute invokes the function again, and finally sends the event to the `onFailure`
destination: Function Compute still has the keys of an invocation that raised.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from urllib.parse import quote

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

# Replaces the missing reason of a record, for example of the vendor's handler.
UNKNOWN = "UNKNOWN"
_MAX_MESSAGE_CHARACTERS = 300
# Maximum number of a text's characters that are read to make a line.
_MAX_READ_CHARACTERS = 4096
_MAX_PROBLEMS = 3

log = logging.getLogger(__name__)


class OmsSyncError(Exception):
    """The base class of all errors of this project."""


class SettingsError(OmsSyncError):
    """All invalid settings, each with its name and an example of a valid value."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" | ".join(self.problems))


class CredentialsError(OmsSyncError):
    """The error of a function without a role."""


class EventError(OmsSyncError):
    """The unreadable parts of a payload: the first few, because an event may have many."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__(" | ".join(islice(problems, _MAX_PROBLEMS)))


class PayloadError(OmsSyncError):
    """An invalid payload of a manual call; the message says what to correct."""


class RecordError(OmsSyncError):
    """The log bucket stored no failed record for some keys: their number, and the first few reasons."""

    def __init__(self, problems: Sequence[str]) -> None:
        reasons = " | ".join(dict.fromkeys(problems[:_MAX_PROBLEMS]))
        super().__init__(f"{len(problems)} failed keys are not recorded: {reasons}")


class StorageError(OmsSyncError):
    """A failed call to OSS or OBS: raised, or returned by methods that make several calls.

    `answered`: the call was certainly not carried out; otherwise it may have been, or may still be. `code` is the
    cloud's error code, or OtherRegion, which OSS reports in several ways; for OBS see `obs_answers`. `is_refusal`: the
    cloud answers with this, a 4xx, to every such call for this object, but not to calls for all objects.
    """

    def __init__(self, problem: str, code: str = "", *, had_no_effect: bool = True, is_refusal: bool = False) -> None:
        self.code = code
        self.had_no_effect = had_no_effect
        self.is_refusal = is_refusal
        super().__init__(problem)


def permission_remedy(action: str, of: str = "synctask") -> Text:
    """Return the remedy if Huawei Cloud forbids an OMS action such as "createEvent"."""
    return t(
        "Grant the IAM user behind HW_AK the action oms:{of}:{action}: python3 policies/show.py prints the policy.",
        of=of,
        action=action,
    )


class Reason(Enum):
    """The reasons of failed keys. Failed records and logs have the name; `fix` is the remedy."""

    THROTTLED = t(
        "Nothing to do: OMS received too many requests. The object key is resent automatically. If this"
        " persists, ask Huawei Cloud for a higher API request limit."
    )
    UNAVAILABLE = t(
        "Nothing to do: OMS returned a server error. The object key is resent automatically. If this"
        " persists, check the service health in the Huawei Cloud console."
    )
    UNREACHABLE = t(
        "Check the host in SYNC_URL, and that s.yaml gives the function internetAccess: true. The object key is resent"
        " automatically."
    )
    TIMEOUT = t(
        "Nothing to do: OMS did not answer in time. The object key is resent automatically. If this"
        " persists, check the function's internet access."
    )
    DEADLINE = t(
        "Increase the function's timeout in s.yaml: it expired before this object key was submitted. The object key is"
        " resent automatically."
    )
    CREDENTIALS = t(
        "Check HW_AK and HW_SK (and HW_SECURITY_TOKEN, if set): Huawei Cloud rejects the access key or the signature."
    )
    CLOCK = t(
        "Nothing to change: the clock of the function instance is more than 15 minutes off, so Huawei Cloud"
        " rejects its requests. If this persists, open a ticket with Alibaba Cloud."
    )
    FORBIDDEN = permission_remedy("createEvent")
    ACCOUNT = t("Check the Huawei Cloud account behind HW_AK: it is restricted or frozen (overdue payment?).")
    NO_TASK = t(
        "Check SYNC_URL: the sync task does not exist in OMS. Copy the address again from the task's details"
        " in the OMS console (Synchronization Request Receiving Address)."
    )
    REJECTED = t(
        "OMS rejects this object key but accepts others in the same batch. Check the message, then rename"
        " the object or copy it by hand. Replay retries the key once a day."
    )
    REFUSED = t(
        "OMS rejects the request: check the message. Either this object key is invalid, or the task accepts"
        " no keys: check in the OMS console that the task is synchronizing. The object key is resent"
        " automatically."
    )
    CLOSED = t(
        "Nothing is submitted while the project is closed, but an application still wrote to the source."
        " Find out which application, and whether OBS needs the object: it is resent only if the project"
        " is opened again. For the next step: {step}.",
        step=Step("status"),
    )
    MARK_UNREAD = t(
        "Check the message: the project's closed mark could not be read from the log bucket, so nothing is"
        " submitted. The object key is resent as soon as the mark can be read."
    )
    COPY_FAILED = t(
        "OMS accepted this object key but failed to copy the object. Check OMS's code and message, and the"
        " remedy of the code. The key is resent automatically: at once, after 10 minutes, then at doubling"
        " intervals of up to a day."
    )
    UNEXPECTED = t("OMS returned an undocumented response. Check its status and message, and SYNC_URL.")

    def __init__(self, fix: Text) -> None:
        self.fix = fix


@dataclass(frozen=True)
class Failure:
    """The failure of a key: the reason, and OMS's message (a line without secrets)."""

    reason: Reason
    status: int | None = None
    error_code: str | None = None
    message: str = ""

    def remedy(self, action: str, of: str = "synctask") -> Text:
        """Return the remedy if `action` of OMS failed, such as "get"; each action has its own permission."""
        return permission_remedy(action, of) if self.reason is Reason.FORBIDDEN else self.reason.fix


# Reasons that concern every key, and do not pass without action.
PERMANENT_REASONS = {Reason.CREDENTIALS, Reason.CLOCK, Reason.FORBIDDEN, Reason.ACCOUNT, Reason.NO_TASK}
# Reasons in a key or its object: they may never pass.
KEY_REASONS = {Reason.REJECTED, Reason.REFUSED, Reason.COPY_FAILED}
# Reasons for which OMS is not called.
CLOSED_REASONS = {Reason.CLOSED, Reason.MARK_UNREAD}
# Reasons that do not depend on the batch, so bisecting does not help.
STOPPING_REASONS = {*PERMANENT_REASONS, *CLOSED_REASONS, Reason.DEADLINE}


def root_cause(error: BaseException) -> str:
    """Return the message of the error at the bottom of a chain, such as "Connection reset by peer"."""
    while below := error.__cause__ or error.__context__:
        error = below
    return str(error) or type(error).__name__


def printable_line(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` as one printable line of at most 300 characters, with all `secrets` masked."""
    # Each secret as it is, in a URL, and in JSON. The longest first: masking a secret inside another secret first would
    # leave the longer secret's remainder visible.
    forms = ((secret, quote(secret, safe=""), secret.replace("/", r"\/")) for secret in secrets if secret)
    masked = sorted(set(chain.from_iterable(forms)), key=len, reverse=True)
    spare = len(masked[0]) if masked else 0
    start = text[: _MAX_READ_CHARACTERS + spare]
    for secret in masked:
        start = start.replace(secret, "***")
    if len(text) > _MAX_READ_CHARACTERS + spare:
        start = start[: len(start) - spare]  # which may hold half a secret
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return line if len(line) <= _MAX_MESSAGE_CHARACTERS else line[: _MAX_MESSAGE_CHARACTERS - 1] + "…"
