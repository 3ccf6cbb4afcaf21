"""What passes have looked at: only what reconcile has can be called in step, and without a comparison an object is
accepted, and no more is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.answers.pass_answers import Ranges
from oss_oms_sync.answers.status_answer import CompareUnderWay, InObsShown, PassShown, PassUnderWay, Reconciled
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.result import CompareResult
from oss_oms_sync.passes.states import PassState, Progress, answer_of, answering, last_ended, open_passes
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING, ClassCount
from oss_oms_sync.reasons import Failure
from oss_oms_sync.settings import Settings

_LACKING = (ObjectClass.MISSING, ObjectClass.OLDER, ObjectClass.OVERWRITTEN)
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
        usual = (each for each in passes if _is_usual(each, settings))
        last = max(usual, key=lambda each: each.started, default=None)
        # A backfill looked at older objects, which have not changed since.
        whole = [each for each in passes if each.ended and each.scope.key_filter.prefix == settings.key_filter.prefix]
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
    return [(each, Progress.of(each, last_ended(passes, each.scope), now)) for each in open_passes(passes)]


def _is_usual(each: PassState, settings: Settings) -> bool:
    """Whether a pass has ended and has a timer's scope: only those show whether events arrive."""
    scope = each.scope
    is_usual = scope.key_filter.prefix == settings.key_filter.prefix and scope.since is None and not scope.everything
    return bool(each.ended) and is_usual


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
    """`last`: what the last whole comparison found, and what was judged again since; `open`: those not at their end.

    `overdue`: the last one is so old that it is not known whether what was written since is in OBS. Without any,
    nothing is claimed of OBS, and nothing can be overdue. `is_unknown`: there are comparisons, but OMS does not say to
    which bucket it copies, so it is not known which of them count.
    """

    last: CompareResult | None = None
    open: OpenPasses = ()
    overdue: bool = False
    is_unknown: bool = False

    @classmethod
    def read(cls, invocation: Invocation, task: TaskInfo | Failure) -> InObs:
        """What the log bucket keeps of comparisons with the destination of `task`.

        Raises StorageError.
        """
        if isinstance(task, Failure):
            return cls()
        if not task.dst_bucket:
            compared = next(PassStore(invocation, "compare").names(), None)
            return cls(is_unknown=compared is not None)
        store, now = PassStore(invocation, "compare", task.dst_bucket), invocation.clock.now()
        states = store.states()
        answer = answering(states, invocation.settings.key_filter.prefix, None, now)
        last = answer.of if answer else None
        mode = task.object_overwrite_mode
        return cls(
            CompareResult(last.tally, answer_of("compare", last, None, now), last, mode) if last else None,
            _open(states, now),
            last is not None and last.is_late(invocation.settings.compare_period, now),
        )

    @property
    def began(self) -> str:
        """When the last whole comparison began; empty if there was none."""
        return self.last.state.started if self.last and self.last.state else ""

    @property
    def lacking(self) -> int:
        """How many objects were not in the destination in their current version, though nobody had them in hand."""
        return self.count(*_LACKING)

    @property
    def is_clean(self) -> bool:
        """Whether everything was there that could be judged, as far as that is proven: what merely has the size of an
        object may be a version before the one that OMS failed to copy."""
        differing = self.lacking or self.count(ObjectClass.SUSPICIOUS, ObjectClass.MIGRATING)
        return self.last is not None and not differing and self.equal == self.proven

    @property
    def equal(self) -> int:
        """How many objects were equal, however well that is proven."""
        return self.count(*EQUAL)

    @property
    def proven(self) -> int:
        """How many of those are proven to be equal."""
        return self.count(ObjectClass.EQUAL_CONTENTS)

    @property
    def others(self) -> dict[str, int]:
        """How many objects of the source bucket were not equal, by the names of their classes."""
        apart = (*EQUAL, ObjectClass.CANARY, ObjectClass.OUTSIDE)
        others = {one: self.count(one) for one in ObjectClass if one not in apart}
        return {one.title: number for one, number in others.items() if number}

    @property
    def total(self) -> int:
        """How many objects the source bucket had, within the project's filter."""
        return self.equal + sum(self.others.values())

    def shown(self) -> InObsShown:
        """As the answer has it."""
        under_way = [CompareUnderWay(each.started, **vars(progress)) for each, progress in self.open]
        return InObsShown(self.last.compared() if self.last else None, under_way)

    def count(self, *classes: ObjectClass) -> int:
        """How many objects of the source are of these classes."""
        counts = self.last.tally.classes if self.last else {}
        return sum(counts.get(one.title, ClassCount()).source.objects for one in classes)
