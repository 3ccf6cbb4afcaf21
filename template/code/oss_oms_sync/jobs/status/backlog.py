"""The backlog: keys of failed records and run files that wait to be resent, as read from the log bucket."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync.answers.layout import record_name, record_prefix
from oss_oms_sync.answers.status_answer import AbandonedRunFiles, BacklogSummary, WaitingKey
from oss_oms_sync.answers.text import AtLeast
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import Reason
from oss_oms_sync.ledger.closing import CloseMark
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import list_run_files_by_project, read_failed_keys, read_records_and_runs

# Maximum number of records to count; above it, the backlog is "at least" this number.
_MAX_RECORDS_COUNTED = 10_000
_MAX_RECORDS_READ = 200
# Maximum number of records to read after the close, where each record may be an alarm.
_MAX_LATE_RECORDS_READ = 1_000
_MAX_RUN_FILES_READ = 50
_MAX_KEYS_SHOWN = 20
# Time without a run of any job after which a project counts as inactive.
_INACTIVE_AGE = timedelta(days=1)


@dataclass(frozen=True)
class Backlog(BacklogSummary):
    """The keys that wait to be resent.

    - `copies`: the keys that OMS failed to copy, as far as records and run files were read.
    - `newest`: the time of the last record, in seconds since 1970.
    - `after_close`: the times of the records of keys that were refused because the project was closed, or its state
      unknown.
    - `may_be_more`: further such records may exist, because not all records were read.
    """

    copies: Sequence[FailedKey] = ()
    newest: int = 0
    after_close: Sequence[int] = ()
    may_be_more: bool = False

    @property
    def how_many(self) -> int:
        """The number of waiting keys, as printed: "at least" precedes a minimum."""
        return AtLeast(self.waiting) if self.more_may_wait else self.waiting

    @property
    def unread(self) -> float:
        """The maximum number of further keys in records that were not read."""
        return math.inf if self.at_least or self.unreadable_run_files else self.failed - self.read


def read_backlog(invocation: Invocation, closed: CloseMark | None = None, acknowledged: float = math.inf) -> Backlog:
    """Read the current backlog from the log bucket.

    If the project is `closed`, the backlog shows changes after the close that are newer than the time `acknowledged`,
    in seconds since 1970.

    Raises StorageError.
    """
    # The first mark counts, because a renewed mark is younger than some changes after the close.
    settings, written = invocation.settings, parse_time(closed.first_written_at) if closed else None
    # A change in the second of the close may be later than the close.
    after = max(acknowledged, written.timestamp() - 1) if written else acknowledged
    records, runs = read_records_and_runs(invocation, _MAX_RECORDS_COUNTED, _MAX_RUN_FILES_READ)
    # The newest records are read, because they show the current state.
    canaries = f"{record_prefix(invocation.task_id, 'failed')}{settings.key_filter.canary_prefix}"
    records_of_keys = [record for record in records.summaries if not record.name.startswith(canaries)]
    newest = sorted(records_of_keys, key=lambda listed_record: listed_record.modified, reverse=True)
    late_number = sum(record.modified > after for record in newest)
    newest = newest[: max(_MAX_RECORDS_READ, min(late_number, _MAX_LATE_RECORDS_READ))]
    times = {
        key: record.modified for key, record in zip(read_failed_keys(invocation, newest), newest, strict=True) if key
    }
    keys = [key for key in times if settings.key_filter.is_reported(key.key)]
    # Only the record of a long key shows that the key is another project's.
    foreign = len(times) - len(keys)
    failed = len(records_of_keys) - foreign
    # A key that moved from a record to a run file meanwhile counts once.
    record_names = {listed_record.name for listed_record in records_of_keys}
    run_keys = (key for key in runs.keys if record_name(invocation.task_id, "failed", key.key) not in record_names)
    failed_keys = [key for key in run_keys if not settings.key_filter.is_canary(key.key)]
    first_failures = [key.first_failure for key in (*failed_keys, *keys)]
    if failed:
        earliest = min(record.modified for record in records_of_keys)
        first_failures.append(timestamp(from_epoch(earliest)))
    return Backlog(
        failed=failed,
        at_least=records.are_more or runs.are_more,
        outside=records.outside_count + foreign,
        oldest=min(filter(None, first_failures), default=None),
        read=len(keys),
        by_reason=dict(Counter(key.reason_name for key in keys)),
        keys=[WaitingKey(key.key, key.reason_name, key.first_failure, key.message) for key in keys[:_MAX_KEYS_SHOWN]],
        run_files=runs.file_count,
        in_run_files=len(failed_keys),
        unreadable_run_files=runs.unreadable_names,
        left_behind=_list_abandoned_run_files(invocation),
        copies=[key for key in (*failed_keys, *keys) if key.copy_attempts],
        newest=newest[0].modified if newest else 0,
        # A project that was opened and closed again has not yet submitted the changes after the first close.
        after_close=[
            times[key]
            for key in keys
            if key.was_refused_as_closed and times[key] > (acknowledged if key.reason == Reason.CLOSED.name else after)
        ],
        may_be_more=records.are_more or late_number > sum(modified > after for modified in times.values()),
    )


def _list_abandoned_run_files(invocation: Invocation) -> list[AbandonedRunFiles]:
    """Return the run files of the task's inactive projects, which no run takes over."""
    run_files = list_run_files_by_project(invocation)
    run_files.pop(invocation.settings.project, None)
    # Without such files, as in most tasks, the last runs are not read.
    last_calls = JobState(invocation).read_last_runs() if run_files else {}
    abandoned = []
    for project, files in sorted(run_files.items()):
        last = max(last_calls.get(project, 0), *(file.modified for file in files))
        if from_epoch(last) < invocation.clock.now() - _INACTIVE_AGE:
            folder = files[0].name.rpartition("/")[0] + "/"
            abandoned.append(AbandonedRunFiles(project, len(files), folder, timestamp(from_epoch(last))))
    return abandoned
