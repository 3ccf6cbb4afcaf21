"""The main job: it submits the keys of an event to OMS, and records the outcomes in the log bucket."""

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
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import FailedKey

# Maximum seconds to write the records of a batch: the timeout of a call to OSS.
_RECORDING_SECONDS_PER_BATCH = 5.0
# Maximum share, twice the whole, so that it remains whole after a spike with one throttled submission per instance.
_MAX_SHARE = 2.0
# Minimum share, so that an instance notices when OMS admits calls again.
_MIN_SHARE = 1 / 64
# Seconds in which the share grows from zero to the whole.
_RECOVERY_SECONDS = 60.0

_SHARE_NAME = "forward's share"
_DEFERRED_FAILURE = Failure(
    Reason.THROTTLED, message="not submitted: OMS throttled earlier calls; replay resends the key"
)


def run(event: bytes | str, invocation: Invocation) -> bool:
    """Forward the changes in `event`, any payload of the OSS trigger.

    Return True if OMS accepted all keys, False if some are recorded as failed. While the project is closed, or its
    state is unknown, all keys are recorded as failed. While OMS throttles, an instance records a share of its events as
    failed without a call, and replay sends them in batches.

    Raises EventError if part of the payload cannot be read (the other part is forwarded and recorded first), and
    RecordError if a failed key could not be recorded: after both, Function Compute keeps the event.
    """
    deadline, clock = invocation.deadline, invocation.clock
    started = clock.monotonic()
    parsed = events.parse(event, invocation.settings)
    recording = min(_RECORDING_SECONDS_PER_BATCH * ceil(len(parsed.changes) / KEYS_PER_CALL), deadline.remaining() / 2)
    keys = [change.key for change in parsed.changes]
    submission = _submit(invocation, keys, deadline.earlier_by(recording))
    outcomes = [(FailedKey(change), submission.outcomes[change.key]) for change in parsed.changes]
    recorded = record(invocation, outcomes)
    for outcome in recorded:
        if failure := outcome.failure:
            log.warning(
                {
                    "key": outcome.key.key,
                    "reason": failure.reason.name,
                    "status": failure.status,
                    "error_code": failure.error_code,
                    "message": failure.message,
                    "fix": failure.reason.fix.en,
                }
            )
    failures = [outcome.failure for outcome in recorded if outcome.failure]
    unrecorded = [str(outcome.problem) for outcome in recorded if outcome.failure and outcome.problem]
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
class _ThrottledSubmission:
    """The last submission throttled by OMS: its monotonic time, and the share after it."""

    at: float
    share: float


def _submit(invocation: Invocation, keys: Sequence[str], deadline: Deadline) -> Submission:
    """Submit `keys` if the project is open; while OMS throttles, leave a random share to replay.

    A call of forward's mostly has one key, a call of replay's ten. So above OMS's rate of calls, every call that
    forward leaves to replay increases the number of accepted keys. Instances do not communicate, so each adapts its
    share like TCP: it halves with each throttled submission, and grows evenly over time.
    """
    share = _share(invocation)
    if random.random() >= share:
        return Submission(dict.fromkeys(keys, ProjectState(invocation).refusal() or _DEFERRED_FAILURE))
    # With the whole share, a throttled call is worth another attempt within seconds.
    submission = submit(invocation, keys, deadline, repeat_throttled=share >= 1)
    if submission.throttled:
        halved = max(_MIN_SHARE, _share(invocation) / 2)
        invocation.oss.remembered[_SHARE_NAME] = _ThrottledSubmission(invocation.clock.monotonic(), halved)
    return submission


def _share(invocation: Invocation) -> float:
    """Return the share of its events that this instance submits itself; replay submits the others."""
    last = invocation.oss.remembered.get(_SHARE_NAME)
    if not isinstance(last, _ThrottledSubmission):
        return _MAX_SHARE
    return min(_MAX_SHARE, last.share + (invocation.clock.monotonic() - last.at) / _RECOVERY_SECONDS)
