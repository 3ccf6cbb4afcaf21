"""Submits keys again for all jobs but forward: in batches, at the allowed rate, and no longer than makes sense."""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial

from oss_oms_sync.answers.step import TIME_IS_UP, Stop, Stopped
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.calls import RunningCall
from oss_oms_sync.clouds.connection import POOL_WIDTH
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject, parts_of
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.batches import Submission, record, submit
from oss_oms_sync.errors import KEY_REASONS, MAY_NOT_SEND, STOPS_RUN, Failure, Reason, RecordError, log
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey

# A run ends after this many batches in a row of which OMS accepted nothing, rather than burn through a million keys.
_MAX_REFUSED_BATCHES = 5
# How many records of rejected keys are remembered at most.
MAX_REJECTED_KEPT = 10_000
# Reserved for recording a batch after it was submitted, and for what the job itself has to store.
_RECORDING_SECONDS = 10.0
# However often OMS throttles, a run continues at one call per second.
_MIN_RATE = 1.0
# After a throttled batch, so many that are not bring the whole rate back.
_RECOVERY_BATCHES = 20
# What was lost by waiting for other things, such as the next page of records, is made up for so far.
_MAKE_UP_SECONDS = 2.0
# One call after the other reaches about this rate. For more, so many calls at most are made side by side, because each
# takes two of the pool's threads.
_RATE_OF_A_LANE = 20.0
_MAX_LANES = POOL_WIDTH // 2
_CANCELLED = Failure(Reason.TIMEOUT, message="given up, because a call beside it did not end in time")


def refused(refusal: Failure) -> Stopped:
    """What stops whoever may send nothing, by `Closing.refusal`."""
    return Stopped(Stop[refusal.reason.name], refusal.message)


class Sender:
    """The submissions of one run. `stopped` says why they ended early; None if they did not."""

    def __init__(self, invocation: Invocation, share: int = 1, seconds: float = math.inf) -> None:
        """`share`: how many runs share the rate. `seconds`: after these it begins no call, and waits for none."""
        deadline, self._clock = invocation.deadline, invocation.clock
        self._invocation = invocation
        self._sending = deadline.minus(min(_RECORDING_SECONDS, deadline.remaining() / 2))
        self._beginning = Deadline(min(seconds, self._sending.remaining()), self._clock)
        self._rate = self._full_rate = invocation.settings.oms_rate / share
        self._lanes = min(_MAX_LANES, math.ceil(self._rate / _RATE_OF_A_LANE))
        self._slowest = min(_MIN_RATE, invocation.settings.oms_rate) / share
        self._next_call = self._clock.monotonic()
        self._closing = Closing(invocation)
        # Why nothing may be sent, once that is so.
        self._refusal: Failure | None = None
        self._refused_in_a_row = 0
        # Whether that may be worth its calls for keys that were rejected before.
        self._bisect = True
        self.stopped: Stopped | None = None
        self.accepted = 0
        self.failed: Counter[str] = Counter()
        self.oldest_failure = ""
        self.rejected: deque[StoredObject] = deque(maxlen=MAX_REJECTED_KEPT)

    def may_send(self) -> bool:
        """Whether the run may go on: there is time, OMS takes keys, and the project is open."""
        if self.stopped:
            return False
        if self._sending.expired():
            self.stopped = TIME_IS_UP
        elif refusal := self._closing.refusal():
            self._refused(refusal)
        return not self.stopped

    def record_unsent(self, keys: Sequence[FailedKey]) -> None:
        """Record keys that are written down nowhere else as failed, because they may not be sent.

        Raises RecordError.
        """
        failure = self._refusal or Failure(Reason.DEADLINE, message=self.stopped.why if self.stopped else "")
        recorded = record(self._invocation, [(key, failure) for key in keys])
        for one in recorded:
            self._count(one.key, failure)
        problems = [str(one.problem) for one in recorded if one.problem]
        if problems:
            raise RecordError(problems)

    def send(self, keys: Sequence[FailedKey], in_doubt: Collection[str] = ()) -> list[FailedKey]:
        """Submit `keys` and record the outcomes; return the keys that still have to be submitted or recorded.

        Keys `in_doubt` get no failed record, because a delete may be on its way to it, and are always returned.
        """
        left: list[FailedKey] = []
        begun: deque[tuple[Sequence[FailedKey], RunningCall[Submission]]] = deque()
        for batch in self._batches(keys):
            if len(begun) == self._lanes:
                left += self._finish(*begun.popleft(), in_doubt)
            if self._may_go_on():
                begun.append((batch, self._begin(batch)))
            else:
                left += batch
        for one in begun:
            left += self._finish(*one, in_doubt)
        return left

    def _batches(self, keys: Sequence[FailedKey]) -> Iterable[Sequence[FailedKey]]:
        """`keys` in batches. Where some failed again with whole batches, these are cut otherwise in each run, and the
        first has few: else a key that OMS never takes would hold back the same nine for ever."""
        if not any(key.failed_again and Reason.__members__.get(key.reason) not in KEY_REASONS for key in keys):
            return parts_of(keys, KEYS_PER_CALL)
        draw = random.Random(self._clock.now().timestamp())
        start, few = draw.randrange(len(keys)), draw.randint(1, max(1, min(len(keys), KEYS_PER_CALL) // 2))
        turned = [*keys[start:], *keys[:start]]
        return [turned[:few], *parts_of(turned[few:], KEYS_PER_CALL)]

    def _refused(self, refusal: Failure) -> None:
        self._refusal, self.stopped = refusal, refused(refusal)

    def _may_go_on(self) -> bool:
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
        self._next_call = max(self._next_call, self._clock.monotonic() - _MAKE_UP_SECONDS) + 1 / self._rate
        keys = [key.key for key in batch]
        bisect = self._bisect or _says_something(batch)
        call = partial(submit, self._invocation, keys, self._sending, bisect=bisect)
        # A submission ends by itself, in time.
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

        A single throttled call does not matter: what replay sends in tens should go first, so it is forward that makes
        fewer calls then.
        """
        if any(failure and failure.reason is Reason.THROTTLED for failure in submission.outcomes.values()):
            self._rate = max(self._slowest, self._rate / 2)
        else:
            self._rate = min(self._full_rate, self._rate + self._full_rate / _RECOVERY_BATCHES)
        self._next_call += (submission.calls - 1) / self._rate

    def _check_refusals(self, batch: Sequence[FailedKey], submission: Submission) -> None:
        failures = [failure for failure in submission.outcomes.values() if failure]
        reasons = [failure.reason for failure in failures]
        stopping = [reason for reason in reasons if reason in STOPS_RUN]
        if refusal := next((failure for failure in failures if failure.reason in MAY_NOT_SEND), None):
            self._refused(refusal)
            return
        if len(failures) < len(submission.outcomes):
            self._refused_in_a_row, self._bisect = 0, True
            return
        self._refused_in_a_row += _says_something(batch)
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
        """Write the records of what was submitted; return the keys whose state is recorded nowhere else."""
        left = [key for key in batch if key.key in in_doubt]
        outcomes: list[tuple[FailedKey, Failure | None]] = []
        for key in batch:
            failure = submission.outcomes[key.key]
            if failure and failure.reason is Reason.REFUSED and key.reason == Reason.REJECTED.name:
                # In a batch of only such keys, it would be REFUSED.
                failure = replace(failure, reason=Reason.REJECTED)
            if failure and failure.reason in (Reason.DEADLINE, *MAY_NOT_SEND):  # not sent
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


def _says_something(batch: Sequence[FailedKey]) -> bool:
    """Whether refusing the batch says something about the task: it does not if all its keys were rejected before."""
    return any(key.reason != Reason.REJECTED.name for key in batch)


def earliest(*times: str) -> str:
    """The earliest of times in the format of records; an unknown (empty) one does not count."""
    return min(filter(None, times), default="")
