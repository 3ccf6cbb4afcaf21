"""Tells the webhook when the verdict changes, or is broken for a day and each day after that.

Broken and closed are told as soon as they are seen. The others are told when they have lasted for 10 minutes, so at
the second tick of the timer: a backlog that replay clears by itself disturbs nobody, nor does a state that flaps. A
closed project says that it is closed, and then nothing more.

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
from oss_oms_sync.jobs.status.verdict import VerdictState
from oss_oms_sync.ledger.state import JobState

# These do not pass by themselves.
_TOLD_AT_ONCE = (VerdictState.BROKEN, VerdictState.CLOSED)
_LASTING = timedelta(minutes=10)
_TOLD_AGAIN = timedelta(days=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Watch:
    """The state that the timer saw last, since when it saw no other, and which it told last, and when; times are as in
    records, and all are empty at the beginning."""

    seen: str = ""
    since: str = ""
    told: str = ""
    told_at: str = ""

    @classmethod
    def from_json(cls, value: dict[str, object]) -> _Watch:
        return cls(**{one.name: str(value.get(one.name, "")) for one in fields(cls)})

    def is_due(self, state: VerdictState, now: datetime) -> bool:
        """Whether the webhook has to hear of the state that is seen."""
        if self.told != state.value:
            return state in _TOLD_AT_ONCE or _ago(self.since, now) >= _LASTING
        return state is VerdictState.BROKEN and _ago(self.told_at, now) >= _TOLD_AGAIN


def tell_of_change(invocation: Invocation, summary: Summary) -> None:
    """Tell the webhook of `summary` if it has to hear of it, and log what came of that; without a webhook do nothing.

    Raises StorageError.
    """
    if not invocation.settings.alert_webhook:
        return
    memory, state, now = JobState(invocation), summary.verdict.state, invocation.clock.now()
    before = watch = _Watch.from_json(memory.load("watch"))
    if watch.seen != state.value:
        watch = replace(watch, seen=state.value, since=timestamp(now))
    if watch.is_due(state, now) and _tell(invocation, summary, watch, now):
        watch = replace(watch, told=state.value, told_at=timestamp(now))
    if watch != before:
        memory.store("watch", asdict(watch))


def _tell(invocation: Invocation, summary: Summary, watch: _Watch, now: datetime) -> bool:
    """Whether the webhook took it."""
    webhook = Webhook(invocation.settings, invocation.oss.pool, invocation.clock)
    problem = webhook.post(alert(invocation.settings, summary, watch.told, watch.since, now), invocation.deadline)
    told = {"alert": summary.verdict.state.value, "webhook": webhook.title}
    if problem:
        log.error({**told, "alert_problem": problem})
    else:
        log.info(told)
    return not problem


def _ago(time: str, now: datetime) -> timedelta:
    """How long ago that was; an unreadable time is long ago, so that it is told rather than not."""
    at = parse_time(time)
    return now - at if at else timedelta.max
