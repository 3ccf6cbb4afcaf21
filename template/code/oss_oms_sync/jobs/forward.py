"""The main job: one event's keys go to OMS, and what became of each into the log bucket."""

from __future__ import annotations

import logging
from collections import Counter
from math import ceil

from oss_oms_sync import events
from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.oms import KEYS_PER_CALL, OmsClient, Submission
from oss_oms_sync.clouds.oss import Bucket
from oss_oms_sync.errors import EventError, RecordError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record
from oss_oms_sync.reasons import Failure
from oss_oms_sync.settings import Settings

# What writing the records of a batch may take: OSS's own timeout.
_RECORDING_SECONDS = 5.0

log = logging.getLogger("oss_oms_sync")


def forward(
    payload: bytes, settings: Settings, oms: OmsClient, log_bucket: Bucket, deadline: Deadline, clock: Clock
) -> bool:
    """Forwards the changes in `payload`; True when OMS accepted them all, False when some are recorded as failed.

    Raises EventError where part of the payload cannot be read (the rest is forwarded and recorded first), and
    RecordError where a failed key could not be recorded: Function Compute then keeps the event.
    """
    started = clock.monotonic()
    parsed = events.parse(payload, settings)
    recording = min(_RECORDING_SECONDS * ceil(len(parsed.changes) / KEYS_PER_CALL), deadline.remaining() / 2)
    submission = oms.submit([change.key for change in parsed.changes], deadline.minus(recording))
    unrecorded = _record(parsed.changes, submission, settings, log_bucket, deadline, clock)

    failures = [failure for failure in submission.outcomes.values() if failure]
    log.info(
        {
            "job": "forward",
            "keys": len(parsed.changes),
            "accepted": len(parsed.changes) - len(failures),
            "failed": dict(Counter(failure.reason.name for failure in failures)),
            "skipped": dict(parsed.skipped),
            "unreadable": len(parsed.problems),
            "unrecorded": len(unrecorded),
            "calls": submission.calls,
            "ms": round((clock.monotonic() - started) * 1000),
        }
    )
    if unrecorded:
        raise RecordError(unrecorded)
    if parsed.problems:
        raise EventError(parsed.problems)
    return not failures


def _record(
    changes: list[ObjectChange],
    submission: Submission,
    settings: Settings,
    log_bucket: Bucket,
    deadline: Deadline,
    clock: Clock,
) -> list[str]:
    """Writes every record; returns why each failed record that could not be written was not."""
    task_id, now = settings.task.task_id, clock.now()
    outcomes = [(change, submission.outcomes[change.key]) for change in changes]
    problems = log_bucket.try_put_all(
        [
            failed_record(task_id, FailedKey(change), failure, now) if failure else success_record(task_id, change)
            for change, failure in outcomes
        ],
        deadline,
    )
    unrecorded = []
    for (change, failure), problem in zip(outcomes, problems, strict=True):
        if failure:
            _log_failure(change, failure)
        if not problem:
            continue
        if failure:
            unrecorded.append(problem.message)
        # Accepted, only not recorded: reconcile sends it once more at worst.
        log.error(
            {
                "job": "forward",
                "key": change.key,
                "record": "failed" if failure else "success",
                "problem": problem.message,
            }
        )
    return unrecorded


def _log_failure(change: ObjectChange, failure: Failure) -> None:
    log.warning(
        {
            "job": "forward",
            "key": change.key,
            "reason": failure.reason.name,
            "status": failure.status,
            "error_code": failure.error_code,
            "message": failure.message,
            "fix": failure.reason.fix,
        }
    )
