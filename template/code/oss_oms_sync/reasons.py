"""Why a key was not accepted, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.text import Text, t


def grant(action: str, of: str = "synctask") -> Text:
    """What to do if Huawei Cloud forbids an OMS action such as "createEvent"."""
    return t(
        "Grant the IAM user behind HW_AK the action oms:{of}:{action}: python3 policies/show.py prints the policy.",
        of=of,
        action=action,
    )


# In the place of a reason where a record tells none, as those of the vendor's handler.
UNKNOWN = "UNKNOWN"
# What opens a closed project again.
OPEN_COMMAND = "python3 ops.py open"


class Reason(Enum):
    """Why a key failed. The name appears in failed records and logs; `fix` says what to do."""

    THROTTLED = t(
        "Nothing to do: OMS received too many requests. The object key is resent automatically. If this lasts, ask"
        " Huawei Cloud to raise the API's request limit."
    )
    UNAVAILABLE = t(
        "Nothing to do: OMS returned a server error. The object key is resent automatically. If this lasts, look for"
        " news of service health in the Huawei Cloud console."
    )
    UNREACHABLE = t(
        "Check the host in SYNC_URL, and that s.yaml gives the function internetAccess: true. The object key is resent"
        " automatically."
    )
    TIMEOUT = t(
        "Nothing to do: OMS did not answer in time. The object key is resent automatically. If this lasts, check the"
        " function's internet access."
    )
    DEADLINE = t(
        "Increase the function's timeout in s.yaml: it expired before this object key was submitted. The object key is"
        " resent automatically."
    )
    CREDENTIALS = t(
        "Check HW_AK and HW_SK (and HW_SECURITY_TOKEN, if set): Huawei Cloud rejects the access key or the signature."
    )
    CLOCK = t(
        "Nothing to change: the clock of the function instance is more than 15 minutes off, so Huawei Cloud rejects"
        " its requests. If this lasts, open a ticket with Alibaba Cloud."
    )
    FORBIDDEN = grant("createEvent")
    ACCOUNT = t("Check the Huawei Cloud account behind HW_AK: it is restricted or frozen (overdue payment?).")
    NO_TASK = t(
        "Check SYNC_URL: OMS knows no such sync task. Copy the URL again from the task's details in the OMS console"
        " (Synchronization Request Receiving Address)."
    )
    REJECTED = t(
        "OMS rejects this object key but accepts others in the same batch. See the message, then rename the object or"
        " copy it by hand. It is retried once a day."
    )
    REFUSED = t(
        "OMS rejects the request: see the message. Either this object key is invalid, or the task accepts none: check"
        " in the OMS console that it is synchronizing. The object key is resent automatically."
    )
    CLOSED = t(
        "Nothing is sent while the project is closed, but somebody still wrote to the source. Find out who, and"
        " whether the object is needed in OBS. It is resent once the project is opened again: `{open_command}`.",
        open_command=OPEN_COMMAND,
    )
    MARK_UNREAD = t(
        "See the message: whether the project is closed could not be read from the log bucket, so nothing is sent. The"
        " object key is resent as soon as that is known."
    )
    COPY_FAILED = t(
        "OMS accepted this object key but failed to copy the object. See OMS's code and message, and what to do about"
        " that code. It is resent automatically: at once, then after 10 minutes, and after twice as long each time, up"
        " to a day."
    )
    UNEXPECTED = t("OMS returned an undocumented response. See its status and message, and check SYNC_URL.")

    def __init__(self, fix: Text) -> None:
        self.fix = fix


@dataclass(frozen=True)
class Failure:
    """Why one key failed: the reason, and what OMS said (`message` is one line without secrets)."""

    reason: Reason
    status: int | None = None
    error_code: str | None = None
    message: str = ""

    def remedy(self, action: str, of: str = "synctask") -> Text:
        """What to do if `action` of OMS failed, such as "get": being forbidden one is not being forbidden another."""
        return grant(action, of) if self.reason is Reason.FORBIDDEN else self.reason.fix


# Reasons that concern every key, and do not pass by themselves.
PERMANENT = {Reason.CREDENTIALS, Reason.CLOCK, Reason.FORBIDDEN, Reason.ACCOUNT, Reason.NO_TASK}
# Reasons that lie in a key or its object: they may never pass.
OF_ONE_KEY = {Reason.REJECTED, Reason.REFUSED, Reason.COPY_FAILED}
# Reasons for which OMS is not called.
MAY_NOT_SEND = {Reason.CLOSED, Reason.MARK_UNREAD}
# Reasons that neither bisecting nor another batch would change.
STOPS_RUN = {*PERMANENT, *MAY_NOT_SEND, Reason.DEADLINE}
