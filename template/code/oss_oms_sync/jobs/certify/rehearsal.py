"""What a rehearsal tells: how long the freeze will last, and what would fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.jobs.certify.check import Check, Result, Verdict
from oss_oms_sync.jobs.certify.evidence import Evidence
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER, QUIET
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import Side
from oss_oms_sync.settings import Settings

# These will be well once nothing is written any more: what they say today is not what they will say.
_OF_THE_FREEZE = ("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL", "MOVING", "IN_FLIGHT")
# An instance reads so many bytes a second of both sides, at half a core; see docs/performance.md.
_SAMPLE_BYTES_A_SECOND = 30_000_000
# What is five minutes old is judged; judging the late keys again takes a minute, and OMS some before it.
_SETTLE_MINUTES, _AGAIN_MINUTES = 5, 5


@dataclass(frozen=True)
class Rehearsal:
    """`minutes` has each step's, and the total; None where nothing tells. `failing` are the checks that would not
    pass."""

    would_be: Verdict
    minutes: dict[str, int | None]
    failing: Sequence[str]

    @classmethod
    def of(cls, checks: Sequence[Check], evidence: Evidence, settings: Settings) -> Rehearsal:
        """What `checks` would say after a freeze, as far as is known now."""
        lasting = [check for check in checks if check.id not in _OF_THE_FREEZE]
        failing = [check.id for check in lasting if check.gates and check.result is not Result.PASSED]
        return cls(Verdict.of(lasting), _minutes(evidence, settings), failing)

    def to_json(self) -> dict[str, object]:
        """As the document has it."""
        return {"would_be": self.would_be.value, "minutes": self.minutes, "failing": list(self.failing)}


def _minutes(evidence: Evidence, settings: Settings) -> dict[str, int | None]:
    compare = _length(evidence.comparison.state if evidence.comparison else None)
    steps = {
        "settle": _SETTLE_MINUTES,
        "replay": _rounded_up(len(evidence.waiting.keys) / (settings.oms_rate * KEYS_PER_CALL)),
        "compare": compare,
        "again": _AGAIN_MINUTES,
        "close": CLOSED_AFTER // timedelta(minutes=1),
        "oms": QUIET // timedelta(minutes=1),
        # It lists what the comparison lists, but for the records.
        "standstill": compare,
        "sample": _sampling(evidence),
    }
    known = [minutes for minutes in steps.values() if minutes is not None]
    return {**steps, "total": sum(known) if len(known) == len(steps) else None}


def _length(state: PassState | None) -> int | None:
    began, ended = (parse_time(state.started), parse_time(state.ended)) if state else (None, None)
    return _rounded_up((ended - began).total_seconds()) if began and ended else None


def _sampling(evidence: Evidence) -> int:
    """How long a sample takes, if its objects are as large as others."""
    if evidence.sample is None:
        return 0
    source = evidence.comparison.tally.side("source") if evidence.comparison else Side()
    size = 2 * evidence.sample.asked * source.bytes / max(1, source.objects)
    return _rounded_up(size / _SAMPLE_BYTES_A_SECOND)


def _rounded_up(seconds: float) -> int:
    """Whole minutes, at least one."""
    return max(1, -int(-seconds // 60))
