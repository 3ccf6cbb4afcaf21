"""Submission of keys for all jobs except forward: at a limited rate, until OMS refuses several successive batches."""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial

from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.calls import RunningCall
from oss_oms_sync.clouds.connection import POOL_WIDTH
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject, split_into_parts
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.batches import Submission, record, submit
from oss_oms_sync.errors import CLOSED_REASONS, KEY_REASONS, STOPPING_REASONS, Failure, Reason, RecordError, log
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import FailedKey

# Number of successive batches without any accepted key after which the run ends, instead of trying a million keys.
_MAX_REFUSED_BATCHES = 5
# Maximum number of records of rejected keys that a run remembers.
MAX_REMEMBERED_REJECTIONS = 10_000
# Seconds that are reserved after the submission of a batch to write its records, and the job's own objects.
_RECORDING_SECONDS = 10.0
# Minimum number of calls per second of a run, even if OMS throttles every batch.
_MIN_RATE = 1.0
# Number of batches without throttling that restore the full rate after a throttled batch.
_RECOVERY_BATCHES = 20
# Maximum delay in seconds, for example by reading the next page of records, that faster calls make up for.
_MAX_CATCH_UP_SECONDS = 2.0
# The rate that successive calls reach, in calls per second. For a higher rate, up to _MAX_LANES calls run at the same
# time, because each call takes two of the pool's threads.
_RATE_PER_LANE = 20.0
_MAX_LANES = POOL_WIDTH // 2
_CANCELLED_FAILURE = Failure(Reason.TIMEOUT, message="given up, because a parallel call did not end in time")


def stop_for_refusal(refusal: Failure) -> Stopped:
    """Convert a failure that `ProjectState.refusal` returned to the reason why the run stops."""
    return Stopped(Stop[refusal.reason.name], refusal.message)


class Sender:
    """A sender that submits the keys of a run to OMS, and counts the outcomes.

    `stopped` is the reason why the run has to end early, or None.
    """

    def __init__(self, invocation: Invocation, parallel_runs: int = 1, seconds: float = math.inf) -> None:
        """Prepare one of the `parallel_runs`, each of which has an equal part of the maximum rate of calls.

        After `seconds`, the run begins no further call, and does not wait for its turn.
        """
        deadline, self._clock = invocation.deadline, invocation.clock
        self._invocation = invocation
        self._sending_deadline = deadline.earlier_by(min(_RECORDING_SECONDS, deadline.remaining() / 2))
        self._beginning_deadline = Deadline(min(seconds, self._sending_deadline.remaining()), self._clock)
        self._rate = self._full_rate = invocation.settings.oms_rate / parallel_runs
        self._max_parallel_calls = min(_MAX_LANES, math.ceil(self._rate / _RATE_PER_LANE))
        self._min_rate = min(_MIN_RATE, invocation.settings.oms_rate) / parallel_runs
        self._next_call_time = self._clock.monotonic()
        self._closing = ProjectState(invocation)
        # The refusal by the closed mark that ended the run, or None.
        self._refusal: Failure | None = None
        self._refused_batches = 0
        # False while halves of refused batches are not worth a call, because OMS accepts no key.
        self._may_bisect = True
        self.stopped: Stopped | None = None
        self.accepted = 0
        self.failed: Counter[str] = Counter()
        self.oldest_failure = ""
        self.rejected: deque[StoredObject] = deque(maxlen=MAX_REMEMBERED_REJECTIONS)

    def may_send(self) -> bool:
        """Return True if the run may continue: it has time left, OMS accepts keys, and the project is open."""
        if self.stopped:
            return False
        if self._sending_deadline.expired():
            self.stopped = TIME_IS_UP
        elif refusal := self._closing.refusal():
            self._stop_for_refusal(refusal)
        return not self.stopped

    def record_unsent(self, keys: Sequence[FailedKey]) -> None:
        """Write failed records for keys that must not be submitted and have no other record.

        Raises RecordError if a record could not be written.
        """
        failure = self._refusal or Failure(Reason.DEADLINE, message=self.stopped.why if self.stopped else "")
        results = record(self._invocation, [(key, failure) for key in keys])
        for record_result in results:
            self._count_outcome(record_result.key, failure)
        problems = [str(record_result.problem) for record_result in results if record_result.problem]
        if problems:
            raise RecordError(problems)

    def send(self, keys: Sequence[FailedKey], doubtful_keys: Collection[str] = ()) -> list[FailedKey]:
        """Submit `keys` and record the outcomes; return the keys that have to be submitted or recorded again.

        OSS has not confirmed the delete of an earlier record of each of the `doubtful_keys`. This delete may still take
        effect and remove a newer record, so no failed record is written for these keys, and they are always returned.
        """
        remaining_keys: list[FailedKey] = []
        submissions: deque[tuple[Sequence[FailedKey], RunningCall[Submission]]] = deque()
        for batch in self._divide_into_batches(keys):
            if len(submissions) == self._max_parallel_calls:
                remaining_keys += self._finish_submission(*submissions.popleft(), doubtful_keys)
            if self._wait_for_turn():
                submissions.append((batch, self._begin_submission(batch)))
            else:
                remaining_keys += batch
        for submission in submissions:
            remaining_keys += self._finish_submission(*submission, doubtful_keys)
        return remaining_keys

    def _divide_into_batches(self, keys: Sequence[FailedKey]) -> Iterable[Sequence[FailedKey]]:
        """Divide keys into batches, at a random place if whole batches have failed before.

        With fixed batches, a key that OMS never accepts would block the same nine other keys for ever.
        """
        if not any(key.has_failed_before and Reason.__members__.get(key.reason) not in KEY_REASONS for key in keys):
            return split_into_parts(keys, KEYS_PER_CALL)
        random_generator = random.Random(self._clock.now().timestamp())
        start, first_size = (
            random_generator.randrange(len(keys)),
            random_generator.randint(1, max(1, min(len(keys), KEYS_PER_CALL) // 2)),
        )
        rotated_keys = [*keys[start:], *keys[:start]]
        return [rotated_keys[:first_size], *split_into_parts(rotated_keys[first_size:], KEYS_PER_CALL)]

    def _stop_for_refusal(self, refusal: Failure) -> None:
        self._refusal, self.stopped = refusal, stop_for_refusal(refusal)

    def _wait_for_turn(self) -> bool:
        if self.stopped:
            return False
        wait_seconds = self._next_call_time - self._clock.monotonic()
        if wait_seconds >= self._beginning_deadline.remaining():
            self.stopped = TIME_IS_UP
            return False
        if wait_seconds > 0:
            self._clock.sleep(wait_seconds)
        return self.may_send()

    def _begin_submission(self, batch: Sequence[FailedKey]) -> RunningCall[Submission]:
        self._next_call_time = (
            max(self._next_call_time, self._clock.monotonic() - _MAX_CATCH_UP_SECONDS) + 1 / self._rate
        )
        keys = [key.key for key in batch]
        bisect = self._may_bisect or _has_new_keys(batch)
        call = partial(submit, self._invocation, keys, self._sending_deadline, bisect=bisect)
        # A submission ends by its own deadline, so this time limit is never reached.
        return self._invocation.oss.pool.begin(call, self._sending_deadline.remaining() + _RECORDING_SECONDS)

    def _finish_submission(
        self, batch: Sequence[FailedKey], running_call: RunningCall[Submission], doubtful_keys: Collection[str]
    ) -> list[FailedKey]:
        submission = running_call.result() or Submission(dict.fromkeys((key.key for key in batch), _CANCELLED_FAILURE))
        self._adjust_rate(submission)
        self._check_refusals(batch, submission)
        return self._record_outcomes(batch, submission, doubtful_keys)

    def _adjust_rate(self, submission: Submission) -> None:
        """Reduce the rate after a batch whose last call was throttled, and restore it step by step after other batches.

        A throttled call that succeeds at a retry does not reduce the rate.
        """
        if any(failure and failure.reason is Reason.THROTTLED for failure in submission.outcomes.values()):
            self._rate = max(self._min_rate, self._rate / 2)
        else:
            self._rate = min(self._full_rate, self._rate + self._full_rate / _RECOVERY_BATCHES)
        self._next_call_time += (submission.calls - 1) / self._rate

    def _check_refusals(self, batch: Sequence[FailedKey], submission: Submission) -> None:
        failures = [failure for failure in submission.outcomes.values() if failure]
        reasons = [failure.reason for failure in failures]
        stopping_reasons = [reason for reason in reasons if reason in STOPPING_REASONS]
        if refusal := next((failure for failure in failures if failure.reason in CLOSED_REASONS), None):
            self._stop_for_refusal(refusal)
            return
        if len(failures) < len(submission.outcomes):
            self._refused_batches, self._may_bisect = 0, True
            return
        self._refused_batches += _has_new_keys(batch)
        if Reason.REFUSED in reasons:
            self._may_bisect = False
        if Reason.DEADLINE in reasons:
            self.stopped = TIME_IS_UP
        elif stopping_reasons:
            message = f"OMS refuses every key: {stopping_reasons[0].name}. {stopping_reasons[0].fix.en}"
            self.stopped = Stopped(Stop.REFUSED, message)
        elif self._refused_batches == _MAX_REFUSED_BATCHES:
            message = f"OMS accepted no key of {_MAX_REFUSED_BATCHES} batches in a row, the last: {reasons[-1].name}"
            self.stopped = Stopped(Stop.NOTHING_TAKEN, message)

    def _record_outcomes(
        self, batch: Sequence[FailedKey], submission: Submission, doubtful_keys: Collection[str]
    ) -> list[FailedKey]:
        """Write the records of the submitted keys, and return the keys that have no record."""
        remaining_keys = [key for key in batch if key.key in doubtful_keys]
        outcomes: list[tuple[FailedKey, Failure | None]] = []
        for key in batch:
            failure = submission.outcomes[key.key]
            if failure and failure.reason is Reason.REFUSED and key.reason == Reason.REJECTED.name:
                # If OMS rejects every key of a batch, the reason of each is REFUSED.
                failure = replace(failure, reason=Reason.REJECTED)
            if failure and failure.reason in (Reason.DEADLINE, *CLOSED_REASONS):  # the key was not submitted
                remaining_keys += [key] if key.key not in doubtful_keys else []
                continue
            self._count_outcome(key, failure)
            if failure is None or key.key not in doubtful_keys:
                outcomes.append((key, failure))
        for record_result in record(self._invocation, outcomes):
            if record_result.failure and record_result.problem:
                remaining_keys.append(record_result.key)
            elif record_result.failure and record_result.failure.reason is Reason.REJECTED:
                self.rejected.append(record_result.record)
        return remaining_keys

    def _count_outcome(self, key: FailedKey, failure: Failure | None) -> None:
        if failure:
            self.failed[failure.reason.name] += 1
            self.oldest_failure = earliest_time(self.oldest_failure, key.first_failure)
            log.debug({"key": key.key, "reason": failure.reason.name, "message": failure.message})
        else:
            self.accepted += 1


def _has_new_keys(batch: Sequence[FailedKey]) -> bool:
    """Return True if the batch has a key that OMS has not rejected before.

    The refusal of a batch says nothing about the sync task if OMS has rejected all its keys before.
    """
    return any(key.reason != Reason.REJECTED.name for key in batch)


def earliest_time(*times: str) -> str:
    """Return the earliest of `times`, which are in the format of records; an empty time is unknown and ignored."""
    return min(filter(None, times), default="")
