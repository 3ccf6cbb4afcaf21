"""Tells the webhook when the verdict changes, or is broken for a day and each day after that.

Broken and closed are told as soon as they are seen. The others are told when they have lasted for 10 minutes, so at
the second tick of the timer: a backlog that replay clears by itself disturbs nobody, nor does a state that flaps. A
closed project says that it is closed, and then nothing more.

What the webhook took is told, and never told again, whoever else is at it at the same time. What it did not take is
told at the next tick, as it is then. Where it did not answer, or the instance died, nobody knows: then it is told
again, because an alarm that comes twice is better than one that never comes.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.webhook import Webhook
from oss_oms_sync.jobs.status.alert import alert
from oss_oms_sync.jobs.status.summary import Summary
from oss_oms_sync.jobs.status.verdict import VerdictState
from oss_oms_sync.ledger.alerts import AlertLog, Attempt
from oss_oms_sync.ledger.state import JobState

# These do not pass by themselves.
_TOLD_AT_ONCE = (VerdictState.BROKEN, VerdictState.CLOSED)
_LASTING = timedelta(minutes=10)
_TOLD_AGAIN = timedelta(days=1)
# Whoever began an attempt so long ago is dead: the function's timeout is 2 minutes.
_LEASE = timedelta(minutes=10)

log = logging.getLogger(__name__)


def tell_of_change(invocation: Invocation, summary: Summary) -> None:
    """Tell the webhook of `summary` if it has to hear of it, and log what came of that; without a webhook do nothing.

    Raises StorageError.
    """
    if not invocation.settings.alert_webhook:
        return
    state, now = summary.verdict.state, invocation.clock.now()
    since = _seen_since(JobState(invocation), state, now)
    attempts = AlertLog(invocation)
    last = attempts.last()
    if not _is_due(state, now, since, last):
        return
    if mine := attempts.begin(state.value, last):
        webhook = Webhook(invocation.settings, invocation.oss.pool, invocation.clock)
        message = alert(invocation.settings, summary, mine.before, since, now)
        problem = webhook.deliver(message, invocation.deadline)
        attempts.end(mine, problem)
        told = {"alert": state.value, "webhook": webhook.title, "number": mine.message, "attempt": mine.attempt}
        if problem:
            log.error({**told, "alert_problem": problem})
        else:
            log.info(told)


def _seen_since(memory: JobState, state: VerdictState, now: datetime) -> datetime:
    """Since when each tick has seen this state."""
    seen = memory.load("watch")
    since = parse_time(str(seen.get("since"))) if seen.get("state") == state.value else None
    if since is None:
        memory.store("watch", {"state": state.value, "since": timestamp(now)})
    return since or now


def _is_due(state: VerdictState, now: datetime, since: datetime, last: Attempt | None) -> bool:
    if last and last.outcome is None and (begun := parse_time(last.at)) and now - begun < _LEASE:
        return False  # somebody is at it
    if last is None or last.told != state.value:
        return state in _TOLD_AT_ONCE or now - since >= _LASTING
    return state is VerdictState.BROKEN and last.told_at is not None and now - last.told_at >= _TOLD_AGAIN
