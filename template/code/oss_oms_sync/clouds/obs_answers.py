"""The responses of OBS as values: an object, a part of an object, and an error with its remedy.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0083.html and obs_04_0084.html; obs_04_0115.html for
the error codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from oss_oms_sync.answers.text import t
from oss_oms_sync.clock import parse_http_date
from oss_oms_sync.clouds.listings import parse_xml
from oss_oms_sync.clouds.objects import extract_metadata
from oss_oms_sync.errors import Reason, StorageError

_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<size>\d+)", re.ASCII)

# Error codes of this project, in addition to those of OBS.
DEADLINE = "Deadline"
NETWORK = "Network"
NO_DESTINATION = "NoDestination"
NOT_OBS = "NotObs"
OUT_OF_ORDER = "OutOfOrder"
PERIOD = "PeriodInName"
REDIRECT = "Redirect"
THROTTLED = "Throttled"
UNAVAILABLE = "Unavailable"

_KEY_REMEDY = t("Check HW_AK and HW_SK (and HW_SECURITY_TOKEN, if set): OBS rejects the access key or the signature")
_PERMISSION_REMEDY = t(
    "Grant the IAM user of HW_AK the permission {action} on the bucket {bucket}, in a custom policy for OBS"
    " that is separate from the policy for OMS. In OBS, a grant takes effect after 15 to 30 minutes"
)
_FIXES = {
    "AccessDenied": _PERMISSION_REMEDY,
    "AccessForbidden": _PERMISSION_REMEDY,
    "InvalidAccessKeyId": _KEY_REMEDY,
    "InvalidSecurity": _KEY_REMEDY,
    "SignatureDoesNotMatch": _KEY_REMEDY,
    "RequestTimeTooSkewed": Reason.CLOCK.fix,
    "InvalidObjectState": t(
        "Restore the object in the OBS console: OBS can neither return nor change an archived object"
    ),
    "NoSuchBucket": t(
        "Check the destination of the sync task in the OMS console: OBS has no bucket {bucket} in the task's region"
    ),
    "VirtualHostDomainRequired": t(
        "Set OBS_ENDPOINT to https://obs.<region>.myhuaweicloud.com, or remove it: OBS expects the bucket"
        " in the host name"
    ),
    NO_DESTINATION: t("Check the destination of the sync task in the OMS console: OMS reports no OBS bucket or region"),
    PERIOD: t(
        "Use a destination bucket without a period in its name: OBS's TLS certificate does not cover {bucket}, so"
        " this project cannot compare the bucket"
    ),
    REDIRECT: t(
        "If OBS_ENDPOINT is set, correct or remove it. Otherwise, check in the OBS console that the bucket {bucket} is"
        " in the destination region of the sync task: OBS answered with a redirect, which this project does not follow"
    ),
    NOT_OBS: t("Check OBS_ENDPOINT and the proxy settings: another service answered instead of OBS"),
    OUT_OF_ORDER: t(
        "Open a ticket with Huawei Cloud: the listing of {bucket} repeats itself or is not sorted, so its objects"
        " cannot be compared. The bucket may be a parallel file system"
    ),
    THROTTLED: t(
        "Nothing to do: OBS received too many requests, and the job continues in its next run. If this persists,"
        " ask Huawei Cloud for a higher request limit"
    ),
    UNAVAILABLE: t(
        "Nothing to do: OBS returned a server error, and the job continues in its next run. If this persists, check"
        " the service health in the Huawei Cloud console"
    ),
    DEADLINE: t(
        "Nothing to do: the job's time limit was reached before the request to OBS, and the job continues in its"
        " next run"
    ),
    NETWORK: t(
        "Check OBS_ENDPOINT, if set, and the function's internet access: OBS did not answer in time. The job"
        " continues in its next run"
    ),
}
_DEFAULT_REMEDY = t(
    "Look up OBS's error code and message in Huawei Cloud's documentation: this project has no remedy for this code"
)


class NotFromObsError(ValueError):
    """The error of a response that OBS would not send, so that another host must have sent it."""


@dataclass(frozen=True)
class ObjectHead:
    """An object as HEAD and GET describe it. Fields without a line here have the form of those of ObjectSummary.

    - `encryption`: "kms", "AES256" or empty. If it is not empty, `etag` can be any text.
    - `version`: the object's version, or empty if the bucket has no versioning.
    - `metadata`: the user-defined metadata, in the form that `extract_metadata` returns.
    - `storage_class`: the storage class, or empty for the standard class.
    - `at`: the time of the response by OBS's clock, in seconds since 1970, or 0 if OBS did not state it.
    """

    size: int
    etag: str
    modified: int
    encryption: str
    version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)
    storage_class: str = field(default="", compare=False)
    at: int = field(default=0, compare=False)

    @classmethod
    def parse(cls, headers: Mapping[str, str], size: str) -> ObjectHead:
        """Return the object that the headers of a response to HEAD or GET describe; `size` is the text of its size.

        Raises NotFromObsError if the ETag, the size or the time is missing.
        """
        modified_time = parse_http_date(headers.get("Last-Modified"))
        response_time = parse_http_date(headers.get("Date"))
        etag = headers.get("ETag", "").strip('"').upper()
        if not modified_time or not etag or not size.isdecimal():
            raise NotFromObsError("it names no ETag, size or time")
        return cls(
            int(size),
            etag,
            int(modified_time.timestamp()),
            headers.get("x-obs-server-side-encryption", ""),
            headers.get("x-obs-version-id", ""),
            extract_metadata(headers),
            headers.get("x-obs-storage-class", ""),
            int(response_time.timestamp()) if response_time else 0,
        )


@dataclass(frozen=True)
class ObjectPart:
    """A part of an object: the bytes from the position `start` on. `head.size` is the size of the whole object."""

    head: ObjectHead
    start: int
    body: bytes

    @classmethod
    def parse(cls, status: int, headers: Mapping[str, str], body: bytes, start: int, length: int) -> ObjectPart:
        """Return the part in a response to a request for `length` bytes from `start` on.

        Raises NotFromObsError, also if the response contains other bytes of the object.
        """
        if status == 200 and start == 0:
            # OBS ignored the range and returned the whole object, of which `body` is the beginning.
            size = headers.get("Content-Length", "")
        else:
            match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            size = match["size"] if match and status == 206 and int(match["first"]) == start else ""
        head = ObjectHead.parse(headers, size)
        if len(body) != min(length, head.size - start):
            raise NotFromObsError("it is not the range that was asked for")
        return cls(head, start, body)


class ObsError(StorageError):
    """The error of a failed call to OBS. Its message begins with the English text of `fix`, the remedy."""

    def __init__(self, code: str, problem: str, action: str, bucket: str, *, is_refusal: bool = False) -> None:
        """Create the error of a call that needs the permission `action`.

        `code` is an error code of OBS or of this project, and `problem` describes the observation.
        """
        self.fix = _FIXES.get(code, _DEFAULT_REMEDY).filled(action=action, bucket=bucket)
        super().__init__(f"{self.fix.en} ({problem})", code, had_no_effect=code != NETWORK, is_refusal=is_refusal)


def parse_code_and_message(body: bytes) -> tuple[str, str]:
    """Return the error code and the message in a response of OBS.

    If the body is not an error of OBS, the code is empty and the message is the body's text.
    """
    try:
        root = parse_xml(body)
    except (ElementTree.ParseError, ValueError):
        return "", body.decode("utf-8", "replace")
    return root.findtext("{*}Code", ""), root.findtext("{*}Message", "")
