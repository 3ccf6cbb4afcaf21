"""The control of passes (a job's runs over all keys): start them, continue their ranges of keys, wait for their end."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped, make_stop_fields
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import max_submissions
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.sender import stop_for_refusal
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.pieces import MAX_PIECES, Pass, PieceKind, RangeRequest, Scope, Tree
from oss_oms_sync.passes.states import PassState, find_last_ended_pass, find_newest_pass, list_open_passes
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.work import ProcessRange, Worker, count_lanes

# Maximum seconds until an event wakes a worker. A waiting invocation does the work of a range that is idle for longer.
_MAX_EVENT_DELAY_SECONDS = 10.0
# A worker counts as lost if it has written nothing for PIECE_SECONDS and these seconds.
_GRACE_SECONDS = 60.0
_POLL_SECONDS = 2.0
# Seconds until the timer retries a range that makes no progress.
_STUCK_RETRY_SECONDS = 86400.0
# Minimum remaining seconds for a waiting invocation to begin a piece.
_MIN_PIECE_SECONDS = 60.0


def find_refusal(invocation: Invocation) -> Stopped | None:
    """Return the reason to submit nothing (closed, or the state is unknown), or None if the project is open."""
    failure = ProjectState(invocation).refusal()
    return stop_for_refusal(failure) if failure else None


class Driver:
    """The work of one invocation on a job's passes; `process_range` is the job's function for the keys of a range.

    Methods raise StorageError. Most methods return the state of the pass, or None, and the reason why the work stopped.
    """

    def __init__(self, invocation: Invocation, store: PassStore, process_range: ProcessRange) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._clock = invocation.clock
        self._deadline = invocation.deadline
        self._store = store
        self._worker = Worker(invocation, store, process_range)

    def handle_event(self, requests: Sequence[RangeRequest]) -> dict[str, object]:
        """Continue the ranges that an event names.

        Return the fields to log: the new state of each range, and the first reason that stopped a range.
        """
        pieces = {
            f"{request.pass_name}/{request.range_name}": self._worker.continue_range(request) for request in requests
        }
        return {
            "pieces": {name: piece.kind.value for name, piece in pieces.items() if piece},
            **make_stop_fields(next((piece.stopped for piece in pieces.values() if piece and piece.stopped), None)),
        }

    def handle_timer(self, scope: Scope, period: timedelta | None) -> tuple[PassState | None, Stopped | None]:
        """Start a pass of `scope` if `period` has passed since the last pass; otherwise resume all idle ranges.

        No pass starts while another pass over the same buckets and keys is open. The idle ranges may belong to any open
        pass.
        """
        states = self._store.read_states()
        newest_state = find_newest_pass(states, scope)
        # A pass with its own `since` may have covered fewer objects.
        previous_state = find_newest_pass(
            [state for state in states if state.scope.since in (None, scope.since)], scope
        )
        is_due = period and (
            previous_state is None or previous_state.of.started <= timestamp(self._clock.now() - period)
        )
        if period and is_due and not (newest_state and newest_state.is_continuing):
            # The name contains the period's slot, so two timer calls start the same pass.
            seconds = period.total_seconds()
            period_start = from_epoch(self._get_now() // seconds * seconds)
            name = self._store.build_name(scope, period_start)
            # A stored pass whose state is unreadable will never end.
            has_period_pass = (newest_state is not None and newest_state.of.name >= name) or self._store.read_tree(
                name
            ).piece_count > 0
            return self.begin(scope, None if has_period_pass else period_start, states)
        idle_ranges = [
            idle_range
            for state in list_open_passes(states)
            if state.is_continuing
            for idle_range in self._list_lost_ranges(state.of.name)
        ]
        if not idle_ranges:
            message = f"{self._store.job.upper()}_PERIOD is off, and no pass was begun by hand"
            return newest_state, None if newest_state else Stopped(Stop.PERIOD_OFF, message)
        # Only the longest idle range is continued here. This limits the cost while OMS is down, and each range has its
        # turn, even if another range is blocked.
        next_request, *other_requests = (request for _, request in sorted(idle_ranges))
        piece = self._worker.continue_range(next_request, even_if_resting=True)
        if piece and piece.kind is PieceKind.RESTING:
            return self._store.read_state(next_request.pass_name), piece.stopped
        for other_request in other_requests:
            self._store.request_worker(other_request.pass_name, other_request.range_name)
        stop_reason = self._wait(next_request.pass_name)
        return self._store.read_state(next_request.pass_name), stop_reason

    def handle_request(self, scope: Scope, *, restart: bool) -> tuple[PassState | None, Stopped | None]:
        """Continue the open pass of `scope` if its options are equal, or start a pass; then wait for its end.

        The wait ends with the invocation's time. Only `restart` replaces a pass that is too large.
        """
        states = self._store.read_states()
        newest_state = None if restart else find_newest_pass(states, scope)
        state: PassState | None
        if newest_state and not newest_state.ended and newest_state.scope == scope:
            state, stop_reason = newest_state, None if newest_state.is_continuing else newest_state.stopped
        elif not restart and (stop_reason := self._refuse_too_many_objects(scope, states)):
            return None, stop_reason
        else:
            state, stop_reason = self.begin(scope, states=states)
        if state is None or stop_reason:
            return state, stop_reason
        stop_reason = self._wait(state.of.name)
        return self._store.read_state(state.of.name), stop_reason

    def _refuse_too_many_objects(self, scope: Scope, states: Sequence[PassState]) -> Stopped | None:
        """Return the reason not to start a pass that has more objects to submit than it can, or None.

        The number of objects is that of the last pass.
        """
        if not scope.everything or scope.since:
            return None
        marks, settings = (
            self._store.read_earlier_marks(self.describe_pass(scope, record_installation=False, states=states)),
            self._settings,
        )
        object_count, lanes = sum(mark.objects for mark in marks), count_lanes(settings, scope)
        max_objects = round(MAX_PIECES * settings.piece_seconds / lanes * settings.oms_rate * KEYS_PER_CALL)
        if object_count <= max_objects:
            return None
        return Stopped(
            Stop.TOO_LARGE,
            f"about {object_count:,} objects would be submitted, and a pass submits at most {max_objects:,}. Let OMS"
            f" copy them ({Step('migrate')}), or submit the objects of one prefix at a time:"
            f" {Step('reconcile', {'all': True, 'prefix': 'PREFIX'})}",
        )

    def find_newest(self, scope: Scope) -> PassState | None:
        return find_newest_pass(self._store.read_states(), scope)

    def find_previous(self, state: PassState | None) -> PassState | None:
        """Return the finished pass by which the progress of an open pass is estimated, or None."""
        is_open = state is not None and not state.ended
        return self._store.read_state(state.of.before) if state and is_open and state.of.before else None

    def describe_pass(
        self,
        scope: Scope,
        name: str = "",
        *,
        record_installation: bool = True,
        states: Sequence[PassState] | None = None,
    ) -> Pass:
        """Return the description of a pass of `scope` that starts now.

        With `record_installation`, record the time of installation if it is missing. Without `states`, the existing
        passes are read.
        """
        previous_state = find_last_ended_pass(self._store.read_states() if states is None else states, scope)
        return Pass(
            name,
            self._settings.source_bucket,
            scope,
            started=timestamp(self._clock.now()),
            installed=timestamp(JobState(self._invocation).read_installation_time(store_missing=record_installation)),
            before=previous_state.of.name if previous_state else "",
            before_started=previous_state.of.started if previous_state else "",
            destination_bucket=self._store.destination_bucket,
            seed=secrets.token_hex(16),
            migrations=migration.NO_MIGRATIONS if scope.standstill else migration.load_migrations(self._invocation),
            most=self._find_max_objects(scope),
            before_objects=previous_state.passed.source_listed.objects if previous_state else 0,
            has_absences=previous_state is not None
            and bool(previous_state.passed.absences)
            and not previous_state.has_shrunk,
        )

    def _find_max_objects(self, scope: Scope) -> int | None:
        """Return the maximum number of missing objects that a pass submits, or None for no limit.

        A pass has no limit if the user requested all objects, or if no task group (OMS's migration of existing objects)
        can copy them: a task group selects objects only by prefix, so it cannot apply the project's suffix.
        """
        max_objects = max_submissions(self._settings.oms_rate * KEYS_PER_CALL)
        is_unlimited = (
            scope.everything or scope.overwrite or self._settings.key_filter.suffix or math.isinf(max_objects)
        )
        return None if is_unlimited else round(max_objects)

    def begin(
        self, scope: Scope, start_time: datetime | None = None, states: Sequence[PassState] | None = None
    ) -> tuple[PassState | None, Stopped | None]:
        """Start a pass of `scope`, and do its first piece of work.

        `start_time` is the time in the pass's name, by default now. Without `states`, the existing passes are read.
        """
        pass_ = self.describe_pass(scope, self._store.build_name(scope, start_time or self._clock.now()), states=states)
        piece = self._worker.begin(pass_)
        return self._store.read_state(pass_.name), piece.stopped

    def _wait(self, name: str) -> Stopped | None:
        """Wait for the end of a pass, and do the work of ranges without a worker.

        Return the reason to return early, or None at the end of the pass.
        """
        while self._deadline.remaining() > min(_MIN_PIECE_SECONDS, self._settings.piece_seconds):
            tree, write_times = self._store.read_tree_and_times(name)
            if tree.has_total:
                return None
            idle_range = next(self._list_idle_ranges(name, tree, write_times), None)
            piece = (
                self._worker.continue_range(RangeRequest(name, idle_range, None), even_if_resting=True)
                if idle_range
                else None
            )
            if piece and piece.kind is PieceKind.RESTING:
                return piece.stopped
            if idle_range and piece is None and self._store.find_newest_name(name) != name:
                return Stopped(Stop.SUPERSEDED, "a newer pass of these keys has begun")
            if piece is None:
                self._clock.sleep(_POLL_SECONDS)
        return TIME_IS_UP

    def _list_idle_ranges(self, name: str, tree: Tree, write_times: Mapping[str, int]) -> Iterator[str]:
        """Yield the ranges of a pass that have remaining work and no worker, the longest idle first."""
        sign_times = self._store.read_sign_times(name)
        for range_name in sorted(tree.open_ranges, key=lambda range_name: write_times.get(range_name, 0)):
            written_at, taken_at = write_times.get(range_name, 0), sign_times.get(range_name, 0)
            is_taken = taken_at >= written_at and self._get_now() - taken_at < self._lost_after_seconds
            if not is_taken and self._get_now() - written_at >= _MAX_EVENT_DELAY_SECONDS:
                yield range_name

    def _list_lost_ranges(self, name: str) -> Iterator[tuple[int, RangeRequest]]:
        """Yield the ranges of a pass whose workers are lost, each with the time of the last sign of work.

        A range without progress is left out for a day.
        """
        (tree, write_times), sign_times = self._store.read_tree_and_times(name), self._store.read_sign_times(name)
        for range_name in tree.open_ranges:
            last_sign_time = max(write_times.get(range_name, 0), sign_times.get(range_name, 0))
            if self._get_now() - last_sign_time < self._lost_after_seconds:
                continue
            piece = self._store.read_piece(name, range_name, tree.last_numbers[range_name])
            if not (piece and piece.is_stuck and self._get_now() - last_sign_time < _STUCK_RETRY_SECONDS):
                yield last_sign_time, RangeRequest(name, range_name, None)

    @property
    def _lost_after_seconds(self) -> float:
        return self._settings.piece_seconds + _GRACE_SECONDS

    def _get_now(self) -> float:
        return self._clock.now().timestamp()
