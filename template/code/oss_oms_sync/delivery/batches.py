"""Submission of keys to OMS in batches, with a record of the outcome of each key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.calls import Attempt, RetryBudget
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject, split_into_parts
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.errors import STOPPING_REASONS, Failure, Reason, StorageError, log
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record

_build_deadline_failure = partial(
    Failure, Reason.DEADLINE, message="not submitted: the time limit of the invocation was reached"
)


@dataclass
class Submission:
    """The result of submitting keys.

    - `outcomes`: the Failure of each key, or None if OMS accepted the key.
    - `calls`, `throttled_calls`: the numbers of calls and of throttled calls.
    """

    outcomes: dict[str, Failure | None] = field(default_factory=dict)
    calls: int = 0
    throttled_calls: int = 0


def submit(
    invocation: Invocation,
    keys: Sequence[str],
    deadline: Deadline,
    *,
    bisect: bool = True,
    repeat_throttled: bool = True,
) -> Submission:
    """Submit `keys`, which are unencoded and different from each other, to OMS in batches.

    Every call ends by `deadline`. Before each call and each retry, `ProjectState.refusal` checks that the project is
    open. If OMS refuses a batch and `bisect` is True, the batch is divided into halves down to the refused key. A
    throttled call is repeated for a few seconds if `repeat_throttled` is True.

    The result has an outcome for every key. After an exception, the outcome of every key is unknown.
    """
    oms, refusal = invocation.oms, ProjectState(invocation).refusal
    budget = RetryBudget(deadline, invocation.clock, repeat_throttled=repeat_throttled)
    submission = Submission()
    outcomes = submission.outcomes
    fatal_failure: Failure | None = None

    def attempt(batch: Sequence[str]) -> Attempt[Failure | None]:
        # The project may be closed, or the instance frozen, between a call and its retry.
        if closed_failure := refusal():
            return Attempt(closed_failure)
        submission.calls += 1
        oms_attempt = oms.attempt_submission(batch, deadline)
        submission.throttled_calls += oms_attempt.was_throttled
        return oms_attempt

    def send(batch: Sequence[str]) -> None:
        nonlocal fatal_failure
        failure = fatal_failure or budget.run(partial(attempt, batch), oms.session.close, _build_deadline_failure)
        if failure and failure.reason is Reason.REFUSED and len(batch) > 1 and bisect:
            middle = len(batch) // 2
            send(batch[:middle])
            send(batch[middle:])
            return
        if failure and failure.reason in STOPPING_REASONS:
            fatal_failure = failure
        outcomes.update(dict.fromkeys(batch, failure))

    for batch in split_into_parts(keys, KEYS_PER_CALL):
        send(batch)
        if any(outcomes[key] is None for key in batch):
            # OMS accepted another key of the batch, so the refusal concerns this key, not the task.
            for key in batch:
                failure = outcomes[key]
                if failure and failure.reason is Reason.REFUSED:
                    outcomes[key] = replace(failure, reason=Reason.REJECTED)
    return submission


class RecordResult(NamedTuple):
    """The result of writing the record of a key's outcome.

    - `failure`: None if OMS accepted the key.
    - `record`: the record that was to be written.
    - `problem`: the error if the write was not confirmed, otherwise None.
    """

    key: FailedKey
    failure: Failure | None
    record: StoredObject
    problem: StorageError | None


def record(invocation: Invocation, outcomes: Sequence[tuple[FailedKey, Failure | None]]) -> list[RecordResult]:
    """Write a failed record for each key that has a Failure, and a success record for every other key.

    Records that could not be written are logged. A key without its failed record would be lost, so the caller has to
    keep the key elsewhere. A missing success record is harmless: reconcile submits the key again.
    """
    task_id, now = invocation.task_id, invocation.clock.now()
    records = [
        failed_record(task_id, key, failure, now) if failure else success_record(task_id, key)
        for key, failure in outcomes
    ]
    problems = invocation.log_bucket.try_put_all(records)
    for (key, _), stored_record, problem in zip(outcomes, records, problems, strict=True):
        if problem:
            log.error({"key": key.key, "record": stored_record.name, "problem": str(problem)})
    return [
        RecordResult(*outcome, stored_record, problem)
        for outcome, stored_record, problem in zip(outcomes, records, problems, strict=True)
    ]
