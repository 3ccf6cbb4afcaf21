"""The backlog: keys of failed records and run files that wait to be resent, as read from the log bucket.

A run file has the keys that a run of replay has taken from failed records.
"""

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
# Maximum number of records to read in a closed project, in which each record may be an alarm.
_MAX_LATE_RECORDS_READ = 1_000
_MAX_RUN_FILES_READ = 50
_MAX_KEYS_SHOWN = 20
# Time without a run of any job after which a project counts as inactive.
_INACTIVE_AGE = timedelta(days=1)


@dataclass(frozen=True)
class Backlog(BacklogSummary):
    """The keys that wait to be resent.

    - `failed_copies`: the keys that OMS failed to copy, by the records and run files that were read.
    - `last_record_time`: the time of the last record, in seconds since 1970.
    - `late_record_times`: the times of the records of keys that were refused because the project was closed, or because
      its state was unknown.
    - `may_have_more_late_records`: True if further such records may exist, because not all records were read.
    """

    failed_copies: Sequence[FailedKey] = ()
    last_record_time: int = 0
    late_record_times: Sequence[int] = ()
    may_have_more_late_records: bool = False

    @property
    def printed_count(self) -> int:
        """The number of waiting keys, printed with "at least" if some records were not counted."""
        return AtLeast(self.waiting) if self.more_may_wait else self.waiting

    @property
    def max_unread_keys(self) -> float:
        """The maximum number of waiting keys in objects that were not read; infinite if this number is unknown."""
        return math.inf if self.at_least or self.unreadable_run_files else self.failed - self.read


def read_backlog(
    invocation: Invocation, mark: CloseMark | None = None, acknowledged_until: float = math.inf
) -> Backlog:
    """Read the current backlog from the log bucket.

    If `mark` closes the project, the backlog has the changes after the close that are newer than `acknowledged_until`,
    a time in seconds since 1970.

    Raises StorageError.
    """
    # The first mark counts, because a renewed mark is younger than some changes after the close.
    settings, close_time = invocation.settings, parse_time(mark.first_written_at) if mark else None
    # A change in the second of the close may be later than the close.
    min_late_time = max(acknowledged_until, close_time.timestamp() - 1) if close_time else acknowledged_until
    records, run_keys = read_records_and_runs(invocation, _MAX_RECORDS_COUNTED, _MAX_RUN_FILES_READ)
    # The newest records are read, because they show the current state.
    canary_prefix = f"{record_prefix(invocation.task_id, 'failed')}{settings.key_filter.canary_prefix}"
    records_of_keys = [record for record in records.summaries if not record.name.startswith(canary_prefix)]
    newest_records = sorted(records_of_keys, key=lambda listed_record: listed_record.modified, reverse=True)
    late_count = sum(record.modified > min_late_time for record in newest_records)
    newest_records = newest_records[: max(_MAX_RECORDS_READ, min(late_count, _MAX_LATE_RECORDS_READ))]
    times_by_key = {
        key: record.modified
        for key, record in zip(read_failed_keys(invocation, newest_records), newest_records, strict=True)
        if key
    }
    keys = [key for key in times_by_key if settings.key_filter.is_reported(key.key)]
    # Only the record of a long key shows that the key is another project's.
    foreign_count = len(times_by_key) - len(keys)
    failed_count = len(records_of_keys) - foreign_count
    # A key that moved from a record to a run file meanwhile counts once.
    record_names = {listed_record.name for listed_record in records_of_keys}
    keys_in_runs = (
        key for key in run_keys.keys if record_name(invocation.task_id, "failed", key.key) not in record_names
    )
    failed_keys = [key for key in keys_in_runs if not settings.key_filter.is_canary(key.key)]
    first_failures = [key.first_failure for key in (*failed_keys, *keys)]
    if failed_count:
        first_record_time = min(record.modified for record in records_of_keys)
        first_failures.append(timestamp(from_epoch(first_record_time)))
    return Backlog(
        failed=failed_count,
        at_least=records.is_incomplete or run_keys.is_incomplete,
        outside=records.outside_count + foreign_count,
        oldest=min(filter(None, first_failures), default=None),
        read=len(keys),
        by_reason=dict(Counter(key.reason_name for key in keys)),
        keys=[WaitingKey(key.key, key.reason_name, key.first_failure, key.message) for key in keys[:_MAX_KEYS_SHOWN]],
        run_files=run_keys.file_count,
        in_run_files=len(failed_keys),
        unreadable_run_files=run_keys.unreadable_names,
        left_behind=_list_abandoned_run_files(invocation),
        failed_copies=[key for key in (*failed_keys, *keys) if key.copy_attempts],
        last_record_time=newest_records[0].modified if newest_records else 0,
        # A project that was opened and closed again has not yet submitted the changes after the first close.
        late_record_times=[
            times_by_key[key]
            for key in keys
            if key.was_refused_as_closed
            and times_by_key[key] > (acknowledged_until if key.reason == Reason.CLOSED.name else min_late_time)
        ],
        may_have_more_late_records=records.is_incomplete
        or late_count > sum(modified > min_late_time for modified in times_by_key.values()),
    )


def _list_abandoned_run_files(invocation: Invocation) -> list[AbandonedRunFiles]:
    """Return the run files of the sync task's inactive projects, whose keys no run of replay takes over."""
    run_files = list_run_files_by_project(invocation)
    run_files.pop(invocation.settings.project, None)
    # Without such files, as in most tasks, the last runs are not read.
    last_calls = JobState(invocation).read_last_runs() if run_files else {}
    abandoned_files = []
    for project, files in sorted(run_files.items()):
        last_time = max(last_calls.get(project, 0), *(file.modified for file in files))
        if from_epoch(last_time) < invocation.clock.now() - _INACTIVE_AGE:
            folder = files[0].name.rpartition("/")[0] + "/"
            abandoned_files.append(AbandonedRunFiles(project, len(files), folder, timestamp(from_epoch(last_time))))
    return abandoned_files
