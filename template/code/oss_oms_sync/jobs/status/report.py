"""The full report of status: queries OMS and the log bucket, and combines what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.counters import Statistics, month_name, month_of
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.jobs.status.backlog import Backlog, read_backlog
from oss_oms_sync.jobs.status.copy_failures import CopyFailures
from oss_oms_sync.jobs.status.copying import Acknowledged, Copying, Month, first_month
from oss_oms_sync.jobs.status.coverage import Coverage
from oss_oms_sync.jobs.status.in_obs import InObs
from oss_oms_sync.jobs.status.oms_json import statistics_json, task_json
from oss_oms_sync.jobs.status.summary import Summary
from oss_oms_sync.jobs.status.sums import sums_json
from oss_oms_sync.jobs.status.verdict import reach_verdict
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.list_positions import Listed, ListPositions
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.reasons import Failure, Reason

# The window of the verdict, and of what is shown unless another one is asked for.
DAY = timedelta(days=1)

_MAX_MONTHS = 13
_IN_FLIGHT = timedelta(hours=1)


class StatusReport:
    """The report on everything, as of now."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._now = invocation.clock.now()
        self._state = JobState(invocation)

    def build(self, window: timedelta, *, acknowledge: bool) -> tuple[Summary, dict[str, object]]:
        """Build the report, in a few numbers and whole: its verdict first, with the statistics of the last `window`.

        Raises StorageError.
        """
        task = self._invocation.oms.task(self._invocation.deadline)
        installed = self._state.installed(note=False)
        # The verdict does not depend on the window that is shown.
        last_day = task if isinstance(task, Failure) else self._statistics(DAY)
        shown = last_day if window == DAY or isinstance(last_day, Failure) else self._statistics(window)
        lists = self._state.recall(ListPositions, "failed_copies") or ListPositions()
        backlog = read_backlog(self._invocation)
        if acknowledge:
            self._acknowledge(task, last_day, lists)
        acknowledged = Acknowledged.from_json(self._state.load("status").get("acknowledged"))
        in_obs = InObs.read(self._invocation, task)
        if _closes_failures(in_obs, acknowledged, last_day):
            self._acknowledge(task, last_day, lists)
            acknowledged = Acknowledged.from_json(self._state.load("status").get("acknowledged"))
        months = self._months(task, installed, acknowledged)
        copying = Copying.compute(task, months, last_day, acknowledged, installed, self._now, lists.listed)
        failures = _failures(copying, backlog)
        coverage = Coverage.of(PassStore(self._invocation, "reconcile").states(), self._settings, installed, self._now)
        closed = Closing(self._invocation).state()
        late = self._after_close(backlog, acknowledge=acknowledge) if closed else []
        verdict = reach_verdict(copying, failures, backlog, coverage, in_obs, closed, late)
        summary = Summary.of(verdict, backlog, copying, failures, coverage, in_obs, self._now)
        return summary, {
            "verdict": verdict.to_json(),
            "at": timestamp(self._now),
            "closed": closed.to_json() if closed else None,
            "task": {
                "id": self._invocation.task_id,
                "source": self._settings.source_bucket,
                "log": self._settings.log_bucket,
            },
            "oms": task_json(task),
            "copying": {**copying.to_json(), "failures": failures and failures.to_json()},
            "statistics": statistics_json(shown),
            "backlog": backlog.to_json(),
            "replay": self._state.load("replay").get("last"),
            "reconcile": coverage.to_json(),
            "compare": in_obs.to_json(),
            "oms_lists": {"unread": lists.unread, "example": lists.example, "problem": lists.said},
            "overdue": [
                job for job, late in (("reconcile", coverage.recent is None), ("compare", in_obs.overdue)) if late
            ],
            "sums": sums_json(None if isinstance(months, Failure) else months[-1].counts, coverage.last, failures),
            "fixes": _fixes(backlog),
        }

    def _after_close(self, backlog: Backlog, *, acknowledge: bool) -> Sequence[int]:
        """When what came after the close was recorded, but for what somebody has acknowledged, now or before."""
        if acknowledge and backlog.after_close:
            self._state.store("after_close", {"acknowledged": max(backlog.after_close)})
            return []
        known = self._state.load("after_close").get("acknowledged")
        return [one for one in backlog.after_close if not isinstance(known, int) or one > known]

    def _statistics(self, window: timedelta) -> Statistics | Failure:
        return self._invocation.oms.statistics(self._now - window, self._now, self._invocation.deadline)

    def _acknowledge(self, task: TaskInfo | Failure, last_day: Statistics | Failure, lists: ListPositions) -> None:
        """Store OMS's current counters in the log bucket, unless OMS does not show them."""
        if isinstance(task, Failure):
            return
        known = None if isinstance(last_day, Failure) else last_day
        listed = lists.listed.get(month_name(self._now), Listed())
        if acknowledged := Acknowledged.up_to(self._now, task.month, known, listed):
            self._state.store("status", {"acknowledged": acknowledged.to_json()})

    def _months(
        self, task: TaskInfo | Failure, installed: datetime, acknowledged: Acknowledged | None
    ) -> list[Month] | Failure:
        """Query the counters of the latest months that count, the current one last."""
        if isinstance(task, Failure):
            return task
        first = first_month(installed, acknowledged)
        months = [Month(month_of(self._now), task.month)]
        while first < months[0].begin and len(months) < _MAX_MONTHS:
            last_day = months[0].begin - timedelta(days=1)
            earlier = self._invocation.oms.task(self._invocation.deadline, last_day)
            if isinstance(earlier, Failure):
                # There may have been no task before the installation.
                if last_day < month_of(installed) and earlier.reason in (Reason.REFUSED, Reason.NO_TASK):
                    break
                return earlier
            months.insert(0, Month(month_of(last_day), earlier.month))
        return months


def _failures(copying: Copying, backlog: Backlog) -> CopyFailures | None:
    """What became of what OMS failed to copy; None if it does not say how much that is."""
    if copying.failed is None:
        return None
    since = timestamp(copying.acknowledged.at) if copying.acknowledged else ""
    waiting = [key for key in backlog.copies if key.first_failure > since]
    return CopyFailures.of(copying.failed, copying.listed, waiting, backlog.unread)


def _closes_failures(in_obs: InObs, acknowledged: Acknowledged | None, last_day: Statistics | Failure) -> bool:
    """Whether a comparison has seen everything in OBS since OMS last failed to copy anything."""
    began = in_obs.began
    if not in_obs.is_clean or began is None:
        return False
    if isinstance(last_day, Failure) or last_day.unread:
        return False
    is_new = acknowledged is None or acknowledged.at < began
    # What failed later than this may have counted as in flight.
    since = began - _IN_FLIGHT - last_day.step_length
    return is_new and since >= last_day.start and not last_day.count_after(since, "FAILURE")


def _fixes(backlog: Backlog) -> dict[str, dict[str, str]]:
    """What to do about each reason in the backlog; a record may name one that is unknown here."""
    reasons = (Reason[name] for name in backlog.by_reason if name in Reason.__members__)
    return {reason.name: reason.fix._asdict() for reason in reasons}
