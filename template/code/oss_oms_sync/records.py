"""The log bucket: what became of each key, as the layout of Huawei's users' guide names it.

oms_source_record/{task}/success_object/{key}           body: the accepted version's eTag, or "-"
oms_source_record/{task}/failed_object/{key}            body: JSON, why it failed
oms_source_record/{task}/success_object_long/{sha256}   for a key too long to stand behind the prefix:
oms_source_record/{task}/failed_object_long/{sha256}    the key in the body
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import oss2
import requests

from .connection import KeptAlive, Lanes
from .errors import presentable
from .events import RECORD_ROOT, ObjectChange
from .reasons import Failure
from .retry import Clock, Deadline, Patience, Try
from .settings import Settings

NO_ETAG = "-"

# OSS, "Object naming conventions": 1 to 1023 bytes of UTF-8.
_LONGEST_NAME = 1023
_OSS_SECONDS = 5.0
_RETRIED_STATUS = {429, 500, 502, 503, 504}
_FIXES = {
    "NoSuchBucket": "LOG_BUCKET names a bucket that does not exist: create it, or correct LOG_BUCKET",
    "AccessDenied": "the function's role lacks oss:PutObject on oms_source_record/* of LOG_BUCKET: grant it",
    # What OSS answers to a signature for another region.
    "InvalidArgument": "OSS_ENDPOINT may name another region than that of LOG_BUCKET: correct it",
    "InvalidBucketName": "LOG_BUCKET is no bucket name: correct it",
}


@dataclass(frozen=True)
class Record:
    """One object to be written into the log bucket."""

    name: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def record_name(task_id: str, state: str, key: str) -> str:
    """The name of the record of `key` (plain text); `state` is "success" or "failed"."""
    name = f"{RECORD_ROOT}{task_id}/{state}_object/{key}"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"{RECORD_ROOT}{task_id}/{state}_object_long/{hashlib.sha256(key.encode()).hexdigest()}"


def success_record(task_id: str, change: ObjectChange) -> Record:
    """The record of an accepted key. Never empty, so that a listing tells it from those of the vendor's handler."""
    name, etag = record_name(task_id, "success", change.key), change.etag or NO_ETAG
    if name.endswith(f"/{change.key}"):
        return Record(name, etag.encode(), {"Content-Type": "text/plain"})
    headers = {"Content-Type": "text/plain; charset=utf-8", "x-oss-meta-etag": etag}
    return Record(name, change.key.encode(), headers)


def failed_record(task_id: str, change: ObjectChange, failure: Failure, now: datetime) -> Record:
    """The record of a key to be replayed."""
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "key": change.key,
        "reason": failure.reason.name,
        "status": failure.status,
        "error_code": failure.error_code,
        "message": failure.message,
        "event_name": change.event_name,
        "event_time": change.event_time,
        "etag": change.etag,
        "first_failure": at,
        "last_failure": at,
    }
    return Record(
        record_name(task_id, "failed", change.key),
        json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace"),
        {"Content-Type": "application/json"},
    )


class Records:
    """Writes records, side by side, on kept-alive connections. `auth` holds one invocation's credentials."""

    def __init__(
        self, settings: Settings, auth: oss2.StsAuth, connection: KeptAlive[oss2.Session], lanes: Lanes, clock: Clock
    ) -> None:
        self._settings = settings
        self._auth = auth
        self._connection = connection
        self._lanes = lanes
        self._clock = clock

    def write(self, records: Sequence[Record], deadline: Deadline) -> list[str]:
        """Writes all of `records`; for each an empty string, or in one line why it is not known to be written."""
        session = self._connection.use()
        patience = Patience(deadline, self._clock)

        def writer(record: Record) -> Callable[[], str]:
            def call() -> Try[str]:
                return self._put(record, session, deadline)

            return lambda: patience.keep_trying(call, self._connection.drop, Try("the invocation's time was up"))

        problems = self._lanes.run([writer(record) for record in records], deadline.left())
        return ["no answer in time" if problem is None else problem for problem in problems]

    def _put(self, record: Record, session: oss2.Session, deadline: Deadline) -> Try[str]:
        # On an exception the record is not written, or not known to be. The caller keeps the key: it hears of it.
        try:
            self._bucket(session, deadline).put_object(record.name, record.body, record.headers)
        except oss2.exceptions.RequestError as error:
            return Try(presentable(str(error.exception)), again=True, connection_lost=True)
        except oss2.exceptions.OssError as error:
            return Try(_explain(error), again=error.status in _RETRIED_STATUS)
        except requests.RequestException as error:  # oss2 lets pass what comes while it reads an answer's body
            return Try(presentable(str(error)), again=True, connection_lost=True)
        return Try("")

    def _bucket(self, session: oss2.Session, deadline: Deadline) -> oss2.Bucket:
        # A new one for each call, for oss2 keeps the timeouts in it.
        seconds = deadline.within(_OSS_SECONDS)
        return oss2.Bucket(
            self._auth,
            self._settings.oss_endpoint,
            self._settings.log_bucket,
            session=session,
            connect_timeout=(seconds, seconds),
            enable_crc=False,  # TLS guards these few bytes; the checksum is slow where it is pure Python
            region=self._settings.oss_region,
        )


def _explain(error: oss2.exceptions.OssError) -> str:
    said = f"OSS answered {error.status} {error.code}: {error.message}"
    fix = _FIXES.get(error.code)
    return presentable(f"{fix} ({said})" if fix else said)
