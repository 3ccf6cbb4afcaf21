"""What a verdict goes by: what waits in the log bucket to be resent, and what passes have looked at. Only what
reconcile has can be called in step, and without a comparison an object is accepted, and no more is known."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.answers.object_class import EQUAL, IN_SCOPE, ObjectClass
from oss_oms_sync.answers.pass_answers import Progress, Ranges
from oss_oms_sync.answers.status_answer import (
    BacklogShown,
    CompareUnderWay,
    InObsShown,
    KeyWaiting,
    LeftBehind,
    PassShown,
    PassUnderWay,
    Reconciled,
)
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.answers.text import AtLeast
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.result import CompareResult
from oss_oms_sync.errors import MAY_NOT_SEND, PERMANENT, Failure, Reason
from oss_oms_sync.jobs.status.copying import CopyFailures, Copying
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.ledger.records import FailedKey, record_name, record_prefix
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import read_failed, records_and_runs, run_files_by_project
from oss_oms_sync.passes.states import (
    PassState,
    answer_of,
    answering,
    last_ended,
    last_usual,
    open_passes,
    progress_of,
)
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING
from oss_oms_sync.settings import Settings

# Counting is limited: beyond these, the backlog is "at least".
_MAX_RECORDS_COUNTED = 10_000
_MAX_RECORDS_READ = 200
# Of what came after the close, because each may be an alarm.
_MAX_LATE_READ = 1_000
_MAX_RUN_FILES_READ = 50
_MAX_KEYS_SHOWN = 20
# A project none of whose jobs ran for so long does not run any more.
_GONE = timedelta(days=1)
OpenPasses = Sequence[tuple[PassState, Progress]]


@dataclass(frozen=True)
class Coverage:
    """What reconcile has looked at. `last`: the last pass of its usual scope that ended. `recent`: the same, or None if
    the next one is long overdue: then it is not known whether events were lost. `since`: objects written before were
    not looked at. `open`: the progress of each pass that is not at its end."""

    last: PassState | None
    recent: PassState | None
    since: datetime
    open: OpenPasses

    @classmethod
    def of(cls, passes: Sequence[PassState], settings: Settings, installed: datetime, now: datetime) -> Coverage:
        """The coverage of all stored `passes`."""
        whole = [each for each in passes if each.ended and each.scope.key_filter.prefix == settings.key_filter.prefix]
        last = last_usual(passes, settings.key_filter.prefix)
        return cls(
            last=last,
            recent=None if last is None or last.is_late(settings.reconcile_period, now) else last,
            since=min((each.scope.begin(installed) for each in whole), default=installed),
            open=_open(passes, now),
        )

    def shown(self) -> Reconciled:
        """As the answer has it."""
        under_way = [PassUnderWay(**_shown(each), **vars(progress)) for each, progress in self.open]
        return Reconciled(PassShown(**_shown(self.last)) if self.last else None, under_way)


def _open(passes: Sequence[PassState], now: datetime) -> OpenPasses:
    return [(each, progress_of(each, last_ended(passes, each.scope), now)) for each in open_passes(passes)]


def _shown(each: PassState) -> dict[str, Any]:
    """What a PassShown has."""
    return {
        "prefix": each.scope.key_filter.prefix,
        "since": timestamp(each.scope.since) if each.scope.since else None,
        "all": each.scope.everything,
        "started": each.started,
        "ended": each.ended or None,
        "pass_": each.of.name,
        "ranges": Ranges(each.ranges_open, each.ranges_done),
        **{name: each.counts.get(name, 0) for name in (*COUNTS, NEW, NEW_MISSING)},
    }


@dataclass(frozen=True)
class InObs:
    """`last`: result of the last whole comparison, with what was judged again since; `open`: those not at their end.

    `overdue`: it is too old to tell of what was written since. Without any, nothing is claimed of OBS, and nothing can
    be overdue. `is_unknown`: OMS does not say to which bucket it copies, so it is not known which comparisons count.
    `has_changed`: a standstill pass found that OBS changed since, although the source stood still.
    """

    last: CompareResult | None = None
    open: OpenPasses = ()
    overdue: bool = False
    is_unknown: bool = False
    has_changed: bool = False

    @classmethod
    def read(cls, invocation: Invocation, task: TaskInfo | Failure) -> InObs:
        """What the log bucket keeps of comparisons with the destination of `task`.

        Raises StorageError.
        """
        if isinstance(task, Failure):
            return cls()
        if not task.dst_bucket:
            return cls(is_unknown=next(PassStore(invocation, "compare").names(), None) is not None)
        settings, now = invocation.settings, invocation.clock.now()
        states = PassStore(invocation, "compare", task.dst_bucket).states()
        answer = answering(states, settings.key_filter.prefix)
        if answer is None:
            return cls(open=_open(states, now))
        last, mode = answer.of, task.object_overwrite_mode
        result = CompareResult(last.tally, answer_of("compare", last, None, now), last, mode, answer.stood_still)
        is_late = last.is_late(settings.compare_period, now)
        return cls(result, _open(states, now), is_late, has_changed=answer.has_obs_changed)

    @property
    def began(self) -> str:
        """When the last whole comparison began; empty if there was none."""
        return self.last.state.started if self.last and self.last.state else ""

    @property
    def lacking(self) -> int:
        """How many objects were not in the destination in their current version, though nobody had them in hand."""
        return self.count(ObjectClass.MISSING, ObjectClass.OLDER, ObjectClass.OVERWRITTEN)

    @property
    def is_clean(self) -> bool:
        """Whether everything was there that could be judged, as far as that is proven: what merely has the size of an
        object may be a version before the one that OMS failed to copy, and what replay had in hand may never come."""
        waiting = (ObjectClass.FAILED_BEFORE, ObjectClass.MIGRATING)
        differing = self.lacking or self.count(ObjectClass.SUSPICIOUS, *waiting)
        is_believed = self.last is not None and not self.last.is_contradicted
        return is_believed and not differing and self.equal == self.proven

    @property
    def equal(self) -> int:
        """How many objects were equal, however well that is proven."""
        return self.count(*EQUAL)

    @property
    def proven(self) -> int:
        """How many of those are proven to be equal."""
        return self.count(ObjectClass.EQUAL_CONTENTS)

    @property
    def total(self) -> int:
        """How many objects the source bucket had, within the project's filter."""
        return self.count(*IN_SCOPE)

    def shown(self) -> InObsShown:
        """As the answer has it."""
        under_way = [CompareUnderWay(started=each.started, **vars(progress)) for each, progress in self.open]
        return InObsShown(self.last.compared() if self.last else None, under_way)

    def count(self, *classes: ObjectClass) -> int:
        """How many objects of the source are of these classes."""
        return self.last.tally.objects(*classes) if self.last else 0


@dataclass(frozen=True)
class Backlog(BacklogShown):
    """What waits to be resent. `copies`: those keys of records and run files that were read and that OMS had failed to
    copy. `newest`: when the last record was written, in seconds since 1970; `after_close`: when each was that was not
    sent because the project was closed, or nobody knew whether it was; `may_be_more`: not all that may be such a one
    could be read."""

    copies: Sequence[FailedKey] = ()
    newest: int = 0
    after_close: Sequence[int] = ()
    may_be_more: bool = False

    @property
    def waiting(self) -> int:
        """How many keys wait, at least."""
        return self.failed + self.in_run_files

    @property
    def how_many(self) -> int:
        """The same, to be told."""
        return AtLeast(self.waiting) if self.more_may_wait else self.waiting

    @property
    def unread(self) -> float:
        """How many more keys there may be whose records were not read."""
        return math.inf if self.at_least or self.unreadable_run_files else self.failed - self.read


@dataclass(frozen=True)
class Facts:
    """All that was found. `closed`: the mark of a closed project, in which nothing matters but what came after the
    close; `go`: the name of the GO that stands, or empty. `migration`: that of the old objects, while it is not over;
    `old_objects`: how far it is, None where OMS was not asked; `keys_left`: its access keys, if it has been done for a
    day."""

    copying: Copying
    backlog: Backlog
    coverage: Coverage
    in_obs: InObs
    closed: Closed | None
    go: str
    migration: Migration | None
    old_objects: TaskGroup | Failure | None
    keys_left: Sequence[str]

    @cached_property
    def failures(self) -> CopyFailures | None:
        """What became of what OMS failed to copy; None if it does not say how much that is."""
        copying, backlog = self.copying, self.backlog
        if copying.failed is None:
            return None
        since = timestamp(copying.acknowledged.at) if copying.acknowledged else ""
        waiting = [key for key in backlog.copies if key.first_failure > since]
        return CopyFailures.of(copying.failed, copying.listed, waiting, backlog.unread)

    def lasts(self, reason: Reason) -> bool:
        """Whether what failed for this reason waits for somebody to do something."""
        if reason in MAY_NOT_SEND:
            return bool(self.backlog.after_close)
        if reason is Reason.COPY_FAILED:
            return bool(self.failures and self.failures.stuck)
        return reason in PERMANENT or reason is Reason.REJECTED

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
            "at_least": self.backlog.more_may_wait,
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


def read_backlog(invocation: Invocation, closed: Closed | None = None, acknowledged: float = math.inf) -> Backlog:
    """Read the current backlog from the log bucket; in a closed project with what came after the close and after the
    time up to which somebody has `acknowledged` that.

    Raises StorageError.
    """
    # A mark that was set anew is younger than what came after the one before.
    settings, written = invocation.settings, parse_time(closed.first) if closed else None
    # In the very second of the close it may have come after that.
    after = max(acknowledged, written.timestamp() - 1) if written else acknowledged
    records, runs = records_and_runs(invocation, _MAX_RECORDS_COUNTED, _MAX_RUN_FILES_READ)
    # The newest, because they tell what happens now.
    canaries = f"{record_prefix(invocation.task_id, 'failed')}{settings.key_filter.canaries}"
    listed = [listed for listed in records.listed if not listed.name.startswith(canaries)]
    newest = sorted(listed, key=lambda one: one.modified, reverse=True)
    late = sum(listed.modified > after for listed in newest)
    newest = newest[: max(_MAX_RECORDS_READ, min(late, _MAX_LATE_READ))]
    read = {key: listed.modified for key, listed in zip(read_failed(invocation, newest), newest, strict=True) if key}
    keys = [key for key in read if settings.key_filter.is_reported(key.key)]
    # Only its record says which project a long key belongs to.
    foreign = len(read) - len(keys)
    failed = len(listed) - foreign
    # One that went from one to the other meanwhile counts once.
    recorded = {one.name for one in listed}
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
        keys=[KeyWaiting(key.key, key.reason_name, key.first_failure, key.message) for key in keys[:_MAX_KEYS_SHOWN]],
        run_files=runs.files,
        in_run_files=len(failed_keys),
        unreadable_run_files=runs.unreadable,
        left_behind=_left_behind(invocation),
        copies=[key for key in (*failed_keys, *keys) if key.copy_attempts],
        newest=newest[0].modified if newest else 0,
        # Opened and closed again, it has not sent yet what came after the close before.
        after_close=[
            read[key]
            for key in keys
            if key.may_not_be_sent and read[key] > (acknowledged if key.reason == Reason.CLOSED.name else after)
        ],
        may_be_more=records.are_more or late > sum(modified > after for modified in read.values()),
    )


def _left_behind(invocation: Invocation) -> list[LeftBehind]:
    """The run files of other projects of the task that no longer run: nobody takes them over."""
    others = run_files_by_project(invocation)
    others.pop(invocation.settings.project, None)
    # Most tasks have none, and then nobody asks who runs.
    ran = JobState(invocation).last_runs() if others else {}
    left = []
    for project, files in sorted(others.items()):
        last = max(ran.get(project, 0), *(file.modified for file in files))
        if from_epoch(last) < invocation.clock.now() - _GONE:
            folder = files[0].name.rpartition("/")[0] + "/"
            left.append(LeftBehind(project, len(files), folder, timestamp(from_epoch(last))))
    return left
