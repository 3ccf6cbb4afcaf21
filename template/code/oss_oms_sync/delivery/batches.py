"""Submission of keys to OMS in batches, with a record of each outcome.

A refused batch is bisected down to the refused key, so that each key has an outcome of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.calls import Attempt, RetryBudget
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject, parts_of
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.errors import STOPPING_REASONS, Failure, Reason, StorageError, log
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record

_too_late = partial(Failure, Reason.DEADLINE, message="not submitted: the time limit of the invocation was reached")


@dataclass
class Submission:
    """The outcome of each key (its Failure, None if OMS accepted it), the number of calls, and of throttled calls."""

    outcomes: dict[str, Failure | None] = field(default_factory=dict)
    calls: int = 0
    throttled: int = 0


def submit(
    invocation: Invocation,
    keys: Sequence[str],
    deadline: Deadline,
    *,
    bisect: bool = True,
    patient: bool = True,
) -> Submission:
    """Submit `keys` (plain text, each once) in batches, never later than `deadline`, and return the outcome of each.

    Each call, retries and halves included, needs the permission of `Closing.refusal`. A refused batch is bisected down
    to the refused key if `bisect`. A throttled call is repeated for a few seconds if `patient`. Every key has an
    outcome; after an exception, the state of every key is unknown.
    """
    oms, refusal = invocation.oms, Closing(invocation).refusal
    budget = RetryBudget(deadline, invocation.clock, patient=patient)
    submission = Submission()
    outcomes = submission.outcomes
    fatal: Failure | None = None

    def attempt(batch: Sequence[str]) -> Attempt[Failure | None]:
        # The project may be closed, or the instance frozen, between a call and its retry.
        if refused := refusal():
            return Attempt(refused)
        submission.calls += 1
        attempted = oms.attempt(batch, deadline)
        submission.throttled += attempted.throttled
        return attempted

    def send(batch: Sequence[str]) -> None:
        nonlocal fatal
        failure = fatal or budget.run(partial(attempt, batch), oms.session.close, _too_late)
        if failure and failure.reason is Reason.REFUSED and len(batch) > 1 and bisect:
            middle = len(batch) // 2
            send(batch[:middle])
            send(batch[middle:])
            return
        if failure and failure.reason in STOPPING_REASONS:
            fatal = failure
        outcomes.update(dict.fromkeys(batch, failure))

    for batch in parts_of(keys, KEYS_PER_CALL):
        send(batch)
        if any(outcomes[key] is None for key in batch):
            # OMS accepted another key of the batch, so the refusal concerns this key, not the task.
            for key in batch:
                failure = outcomes[key]
                if failure and failure.reason is Reason.REFUSED:
                    outcomes[key] = replace(failure, reason=Reason.REJECTED)
    return submission


class Recorded(NamedTuple):
    """The outcome of a key (None: accepted), its record, and the error of an unconfirmed write."""

    key: FailedKey
    failure: Failure | None
    record: StoredObject
    problem: StorageError | None


def record(invocation: Invocation, outcomes: Sequence[tuple[FailedKey, Failure | None]]) -> list[Recorded]:
    """Write a failed record for each key that has a Failure, and a success record for every other key.

    Unwritten records are logged, and the caller has to keep their keys elsewhere: without a failed record, a key would
    be lost. A missing success record is harmless: OMS accepted the key, and reconcile submits it once more.
    """
    task_id, now = invocation.task_id, invocation.clock.now()
    records = [
        failed_record(task_id, key, failure, now) if failure else success_record(task_id, key)
        for key, failure in outcomes
    ]
    problems = invocation.log_bucket.try_put_all(records)
    for (key, _), written, problem in zip(outcomes, records, problems, strict=True):
        if problem:
            log.error({"key": key.key, "record": written.name, "problem": str(problem)})
    return [
        Recorded(*outcome, written, problem)
        for outcome, written, problem in zip(outcomes, records, problems, strict=True)
    ]
