"""One invocation's work on a range of keys: count each key, and submit the objects that the job selects."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property

from oss_oms_sync.answers.finding import LIMIT_REACHED, TIME_IS_UP, Stop, Stopped
from oss_oms_sync.answers.pass_answers import PassAnswer
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, count_equal_prefix
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.sender import Sender
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.digests import state_digest, twin_digest, version_digest
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.listing import KeyRun
from oss_oms_sync.passes.marks import Marks
from oss_oms_sync.passes.pieces import Piece, PieceKind
from oss_oms_sync.passes.states import make_brief_answer
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.passes.work import RangeResult

_MAX_LISTED_KEYS = 100
# Seconds at the end of an invocation that are left for a page, a batch and the piece itself.
_RESERVED_SECONDS = 30.0


_RECORD_REFUSED_STOP = Stopped(Stop.STORAGE, "the log bucket does not accept the records of some keys")


class NotEnoughTimeError(Exception):
    """The error of a key whose work does not fit into this invocation, so the next invocation starts with the key."""


# Accepts a key to submit. Returns False if the pass has submitted its maximum already.
SelectKey = Callable[[FailedKey], bool]


class RangeCount:
    """A job's counts of a range: the earlier counts `start`, and those of the keys added since.

    Each job extends this class. The class itself counts for a standstill pass, which checks if both buckets are
    unchanged: it only adds up the digests of the objects that reports count.
    """

    def __init__(self, key_filter: KeyFilter, start: Tally) -> None:
        self._key_filter = key_filter
        # All counts are copied and grow here; the marks are kept separately.
        self._tally = start.plus(Tally())
        self._marks = Marks(start.marks)
        # Lines of the list of differences. `is_full` ends the piece before they become too long for a single object.
        self.lines: list[str] = []
        self.is_full = False

    def add(self, entry: Entry, select_key: SelectKey) -> None:  # noqa: ARG002  nothing is to be sent
        """Count the key of an entry, and pass it to `select_key` if it has to be submitted.

        Raises StorageError or NotEnoughTimeError if the key is not counted.
        """
        if entry.source:
            self._marks.add(entry.key)
            if self._key_filter.is_reported(entry.key):
                self._add_version(entry.source, entry.destination)

    def count_equal(self, run: KeyRun) -> int:
        """Return the number of leading keys that `add_run` can count together.

        In a standstill pass, these keys have equal objects in both buckets.
        """
        source, counterpart = run.source, run.counterpart
        number = min(
            count_equal_prefix(source.sizes, counterpart.sizes), count_equal_prefix(source.etags, counterpart.etags)
        )
        return min(number, self._key_filter.count_leading_reported(run.keys))

    def add_run(self, run: KeyRun) -> None:
        """Count successive keys at once; `count_equal` must have accepted them."""
        self._marks.extend(run.keys)
        names, etags, sizes, modified_times, *_ = run.source
        versions = list(map(version_digest, names, etags, sizes))
        self._tally.state += sum(map(state_digest, versions, modified_times))
        self._tally.twin += sum(versions)

    def add_outcomes(self, accepted_count: int, failed_count: int) -> None:
        self._tally.counts.update(accepted=accepted_count, failed=failed_count)

    def tally(self) -> Tally:
        return replace(self._tally, marks=tuple(self._marks)).plus(Tally())

    def _add_version(self, source: ObjectSummary, destination: ObjectSummary | None) -> int:
        """Add the objects of a source key to the digests; return the digest of OBS's object, or 0 without an object."""
        version = version_digest(*source[:3])
        self._tally.state += state_digest(version, source.modified)
        if destination is None:
            return 0
        obs_digest = twin_digest(version, source, destination)
        self._tally.twin += obs_digest
        return obs_digest


class RangeWalk:
    """The work on the entries and runs of keys (`items`) that follow the piece `start`.

    - `parallel_ranges`: the number of ranges that submit at the same time, and divide OMS's rate among them.
    - `limit`: the maximum number of objects to submit.
    - `dry_run`: if True, keys are counted as usual, and none is submitted.
    - `may_send`: a function called once before the first submission. If it returns False, nothing is submitted.
    """

    def __init__(
        self,
        invocation: Invocation,
        items: Iterable[Entry | KeyRun],
        start: Piece,
        count: RangeCount,
        parallel_ranges: int = 1,
        seconds: float = math.inf,
        limit: int | None = None,
        *,
        dry_run: bool = False,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_send = may_send
        self._items = items
        self.count = count
        self._clock, remaining_seconds = invocation.clock, invocation.deadline.remaining()
        # The seconds of this work.
        work_seconds = min(remaining_seconds - min(_RESERVED_SECONDS, remaining_seconds / 4), seconds)
        self._end_time = self._clock.monotonic() + work_seconds
        self._sender = Sender(invocation, parallel_ranges, work_seconds)
        self._start = start
        self._limit = limit
        self._dry_run = dry_run
        self._last_key = start.after
        # The open batch, and the state before it. That state is the result until all keys of the batch are accepted or
        # recorded as failed.
        self._batch: list[FailedKey] = []
        self._before_batch = start
        self._selected_count = 0
        # The first keys that a run without `dry_run` would submit.
        self.missing_keys: list[str] = []
        self.stopped = LIMIT_REACHED if limit == 0 else None

    def run(self) -> RangeResult:
        """Process the keys until the end of the range or of the time, or until a cloud refuses."""
        error = None
        try:
            is_at_end = self._process_items()
        except NotEnoughTimeError:
            is_at_end, self.stopped = False, TIME_IS_UP
        except StorageError as storage_error:
            is_at_end, error = False, storage_error
        self._send()
        safe_state = self._last_safe_state()
        if is_at_end and not self._batch:
            return RangeResult(replace(safe_state, kind=PieceKind.DONE))
        stop_reason = Stopped(Stop.STORAGE, str(error)) if error else self.stopped or self._sender.stopped
        if stop_reason == TIME_IS_UP and self._sender.failed and not self._sender.accepted:
            # Otherwise the next pieces would follow immediately while OMS is busy.
            message = f"OMS accepted nothing until the time limit was reached: {', '.join(self._sender.failed)}"
            stop_reason = Stopped(Stop.NOTHING_TAKEN, message)
        self.stopped = stop_reason
        if stop_reason in (None, TIME_IS_UP):
            return RangeResult(safe_state, error)
        return RangeResult(replace(safe_state, kind=PieceKind.RESTING, stopped=stop_reason), error)

    def run_alone(self) -> tuple[Tally, PassAnswer]:
        """Process the keys in a single call, which no later call continues, and return the counts and the answer.

        Raises StorageError.
        """
        result = self.run()
        if result.error:
            raise result.error
        tally, is_whole = result.piece.tally, result.piece.kind is PieceKind.DONE
        if self._dry_run:  # a comparison counts only submitted objects
            tally.counts["submitted"] = self._selected_count
        next_step = "All objects were checked." if is_whole else "A dry run is not continued: the next run starts over."
        return tally, make_brief_answer(next_step, self.stopped, finished=is_whole)

    def _process_items(self) -> bool:
        until_key, count, monotonic = self._start.until, self.count, self._clock.monotonic
        for item in self._items:
            if until_key and (item.keys[0] if isinstance(item, KeyRun) else item.key) > until_key:
                return True
            if monotonic() > self._end_time or count.is_full:
                self.stopped = self.stopped or TIME_IS_UP
            if self.stopped:
                return False
            if isinstance(item, KeyRun):
                run = item.first(bisect_right(item.keys, until_key)) if until_key else item
                count.add_run(run)
                self._last_key = run.keys[-1]
                continue
            earlier_count = self._selected_count
            count.add(item, self._select_key)
            self._last_key = item.key
            if self._selected_count > earlier_count:
                self._send_full_batch()
        return True

    def _send_full_batch(self) -> None:
        if len(self._batch) == KEYS_PER_CALL:
            self._send()
        self.stopped = self.stopped or self._sender.stopped
        if not self.stopped and self._limit is not None and self._selected_count >= self._limit:
            self.stopped = LIMIT_REACHED

    def _select_key(self, key: FailedKey) -> bool:
        """Add a key to the batch to submit; return False if the pass has submitted its maximum already.

        A dry run only counts the key.
        """
        self._selected_count += 1
        if self._dry_run:
            if len(self.missing_keys) < _MAX_LISTED_KEYS:
                self.missing_keys.append(key.key)
        elif self._may_submit:
            self._before_batch = self._last_safe_state()
            self._batch.append(key)
        return self._dry_run or self._may_submit

    @cached_property
    def _may_submit(self) -> bool:
        return self._may_send()

    def _send(self) -> None:
        """Submit the open batch. It stays open unless all its keys are accepted or recorded as failed."""
        accepted, failed = self._sender.accepted, self._sender.failed.total()
        if self._sender.send(self._batch):
            self.stopped = self._sender.stopped or _RECORD_REFUSED_STOP
            return
        self.count.add_outcomes(self._sender.accepted - accepted, self._sender.failed.total() - failed)
        self._batch = []

    def _last_safe_state(self) -> Piece:
        """Return the state of the range up to the last key that is accepted, recorded or not to be submitted."""
        if self._batch:
            return self._before_batch
        return replace(self._start, after=self._last_key, tally=self.count.tally())
