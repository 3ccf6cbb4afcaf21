"""The main job: submits the keys of one event to OMS, and records the outcomes in the log bucket."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from oss_oms_sync import events
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.batches import Submission, record, submit
from oss_oms_sync.errors import EventError, Failure, Reason, RecordError, log
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey

# How long writing the records of a batch may take: the timeout of a call to OSS.
_RECORDING_SECONDS_PER_BATCH = 5.0
# The share begins at twice the whole, so that a spike, of which an instance sees a throttled submission at most, leaves
# it whole.
_MOST = 2.0
# Some events are always tried, or an instance would not see that OMS admits calls again.
_LEAST = 1 / 64
# How long the share takes from nothing to the whole.
_RECOVERY_SECONDS = 60.0

_REMEMBERED_AS = "forward's share"
_LEFT_TO_REPLAY = Failure(Reason.THROTTLED, message="not sent: OMS throttled calls before it, so replay sends it")


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
    failures = [one.failure for one in recorded if one.failure]
    unrecorded = [str(one.problem) for one in recorded if one.failure and one.problem]
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


@dataclass(frozen=True)
class _Throttled:
    """When OMS last throttled a submission (on the monotonic clock), and the share after that."""

    at: float
    share: float


def _submit(invocation: Invocation, keys: Sequence[str], deadline: Deadline) -> Submission:
    """Submit `keys`, or leave them to replay, by chance: while OMS throttles, and if the project is open.

    A call of forward's mostly carries one key, a call of replay's ten. So beyond the rate of calls that OMS admits,
    every call that forward leaves to replay lets more keys through. No instance knows of the others, so each finds its
    share as TCP finds its rate: it halves with each throttled submission, and grows evenly over time.
    """
    share = _share(invocation)
    if random.random() >= share:
        return Submission(dict.fromkeys(keys, Closing(invocation).refusal() or _LEFT_TO_REPLAY))
    # If every event is tried, a throttled call is worth another attempt within seconds.
    submission = submit(invocation, keys, deadline, patient=share >= 1)
    if submission.throttled:
        halved = max(_LEAST, _share(invocation) / 2)
        invocation.oss.remembered[_REMEMBERED_AS] = _Throttled(invocation.clock.monotonic(), halved)
    return submission


def _share(invocation: Invocation) -> float:
    """How large a share of its events this instance submits itself; replay sends the rest."""
    last = invocation.oss.remembered.get(_REMEMBERED_AS)
    if not isinstance(last, _Throttled):
        return _MOST
    return min(_MOST, last.share + (invocation.clock.monotonic() - last.at) / _RECOVERY_SECONDS)
