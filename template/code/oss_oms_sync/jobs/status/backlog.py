"""The backlog: keys of failed records and run files that wait to be resent, read from the log bucket."""

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
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import read_failed, records_and_runs, run_files_by_project

# Limits of counting; above them, the backlog is "at least" the limit.
_MAX_RECORDS_COUNTED = 10_000
_MAX_RECORDS_READ = 200
# Limit for records after the close, because each may be an alarm.
_MAX_LATE_RECORDS_READ = 1_000
_MAX_RUN_FILES_READ = 50
_MAX_KEYS_SHOWN = 20
# Time without a run of any job after which a project counts as inactive.
_INACTIVE_AGE = timedelta(days=1)


@dataclass(frozen=True)
class Backlog(BacklogSummary):
    """Keys that wait to be resent.

    `copies`: keys in the read records and run files that OMS failed to copy. `newest`: the time of the last record, in
    seconds since 1970. `after_close`: the times of records from a project that was closed, or whose state was unknown.
    `may_be_more`: True if some records, which may be `after_close`, were not read.
    """

    copies: Sequence[FailedKey] = ()
    newest: int = 0
    after_close: Sequence[int] = ()
    may_be_more: bool = False

    @property
    def how_many(self) -> int:
        """The number for texts, with "at least" for a minimum."""
        return AtLeast(self.waiting) if self.more_may_wait else self.waiting

    @property
    def unread(self) -> float:
        """Maximum number of further keys in unread records."""
        return math.inf if self.at_least or self.unreadable_run_files else self.failed - self.read


def read_backlog(invocation: Invocation, closed: Closed | None = None, acknowledged: float = math.inf) -> Backlog:
    """Read the current backlog from the log bucket.

    In a closed project, it includes changes after the close that are newer than the time `acknowledged`.

    Raises StorageError.
    """
    # A new mark is younger than changes after the earlier close.
    settings, written = invocation.settings, parse_time(closed.first) if closed else None
    # A change in the second of the close may be later than the close.
    after = max(acknowledged, written.timestamp() - 1) if written else acknowledged
    records, runs = records_and_runs(invocation, _MAX_RECORDS_COUNTED, _MAX_RUN_FILES_READ)
    # The newest records, because they show the current state.
    canaries = f"{record_prefix(invocation.task_id, 'failed')}{settings.key_filter.canary_prefix}"
    listed = [listed for listed in records.listed if not listed.name.startswith(canaries)]
    newest = sorted(listed, key=lambda listed_record: listed_record.modified, reverse=True)
    late = sum(listed.modified > after for listed in newest)
    newest = newest[: max(_MAX_RECORDS_READ, min(late, _MAX_LATE_RECORDS_READ))]
    read = {key: listed.modified for key, listed in zip(read_failed(invocation, newest), newest, strict=True) if key}
    keys = [key for key in read if settings.key_filter.is_reported(key.key)]
    # Only its record shows the project of a long key.
    foreign = len(read) - len(keys)
    failed = len(listed) - foreign
    # A key that moved from a record to a run file meanwhile counts once.
    recorded = {listed_record.name for listed_record in listed}
    in_hand = (key for key in runs.keys if record_name(invocation.task_id, "failed", key.key) not in recorded)
    failed_keys = [key for key in in_hand if not settings.key_filter.is_canary(key.key)]
    first_failures = [key.first_failure for key in (*failed_keys, *keys)]
    if failed:
        earliest = min(record.modified for record in listed)
        first_failures.append(timestamp(from_epoch(earliest)))
    return Backlog(
        failed=failed,
        at_least=records.are_more or runs.are_more,
        outside=records.outside + foreign,
        oldest=min(filter(None, first_failures), default=None),
        read=len(keys),
        by_reason=dict(Counter(key.reason_name for key in keys)),
        keys=[WaitingKey(key.key, key.reason_name, key.first_failure, key.message) for key in keys[:_MAX_KEYS_SHOWN]],
        run_files=runs.files,
        in_run_files=len(failed_keys),
        unreadable_run_files=runs.unreadable,
        left_behind=_left_behind(invocation),
        copies=[key for key in (*failed_keys, *keys) if key.copy_attempts],
        newest=newest[0].modified if newest else 0,
        # A project that was opened and closed again has not yet submitted the changes after the first close.
        after_close=[
            read[key]
            for key in keys
            if key.may_not_be_sent and read[key] > (acknowledged if key.reason == Reason.CLOSED.name else after)
        ],
        may_be_more=records.are_more or late > sum(modified > after for modified in read.values()),
    )


def _left_behind(invocation: Invocation) -> list[AbandonedRunFiles]:
    """Return the run files of the task's inactive projects, which no run takes over."""
    others = run_files_by_project(invocation)
    others.pop(invocation.settings.project, None)
    # Without such files, as in most tasks, the last runs are not read.
    ran = JobState(invocation).last_runs() if others else {}
    left = []
    for project, files in sorted(others.items()):
        last = max(ran.get(project, 0), *(file.modified for file in files))
        if from_epoch(last) < invocation.clock.now() - _INACTIVE_AGE:
            folder = files[0].name.rpartition("/")[0] + "/"
            left.append(AbandonedRunFiles(project, len(files), folder, timestamp(from_epoch(last))))
    return left
