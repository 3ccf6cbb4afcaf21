"""What a comparison counts, of a range or of all: each class on both sides, folders, lags, digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from oss_oms_sync.comparison.drawing import Drawn
from oss_oms_sync.comparison.histogram import Histogram
from oss_oms_sync.passes.digests import MODULUS
from oss_oms_sync.passes.tally import Tally

# How many keys of each class are shown as examples.
MAX_KEYS = 20
# So many first-level folders are counted one by one; all others together, under OTHERS, which is no folder's name.
MAX_FOLDERS = 200
OTHERS = "*"
# So many of the objects that were written last are kept.
MAX_WRITTEN = 20


class Side(NamedTuple):
    """Objects of one bucket; `digest` is the sum of their digests (see docs/certificate.md), below 2^256."""

    objects: int = 0
    bytes: int = 0
    digest: int = 0

    def plus(self, other: Side) -> Side:
        """The sum of both."""
        return Side(self.objects + other.objects, self.bytes + other.bytes, (self.digest + other.digest) % MODULUS)

    def to_json(self) -> dict[str, object]:
        """With its digest as 64 hex digits."""
        return {"objects": self.objects, "bytes": self.bytes, "digest": f"{self.digest:064x}"}

    @classmethod
    def from_json(cls, value: object) -> Side:
        """What `to_json` made; nothing if it is anything else."""
        match value:
            case {"objects": int(objects), "bytes": int(size), "digest": str(digest)}:
                return cls(objects, size, int(digest, 16))
        return cls()


class ClassCount(NamedTuple):
    """A class on both sides, the first of its keys, and how many objects of equal sizes were proven to differ, and were
    accepted once more by OMS in vain."""

    source: Side = Side()
    destination: Side = Side()
    keys: Sequence[str] = ()
    proven_different: int = 0
    in_vain: int = 0

    def plus(self, other: ClassCount) -> ClassCount:
        """The sum of both; `other` is of later keys."""
        return ClassCount(
            self.source.plus(other.source),
            self.destination.plus(other.destination),
            [*self.keys, *other.keys][:MAX_KEYS],
            self.proven_different + other.proven_different,
            self.in_vain + other.in_vain,
        )

    def to_json(self) -> dict[str, object]:
        """As the answer shows it, and as it is stored."""
        return {
            "source": {"objects": self.source.objects, "bytes": self.source.bytes},
            "destination": {"objects": self.destination.objects, "bytes": self.destination.bytes},
            "digests": {"source": f"{self.source.digest:064x}", "destination": f"{self.destination.digest:064x}"},
            "keys": list(self.keys),
            "proven_different": self.proven_different,
            "in_vain": self.in_vain,
        }

    @classmethod
    def from_json(cls, value: object) -> ClassCount:
        """What `to_json` made; nothing if it is anything else."""
        match value:
            case {
                "source": {"objects": int(so), "bytes": int(sb)},
                "destination": {"objects": int(do), "bytes": int(db)},
                "digests": {"source": str(source), "destination": str(destination)},
                "keys": list(keys),
                "proven_different": int(proven),
                "in_vain": int(in_vain),
            }:
                sides = Side(so, sb, int(source, 16)), Side(do, db, int(destination, 16))
                return cls(*sides, list(map(str, keys)), proven, in_vain)
        return cls()


class FolderCount(NamedTuple):
    """A class in a folder."""

    source_objects: int = 0
    source_bytes: int = 0
    destination_objects: int = 0
    destination_bytes: int = 0

    def plus(self, other: FolderCount) -> FolderCount:
        """The sum of both."""
        return FolderCount(*(one + another for one, another in zip(self, other, strict=True)))


class Written(NamedTuple):
    """An object of the source, by when it was written, in seconds since 1970."""

    modified: int
    key: str


def written_last(objects: Iterable[Written]) -> list[Written]:
    """Those of `objects` that were written last, the latest first; a key that is named twice counts once."""
    newest: list[Written] = []
    for one in sorted(objects, reverse=True):
        if one.key not in (other.key for other in newest):
            newest.append(one)
        if len(newest) == MAX_WRITTEN:
            break
    return newest


class Lines(NamedTuple):
    """The first `number` lines of differences in `of`."""

    of: Sequence[str] = ()
    number: int = 0


@dataclass(frozen=True)
class CompareTally(Tally):
    """`counts` has what was sent (submitted, accepted, failed) and orphan_records.

    `classes` and `folders` are by the classes' names. `oldest_not_there` is the time of the oldest object that is not
    in the destination bucket, in seconds since 1970. The two `listed` count what the listings brought, of any class.
    `twin_listed` is the part of `twin` that is of keys that can be judged again. `largest`: the size of the largest
    object of the source in scope. `drawn` are objects for a sample, of those that count as equal. `last_written`: those
    of the source in scope that were written last, the latest first. `unread`: the first keys that reading did not
    prove, by what was in its way. `parts` are the lists of differences, and `lines` those that are not written yet.
    """

    classes: Mapping[str, ClassCount] = field(default_factory=dict)
    folders: Mapping[str, Mapping[str, FolderCount]] = field(default_factory=dict)
    accepted_lag: Histogram = field(default_factory=Histogram)
    copied_lag: Histogram = field(default_factory=Histogram)
    again: int = 0
    oldest_not_there: int | None = None
    source_listed: Side = field(default_factory=Side)
    destination_listed: Side = field(default_factory=Side)
    twin_listed: int = 0
    largest: int = 0
    drawn: Drawn = field(default_factory=Drawn)
    last_written: Sequence[Written] = ()
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict)
    parts: Sequence[str] = ()
    lines: Lines = field(default_factory=Lines)

    def merged(self, other: Tally) -> CompareTally:
        """The sum of both; `other` is of later keys."""
        base = super().merged(other)
        if not isinstance(other, CompareTally):
            return self
        oldest = [time for time in (self.oldest_not_there, other.oldest_not_there) if time is not None]
        return CompareTally(
            base.counts,
            base.marks,
            base.state,
            base.twin,
            added(self.classes, other.classes),
            _joined(self.folders, other.folders),
            self.accepted_lag.merged(other.accepted_lag),
            self.copied_lag.merged(other.copied_lag),
            self.again + other.again,
            min(oldest, default=None),
            self.source_listed.plus(other.source_listed),
            self.destination_listed.plus(other.destination_listed),
            (self.twin_listed + other.twin_listed) % MODULUS,
            max(self.largest, other.largest),
            self.drawn.merged(other.drawn),
            written_last([*self.last_written, *other.last_written]),
            {
                name: [*self.unread.get(name, ()), *other.unread.get(name, ())][:MAX_KEYS]
                for name in sorted({*self.unread, *other.unread})
            },
            [*self.parts, *other.parts],
        )

    def completed(self, before: Tally | None) -> CompareTally:  # noqa: ARG002  there is nothing to take over
        """The total: the sum of all ranges is all there is to know."""
        return self

    def side(self, name: str) -> Side:
        """All classes of one side, "source" or "destination"."""
        total = Side()
        for count in self.classes.values():
            total = total.plus(count.source if name == "source" else count.destination)
        return total

    def adds_up(self) -> bool:
        """Whether the classes are all that the listings brought."""
        sides = (self.side("source"), self.source_listed), (self.side("destination"), self.destination_listed)
        return all(one[:2] == listed[:2] for one, listed in sides)

    def to_json(self) -> dict[str, object]:
        """As it is stored in pieces and totals."""
        return {
            **super().to_json(),
            "classes": {name: count.to_json() for name, count in self.classes.items()},
            "folders": {folder: dict(counts) for folder, counts in self.folders.items()},
            "lag": {"accepted": self.accepted_lag.to_json(), "copied": self.copied_lag.to_json()},
            "again": self.again,
            "oldest_not_there": self.oldest_not_there,
            "listed": {"source": self.source_listed.to_json(), "destination": self.destination_listed.to_json()},
            "twin_listed": f"{self.twin_listed:064x}",
            "largest": self.largest,
            "drawn": self.drawn.to_json(),
            "last_written": list(self.last_written),
            "unread": {name: list(keys) for name, keys in self.unread.items()},
            "parts": list(self.parts),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> CompareTally:
        """What `to_json` made; what is unreadable counts nothing."""
        base = Tally.from_json(value)
        match value:
            case {
                "classes": dict(classes),
                "folders": dict(folders),
                "lag": {"accepted": accepted, "copied": copied},
                "again": int(again),
                "oldest_not_there": oldest,
                "listed": {"source": source, "destination": destination},
                "twin_listed": str(twin_listed),
                "largest": int(largest),
                "drawn": drawn,
                "last_written": list(last_written),
                "unread": dict(unread),
                "parts": list(parts),
            }:
                return cls(
                    base.counts,
                    base.marks,
                    base.state,
                    base.twin,
                    {name: ClassCount.from_json(count) for name, count in classes.items()},
                    {folder: {name: _folder(four) for name, four in of.items()} for folder, of in folders.items()},
                    Histogram.from_json(accepted),
                    Histogram.from_json(copied),
                    again,
                    oldest if isinstance(oldest, int) else None,
                    Side.from_json(source),
                    Side.from_json(destination),
                    int(twin_listed, 16),
                    largest,
                    Drawn.from_json(drawn),
                    [Written(*one) for one in last_written],
                    {str(name): list(map(str, keys)) for name, keys in unread.items()},
                    [str(part) for part in parts],
                )
        return cls(base.counts, base.marks, base.state, base.twin)


def added(one: Mapping[str, ClassCount], other: Mapping[str, ClassCount]) -> dict[str, ClassCount]:
    """The sum of both, class by class; `other` is of later keys."""
    names = dict.fromkeys((*one, *other))
    return {name: one.get(name, ClassCount()).plus(other.get(name, ClassCount())) for name in names}


def _joined(
    one: Mapping[str, Mapping[str, FolderCount]], other: Mapping[str, Mapping[str, FolderCount]]
) -> dict[str, dict[str, FolderCount]]:
    """Both: objects in no folder, the first MAX_FOLDERS folders by name, and the rest as one."""
    names = sorted({*one, *other} - {"", OTHERS})
    kept = {"", *names[:MAX_FOLDERS]}
    joined: dict[str, dict[str, FolderCount]] = {}
    for name in ("", *names, OTHERS):
        for counts in (one.get(name), other.get(name)):
            into = joined.setdefault(name if name in kept else OTHERS, {}) if counts else {}
            for title, count in (counts or {}).items():
                into[title] = into.get(title, FolderCount()).plus(count)
    return joined


def _folder(value: object) -> FolderCount:
    match value:
        case [int(a), int(b), int(c), int(d)]:
            return FolderCount(a, b, c, d)
    return FolderCount()
