"""The walk of an invocation through a range of keys: count each key, and submit those that are due."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property

from oss_oms_sync.answers.finding import LIMIT_REACHED, TIME_IS_UP, Stop, Stopped
from oss_oms_sync.answers.pass_answers import PassAnswer
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, first_difference
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.sender import Sender
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.digests import state_digest, twin_digest, version_digest
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.listing import KeyRun
from oss_oms_sync.passes.marks import Marks
from oss_oms_sync.passes.pieces import Kind, Piece
from oss_oms_sync.passes.states import brief_answer
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.passes.work import RangeResult

_MAX_SHOWN_KEYS = 100
# Minimum remaining seconds of a walk, for a page, a batch and the piece itself.
_RESERVED_SECONDS = 30.0


_RECORD_REFUSED = Stopped(Stop.STORAGE, "the log bucket takes no record of some keys")


class NoRoomError(Exception):
    """The work for a key does not fit into the time left for this piece: the next piece begins with this key."""


# Accepts a key to submit. Returns False if there are too many keys.
Take = Callable[[FailedKey], bool]


class Count:
    """The counts of a range for a job: those of `start`, and of the keys after it.

    This class counts for a standstill pass: it judges no object, and adds up both buckets' objects with keys of
    `key_filter`, the project's, except canaries.
    """

    def __init__(self, key_filter: KeyFilter, start: Tally) -> None:
        self._key_filter = key_filter
        # All counts grow, except the marks.
        self._tally = start.merged(Tally())
        self._marks = Marks(start.marks)
        # Lines of the list of differences; with more of them the piece would be too large, and `is_full`.
        self.lines: list[str] = []
        self.is_full = False

    def add(self, entry: Entry, take: Take) -> None:  # noqa: ARG002  nothing is to be sent
        """Judge a key, pass it to `take` if its object is due, and then count it.

        Raises StorageError and NoRoomError: the key is then not counted.
        """
        if entry.source:
            self._marks.add(entry.key)
            if self._key_filter.is_reported(entry.key):
                self._add_version(entry.source, entry.destination)

    def equal(self, run: KeyRun) -> int:
        """Return the number of a run's leading keys with the same result as the first, for `add_run`.

        In a standstill pass these are keys with equal objects in both buckets.
        """
        source, twin = run.source, run.twin
        same = min(first_difference(source.sizes, twin.sizes), first_difference(source.etags, twin.etags))
        return min(same, self._key_filter.count_reported(run.keys))

    def add_run(self, run: KeyRun) -> None:
        """Count the keys of a run limited by `equal`."""
        self._marks.extend(run.keys)
        names, etags, sizes, modified, *_ = run.source
        versions = list(map(version_digest, names, etags, sizes))
        self._tally.state += sum(map(state_digest, versions, modified))
        self._tally.twin += sum(versions)

    def sent(self, accepted: int, failed: int) -> None:
        """Count the outcomes of submitted keys."""
        self._tally.counts.update(accepted=accepted, failed=failed)

    def tally(self) -> Tally:
        """Return all counts."""
        return replace(self._tally, marks=tuple(self._marks)).merged(Tally())

    def _add_version(self, source: ObjectSummary, destination: ObjectSummary | None) -> int:
        """Add the objects of a source key to the digests; return the increase of `twin`."""
        version = version_digest(*source[:3])
        self._tally.state += state_digest(version, source.modified)
        if destination is None:
            return 0
        twin = twin_digest(version, source, destination)
        self._tally.twin += twin
        return twin


class RangeWalk:
    """A walk over `steps`, which follow the piece `start`.

    `share`: number of ranges that submit concurrently. `limit`: maximum number of objects to submit. `dry_run`: submit
    nothing. `may_send` is called once, before the first submission; if it returns False, the walk only counts.
    """

    def __init__(
        self,
        invocation: Invocation,
        steps: Iterable[Entry | KeyRun],
        start: Piece,
        count: Count,
        share: int = 1,
        seconds: float = math.inf,
        limit: int | None = None,
        *,
        dry_run: bool = False,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_send = may_send
        self._steps = steps
        self.count = count
        self._clock, left = invocation.clock, invocation.deadline.remaining()
        # The seconds of the walk.
        walk_seconds = min(left - min(_RESERVED_SECONDS, left / 4), seconds)
        self._end = self._clock.monotonic() + walk_seconds
        self._sender = Sender(invocation, share, walk_seconds)
        self._start = start
        self._limit = limit
        self._dry_run = dry_run
        self._after = start.after
        # The open batch, and the range before it, which is the result until the batch's keys are accepted or recorded.
        self._batch: list[FailedKey] = []
        self._before_batch = start
        self._taken = 0
        # The first keys that a real run would submit.
        self.missing: list[str] = []
        self.stopped = LIMIT_REACHED if limit == 0 else None

    def run(self) -> RangeResult:
        """Walk until the end of the range, of the time, or a refusal of a cloud."""
        error = None
        try:
            at_end = self._go()
        except NoRoomError:
            at_end, self.stopped = False, TIME_IS_UP
        except StorageError as raised:
            at_end, error = False, raised
        self._send()
        done = self._settled()
        if at_end and not self._batch:
            return RangeResult(replace(done, kind=Kind.DONE))
        stopped = Stopped(Stop.STORAGE, str(error)) if error else self.stopped or self._sender.stopped
        if stopped == TIME_IS_UP and self._sender.failed and not self._sender.accepted:
            # Otherwise the next pieces would follow immediately while OMS is busy.
            why = f"OMS took nothing until the time was up: {', '.join(self._sender.failed)}"
            stopped = Stopped(Stop.NOTHING_TAKEN, why)
        self.stopped = stopped
        if stopped in (None, TIME_IS_UP):
            return RangeResult(done, error)
        return RangeResult(replace(done, kind=Kind.RESTING, stopped=stopped), error)

    def trial(self) -> tuple[Tally, PassAnswer]:
        """Walk in a single call, without continuation.

        Raises StorageError.
        """
        walked = self.run()
        if walked.error:
            raise walked.error
        tally, is_whole = walked.piece.tally, walked.piece.kind is Kind.DONE
        if self._dry_run:  # a comparison counts only submitted objects
            tally.counts["submitted"] = self._taken
        following = "All objects were checked." if is_whole else "A dry run is not continued: the next run starts over."
        return tally, brief_answer(following, self.stopped, finished=is_whole)

    def _go(self) -> bool:
        """Count keys and runs; return True at the end of the range."""
        until, count, monotonic = self._start.until, self.count, self._clock.monotonic
        for step in self._steps:
            if until and (step.keys[0] if isinstance(step, KeyRun) else step.key) > until:
                return True
            if monotonic() > self._end or count.is_full:
                self.stopped = self.stopped or TIME_IS_UP
            if self.stopped:
                return False
            if isinstance(step, KeyRun):
                run = step.first(bisect_right(step.keys, until)) if until else step
                count.add_run(run)
                self._after = run.keys[-1]
                continue
            taken = self._taken
            count.add(step, self._take)
            self._after = step.key
            if self._taken > taken:
                self._send_full_batch()
        return True

    def _send_full_batch(self) -> None:
        """Submit the batch if it is full, and stop at the limit or with the sender."""
        if len(self._batch) == KEYS_PER_CALL:
            self._send()
        self.stopped = self.stopped or self._sender.stopped
        if not self.stopped and self._limit is not None and self._taken >= self._limit:
            self.stopped = LIMIT_REACHED

    def _take(self, key: FailedKey) -> bool:
        """Accept a key to submit, as Take."""
        self._taken += 1
        if self._dry_run:
            if len(self.missing) < _MAX_SHOWN_KEYS:
                self.missing.append(key.key)
        elif self._sends:
            self._before_batch = self._settled()
            self._batch.append(key)
        return self._dry_run or self._sends

    @cached_property
    def _sends(self) -> bool:
        return self._may_send()

    def _send(self) -> None:
        """Submit the open batch. It remains the only open batch until all its keys are accepted or recorded."""
        accepted, failed = self._sender.accepted, self._sender.failed.total()
        if self._sender.send(self._batch):
            self.stopped = self._sender.stopped or _RECORD_REFUSED
            return
        self.count.sent(self._sender.accepted - accepted, self._sender.failed.total() - failed)
        self._batch = []

    def _settled(self) -> Piece:
        """Return the range up to the last settled key."""
        if self._batch:
            return self._before_batch
        return replace(self._start, after=self._after, tally=self.count.tally())
