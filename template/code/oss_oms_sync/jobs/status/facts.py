"""What a verdict goes by, what it is, and both in a few numbers: the log line of status, of which alarms are made."""

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


@dataclass(frozen=True)
class Summary:
    """Ages and lags are in seconds; None is what is not known.

    `waiting`: how many keys wait to be sent again (at least so many, with `at_least`), `oldest` since when, and
    `backlog_age` how long that is. `copy_failures`: what OMS failed to copy and is not known to be dealt with.
    `overdue`: what OMS should have worked on by now. `lag_p50`, `lag_p99`: how long after it was written an object was
    in OBS, by the last comparison. `reconcile_age`, `compare_age`: how long ago the last whole pass began;
    `open_passes`: how many are under way.
    """

    verdict: Verdict
    waiting: int
    at_least: bool
    oldest: str | None
    backlog_age: int | None
    copy_failures: int | None
    overdue: int | None
    lag_p50: float | None
    lag_p99: float | None
    reconcile_age: int | None
    compare_age: int | None
    open_passes: int

    @classmethod
    def of(cls, verdict: Verdict, facts: Facts, now: datetime) -> Summary:
        """What follows `now` from the facts."""
        backlog, last, in_obs = facts.backlog, facts.coverage.last, facts.in_obs
        lag = in_obs.last.tally.copied_lag if in_obs.last else None
        return cls(
            verdict=verdict,
            waiting=backlog.waiting,
            at_least=backlog.at_least,
            oldest=backlog.oldest,
            backlog_age=_age(backlog.oldest, now),
            copy_failures=facts.failures.open if facts.failures else None,
            overdue=facts.copying.unfinished.overdue if facts.copying.unfinished else None,
            lag_p50=lag.percentile(50) if lag else None,
            lag_p99=lag.percentile(99) if lag else None,
            reconcile_age=_age(last.started if last else None, now),
            compare_age=_age(in_obs.began, now),
            open_passes=len(facts.coverage.open) + len(in_obs.open),
        )

    def to_json(self) -> dict[str, object]:
        """As one flat object, for a log line."""
        state, alarm, text = self.verdict.state.value, self.verdict.is_alarm, self.verdict.text.en
        return {**vars(self), "verdict": state, "alarm": alarm, "text": text}


def _age(since: str | None, now: datetime) -> int | None:
    time = parse_time(since or "")
    return max(0, int((now - time).total_seconds())) if time else None
