"""What is known of passes: how far each is, how fast, and which of them answers for both buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from oss_oms_sync.answers.pass_answers import PassAnswer, Progress, Ranges
from oss_oms_sync.answers.step import Step, Stop, Stopped
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.passes.pieces import MAX_PIECES, Pass, Scope
from oss_oms_sync.passes.tally import UNSENT, Tally

# A pass takes time, so the next one may begin this much later than its period says.
_LATE = timedelta(days=1)
# Where no timer begins the next one, a pass tells of no more than this.
_BY_HAND = timedelta(days=3)
_TOO_MANY = "{:,} objects that are missing were not sent: python3 ops.py migrate copies them sooner"
# What was seen longer ago than this does not decide about a cutover: the buckets may have changed since.
LATEST = timedelta(hours=24)


@dataclass(frozen=True)
class Amendment:
    """What the total of a pass had become at a time, by the keys that were judged again until then."""

    number: int
    at: str
    tally: Tally


@dataclass(frozen=True)
class PassState:
    """How far a pass is; of one that has ended, its total as it is stored. `passed` is what it has counted, `amendment`
    the last one of its total, which is stored apart. `ended` is empty while it is open; `ranges_open` and `ranges_done`
    count its ranges. `stuck`: why a range of it came nowhere for long."""

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
        """Why it does not go on by itself today, or has left what is to be sent."""
        if self.ended:
            return Stopped(Stop.TOO_MANY, _TOO_MANY.format(self.unsent)) if self.unsent else None
        return too_large(self.pieces) if self.pieces >= MAX_PIECES else self.stuck

    @property
    def tally(self) -> Tally:
        """What is counted, with what was judged again."""
        return self.amendment.tally if self.amendment else self.passed

    @property
    def amended(self) -> str:
        """When keys were last judged again; empty if they were not."""
        return self.amendment.at if self.amendment else ""

    @property
    def as_of(self) -> str:
        """When it looked at anything for the last time; empty while it is open."""
        return max(self.ended, self.amended)

    @property
    def goes_on(self) -> bool:
        """Whether there is more of it to come."""
        return not self.ended and self.pieces < MAX_PIECES

    def following(self, job: str) -> str:
        """What comes next, as a sentence."""
        if self.ended:
            return "The pass has ended."
        if not self.goes_on:
            return f"The pass is too large. What it did is behind the next one: python3 ops.py {job} --restart"
        return (
            "The pass goes on by itself: what it writes in the log bucket wakes workers, and the timer wakes what"
            f" stands still. Look how far it is: python3 ops.py {job} --look"
        )

    @property
    def scope(self) -> Scope:
        """Which objects it covers."""
        return self.of.scope

    @property
    def started(self) -> str:
        """When it began."""
        return self.of.started

    @property
    def counts(self) -> Mapping[str, int]:
        """What it counted so far, by the names of COUNTS and NEW."""
        return self.tally.counts

    @property
    def unsent(self) -> int:
        """How many objects it left that are to be sent."""
        return self.counts.get(UNSENT, 0)

    @property
    def all_the_same(self) -> Step:
        """What sends them, however many they are."""
        installed = parse_time(self.of.installed)
        since = self.scope.begin(installed) if installed else None
        return Step("reconcile", {"all": True, **({"since": timestamp(since)} if since else {})})

    @property
    def objects(self) -> int:
        """How many objects of the source bucket it has walked past."""
        return sum(mark.objects for mark in self.tally.marks)

    def is_late(self, period: timedelta | None, now: datetime) -> bool:
        """Whether the next pass is long overdue: one is begun each `period`, or by hand alone if that is None."""
        return self.of.started < timestamp(now - (period + _LATE if period else _BY_HAND))


def too_large(pieces: int) -> Stopped:
    """Why a pass of so many pieces goes on no more."""
    return Stopped(Stop.TOO_LARGE, f"the pass has {pieces:,} pieces, the most there may be: it is too large")


def progress_of(state: PassState, last: PassState | None, now: datetime) -> Progress:
    """The progress of a pass; `last` is the pass of its scope that ended last."""
    began, until = parse_time(state.started) or now, parse_time(state.ended) or now
    pace = 60 * state.objects / max(1.0, (until - began).total_seconds())
    if state.ended or last is None or not pace:
        return Progress(round(pace), 1.0 if state.ended else None, 0 if state.ended else None)
    left = max(0, last.objects - state.objects)
    # There may be more than the last pass had: what is not at its end is nowhere shown as 100 %.
    share = min(0.99, state.objects / max(1, state.objects + left))
    return Progress(round(pace), round(share, 3), -(-left // max(1, round(pace))))


def answer_of(
    job: str, state: PassState | None, stopped: Stopped | None, now: datetime, before: PassState | None = None
) -> PassAnswer:
    """What is answered of a job's pass, or that there is none; by the one `before` an open pass is measured. `stopped`:
    why this call went no further."""
    if state is None:
        return brief_answer("No pass of this scope has begun.", stopped, finished=False)
    stopped = stopped or state.stopped
    return PassAnswer(
        finished=bool(state.ended),
        next=state.following(job),
        stop=stopped and stopped.stop,
        stopped=stopped and stopped.why,
        pass_=state.of.name,
        ranges=Ranges(state.ranges_open, state.ranges_done),
        started=state.started,
        ended=state.ended or None,
        objects=state.objects,
        **vars(progress_of(state, before, now)),
        unsent=state.unsent,
        step=state.of.migrations.step if state.unsent else None,
        all_the_same=state.all_the_same if state.unsent else None,
        is_migration_unknown=state.of.migrations.is_unknown,
    )


def brief_answer(following: str, stopped: Stopped | None, *, finished: bool) -> PassAnswer:
    """What is answered of a call without a pass: what comes next, and why it went no further."""
    return PassAnswer(finished=finished, next=following, stop=stopped and stopped.stop, stopped=stopped and stopped.why)


class AnsweringPass(NamedTuple):
    """The pass that answers for both buckets: `of`. `standstill`: a standstill pass that began after its last look, one
    that contradicts it, or else the last; None if there is none."""

    of: PassState
    standstill: PassState | None

    @property
    def stood_still(self) -> bool | None:
        """Whether both buckets are still what the pass has judged; None if nobody has looked. Where they are not, the
        pass answers no more: the next step is a new one."""
        if self.standstill is None:
            return None
        judged, tally = self.of.tally, self.standstill.tally
        return (judged.state, judged.twin) == (tally.state, tally.twin)

    @property
    def has_obs_changed(self) -> bool:
        """True if OBS changed after the pass had judged it, although the source stood still. Where applications write
        to the source, both differ, and that says nothing of what was judged."""
        still = self.standstill
        return self.stood_still is False and still is not None and still.tally.state == self.of.tally.state


def answering(
    passes: Sequence[PassState], prefix: str, since: datetime | None = None, now: datetime | None = None
) -> AnsweringPass | None:
    """Return the pass of a job over all keys with `prefix` that answers, for certify, status and doctor alike.

    Without `since` it is the last that ended. Otherwise it is the one that began last, of those that began since then
    and ended within LATEST of `now`; one that a standstill pass contradicts only where there is no other.
    """
    first, latest = (timestamp(since), timestamp(now - LATEST)) if since and now else ("", "")
    recent = [state for state in _whole(passes, prefix) if state.started >= first and state.ended >= latest]
    answering_passes = [beside_standstills(state, passes) for state in recent]
    if since:
        answering_passes.sort(key=lambda answering_pass: answering_pass.stood_still is not False)
    return answering_passes[-1] if answering_passes else None


def last_usual(passes: Sequence[PassState], prefix: str) -> PassState | None:
    """The last of those as a timer begins them, which show whether events arrive: a backfill looked at older objects,
    which have not changed since."""
    usual = (state for state in _whole(passes, prefix) if state.scope.since is None and not state.scope.everything)
    return max(usual, key=lambda one: one.started, default=None)


def _whole(passes: Sequence[PassState], prefix: str) -> list[PassState]:
    whole = [
        pass_
        for pass_ in passes
        if pass_.ended and not pass_.scope.standstill and pass_.scope.key_filter.prefix == prefix
    ]
    # Two may have begun in the same second; their names tell which was later.
    return sorted(whole, key=lambda state: (state.started, state.of.name.partition("-")[2]))


def beside_standstills(state: PassState, passes: Sequence[PassState]) -> AnsweringPass:
    """A pass that has ended, with the standstill pass of `passes` that tells most of it."""
    later = (other for other in passes if other.ended and other.started > state.ended)
    like = [other for other in later if other.scope.standstill and other.scope.key_filter == state.scope.key_filter]
    # Judging keys again tells of OBS anew, and nothing of the source.
    like = [other for other in like if other.started > state.as_of or other.tally.state != state.tally.state]
    answers = [AnsweringPass(state, other) for other in sorted(like, key=lambda other: other.started)] or [
        AnsweringPass(state, None)
    ]
    return next((each for each in answers if each.stood_still is False), answers[-1])


def newest_of(passes: Sequence[PassState], scope: Scope) -> PassState | None:
    """The pass with the identity of `scope` that began last."""
    mine = (pass_ for pass_ in passes if pass_.scope.identity == scope.identity)
    return max(mine, key=lambda state: state.of.name, default=None)


def last_ended(passes: Sequence[PassState], scope: Scope) -> PassState | None:
    """The pass with the identity of `scope` that began last of those that ended."""
    return newest_of([pass_ for pass_ in passes if pass_.ended], scope)


def open_passes(passes: Sequence[PassState]) -> list[PassState]:
    """Those that have not ended, and are the newest of their identity: nobody goes on with others."""
    newest = {pass_.scope.identity: pass_ for pass_ in sorted(passes, key=lambda pass_: pass_.of.name)}
    return [state for state in newest.values() if not state.ended]
