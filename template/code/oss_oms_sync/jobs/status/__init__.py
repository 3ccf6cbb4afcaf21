"""How far is it, what is stuck, and why? Combines what OMS shows of the task with what is in the log bucket."""

from __future__ import annotations

import logging
from datetime import timedelta

from oss_oms_sync import options
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import is_timer_event
from oss_oms_sync.jobs.status.alarm import tell_of_change
from oss_oms_sync.jobs.status.history import KeyHistory
from oss_oms_sync.jobs.status.report import DAY, StatusReport
from oss_oms_sync.ledger.state import JobState

OPTIONS: dict[str, type] = {"key": str, "hours": int, "acknowledge": bool}

_HOUR = timedelta(hours=1)
_MAX_HOURS = 24 * 31

log = logging.getLogger(__name__)


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Report on the synchronization, or with {"key": ...} on the history of one key.

    The timer's calls also tell the webhook (ALERT_WEBHOOK) when the verdict changes.

    {"hours": n} is how far back the shown statistics go (24). {"acknowledge": true} stores OMS's current counters in
    the log bucket: from then on, only what OMS fails to copy or leaves unfinished afterwards counts.

    Return {"verdict", "at", "closed", "task", "oms", "copying", "statistics", "backlog", "replay", "reconcile",
    "compare", "oms_lists", "overdue", "sums", "fixes"}, or {"key", "accepted", "object", "success", "in_obs",
    "seconds", "failed", "story", "next"}. `overdue` names the jobs whose last pass is too old to rely on. What OMS does
    not say is a {"problem", "fix"}, or None.

    Raises PayloadError, and StorageError if the log bucket cannot be read, or does not accept the acknowledgement.
    """
    JobState(invocation).note_timer("status", event)
    asked = options.parse(event, OPTIONS)
    if "key" in asked:
        if len(asked) > 1:
            raise PayloadError("The payload asks for a key and for something else: a key's story takes nothing more")
        return KeyHistory(invocation, str(asked["key"])).build()
    hours = asked.get("hours", DAY // _HOUR)
    if not isinstance(hours, int) or not 1 <= hours <= _MAX_HOURS:
        raise PayloadError(f"The payload's hours is {hours!r}. Give 1 to {_MAX_HOURS}")
    acknowledge, now = asked.get("acknowledge") is True, invocation.clock.now()
    verdict, facts, report = StatusReport(invocation).build(hours * _HOUR, acknowledge=acknowledge)
    said = {"verdict": verdict.state.value, "alarm": verdict.is_alarm, "text": verdict.text.en}
    log.info({**said, **facts.numbers(now)})
    if is_timer_event(event):
        tell_of_change(invocation, verdict, facts)
    return report
