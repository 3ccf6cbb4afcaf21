"""How far a pass is, how fast, and how long the rest takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from oss_oms_sync.clock import parse_time
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.stop import Stopped, stop_json


@dataclass(frozen=True)
class Progress:
    """Of one pass. `share` of the objects, 0 to 1, and `minutes_left` are None where no earlier pass tells how many
    objects there are."""

    objects_per_minute: int
    share: float | None
    minutes_left: int | None

    @classmethod
    def of(cls, state: PassState, last: PassState | None, now: datetime) -> Progress:
        """The progress of a pass; `last` is the pass of its scope that ended last."""
        began, until = parse_time(state.started) or now, parse_time(state.ended) or now
        pace = 60 * state.objects / max(1.0, (until - began).total_seconds())
        if state.ended or last is None or not pace:
            return cls(round(pace), 1.0 if state.ended else None, 0 if state.ended else None)
        left = max(0, last.objects - state.objects)
        return cls(round(pace), round(state.objects / max(1, state.objects + left), 3), -(-left // max(1, round(pace))))


@dataclass(frozen=True)
class HowFar:
    """How far a pass is, or a call without one. `following` says what comes next, `stopped` why this call went no
    further; `state` and `progress` are None where there is no pass."""

    finished: bool
    following: str
    stopped: Stopped | None = None
    state: PassState | None = None
    progress: Progress | None = None

    @classmethod
    def of(
        cls, job: str, state: PassState | None, stopped: Stopped | None, now: datetime, before: PassState | None = None
    ) -> HowFar:
        """What is to be said of a job's pass, or that there is none; by the one `before` an open pass is measured."""
        if state is None:
            return cls(finished=False, following="No pass of this scope has begun.", stopped=stopped)
        progress = Progress.of(state, before, now)
        return cls(bool(state.ended), state.following(job), stopped or state.stopped, state, progress)

    @classmethod
    def of_trial(cls, stopped: Stopped | None, *, finished: bool) -> HowFar:
        """What is to be said of one call without pieces."""
        following = "Everything was looked at." if finished else "A trial is not continued: the next one begins anew."
        return cls(finished, following, stopped)

    def to_json(self) -> dict[str, object]:
        """As answers have it; "objects" are those that the pass has walked past."""
        state, names = self.state, ("objects_per_minute", "share", "minutes_left")
        return {
            "finished": self.finished,
            "next": self.following,
            **stop_json(self.stopped),
            "pass": state.of.name if state else None,
            "ranges": {"open": state.ranges_open, "done": state.ranges_done} if state else None,
            "started": state.started if state else None,
            "ended": (state.ended or None) if state else None,
            "objects": state.objects if state else None,
            **(asdict(self.progress) if self.progress else dict.fromkeys(names)),
        }
