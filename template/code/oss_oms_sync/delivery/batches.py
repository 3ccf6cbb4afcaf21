"""Submits keys to OMS in batches, and records what became of each: a refused batch is bisected down to the refused key,
so that each key has an outcome of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.calls import Attempt, RetryBudget
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject, parts_of
from oss_oms_sync.clouds.oms import KEYS_PER_CALL, OmsClient
from oss_oms_sync.errors import StorageError, log
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record
from oss_oms_sync.reasons import STOPS_RUN, Failure, Reason


@dataclass
class Submission:
    """The outcome of each key (its Failure, or None if OMS accepted it), and how many calls were made and throttled."""

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

    Before each call, retries and halves included, it is asked whether anything may be sent: see `Closing.refusal`. A
    refused batch is bisected down to the refused key, unless `bisect` is False. A throttled call is attempted again for
    some seconds, unless `patient` is False. Every key has an outcome, whatever OMS answers; after an exception, nothing
    is known about any key.
    """
    budget = RetryBudget(deadline, invocation.clock, patient=patient)
    bisection = _Bisection(invocation.oms, deadline, budget, bisect, Closing(invocation).refusal)
    for batch in parts_of(keys, KEYS_PER_CALL):
        bisection.send_batch(batch)
    return bisection.submission


class _Bisection:
    """One submission, with what is known so far."""

    def __init__(
        self,
        oms: OmsClient,
        deadline: Deadline,
        budget: RetryBudget,
        bisect: bool,
        refusal: Callable[[], Failure | None],
    ) -> None:
        self._oms = oms
        self._deadline = deadline
        self._budget = budget
        self._bisect = bisect
        self._refusal = refusal
        self._fatal: Failure | None = None
        self.submission = Submission()

    def send_batch(self, keys: Sequence[str]) -> None:
        self._send(keys)
        outcomes = self.submission.outcomes
        if any(outcomes[key] is None for key in keys):
            # OMS accepted another key of the batch, so the task works, and the refusal is about this key.
            for key in keys:
                failure = outcomes[key]
                if failure and failure.reason is Reason.REFUSED:
                    outcomes[key] = replace(failure, reason=Reason.REJECTED)

    def _send(self, keys: Sequence[str]) -> None:
        failure = self._fatal or self._call(keys)
        if failure and failure.reason is Reason.REFUSED and len(keys) > 1 and self._bisect:
            middle = len(keys) // 2
            self._send(keys[:middle])
            self._send(keys[middle:])
            return
        if failure and failure.reason in STOPS_RUN:
            self._fatal = failure
        self.submission.outcomes.update(dict.fromkeys(keys, failure))

    def _call(self, keys: Sequence[str]) -> Failure | None:
        """Submit `keys` in one call, retried while that helps."""

        def call() -> Attempt[Failure | None]:
            # Before a retry too: the project may have been closed since, or the instance frozen.
            if refusal := self._refusal():
                return Attempt(refusal)
            self.submission.calls += 1
            outcome = self._oms.attempt(keys, self._deadline)
            self.submission.throttled += outcome.throttled
            return outcome

        too_late: Failure | None = Failure(Reason.DEADLINE, message="not sent: the invocation's time was up")
        return self._budget.run(call, self._oms.close_connections, if_not_attempted=too_late)


class Recorded(NamedTuple):
    """The outcome of one key (None: accepted), its record, and why that is not known to be written (None: it is)."""

    key: FailedKey
    failure: Failure | None
    record: StoredObject
    problem: StorageError | None

    def log_problem(self) -> None:
        """Log that the record was not written, if so."""
        if self.problem:
            log.error({"key": self.key.key, "record": self.record.name, "problem": str(self.problem)})


def record(invocation: Invocation, outcomes: Sequence[tuple[FailedKey, Failure | None]]) -> list[Recorded]:
    """Write a failed record for each key that has a Failure, and a success record for every other key.

    The caller logs what was not written, and decides where its key is kept: without a failed record, the key would be
    lost. A missing success record is harmless: OMS accepted the key, and reconcile submits it once more.
    """
    task_id, now = invocation.task_id, invocation.clock.now()
    records = [
        failed_record(task_id, key, failure, now) if failure else success_record(task_id, key.change, key.copy_attempts)
        for key, failure in outcomes
    ]
    problems = invocation.log_bucket.try_put_all(records)
    return [Recorded(*one, written, problem) for one, written, problem in zip(outcomes, records, problems, strict=True)]
