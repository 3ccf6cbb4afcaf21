"""Drives the passes of a job: begins them, goes on with what an event names, wakes what stands still, and waits."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from oss_oms_sync.answers.step import TIME_IS_UP, Stop, Stopped, stop_json
from oss_oms_sync.answers.task_group import max_submissions
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.sender import refused
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.pieces import MAX_PIECES, Kind, Pass, Scope, Tree, Wake
from oss_oms_sync.passes.states import PassState, last_ended, newest_of, open_passes
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.work import Walk, Worker, lanes_of

# How long an event may take to wake a worker, before whoever waits does the work.
_EVENT_SECONDS = 10.0
# A piece may take so much longer than PIECE_SECONDS before its worker counts as lost.
_GRACE_SECONDS = 60.0
_POLL_SECONDS = 2.0
# So long a tick leaves alone what came nowhere for long.
_DAY_SECONDS = 86400.0
# With less time left, whoever waits begins nothing more.
_LAST_SECONDS = 60.0


def refusal(invocation: Invocation) -> Stopped | None:
    """Why nothing may be sent: the project is closed, or that is not known."""
    failure = Closing(invocation).refusal()
    return refused(failure) if failure else None


class Driver:
    """One invocation of a job that works on passes. `walk` does the job's part of a range.

    Methods raise StorageError: what was done until then is kept. Most return the pass in question, if there is one, and
    what stopped this invocation's work on it.
    """

    def __init__(self, invocation: Invocation, store: PassStore, walk: Walk) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._clock = invocation.clock
        self._deadline = invocation.deadline
        self._store = store
        self._worker = Worker(invocation, store, walk)

    def by_event(self, woken: Sequence[Wake]) -> dict[str, object]:
        """Do what follows from the pieces that an event names. Return, for the log, what follows after the last piece
        of each range, as far as there was anything to do, and what stopped the first that stopped."""
        done = {f"{wake.pass_name}/{wake.range_name}": self._worker.go_on(wake) for wake in woken}
        return {
            "pieces": {name: piece.kind.value for name, piece in done.items() if piece},
            **stop_json(next((piece.stopped for piece in done.values() if piece and piece.stopped), None)),
        }

    def by_timer(self, scope: Scope, period: timedelta | None) -> tuple[PassState | None, Stopped | None]:
        """Begin a pass of `scope` if one is due by `period` and none of its identity is open, or else wake what stands
        still in any pass."""
        states = self._store.states()
        mine = newest_of(states, scope)
        # One that was asked for with a time looked at less, perhaps.
        last = newest_of([state for state in states if state.scope.since in (None, scope.since)], scope)
        is_due = period and (last is None or last.of.started <= timestamp(self._clock.now() - period))
        if period and is_due and not (mine and mine.goes_on):
            # Named after the period's slot, so two ticks begin the same pass.
            seconds = period.total_seconds()
            slot = from_epoch(self._now() // seconds * seconds)
            name = self._store.name_of(scope, slot)
            # One that is there, and of which no state is known, will not end either.
            is_over = (mine is not None and mine.of.name >= name) or self._store.tree(name).pieces > 0
            return self.begin(scope, None if is_over else slot, states)
        still = [one for each in open_passes(states) if each.goes_on for one in self._still(each.of.name)]
        if not still:
            period_off = f"{self._store.job.upper()}_PERIOD is off, and no pass was begun by hand"
            return mine, None if mine else Stopped(Stop.PERIOD_OFF, period_off)
        # Only one is tried: if OMS is down, so much it costs and no more. It is the one that has stood still longest,
        # so that each has its turn, whatever holds back another.
        first, *others = (wake for _, wake in sorted(still))
        piece = self._worker.go_on(first, rested=True)
        if piece and piece.kind is Kind.REST:
            return self._store.state(first.pass_name), piece.stopped
        for other in others:
            self._store.wake(other.pass_name, other.range_name)
        stopped = self._wait(first.pass_name)
        return self._store.state(first.pass_name), stopped

    def by_hand(self, scope: Scope, *, restart: bool) -> tuple[PassState | None, Stopped | None]:
        """Work on the open pass of `scope` that has the same wishes, or on a new one, and wait for its end as long as
        there is time. One that is too large is begun anew only by `restart`."""
        states = self._store.states()
        mine = None if restart else newest_of(states, scope)
        state: PassState | None
        if mine and not mine.ended and mine.scope == scope:
            state, stopped = mine, None if mine.goes_on else mine.stopped
        elif not restart and (stopped := self._too_large(scope, states)):
            return None, stopped
        else:
            state, stopped = self.begin(scope, states=states)
        if state is None or stopped:
            return state, stopped
        stopped = self._wait(state.of.name)
        return self._store.state(state.of.name), stopped

    def _too_large(self, scope: Scope, states: Sequence[PassState]) -> Stopped | None:
        """Why a backfill of all objects is not begun, if an earlier pass has walked past more than one can send."""
        if not scope.everything or scope.since:
            return None
        marks, settings = self._store.known_marks(self.about_now(scope, note=False, states=states)), self._settings
        objects, lanes = sum(mark.objects for mark in marks), lanes_of(settings, scope)
        most = round(MAX_PIECES * settings.piece_seconds / lanes * settings.oms_rate * KEYS_PER_CALL)
        if objects <= most:
            return None
        return Stopped(
            Stop.TOO_LARGE,
            f"about {objects:,} objects would be sent, and a pass sends at most {most:,}. Let OMS copy them (python3"
            " ops.py migrate), or begin it all the same: python3 ops.py reconcile --all --restart",
        )

    def look(self, scope: Scope) -> PassState | None:
        """The newest pass with the identity of `scope`, ended or not, as it is."""
        return newest_of(self._store.states(), scope)

    def before(self, state: PassState | None) -> PassState | None:
        """The pass by which an open pass can be measured: the last like it that had ended when it began."""
        is_open = state is not None and not state.ended
        return self._store.state(state.of.before) if state and is_open and state.of.before else None

    def about_now(
        self, scope: Scope, name: str = "", *, note: bool = True, states: Sequence[PassState] | None = None
    ) -> Pass:
        """A pass of `scope` as it would begin now; `note`: also note when the project was installed, if nobody did.
        `states`: the passes there are, where the caller has just read them."""
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
            most=self._most(scope),
        )

    def _most(self, scope: Scope) -> int | None:
        """How many objects a pass sends of what is missing. No limit holds where somebody has said that it be sent, nor
        where no task group could copy it, because those take prefixes alone."""
        most = max_submissions(self._settings.oms_rate * KEYS_PER_CALL)
        is_unlimited = scope.everything or scope.overwrite or self._settings.key_filter.suffix or math.isinf(most)
        return None if is_unlimited else round(most)

    def begin(
        self, scope: Scope, began: datetime | None = None, states: Sequence[PassState] | None = None
    ) -> tuple[PassState | None, Stopped | None]:
        """Begin a pass of `scope`, and do its first piece; `began`: after which moment it is named, if not this.
        `states`: as for about_now."""
        pass_ = self.about_now(scope, self._store.name_of(scope, began or self._clock.now()), states=states)
        piece = self._worker.begin(pass_)
        return self._store.state(pass_.name), piece.stopped

    def _wait(self, name: str) -> Stopped | None:
        """Until a pass has ended: do what nobody else does. Return what stopped that."""
        while self._deadline.remaining() > min(_LAST_SECONDS, self._settings.piece_seconds):
            tree, written = self._store.tree_and_times(name)
            if tree.has_total:
                return None
            idle = next(self._idle(name, tree, written), None)
            piece = self._worker.go_on(Wake(name, idle, None), rested=True) if idle else None
            if piece and piece.kind is Kind.REST:
                return piece.stopped
            if idle and piece is None and self._store.newest(name) != name:
                return Stopped(Stop.SUPERSEDED, "a newer pass of these keys has begun")
            if piece is None:
                self._clock.sleep(_POLL_SECONDS)
        return TIME_IS_UP

    def _idle(self, name: str, tree: Tree, written: Mapping[str, int]) -> Iterator[str]:
        """The ranges on which nobody works, as far as can be seen; first the one that waits longest."""
        worked_on = self._store.worked_on(name)
        for range_name in sorted(tree.open, key=lambda one: written.get(one, 0)):
            last, taken = written.get(range_name, 0), worked_on.get(range_name, 0)
            is_taken = taken >= last and self._now() - taken < self._lost_after
            if not is_taken and self._now() - last >= _EVENT_SECONDS:
                yield range_name

    def _still(self, name: str) -> Iterator[tuple[int, Wake]]:
        """The ranges of a pass that have not moved for longer than a piece can last, and since when; those that came
        nowhere many times only on the day after."""
        (tree, written), worked_on = self._store.tree_and_times(name), self._store.worked_on(name)
        for one in tree.open:
            latest = max(written.get(one, 0), worked_on.get(one, 0))
            if self._now() - latest < self._lost_after:
                continue
            last = self._store.read(name, one, tree.last[one])
            if not (last and last.is_stuck and self._now() - latest < _DAY_SECONDS):
                yield latest, Wake(name, one, None)

    @property
    def _lost_after(self) -> float:
        return self._settings.piece_seconds + _GRACE_SECONDS

    def _now(self) -> float:
        return self._clock.now().timestamp()
