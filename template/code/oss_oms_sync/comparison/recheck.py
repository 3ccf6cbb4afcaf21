"""The recheck of the differences that a pass has listed, so that an object copied late does not require another pass.

The lists of differences name all keys whose objects are not equal, except OMS's own objects and keys outside the
project's filter. The recheck judges the keys whose class may change without action, and replaces their counts. Other
keys keep their class: keys only in OBS, objects that cannot be copied, and keys that are not listed. The new counts are
correct only if the lists name every key of the rechecked classes, so this is checked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from oss_oms_sync.answers.layout import Kind, record_name
from oss_oms_sync.answers.object_class import RECHECKED_SIGNS, UNCHANGED_BY_RECHECK
from oss_oms_sync.answers.step import Step
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import split_into_parts
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.count import CompareCount, parse_line
from oss_oms_sync.comparison.judge import Judge
from oss_oms_sync.comparison.proof import stored_proof
from oss_oms_sync.errors import PayloadError, StorageError
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.digests import MODULUS
from oss_oms_sync.passes.entries import Entry, listed_record
from oss_oms_sync.passes.tally import Side, Tally, select_last_written

MAX_KEYS = 10_000
# Number of keys whose records and objects are read at the same time.
_KEYS_PER_READ = 100
_RESTART_STEP = Step("compare", {"restart": True})


def recheck(
    invocation: Invocation,
    destination: ObsBucket,
    total: Tally,
    judge: Judge,
    send: Callable[[Sequence[FailedKey]], None],
    waiting_keys: Iterable[str] = (),
) -> Tally:
    """Return the total of a pass after a recheck of the keys in its lists, and submit the keys that now need it.

    `send` is called with the keys to submit. `waiting_keys` are the keys of failed records and run files. If `judge`
    reads objects, it also reads those of the waiting keys that are not listed, because a proof may show that a key no
    longer needs to wait.

    Raises PayloadError for too many keys, and StorageError, also if the lists are incomplete.
    """
    unlisted_tally = _count_unlisted(total)
    listed_count = _count_keys(total) - _count_keys(unlisted_tally)
    if listed_count > MAX_KEYS:
        raise PayloadError(
            f"The lists of differences name {listed_count:,} keys, but at most {MAX_KEYS:,} can be rechecked."
            f" Begin another pass: {_RESTART_STEP}"
        )
    keys = sorted(set(_read_listed_keys(invocation, total.parts)))
    if len(keys) != listed_count:
        raise StorageError(
            f"The lists of differences name {len(keys):,} keys, and the comparison found {listed_count:,} that differ:"
            f" the lists are incomplete. Begin another pass: {_RESTART_STEP}"
        )
    count = CompareCount(judge, unlisted_tally, math.inf, total.drawn.seed)
    for part in split_into_parts(keys, _KEYS_PER_READ):
        judgements = [judge.judge_alone(entry) for entry in read_entries(invocation, destination, part)]
        for judgement in judgements:
            # An object with a stored proof is not read again, but counts as read.
            count.add_judgement(
                judgement._replace(proof=judgement.proof or (stored_proof(judgement.entry) if judge.prover else None))
            )
        send([judgement.key_to_submit for judgement in judgements if judgement.key_to_submit])
    new_tally = count.tally()
    if judge.prover:
        for part in split_into_parts(sorted(set(waiting_keys) - set(keys))[:MAX_KEYS], _KEYS_PER_READ):
            for entry in read_entries(invocation, destination, part):
                judge.judge(entry)
    read_counts, rechecked_keys = (
        Counter({name: n for name, n in new_tally.counts.items() if name.startswith("deep_")}),
        set(keys),
    )
    unread = {
        name: unread_keys
        for name, part in total.unread.items()
        if (unread_keys := [key for key in part if key not in rechecked_keys])
    }
    return replace(
        total,
        counts=total.counts - total.deep_listed + read_counts,
        unread=Tally(unread=unread).plus(Tally(unread=new_tally.unread)).unread,
        classes=new_tally.classes,
        folders={name: counts for name, counts in new_tally.folders.items() if counts},
        oldest_not_there=new_tally.oldest_not_there,
        # Drawn objects were equal, and equal objects are not rechecked.
        drawn=total.drawn.plus(new_tally.drawn),
        # An object that was deleted or overwritten since was the largest or the last when the pass listed it.
        largest=max(total.largest, new_tally.largest),
        last_written=select_last_written([*total.last_written, *new_tally.last_written]),
        twin=new_tally.twin,
        source_listed=new_tally.source_listed,
        destination_listed=new_tally.destination_listed,
    )


def _count_unlisted(total: Tally) -> Tally:
    """Return the counts of the keys that are in no list of differences.

    A folder that has only listed keys is included without counts.
    """
    unlisted_tally = Tally(
        classes={name: count for name, count in total.classes.items() if name in UNCHANGED_BY_RECHECK},
        folders={
            folder: {name: count for name, count in counts.items() if name in UNCHANGED_BY_RECHECK}
            for folder, counts in total.folders.items()
        },
        twin=(total.twin - total.twin_listed) % MODULUS,
    )
    return replace(
        unlisted_tally,
        source_listed=_subtract_listed(
            total.source_listed, total.sum_side("source"), unlisted_tally.sum_side("source")
        ),
        destination_listed=_subtract_listed(
            total.destination_listed, total.sum_side("destination"), unlisted_tally.sum_side("destination")
        ),
    )


def _subtract_listed(listing_totals: Side, class_totals: Side, unlisted_totals: Side) -> Side:
    """Return the totals of a bucket's listing without the keys in the lists of differences.

    `class_totals` are the totals of all classes, and `unlisted_totals` those of the keys that are in no list.
    """
    return Side(
        listing_totals.objects - class_totals.objects + unlisted_totals.objects,
        listing_totals.bytes - class_totals.bytes + unlisted_totals.bytes,
    )


def _count_keys(tally: Tally) -> int:
    """Return the number of keys in a tally.

    Either all keys of a class are in the source, or all are only in OBS. So the number of keys of a class is the larger
    one of its two object counts.
    """
    return sum(max(count.source.objects, count.destination.objects) for count in tally.classes.values())


def _read_listed_keys(invocation: Invocation, parts: Sequence[str]) -> Iterator[str]:
    for name in parts:
        body = invocation.log_bucket.get(name)
        if body is None:
            raise StorageError(
                f"{name} is missing in the log bucket, so the differences are unknown. Begin another pass:"
                f" {_RESTART_STEP}"
            )
        yield from (parse_line(line) for line in body.decode().splitlines() if line[0] in RECHECKED_SIGNS)


def read_entries(invocation: Invocation, destination: ObsBucket, keys: Sequence[str]) -> Iterator[Entry]:
    """Yield the entry of each key, its rows in the listings of all buckets, without listing the buckets.

    Raises StorageError.
    """
    task_id, log_bucket = invocation.task_id, invocation.log_bucket
    sources, destinations = invocation.source_bucket.find_all(keys), destination.find_all(keys)
    kinds: tuple[Kind, ...] = ("success", "failed", "proven")
    records = [log_bucket.get_all([record_name(task_id, kind, key) for key in keys]) for kind in kinds]
    for key, source, obs_object, *stored_records in zip(keys, sources, destinations, *records, strict=True):
        success_record, failed_record, proof = (
            listed_record(record, key) if record else None for record in stored_records
        )
        yield Entry(key, source, success_record, failed_record, obs_object, proof)
