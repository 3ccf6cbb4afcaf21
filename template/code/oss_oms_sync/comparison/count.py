"""What compare counts of each key, and which it sends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from heapq import heappush, heapreplace

from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.clouds.objects import ObjectSummary, etag_of
from oss_oms_sync.comparison.classes import PERHAPS_EQUAL, PROVEN, UNPROVEN, Moments, classify, is_late
from oss_oms_sync.comparison.differences import line
from oss_oms_sync.comparison.drawing import LARGEST, Drawing
from oss_oms_sync.comparison.file_system import FileSystem
from oss_oms_sync.comparison.histogram import Lags
from oss_oms_sync.comparison.proof import READ, UNREAD, Proof, Prover, kept
from oss_oms_sync.comparison.tally import (
    MAX_FOLDERS,
    MAX_KEYS,
    MAX_WRITTEN,
    OTHERS,
    ClassCount,
    CompareTally,
    FolderCount,
    Lines,
    Side,
    Written,
)
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey, again
from oss_oms_sync.passes.classify import Entry, is_covered
from oss_oms_sync.passes.digests import MODULUS, digest
from oss_oms_sync.passes.range_walk import Count, NoRoomError

# As many lines of differences, in bytes, as a piece may bring.
_MAX_LINES_BYTES = 16_000_000


@dataclass(frozen=True)
class Rules:
    """How the keys of a piece are judged. Times are in seconds since 1970.

    Of what is missing or older in the destination, objects written since `sent_since` are sent; None: nothing is sent.
    Lags are those of objects written since `lag_since`. `overwrite`: what is newer there is sent as well. With a
    `prover`, what nothing else proves is read. With a `file_system`, the destination is that. `seed`: by which objects
    are drawn for a sample. `copies_same_size`: OMS may copy an object over one of the same size that is not older;
    `always_copies`: it does, whatever it knows of both.
    """

    key_filter: KeyFilter
    moments: Moments
    sent_since: float | None
    lag_since: float
    overwrite: bool = False
    prover: Prover | None = None
    seed: str = ""
    file_system: FileSystem | None = None
    copies_same_size: bool = False
    always_copies: bool = False

    def sends(self, found: ObjectClass, source: ObjectSummary) -> bool:
        """Whether an object of this class is sent."""
        if self.sent_since is None or source.modified < self.sent_since:
            return False
        is_lacking = found in (ObjectClass.MISSING, ObjectClass.OLDER)
        return is_lacking or (self.overwrite and found is ObjectClass.OVERWRITTEN)


class CompareCount(Count):
    """The count of a range so far, `start`, and what follows. `postpones`: what there is no time to read is left to the
    next piece; else it stays unproven."""

    def __init__(self, rules: Rules, start: CompareTally, *, postpones: bool = True) -> None:
        super().__init__(rules.key_filter, start)
        self._rules = rules
        self._postpones = postpones
        self._counts = Counter(start.counts)
        self._classes = {name: _Class(count) for name, count in start.classes.items()}
        self._folders = {name: {title: list(four) for title, four in of.items()} for name, of in start.folders.items()}
        self._accepted, self._copied = Lags(start.accepted_lag), Lags(start.copied_lag)
        self._again, self._oldest = start.again, start.oldest_not_there
        self._parts, self._twin_listed = start.parts, start.twin_listed
        self._drawing = Drawing(rules.seed, start.drawn)
        # A heap: the first is the one that was written first.
        self._last_written = sorted(start.last_written)
        self._largest = start.largest
        # Objects and bytes of the source, and of the destination.
        self._listed = [*start.source_listed[:2], *start.destination_listed[:2]]
        self._named = len(self._folders.keys() - {"", OTHERS})
        self._unread = {name: list(keys) for name, keys in start.unread.items()}
        self._lines: list[str] = []
        self._lines_bytes = 0
        # With whether the key passes the project's filter.
        self._judged: tuple[Entry, ObjectClass, Proof | None, bool] = Entry("", None), ObjectClass.OUTSIDE, None, False
        # Whether this piece has counted anything.
        self._has_begun = False

    def judge(self, entry: Entry) -> FailedKey | None:
        """Judge a key; return it if its object is to be sent. It does not count yet.

        Raises StorageError, and NoRoomError if the object is to be read and there is no time for it.
        """
        rules, source = self._rules, entry.source
        is_inside = rules.key_filter.matches(entry.key)
        found = classify(entry, rules.moments) if is_inside else ObjectClass.OUTSIDE
        is_refused = rules.file_system is not None and rules.file_system.refuses(entry)
        if is_inside and rules.key_filter.is_canary(entry.key):
            found = ObjectClass.CANARY if entry.source or entry.destination else ObjectClass.ORPHAN_RECORDS
        elif (is_refused and is_inside) or (source and not is_inside and rules.key_filter.withholds(entry.key)):
            found = ObjectClass.IMPOSSIBLE
        proof = self._prove(entry, found)
        if proof and (proof is Proof.EQUAL or proof is Proof.CHANGED or found in UNPROVEN):
            found = PROVEN.get(proof, found)
            if found not in EQUAL and is_late(entry, rules.moments):
                found = ObjectClass.MOVING
        self._judged = entry, found, proof, is_inside
        if source is None or not rules.sends(found, source) or self._is_skipped(entry, found):
            return None
        # What is sent over something that is there is no first time either.
        is_again = found is ObjectClass.OVERWRITTEN or is_covered(source, entry.success)
        etag = again(source.etag) if is_again else source.etag
        return FailedKey(ObjectChange(entry.key, etag=etag))

    def _prove(self, entry: Entry, found: ObjectClass) -> Proof | None:
        """What reading shows of an object that may be equal, and of which nothing else tells."""
        source, destination, prover = entry.source, entry.destination, self._rules.prover
        if not prover or not source or not destination or found not in PERHAPS_EQUAL:
            return None
        if source.size != destination.size or kept(entry):
            return None
        proof = prover.prove(source, destination)
        # Only who has a whole piece's time for it can say that it is too big for a piece.
        is_postponed = self._postpones and (self._has_begun or not prover.has_whole_piece)
        if proof is Proof.TOO_BIG and is_postponed:
            raise NoRoomError
        return proof

    def _is_skipped(self, entry: Entry, found: ObjectClass) -> bool:
        """Whether OMS would skip an object of this class that differs in the same size, as far as is known."""
        if found is not ObjectClass.OVERWRITTEN or not _are_same_size(entry):
            return False
        return not self._rules.copies_same_size or (not self._rules.always_copies and _is_in_vain(entry))

    def add(self) -> None:
        """Count the key that was judged."""
        entry, found, proof, is_inside = self._judged
        self._has_begun = True
        if proof:
            self._counts[f"deep_{proof.value}"] += 1
            self._counts["deep_bytes"] += entry.source.size if entry.source and proof in READ else 0
            if proof in UNREAD and len(keys := self._unread.setdefault(proof.value, [])) < MAX_KEYS:
                keys.append(entry.key)
        if entry.source is None and entry.destination is None:
            self._counts["orphan_records"] += found is ObjectClass.ORPHAN_RECORDS
            return
        self._count_sides(entry, found)
        if found in (ObjectClass.OVERWRITTEN, ObjectClass.OLDER) and _are_same_size(entry):
            into = self._classes[found.title]
            # Nothing but a proof shows that objects of one size differ; what is older and may be equal has none.
            is_proven = found is ObjectClass.OVERWRITTEN
            may_be_equal = not is_proven and proof is not Proof.DIFFERENT and not kept(entry)
            into.proven_different += is_proven
            into.in_vain += (is_proven or may_be_equal) and _is_in_vain(entry)
        if found in (ObjectClass.OUTSIDE, ObjectClass.CANARY):
            return
        if entry.source and is_inside:
            twin = self._add_version(entry.source, entry.destination)
            self._twin_listed += twin if found.is_judged_again else 0
            self._note_written(entry.key, entry.source.modified)
            self._largest = max(self._largest, entry.source.size)
            self._count_time(entry.source, entry, found)
        if found.is_listed:
            text = line(found.sign, entry.key)
            self._lines.append(text)
            self._lines_bytes += len(text.encode())
            self.is_full = self._lines_bytes > _MAX_LINES_BYTES

    def sent(self, accepted: int, failed: int) -> None:
        """Count what became of keys that were sent."""
        self._counts.update(submitted=accepted + failed, accepted=accepted, failed=failed)

    def tally(self) -> CompareTally:
        """All that is counted so far. Its `lines` are a part of the list of all lines, which is only added to."""
        return CompareTally(
            dict(self._counts),
            tuple(self._marks),
            self._state % MODULUS,
            self._twin % MODULUS,
            {name: running.count() for name, running in self._classes.items()},
            {name: {title: FolderCount(*four) for title, four in of.items()} for name, of in self._folders.items()},
            self._accepted.histogram(),
            self._copied.histogram(),
            self._again,
            self._oldest,
            Side(*self._listed[:2]),
            Side(*self._listed[2:]),
            self._twin_listed % MODULUS,
            self._largest,
            self._drawing.drawn(),
            sorted(self._last_written, reverse=True),
            {name: tuple(keys) for name, keys in self._unread.items()},
            self._parts,
            Lines(self._lines, len(self._lines)),
        )

    def _count_sides(self, entry: Entry, found: ObjectClass) -> None:
        key, source, destination = entry.key.encode(), entry.source, entry.destination
        into = self._classes.get(found.title)
        if into is None:
            into = self._classes[found.title] = _Class(ClassCount())
        folder = self._folder(entry.key, found.title)
        of_source = 0
        if source:
            size = source.size
            of_source = digest(key, size)
            into.source_objects += 1
            into.source_bytes += size
            into.source_digest += of_source
            folder[0] += 1
            folder[1] += size
            self._listed[0] += 1
            self._listed[1] += size
            if found.is_equal and size <= LARGEST:
                self._drawing.add(entry.key, of_source)
            self._marks.add(entry.key)
        if destination:
            size = destination.size
            into.destination_objects += 1
            into.destination_bytes += size
            into.destination_digest += of_source if source and source.size == size else digest(key, size)
            folder[2] += 1
            folder[3] += size
            self._listed[2] += 1
            self._listed[3] += size
        if len(into.keys) < MAX_KEYS:
            into.keys.append(entry.key)

    def _folder(self, key: str, title: str) -> list[int]:
        """The count of a class in the first-level folder of `key`: its name with the slash, or "" for none."""
        name = key[: key.find("/") + 1]
        folder = self._folders.get(name)
        if folder is None:
            if name and self._named == MAX_FOLDERS:
                name = OTHERS
            elif name:
                self._named += 1
            folder = self._folders.setdefault(name, {})
        counts = folder.get(title)
        if counts is None:
            counts = folder[title] = [0, 0, 0, 0]
        return counts

    def _note_written(self, key: str, modified: int) -> None:
        """Keep an object while it is one of those that were written last."""
        last = self._last_written
        if len(last) < MAX_WRITTEN:
            heappush(last, Written(modified, key))
        elif modified >= last[0].modified and (one := Written(modified, key)) > last[0]:
            heapreplace(last, one)

    def _count_time(self, source: ObjectSummary, entry: Entry, found: ObjectClass) -> None:
        """Count how late it was, or that it is not there yet."""
        success, destination, written = entry.success, entry.destination, source.modified
        is_old = written < self._rules.lag_since
        if is_old and found is ObjectClass.EQUAL_CONTENTS:
            return  # as nearly always
        arrived = destination is not None and destination.size == source.size and destination.modified >= written
        if found.is_lacking or (found is ObjectClass.MOVING and not arrived):
            self._oldest = written if self._oldest is None else min(self._oldest, written)
        if is_old or found is ObjectClass.IMPOSSIBLE:
            return
        if success and success.etag == etag_of(again(source.etag)):
            self._again += 1
            return
        if success and is_covered(source, success):
            self._accepted.add(success.modified - written)
        else:
            self._accepted.not_yet += 1
        if destination and arrived:
            self._copied.add(destination.modified - written)
        elif found not in (ObjectClass.OVERWRITTEN, ObjectClass.EQUAL_CONTENTS):
            self._copied.not_yet += 1


def _are_same_size(entry: Entry) -> bool:
    source, destination = entry.source, entry.destination
    return source is not None and destination is not None and source.size == destination.size


def _is_in_vain(entry: Entry) -> bool:
    """Whether OMS accepted this version once more after what is in OBS was written, and did not copy it."""
    source, success, destination = entry.source, entry.success, entry.destination
    if not source or not success or not destination or success.etag != etag_of(again(source.etag)):
        return False
    return success.modified > max(source.modified, destination.modified)


class _Class:
    """A ClassCount that grows."""

    __slots__ = (
        "destination_bytes",
        "destination_digest",
        "destination_objects",
        "in_vain",
        "keys",
        "proven_different",
        "source_bytes",
        "source_digest",
        "source_objects",
    )

    def __init__(self, start: ClassCount) -> None:
        self.source_objects, self.source_bytes, self.source_digest = start.source
        self.destination_objects, self.destination_bytes, self.destination_digest = start.destination
        self.keys = list(start.keys)
        self.proven_different = start.proven_different
        self.in_vain = start.in_vain

    def count(self) -> ClassCount:
        """What it has grown to."""
        return ClassCount(
            Side(self.source_objects, self.source_bytes, self.source_digest % MODULUS),
            Side(self.destination_objects, self.destination_bytes, self.destination_digest % MODULUS),
            tuple(self.keys),
            self.proven_different,
            self.in_vain,
        )
