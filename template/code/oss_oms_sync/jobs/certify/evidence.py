"""What is known of a cutover: certify begins nothing, it looks at what passes and jobs have left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from oss_oms_sync.clouds.clocks import date_at
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.classes import ObjectClass
from oss_oms_sync.comparison.tally import CompareTally, Side
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.certify.sample import Sample
from oss_oms_sync.jobs.certify.waiting import Waiting, what_waits
from oss_oms_sync.ledger.closing import Closed, Closing
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.states import PassState, answering
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.reasons import Failure

# What was seen longer ago than this does not decide about a cutover: the buckets may have changed since.
LATEST = timedelta(hours=24)


@dataclass(frozen=True)
class Comparison:
    """The last whole comparison: what its pass found, and what that is since its keys were last judged again, which was
    at the time `amended`; empty if they were not."""

    state: PassState
    passed: CompareTally
    tally: CompareTally
    amended: str

    @property
    def as_of(self) -> str:
        """When it looked at anything for the last time."""
        return max(self.state.ended, self.amended)

    def in_scope(self, side: str) -> Side:
        """One side, "source" or "destination", without what the project does not cover, and without OMS's own lists,
        which grow."""
        total = Side()
        for title, count in self.tally.classes.items():
            if title not in (ObjectClass.OUTSIDE.title, ObjectClass.OMS_OWN.title):
                total = total.plus(count.source if side == "source" else count.destination)
        return total


@dataclass(frozen=True)
class Evidence:
    """All that checks go by.

    `comparison` and `reconciled` are the last passes over everything that ended. `clocks`: how far the function's clock
    is off each cloud's; None where that does not tell. `lists_looked_at`: when replay last began to look at OMS's lists
    of failures and then read all that was new, or empty; `lists_problem`: why it cannot read them, or empty;
    `unread_lines`: lines of them that it could not read. `sample` is None if nothing was to be sampled.
    """

    now: datetime
    frozen_since: datetime | None
    task: TaskInfo | Failure
    comparison: Comparison | None
    reconciled: PassState | None
    waiting: Waiting
    lists_looked_at: str
    lists_problem: str
    unread_lines: int
    clocks: Mapping[str, timedelta | None]
    closed: Closed | None
    sample: Sample | None


def gather(invocation: Invocation, frozen_since: datetime | None, asked: int) -> Evidence:
    """Look at everything; `asked`: how many objects are to be sampled.

    Raises StorageError if the log bucket, or the listing of the source bucket, cannot be read.
    """
    task = invocation.oms.task(invocation.deadline)
    destination = _destination(invocation, task)
    comparison = _comparison(invocation, destination, frozen_since) if destination else None
    # Before `now`: a certificate tells of no pass that ended after it was made.
    prefix, now = invocation.settings.key_filter.prefix, invocation.clock.now()
    reconciled = answering(PassStore(invocation, "reconcile").states(), prefix, None, now)
    state = JobState(invocation)
    lists = state.load("failed_copies")
    looked, problem, unread = lists.get("looked"), lists.get("said"), lists.get("unread")
    return Evidence(
        invocation.clock.now(),
        frozen_since,
        task,
        comparison,
        reconciled.of if reconciled else None,
        what_waits(invocation, destination),
        str(looked or ""),
        str(problem or ""),
        unread if isinstance(unread, int) else 0,
        _clocks(invocation, destination),
        Closing(invocation).state(),
        _sample(invocation, destination, comparison, asked),
    )


def _destination(invocation: Invocation, task: TaskInfo | Failure) -> ObsBucket | None:
    if isinstance(task, Failure):
        return None
    try:
        return invocation.obs().bucket(task, invocation.deadline)
    except StorageError:  # OMS names none
        return None


def _comparison(invocation: Invocation, destination: ObsBucket, frozen_since: datetime | None) -> Comparison | None:
    states = PassStore(invocation, "compare", CompareTally, destination.name).states()
    prefix, now = invocation.settings.key_filter.prefix, invocation.clock.now()
    # Where none answers since the freeze, the last one tells why.
    answer = answering(states, prefix, frozen_since, now) or answering(states, prefix, None, now)
    state = answer.of if answer else None
    if state is None or not (isinstance(state.passed, CompareTally) and isinstance(state.tally, CompareTally)):
        return None
    return Comparison(state, state.passed, state.tally, state.amended)


def _clocks(invocation: Invocation, destination: ObsBucket | None) -> dict[str, timedelta | None]:
    settings, clock, pool = invocation.settings, invocation.clock, CallPool(1)
    urls = {"OMS": settings.task.url, "OSS": settings.oss_endpoint, "OBS": destination.url if destination else ""}
    dates = {name: date_at(url, clock, pool) if url else None for name, url in urls.items()}
    return {name: abs(date - clock.now()) if date else None for name, date in dates.items()}


def _sample(
    invocation: Invocation, destination: ObsBucket | None, comparison: Comparison | None, asked: int
) -> Sample | None:
    sample = Sample(asked)
    if destination and comparison:
        sample = Sample.take(invocation, destination, comparison.state.of.name, comparison.tally.drawn, asked)
    return sample if asked or sample.differing else None
