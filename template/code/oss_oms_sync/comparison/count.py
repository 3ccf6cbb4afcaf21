"""What compare counts of each key, and which it sends; and the lists of what differs.

A list is written as the `--combined` report of `rclone check`: a sign, a space, the key. `+`: only in the source; `-`:
only in the destination; `*`: in both, and differs; `!`: cannot be copied; `~`: not to be judged yet, which rclone does
not have. What is equal (`=`) is not listed. A key that begins with `"` or has control characters is written as a JSON
string.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappush, heapreplace

from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.comparison.classes import PERHAPS_EQUAL, PROVEN, UNPROVEN, Moments, classify, is_late
from oss_oms_sync.comparison.file_system import FileSystem
from oss_oms_sync.comparison.proof import READ, UNREAD, Proof, Prover, kept
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey, again
from oss_oms_sync.passes.classify import Entry, is_covered
from oss_oms_sync.passes.digests import LARGEST, digest
from oss_oms_sync.passes.range_walk import Count, NoRoomError
from oss_oms_sync.passes.tally import MAX_FOLDERS, MAX_KEYS, MAX_WRITTEN, OTHERS, ClassCount, Tally, Written

# As many lines of differences, in bytes, as a piece may bring.
_MAX_LINES_BYTES = 16_000_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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

    def __init__(self, rules: Rules, start: Tally, *, postpones: bool = True) -> None:
        super().__init__(rules.key_filter, start)
        self._rules = rules
        self._postpones = postpones
        tally = self._tally
        tally.drawn.seed = rules.seed
        # A heap: the first is the one that was written first.
        heapify(tally.last_written)
        self._named = len(tally.folders.keys() - {"", OTHERS})
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
        tally, source = self._tally, entry.source
        self._has_begun = True
        if proof:
            self._count_proof(entry, proof)
        if source is None and entry.destination is None:
            tally.counts["orphan_records"] += found is ObjectClass.ORPHAN_RECORDS
            return
        self._count_sides(entry, found)
        if found in (ObjectClass.OVERWRITTEN, ObjectClass.OLDER) and _are_same_size(entry):
            into = tally.classes[found.title]
            # Nothing but a proof shows that objects of one size differ; what is older and may be equal has none.
            is_proven = found is ObjectClass.OVERWRITTEN
            may_be_equal = not is_proven and proof is not Proof.DIFFERENT and not kept(entry)
            into.proven_different += is_proven
            into.in_vain += (is_proven or may_be_equal) and _is_in_vain(entry)
        if found in (ObjectClass.OUTSIDE, ObjectClass.CANARY):
            return
        if source and is_inside:
            twin = self._add_version(source, entry.destination)
            tally.twin_listed += twin if found.is_judged_again else 0
            self._note_written(entry.key, source.modified)
            tally.largest = max(tally.largest, source.size)
            self._count_time(source, entry, found)
        if found.is_listed:
            text = line(found.sign, entry.key)
            self.lines.append(text)
            tally.lines += 1
            self._lines_bytes += len(text.encode())
            self.is_full = self._lines_bytes > _MAX_LINES_BYTES

    def sent(self, accepted: int, failed: int) -> None:
        """Count what became of keys that were sent."""
        super().sent(accepted, failed)
        self._tally.counts["submitted"] += accepted + failed

    def _count_proof(self, entry: Entry, proof: Proof) -> None:
        counts, unread = self._tally.counts, self._tally.unread
        counts[f"deep_{proof.value}"] += 1
        counts["deep_bytes"] += entry.source.size if entry.source and proof in READ else 0
        if proof in UNREAD and len(keys := unread.setdefault(proof.value, [])) < MAX_KEYS:
            keys.append(entry.key)

    def _count_sides(self, entry: Entry, found: ObjectClass) -> None:
        tally, key, source, destination = self._tally, entry.key.encode(), entry.source, entry.destination
        into = tally.classes.get(found.title)
        if into is None:
            into = tally.classes[found.title] = ClassCount()
        folder = self._folder(entry.key, found.title)
        of_source = 0
        if source:
            size = source.size
            of_source = digest(key, size)
            side, listed = into.source, tally.source_listed
            side.objects += 1
            side.bytes += size
            side.digest += of_source
            folder[0] += 1
            folder[1] += size
            listed.objects += 1
            listed.bytes += size
            if found.is_equal and size <= LARGEST:
                tally.drawn.add(entry.key, of_source)
            self._marks.add(entry.key)
        if destination:
            size = destination.size
            side, listed = into.destination, tally.destination_listed
            side.objects += 1
            side.bytes += size
            side.digest += of_source if source and source.size == size else digest(key, size)
            folder[2] += 1
            folder[3] += size
            listed.objects += 1
            listed.bytes += size
        if len(into.keys) < MAX_KEYS:
            into.keys.append(entry.key)

    def _folder(self, key: str, title: str) -> list[int]:
        """The count of a class in the first-level folder of `key`: its name with the slash, or "" for none."""
        name, folders = key[: key.find("/") + 1], self._tally.folders
        folder = folders.get(name)
        if folder is None:
            if name and self._named == MAX_FOLDERS:
                name = OTHERS
            elif name:
                self._named += 1
            folder = folders.setdefault(name, {})
        counts = folder.get(title)
        if counts is None:
            counts = folder[title] = [0, 0, 0, 0]
        return counts

    def _note_written(self, key: str, modified: int) -> None:
        """Keep an object while it is one of those that were written last."""
        last = self._tally.last_written
        if len(last) < MAX_WRITTEN:
            heappush(last, Written(modified, key))
        elif modified >= last[0].modified and (one := Written(modified, key)) > last[0]:
            heapreplace(last, one)

    def _count_time(self, source: ObjectSummary, entry: Entry, found: ObjectClass) -> None:
        """Count how late it was, or that it is not there yet."""
        tally, success, destination, written = self._tally, entry.success, entry.destination, source.modified
        is_old = written < self._rules.lag_since
        if is_old and found is ObjectClass.EQUAL_CONTENTS:
            return  # as nearly always
        arrived = destination is not None and destination.size == source.size and destination.modified >= written
        if found.is_lacking or (found is ObjectClass.MOVING and not arrived):
            oldest = tally.oldest_not_there
            tally.oldest_not_there = written if oldest is None else min(oldest, written)
        if is_old or found is ObjectClass.IMPOSSIBLE:
            return
        if success and success.etag == etag_of(again(source.etag)):
            tally.again += 1
            return
        if success and is_covered(source, success):
            tally.accepted_lag.add(success.modified - written)
        else:
            tally.accepted_lag.not_yet += 1
        if destination and arrived:
            tally.copied_lag.add(destination.modified - written)
        elif found not in (ObjectClass.OVERWRITTEN, ObjectClass.EQUAL_CONTENTS):
            tally.copied_lag.not_yet += 1


def _are_same_size(entry: Entry) -> bool:
    source, destination = entry.source, entry.destination
    return source is not None and destination is not None and source.size == destination.size


def _is_in_vain(entry: Entry) -> bool:
    """Whether OMS accepted this version once more after what is in OBS was written, and did not copy it."""
    source, success, destination = entry.source, entry.success, entry.destination
    if not source or not success or not destination or success.etag != etag_of(again(source.etag)):
        return False
    return success.modified > max(source.modified, destination.modified)


def line(sign: str, key: str) -> str:
    """One line of a list, with its end."""
    is_plain = key[:1] != '"' and not _CONTROL.search(key)
    return f"{sign} {key if is_plain else json.dumps(key)}\n"


def key_of(text: str) -> str:
    """The key of a line, without its end."""
    key = text[2:]
    return str(json.loads(key)) if key[:1] == '"' else key


def keep(invocation: Invocation, prefix: str, lines: Sequence[str]) -> str:
    """Write a list as an object of the log bucket under `prefix`; return its name, a new one each time: two workers of
    one range do not write each other's.

    Raises StorageError.
    """
    name = f"{prefix}{uuid.uuid4().hex}.txt"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    invocation.log_bucket.put(StoredObject(name, "".join(lines).encode(), headers))
    return name
