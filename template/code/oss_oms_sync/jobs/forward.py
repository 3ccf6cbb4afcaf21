"""The main job: submits the keys of one event to OMS, and records the outcomes in the log bucket."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from math import ceil

from oss_oms_sync import events
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.batches import Submission, submit
from oss_oms_sync.delivery.recording import Recorded, record
from oss_oms_sync.delivery.share import Share
from oss_oms_sync.errors import EventError, RecordError
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey

# How long writing the records of a batch may take: the timeout of a call to OSS.
_RECORDING_SECONDS_PER_BATCH = 5.0

log = logging.getLogger(__name__)


def run(event: bytes | str, invocation: Invocation) -> bool:
    """Forward the changes in `event`, any payload of the OSS trigger.

    Return True if OMS accepted them all, and False if some are recorded as failed, as all are while the project is
    closed, or it is not known whether it is. While OMS throttles, an instance records a share of its events so without
    a call, and replay sends them in batches.

    Raises EventError if part of the payload cannot be read (the rest is forwarded and recorded first), and RecordError
    if a failed key could not be recorded: after both, Function Compute keeps the event.
    """
    deadline, clock = invocation.deadline, invocation.clock
    started = clock.monotonic()
    parsed = events.parse(event, invocation.settings)
    recording = min(_RECORDING_SECONDS_PER_BATCH * ceil(len(parsed.changes) / KEYS_PER_CALL), deadline.remaining() / 2)
    keys = [change.key for change in parsed.changes]
    submission = _submit(invocation, keys, deadline.minus(recording))
    outcomes = [(FailedKey(change), submission.outcomes[change.key]) for change in parsed.changes]
    recorded = record(invocation, outcomes)
    for one in recorded:
        _log_failure(one)
        one.log_problem()
    failures = [one.failure for one in recorded if one.failure]
    unrecorded = [one.problem.message for one in recorded if one.failure and one.problem]
    log.info(
        {
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


def _submit(invocation: Invocation, keys: Sequence[str], deadline: Deadline) -> Submission:
    """Submit `keys`, or leave them to replay: while OMS throttles, and if the project is open."""
    share = Share(invocation)
    if left := share.refusal():
        return Submission(dict.fromkeys(keys, Closing(invocation).refusal() or left))
    submission = submit(invocation, keys, deadline, patient=share.is_whole)
    share.note(submission)
    return submission


def _log_failure(one: Recorded) -> None:
    if failure := one.failure:
        log.warning(
            {
                "key": one.key.key,
                "reason": failure.reason.name,
                "status": failure.status,
                "error_code": failure.error_code,
                "message": failure.message,
                "fix": failure.reason.fix.en,
            }
        )
