"""Control of a job's passes: begin them, continue pieces that an event names, wake idle ranges, and wait."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped, stop_json
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import max_submissions
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.sender import stop_for_refusal
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.pieces import MAX_PIECES, Kind, Pass, Scope, Tree, Wake
from oss_oms_sync.passes.states import PassState, last_ended, newest_of, open_passes
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.work import Walk, Worker, lane_count

# Maximum seconds for an event to wake a worker; after them, a waiting invocation does the work.
_EVENT_SECONDS = 10.0
# Seconds beyond PIECE_SECONDS after which a piece's worker counts as lost.
_GRACE_SECONDS = 60.0
_POLL_SECONDS = 2.0
# Seconds for which a tick leaves a stuck range alone.
_DAY_SECONDS = 86400.0
# Minimum remaining seconds for a waiting invocation to begin a piece.
_MIN_PIECE_SECONDS = 60.0


def refusal(invocation: Invocation) -> Stopped | None:
    """Return the reason why nothing may be submitted: the project is closed, or its state is unknown."""
    failure = Closing(invocation).refusal()
    return stop_for_refusal(failure) if failure else None


class Driver:
    """An invocation of a job that works on passes. `walk` does the job's part of a range.

    Methods raise StorageError: earlier work is kept. Most return the pass, or None, and the reason that stopped this
    invocation's work on it.
    """

    def __init__(self, invocation: Invocation, store: PassStore, walk: Walk) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._clock = invocation.clock
        self._deadline = invocation.deadline
        self._store = store
        self._worker = Worker(invocation, store, walk)

    def by_event(self, woken: Sequence[Wake]) -> dict[str, object]:
        """Do the work that follows the pieces in an event.

        Return, for the log, the kind of each range's last piece, and the first reason that stopped a range.
        """
        done = {f"{wake.pass_name}/{wake.range_name}": self._worker.go_on(wake) for wake in woken}
        return {
            "pieces": {name: piece.kind.value for name, piece in done.items() if piece},
            **stop_json(next((piece.stopped for piece in done.values() if piece and piece.stopped), None)),
        }

    def by_timer(self, scope: Scope, period: timedelta | None) -> tuple[PassState | None, Stopped | None]:
        """Begin a pass of `scope` if it is due by `period`; otherwise wake the idle ranges of all passes.

        A pass is not due while another of its identity is open.
        """
        states = self._store.states()
        mine = newest_of(states, scope)
        # A pass with its own `since` may have covered fewer objects.
        last = newest_of([state for state in states if state.scope.since in (None, scope.since)], scope)
        is_due = period and (last is None or last.of.started <= timestamp(self._clock.now() - period))
        if period and is_due and not (mine and mine.is_continuing):
            # The name has the period's slot, so two ticks begin the same pass.
            seconds = period.total_seconds()
            slot = from_epoch(self._now() // seconds * seconds)
            name = self._store.name_of(scope, slot)
            # A stored pass without a readable state will not end.
            is_slot_used = (mine is not None and mine.of.name >= name) or self._store.tree(name).pieces > 0
            return self.begin(scope, None if is_slot_used else slot, states)
        idle_ranges = [
            idle for state in open_passes(states) if state.is_continuing for idle in self._lost_ranges(state.of.name)
        ]
        if not idle_ranges:
            period_off = f"{self._store.job.upper()}_PERIOD is off, and no pass was begun by hand"
            return mine, None if mine else Stopped(Stop.PERIOD_OFF, period_off)
        # Only the longest idle range is tried: this limits the cost while OMS is down, and each range has its turn,
        # even if another is blocked.
        first, *others = (wake for _, wake in sorted(idle_ranges))
        piece = self._worker.go_on(first, rested=True)
        if piece and piece.kind is Kind.RESTING:
            return self._store.state(first.pass_name), piece.stopped
        for other in others:
            self._store.wake(other.pass_name, other.range_name)
        stopped = self._wait(first.pass_name)
        return self._store.state(first.pass_name), stopped

    def by_hand(self, scope: Scope, *, restart: bool) -> tuple[PassState | None, Stopped | None]:
        """Work on the open pass of `scope` with equal options, or on a new pass; wait for its end while time remains.

        Only `restart` replaces a pass that is too large.
        """
        states = self._store.states()
        mine = None if restart else newest_of(states, scope)
        state: PassState | None
        if mine and not mine.ended and mine.scope == scope:
            state, stopped = mine, None if mine.is_continuing else mine.stopped
        elif not restart and (stopped := self._too_large(scope, states)):
            return None, stopped
        else:
            state, stopped = self.begin(scope, states=states)
        if state is None or stopped:
            return state, stopped
        stopped = self._wait(state.of.name)
        return self._store.state(state.of.name), stopped

    def _too_large(self, scope: Scope, states: Sequence[PassState]) -> Stopped | None:
        """Return the reason not to begin a backfill of more objects than a pass can submit, by the last pass."""
        if not scope.everything or scope.since:
            return None
        marks, settings = self._store.earlier_marks(self.about_now(scope, note=False, states=states)), self._settings
        objects, lanes = sum(mark.objects for mark in marks), lane_count(settings, scope)
        max_objects = round(MAX_PIECES * settings.piece_seconds / lanes * settings.oms_rate * KEYS_PER_CALL)
        if objects <= max_objects:
            return None
        return Stopped(
            Stop.TOO_LARGE,
            f"about {objects:,} objects would be sent, and a pass sends at most {max_objects:,}. Let OMS copy them"
            f" ({Step('migrate')}), or begin it all the same: {Step('reconcile', {'all': True, 'restart': True})}",
        )

    def look(self, scope: Scope) -> PassState | None:
        """Return the newest pass with the identity of `scope`, finished or not."""
        return newest_of(self._store.states(), scope)

    def before(self, state: PassState | None) -> PassState | None:
        """Return the pass that measures an open pass: the last finished pass of its identity at its begin."""
        is_open = state is not None and not state.ended
        return self._store.state(state.of.before) if state and is_open and state.of.before else None

    def about_now(
        self, scope: Scope, name: str = "", *, note: bool = True, states: Sequence[PassState] | None = None
    ) -> Pass:
        """Return the description of a pass of `scope` that begins now.

        `note`: record the time of installation, unless it is recorded. `states`: the existing passes, if the caller has
        just read them.
        """
        last = last_ended(self._store.states() if states is None else states, scope)
        return Pass(
            name,
            self._settings.source_bucket,
            scope,
            started=timestamp(self._clock.now()),
            installed=timestamp(JobState(self._invocation).installed(note=note)),
            before=last.of.name if last else "",
            before_started=last.of.started if last else "",
            destination_bucket=self._store.destination_bucket,
            seed=secrets.token_hex(16),
            migrations=migration.NONE if scope.standstill else migration.load_migrations(self._invocation),
            most=self._max_objects(scope),
            before_objects=last.passed.source_listed.objects if last else 0,
            has_absences=last is not None and bool(last.passed.absences) and not last.has_shrunk,
        )

    def _max_objects(self, scope: Scope) -> int | None:
        """Return the maximum number of missing objects that a pass submits.

        There is no limit if the user requested all of them, or if no task group can copy them, because task groups
        accept only prefixes.
        """
        max_objects = max_submissions(self._settings.oms_rate * KEYS_PER_CALL)
        is_unlimited = (
            scope.everything or scope.overwrite or self._settings.key_filter.suffix or math.isinf(max_objects)
        )
        return None if is_unlimited else round(max_objects)

    def begin(
        self, scope: Scope, began: datetime | None = None, states: Sequence[PassState] | None = None
    ) -> tuple[PassState | None, Stopped | None]:
        """Begin a pass of `scope`, and do its first piece.

        `began`: the time in the name of the pass, by default now. `states`: as in about_now.
        """
        pass_ = self.about_now(scope, self._store.name_of(scope, began or self._clock.now()), states=states)
        piece = self._worker.begin(pass_)
        return self._store.state(pass_.name), piece.stopped

    def _wait(self, name: str) -> Stopped | None:
        """Wait for the end of a pass, and do pieces without a worker; return the reason for an early return."""
        while self._deadline.remaining() > min(_MIN_PIECE_SECONDS, self._settings.piece_seconds):
            tree, written = self._store.tree_and_times(name)
            if tree.has_total:
                return None
            idle = next(self._idle_ranges(name, tree, written), None)
            piece = self._worker.go_on(Wake(name, idle, None), rested=True) if idle else None
            if piece and piece.kind is Kind.RESTING:
                return piece.stopped
            if idle and piece is None and self._store.newest(name) != name:
                return Stopped(Stop.SUPERSEDED, "a newer pass of these keys has begun")
            if piece is None:
                self._clock.sleep(_POLL_SECONDS)
        return TIME_IS_UP

    def _idle_ranges(self, name: str, tree: Tree, written: Mapping[str, int]) -> Iterator[str]:
        """Yield the ranges without a visible worker, longest idle first."""
        worked_on = self._store.last_sign_times(name)
        for range_name in sorted(tree.open, key=lambda range_name: written.get(range_name, 0)):
            last, taken = written.get(range_name, 0), worked_on.get(range_name, 0)
            is_taken = taken >= last and self._now() - taken < self._lost_after_seconds
            if not is_taken and self._now() - last >= _EVENT_SECONDS:
                yield range_name

    def _lost_ranges(self, name: str) -> Iterator[tuple[int, Wake]]:
        """Yield the ranges of a pass that are idle for longer than a piece can last, with their idle time.

        Stuck ranges wait for a day.
        """
        (tree, written), worked_on = self._store.tree_and_times(name), self._store.last_sign_times(name)
        for range_name in tree.open:
            latest = max(written.get(range_name, 0), worked_on.get(range_name, 0))
            if self._now() - latest < self._lost_after_seconds:
                continue
            last = self._store.read(name, range_name, tree.last[range_name])
            if not (last and last.is_stuck and self._now() - latest < _DAY_SECONDS):
                yield latest, Wake(name, range_name, None)

    @property
    def _lost_after_seconds(self) -> float:
        return self._settings.piece_seconds + _GRACE_SECONDS

    def _now(self) -> float:
        return self._clock.now().timestamp()
