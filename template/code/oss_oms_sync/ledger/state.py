"""The state of a project's jobs between runs, in the log bucket next to the records.

    oms_source_record/{task}/state/{job}.json                    the position and the result of the last run
    oms_source_record/{task}/state/installed.json                when the project first ran for this task
    oms_source_record/{task}/state/canary-{project}.json         the result of the last canary, written by ops.py
    oms_source_record/{task}/state/{job}-timer-{project}.json    an empty object, written whenever a timer calls the job
    oms_source_record/{task}/state/back_to_source.json           rules of OBS that `ops.py checklist` has read

If the project has a prefix or suffix, names without the project's name end with a hash of both.

The objects of passes and certificates are written once. OSS, "PutObject": with `x-oss-forbid-overwrite`, OSS refuses a
write with FileAlreadyExists if an object of that name exists. In a bucket with versioning, OSS does not refuse it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import UnreadableError, from_json
from oss_oms_sync.answers.job_answers import BackToSource, CanaryResult
from oss_oms_sync.answers.layout import back_to_source_name, canary_result_name, state_folder
from oss_oms_sync.clock import parse_http_date, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.errors import StorageError, log
from oss_oms_sync.events import is_timer_event
from oss_oms_sync.filters import KeyFilter

T = TypeVar("T")

_FORBID_OVERWRITE = {"x-oss-forbid-overwrite": "true"}


class WriteTime(NamedTuple):
    """The time at which an object was written, and the age of the object, both by OSS's clock."""

    time: datetime
    age: timedelta

    @classmethod
    def from_headers(cls, stored_object: StoredObject) -> WriteTime:
        """Return the times in the headers of an object that was read: Last-Modified, and the Date of the response.

        Raises StorageError if a header is missing.
        """
        write_time, now = (parse_http_date(stored_object.headers.get(name)) for name in ("last-modified", "date"))
        if write_time is None or now is None:
            raise StorageError(f"OSS does not say when {stored_object.name} was written")
        return cls(write_time, now - write_time)


class JobState:
    """The state objects of a project's jobs, which a job writes for its next run."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._bucket = invocation.log_bucket
        # Folder of the states of all jobs.
        self._folder = state_folder(invocation.task_id)

    def load(self, job: str) -> dict[str, object]:
        """Return the state that the last run of `job` stored, or an empty state if it is unreadable or missing.

        Raises StorageError.
        """
        value = jsontext.load(self._bucket.get(self._state_name(job)) or b"{}")
        if not isinstance(value, dict):
            log.error({"state": job, "problem": "unreadable, so it starts over"})
            return {}
        return value

    def load_as(self, value_class: type[T], job: str) -> T | None:
        """Return the state of `job` as an instance of `value_class`, or None if the state has another form.

        Raises StorageError.
        """
        try:
            return from_json(value_class, self.load(job))
        except UnreadableError:
            return None

    def read_canary_result(self) -> CanaryResult | None:
        """Return the result of the project's last canary, or None if it is missing or has another form.

        Raises StorageError.
        """
        return self._read(CanaryResult, canary_result_name(self._invocation.task_id, self._invocation.settings.project))

    def read_back_to_source(self, bucket: str) -> BackToSource | None:
        """Return the back-to-source rules of a bucket in OBS, or None if `ops.py checklist` could not read them.

        Raises StorageError.
        """
        rules = self._read(BackToSource, back_to_source_name(self._invocation.task_id))
        return rules if rules and rules.bucket == bucket and rules.rules is not None else None

    def _read(self, value_class: type[T], name: str) -> T | None:
        try:
            return from_json(value_class, jsontext.load(self._bucket.get(name) or b"{}"))
        except UnreadableError:
            return None

    def store(self, job: str, value: dict[str, object]) -> None:
        self._bucket.put(StoredObject.of_json(self._state_name(job), value))

    def try_store(self, job: str, value: dict[str, object]) -> None:
        """Store `value` as the state of `job`; a failed write is only logged."""
        try:
            self.store(job, value)
        except StorageError as error:
            log.error({"state": "not stored", "problem": str(error)})

    def record_timer(self, job: str, event: bytes | str) -> None:
        """Record the time at which a timer called `job`, or do nothing if `event` belongs to a manual call.

        A failed write is only logged.
        """
        if is_timer_event(event):
            (problem,) = self._bucket.try_put_all([StoredObject.of_json(self._timer_object_name(job), {})])
            if problem:
                log.warning({"timer": "not noted", "problem": str(problem)})

    def read_timers(self, jobs: Sequence[str]) -> tuple[dict[str, WriteTime | None], WriteTime | None]:
        """Return the last timer call of each of the `jobs`, and the time when the installation was recorded.

        A time that is not recorded is None.

        Raises StorageError.
        """
        *timer_records, installation = self._bucket.get_all(
            [*(self._timer_object_name(job) for job in jobs), self._state_name("installed")]
        )
        write_times = {
            job: WriteTime.from_headers(timer_record) if timer_record else None
            for job, timer_record in zip(jobs, timer_records, strict=True)
        }
        return write_times, WriteTime.from_headers(installation) if installation else None

    def read_last_runs(self) -> dict[str, int]:
        """Map each project of the task to the time of the last timer call of any of its jobs, in seconds since 1970.

        Raises StorageError.
        """
        last_runs = dict[str, int]()
        for row in self._bucket.iter_objects(self._folder):
            _, is_timer, project = row.name.removeprefix(self._folder).removesuffix(".json").partition("-timer-")
            if is_timer:
                last_runs[project] = max(row.modified, last_runs.get(project, 0))
        return last_runs

    def _timer_object_name(self, job: str) -> str:
        return f"{self._folder}{job}-timer-{self._invocation.settings.project}.json"

    def _state_name(self, base_name: str) -> str:
        """Return the name of a state object; a hash of the filter distinguishes the projects of a sync task."""
        affixes = list(asdict(self._invocation.settings.key_filter).values())
        if any(affixes):
            base_name += f"-{hashlib.sha256(jsontext.dump(affixes)).hexdigest()[:16]}"
        return f"{self._folder}{base_name}.json"

    def read_installation_time(self, *, store_missing: bool) -> datetime:
        """Return the time when the project was installed, or the current time if no record has it.

        With `store_missing`, write a missing record. A record with an overlapping filter is this project's, from before
        a change of the filter, because OSS does not let the triggers of two projects overlap.

        Raises StorageError, also if a record is unreadable, because a wrong time would exclude objects forever.
        """
        name = self._state_name("installed")
        body = self._bucket.get(name)
        if body is not None:
            return _parse_installation(StoredObject(name, body))[0]
        key_filter = self._invocation.settings.key_filter
        names = [stored_object.name for stored_object in self._bucket.iter_objects(f"{self._folder}installed")]
        installations = [
            _parse_installation(stored_object) for stored_object in self._bucket.get_all(names) if stored_object
        ]
        start_time = min(
            (recorded_time for recorded_time, recorded_filter in installations if recorded_filter.overlaps(key_filter)),
            default=self._invocation.clock.now(),
        )
        if store_missing:
            self._bucket.put(StoredObject.of_json(name, {"at": timestamp(start_time), **asdict(key_filter)}))
        return start_time


def _parse_installation(record: StoredObject) -> tuple[datetime, KeyFilter]:
    """Return the recorded start of a project and its filter, which matches every key if the record has no filter.

    Raises StorageError.
    """
    match jsontext.load(record.body):
        case {"at": str(at), **fields} if start_time := parse_time(at):
            return start_time, KeyFilter(str(fields.get("prefix", "")), str(fields.get("suffix", "")))
    raise StorageError(
        f"{record.name} in the log bucket is unreadable. Correct it to"
        ' {"at": "2026-01-31T00:00:00Z"} with the day of the first deployment'
    )


def write_once(bucket: OssBucket, candidate: StoredObject) -> StoredObject | None:
    """Write an object unless it exists, and return the stored object, which another instance may have written.

    Return None if the object was deleted in the meantime.

    Raises StorageError, also if the bucket has versioning.
    """
    (problem,) = bucket.try_put_all([replace(candidate, headers={**candidate.headers, **_FORBID_OVERWRITE})])
    (stored_object,) = read_all(bucket, [candidate.name])
    if stored_object is None and problem:
        raise problem
    return stored_object


def read_all(bucket: OssBucket, names: Sequence[str]) -> list[StoredObject | None]:
    """Read objects that are written once; a missing object is None.

    Raises StorageError, also if the bucket has versioning.
    """
    stored_objects = bucket.get_all(names)
    if any(stored_object and "x-oss-version-id" in stored_object.headers for stored_object in stored_objects):
        raise StorageError(
            "The log bucket has versioning, so OSS does not prevent overwriting, although passes and certificates"
            " require this. Use a log bucket without versioning"
        )
    return stored_objects
