"""Records: one object in the log bucket for each outcome of a key, named as in answers/layout.py.

    success    body: the accepted version's eTag, or "-"; or "{eTag} again" if OMS accepted that version twice
    failed     body: the reason of the failure, as JSON
    proven     body: the result of reading the object; see comparison/proof.py

If a key is too long for the name of a record, the body has the key, except in proofs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from oss_oms_sync import jsontext
from oss_oms_sync.answers.layout import is_long, record_name, record_prefix
from oss_oms_sync.clock import parse_http_date, parse_time, timestamp
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import CLOSED_REASONS, UNKNOWN_REASON, Failure
from oss_oms_sync.events import ObjectChange

# Metadata of a long key's record: the eTag, because the body is the key.
ETAG_HEADER = "x-oss-meta-etag"
# Metadata of a success record: the number of submissions after a failed copy by OMS.
COPY_ATTEMPTS_HEADER = "x-oss-meta-copy-attempts"
# Metadata of a resent key's success record: the time of the key's first failure, as in failed records.
_FIRST_FAILURE_HEADER = "x-oss-meta-first-failure"
_REPEATED_MARK = " again"
# The body of a success record without an ETag.
NO_VERSION = "-"


def repeated_etag(etag: str) -> str:
    """Return the body of a success record for a version that OMS accepted again; listings show the difference."""
    return f"{etag}{_REPEATED_MARK}"


def success_record(task_id: str, key: FailedKey) -> StoredObject:
    """Return the record of an accepted key.

    The record is never empty, because empty records are those of the function that Huawei publishes.
    """
    change = key.change
    details: dict[str, str] = {}
    name, etag = record_name(task_id, "success", change.key), change.etag or NO_VERSION
    if key.first_failure:
        details[_FIRST_FAILURE_HEADER] = key.first_failure
    if key.copy_attempts:
        etag, details[COPY_ATTEMPTS_HEADER] = repeated_etag(etag.removesuffix(_REPEATED_MARK)), str(key.copy_attempts)
    if not is_long(task_id, "success", change.key):
        return StoredObject(name, etag.encode(), {"Content-Type": "text/plain", **details})
    headers = {"Content-Type": "text/plain; charset=utf-8", ETAG_HEADER: etag, **details}
    return StoredObject(name, change.key.encode(), headers)


def success_etag(record: StoredObject) -> str:
    """Return the accepted version's ETag from a stored success record, or "" if the record has none."""
    return record.headers.get(ETAG_HEADER, record.body.decode("utf-8", "replace"))


def count_copy_attempts(record: StoredObject) -> int:
    """Return the number of submissions of a version after failed copies, from the version's success record."""
    text = record.headers.get(COPY_ATTEMPTS_HEADER, "")
    return int(text) if text.isdecimal() else 0


def write_time(record: StoredObject) -> int:
    """Return the time when a stored record was written, in seconds since 1970, or 0 if OSS does not report it."""
    modified_time = parse_http_date(record.headers.get("last-modified"))
    return int(modified_time.timestamp()) if modified_time else 0


def first_outcome_time(record: StoredObject) -> float:
    """Return the time of the key's first failure, or of its success if it never failed, in seconds since 1970.

    `record` is the key's stored success record.
    """
    first_failure = parse_time(record.headers.get(_FIRST_FAILURE_HEADER, ""))
    return first_failure.timestamp() if first_failure else write_time(record)


def failed_record(task_id: str, key: FailedKey, failure: Failure, now: datetime, not_before: str = "") -> StoredObject:
    """Return the record of a failed key, with the time of the key's first failure.

    `not_before` is the time before which replay does not resend the key.
    """
    change, failed_at = key.change, timestamp(now)
    body: dict[str, object] = {
        "key": change.key,
        "reason": failure.reason.name,
        "status": failure.status,
        "error_code": failure.error_code,
        "message": failure.message,
        "event_name": change.event_name,
        "event_time": change.event_time,
        "etag": change.etag,
        "first_failure": key.first_failure or failed_at,
        "last_failure": failed_at,
    }
    if key.copy_attempts:
        body["copy_attempts"] = key.copy_attempts
    if not_before:
        body["not_before"] = not_before
    return StoredObject.of_json(record_name(task_id, "failed", change.key), body)


@dataclass(frozen=True)
class FailedKey:
    """A key to resend, with the fields of its failed record, which may be empty.

    - `copy_attempts`: after failed copies, the number of this attempt, from 1; 0 if the key failed for another reason.
    - `error_code`, `message`: the error code and the message of OMS's last failure. Run files do not keep the message.
    """

    change: ObjectChange
    first_failure: str = ""
    reason: str = ""
    last_failure: str = ""
    not_before: str = ""
    copy_attempts: int = 0
    error_code: str = ""
    message: str = ""

    @property
    def key(self) -> str:
        return self.change.key

    @property
    def reason_name(self) -> str:
        """The name of the reason for reports, or UNKNOWN if the record has no reason."""
        return self.reason or UNKNOWN_REASON

    def with_change(self, change: ObjectChange) -> FailedKey:
        """Return the key with a newer change of its object, or the key itself if `change` has no ETag.

        Copy attempts count only for the same version.
        """
        if not change.etag:
            return self
        is_same_version = change.etag == self.change.etag
        return replace(self, change=change, copy_attempts=self.copy_attempts if is_same_version else 0)

    @property
    def was_refused_as_closed(self) -> bool:
        """True if the key was not submitted because the project was closed or its closed mark could not be read."""
        return self.reason in _CLOSED_REASON_NAMES

    @property
    def has_failed_before(self) -> bool:
        """True if the key has failed more than once, or if OMS accepted it and then failed to copy the object."""
        return self.copy_attempts > 0 or self.last_failure not in ("", self.first_failure)

    def to_json(self) -> dict[str, object]:
        return {**asdict(self.change), **{name: getattr(self, name) for name in (*_TEXT_FIELDS, "copy_attempts")}}

    @classmethod
    def from_json(cls, fields: object, key: str = "") -> FailedKey | None:
        """Parse an entry of a run file or the body of a failed record; return None if the key is unknown.

        The body may be empty in a record of the function that Huawei publishes. In this case `key` has to name the key.
        """
        entry = fields if isinstance(fields, dict) else {}
        texts = {name: value for name, value in entry.items() if isinstance(value, str)}
        key = key or texts.get("key", "")
        if not key:
            return None
        change = ObjectChange(key, *(texts.get(name, "") for name in ("event_name", "event_time", "etag")))
        attempts = entry.get("copy_attempts")
        number = attempts if isinstance(attempts, int) and attempts > 0 else 0
        details = {name: texts.get(name, "") for name in (*_TEXT_FIELDS, "message")}
        return cls(change, copy_attempts=number, **details)


_CLOSED_REASON_NAMES = {reason.name for reason in CLOSED_REASONS}
_TEXT_FIELDS = ("first_failure", "reason", "last_failure", "not_before", "error_code")


def parse_failed_record(task_id: str, record: StoredObject) -> FailedKey | None:
    """Return the key of a failed record, or None if a record named by a hash does not contain its key."""
    name = record.name.removeprefix(record_prefix(task_id, "failed"))
    fields = jsontext.load(record.body)
    if name != record.name:
        return FailedKey.from_json(fields, name)
    key = FailedKey.from_json(fields)
    return key if key and record_name(task_id, "failed", key.key) == record.name else None
