"""Answers of reconcile and compare, about a pass: a run over all keys of the source bucket, divided into key ranges.

A time is a text such as 2026-01-31T08:00:00Z.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.object_class import IN_SCOPE, TOO_NEW_CLASSES, ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t, untranslated

# Maximum number of example keys for each class, and of the last written objects that a pass stores.
MAX_KEYS = 20
MAX_WRITTEN = 20
# Maximum number of first-level folders with counts of their own.
MAX_FOLDERS = 200
# Name of the total of the folders without counts of their own; no folder has this name.
OTHERS = "*"


def first_folder(key: str) -> str:
    """Return the first-level folder of a key with its slash, such as "photos/", or "" if the key has no folder."""
    return key[: key.find("/") + 1]


@dataclass(frozen=True)
class Ranges:
    """The numbers of unfinished and of finished key ranges of a pass."""

    open: int
    done: int


@dataclass(frozen=True)
class Progress:
    """The progress of a pass.

    `share` is the processed part of the objects, from 0 to 1. It and `minutes_left` are None if no earlier pass counted
    the objects.
    """

    objects_per_minute: int
    share: float | None
    minutes_left: int | None


@dataclass(frozen=True, kw_only=True)
class PassAnswer:
    """The progress of a pass; if there is no pass, only the first four fields have a value.

    - `next`, `stopped`: sentences for people.
    - `objects`: the number of source objects that the pass has counted.
    - `share`: the processed part of the objects, from 0 to 1. It is None if no earlier pass counted the objects.
    - `unsent`: the number of objects that the pass did not submit because they are too many.
    - `step`, `all_the_same`: the commands that copy these objects by a migration, or submit them nevertheless.
    - `is_migration_unknown`: True if the state of a migration of the existing objects was unknown, so that the pass
      left no object to it.
    - `has_no_objects`: True if the pass is finished and found no source object in scope.
    """

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
    has_no_objects: bool = False


@dataclass(frozen=True, kw_only=True)
class ReconcileTotals:
    """Numbers of objects in a reconcile pass.

    `migrating` is the number of objects that the pass leaves to a migration of the existing objects, or that a
    migration has copied.
    """

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
class ReconcileAnswer(ReconcileTotals, PassAnswer):
    """The result of reconcile. `missing` has the first hundred keys that a dry run would have submitted."""

    missing: Sequence[str] | None


@dataclass(frozen=True)
class Lag:
    """The delays of objects in seconds, as percentiles and a maximum.

    - `objects`: the number of measured objects.
    - `not_yet`: the number of objects that have not arrived.
    - `within`: limits in seconds, each with the number of objects that arrived within the limit.
    """

    objects: int
    not_yet: int
    p50: int | None
    p90: int | None
    p99: int | None
    max: int | None
    within: Mapping[int, int]


@dataclass(frozen=True)
class Lags:
    """The delays from the write of an object until OMS accepted it, and until it was in OBS.

    - `again`: the number of objects that were submitted repeatedly. The delays do not include these objects, because it
      is ambiguous from which submission to measure.
    """

    accepted: Lag
    copied: Lag
    again: int


@dataclass(frozen=True)
class ReadResult:
    """The numbers of objects by the outcome of reading them to compare their contents.

    It also has the number of bytes read, and the first unproven `keys` of each outcome.
    """

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


# Labels of storage classes, by the names in OSS and in OBS.
_STORAGE_CLASSES = {
    "Standard": t("Standard"),
    "IA": t("IA"),
    "Archive": t("Archive"),
    "ColdArchive": t("Cold Archive"),
    "DeepColdArchive": t("Deep Cold Archive"),
    "STANDARD": t("Standard"),
    "WARM": t("IA"),
    "COLD": t("Archive"),
    "DEEP_ARCHIVE": t("Deep Archive"),
    "": t("an unspecified storage class"),
}
# Sentences about objects that could not be read without a permission, by the field of ReadResult that counts them.
MISSING_PERMISSION_TEXTS = {
    "no_right_in_oss": t(
        "{number:object|objects} could not be read, because the function's role lacks oss:GetObject on the source"
        " bucket (python3 policies/show.py prints the policy) or permission to use the objects' KMS key"
    ),
    "no_right_in_obs": t(
        "{number:object differs or is|objects differ or are} encrypted in OBS: to find out which, the IAM user of"
        " HW_AK needs obs:object:GetObject (python3 policies/show.py prints the policy)"
    ),
}


@dataclass(frozen=True)
class ObjectCount:
    """The number and the total bytes of objects in a bucket."""

    objects: int
    bytes: int


@dataclass(frozen=True)
class StoragePair:
    """The number and the bytes of the objects with a certain storage class in the source and a certain class in OBS.

    The classes have the names that the clouds give them. A class is None if that bucket lacks the objects, and empty if
    its listing states no class.
    """

    source: str | None
    destination: str | None
    objects: int
    source_bytes: int
    destination_bytes: int

    @property
    def text(self) -> Text:
        source, destination = (
            None if class_name is None else _STORAGE_CLASSES.get(class_name, untranslated(class_name))
            for class_name in (self.source, self.destination)
        )
        if source is None:
            classes = t("{destination} in OBS, not at the source", destination=destination)
        elif destination is None:
            classes = t("{source} at the source, not in OBS", source=source)
        else:
            classes = t("{source} at the source, {destination} in OBS", source=source, destination=destination)
        volume = self.destination_bytes if source is None else self.source_bytes
        return t("{n:object|objects}, {volume:size}: {classes}", n=self.objects, volume=volume, classes=classes)


@dataclass(frozen=True)
class ListingTotals(ObjectCount):
    """The count of all objects in the listing of a bucket, and the sum of the objects' digests."""

    digest: Digest


@dataclass(frozen=True)
class ListedSource(ListingTotals):
    """The count of all objects in the source bucket's listing, and a digest that also covers ETags and times."""

    state_digest: Digest


@dataclass(frozen=True)
class Digests:
    """The digests of the objects of a class, in the source and in the destination."""

    source: Digest
    destination: Digest


@dataclass(frozen=True)
class ClassCounts:
    """The counts of the objects of a class in both buckets, and the first keys of the class.

    - `proven_different`: the number of objects of equal sizes whose contents were proven to differ.
    - `in_vain`: the number of objects for which OMS accepted another submission without copying them.
    """

    source: ObjectCount
    destination: ObjectCount
    digests: Digests
    keys: Sequence[str]
    proven_different: int
    in_vain: int


@dataclass(frozen=True)
class LastWritten:
    """A key of the source, and the time at which its object was last written."""

    key: str
    at: str


@dataclass(frozen=True, kw_only=True)
class BothBuckets:
    """The counts of the objects in both buckets, by class, folder and storage class.

    - `folders`: for each folder and class, the number and the bytes of the objects in the source, then of those in OBS.
    - `storage`: the counts of all objects of both buckets by their storage classes.
    """

    classes: Mapping[ObjectClass, ClassCounts]
    folders: Mapping[str, Mapping[ObjectClass, Sequence[int]]]
    storage: Sequence[StoragePair]
    source: ObjectCount
    destination: ObjectCount

    @property
    def judged_and_total_counts(self) -> tuple[int, int]:
        """The number of source objects in scope with a final class, and the number of all source objects in scope.

        Objects that were just written, or are in flight, have no final class yet.
        """
        total = self._count(IN_SCOPE)
        return total - self._count(TOO_NEW_CLASSES), total

    @property
    def unproven_count(self) -> int:
        return self._count(IN_SCOPE) - self._count([ObjectClass.EQUAL_CONTENTS])

    def _count(self, classes: Iterable[ObjectClass]) -> int:
        return sum(
            self.classes[object_class].source.objects for object_class in classes if object_class in self.classes
        )


@dataclass(frozen=True, kw_only=True)
class CompareAnswer(PassAnswer):
    """The progress of a comparison.

    - `state`: the digest of the source's keys, sizes, ETags and times; None until the comparison is finished.
    - `twin`: the digest of the keys, sizes and ETags of the copies in OBS; None until the comparison is finished.
    - `stood_still`: True if a later standstill pass has the same digests, and None without such a pass.
    """

    submitted: int
    accepted: int
    failed: int
    orphan_records: int
    deep: ReadResult | None
    lag: Lags
    standstill: bool
    wishes: Sequence[str]
    state: str | None
    twin: str | None
    stood_still: bool | None
    amended: str | None


@dataclass(frozen=True, kw_only=True)
class ComparisonResult(BothBuckets, CompareAnswer):
    """The result of a finished comparison.

    - `remedies`: the remedy of each class whose objects another submission may not copy.
    - `watermark`: the time until which all written objects were in the destination.
    """

    source: ListedSource
    destination: ListingTotals
    adds_up: bool
    remedies: Mapping[ObjectClass, Text]
    watermark: str | None
    last_written: Sequence[LastWritten]
    differences: Sequence[str]
