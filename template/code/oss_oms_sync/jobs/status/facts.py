"""What a verdict goes by, above all what waits in the log bucket to be resent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.answers.status_answer import BacklogShown, KeyWaiting, LeftBehind
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.answers.text import AtLeast
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.jobs.status.copying import CopyFailures, Copying
from oss_oms_sync.jobs.status.looked_at import Coverage, InObs
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.ledger.records import FailedKey, record_prefix
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFiles, by_project, keys_of, list_failed, read_failed
from oss_oms_sync.reasons import MAY_NOT_SEND, Failure

# Counting is limited: beyond these, the backlog is "at least".
_MAX_RECORDS_COUNTED = 10_000
_MAX_RECORDS_READ = 200
_MAX_RUN_FILES_READ = 50
_MAX_KEYS_SHOWN = 20
_MAY_NOT_SEND = {reason.name for reason in MAY_NOT_SEND}
# A project none of whose jobs ran for so long does not run any more.
_GONE = timedelta(days=1)


@dataclass(frozen=True)
class Backlog(BacklogShown):
    """What waits to be resent. `copies`: those keys of records and run files that were read and that OMS had failed to
    copy. `after_close`: when each record was written, in seconds since 1970, that was read and was not sent because the
    project was closed, or nobody knew whether it was."""

    copies: Sequence[FailedKey] = ()
    after_close: Sequence[int] = ()

    @property
    def waiting(self) -> int:
        """How many keys wait, at least."""
        return self.failed + self.in_run_files

    @property
    def how_many(self) -> int:
        """The same, to be told."""
        return AtLeast(self.waiting) if self.at_least else self.waiting

    @property
    def unread(self) -> float:
        """How many more keys there may be whose records were not read."""
        return math.inf if self.at_least or self.unreadable_run_files else self.failed - self.read


@dataclass(frozen=True)
class Facts:
    """All that was found. `failures` is None where OMS does not say how many there are. `closed`: the mark of a closed
    project, in which nothing matters but what came after the close, recorded at the times `late`. `migration`: that of
    the old objects, while it is not over; `old_objects`: how far it is, None where OMS was not asked; `keys_left`: its
    access keys, if it has been done for a day."""

    copying: Copying
    failures: CopyFailures | None
    backlog: Backlog
    coverage: Coverage
    in_obs: InObs
    closed: Closed | None
    late: Sequence[int]
    migration: Migration | None
    old_objects: TaskGroup | Failure | None
    keys_left: Sequence[str]

    def numbers(self, now: datetime) -> dict[str, object]:
        """The facts in a few numbers; ages and lags are in seconds, and None is what is not known.

        `waiting`: how many keys wait to be sent again (at least so many, with `at_least`), `oldest` since when, and
        `backlog_age` how long that is. `copy_failures`: what OMS failed to copy and is not known to be dealt with.
        `overdue`: what OMS should have worked on by now. `lag_p50`, `lag_p99`: how long after it was written an object
        was in OBS, by the last comparison. `reconcile_age`, `compare_age`: how long ago the last whole pass began;
        `open_passes`: how many are under way.
        """
        last, in_obs, unfinished = self.coverage.last, self.in_obs, self.copying.unfinished
        lag = in_obs.last.tally.copied_lag if in_obs.last else None
        return {
            "waiting": self.backlog.waiting,
            "at_least": self.backlog.at_least,
            "oldest": self.backlog.oldest,
            "backlog_age": _age(self.backlog.oldest, now),
            "copy_failures": self.failures.open if self.failures else None,
            "overdue": unfinished.overdue if unfinished else None,
            "lag_p50": lag.percentile(50) if lag else None,
            "lag_p99": lag.percentile(99) if lag else None,
            "reconcile_age": _age(last.started if last else None, now),
            "compare_age": _age(in_obs.began, now),
            "open_passes": len(self.coverage.open) + len(in_obs.open),
        }


def _age(since: str | None, now: datetime) -> int | None:
    time = parse_time(since or "")
    return max(0, int((now - time).total_seconds())) if time else None


def read_backlog(invocation: Invocation) -> Backlog:
    """Read the current backlog from the log bucket.

    Raises StorageError.
    """
    settings = invocation.settings
    records = list_failed(invocation, _MAX_RECORDS_COUNTED)
    # The newest, because they tell what happens now.
    canaries = f"{record_prefix(invocation.task_id, 'failed')}{settings.key_filter.canaries}"
    listed = [one for one in records.listed if not one.name.startswith(canaries)]
    newest = sorted(listed, key=lambda one: one.modified, reverse=True)[:_MAX_RECORDS_READ]
    read = {key: one.modified for key, one in zip(read_failed(invocation, newest), newest, strict=True) if key}
    keys = [key for key in read if settings.key_filter.is_told(key.key)]
    # Only its record says which project a long key belongs to.
    foreign = len(read) - len(keys)
    failed = len(listed) - foreign
    runs = keys_of(RunFiles(invocation).leftovers(), _MAX_RUN_FILES_READ)
    held = [key for key in runs.keys if not settings.key_filter.is_canary(key.key)]
    first_failures = [key.first_failure for key in (*held, *keys)]
    if failed:
        earliest = min(record.modified for record in listed)
        first_failures.append(timestamp(from_epoch(earliest)))
    return Backlog(
        failed=failed,
        at_least=records.are_more or runs.are_more,
        outside=records.outside + foreign,
        oldest=min(filter(None, first_failures), default=None),
        read=len(keys),
        by_reason=dict(Counter(key.told_reason for key in keys)),
        keys=[KeyWaiting(key.key, key.told_reason, key.first_failure, key.message) for key in keys[:_MAX_KEYS_SHOWN]],
        run_files=runs.files,
        in_run_files=len(held),
        unreadable_run_files=runs.unreadable,
        left_behind=_left_behind(invocation),
        copies=[key for key in (*held, *keys) if key.copy_attempts],
        after_close=[read[key] for key in keys if key.reason in _MAY_NOT_SEND],
    )


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
