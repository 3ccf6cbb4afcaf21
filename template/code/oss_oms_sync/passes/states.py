"""States of passes (a job's runs over all keys): progress, rate, and the pass whose result holds for both buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from oss_oms_sync.answers.finding import Stop, Stopped
from oss_oms_sync.answers.pass_answers import PassAnswer, Progress, Ranges
from oss_oms_sync.answers.step import Step
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.passes.pieces import MAX_PIECES, Pass, Scope
from oss_oms_sync.passes.tally import UNSENT_OBJECTS, Tally
from oss_oms_sync.rules.times import MAX_PASS_AGE

# Extra time for the start of the next pass, because a pass takes time.
_PERIOD_TOLERANCE = timedelta(days=1)
# Age from which a pass is out of date in a project without a timer.
_MAX_MANUAL_AGE = timedelta(days=3)
_TOO_MANY_TEXT = "{:,} missing objects were not submitted: a migration copies them faster"


@dataclass(frozen=True)
class Amendment:
    """The total of a pass after a recheck of its differences, with the time of the recheck."""

    number: int
    at: str
    tally: Tally


@dataclass(frozen=True)
class PassState:
    """The state of a pass. For a finished pass it is stored as the pass's total.

    - `of`: the description of the pass.
    - `passed`: the counts of the pass when it finished, or so far.
    - `ended`: the time of the pass's end; empty while the pass is open.
    - `ranges_open`, `ranges_done`, `pieces`: numbers of ranges and pieces.
    - `amendment`: the last recheck of the pass's differences, which is stored separately.
    - `stuck`: the reason why a range makes no progress.
    """

    of: Pass
    passed: Tally
    ended: str
    ranges_open: int
    ranges_done: int
    pieces: int
    amendment: Amendment | None = None
    stuck: Stopped | None = None

    @property
    def stopped(self) -> Stopped | None:
        """The reason why the pass does not continue today without action, or why it left objects unsubmitted."""
        if self.ended:
            return Stopped(Stop.TOO_MANY, _TOO_MANY_TEXT.format(self.unsent)) if self.unsent else None
        return make_too_large_stop(self.pieces) if self.pieces >= MAX_PIECES else self.stuck

    @property
    def tally(self) -> Tally:
        """The latest counts of the pass: those after its last recheck, at its end, or so far."""
        return self.amendment.tally if self.amendment else self.passed

    @property
    def amended(self) -> str:
        return self.amendment.at if self.amendment else ""

    @property
    def as_of(self) -> str:
        """The time at which the pass or its recheck last checked an object; empty while the pass is open."""
        return max(self.ended, self.amended)

    @property
    def has_shrunk(self) -> bool:
        """True if the pass listed suspiciously few of the source's objects, compared with the pass before it."""
        # Imported here to start faster, because only passes after a pass with absent keys need it.
        from oss_oms_sync.rules.deletions import has_shrunk

        return has_shrunk(self.passed.source_listed.objects, self.of.before_objects)

    @property
    def is_continuing(self) -> bool:
        """True if the pass is neither finished nor at its maximum number of pieces."""
        return not self.ended and self.pieces < MAX_PIECES

    def describe_next_step(self, job: str) -> str:
        if self.ended:
            return "The pass is finished."
        if not self.is_continuing and self.scope.everything:
            # Another such pass would submit the same objects again.
            prefix_step = Step(job, {"all": True, "prefix": "PREFIX"})
            return f"The pass is too large. To submit the objects of one prefix at a time: {prefix_step}"
        if not self.is_continuing:
            restart = Step(job, {"restart": True})
            return f"The pass is too large. To continue from its results: {restart}"
        return (
            "The pass continues by itself: its writes in the log bucket invoke workers, and the timer resumes idle"
            f" ranges. To check the progress: {Step(job, {'look': True})}"
        )

    @property
    def scope(self) -> Scope:
        return self.of.scope

    @property
    def started(self) -> str:
        return self.of.started

    @property
    def counts(self) -> Mapping[str, int]:
        return self.tally.counts

    @property
    def unsent(self) -> int:
        """The number of objects that the pass selected for submission but did not submit."""
        return self.counts.get(UNSENT_OBJECTS, 0)

    @property
    def submit_unsent_step(self) -> Step:
        """The command that submits the objects left out by the pass, even if a migration would copy them faster."""
        installed_at = parse_time(self.of.installed)
        min_time = self.scope.min_time(installed_at) if installed_at else None
        return Step("reconcile", {"all": True, **({"since": timestamp(min_time)} if min_time else {})})

    @property
    def objects(self) -> int:
        """The number of source objects that the pass has listed."""
        return sum(mark.objects for mark in self.tally.marks)

    def is_late(self, period: timedelta | None, now: datetime) -> bool:
        """Return True if the next pass should have started more than a day ago.

        `period` is the time between two passes. If the timer starts no passes (None), the next pass should start within
        three days.
        """
        return self.of.started < timestamp(now - (period + _PERIOD_TOLERANCE if period else _MAX_MANUAL_AGE))


def make_too_large_stop(piece_count: int) -> Stopped:
    return Stopped(Stop.TOO_LARGE, f"the pass has {piece_count:,} pieces, the maximum: it is too large")


def estimate_progress(state: PassState, last_state: PassState | None, now: datetime) -> Progress:
    """Return the progress of a pass; the number of all objects is that of `last_state`, the last finished pass."""
    start_time, end_time = parse_time(state.started) or now, parse_time(state.ended) or now
    objects_per_minute = 60 * state.objects / max(1.0, (end_time - start_time).total_seconds())
    if state.ended or last_state is None or not objects_per_minute:
        return Progress(round(objects_per_minute), 1.0 if state.ended else None, 0 if state.ended else None)
    remaining_objects = max(0, last_state.objects - state.objects)
    # There may be more objects than in the last pass, so an open pass has less than 100 %.
    finished_share = min(0.99, state.objects / max(1, state.objects + remaining_objects))
    return Progress(
        round(objects_per_minute), round(finished_share, 3), -(-remaining_objects // max(1, round(objects_per_minute)))
    )


def make_answer(
    job: str,
    state: PassState | None,
    stop_reason: Stopped | None,
    now: datetime,
    previous_state: PassState | None = None,
) -> PassAnswer:
    """Return a job's answer about its pass; `state` is None if no pass exists.

    `stop_reason` is the reason that ended this call's work. The progress of an open pass is estimated by the finished
    pass `previous_state`.
    """
    if state is None:
        return make_brief_answer("No pass over this scope has started yet.", stop_reason, finished=False)
    stop_reason = stop_reason or state.stopped
    return PassAnswer(
        finished=bool(state.ended),
        next=state.describe_next_step(job),
        stop=stop_reason and stop_reason.stop,
        stopped=stop_reason and stop_reason.why,
        pass_=state.of.name,
        ranges=Ranges(state.ranges_open, state.ranges_done),
        started=state.started,
        ended=state.ended or None,
        objects=state.objects,
        **vars(estimate_progress(state, previous_state, now)),
        unsent=state.unsent,
        step=state.of.migrations.step if state.unsent else None,
        all_the_same=state.submit_unsent_step if state.unsent else None,
        is_migration_unknown=state.of.migrations.is_unknown,
    )


def make_brief_answer(next_step: str, stop_reason: Stopped | None, *, finished: bool) -> PassAnswer:
    """Return the answer of a call without a stored pass: the next step, and the reason for an early stop."""
    return PassAnswer(
        finished=finished,
        next=next_step,
        stop=stop_reason and stop_reason.stop,
        stopped=stop_reason and stop_reason.why,
    )


class AnsweringPass(NamedTuple):
    """A finished pass (`state`) and the standstill pass that confirms or contradicts it.

    A standstill pass lists both buckets again, to check that nothing has changed. `standstill` is a standstill pass
    that started after the last check of the finished pass and contradicts it, or else the last standstill pass, or
    None.
    """

    state: PassState
    standstill: PassState | None

    @property
    def stood_still(self) -> bool | None:
        """True if both buckets are unchanged since the pass; None without a standstill pass."""
        if self.standstill is None:
            return None
        compared_tally, tally = self.state.tally, self.standstill.tally
        return (compared_tally.state, compared_tally.twin) == (tally.state, tally.twin)

    @property
    def has_obs_changed(self) -> bool:
        """True if OBS changed after the pass, but the source did not.

        If applications still write to the source, both buckets change, and the change says nothing about the compared
        objects.
        """
        standstill = self.standstill
        return self.stood_still is False and standstill is not None and standstill.tally.state == self.state.tally.state


def find_answering_pass(
    passes: Sequence[PassState], prefix: str, since: datetime | None = None, now: datetime | None = None
) -> AnsweringPass | None:
    """Return the finished pass of a job whose result is valid for all keys with `prefix`, or None.

    Without `since`, this is the last finished pass. With `since`, only passes that started after `since` and ended at
    most MAX_PASS_AGE before `now` are considered. The result is the last of these that no standstill pass contradicts,
    or else the last of them.
    """
    min_start, min_end = (timestamp(since), timestamp(now - MAX_PASS_AGE)) if since and now else ("", "")
    recent_states = [
        state for state in _list_finished(passes, prefix) if state.started >= min_start and state.ended >= min_end
    ]
    answering_passes = [pair_with_standstill(state, passes) for state in recent_states]
    if since:
        answering_passes.sort(key=lambda answering_pass: answering_pass.stood_still is not False)
    return answering_passes[-1] if answering_passes else None


def find_last_timer_pass(passes: Sequence[PassState], prefix: str) -> PassState | None:
    """Return the last finished pass of the kind that the timer starts, which shows if events arrive.

    Passes over older objects are left out, because the events of these objects came earlier.
    """
    timer_passes = (
        state for state in _list_finished(passes, prefix) if state.scope.since is None and not state.scope.everything
    )
    return max(timer_passes, key=lambda state: state.started, default=None)


def _list_finished(passes: Sequence[PassState], prefix: str) -> list[PassState]:
    finished_states = [
        state
        for state in passes
        if state.ended and not state.scope.standstill and state.scope.key_filter.prefix == prefix
    ]
    # Two passes may have begun in the same second; their names order them.
    return sorted(finished_states, key=lambda state: (state.started, state.of.name.partition("-")[2]))


def pair_with_standstill(state: PassState, passes: Sequence[PassState]) -> AnsweringPass:
    """Return a finished pass with a standstill pass that contradicts it, or else with the last standstill pass."""
    later_states = (other_state for other_state in passes if other_state.ended and other_state.started > state.ended)
    standstills = [
        other_state
        for other_state in later_states
        if other_state.scope.standstill and other_state.scope.key_filter == state.scope.key_filter
    ]
    # A recheck shows the current state of OBS, but not of the source.
    standstills = [
        other_state
        for other_state in standstills
        if other_state.started > state.as_of or other_state.tally.state != state.tally.state
    ]
    answers = [
        AnsweringPass(state, other_state)
        for other_state in sorted(standstills, key=lambda other_state: other_state.started)
    ] or [AnsweringPass(state, None)]
    return next((answer for answer in answers if answer.stood_still is False), answers[-1])


def find_newest_pass(passes: Sequence[PassState], scope: Scope) -> PassState | None:
    """Return the last started pass over the same keys as `scope`, with any options, or None."""
    matching_states = (state for state in passes if state.scope.identity == scope.identity)
    return max(matching_states, key=lambda state: state.of.name, default=None)


def find_last_ended_pass(passes: Sequence[PassState], scope: Scope) -> PassState | None:
    """Return the finished pass over the same keys as `scope`, with any options, that started last, or None."""
    return find_newest_pass([state for state in passes if state.ended], scope)


def list_open_passes(passes: Sequence[PassState]) -> list[PassState]:
    """List the open passes that workers continue: of the passes over the same keys, only the newest."""
    newest_states = {state.scope.identity: state for state in sorted(passes, key=lambda state: state.of.name)}
    return [state for state in newest_states.values() if not state.ended]
