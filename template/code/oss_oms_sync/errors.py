"""Errors of the functions, the reasons for failed keys with their remedies, and the logger.

Every message is one line without secrets that names the next step.

    OmsSyncError
    ├── SettingsError      a setting is missing or unusable; nothing was submitted
    ├── CredentialsError   Function Compute gave the function no credentials; nothing was submitted
    ├── EventError         the payload is partly unreadable; the readable part is submitted and recorded
    ├── PayloadError       a manual payload has an option that the job does not know
    ├── RecordError        a failed key could not be recorded
    └── StorageError       a call to OSS or OBS failed, and the job depends on it

If a function raises one of these errors, Function Compute still has the event with its keys: it invokes the function
again, and finally sends the event to the `onFailure` destination.
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

# The reason of a failed record that states none, such as a record of Huawei's sample function, and its remedy.
UNKNOWN_REASON = "UNKNOWN"
UNKNOWN_REASON_FIX = t(
    "Nothing to do: the failed record states no reason, such as a record of Huawei's sample function. Replay resends"
    " the object key automatically. If the key fails again, the new record names the reason."
)
_MAX_MESSAGE_CHARACTERS = 300
# Number of characters of a text from which a printable line is made; the rest of the text is ignored.
_MAX_READ_CHARACTERS = 4096
_MAX_PROBLEMS = 3

log = logging.getLogger(__name__)


class OmsSyncError(Exception):
    """The base class of all errors of this project."""


class SettingsError(OmsSyncError):
    """An error that lists every invalid setting, each with its name and an example of a valid value."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" | ".join(self.problems))


class CredentialsError(OmsSyncError):
    """The error of a function to which no role is assigned."""


class EventError(OmsSyncError):
    """The error of a payload with unreadable parts; its message describes only the first few of them."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__(" | ".join(islice(problems, _MAX_PROBLEMS)))


class PayloadError(OmsSyncError):
    """The error of a manual call with an invalid payload; its message says what to correct."""


class RecordError(OmsSyncError):
    """The error of keys whose failed records the log bucket did not store.

    The message has the number of keys, and the first few reasons.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        reasons = " | ".join(dict.fromkeys(problems[:_MAX_PROBLEMS]))
        super().__init__(f"{len(problems)} failed keys are not recorded: {reasons}")


class StorageError(OmsSyncError):
    """The error of a failed call to OSS or OBS; methods that make several calls return it instead of raising it.

    - `had_no_effect`: True if the cloud certainly did not carry out the call. Otherwise the cloud may have carried it
      out, or may still do so.
    - `code`: the cloud's error code, or OtherRegion for a bucket of another region, which OSS reports in several ways.
      The codes of OBS are in `obs_answers`.
    - `is_refusal`: True if the cloud refused the call with a 4xx status because of this object. A retry would fail as
      well, but calls for other objects may succeed.
    """

    def __init__(self, problem: str, code: str = "", *, had_no_effect: bool = True, is_refusal: bool = False) -> None:
        self.code = code
        self.had_no_effect = had_no_effect
        self.is_refusal = is_refusal
        super().__init__(problem)


def permission_remedy(action: str, resource: str = "synctask") -> Text:
    """Return the remedy if Huawei Cloud forbids an action of OMS, such as "createEvent" of a "synctask"."""
    return t(
        "Grant the IAM user of HW_AK the permission oms:{of}:{action} (python3 policies/show.py prints the policy).",
        of=resource,
        action=action,
    )


class Reason(Enum):
    """The reason why a key failed, with the remedy `fix`; failed records and logs contain the reason's name."""

    THROTTLED = t(
        "Nothing to do: OMS received too many requests. Replay resends the object key automatically. If this"
        " persists, ask Huawei Cloud for a higher API request limit."
    )
    UNAVAILABLE = t(
        "Nothing to do: OMS returned a server error. Replay resends the object key automatically. If this persists,"
        " check the service health in the Huawei Cloud console."
    )
    UNREACHABLE = t(
        "Check the host in SYNC_URL, and the function's internet access (internetAccess: true in s.yaml,"
        " or a VPC with a NAT gateway). Replay resends the object key automatically."
    )
    TIMEOUT = t(
        "Nothing to do: OMS did not answer in time. Replay resends the object key automatically. If this"
        " persists, check the function's internet access: a VPC needs a NAT gateway."
    )
    DEADLINE = t(
        "Increase the timeout of forward in s.yaml: it expired before this object key was submitted. Replay resends"
        " the object key automatically."
    )
    CREDENTIALS = t(
        "Huawei Cloud rejects the access key or the signature. Check in IAM that the access key of HW_AK exists and is"
        " enabled. Then store HW_AK and HW_SK again ({step}; for a temporary key also HW_SECURITY_TOKEN), and deploy.",
        step=Step("secrets"),
    )
    CLOCK = t(
        "The function instance's clock is more than 15 minutes off, so Huawei Cloud rejects the instance's requests."
        " You need not change a setting: replay resends failed objects automatically. If this persists, open a ticket"
        " with Alibaba Cloud."
    )
    FORBIDDEN = permission_remedy("createEvent")
    ACCOUNT = t(
        "Check the Huawei Cloud account of HW_AK: it is restricted or frozen, perhaps because of an overdue payment."
    )
    NO_TASK = t(
        "Check SYNC_URL: OMS has no sync task at this address. Copy the task's Synchronization Request Receiving"
        " Address from its details in the OMS console."
    )
    REJECTED = t(
        "OMS rejects this object key but accepts other object keys in the same batch. Check OMS's"
        " message, then rename the object or copy it by hand. Replay retries the key once a day."
    )
    REFUSED = t(
        "OMS rejects the request: check OMS's message. If this object key is invalid, rename the object"
        " or copy it by hand. If the task accepts no keys, check in the OMS console that the task is"
        " synchronizing. Replay resends the object key automatically."
    )
    CLOSED = t(
        "The project is closed and submits nothing, but an application has written to the source. Find out which"
        " application it was, and whether OBS needs the object: replay resends the key only if the project is"
        " opened again. For the next step: {step}.",
        step=Step("status"),
    )
    MARK_UNREAD = t(
        "Check OSS's error message: the functions submit nothing, because they could not read from the log"
        " bucket whether the project is closed. Replay resends the object key as soon as replay can read the"
        " project's state."
    )
    COPY_FAILED = t(
        "OMS accepted this object key but failed to copy the object. Check OMS's error code and message, and the"
        " remedy for the code. Replay resends the key automatically: at once, after 10 minutes, then at doubling"
        " intervals of up to a day."
    )
    UNEXPECTED = t("OMS returned an undocumented response. Check SYNC_URL, and the status and message of the response.")

    def __init__(self, fix: Text) -> None:
        self.fix = fix


@dataclass(frozen=True)
class Failure:
    """The reason why a key failed, with the HTTP status, the error code and the message of OMS's answer.

    Without an answer, `status` and `error_code` are None. `message` is a single line without secrets.
    """

    reason: Reason
    status: int | None = None
    error_code: str | None = None
    message: str = ""

    def remedy(self, action: str, resource: str = "synctask") -> Text:
        """Return the remedy if this action of OMS failed, for example the action "get" of a "synctask".

        The remedy for a missing permission names the action, because each action has a permission of its own.
        """
        return permission_remedy(action, resource) if self.reason is Reason.FORBIDDEN else self.reason.fix


# Reasons that apply to every key, and persist until their remedy is applied.
PERMANENT_REASONS = {Reason.CREDENTIALS, Reason.CLOCK, Reason.FORBIDDEN, Reason.ACCOUNT, Reason.NO_TASK}
# Reasons that lie in a key or its object, so that resending the key may never succeed.
KEY_REASONS = {Reason.REJECTED, Reason.REFUSED, Reason.COPY_FAILED}
# Reasons for which a key was not submitted to OMS at all.
CLOSED_REASONS = {Reason.CLOSED, Reason.MARK_UNREAD}
# Reasons that do not depend on the keys of a batch, so submitting its halves would fail as well.
STOPPING_REASONS = {*PERMANENT_REASONS, *CLOSED_REASONS, Reason.DEADLINE}


def root_cause(error: BaseException) -> str:
    """Return the message of the original error in a chain of exceptions, such as "Connection reset by peer"."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return str(error) or type(error).__name__


def printable_line(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` as one printable line of at most 300 characters, with all `secrets` masked."""
    # A text may contain a secret as it is, as part of a URL, or as part of JSON. The longest form is masked first: if a
    # form inside a longer form were masked first, the remainder of the longer form would stay visible.
    forms = ((secret, quote(secret, safe=""), secret.replace("/", r"\/")) for secret in secrets if secret)
    ordered_forms = sorted(set(chain.from_iterable(forms)), key=len, reverse=True)
    longest_form_length = len(ordered_forms[0]) if ordered_forms else 0
    text_start = text[: _MAX_READ_CHARACTERS + longest_form_length]
    for form in ordered_forms:
        text_start = text_start.replace(form, "***")
    if len(text) > _MAX_READ_CHARACTERS + longest_form_length:
        text_start = text_start[: len(text_start) - longest_form_length]  # its end may contain a part of a secret
    line = " ".join("".join(character if character.isprintable() else " " for character in text_start).split())
    return line if len(line) <= _MAX_MESSAGE_CHARACTERS else line[: _MAX_MESSAGE_CHARACTERS - 1] + "…"
