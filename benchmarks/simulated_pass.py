"""A pass over a bucket in virtual time, with the real code that splits ranges and merges their marks.

Only time is simulated: no object is sent, and nothing fails.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, pairwise
from typing import NamedTuple

from benchmarks.keyspaces import KeySpace
from ops.cost.prices import DOLLARS_PER_REQUEST, dollars_for_function
from oss_oms_sync.passes.marks import MAX_MARKS, KeyMark, Marks, estimate_objects, find_cut, find_middle
from oss_oms_sync.passes.work import MIN_SPLIT_OBJECTS, UNKNOWN_RANGE_SECONDS

# The template's: how long a piece works.
PIECE_SECONDS = 120.0
_PAGE = 1000

# All that follows is assumed, and not measured in the clouds.
# From an event to the first line of its worker. All of it is billed.
START_SECONDS = (1.0, 3.0)
# OSS's answers within the region: any call but a page of a listing, or a listing of one key.
CALL_SECONDS = 0.02

_CALLS_AT_ONCE = 10


class Job(NamedTuple):
    """A job of passes.

    `computing` is the CPU time of an object on a whole vCPU, `page` the wait for a page, both in seconds. `listings`
    counts the long listings that a pass reads in parallel, `short_listings` those that are nearly empty.
    """

    cpu: float
    megabytes: int
    computing: float
    page: float
    listings: int
    short_listings: int

    def page_seconds(self, objects: int = _PAGE) -> float:
        """Return the seconds of a page, which is processed while the next page loads."""
        return max(self.page, objects * self.computing / self.cpu) if objects else 0.0


# On a core of the author's machine an object took 7 microseconds in reconcile and 12 in compare (18 and 31 key by key;
# benchmarks.listing). That is doubled, because a vCPU is half a core; TLS and HTTP add 24 microseconds, with three long
# listings 36. A page of compare takes longer, because OBS answers over the internet.
RECONCILE = Job(0.5, 512, 0.000038, 0.1, 2, 1)
COMPARE = Job(1.0, 1024, 0.00006, 0.12, 3, 2)

# The steps of a worker, each by its seconds.
_Worker = Generator[float, None, None]


@dataclass(eq=False)
class KeyRange:
    """A range of a pass, with the keys from `place` to `end` left to do; `until` is empty if the range has no limit."""

    place: int
    end: int
    until: str = ""
    marks: Marks = field(default_factory=Marks)
    # The number of splits above the range.
    depth: int = 0
    halves: tuple[KeyRange, ...] = ()

    def fold(self) -> Marks:
        """Return the marks of the whole range: its own, then those of its halves."""
        folded = self.marks
        for half in self.halves:
            folded = Marks([*folded, *half.fold()])
        return folded


class SimulatedPass:
    """A pass, from its beginning to its total. `before`: the marks of the pass before."""

    def __init__(self, space: KeySpace, lanes: int, before: Marks | None = None, job: Job = RECONCILE) -> None:
        self.seconds = 0.0
        self.billed_seconds = 0.0
        self.invocations = 0
        self.pieces = 0
        self.most_open = self.most_instances = 0
        self.job = job
        self.calls: Counter[str] = Counter()
        self._space = space
        self._lanes = lanes
        self._before = before or Marks()
        self._now = 0.0
        self._agenda: list[tuple[float, int, _Worker]] = []
        self._order = count()
        self._random = random.Random(14)
        self._open: set[KeyRange] = set()
        self._ranges = 0
        everything = KeyRange(0, len(space))
        self._begin(everything)
        self._run()
        self.marks = everything.fold()
        assert sum(mark.objects for mark in self.marks) == len(space)

    def dollars(self) -> float:
        """Return the price of the invocations and requests."""
        function = dollars_for_function(self.invocations, self.billed_seconds, self.job.cpu, self.job.megabytes)
        return function + self.calls.total() * DOLLARS_PER_REQUEST

    def _run(self) -> None:
        while self._agenda:
            self.most_instances = max(self.most_instances, len(self._agenda))
            self._now, _, worker = heappop(self._agenda)
            busy = next(worker, None)
            if busy is not None:
                self.billed_seconds += busy
                heappush(self._agenda, (self._now + busy, next(self._order), worker))

    def _invoke(self, worker: _Worker) -> None:
        self.invocations += 1
        heappush(self._agenda, (self._now, next(self._order), worker))

    def _begin(self, key_range: KeyRange) -> None:
        self._ranges += 1
        self._open.add(key_range)
        self.most_open = max(self.most_open, len(self._open))
        self._invoke(self._work(key_range, begins=True))

    def _work(self, key_range: KeyRange, begins: bool) -> _Worker:
        """Do a piece of a range and write it, which wakes the next worker."""
        yield self._start()
        # The previous piece, the pass's first piece, the last pass's marks, the next piece, and the note "working".
        yield self._call("GET", 3) + self._call("LIST") + self._call("PUT")
        self.pieces += 1
        is_planned = bool(list(self._before)) and 1 << key_range.depth >= self._lanes
        if begins and not is_planned and self._may_split(key_range):
            yield self._walk(
                key_range, 1 if list(self._before) else int(UNKNOWN_RANGE_SECONDS / self.job.page_seconds())
            )
            if key_range.place < key_range.end and (yield from self._split(key_range)):
                return
        if key_range.place < key_range.end:
            yield self._walk(key_range, int(PIECE_SECONDS / self.job.page_seconds()))
        if key_range.place == key_range.end:
            yield from self._end(key_range)
        elif not (yield from self._split(key_range)):
            yield self._call("PUT")
            self._invoke(self._work(key_range, begins=False))

    def _end(self, key_range: KeyRange) -> _Worker:
        """Write the last piece and the range's end, and the total if no other range is open."""
        yield self._call("PUT") + self._call("PUT") + self._call("LIST")
        self._open.remove(key_range)
        self._invoke(self._find_nothing())
        self._invoke(self._find_nothing())
        if not self._open:
            yield self._call("GET", self._ranges) * self._ranges / _CALLS_AT_ONCE + self._call("PUT")
            self._invoke(self._find_nothing())
            self.seconds = self._now

    def _split(self, key_range: KeyRange) -> Generator[float, None, bool]:
        """Split the remainder of a range if a lane is free and a cut exists; return True if it was split."""
        yield self._call("LIST")
        if not self._may_split(key_range):
            return False
        space, calls_before = self._space, self.calls["LIST"]

        def next_key(after: str) -> str | None:
            self._call("LIST")
            place = max(space.up_to(after), key_range.place)
            return space.key(place) if place < key_range.end else None

        cut = find_cut(space.key(key_range.place), key_range.until, self._before, next_key)
        yield CALL_SECONDS * (self.calls["LIST"] - calls_before)
        if cut is None:
            return False
        yield self._call("PUT")
        self._open.remove(key_range)
        split = [(key_range, cut)]
        for divided, middle in split:
            # The halves' first pieces, and the event of the piece that splits.
            yield self._call("PUT") + self._call("PUT")
            self.pieces += 2
            self._invoke(self._find_nothing())
            place = space.up_to(middle)
            depth = divided.depth + 1
            divided.halves = (
                KeyRange(divided.place, place, middle, depth=depth),
                KeyRange(place, divided.end, divided.until, depth=depth),
            )
            for half in divided.halves:
                planned = self._planned_cut(half) if len(split) + 1 < self._lanes else None
                if planned:
                    split.append((half, planned))
                else:
                    self._begin(half)
        return True

    def _planned_cut(self, half: KeyRange) -> str | None:
        """Return the key at which to split `half` immediately, from the marks alone (see `Worker`).

        None if it should not be split.
        """
        if 1 << half.depth >= self._lanes or not list(self._before) or not self._is_large(half):
            return None
        return find_middle(self._space.key(half.place - 1) if half.place else "", half.until, self._before)

    def _may_split(self, key_range: KeyRange) -> bool:
        """Return True if a lane is free, and half of the range is worth an invocation."""
        return len(self._open) < self._lanes and self._is_large(key_range)

    def _is_large(self, key_range: KeyRange) -> bool:
        marks = list(self._before)
        after = self._space.key(key_range.place - 1) if key_range.place else ""
        return not marks or estimate_objects(after, key_range.until, marks) >= MIN_SPLIT_OBJECTS

    def _walk(self, key_range: KeyRange, pages: int) -> float:
        """Walk through at most `pages` pages; return the seconds. A page loads while the previous is processed."""
        begin = key_range.place
        key_range.place = min(begin + pages * _PAGE, key_range.end)
        full, remainder = divmod(key_range.place - begin, _PAGE)
        # Each long listing has a page that was read ahead in vain, too.
        self.calls["LIST"] += self.job.listings * (full + bool(remainder) + 1) + self.job.short_listings
        key_range.marks = Marks([*key_range.marks, *self._marks(begin, key_range.place)])
        return self.job.page + full * self.job.page_seconds() + self.job.page_seconds(remainder)

    def _marks(self, begin: int, end: int) -> list[KeyMark]:
        """Return the marks that `Marks.add` makes of the keys at these places."""
        step = -(-(end - begin) // MAX_MARKS)
        ends = [*range(begin, end, step), end]
        return [KeyMark(self._space.key(upper - 1), upper - lower) for lower, upper in pairwise(ends)]

    def _find_nothing(self) -> _Worker:
        """Yield the seconds of an event that wakes a worker in vain."""
        yield self._start() + self._call("LIST")

    def _start(self) -> float:
        return self._random.uniform(*START_SECONDS)

    def _call(self, kind: str, times: int = 1) -> float:
        """Count `times` calls in parallel; return their seconds."""
        self.calls[kind] += times
        return CALL_SECONDS
