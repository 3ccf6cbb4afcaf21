"""Judges the keys of a pass's lists of differences once more, one by one: so a late object does not cost another pass.

All keys that are not equal are in the lists, except OMS's own and those outside of the project's filter. Those of them
that may change by themselves are judged: what is only in OBS, or impossible, stays as it was, however many they are,
and so do the classes of what is in no list, in the whole and in each folder. All others are counted anew. That is only
right if the lists name every key of those: whether they do is checked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from oss_oms_sync.answers.object_class import AGAIN, LASTING
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import parts_of
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.count import CompareCount, key_of
from oss_oms_sync.comparison.judge import Judge
from oss_oms_sync.comparison.proof import kept
from oss_oms_sync.errors import PayloadError, StorageError
from oss_oms_sync.ledger.records import FailedKey, Kind, record_name
from oss_oms_sync.passes.classify import Entry, listed_record
from oss_oms_sync.passes.digests import MODULUS
from oss_oms_sync.passes.tally import Side, Tally, written_last

MAX_KEYS = 10_000
# So many are looked at side by side before the next are read.
_AT_ONCE = 100
_RESTART = "python3 ops.py compare --restart"


def judge_again(
    invocation: Invocation,
    destination: ObsBucket,
    total: Tally,
    judge: Judge,
    send: Callable[[Sequence[FailedKey]], None],
    waiting: Iterable[str] = (),
) -> Tally:
    """The total as it would be if the keys in its lists had been judged now; `send` takes what has become due.

    `waiting` are keys of failed records and run files: those that are in no list are read as well where `judge` reads
    any, which may prove that they wait for nothing; they count as before.

    Raises PayloadError if there are too many, and StorageError, also if the lists are not complete.
    """
    lasting = _kept(total)
    number = _keys_in(total) - _keys_in(lasting)
    if number > MAX_KEYS:
        raise PayloadError(
            f"The lists of differences name {number:,} keys; at most {MAX_KEYS:,} are judged again one by one. Begin"
            f" another pass: {_RESTART}"
        )
    keys = sorted(set(_listed(invocation, total.parts)))
    if len(keys) != number:
        raise StorageError(
            f"The lists of differences name {len(keys):,} keys, and the comparison found {number:,} that differ: the"
            f" lists are incomplete. Begin another pass: {_RESTART}"
        )
    counted = CompareCount(judge, lasting, math.inf, total.drawn.seed)
    for some in parts_of(keys, _AT_ONCE):
        judged = [judge.judge_alone(entry) for entry in entries(invocation, destination, some)]
        for one in judged:
            # What was read once is not read again, and was read all the same.
            counted.add_judged(one._replace(proof=one.proof or (kept(one.entry) if judge.prover else None)))
        send([one.due for one in judged if one.due])
    now = counted.tally()
    if judge.prover:
        for some in parts_of(sorted(set(waiting) - set(keys))[:MAX_KEYS], _AT_ONCE):
            for entry in entries(invocation, destination, some):
                judge.judge(entry)
    deep, anew = Counter({name: n for name, n in now.counts.items() if name.startswith("deep_")}), set(keys)
    unread = {name: left for name, some in total.unread.items() if (left := [key for key in some if key not in anew])}
    return replace(
        total,
        counts=total.counts - total.deep_listed + deep,
        unread=Tally(unread=unread).merged(Tally(unread=now.unread)).unread,
        classes=now.classes,
        folders={name: counts for name, counts in now.folders.items() if counts},
        oldest_not_there=now.oldest_not_there,
        # What was drawn before counted as equal, and nothing that did is judged again.
        drawn=total.drawn.plus(now.drawn),
        # What was written is not unwritten because it is gone, or was written once more.
        largest=max(total.largest, now.largest),
        last_written=written_last([*total.last_written, *now.last_written]),
        twin=now.twin,
        source_listed=now.source_listed,
        destination_listed=now.destination_listed,
    )


def _kept(total: Tally) -> Tally:
    """What was counted of keys that are in no list. A folder that has none of them is still one of those that count one
    by one."""
    kept = Tally(
        classes={name: count for name, count in total.classes.items() if name in LASTING},
        folders={
            folder: {name: count for name, count in counts.items() if name in LASTING}
            for folder, counts in total.folders.items()
        },
        twin=(total.twin - total.twin_listed) % MODULUS,
    )
    return replace(
        kept,
        source_listed=_less(total.source_listed, total.side("source"), kept.side("source")),
        destination_listed=_less(total.destination_listed, total.side("destination"), kept.side("destination")),
    )


def _less(listed: Side, all_classes: Side, kept: Side) -> Side:
    """What was `listed` without the keys in the lists."""
    return Side(listed.objects - all_classes.objects + kept.objects, listed.bytes - all_classes.bytes + kept.bytes)


def _keys_in(tally: Tally) -> int:
    """How many keys were counted: an object of the source is counted there, and one that is only in OBS here."""
    return sum(max(count.source.objects, count.destination.objects) for count in tally.classes.values())


def _listed(invocation: Invocation, parts: Sequence[str]) -> Iterator[str]:
    for name in parts:
        body = invocation.log_bucket.get(name)
        if body is None:
            raise StorageError(
                f"{name} in the log bucket is gone, so what differed is not known. Begin another pass: {_RESTART}"
            )
        yield from (key_of(line) for line in body.decode().splitlines() if line[0] in AGAIN)


def entries(invocation: Invocation, destination: ObsBucket, keys: Sequence[str]) -> Iterator[Entry]:
    """What listings would have of each of these keys.

    Raises StorageError.
    """
    task_id, log_bucket = invocation.task_id, invocation.log_bucket
    sources, there = invocation.source_bucket.find_all(keys), destination.find_all(keys)
    kinds: tuple[Kind, ...] = ("success", "failed", "proven")
    records = [log_bucket.get_all([record_name(task_id, kind, key) for key in keys]) for kind in kinds]
    for key, source, one, *found in zip(keys, sources, there, *records, strict=True):
        success, failed, proof = (listed_record(record, key) if record else None for record in found)
        yield Entry(key, source, success, failed, one, proof)
