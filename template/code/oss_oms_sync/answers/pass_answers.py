"""Answers of reconcile and compare. Times are in the format of records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.object_class import IN_SCOPE, TOO_NEW, ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t, untranslated

# Maximum number of keys of each class shown as examples, and of stored last written objects.
MAX_KEYS = 20
MAX_WRITTEN = 20
# Maximum number of first-level folders with counts of their own.
MAX_FOLDERS = 200
# Name of the total of the folders without counts of their own; no folder has this name.
OTHERS = "*"


def first_folder(key: str) -> str:
    """Return the first-level folder of a key: its name with the slash, or "" for a key without a folder."""
    return key[: key.find("/") + 1]


@dataclass(frozen=True)
class Ranges:
    """Numbers of unfinished and finished ranges of a pass."""

    open: int
    done: int


@dataclass(frozen=True)
class Progress:
    """Progress and rate of a pass.

    `share` of the objects, 0 to 1, and `minutes_left` are None if no earlier pass counted the objects.
    """

    objects_per_minute: int
    share: float | None
    minutes_left: int | None


@dataclass(frozen=True, kw_only=True)
class PassAnswer:
    """Progress of a pass; a call without a pass has only the first four.

    `next` and `stopped` are for people only. `objects`: number of source objects that the pass has counted. `share`,
    from 0 to 1, and `minutes_left` are None if no earlier pass counted the objects. `unsent`: number of objects that
    the pass did not submit, because they are too many; `step` copies them by a migration, and `all_the_same` submits
    them. `is_migration_unknown`: a migration of the existing objects had begun, but its state was unknown, so the pass
    left no object to it. `has_no_objects`: the pass is finished, and no source object was in scope.
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
    """Counts of a pass of reconcile.

    `migrating`: objects that the pass leaves to a migration of the existing objects, or that a migration has copied.
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
    """Result of reconcile; `missing` has the first hundred keys that a dry run would submit."""

    missing: Sequence[str] | None


@dataclass(frozen=True)
class Lag:
    """Delay of objects in seconds; `within` has the number of objects within each limit in seconds."""

    objects: int
    not_yet: int
    p50: int | None
    p90: int | None
    p99: int | None
    max: int | None
    within: Mapping[int, int]


@dataclass(frozen=True)
class Lags:
    """Delays until OMS accepted objects, and until they were in OBS.

    Objects submitted `again` are in neither, because their delays are ambiguous.
    """

    accepted: Lag
    copied: Lag
    again: int


@dataclass(frozen=True)
class ReadResult:
    """Result of reading objects: numbers by outcome, bytes read, and the first unproven keys of each outcome."""

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


# Labels of storage classes, by the words of OSS and of OBS.
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
    "": t("an unnamed class"),
}
# Outcomes of a missing permission, by field of Deep: the permission, and the way to grant it.
MISSING_RIGHTS = {
    "no_right_in_oss": t(
        "{number:object|objects} could not be read, because the function's role lacks oss:GetObject on the"
        " source bucket (python3 policies/show.py prints the policy), or the use of their KMS key"
    ),
    "no_right_in_obs": t(
        "{number:object differs, or is|objects differ, or are} encrypted in OBS: to tell them apart, the IAM"
        " user of HW_AK needs obs:object:GetObject (python3 policies/show.py prints the policy)"
    ),
}


@dataclass(frozen=True)
class ObjectCount:
    """Number and bytes of objects of one bucket."""

    objects: int
    bytes: int


@dataclass(frozen=True)
class StoragePair:
    """Number and bytes of the objects with these storage classes, which are the clouds' own words.

    A class is None where that bucket does not have the objects, and empty where its listing names no class.
    """

    source: str | None
    destination: str | None
    objects: int
    source_bytes: int
    destination_bytes: int

    @property
    def text(self) -> Text:
        """The counts as a sentence."""
        source, destination = (
            None if word is None else _STORAGE_CLASSES.get(word, untranslated(word))
            for word in (self.source, self.destination)
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
    """Count of all objects in the listing of one bucket, with the sum of their digests."""

    digest: Digest


@dataclass(frozen=True)
class ListedSource(ListingTotals):
    """Number of objects in the source bucket's listing, with the digest of their versions."""

    state_digest: Digest


@dataclass(frozen=True)
class Digests:
    """Digests of one class on both sides."""

    source: Digest
    destination: Digest


@dataclass(frozen=True)
class ClassCounts:
    """Counts of a class on both sides, and its first keys.

    `proven_different`: objects of equal sizes that were proven to differ. `in_vain`: objects that OMS accepted once
    more without effect.
    """

    source: ObjectCount
    destination: ObjectCount
    digests: Digests
    keys: Sequence[str]
    proven_different: int
    in_vain: int


@dataclass(frozen=True)
class LastWritten:
    """A source object, and the time of its last write."""

    key: str
    at: str


@dataclass(frozen=True, kw_only=True)
class BothBuckets:
    """Contents of both buckets by class.

    `folders`: for each folder and class, the objects and bytes of the source, then of the destination. `storage`: all
    objects of `source` and `destination`, by their storage classes.
    """

    classes: Mapping[ObjectClass, ClassCounts]
    folders: Mapping[str, Mapping[ObjectClass, Sequence[int]]]
    storage: Sequence[StoragePair]
    source: ObjectCount
    destination: ObjectCount

    @property
    def judged_counts(self) -> tuple[int, int]:
        """Number of judged source objects in scope, and of all source objects in scope."""
        total = self._count(IN_SCOPE)
        return total - self._count(TOO_NEW), total

    @property
    def unproven(self) -> int:
        """Number of source objects in scope that are not proven equal."""
        return self._count(IN_SCOPE) - self._count([ObjectClass.EQUAL_CONTENTS])

    def _count(self, classes: Iterable[ObjectClass]) -> int:
        return sum(
            self.classes[object_class].source.objects for object_class in classes if object_class in self.classes
        )


@dataclass(frozen=True, kw_only=True)
class CompareAnswer(PassAnswer):
    """Progress of a comparison.

    `state` and `twin` are the digests of a finished pass. `stood_still`: True if a later standstill pass has the same
    digests, None without such a pass.
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
    """Result of a finished comparison, with remedies for classes that resending may not fix.

    All objects written before the `watermark` were in the destination.
    """

    source: ListedSource
    destination: ListingTotals
    adds_up: bool
    remedies: Mapping[ObjectClass, Text]
    watermark: str | None
    last_written: Sequence[LastWritten]
    differences: Sequence[str]
