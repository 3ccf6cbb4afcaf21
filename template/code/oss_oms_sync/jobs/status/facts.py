"""What a verdict goes by, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from oss_oms_sync.clock import parse_time
from oss_oms_sync.jobs.status.backlog import Backlog
from oss_oms_sync.jobs.status.copying import CopyFailures, Copying
from oss_oms_sync.jobs.status.looked_at import Coverage, InObs
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.step import Step
from oss_oms_sync.text import Text

CLOSED_ALARM = "closed, alarm"


@dataclass(frozen=True)
class Facts:
    """All that was found. `failures` is None where OMS does not say how many there are. `closed`: the mark of a closed
    project, in which nothing matters but what came after the close, recorded at the times `late`."""

    copying: Copying
    failures: CopyFailures | None
    backlog: Backlog
    coverage: Coverage
    in_obs: InObs
    closed: Closed | None
    late: Sequence[int]

    def numbers(self, now: datetime) -> dict[str, object]:
        """The facts in a few numbers; ages and lags are in seconds, and None is what is not known.

        `waiting`: how many keys wait to be sent again (at least so many, with `at_least`), `oldest` since when, and
        `backlog_age` how long that is. `copy_failures`: what OMS failed to copy and is not known to be dealt with.
        `overdue`: what OMS should have worked on by now. `lag_p50`, `lag_p99`: how long after it was written an object
        was in OBS, by the last comparison. `reconcile_age`, `compare_age`: how long ago the last whole pass began;
        `open_passes`: how many are under way.
        """
        last, in_obs, unfinished = self.coverage.last, self.in_obs, self.copying.unfinished
        lag = in_obs.last.tally.copied_lag if in_obs.last else None
        return {
            "waiting": self.backlog.waiting,
            "at_least": self.backlog.at_least,
            "oldest": self.backlog.oldest,
            "backlog_age": _age(self.backlog.oldest, now),
            "copy_failures": self.failures.open if self.failures else None,
            "overdue": unfinished.overdue if unfinished else None,
            "lag_p50": lag.percentile(50) if lag else None,
            "lag_p99": lag.percentile(99) if lag else None,
            "reconcile_age": _age(last.started if last else None, now),
            "compare_age": _age(in_obs.began, now),
            "open_passes": len(self.coverage.open) + len(in_obs.open),
        }


class VerdictState(Enum):
    """The kinds of verdict, by their names in the report."""

    IN_STEP = "in step"
    BEHIND = "behind"
    BROKEN = "broken"
    NOT_KNOWN = "not known"
    CLOSED = "closed"


@dataclass(frozen=True)
class Verdict:
    """One sentence, its kind, and the one thing to do next; `is_alarm`: somebody has to act now."""

    state: VerdictState
    text: Text
    step: Step
    is_alarm: bool = False

    @property
    def name(self) -> str:
        """What a webhook is told: closed with and without an alarm are two things."""
        return CLOSED_ALARM if self.state is VerdictState.CLOSED and self.is_alarm else self.state.value

    def to_json(self) -> dict[str, object]:
        """As the report shows it."""
        return {
            "state": self.state.value,
            "alarm": self.is_alarm,
            "text": self.text.en,
            "text_zh": self.text.zh,
            "step": self.step.to_json(),
        }


def _age(since: str | None, now: datetime) -> int | None:
    time = parse_time(since or "")
    return max(0, int((now - time).total_seconds())) if time else None
