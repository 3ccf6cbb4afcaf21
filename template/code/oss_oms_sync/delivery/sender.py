"""Submission of keys for all jobs except forward: in batches, at the allowed rate, until OMS refuses too often."""

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
from oss_oms_sync.clouds.objects import StoredObject, parts_of
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.batches import Submission, record, submit
from oss_oms_sync.errors import CLOSED_REASONS, KEY_REASONS, STOPPING_REASONS, Failure, Reason, RecordError, log
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey

# Maximum number of successive batches without any accepted key: the run ends instead of trying a million keys.
_MAX_REFUSED_BATCHES = 5
# Maximum number of records of rejected keys that a run remembers.
MAX_REMEMBERED_REJECTIONS = 10_000
# Seconds for the records of a batch after its submission, and for the job's own objects.
_RECORDING_SECONDS = 10.0
# Minimum calls per second of a run, however often OMS throttles.
_MIN_RATE = 1.0
# Number of batches without throttling that restore the full rate after a throttled batch.
_RECOVERY_BATCHES = 20
# Maximum waiting time, in seconds, that faster calls make up for, such as for the next page of records.
_MAX_CATCH_UP_SECONDS = 2.0
# Calls in sequence reach about this rate (calls per second). Above it, at most _MAX_LANES calls run at the same time,
# because each takes two of the pool's threads.
_RATE_PER_LANE = 20.0
_MAX_LANES = POOL_WIDTH // 2
_CANCELLED = Failure(Reason.TIMEOUT, message="given up, because a call beside it did not end in time")


def refused(refusal: Failure) -> Stopped:
    """Return the stop of a run for this refusal of `Closing.refusal`."""
    return Stopped(Stop[refusal.reason.name], refusal.message)


class Sender:
    """The submissions of a run. `stopped`: the reason for an early end, or None."""

    def __init__(self, invocation: Invocation, share: int = 1, seconds: float = math.inf) -> None:
        """Divide the rate by the `share` runs that share it; after `seconds`, begin no call and wait for no call."""
        deadline, self._clock = invocation.deadline, invocation.clock
        self._invocation = invocation
        self._sending = deadline.earlier_by(min(_RECORDING_SECONDS, deadline.remaining() / 2))
        self._beginning = Deadline(min(seconds, self._sending.remaining()), self._clock)
        self._rate = self._full_rate = invocation.settings.oms_rate / share
        self._lanes = min(_MAX_LANES, math.ceil(self._rate / _RATE_PER_LANE))
        self._slowest = min(_MIN_RATE, invocation.settings.oms_rate) / share
        self._next_call = self._clock.monotonic()
        self._closing = Closing(invocation)
        # The refusal that ended the run, or None.
        self._refusal: Failure | None = None
        self._refused_in_a_row = 0
        # False while bisecting batches of rejected keys would waste calls.
        self._bisect = True
        self.stopped: Stopped | None = None
        self.accepted = 0
        self.failed: Counter[str] = Counter()
        self.oldest_failure = ""
        self.rejected: deque[StoredObject] = deque(maxlen=MAX_REMEMBERED_REJECTIONS)

    def may_send(self) -> bool:
        """Return True if the run may continue: there is time, OMS accepts keys, and the project is open."""
        if self.stopped:
            return False
        if self._sending.expired():
            self.stopped = TIME_IS_UP
        elif refusal := self._closing.refusal():
            self._refused(refusal)
        return not self.stopped

    def record_unsent(self, keys: Sequence[FailedKey]) -> None:
        """Record keys without another record as failed, because they must not be submitted.

        Raises RecordError.
        """
        failure = self._refusal or Failure(Reason.DEADLINE, message=self.stopped.why if self.stopped else "")
        results = record(self._invocation, [(key, failure) for key in keys])
        for recorded in results:
            self._count(recorded.key, failure)
        problems = [str(recorded.problem) for recorded in results if recorded.problem]
        if problems:
            raise RecordError(problems)

    def send(self, keys: Sequence[FailedKey], in_doubt: Collection[str] = ()) -> list[FailedKey]:
        """Submit `keys` and record the outcomes; return the keys to submit or record again.

        Keys `in_doubt` get no failed record, because a delete of that record may still arrive, and are always returned.
        """
        left: list[FailedKey] = []
        submissions: deque[tuple[Sequence[FailedKey], RunningCall[Submission]]] = deque()
        for batch in self._batches(keys):
            if len(submissions) == self._lanes:
                left += self._finish(*submissions.popleft(), in_doubt)
            if self._wait_for_turn():
                submissions.append((batch, self._begin(batch)))
            else:
                left += batch
        for submission in submissions:
            left += self._finish(*submission, in_doubt)
        return left

    def _batches(self, keys: Sequence[FailedKey]) -> Iterable[Sequence[FailedKey]]:
        """Return `keys` in batches.

        After failures of whole batches, each run divides the keys differently, with a short first batch: otherwise a
        key that OMS never accepts would block the same nine keys for ever.
        """
        if not any(key.failed_again and Reason.__members__.get(key.reason) not in KEY_REASONS for key in keys):
            return parts_of(keys, KEYS_PER_CALL)
        draw = random.Random(self._clock.now().timestamp())
        start, few = draw.randrange(len(keys)), draw.randint(1, max(1, min(len(keys), KEYS_PER_CALL) // 2))
        rotated = [*keys[start:], *keys[:start]]
        return [rotated[:few], *parts_of(rotated[few:], KEYS_PER_CALL)]

    def _refused(self, refusal: Failure) -> None:
        self._refusal, self.stopped = refusal, refused(refusal)

    def _wait_for_turn(self) -> bool:
        if self.stopped:
            return False
        wait = self._next_call - self._clock.monotonic()
        if wait >= self._beginning.remaining():
            self.stopped = TIME_IS_UP
            return False
        if wait > 0:
            self._clock.sleep(wait)
        return self.may_send()

    def _begin(self, batch: Sequence[FailedKey]) -> RunningCall[Submission]:
        self._next_call = max(self._next_call, self._clock.monotonic() - _MAX_CATCH_UP_SECONDS) + 1 / self._rate
        keys = [key.key for key in batch]
        bisect = self._bisect or _has_new_keys(batch)
        call = partial(submit, self._invocation, keys, self._sending, bisect=bisect)
        # Every submission ends in time without help.
        return self._invocation.oss.pool.begin(call, self._sending.remaining() + _RECORDING_SECONDS)

    def _finish(
        self, batch: Sequence[FailedKey], begun: RunningCall[Submission], in_doubt: Collection[str]
    ) -> list[FailedKey]:
        submission = begun.result() or Submission(dict.fromkeys((key.key for key in batch), _CANCELLED))
        self._pace(submission)
        self._check_refusals(batch, submission)
        return self._record(batch, submission, in_doubt)

    def _pace(self, submission: Submission) -> None:
        """Slow down after a batch that was throttled to its end, and recover after others.

        A single throttled call has no effect: replay submits ten keys per call and has priority, so forward then makes
        fewer calls.
        """
        if any(failure and failure.reason is Reason.THROTTLED for failure in submission.outcomes.values()):
            self._rate = max(self._slowest, self._rate / 2)
        else:
            self._rate = min(self._full_rate, self._rate + self._full_rate / _RECOVERY_BATCHES)
        self._next_call += (submission.calls - 1) / self._rate

    def _check_refusals(self, batch: Sequence[FailedKey], submission: Submission) -> None:
        failures = [failure for failure in submission.outcomes.values() if failure]
        reasons = [failure.reason for failure in failures]
        stopping = [reason for reason in reasons if reason in STOPPING_REASONS]
        if refusal := next((failure for failure in failures if failure.reason in CLOSED_REASONS), None):
            self._refused(refusal)
            return
        if len(failures) < len(submission.outcomes):
            self._refused_in_a_row, self._bisect = 0, True
            return
        self._refused_in_a_row += _has_new_keys(batch)
        if Reason.REFUSED in reasons:
            self._bisect = False
        if Reason.DEADLINE in reasons:
            self.stopped = TIME_IS_UP
        elif stopping:
            why = f"OMS refuses every key: {stopping[0].name}. {stopping[0].fix.en}"
            self.stopped = Stopped(Stop.REFUSED, why)
        elif self._refused_in_a_row == _MAX_REFUSED_BATCHES:
            why = f"OMS took nothing of {_MAX_REFUSED_BATCHES} batches in a row, the last: {reasons[-1].name}"
            self.stopped = Stopped(Stop.NOTHING_TAKEN, why)

    def _record(self, batch: Sequence[FailedKey], submission: Submission, in_doubt: Collection[str]) -> list[FailedKey]:
        """Write the records of the submitted keys; return the keys without another record."""
        left = [key for key in batch if key.key in in_doubt]
        outcomes: list[tuple[FailedKey, Failure | None]] = []
        for key in batch:
            failure = submission.outcomes[key.key]
            if failure and failure.reason is Reason.REFUSED and key.reason == Reason.REJECTED.name:
                # A batch with only rejected keys has the reason REFUSED.
                failure = replace(failure, reason=Reason.REJECTED)
            if failure and failure.reason in (Reason.DEADLINE, *CLOSED_REASONS):  # not submitted
                left += [key] if key.key not in in_doubt else []
                continue
            self._count(key, failure)
            if failure is None or key.key not in in_doubt:
                outcomes.append((key, failure))
        for recorded in record(self._invocation, outcomes):
            if recorded.failure and recorded.problem:
                left.append(recorded.key)
            elif recorded.failure and recorded.failure.reason is Reason.REJECTED:
                self.rejected.append(recorded.record)
        return left

    def _count(self, key: FailedKey, failure: Failure | None) -> None:
        if failure:
            self.failed[failure.reason.name] += 1
            self.oldest_failure = earliest(self.oldest_failure, key.first_failure)
            log.debug({"key": key.key, "reason": failure.reason.name, "message": failure.message})
        else:
            self.accepted += 1


def _has_new_keys(batch: Sequence[FailedKey]) -> bool:
    """Return True if the batch has a key without an earlier rejection: only then a refusal may concern the task."""
    return any(key.reason != Reason.REJECTED.name for key in batch)


def earliest(*times: str) -> str:
    """Return the earliest of `times`, in the format of records; an unknown (empty) time is ignored."""
    return min(filter(None, times), default="")
