"""The report in a few numbers: what status writes into its log line, and what alarms are made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from oss_oms_sync.clock import parse_time
from oss_oms_sync.jobs.status.backlog import Backlog
from oss_oms_sync.jobs.status.copy_failures import CopyFailures
from oss_oms_sync.jobs.status.copying import Copying
from oss_oms_sync.jobs.status.coverage import Coverage
from oss_oms_sync.jobs.status.in_obs import InObs
from oss_oms_sync.jobs.status.verdict import Verdict


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
    def of(
        cls,
        verdict: Verdict,
        backlog: Backlog,
        copying: Copying,
        failures: CopyFailures | None,
        coverage: Coverage,
        in_obs: InObs,
        now: datetime,
    ) -> Summary:
        """What follows `now` from the parts of a report."""
        last, tally = coverage.last, in_obs.last.tally if in_obs.last else None
        began = in_obs.last.state.started if in_obs.last and in_obs.last.state else None
        return cls(
            verdict,
            backlog.waiting,
            backlog.at_least,
            backlog.oldest,
            _age(backlog.oldest, now),
            failures.open if failures else None,
            copying.unfinished.overdue if copying.unfinished else None,
            tally.copied_lag.percentile(50) if tally else None,
            tally.copied_lag.percentile(99) if tally else None,
            _age(last.started if last else None, now),
            _age(began, now),
            len(coverage.open) + len(in_obs.open),
        )

    def to_json(self) -> dict[str, object]:
        """As one flat object, for a log line."""
        numbers = {name: value for name, value in asdict(self).items() if name != "verdict"}
        return {
            "verdict": self.verdict.state.value,
            "alarm": self.verdict.is_alarm,
            "text": self.verdict.text.en,
            **numbers,
        }


def _age(since: str | None, now: datetime) -> int | None:
    time = parse_time(since or "")
    return max(0, int((now - time).total_seconds())) if time else None
