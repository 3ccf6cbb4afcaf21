"""What reconcile answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oss_oms_sync.clock import Clock
from oss_oms_sync.passes.progress import Progress, progress_json
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import COUNTS
from oss_oms_sync.stop import Stopped, stop_json


@dataclass(frozen=True)
class ReconcileResult:
    """How far a pass is. `counts` are COUNTS of all of it so far, `following` says what comes next, `stopped` why this
    call went no further; `progress` is None where there is no pass. `missing`: the first hundred keys that a dry run
    would send."""

    counts: Mapping[str, int]
    finished: bool
    following: str
    stopped: Stopped | None = None
    state: PassState | None = None
    progress: Progress | None = None
    missing: Sequence[str] | None = None

    @classmethod
    def of(
        cls, state: PassState | None, stopped: Stopped | None, clock: Clock, before: PassState | None = None
    ) -> ReconcileResult:
        """The answer that tells of a pass, or that there is none; by the one `before` it an open pass is measured."""
        if state is None:
            return cls({}, finished=False, following="No pass of this scope has begun.", stopped=stopped)
        progress = Progress.of(state, before, clock.now())
        stopped = stopped or state.stopped
        return cls(state.counts, bool(state.ended), state.following("reconcile"), stopped, state, progress)

    def to_json(self) -> dict[str, object]:
        """As the caller gets it: the counts beside the rest."""
        state = self.state
        return {
            **{name: self.counts.get(name, 0) for name in COUNTS},
            "state_digest": f"{state.tally.state:064x}" if state and state.ended else None,
            "finished": self.finished,
            "next": self.following,
            **stop_json(self.stopped),
            "pass": state.of.name if state else None,
            "ranges": {"open": state.ranges_open, "done": state.ranges_done} if state else None,
            "started": state.of.started if state else None,
            "ended": (state.ended or None) if state else None,
            **progress_json(self.state, self.progress),
            **({} if self.missing is None else {"missing": list(self.missing)}),
        }
