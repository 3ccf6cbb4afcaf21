"""The records of the log bucket: the outcome of each key, as answers/layout.py names them.

success    body: the accepted version's eTag, or "-"; "{eTag} again" if that version was resent after an acceptance
failed     body: JSON, the reason of the failure
proven     body: the result of reading the object, see comparison/proof.py

The record of a long key has the key in its body, except for proofs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from oss_oms_sync import jsontext
from oss_oms_sync.answers.layout import is_long, record_name, record_prefix
from oss_oms_sync.clock import parse_http_date, parse_time, timestamp
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import CLOSED_REASONS, UNKNOWN, Failure
from oss_oms_sync.events import ObjectChange

# Metadata with the eTag in the record of a long key, whose body is the key.
ETAG_HEADER = "x-oss-meta-etag"
# Metadata of a success record: the number of resubmissions after copy failures of OMS.
COPY_ATTEMPTS_HEADER = "x-oss-meta-copy-attempts"
# Metadata of a resent key's success record: the time of its first failure, as in failed records.
_FIRST_FAILURE_HEADER = "x-oss-meta-first-failure"
_REPEATED_MARK = " again"
# The body of a success record without an ETag.
NO_VERSION = "-"


def repeated_etag(etag: str) -> str:
    """Return the body of a version's second success record, so that a listing distinguishes it from the first."""
    return f"{etag}{_REPEATED_MARK}"


def success_record(task_id: str, key: FailedKey) -> StoredObject:
    """Return the record of an accepted key.

    It is never empty, so that a listing distinguishes it from a record of the vendor's handler.
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
    """Return the version's eTag in a success record (as read); empty without an eTag."""
    return record.headers.get(ETAG_HEADER, record.body.decode("utf-8", "replace"))


def copy_attempts(record: StoredObject) -> int:
    """Return the number of resubmissions of a version after copy failures, from its success record (as read)."""
    counted = record.headers.get(COPY_ATTEMPTS_HEADER, "")
    return int(counted) if counted.isdecimal() else 0


def modified_at(record: StoredObject) -> int:
    """Return the write time of a record (as read), in seconds since 1970; 0 if OSS does not report it."""
    modified = parse_http_date(record.headers.get("last-modified"))
    return int(modified.timestamp()) if modified else 0


def first_recorded_at(record: StoredObject) -> float:
    """Return the time of the key's first recorded outcome, from its success record (as read).

    It is the first failure, or this success.
    """
    first = parse_time(record.headers.get(_FIRST_FAILURE_HEADER, ""))
    return first.timestamp() if first else modified_at(record)


def failed_record(task_id: str, key: FailedKey, failure: Failure, now: datetime, not_before: str = "") -> StoredObject:
    """Return the record of a key to resend, with the first failure of its earlier record.

    The key is not resent before `not_before`.
    """
    change, at = key.change, timestamp(now)
    body: dict[str, object] = {
        "key": change.key,
        "reason": failure.reason.name,
        "status": failure.status,
        "error_code": failure.error_code,
        "message": failure.message,
        "event_name": change.event_name,
        "event_time": change.event_time,
        "etag": change.etag,
        "first_failure": key.first_failure or at,
        "last_failure": at,
    }
    if key.copy_attempts:
        body["copy_attempts"] = key.copy_attempts
    if not_before:
        body["not_before"] = not_before
    return StoredObject.of_json(record_name(task_id, "failed", change.key), body)


@dataclass(frozen=True)
class FailedKey:
    """A key to resend, with the fields of its failed record (all may be empty).

    `copy_attempts`: the number of this attempt after copy failures, from 1; 0 for other reasons. `error_code` and
    `message`: OMS's, of the last failure; only records keep the message.
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
        """The object's name in plain text."""
        return self.change.key

    @property
    def reason_name(self) -> str:
        """The reason's name in reports and queries, also for a record without a reason."""
        return self.reason or UNKNOWN

    def of(self, change: ObjectChange) -> FailedKey:
        """Return the key with its change to submit now.

        A change without a version keeps the failed version. The copy attempts of a version do not count for another
        version.
        """
        if not change.etag:
            return self
        is_same = change.etag == self.change.etag
        return replace(self, change=change, copy_attempts=self.copy_attempts if is_same else 0)

    @property
    def may_not_be_sent(self) -> bool:
        """True if the project was closed, or its mark unreadable, at the arrival of the key."""
        return self.reason in _MAY_NOT_SEND

    @property
    def failed_again(self) -> bool:
        """True if the key failed before, so that another failure is not logged."""
        return self.copy_attempts > 0 or self.last_failure not in ("", self.first_failure)

    def to_json(self) -> dict[str, object]:
        """Return the key as an entry of a run file."""
        return {**asdict(self.change), **{name: getattr(self, name) for name in (*_TEXT_FIELDS, "copy_attempts")}}

    @classmethod
    def from_json(cls, fields: object, key: str = "") -> FailedKey | None:
        """Parse a run file's entry or a failed record's body; None if neither it nor `key` has a key.

        A body without the project's JSON (the vendor's handler leaves it empty) still gives a FailedKey for `key`.
        """
        entry = fields if isinstance(fields, dict) else {}
        texts = {name: value for name, value in entry.items() if isinstance(value, str)}
        key = key or texts.get("key", "")
        if not key:
            return None
        change = ObjectChange(key, *(texts.get(name, "") for name in ("event_name", "event_time", "etag")))
        attempts = entry.get("copy_attempts")
        counted = attempts if isinstance(attempts, int) and attempts > 0 else 0
        details = {name: texts.get(name, "") for name in (*_TEXT_FIELDS, "message")}
        return cls(change, copy_attempts=counted, **details)


_MAY_NOT_SEND = {reason.name for reason in CLOSED_REASONS}
_TEXT_FIELDS = ("first_failure", "reason", "last_failure", "not_before", "error_code")


def failed_key(task_id: str, record: StoredObject) -> FailedKey | None:
    """Return the key of a failed record; None for a long key's record that does not name its key."""
    name = record.name.removeprefix(record_prefix(task_id, "failed"))
    fields = jsontext.load(record.body)
    if name != record.name:
        return FailedKey.from_json(fields, name)
    key = FailedKey.from_json(fields)
    return key if key and record_name(task_id, "failed", key.key) == record.name else None
