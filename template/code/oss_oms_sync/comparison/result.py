"""What compare answers."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.clock import Clock, from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.proof import Proof
from oss_oms_sync.comparison.remedies import remedies
from oss_oms_sync.comparison.tally import ClassCount, CompareTally
from oss_oms_sync.passes.progress import Progress, progress_json
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.stop import Stopped, stop_json
from oss_oms_sync.text import Text

# What a pass can be asked for besides (passes/scope.py).
_WISHES = ("since", "deep", "overwrite", "cutover")


@dataclass(frozen=True)
class CompareResult:
    """How far a pass is, and at its end what it found. `following` says what comes next, `stopped` why this call went
    no further; `progress` is None where there is no pass. `overwrite_mode` is the sync task's. `stood_still`: whether a
    standstill pass has seen since what the pass has judged; None if there was none."""

    tally: CompareTally
    finished: bool
    following: str
    stopped: Stopped | None = None
    state: PassState | None = None
    progress: Progress | None = None
    overwrite_mode: str | None = None
    stood_still: bool | None = None

    @classmethod
    def of(
        cls,
        state: PassState | None,
        stopped: Stopped | None,
        clock: Clock,
        task: TaskInfo,
        before: PassState | None = None,
        stood_still: bool | None = None,
    ) -> CompareResult:
        """The answer that tells of a pass, or that there is none; by the one `before` it an open pass is measured."""
        if state is None or not isinstance(state.tally, CompareTally):
            return cls(CompareTally(), finished=False, following="No pass of this scope has begun.", stopped=stopped)
        progress, following = Progress.of(state, before, clock.now()), state.following("compare")
        mode = task.object_overwrite_mode
        stopped = stopped or state.stopped
        return cls(state.tally, bool(state.ended), following, stopped, state, progress, mode, stood_still)

    def to_json(self) -> dict[str, object]:
        """As the caller gets it."""
        state, tally = self.state, self.tally
        is_standstill = state is not None and state.scope.standstill
        sent = {name: tally.counts.get(name, 0) for name in ("submitted", "accepted", "failed", "orphan_records")}
        return {
            **sent,
            "deep": self._deep(),
            "lag": {
                "accepted": tally.accepted_lag.summary(),
                "copied": tally.copied_lag.summary(),
                "again": tally.again,
            },
            **(self._found() if self.finished and not is_standstill else {}),
            "standstill": is_standstill,
            "wishes": [name for name in _WISHES if state and getattr(state.scope, name)],
            "state": f"{tally.state:064x}" if self.finished else None,
            "twin": f"{tally.twin:064x}" if self.finished else None,
            "stood_still": self.stood_still,
            "finished": self.finished,
            "next": self.following,
            **stop_json(self.stopped),
            "pass": state.of.name if state else None,
            "ranges": {"open": state.ranges_open, "done": state.ranges_done} if state else None,
            "started": state.of.started if state else None,
            "ended": (state.ended or None) if state else None,
            "amended": (state.amended or None) if state else None,
            **progress_json(self.state, self.progress),
        }

    def _deep(self) -> dict[str, object] | None:
        """What reading showed, if anything was to be read; `keys` are the first of each kind that it did not prove."""
        counts = self.tally.counts
        names = (*(f"deep_{one.value}" for one in Proof), "deep_bytes")
        if not any(counts.get(name) for name in names):
            return None
        shown: dict[str, object] = {name.removeprefix("deep_"): counts.get(name, 0) for name in names}
        return {**shown, "keys": {name: list(keys) for name, keys in self.tally.unread.items()}}

    def _found(self) -> dict[str, object]:
        """What is only known at the end."""
        tally = self.tally
        return {
            "classes": {
                one.title: tally.classes.get(one.title, ClassCount()).to_json()
                for one in ObjectClass
                if one is not ObjectClass.ORPHAN_RECORDS
            },
            "folders": {
                folder: {title: list(count) for title, count in counts.items()}
                for folder, counts in sorted(tally.folders.items())
            },
            "source": {**tally.side("source").to_json(), "state_digest": f"{tally.state:064x}"},
            "destination": tally.side("destination").to_json(),
            "adds_up": tally.adds_up(),
            "remedies": {name: text._asdict() for name, text in self.remedies.items()},
            "watermark": self.watermark,
            "last_written": [{"key": one.key, "at": timestamp(from_epoch(one.modified))} for one in tally.last_written],
            "differences": list(tally.parts),
        }

    @property
    def remedies(self) -> dict[str, Text]:
        """What to do about what is known or thought to differ, by the name of its class."""
        return remedies(self.tally, self.overwrite_mode)

    @property
    def watermark(self) -> str | None:
        """All that was written before this time was in the destination; None before there is a pass."""
        began = parse_time(self.state.started) if self.state else None
        if began is None:
            return None
        oldest = self.tally.oldest_not_there
        return timestamp(began if oldest is None else min(began, from_epoch(oldest)))
