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
# Maximum share: twice the whole, so that half of it is still the whole share after one throttled submission.
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
    """Submit the keys in `event`, a payload of the OSS trigger, to OMS, and record the outcome of each key.

    Return True if OMS accepted all keys. While the project is closed, or its state is unknown, all keys are recorded as
    failed. While OMS throttles calls, the keys of a random part of the events are recorded as failed without a call,
    and replay submits them.

    Raises EventError after the submission if part of the payload cannot be read, and RecordError if a failed key could
    not be recorded. Function Compute then keeps the event.
    """
    deadline, clock = invocation.deadline, invocation.clock
    start_time = clock.monotonic()
    parsed_event = events.parse(event, invocation.settings)
    recording_seconds = min(
        _RECORDING_SECONDS_PER_BATCH * ceil(len(parsed_event.changes) / KEYS_PER_CALL), deadline.remaining() / 2
    )
    keys = [change.key for change in parsed_event.changes]
    submission = _submit(invocation, keys, deadline.earlier_by(recording_seconds))
    outcomes = [(FailedKey(change), submission.outcomes[change.key]) for change in parsed_event.changes]
    results = record(invocation, outcomes)
    for result in results:
        if failure := result.failure:
            log.warning(
                {
                    "key": result.key.key,
                    "reason": failure.reason.name,
                    "status": failure.status,
                    "error_code": failure.error_code,
                    "message": failure.message,
                    "fix": failure.reason.fix.en,
                }
            )
    failures = [result.failure for result in results if result.failure]
    record_problems = [str(result.problem) for result in results if result.failure and result.problem]
    log.info(
        {
            "keys": len(parsed_event.changes),
            "accepted": len(parsed_event.changes) - len(failures),
            "failed": dict(Counter(failure.reason.name for failure in failures)),
            "skipped": dict(parsed_event.skipped),
            "unreadable": len(parsed_event.problems),
            "unrecorded": len(record_problems),
            "calls": submission.calls,
            "ms": round((clock.monotonic() - start_time) * 1000),
        }
    )
    if record_problems:
        raise RecordError(record_problems)
    if parsed_event.problems:
        raise EventError(parsed_event.problems)
    return not failures


@dataclass(frozen=True)
class _ThrottledSubmission:
    """The last submission that OMS throttled.

    - `at`: the monotonic time of the submission in seconds.
    - `share`: the share of events that the instance submitted from then on, at most 1.
    """

    at: float
    share: float


def _submit(invocation: Invocation, keys: Sequence[str], deadline: Deadline) -> Submission:
    """Submit `keys` if the project is open; while OMS throttles calls, leave a random share of the events to replay.

    OMS limits the number of calls. A call by replay has ten keys, a call by forward mostly one. Each instance adapts
    its share of events like TCP adapts its rate: a throttled submission halves the share, which then grows linearly
    with time.
    """
    share = _current_share(invocation)
    if random.random() >= share:
        return Submission(dict.fromkeys(keys, ProjectState(invocation).refusal() or _DEFERRED_FAILURE))
    # With the whole share, a throttled call is worth another attempt within seconds.
    submission = submit(invocation, keys, deadline, repeat_throttled=share >= 1)
    if submission.throttled_calls:
        halved_share = max(_MIN_SHARE, _current_share(invocation) / 2)
        invocation.oss.remembered_facts[_SHARE_NAME] = _ThrottledSubmission(invocation.clock.monotonic(), halved_share)
    return submission


def _current_share(invocation: Invocation) -> float:
    """Return the share of events that this instance submits itself; it submits all events if the share is 1 or more."""
    last_throttling = invocation.oss.remembered_facts.get(_SHARE_NAME)
    if not isinstance(last_throttling, _ThrottledSubmission):
        return _MAX_SHARE
    return min(
        _MAX_SHARE, last_throttling.share + (invocation.clock.monotonic() - last_throttling.at) / _RECOVERY_SECONDS
    )
