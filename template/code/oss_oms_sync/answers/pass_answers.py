"""What reconcile and compare answer. Times are as records have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.object_class import IN_SCOPE, LATE, ObjectClass
from oss_oms_sync.answers.step import Step, Stop
from oss_oms_sync.answers.text import Text, t


@dataclass(frozen=True)
class Ranges:
    """How many ranges of a pass are at their end, and how many are not."""

    open: int
    done: int


@dataclass(frozen=True)
class Progress:
    """How far a pass is, and how fast. `share` of the objects, 0 to 1, and `minutes_left` are None where no earlier
    pass tells how many objects there are."""

    objects_per_minute: int
    share: float | None
    minutes_left: int | None


@dataclass(frozen=True, kw_only=True)
class PassAnswer:
    """How far a pass is, or a call without one, of which no more is told than the first four; `next` and `stopped` are
    for people only. `objects` are those of the source that it has walked past. `share`, from 0 to 1, and `minutes_left`
    are None where no earlier pass tells how many objects there are. `unsent`: how many it left, because they are too
    many: `step` has them copied, and `all_the_same` sends them. `is_migration_unknown`: a migration of the old objects
    had begun, and whether it copies was not known, so nothing was left to it. `found_nothing`: it is at its end, and no
    object of the source was in scope."""

    finished: bool
    next: str
    stop: Stop | None
    stopped: str | None
    pass_: str | None = None
    ranges: Ranges | None = None
    started: str | None = None
    ended: str | None = None
    objects: int | None = None
    objects_per_minute: int | None = None
    share: float | None = None
    minutes_left: int | None = None
    unsent: int = 0
    step: Step | None = None
    all_the_same: Step | None = None
    is_migration_unknown: bool = False
    found_nothing: bool = False


@dataclass(frozen=True, kw_only=True)
class Reconciling:
    """What a pass of reconcile counts. `migrating`: what it leaves to a migration of the old objects, or has been
    copied by one."""

    scanned: int
    covered: int
    failed_before: int
    submitted: int
    accepted: int
    failed: int
    pending: int
    migrating: int
    orphans: int


@dataclass(frozen=True, kw_only=True)
class ReconcileAnswer(Reconciling, PassAnswer):
    """What reconcile found; the first hundred keys that a dry run would send are `missing`."""

    missing: Sequence[str] | None


@dataclass(frozen=True)
class Lag:
    """How late objects arrived, in seconds: within so many seconds, `within` that many of them."""

    objects: int
    not_yet: int
    p50: int | None
    p90: int | None
    p99: int | None
    max: int | None
    within: Mapping[int, int]


@dataclass(frozen=True)
class Lags:
    """Until OMS accepted objects, and until they were in OBS; of `again` neither is told, because they were sent more
    than once."""

    accepted: Lag
    copied: Lag
    again: int


@dataclass(frozen=True)
class Deep:
    """How many objects reading showed to be what, how much was read, and the first keys of each kind that it did not
    prove."""

    equal: int
    different: int
    parts_differ: int
    unknown_parts: int
    encrypted: int
    changed: int
    too_big: int
    unreadable: int
    no_right_in_oss: int
    no_right_in_obs: int
    bytes: int
    keys: Mapping[str, Sequence[str]]


# By their names there, what is not proven because a right is missing: which, and what grants it.
MISSING_RIGHTS = {
    "no_right_in_oss": t(
        "{number:object|objects} could not be read, because the function's role lacks oss:GetObject on the source"
        " bucket (python3 policies/show.py prints it), or may not use their key of KMS"
    ),
    "no_right_in_obs": t(
        "{number:object differs, or is|objects differ, or are} encrypted in OBS: the IAM user of HW_AK lacks"
        " obs:object:GetObject there, which would tell (python3 policies/show.py prints it)"
    ),
}


@dataclass(frozen=True)
class ObjectCount:
    """Objects of one bucket."""

    objects: int
    bytes: int


@dataclass(frozen=True)
class ListingTotals(ObjectCount):
    """All that a listing of one bucket brought, with the sum of its digests."""

    digest: Digest


@dataclass(frozen=True)
class ListedSource(ListingTotals):
    """The same of the source bucket, with the digest of its versions."""

    state_digest: Digest


@dataclass(frozen=True)
class Digests:
    """Of one class."""

    source: Digest
    destination: Digest


@dataclass(frozen=True)
class ClassFound:
    """A class on both sides, the first of its keys, and how many objects of equal sizes were proven to differ, and were
    accepted once more by OMS in vain."""

    source: ObjectCount
    destination: ObjectCount
    digests: Digests
    keys: Sequence[str]
    proven_different: int
    in_vain: int


@dataclass(frozen=True)
class LastWritten:
    """An object of the source, and when it was written."""

    key: str
    at: str


@dataclass(frozen=True, kw_only=True)
class BothBuckets:
    """What is in both buckets; of each folder, by class, the objects and bytes of the source, and of the
    destination."""

    classes: Mapping[ObjectClass, ClassFound]
    folders: Mapping[str, Mapping[ObjectClass, Sequence[int]]]
    source: ObjectCount
    destination: ObjectCount

    @property
    def judged(self) -> tuple[int, int]:
        """How many objects of the source in scope were not on their way when they were looked at, and of how many."""
        counts = {
            object_class: self.classes[object_class].source.objects
            for object_class in IN_SCOPE
            if object_class in self.classes
        }
        total = sum(counts.values())
        return total - sum(number for object_class, number in counts.items() if object_class in LATE), total


@dataclass(frozen=True, kw_only=True)
class CompareAnswer(PassAnswer):
    """How far a comparison is. `state` and `twin` are the digests of a pass at its end; `stood_still`: whether a
    standstill pass has seen the same since, None if there was none."""

    submitted: int
    accepted: int
    failed: int
    orphan_records: int
    deep: Deep | None
    lag: Lags
    standstill: bool
    wishes: Sequence[str]
    state: str | None
    twin: str | None
    stood_still: bool | None
    amended: str | None


@dataclass(frozen=True, kw_only=True)
class Compared(BothBuckets, CompareAnswer):
    """What a comparison at its end has found, with what to do about classes that sending again may not heal. All that
    was written before the `watermark` was in the destination."""

    source: ListedSource
    destination: ListingTotals
    adds_up: bool
    remedies: Mapping[ObjectClass, Text]
    watermark: str | None
    last_written: Sequence[LastWritten]
    differences: Sequence[str]
