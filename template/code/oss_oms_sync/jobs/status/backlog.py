"""What waits in the log bucket to be resent: failed records, and the keys in replay's run files; and the run files that
nobody takes over, because their project no longer runs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.ledger.failed_records import list_failed
from oss_oms_sync.ledger.records import FailedKey, failed_key, modified_at
from oss_oms_sync.ledger.runs import RunFiles, by_project
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.reasons import MAY_NOT_SEND

# Counting is limited: beyond these, the backlog is "at least".
_MAX_RECORDS_COUNTED = 10_000
_MAX_RECORDS_READ = 200
_MAX_RUN_FILES_READ = 50
_MAX_KEYS_SHOWN = 20
_MAY_NOT_SEND = {reason.name for reason in MAY_NOT_SEND}
# A project none of whose jobs ran for so long does not run any more.
_GONE = timedelta(days=1)


@dataclass(frozen=True)
class LeftBehind:
    """What a project that no longer runs has left: so many run files under `folder`. `last_run` is when one of its jobs
    last ran, as far as is known."""

    project: str
    run_files: int
    folder: str
    last_run: str


@dataclass(frozen=True)
class Backlog:
    """What waits to be resent. `by_reason` and `keys` cover the `read` records. `at_least`: there are more than
    `failed`. `outside`: records outside the trigger's filter, which no run of this project takes. `left_behind`: run
    files of projects that no longer run. `copies`: those keys of records and run files that were read and that OMS had
    failed to copy. `after_close`: when each record was written, in seconds since 1970, that was read and was not sent
    because the project was closed, or nobody knew whether it was."""

    failed: int
    at_least: bool
    outside: int
    oldest: str | None
    read: int
    by_reason: Mapping[str, int]
    keys: Sequence[Mapping[str, str]]
    run_files: int
    in_run_files: int
    unreadable_run_files: int
    left_behind: Sequence[LeftBehind] = ()
    copies: Sequence[FailedKey] = ()
    after_close: Sequence[int] = ()

    @property
    def waiting(self) -> int:
        """How many keys wait, at least."""
        return self.failed + self.in_run_files

    @property
    def unread(self) -> float:
        """How many more keys there may be whose records were not read."""
        return math.inf if self.at_least or self.unreadable_run_files else self.failed - self.read

    def to_json(self) -> dict[str, object]:
        """As the report shows it."""
        value = asdict(self)
        del value["copies"], value["after_close"]
        return value


def read_backlog(invocation: Invocation) -> Backlog:
    """Read the current backlog from the log bucket.

    Raises StorageError.
    """
    settings = invocation.settings
    records = list_failed(invocation, _MAX_RECORDS_COUNTED)
    # The newest, because they tell what happens now.
    newest = sorted(records.listed, key=lambda one: one.modified, reverse=True)[:_MAX_RECORDS_READ]
    read = _read_failed(invocation, newest)
    keys = [key for key in read if settings.key_filter.matches(key.key)]
    # Only its record says which project a long key belongs to.
    foreign = len(read) - len(keys)
    failed = len(records.listed) - foreign
    runs = _read_run_files(RunFiles(invocation))
    first_failures = [key.first_failure for key in (*runs.keys, *keys)]
    if failed:
        earliest = min(record.modified for record in records.listed)
        first_failures.append(timestamp(from_epoch(earliest)))
    return Backlog(
        failed=failed,
        at_least=records.are_more or runs.are_more,
        outside=records.outside + foreign,
        oldest=min(filter(None, first_failures), default=None),
        read=len(keys),
        by_reason=dict(Counter(key.reason or "UNKNOWN" for key in keys)),
        keys=[
            {"key": key.key, "reason": key.reason or "UNKNOWN", "since": key.first_failure}
            for key in keys[:_MAX_KEYS_SHOWN]
        ],
        run_files=runs.files,
        in_run_files=len(runs.keys),
        unreadable_run_files=runs.unreadable,
        left_behind=_left_behind(invocation),
        copies=[key for key in (*runs.keys, *keys) if key.copy_attempts],
        after_close=[read[key] for key in keys if key.reason in _MAY_NOT_SEND],
    )


def _read_failed(invocation: Invocation, listed: Sequence[ObjectSummary]) -> dict[FailedKey, int]:
    """The keys of those records that can be read, and when each was written, in seconds since 1970."""
    found = invocation.log_bucket.try_get_all([record.name for record in listed])
    records = [record for record in found if isinstance(record, StoredObject)]
    keys = [(failed_key(invocation.task_id, record), modified_at(record)) for record in records]
    return {key: written for key, written in keys if key}


def _left_behind(invocation: Invocation) -> list[LeftBehind]:
    """The run files of other projects of the task that no longer run: nobody takes them over."""
    others = by_project(invocation)
    others.pop(invocation.settings.project, None)
    # Most tasks have none, and then nobody asks who runs.
    ran = JobState(invocation).last_runs() if others else {}
    left = []
    for project, files in sorted(others.items()):
        last = max(ran.get(project, 0), *(one.modified for one in files))
        if from_epoch(last) < invocation.clock.now() - _GONE:
            folder = files[0].name.rpartition("/")[0] + "/"
            left.append(LeftBehind(project, len(files), folder, timestamp(from_epoch(last))))
    return left


@dataclass
class _RunFileCounts:
    """The run files that were read, and their keys. `are_more`: not all of them were read."""

    files: int = 0
    unreadable: int = 0
    keys: list[FailedKey] = field(default_factory=list)
    are_more: bool = False


def _read_run_files(run_files: RunFiles) -> _RunFileCounts:
    runs = _RunFileCounts()
    for run in run_files.leftovers():
        if runs.files == _MAX_RUN_FILES_READ:
            runs.are_more = True
            break
        runs.files += 1
        runs.unreadable += run is None
        runs.keys += run.keys if run else []
    return runs
