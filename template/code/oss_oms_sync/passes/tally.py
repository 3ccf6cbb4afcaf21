"""The tally of a pass: counts of objects, and for a comparison also their classes, folders and lags.

A lag is the time from an object's write until OMS accepted it, or until OBS had it. A comparison counts each class on
both sides, the source and OBS. Counts grow in place. To store a tally, take its sum with an empty tally, which shares
no data with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import MAX_KEYS as MAX_KEYS
from oss_oms_sync.answers.pass_answers import MAX_WRITTEN as MAX_WRITTEN
from oss_oms_sync.answers.pass_answers import (
    OTHERS,
    ClassCounts,
    Digests,
    Lag,
    Lags,
    LastWritten,
    ListedSource,
    ListingTotals,
    ObjectCount,
    StoragePair,
)
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.passes.digests import MODULUS, SampleDraw, counted_folders
from oss_oms_sync.passes.marks import KeyMark, Marks
from oss_oms_sync.rules.counts import sum_storage_pairs

# Count of the objects that were due but not submitted, because there are too many.
UNSENT_OBJECTS = "unsent"
# Counts of reconcile. scanned is the sum of SCANNED_PARTS, and submitted = accepted + failed.
SCANNED_PARTS = ("covered", "failed_before", "submitted", "pending", "migrating", UNSENT_OBJECTS)
COUNTS = ("scanned", *SCANNED_PARTS, "accepted", "failed", "orphans")
# Counts of the objects written since the last pass: those whose event is known to have arrived or to be missing, and
# those whose event is missing. If most events are missing, the trigger does not work. A pass without new objects has
# both counts of the last pass.
NEW_OBJECTS, NEW_WITHOUT_EVENT = "new", "new_missing"
# Count of all source objects within the project's filter, of any age.
OBJECTS_IN_SCOPE = "inside"
# Placeholder for the storage class in the name of a pair if that bucket lacks the object. No storage class has this
# name.
_NO_OBJECT = "-"
# Each bucket of the histogram ends at 2^(1/8) times the end of the previous: its middle is within 4.5 % of each of its
# lags.
_STEPS_PER_DOUBLING = 8
# Limits for which lags are counted exactly, in seconds: a minute, 5 and 15 minutes, an hour, a day.
LAG_LIMITS = (60, 300, 900, 3600, 86400)


@dataclass(slots=True)
class Side:
    """The number, total size in bytes, and digest of the objects in one of the two buckets.

    `digest` is the sum of the objects' digests modulo 2^256 (see docs/certificate.md).
    """

    objects: int = 0
    bytes: int = 0
    digest: Digest = 0

    def add(self, objects: int, size: int, digest: int = 0) -> None:
        """Count objects; `size` is their total size in bytes, and `digest` the sum of their digests."""
        self.objects += objects
        self.bytes += size
        self.digest += digest

    def plus(self, other: Side) -> Side:
        return Side(self.objects + other.objects, self.bytes + other.bytes, (self.digest + other.digest) % MODULUS)


# Number of objects, their bytes in the source and their bytes in OBS, for each pair of storage classes, such as "IA
# STANDARD", or "IA -" for objects only in the source.
StorageCounts = dict[str, list[int]]


@dataclass(slots=True)
class ClassCount:
    """The counts of a class on both sides, also by storage class, and its first keys.

    - `proven_different`: the number of objects of equal sizes that were proven to differ.
    - `in_vain`: the number of objects that OMS accepted again without copying them.
    """

    source: Side = field(default_factory=Side)
    destination: Side = field(default_factory=Side)
    keys: list[str] = field(default_factory=list)
    proven_different: int = 0
    in_vain: int = 0
    storage: StorageCounts = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.source.objects and not self.destination.objects

    def add_storage(
        self, source: str | None, destination: str | None, objects: int, source_bytes: int, destination_bytes: int
    ) -> None:
        """Count objects of a pair of storage classes; a class is None if that bucket has no such object."""
        pair = f"{_NO_OBJECT if source is None else source} {_NO_OBJECT if destination is None else destination}"
        counts = self.storage.setdefault(pair, [0, 0, 0])
        counts[:] = counts[0] + objects, counts[1] + source_bytes, counts[2] + destination_bytes

    def plus(self, other: ClassCount) -> ClassCount:
        """Return the sum of these counts and those of `other`, which counts later keys."""
        return ClassCount(
            self.source.plus(other.source),
            self.destination.plus(other.destination),
            [*self.keys, *other.keys][:MAX_KEYS],
            self.proven_different + other.proven_different,
            self.in_vain + other.in_vain,
            sum_storage((self.storage, other.storage)),
        )

    def summary(self) -> ClassCounts:
        return ClassCounts(
            ObjectCount(self.source.objects, self.source.bytes),
            ObjectCount(self.destination.objects, self.destination.bytes),
            Digests(self.source.digest, self.destination.digest),
            self.keys,
            self.proven_different,
            self.in_vain,
        )


def sum_storage(storage_counts: Iterable[StorageCounts]) -> StorageCounts:
    total: StorageCounts = {}
    for counts_by_pair in storage_counts:
        for pair, counts in counts_by_pair.items():
            total[pair] = list(map(add, total.get(pair, (0, 0, 0)), counts))
    return total


# For each folder and each name of a class: objects and bytes of the source, objects and bytes of OBS.
Folders = dict[str, dict[str, list[int]]]


class WrittenObject(NamedTuple):
    """The time of a source object, in seconds since 1970, and its key."""

    modified: int
    key: str


class AbsencePart(NamedTuple):
    """A list of keys that only OBS has, written by one invocation: the list's name, and its last key."""

    name: str
    last: str


def select_last_written(objects: Iterable[WrittenObject]) -> list[WrittenObject]:
    """Return the last written of `objects`, the latest first; a repeated key counts once."""
    objects_by_key = {written.key: written for written in sorted(objects)}
    return sorted(objects_by_key.values(), reverse=True)[:MAX_WRITTEN]


@dataclass
class Histogram:
    """A histogram of lags, in whole seconds.

    - `buckets`: the number of lags in each bucket of the histogram; bucket 0 is for no lag.
    - `within`: the number of lags up to each of LAG_LIMITS.
    - `not_yet`: the number of objects that have not arrived.
    """

    buckets: Counter[int] = field(default_factory=Counter)
    within: Counter[int] = field(default_factory=Counter)
    longest: int = 0
    not_yet: int = 0

    def add(self, seconds: int) -> None:
        """Count an object that took `seconds` to arrive; the time can be negative if the clouds' clocks differ."""
        lag = max(0, seconds)
        self.buckets[1 + math.floor(_STEPS_PER_DOUBLING * math.log2(lag)) if lag else 0] += 1
        self.longest = max(self.longest, lag)
        for limit in LAG_LIMITS:
            self.within[limit] += lag <= limit

    def plus(self, other: Histogram) -> Histogram:
        return Histogram(
            self.buckets + other.buckets,
            self.within + other.within,
            max(self.longest, other.longest),
            self.not_yet + other.not_yet,
        )

    def percentile(self, percent: float) -> int | None:
        """Return the lag within which `percent` percent of the objects arrived, in seconds, with an error of up to 5 %.

        Return None if no object has arrived.
        """
        min_count, count = math.ceil(self.buckets.total() * percent / 100), 0
        for bucket in sorted(self.buckets):
            count += self.buckets[bucket]
            if count >= max(1, min_count):
                # A certificate contains no floats, because languages write them differently.
                return min(round(2 ** ((bucket - 0.5) / _STEPS_PER_DOUBLING)) if bucket else 0, self.longest)
        return None

    def summary(self) -> Lag:
        return Lag(
            self.buckets.total(),
            self.not_yet,
            self.percentile(50),
            self.percentile(90),
            self.percentile(99),
            self.longest if self.buckets else None,
            {seconds: self.within.get(seconds, 0) for seconds in LAG_LIMITS},
        )


@dataclass
class Tally:
    """Counts, marks and digests of a pass or of one of its ranges. All fields after `marks` belong to a comparison.

    - `counts`: counts by name. Reconcile has COUNTS, NEW_OBJECTS, NEW_WITHOUT_EVENT and OBJECTS_IN_SCOPE; compare has
      the submitted, accepted and failed objects, orphan_records, and results of reading.
    - `marks`: sampled keys (see passes/marks.py).
    - `state`: the sum of the state digests of all source objects that pass the project's filter. Two passes with equal
      sums listed exactly the same versions.
    - `twin`: the sum of the version digests of the objects in OBS that have the keys of these source objects.
    - `classes`, `folders`: counts by the names of classes and folders.
    - `again`: the number of objects that were accepted again.
    - `oldest_not_there`: the time of the oldest object that OBS lacks, in seconds since 1970.
    - `source_listed`, `destination_listed`: counts of the listings' rows, of any class.
    - `twin_listed`, `deep_listed`: the parts of `twin` and of the results of reading that belong to keys to recheck.
    - `largest`: the size of the largest source object in scope, in bytes.
    - `drawn`: a sample of the equal objects.
    - `last_written`: the last written source objects in scope, the latest first.
    - `unread`: by reason, the first keys that were to be proven equal by reading, but were not.
    - `parts`: the names of the lists of differences, which have `lines` lines in total.
    - `absences`: the lists of keys only in OBS, in the order of the keys.
    """

    counts: Counter[str] = field(default_factory=Counter)
    marks: Sequence[KeyMark] = ()
    state: Digest = 0
    twin: Digest = 0
    classes: dict[str, ClassCount] = field(default_factory=dict)
    folders: Folders = field(default_factory=dict)
    accepted_lag: Histogram = field(default_factory=Histogram)
    copied_lag: Histogram = field(default_factory=Histogram)
    again: int = 0
    oldest_not_there: int | None = None
    source_listed: Side = field(default_factory=Side)
    destination_listed: Side = field(default_factory=Side)
    twin_listed: Digest = 0
    deep_listed: Counter[str] = field(default_factory=Counter)
    largest: int = 0
    drawn: SampleDraw = field(default_factory=SampleDraw)
    last_written: list[WrittenObject] = field(default_factory=list)
    unread: dict[str, list[str]] = field(default_factory=dict)
    parts: Sequence[str] = ()
    lines: int = 0
    absences: Sequence[AbsencePart] = ()

    def plus(self, other: Tally) -> Tally:
        """Return the sum of this tally and `other`, the tally of later keys."""
        oldest_times = [time for time in (self.oldest_not_there, other.oldest_not_there) if time is not None]
        return Tally(
            counts=self.counts + other.counts,
            marks=tuple(Marks([*self.marks, *other.marks])),
            state=(self.state + other.state) % MODULUS,
            twin=(self.twin + other.twin) % MODULUS,
            classes={
                name: self.classes.get(name, ClassCount()).plus(other.classes.get(name, ClassCount()))
                for name in dict.fromkeys((*self.classes, *other.classes))
            },
            folders=_sum_folders(self.folders, other.folders),
            accepted_lag=self.accepted_lag.plus(other.accepted_lag),
            copied_lag=self.copied_lag.plus(other.copied_lag),
            again=self.again + other.again,
            oldest_not_there=min(oldest_times, default=None),
            source_listed=self.source_listed.plus(other.source_listed),
            destination_listed=self.destination_listed.plus(other.destination_listed),
            twin_listed=(self.twin_listed + other.twin_listed) % MODULUS,
            deep_listed=self.deep_listed + other.deep_listed,
            largest=max(self.largest, other.largest),
            drawn=self.drawn.plus(other.drawn),
            last_written=select_last_written([*self.last_written, *other.last_written]),
            unread={
                name: [*self.unread.get(name, ()), *other.unread.get(name, ())][:MAX_KEYS]
                for name in sorted({*self.unread, *other.unread})
            },
            parts=(*self.parts, *other.parts),
            lines=self.lines + other.lines,
            absences=(*self.absences, *other.absences),
        )

    def complete_with(self, previous_tally: Tally | None) -> Tally:
        """Return the total of a pass from this tally, the sum of its ranges; `previous_tally` is the last pass's total.

        A pass without new objects keeps the last pass's counts of events.
        """
        if previous_tally is None or self.counts.get(NEW_OBJECTS):
            return self
        event_counts = {
            name: previous_tally.counts[name]
            for name in (NEW_OBJECTS, NEW_WITHOUT_EVENT)
            if name in previous_tally.counts
        }
        return replace(self, counts=Counter({**self.counts, **event_counts}))

    def count_class(self, object_class: ObjectClass) -> ClassCount:
        return self.classes.get(object_class.title, ClassCount())

    def count_objects(self, *classes: ObjectClass) -> int:
        return sum(self.count_class(object_class).source.objects for object_class in classes)

    def sum_side(self, name: str, *excluded_classes: ObjectClass) -> Side:
        """Return the sum of all classes except `excluded_classes`, for the side `name`: "source" or "destination"."""
        excluded_titles = [object_class.title for object_class in excluded_classes]
        counts = [count for title, count in self.classes.items() if title not in excluded_titles]
        return reduce(Side.plus, (count.source if name == "source" else count.destination for count in counts), Side())

    def list_storage_pairs(self, *excluded_classes: ObjectClass) -> list[StoragePair]:
        excluded_titles = [object_class.title for object_class in excluded_classes]
        counts = sum_storage(count.storage for title, count in self.classes.items() if title not in excluded_titles)
        pairs = []
        for names, objects_and_bytes in sorted(counts.items()):
            source, destination = (None if name == _NO_OBJECT else name for name in names.split(" "))
            pairs.append(StoragePair(source, destination, *objects_and_bytes))
        return pairs

    def results(self, *excluded_classes: ObjectClass) -> dict[str, Any]:
        """Return the results for both buckets as the fields of answers and certificates.

        The totals of each bucket include all classes except `excluded_classes`.
        """
        source, destination = (
            self.sum_side("source", *excluded_classes),
            self.sum_side("destination", *excluded_classes),
        )
        return {
            "source": ListedSource(source.objects, source.bytes, source.digest, self.state),
            "destination": ListingTotals(destination.objects, destination.bytes, destination.digest),
            "classes": {
                object_class: self.count_class(object_class).summary()
                for object_class in ObjectClass
                if object_class is not ObjectClass.ORPHAN_RECORDS
            },
            "folders": {
                name: {ObjectClass[title.upper()]: numbers for title, numbers in folder.items()}
                for name, folder in sorted(self.folders.items())
            },
            "storage": self.list_storage_pairs(*excluded_classes),
            "last_written": [
                LastWritten(written_object.key, timestamp(from_epoch(written_object.modified)))
                for written_object in self.last_written
            ],
        }

    @property
    def has_no_objects(self) -> bool:
        """True if no source object is in scope.

        This is unknown for a standstill pass, which counts no objects by class: it is always True.
        """
        return not (self.counts.get(OBJECTS_IN_SCOPE) or self.last_written)

    def summarize_lags(self) -> Lags:
        return Lags(self.accepted_lag.summary(), self.copied_lag.summary(), self.again)

    def adds_up(self) -> bool:
        """Return True if the counts by class, and those by storage class, add up to the rows of the listings."""
        listed_counts = [
            ObjectCount(side.objects, side.bytes) for side in (self.source_listed, self.destination_listed)
        ]
        sides = [self.sum_side(name) for name in ("source", "destination")]
        return (
            listed_counts
            == [ObjectCount(side.objects, side.bytes) for side in sides]
            == sum_storage_pairs(self.list_storage_pairs())
        )


def _sum_folders(first: Folders, second: Folders) -> Folders:
    names, counted_names = sorted({*first, *second} - {"", OTHERS}), counted_folders((*first, *second))
    sums_by_folder: Folders = {}
    for name in ("", *names, OTHERS):
        for counts in (first.get(name), second.get(name)):
            sums_by_class = sums_by_folder.setdefault(name if name in counted_names else OTHERS, {}) if counts else {}
            for title, count in (counts or {}).items():
                sums_by_class[title] = list(map(add, sums_by_class.get(title, (0, 0, 0, 0)), count))
    return sums_by_folder
