"""A recheck of the keys in a pass's lists of differences, so that a late object does not cost another pass.

The lists name all keys that are not equal, except OMS's own and those outside the project's filter. The recheck judges
the keys whose class may change without action. Keys that are only in OBS or impossible keep their class, and so do
unlisted keys, in the total and in each folder. All others are counted again. The counts are correct only if the lists
name every key of these classes, so this is checked.
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
from oss_oms_sync.clouds.objects import parts_of
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.count import CompareCount, key_of
from oss_oms_sync.comparison.judge import Judge
from oss_oms_sync.comparison.proof import kept
from oss_oms_sync.errors import PayloadError, StorageError
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.digests import MODULUS
from oss_oms_sync.passes.entries import Entry, listed_record
from oss_oms_sync.passes.tally import Side, Tally, written_last

MAX_KEYS = 10_000
# Number of keys whose records and objects are read together.
_KEYS_PER_READ = 100
_RESTART = Step("compare", {"restart": True})


def judge_again(
    invocation: Invocation,
    destination: ObsBucket,
    total: Tally,
    judge: Judge,
    send: Callable[[Sequence[FailedKey]], None],
    waiting: Iterable[str] = (),
) -> Tally:
    """Return the total, with the keys in its lists judged again; call `send` with the keys that are now due.

    `waiting`: keys of failed records and run files. Unlisted keys among them are read as well if `judge` reads objects,
    because a proof may show that a key no longer waits; their counts do not change.

    Raises PayloadError for too many keys, and StorageError, also if the lists are incomplete.
    """
    lasting = _unlisted(total)
    number = _count_keys(total) - _count_keys(lasting)
    if number > MAX_KEYS:
        raise PayloadError(
            f"The lists of differences name {number:,} keys; at most {MAX_KEYS:,} are rechecked. Begin another"
            f" pass: {_RESTART}"
        )
    keys = sorted(set(_listed_keys(invocation, total.parts)))
    if len(keys) != number:
        raise StorageError(
            f"The lists of differences name {len(keys):,} keys, and the comparison found {number:,} that differ: the"
            f" lists are incomplete. Begin another pass: {_RESTART}"
        )
    count = CompareCount(judge, lasting, math.inf, total.drawn.seed)
    for part in parts_of(keys, _KEYS_PER_READ):
        judgements = [judge.judge_alone(entry) for entry in entries(invocation, destination, part)]
        for judgement in judgements:
            # An object with a stored proof is not read again, but counts as read.
            count.add_judged(
                judgement._replace(proof=judgement.proof or (kept(judgement.entry) if judge.prover else None))
            )
        send([judgement.due for judgement in judgements if judgement.due])
    current = count.tally()
    if judge.prover:
        for part in parts_of(sorted(set(waiting) - set(keys))[:MAX_KEYS], _KEYS_PER_READ):
            for entry in entries(invocation, destination, part):
                judge.judge(entry)
    deep, rechecked = Counter({name: n for name, n in current.counts.items() if name.startswith("deep_")}), set(keys)
    unread = {
        name: unread_keys
        for name, part in total.unread.items()
        if (unread_keys := [key for key in part if key not in rechecked])
    }
    return replace(
        total,
        counts=total.counts - total.deep_listed + deep,
        unread=Tally(unread=unread).merged(Tally(unread=current.unread)).unread,
        classes=current.classes,
        folders={name: counts for name, counts in current.folders.items() if counts},
        oldest_not_there=current.oldest_not_there,
        # Drawn objects were equal, and equal objects are not judged again.
        drawn=total.drawn.plus(current.drawn),
        # An object deleted or overwritten since then was still the largest or last at its time.
        largest=max(total.largest, current.largest),
        last_written=written_last([*total.last_written, *current.last_written]),
        twin=current.twin,
        source_listed=current.source_listed,
        destination_listed=current.destination_listed,
    )


def _unlisted(total: Tally) -> Tally:
    """Return the counts of the unlisted keys.

    A folder without such keys stays among the folders with their own counts.
    """
    unlisted = Tally(
        classes={name: count for name, count in total.classes.items() if name in UNCHANGED_BY_RECHECK},
        folders={
            folder: {name: count for name, count in counts.items() if name in UNCHANGED_BY_RECHECK}
            for folder, counts in total.folders.items()
        },
        twin=(total.twin - total.twin_listed) % MODULUS,
    )
    return replace(
        unlisted,
        source_listed=_without_listed(total.source_listed, total.side("source"), unlisted.side("source")),
        destination_listed=_without_listed(
            total.destination_listed, total.side("destination"), unlisted.side("destination")
        ),
    )


def _without_listed(listed: Side, all_classes: Side, kept: Side) -> Side:
    """Return the counts of `listed` without the listed keys."""
    return Side(listed.objects - all_classes.objects + kept.objects, listed.bytes - all_classes.bytes + kept.bytes)


def _count_keys(tally: Tally) -> int:
    """Return the number of keys of a tally.

    Source objects count on the source's side; objects only in OBS count on the destination's.
    """
    return sum(max(count.source.objects, count.destination.objects) for count in tally.classes.values())


def _listed_keys(invocation: Invocation, parts: Sequence[str]) -> Iterator[str]:
    for name in parts:
        body = invocation.log_bucket.get(name)
        if body is None:
            raise StorageError(
                f"{name} is missing in the log bucket, so the differences are unknown. Begin another pass: {_RESTART}"
            )
        yield from (key_of(line) for line in body.decode().splitlines() if line[0] in RECHECKED_SIGNS)


def entries(invocation: Invocation, destination: ObsBucket, keys: Sequence[str]) -> Iterator[Entry]:
    """Yield an entry for each of `keys`, as merged listings would.

    Raises StorageError.
    """
    task_id, log_bucket = invocation.task_id, invocation.log_bucket
    sources, destinations = invocation.source_bucket.find_all(keys), destination.find_all(keys)
    kinds: tuple[Kind, ...] = ("success", "failed", "proven")
    records = [log_bucket.get_all([record_name(task_id, kind, key) for key in keys]) for kind in kinds]
    for key, source, twin, *stored in zip(keys, sources, destinations, *records, strict=True):
        success, failed, proof = (listed_record(record, key) if record else None for record in stored)
        yield Entry(key, source, success, failed, twin, proof)
