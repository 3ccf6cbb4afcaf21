"""Tells the webhook when the verdict changes, or is an alarm for a day and each day after that.

Alarms (broken; keys that came after the close) and closed are told as soon as they are seen. The others are told when
they have lasted for 10 minutes, so at the second tick of the timer: a backlog that replay clears by itself disturbs
nobody, nor does a state that flaps. A closed project says that it is closed, and then nothing but what comes after.

What was told is kept only once the webhook took it, so what it did not take is told at the next tick, as it is then. An
alarm that comes twice, because two instances were at it or one died, is better than one that never comes.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta

from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.webhook import Webhook
from oss_oms_sync.jobs.status.alert import alert
from oss_oms_sync.jobs.status.summary import Summary
from oss_oms_sync.jobs.status.verdict import Verdict, VerdictState
from oss_oms_sync.ledger.state import JobState

_LASTING = timedelta(minutes=10)
_TOLD_AGAIN = timedelta(days=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Watch:
    """The verdict that the timer saw last, since when it saw no other, and which it told last, and when; times are as
    in records, and all are empty at the beginning."""

    seen: str = ""
    since: str = ""
    told: str = ""
    told_at: str = ""

    @classmethod
    def from_json(cls, value: dict[str, object]) -> _Watch:
        return cls(**{one.name: str(value.get(one.name, "")) for one in fields(cls)})

    def is_due(self, verdict: Verdict, now: datetime) -> bool:
        """Whether the webhook has to hear of the verdict that is seen."""
        if self.told == verdict.name:
            return verdict.is_alarm and _ago(self.told_at, now) >= _TOLD_AGAIN
        at_once = verdict.is_alarm or verdict.state is VerdictState.CLOSED
        return at_once or _ago(self.since, now) >= _LASTING


def tell_of_change(invocation: Invocation, summary: Summary) -> None:
    """Tell the webhook of `summary` if it has to hear of it, and log what came of that; without a webhook do nothing.

    Raises StorageError.
    """
    if not invocation.settings.alert_webhook:
        return
    memory, verdict, now = JobState(invocation), summary.verdict, invocation.clock.now()
    before = watch = _Watch.from_json(memory.load("watch"))
    if watch.seen != verdict.name:
        watch = replace(watch, seen=verdict.name, since=timestamp(now))
    if watch.is_due(verdict, now) and _tell(invocation, summary, watch, now):
        watch = replace(watch, told=verdict.name, told_at=timestamp(now))
    if watch != before:
        memory.store("watch", asdict(watch))


def _tell(invocation: Invocation, summary: Summary, watch: _Watch, now: datetime) -> bool:
    """Whether the webhook took it."""
    webhook = Webhook(invocation.settings, invocation.oss.pool, invocation.clock)
    problem = webhook.post(alert(invocation.settings, summary, watch.told, watch.since, now), invocation.deadline)
    told = {"alert": summary.verdict.name, "webhook": webhook.title}
    if problem:
        log.error({**told, "alert_problem": problem})
    else:
        log.info(told)
    return not problem


def _ago(time: str, now: datetime) -> timedelta:
    """How long ago that was; an unreadable time is long ago, so that it is told rather than not."""
    at = parse_time(time)
    return now - at if at else timedelta.max
