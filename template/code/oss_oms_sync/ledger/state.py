"""What the jobs remember between runs, in the log bucket next to the records.

oms_source_record/{task}/state/{job}.json        where the next run continues, and how the last one ended
oms_source_record/{task}/state/installed.json    when the project began to run for this task
oms_source_record/{task}/state/canary-{project}.json        what the last canary saw, which ops.py writes
oms_source_record/{task}/state/{job}-timer-{project}.json    written, empty, whenever a timer wakes the job: its age is
                                                             what counts
oms_source_record/{task}/state/back_to_source.json           what `ops.py checklist` has read of the destination

Beside them is the mark of a closed project: see `closing`. If the project has a prefix or suffix, a hash of both
follows the names that do not end with the project's.

What passes and certificates keep is written once, so that of several instances one is the first. OSS, "PutObject": with
`x-oss-forbid-overwrite` a write is refused with FileAlreadyExists if there is an object of that name. In a bucket with
versioning it is not, and nothing of that holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import UnreadableError, from_json
from oss_oms_sync.answers.job_answers import BackToSource, CanaryResult
from oss_oms_sync.clock import parse_http_date, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.errors import StorageError, log
from oss_oms_sync.events import is_timer_event
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import record_root

T = TypeVar("T")

_ONCE = {"x-oss-forbid-overwrite": "true"}


class WriteTime(NamedTuple):
    """When something was written, and how long ago: both by OSS's clock, whatever the function's says."""

    at: datetime
    ago: timedelta

    @classmethod
    def of(cls, read: StoredObject) -> WriteTime:
        """Of an object as it was read: GetObject answers Last-Modified, and any answer has a Date.

        Raises StorageError if they are missing.
        """
        at, now = (parse_http_date(read.headers.get(name)) for name in ("last-modified", "date"))
        if at is None or now is None:
            raise StorageError(f"OSS does not say when {read.name} was written")
        return cls(at, now - at)


class JobState:
    """The state of the jobs of one project."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._bucket = invocation.log_bucket
        # Where all of them is kept.
        self._folder = f"{record_root(invocation.task_id)}state/"

    def load(self, job: str) -> dict[str, object]:
        """Load what the last run of `job` stored; empty if there is nothing readable.

        Raises StorageError.
        """
        value = jsontext.load(self._bucket.get(self._name(job)) or b"{}")
        if not isinstance(value, dict):
            log.error({"state": job, "problem": "unreadable, so it begins anew"})
            return {}
        return value

    def recall(self, kind: type[T], job: str) -> T | None:
        """The same as a value of a type; None if there is nothing of that form.

        Raises StorageError.
        """
        try:
            return from_json(kind, self.load(job))
        except UnreadableError:
            return None

    def canary(self) -> CanaryResult | None:
        """Return what the last canary of the project saw; None if there was none, or its object has another form.

        Raises StorageError.
        """
        body = self._bucket.get(f"{self._folder}canary-{self._invocation.settings.project}.json")
        try:
            return from_json(CanaryResult, jsontext.load(body or b"{}"))
        except UnreadableError:
            return None

    def back_to_source(self, bucket: str) -> BackToSource | None:
        """Return what is known of the back-to-source rules of a bucket in OBS; None if nobody could read them.

        Raises StorageError.
        """
        body = self._bucket.get(f"{self._folder}back_to_source.json")
        with suppress(UnreadableError):
            back_to_source = from_json(BackToSource, jsontext.load(body or b""))
            return back_to_source if back_to_source.bucket == bucket and back_to_source.rules is not None else None
        return None

    def store(self, job: str, value: dict[str, object]) -> None:
        """Store `value` for the next run of `job`.

        Raises StorageError.
        """
        self._bucket.put(StoredObject.of_json(self._name(job), value))

    def try_store(self, job: str, value: dict[str, object]) -> None:
        """The same where the run has done its work all the same: a failure is an error in the log."""
        try:
            self.store(job, value)
        except StorageError as error:
            log.error({"state": "not stored", "problem": str(error)})

    def note_timer(self, job: str, event: bytes | str) -> None:
        """Leave the time at which a timer woke `job`, if `event` is a timer's: a call by hand shows no timer.

        Before the job takes anything in hand, and nothing depends on it: a note that cannot be written is a warning in
        the log.
        """
        if is_timer_event(event):
            (problem,) = self._bucket.try_put_all([StoredObject.of_json(self._timer_name(job), {})])
            if problem:
                log.warning({"timer": "not noted", "problem": str(problem)})

    def timers(self, jobs: Sequence[str]) -> tuple[dict[str, WriteTime | None], WriteTime | None]:
        """When a timer last woke each of the `jobs`, and when it was noted that the project is installed; None for what
        was never noted.

        Raises StorageError.
        """
        *notes, installed = self._bucket.get_all([*(self._timer_name(job) for job in jobs), self._name("installed")])
        woken = {job: WriteTime.of(note) if note else None for job, note in zip(jobs, notes, strict=True)}
        return woken, WriteTime.of(installed) if installed else None

    def last_runs(self) -> dict[str, int]:
        """When a timer last woke any job of each project of the task, in seconds since 1970.

        Raises StorageError.
        """
        last = dict[str, int]()
        for stored in self._bucket.iter_objects(self._folder):
            _, is_timer, project = stored.name.removeprefix(self._folder).removesuffix(".json").partition("-timer-")
            if is_timer:
                last[project] = max(stored.modified, last.get(project, 0))
        return last

    def _timer_name(self, job: str) -> str:
        return f"{self._folder}{job}-timer-{self._invocation.settings.project}.json"

    def _name(self, what: str) -> str:
        """Projects on the same task have different filters, and each remembers its own."""
        mine = list(asdict(self._invocation.settings.key_filter).values())
        if any(mine):
            what += f"-{hashlib.sha256(jsontext.dump(mine)).hexdigest()[:16]}"
        return f"{self._folder}{what}.json"

    def installed(self, *, note: bool) -> datetime:
        """When the project began to run: now, if that is not known yet; with `note`, the answer is stored.

        OSS does not let the triggers of two projects overlap, so a note whose filter overlaps with this project's is
        its own, from before its filter was changed. A note without a filter may be its own too: somebody wrote it by
        hand.

        Raises StorageError, also if a note is unreadable: assuming another time would leave objects out for good.
        """
        name = self._name("installed")
        own = self._bucket.get(name)
        if own is not None:
            return _installation(StoredObject(name, own))[0]
        mine = self._invocation.settings.key_filter
        names = [stored.name for stored in self._bucket.iter_objects(f"{self._folder}installed")]
        notes = [_installation(stored) for stored in self._bucket.get_all(names) if stored]
        at = min((began for began, of in notes if of.overlaps(mine)), default=self._invocation.clock.now())
        if note:
            self._bucket.put(StoredObject.of_json(name, {"at": timestamp(at), **asdict(mine)}))
        return at


def _installation(note: StoredObject) -> tuple[datetime, KeyFilter]:
    """When a project began to run, by a note of that, and its filter, which is empty if the note names none.

    Raises StorageError.
    """
    match jsontext.load(note.body):
        case {"at": str(at), **rest} if time := parse_time(at):
            return time, KeyFilter(str(rest.get("prefix", "")), str(rest.get("suffix", "")))
    raise StorageError(
        f"{note.name} in the log bucket is unreadable. Correct it to"
        ' {"at": "2026-01-31T00:00:00Z"} with the day of the installation'
    )


def write_once(bucket: OssBucket, one: StoredObject) -> StoredObject | None:
    """Write an object unless there is one; return what is stored, because another may have been first, or None if it
    was deleted meanwhile.

    Raises StorageError, also if the bucket has versioning.
    """
    (problem,) = bucket.try_put_all([replace(one, headers={**one.headers, **_ONCE})])
    (stored,) = read_all(bucket, [one.name])
    if stored is None and problem:
        raise problem
    return stored


def read_all(bucket: OssBucket, names: Sequence[str]) -> list[StoredObject | None]:
    """Read objects that are written once; None for one that does not exist.

    Raises StorageError, also if the bucket has versioning.
    """
    storeds = bucket.get_all(names)
    if any(stored and "x-oss-version-id" in stored.headers for stored in storeds):
        raise StorageError(
            "The log bucket has versioning, so nothing can be written once, as passes and certificates need it. Use a"
            " log bucket without versioning"
        )
    return storeds
