"""What is known of a cutover: certify begins nothing, it looks at what passes and jobs have left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from oss_oms_sync.clouds.clocks import date_at
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.classes import ObjectClass
from oss_oms_sync.comparison.tally import CompareTally, Side
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER, OmsWork
from oss_oms_sync.jobs.certify.options import Options
from oss_oms_sync.jobs.certify.sample import Sample
from oss_oms_sync.jobs.certify.waiting import Waiting, what_waits
from oss_oms_sync.ledger.closing import Closed, Closing, Mark
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.states import PassState, answering
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.reasons import Failure


@dataclass(frozen=True)
class Standstill:
    """A standstill pass, which `began` then by OSS's clock."""

    state: PassState
    began: datetime


@dataclass(frozen=True)
class Comparison:
    """The comparison that answers: what its pass found, what that is since its keys were last judged again, and the
    standstill pass that was made after that; None if there is none."""

    state: PassState
    passed: CompareTally
    tally: CompareTally
    standstill: Standstill | None

    @property
    def as_of(self) -> str:
        """When it looked at anything for the last time."""
        return self.state.as_of

    @property
    def amended(self) -> str:
        """When its keys were last judged again; empty if they were not."""
        return self.state.amended

    def in_scope(self, side: str) -> Side:
        """One side, "source" or "destination", without what the project does not cover, without canaries, and without
        OMS's own lists, which grow."""
        total = Side()
        for title, count in self.tally.classes.items():
            if title not in (ObjectClass.CANARY.title, ObjectClass.OUTSIDE.title, ObjectClass.OMS_OWN.title):
                total = total.plus(count.source if side == "source" else count.destination)
        return total


@dataclass(frozen=True)
class Evidence:
    """All that checks go by: what was asked for, and what was found.

    `reconciled` is the last reconcile pass over everything that ended. `clocks`: how far the function's clock is off
    each cloud's; None where that does not tell. `lists_looked_at`: when replay last began to look at OMS's lists of
    failures and then read all that was new, or empty; `lists_problem`: why it cannot read them, or empty;
    `unread_lines`: lines of them that it could not read. `open_projects`: others of the task that were not
    closed in time. `sample` is None if nothing was to be sampled.
    """

    options: Options
    now: datetime
    task: TaskInfo | Failure
    comparison: Comparison | None
    reconciled: PassState | None
    waiting: Waiting
    lists_looked_at: str
    lists_problem: str
    unread_lines: int
    clocks: Mapping[str, timedelta | None]
    closed: Closed | None
    open_projects: Sequence[str]
    oms: OmsWork
    sample: Sample | None

    @property
    def frozen_since(self) -> datetime | None:
        """None in a rehearsal."""
        return self.options.frozen_since

    @property
    def accepted(self) -> Mapping[str, str]:
        """Who accepts what, and why."""
        return self.options.accept


def gather(invocation: Invocation, options: Options) -> Evidence:
    """Look at everything.

    Raises StorageError if the log bucket, or the listing of the source bucket, cannot be read.
    """
    task = invocation.oms.task(invocation.deadline)
    destination = _destination(invocation, task)
    comparison = _comparison(invocation, destination, options.frozen_since) if destination else None
    prefix, now = invocation.settings.key_filter.prefix, invocation.clock.now()
    reconciled = answering(PassStore(invocation, "reconcile").states(), prefix, None, now)
    state = JobState(invocation)
    lists = state.load("failed_copies")
    looked, problem, unread = lists.get("looked"), lists.get("said"), lists.get("unread")
    closed, largest = Closing(invocation).state(), comparison.tally.largest if comparison else 0
    evidence = Evidence(
        options,
        # After the passes: a certificate tells of none that ended after it was made.
        invocation.clock.now(),
        task,
        comparison,
        reconciled.of if reconciled else None,
        what_waits(invocation, destination),
        str(looked or ""),
        str(problem or ""),
        unread if isinstance(unread, int) else 0,
        _clocks(invocation, destination),
        closed,
        _open_projects(invocation, comparison.standstill if comparison else None),
        OmsWork.ask(invocation, task, closed, largest),
        _sample(invocation, destination, comparison, options.sample),
    )
    # Somebody may have opened it while all this was looked at.
    return evidence if Closing(invocation).state() == closed else replace(evidence, closed=None)


def _destination(invocation: Invocation, task: TaskInfo | Failure) -> ObsBucket | None:
    if isinstance(task, Failure):
        return None
    try:
        return invocation.obs().bucket(task, invocation.deadline)
    except StorageError:  # OMS names none
        return None


def _comparison(invocation: Invocation, destination: ObsBucket, frozen_since: datetime | None) -> Comparison | None:
    store = PassStore(invocation, "compare", CompareTally, destination.name)
    states, prefix, now = store.states(), invocation.settings.key_filter.prefix, invocation.clock.now()
    # Where none answers since the freeze, the last one tells why.
    answer = answering(states, prefix, frozen_since, now) or answering(states, prefix, None, now)
    if answer is None:
        return None
    state, passed, tally = answer.of, answer.of.passed, answer.of.tally
    if not (isinstance(passed, CompareTally) and isinstance(tally, CompareTally)):
        return None
    standstill = None
    if answer.standstill and (began := store.began(answer.standstill.of.name)):
        standstill = Standstill(answer.standstill, began)
    return Comparison(state, passed, tally, standstill)


def _open_projects(invocation: Invocation, standstill: Standstill | None) -> list[str]:
    """The other projects of the task that are not closed, or were not yet two minutes before the standstill pass began
    (by OSS's clock, both), or of which that cannot be read."""
    prefix = f"{record_root(invocation.task_id)}state/closed-"
    own = f"{prefix}{invocation.settings.project}.json"
    marks = [one for one in invocation.log_bucket.iter_objects(prefix) if one.name != own]
    latest = (standstill.began - CLOSED_AFTER).timestamp() if standstill else math.inf
    projects = []
    for listed, read in zip(marks, invocation.log_bucket.get_all([one.name for one in marks]), strict=True):
        if not (read and _says_closed(read) and listed.modified <= latest):
            projects.append(listed.name.removeprefix(prefix).removesuffix(".json"))
    return projects


def _says_closed(mark: StoredObject) -> bool:
    """Whether a mark can be read, and is that of a closed project."""
    try:
        return Mark.of(mark).closed is not None
    except StorageError:
        return False


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
