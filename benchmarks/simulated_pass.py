"""A pass over a bucket in virtual time, with the project's own code that splits ranges of keys.

A mark is the number of objects up to a certain key; the next pass splits its ranges by these marks. Only time is
simulated: no object is submitted, and nothing fails.
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

# The template's default time for which an invocation processes keys.
PIECE_SECONDS = 120.0
_PAGE = 1000

# These times are assumed, and not measured in the clouds.
# The seconds from an event to the first line of its invocation, all of which are billed.
START_SECONDS = (1.0, 3.0)
# The seconds of a call of OSS within the region, except for a page of a listing.
CALL_SECONDS = 0.02

_CALLS_AT_ONCE = 10


class Job(NamedTuple):
    """A job that runs passes, reconcile or compare, with assumed times.

    - `computing` is the CPU time of an object on a whole vCPU, and `page` is the wait for a page, both in seconds.
    - `listings` counts the long listings that a pass reads in parallel, and `short_listings` the nearly empty listings.
    """

    cpu: float
    megabytes: int
    computing: float
    page: float
    listings: int
    short_listings: int

    def page_seconds(self, objects: int = _PAGE) -> float:
        """Return the seconds that a page of `objects` takes; it is processed while the next page loads."""
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
    """A range of keys; those at the positions from `position` to `end` are left to process.

    `until` is the last key of the range, or empty if the range has no limit.
    """

    position: int
    end: int
    until: str = ""
    marks: Marks = field(default_factory=Marks)
    # The number of splits above the range.
    depth: int = 0
    halves: tuple[KeyRange, ...] = ()

    def fold(self) -> Marks:
        folded = self.marks
        for half in self.halves:
            folded = Marks([*folded, *half.fold()])
        return folded


class SimulatedPass:
    """A pass in virtual time, from its first invocation until its total is written.

    `before` has the marks of the previous pass.
    """

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
        whole = KeyRange(0, len(space))
        self._begin_range(whole)
        self._run()
        self.marks = whole.fold()
        assert sum(mark.objects for mark in self.marks) == len(space)

    def dollars(self) -> float:
        """Return the price of the invocations and requests, by Alibaba Cloud's list prices."""
        function = dollars_for_function(self.invocations, self.billed_seconds, self.job.cpu, self.job.megabytes)
        return function + self.calls.total() * DOLLARS_PER_REQUEST

    def _run(self) -> None:
        while self._agenda:
            self.most_instances = max(self.most_instances, len(self._agenda))
            self._now, _, worker = heappop(self._agenda)
            step_seconds = next(worker, None)
            if step_seconds is not None:
                self.billed_seconds += step_seconds
                heappush(self._agenda, (self._now + step_seconds, next(self._order), worker))

    def _invoke(self, worker: _Worker) -> None:
        self.invocations += 1
        heappush(self._agenda, (self._now, next(self._order), worker))

    def _begin_range(self, key_range: KeyRange) -> None:
        self._ranges += 1
        self._open.add(key_range)
        self.most_open = max(self.most_open, len(self._open))
        self._invoke(self._process_piece(key_range, begins=True))

    def _process_piece(self, key_range: KeyRange, begins: bool) -> _Worker:
        """Yield the seconds of each step of an invocation, which processes the next keys of a range for PIECE_SECONDS.

        At its end, the invocation stores a result, whose event starts the next invocation. `begins` is True for the
        first invocation of a range.
        """
        yield self._draw_start_seconds()
        # The previous piece, the pass's first piece, the last pass's marks, the next piece, and the note "working".
        yield self._call("GET", 3) + self._call("LIST") + self._call("PUT")
        self.pieces += 1
        is_planned = bool(list(self._before)) and 1 << key_range.depth >= self._lanes
        if begins and not is_planned and self._can_split(key_range):
            yield self._read_pages(
                key_range, 1 if list(self._before) else int(UNKNOWN_RANGE_SECONDS / self.job.page_seconds())
            )
            if key_range.position < key_range.end and (yield from self._split(key_range)):
                return
        if key_range.position < key_range.end:
            yield self._read_pages(key_range, int(PIECE_SECONDS / self.job.page_seconds()))
        if key_range.position == key_range.end:
            yield from self._end_range(key_range)
        elif not (yield from self._split(key_range)):
            yield self._call("PUT")
            self._invoke(self._process_piece(key_range, begins=False))

    def _end_range(self, key_range: KeyRange) -> _Worker:
        yield self._call("PUT") + self._call("PUT") + self._call("LIST")
        self._open.remove(key_range)
        self._invoke(self._end_at_once())
        self._invoke(self._end_at_once())
        if not self._open:
            yield self._call("GET", self._ranges) * self._ranges / _CALLS_AT_ONCE + self._call("PUT")
            self._invoke(self._end_at_once())
            self.seconds = self._now

    def _split(self, key_range: KeyRange) -> Generator[float, None, bool]:
        """Split the remaining keys of a range if a lane is free, and if there is a key at which to split.

        Yield the seconds of each step; return True if the range was split.
        """
        yield self._call("LIST")
        if not self._can_split(key_range):
            return False
        space, calls_before = self._space, self.calls["LIST"]

        def next_key(after: str) -> str | None:
            self._call("LIST")
            position = max(space.up_to(after), key_range.position)
            return space.key(position) if position < key_range.end else None

        cut = find_cut(space.key(key_range.position), key_range.until, self._before, next_key)
        yield CALL_SECONDS * (self.calls["LIST"] - calls_before)
        if cut is None:
            return False
        yield self._call("PUT")
        self._open.remove(key_range)
        divisions = [(key_range, cut)]
        for divided, middle in divisions:
            # The halves' first pieces, and the event of the piece that splits.
            yield self._call("PUT") + self._call("PUT")
            self.pieces += 2
            self._invoke(self._end_at_once())
            position = space.up_to(middle)
            depth = divided.depth + 1
            divided.halves = (
                KeyRange(divided.position, position, middle, depth=depth),
                KeyRange(position, divided.end, divided.until, depth=depth),
            )
            for half in divided.halves:
                planned_cut = self._find_planned_cut(half) if len(divisions) + 1 < self._lanes else None
                if planned_cut:
                    divisions.append((half, planned_cut))
                else:
                    self._begin_range(half)
        return True

    def _find_planned_cut(self, half: KeyRange) -> str | None:
        """Return the key at which to split `half` at once, by the previous pass's marks, or None to leave it whole."""
        if 1 << half.depth >= self._lanes or not list(self._before) or not self._is_large(half):
            return None
        return find_middle(self._space.key(half.position - 1) if half.position else "", half.until, self._before)

    def _can_split(self, key_range: KeyRange) -> bool:
        return len(self._open) < self._lanes and self._is_large(key_range)

    def _is_large(self, key_range: KeyRange) -> bool:
        marks = list(self._before)
        after = self._space.key(key_range.position - 1) if key_range.position else ""
        return not marks or estimate_objects(after, key_range.until, marks) >= MIN_SPLIT_OBJECTS

    def _read_pages(self, key_range: KeyRange, pages: int) -> float:
        """Read at most `pages` pages; return their seconds. A page loads while the previous page is processed."""
        begin = key_range.position
        key_range.position = min(begin + pages * _PAGE, key_range.end)
        full, remainder = divmod(key_range.position - begin, _PAGE)
        # Each long listing also reads a page ahead that it does not use.
        self.calls["LIST"] += self.job.listings * (full + bool(remainder) + 1) + self.job.short_listings
        key_range.marks = Marks([*key_range.marks, *self._make_marks(begin, key_range.position)])
        return self.job.page + full * self.job.page_seconds() + self.job.page_seconds(remainder)

    def _make_marks(self, begin: int, end: int) -> list[KeyMark]:
        step = -(-(end - begin) // MAX_MARKS)
        ends = [*range(begin, end, step), end]
        return [KeyMark(self._space.key(upper - 1), upper - lower) for lower, upper in pairwise(ends)]

    def _end_at_once(self) -> _Worker:
        """Simulate an invocation that finds no work: yield its duration in virtual seconds, and end."""
        yield self._draw_start_seconds() + self._call("LIST")

    def _draw_start_seconds(self) -> float:
        return self._random.uniform(*START_SECONDS)

    def _call(self, kind: str, times: int = 1) -> float:
        """Count `times` calls in parallel; return their seconds."""
        self.calls[kind] += times
        return CALL_SECONDS
