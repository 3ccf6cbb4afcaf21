"""The counts of a comparison, key by key, and its lists of differences.

A list has the format of `rclone check --combined`: each line is a sign, a space and the key. The signs are:

- `+`: only in the source
- `-`: only in the destination
- `*`: different objects
- `!`: an object that cannot be copied
- `~`, which rclone lacks: an object too new to be compared

Equal objects (`=`) are not listed. A key that starts with `"` or has control characters is written as a JSON string.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import heapify, heappush, heapreplace
from operator import add

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import first_folder
from oss_oms_sync.clouds.objects import ObjectSummary, etag_of, find_first_index
from oss_oms_sync.comparison.absences import Absence, EarlierAbsences
from oss_oms_sync.comparison.judge import Judge, KeyJudgement, are_same_size, was_accepted_in_vain
from oss_oms_sync.comparison.proof import READ_PROOFS, UNPROVEN_RESULTS, Proof, stored_proof
from oss_oms_sync.ledger.records import repeated_etag
from oss_oms_sync.passes.digests import digest, reported_folder
from oss_oms_sync.passes.entries import Entry, is_covered
from oss_oms_sync.passes.listing import KeyRun
from oss_oms_sync.passes.range_walk import NotEnoughTimeError, RangeCount, SelectKey
from oss_oms_sync.passes.tally import MAX_KEYS, MAX_WRITTEN, UNSENT_OBJECTS, ClassCount, Tally, WrittenObject

# Maximum bytes of a piece's list of differences. At this size the piece ends.
_MAX_DIFFERENCES_BYTES = 16_000_000
# Bytes of a listed absence, without those of its key.
_ABSENCE_OVERHEAD_BYTES = 100
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class CompareCount(RangeCount):
    """The counts of a comparison for a range of keys: the earlier counts `start`, and those of the keys added since.

    - `lag_since`: the comparison measures the lag (the time from an object's write to its acceptance by OMS and to its
      copy) of objects written since this time, in seconds since 1970.
    - `seed`: the random number that selects the objects of the sample.
    - `earlier_absences`: the keys that the last comparison found only in OBS, or None if there was no such comparison.
    """

    def __init__(
        self, judge: Judge, start: Tally, lag_since: float, seed: str, earlier_absences: EarlierAbsences | None = None
    ) -> None:
        super().__init__(judge.key_filter, start)
        self._judge = judge
        self._earlier_absences = earlier_absences
        self._absences: list[Absence] = []
        self._lag_since = lag_since
        tally = self._tally
        tally.drawn.seed = seed
        # A heap: its first object is the oldest.
        heapify(tally.last_written)
        self._lines_bytes = 0
        # True if this piece has counted a key.
        self._has_counted = False

    def add(self, entry: Entry, select_key: SelectKey) -> None:
        """Judge a key, pass it to `select_key` if it has to be submitted, and count it.

        Raises StorageError, and NotEnoughTimeError if too little time is left to read the object. In both cases the key
        is not counted.
        """
        judge = self._judge
        judgement = judge.judge(entry)
        is_deleted = judgement.object_class is ObjectClass.DELETED_AT_SOURCE
        absence = self._earlier_absences.continue_absence(entry) if self._earlier_absences and is_deleted else None
        # Only a read that has the time of a whole piece proves that the object is too big for a piece.
        if judgement.proof is Proof.TOO_BIG and (
            self._has_counted or (judge.prover and not judge.prover.has_full_time)
        ):
            raise NotEnoughTimeError
        if judgement.key_to_submit and not select_key(judgement.key_to_submit):
            self._tally.counts[UNSENT_OBJECTS] += 1
        if absence:
            self._absences.append(absence)
            self._lines_bytes += len(entry.key) + _ABSENCE_OVERHEAD_BYTES
        self.add_judgement(judgement)

    def list_absences_until(self, last_key: str) -> list[Absence]:
        """Return the absences up to the key at which the work of this invocation ends."""
        return [absence for absence in self._absences if absence.key <= last_key]

    def add_judgement(self, judgement: KeyJudgement) -> None:
        entry, object_class, proof, is_inside, _ = judgement
        tally, source = self._tally, entry.source
        self._has_counted = True
        if proof:
            self._count_proof(entry, object_class, proof)
        if source is None and entry.destination is None:
            tally.counts["orphan_records"] += object_class is ObjectClass.ORPHAN_RECORDS
            return
        self._count_sides(entry, object_class)
        if object_class in (ObjectClass.OVERWRITTEN, ObjectClass.OLDER):
            class_count = tally.classes[object_class.title]
            different_count, in_vain_count = count_same_size(entry, object_class, proof)
            class_count.proven_different += different_count
            class_count.in_vain += in_vain_count
        if object_class in (ObjectClass.OUTSIDE, ObjectClass.CANARY):
            return
        if source and is_inside:
            obs_digest = self._add_version(source, entry.destination)
            tally.twin_listed += obs_digest if object_class.can_be_rechecked else 0
            self._keep_if_last_written(entry.key, source.modified)
            tally.largest = max(tally.largest, source.size)
            self._count_lags(source, entry, object_class)
        if object_class.is_listed:
            list_line = format_line(object_class.sign, entry.key)
            self.lines.append(list_line)
            tally.lines += 1
            self._lines_bytes += len(list_line.encode())
            self.is_full = self._lines_bytes > _MAX_DIFFERENCES_BYTES

    def count_equal(self, run: KeyRun) -> int:
        """Return the number of leading keys whose objects are equal, and are too old to measure their lags."""
        number = self._judge.count_equal(run)
        return find_first_index((time >= self._lag_since for time in run.source.modified[:number]), number)

    def add_run(self, run: KeyRun) -> None:
        """Count successive keys (a run), whose objects must all be equal."""
        super().add_run(run)
        self._has_counted = True
        tally, object_class, (keys, _, sizes, modified_times, *_) = self._tally, ObjectClass.EQUAL_CONTENTS, run.source
        digests = list(map(digest, map(str.encode, keys), sizes))
        totals = len(keys), sum(sizes), sum(digests)
        class_count = tally.classes.setdefault(object_class.title, ClassCount())
        class_count.keys += keys[: MAX_KEYS - len(class_count.keys)]
        for side in (class_count.source, class_count.destination):
            side.add(*totals)
        for listing in (tally.source_listed, tally.destination_listed):
            listing.add(*totals[:2])
        for pair, number, size in _sum_by_storage_classes(run):
            class_count.add_storage(*pair, number, size, size)
        for name, start, end in _split_by_folder(keys):
            folder = self._get_folder_counts(name, object_class.title)
            number, size = end - start, sum(sizes[start:end])
            folder[:] = map(add, folder, (number, size, number, size))
            for index in range(start, end):
                tally.drawn.add(keys[index], digests[index], name, sizes[index])
        tally.largest = max(tally.largest, *sizes)
        if len(tally.last_written) < MAX_WRITTEN or max(modified_times) >= tally.last_written[0].modified:
            for time, key in sorted(zip(modified_times, keys, strict=True))[-MAX_WRITTEN:]:
                self._keep_if_last_written(key, time)

    def add_outcomes(self, accepted_count: int, failed_count: int) -> None:
        super().add_outcomes(accepted_count, failed_count)
        self._tally.counts["submitted"] += accepted_count + failed_count

    def _count_proof(self, entry: Entry, object_class: ObjectClass, proof: Proof) -> None:
        tally, unread_keys = self._tally, self._tally.unread
        for counts in (tally.counts, tally.deep_listed) if object_class.can_be_rechecked else (tally.counts,):
            counts[f"deep_{proof.value}"] += 1
            counts["deep_bytes"] += entry.source.size if entry.source and proof in READ_PROOFS else 0
        if proof in UNPROVEN_RESULTS and len(keys := unread_keys.setdefault(proof.value, [])) < MAX_KEYS:
            keys.append(entry.key)

    def _count_sides(self, entry: Entry, object_class: ObjectClass) -> None:
        tally, key, source, destination = self._tally, entry.key.encode(), entry.source, entry.destination
        class_count = tally.classes.get(object_class.title)
        if class_count is None:
            class_count = tally.classes[object_class.title] = ClassCount()
        name = first_folder(entry.key)
        folder = self._get_folder_counts(name, object_class.title)
        source_digest = 0
        if source:
            size = source.size
            source_digest = digest(key, size)
            class_count.source.add(1, size, source_digest)
            tally.source_listed.add(1, size)
            folder[0] += 1
            folder[1] += size
            if object_class.is_equal:
                tally.drawn.add(entry.key, source_digest, name, size)
            self._marks.add(entry.key)
        if destination:
            size = destination.size
            is_same_size = source is not None and source.size == size
            class_count.destination.add(1, size, source_digest if is_same_size else digest(key, size))
            tally.destination_listed.add(1, size)
            folder[2] += 1
            folder[3] += size
        class_count.add_storage(
            source.storage_class if source else None,
            destination.storage_class if destination else None,
            1,
            source.size if source else 0,
            destination.size if destination else 0,
        )
        if len(class_count.keys) < MAX_KEYS:
            class_count.keys.append(entry.key)

    def _get_folder_counts(self, name: str, title: str) -> list[int]:
        """Return the counts of a class in a first-level folder: objects and bytes of the source, then those of OBS.

        The caller increases the counts in place.
        """
        folders = self._tally.folders
        return folders.setdefault(reported_folder(name, folders), {}).setdefault(title, [0, 0, 0, 0])

    def _keep_if_last_written(self, key: str, modified_time: int) -> None:
        last_written = self._tally.last_written
        if len(last_written) < MAX_WRITTEN:
            heappush(last_written, WrittenObject(modified_time, key))
        elif (
            modified_time >= last_written[0].modified
            and (written_object := WrittenObject(modified_time, key)) > last_written[0]
        ):
            heapreplace(last_written, written_object)

    def _count_lags(self, source: ObjectSummary, entry: Entry, object_class: ObjectClass) -> None:
        tally = self._tally
        success_record = entry.success_record
        destination = entry.destination
        write_time = source.modified
        is_old = write_time < self._lag_since
        if is_old and object_class is ObjectClass.EQUAL_CONTENTS:
            return  # nearly all objects
        has_arrived = destination is not None and destination.size == source.size and destination.modified >= write_time
        if object_class.holds_watermark or (object_class is ObjectClass.MOVING and not has_arrived):
            oldest_time = tally.oldest_not_there
            tally.oldest_not_there = write_time if oldest_time is None else min(oldest_time, write_time)
        if is_old or object_class is ObjectClass.IMPOSSIBLE:
            return
        if success_record and success_record.etag == etag_of(repeated_etag(source.etag)):
            tally.again += 1
            return
        if success_record and is_covered(source, success_record):
            tally.accepted_lag.add(success_record.modified - write_time)
        else:
            tally.accepted_lag.not_yet += 1
        if destination and has_arrived:
            tally.copied_lag.add(destination.modified - write_time)
        elif object_class not in (ObjectClass.OVERWRITTEN, ObjectClass.EQUAL_CONTENTS):
            tally.copied_lag.not_yet += 1


def _sum_by_storage_classes(run: KeyRun) -> Iterator[tuple[tuple[str, str], int, int]]:
    sizes, source_classes, obs_classes = run.source.sizes, run.source.storage_classes, run.counterpart.storage_classes
    # This condition is nearly always true, and then this takes much less time.
    if source_classes.count(source_classes[0]) == obs_classes.count(obs_classes[0]) == len(sizes):
        yield (source_classes[0], obs_classes[0]), len(sizes), sum(sizes)
        return
    sizes_by_pair: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for pair, size in zip(zip(source_classes, obs_classes, strict=True), sizes, strict=True):
        sizes_by_pair[pair].append(size)
    yield from ((pair, len(pair_sizes), sum(pair_sizes)) for pair, pair_sizes in sizes_by_pair.items())


def _split_by_folder(keys: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each first-level folder of ascending keys ("" for none), and the start and end of its slice of `keys`."""
    start = 0
    while start < len(keys):
        name = first_folder(keys[start])
        if name:
            end = bisect_left(keys, f"{name[:-1]}0", start)  # "0" follows "/"
        else:
            end = start + find_first_index(("/" in key for key in keys[start:]), len(keys) - start)
        yield name, start, end
        start = end


def format_line(sign: str, key: str) -> str:
    is_plain = key[:1] != '"' and not _CONTROL_CHARACTERS.search(key)
    return f"{sign} {key if is_plain else json.dumps(key)}\n"


def parse_line(text: str) -> str:
    """Return the key in a line of a list of differences; the line must have no line feed."""
    key = text[2:]
    return str(json.loads(key)) if key[:1] == '"' else key


def count_same_size(entry: Entry, object_class: ObjectClass, proof: Proof | None) -> tuple[int, int]:
    """Return two counts for an object, each 1 or 0: proven to differ at equal size, and accepted in vain.

    An object is accepted in vain if OMS accepted a repeated submission of it without copying it.
    """
    if object_class not in (ObjectClass.OVERWRITTEN, ObjectClass.OLDER) or not are_same_size(entry):
        return 0, 0
    # Only a proof shows that objects of equal size differ. An older object may be equal while it has no proof.
    is_proven = object_class is ObjectClass.OVERWRITTEN
    may_be_equal = not is_proven and proof is not Proof.DIFFERENT and not stored_proof(entry)
    return int(is_proven), int((is_proven or may_be_equal) and was_accepted_in_vain(entry))
