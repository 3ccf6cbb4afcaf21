"""Calls to one cloud side by side, each retried while that helps, within an invocation's deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.connection import Session
from oss_oms_sync.clouds.objects import StorageFailure
from oss_oms_sync.clouds.pool import Begun, CallPool
from oss_oms_sync.clouds.retry import Attempt, RetryBudget

T = TypeVar("T")

NO_ANSWER = StorageFailure("no answer in time", answered=False)
TOO_LATE = StorageFailure("the invocation's time was up", answered=True)


class Calls:
    """The calls of one invocation on one session. An attempt is one call, made on that session; it returns its failure
    and raises nothing that is expected.

    `no_answer` is the result of a call that was given up, `too_late` of one that was not attempted.
    """

    def __init__(
        self,
        session: Session,
        pool: CallPool,
        deadline: Deadline,
        clock: Clock,
        no_answer: StorageFailure = NO_ANSWER,
        too_late: StorageFailure = TOO_LATE,
    ) -> None:
        self._session = session
        self._pool = pool
        self._deadline = deadline
        self._clock = clock
        self._no_answer = no_answer
        self._too_late = too_late

    def run(self, attempts: Sequence[Callable[[], Attempt[T | StorageFailure]]]) -> list[T | StorageFailure]:
        """Make these calls side by side, and return their results in order."""
        self._session.use()
        budget = RetryBudget(self._deadline, self._clock)
        retried = [partial(self._retried, attempt, budget) for attempt in attempts]
        results = self._pool.run(retried, self._deadline.remaining())
        if None in results:
            self._session.abort()
        return [self._no_answer if one is None else one for one in results]

    def begin(self, attempt: Callable[[], Attempt[T | StorageFailure]]) -> PendingCall[T]:
        """Let one call begin while its caller does something else."""
        self._session.use()
        budget = RetryBudget(self._deadline, self._clock)
        begun = self._pool.begin(partial(self._retried, attempt, budget), self._deadline.remaining())
        return PendingCall(begun, self._session, budget, self._no_answer)

    def _retried(self, attempt: Callable[[], Attempt[T | StorageFailure]], budget: RetryBudget) -> T | StorageFailure:
        too_late: T | StorageFailure = self._too_late
        return budget.run(attempt, self._session.close, if_not_attempted=too_late)


class PendingCall(Generic[T]):
    """A call that was begun."""

    def __init__(
        self, begun: Begun[T | StorageFailure], session: Session, budget: RetryBudget, no_answer: StorageFailure
    ) -> None:
        self._begun = begun
        self._session = session
        self._budget = budget
        self._no_answer = no_answer

    def result(self) -> T:
        """Wait for the call and return its result.

        Raises StorageError if the call failed.
        """
        found = self._begun.result()
        if found is None:
            self._session.abort()
            found = self._no_answer
        if isinstance(found, StorageFailure):
            raise found.to_error()
        return found

    def leave(self) -> None:
        """End the call: nobody will ask for its result."""
        self._budget.give_up()
        if self._begun.leave():
            self._session.abort()
