"""What comparisons have seen in OBS: without one, an object is accepted, and no more is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.classes import EQUAL, ObjectClass
from oss_oms_sync.comparison.result import CompareResult
from oss_oms_sync.comparison.tally import ClassCount, CompareTally
from oss_oms_sync.passes.progress import Progress
from oss_oms_sync.passes.states import PassState, answering, last_ended, open_passes
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.reasons import Failure


@dataclass(frozen=True)
class InObs:
    """`last`: what the last whole comparison found, and what was judged again since; `open`: those not at their end.

    `overdue`: the last one is so old that it is not known whether what was written since is in OBS. Without any,
    nothing is claimed of OBS, and nothing can be overdue. `is_unknown`: there are comparisons, but OMS does not say to
    which bucket it copies, so it is not known which of them count.
    """

    last: CompareResult | None = None
    open: Sequence[tuple[PassState, Progress]] = field(default_factory=list)
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
            compared = next(PassStore(invocation, "compare", CompareTally).names(), None)
            return cls(is_unknown=compared is not None)
        store, now = PassStore(invocation, "compare", CompareTally, task.dst_bucket), invocation.clock.now()
        states = store.states()
        answer = answering(states, invocation.settings.key_filter.prefix, None, now)
        last = answer.of if answer else None
        return cls(
            CompareResult.of(last, None, invocation.clock, task) if last else None,
            [(each, Progress.of(each, last_ended(states, each.scope), now)) for each in open_passes(states)],
            last is not None and last.is_late(invocation.settings.compare_period, now),
        )

    @property
    def began(self) -> datetime | None:
        """When the last whole comparison began."""
        return parse_time(self.last.state.started) if self.last and self.last.state else None

    @property
    def lacking(self) -> int:
        """How many objects were not in the destination in their current version, though nobody had them in hand."""
        return self._objects({ObjectClass.MISSING, ObjectClass.OLDER, ObjectClass.OVERWRITTEN})

    @property
    def suspicious(self) -> int:
        """How many objects are there in their size, but with another MD5."""
        return self._objects({ObjectClass.SUSPICIOUS})

    @property
    def is_clean(self) -> bool:
        """Whether everything was there that could be judged, as far as that is proven: what merely has the size of an
        object may be a version before the one that OMS failed to copy."""
        return self.last is not None and not self.lacking and not self.suspicious and self.equal == self.proven

    @property
    def equal(self) -> int:
        """How many objects were equal, however well that is proven."""
        return self._objects(EQUAL)

    @property
    def proven(self) -> int:
        """How many of those are proven to be equal."""
        return self._objects({ObjectClass.EQUAL_CONTENTS})

    @property
    def others(self) -> dict[str, int]:
        """How many objects of the source bucket were not equal, by the names of their classes."""
        apart = (*EQUAL, ObjectClass.CANARY, ObjectClass.OUTSIDE)
        others = {one: self._objects({one}) for one in ObjectClass if one not in apart}
        return {one.title: number for one, number in others.items() if number}

    @property
    def total(self) -> int:
        """How many objects the source bucket had, within the project's filter."""
        return self.equal + sum(self.others.values())

    def to_json(self) -> dict[str, object]:
        """As the report shows it."""
        under_way = [{"started": each.started, **each.counts, **asdict(progress)} for each, progress in self.open]
        return {"last": self.last and self.last.to_json(), "open": under_way}

    def _objects(self, classes: Collection[ObjectClass]) -> int:
        counts = self.last.tally.classes if self.last else {}
        return sum(counts.get(one.title, ClassCount()).source.objects for one in classes)
