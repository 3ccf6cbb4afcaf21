"""Writes a failed record for each object that OMS failed to copy and that has to be sent again.

When a key is dealt with, it is in one of these states:
- resolved: the source has nothing to send of it (see `resolved`);
- OMS's: it accepted this very version again after it had failed;
- failed: it has a failed record, which is written here, whether or not one was there; replay sends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.oms_lists import CopyFailure
from oss_oms_sync.errors import presentable
from oss_oms_sync.jobs.replay.resolved import nothing_to_send
from oss_oms_sync.jobs.replay.resting import rest, version
from oss_oms_sync.ledger.records import FailedKey, copy_attempts, failed_key, failed_record, modified_at, record_name
from oss_oms_sync.passes.classify import is_covered, listed_record
from oss_oms_sync.reasons import Failure, Reason

# Lists come within minutes. A line's time that differs more than this from its list's is not to be relied on.
_LISTS_LATE_SECONDS = 60 * 60
# A success record is written after OMS accepted the key, so OMS may have failed to copy it before; and the clouds'
# clocks may differ.
_RECORDED_WITHIN = 2 * 60


class CopyRecords:
    """Looks at the source objects and the records of what OMS failed to copy.

    `lines` counts what became of the objects, by the names in answers, `outside` those outside of the project's filter.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.lines: Counter[str] = Counter()
        self.outside = 0

    def record(self, failures: Sequence[CopyFailure], listed: int) -> int:
        """Deal with failures of a list that was written at `listed`, in seconds since 1970; return how many are outside
        of the project's filter.

        Raises StorageError if one is not known to be written, or cannot be looked at.
        """
        key_filter = self._invocation.settings.key_filter
        inside = [one for one in failures if key_filter.matches(one.key)]
        mine, outside = {one.key: one for one in inside}, len(failures) - len(inside)
        self.outside += outside
        due = []
        for one, source in zip(mine.values(), self._invocation.source_bucket.find_all(list(mine)), strict=True):
            why = nothing_to_send(source)
            if source is None or why:
                self.lines[why] += 1
            else:
                due.append((one, source))
        self._write(due, listed)
        return outside

    def _write(self, due: Sequence[tuple[CopyFailure, ObjectSummary]], listed: int) -> None:
        task_id, bucket = self._invocation.task_id, self._invocation.log_bucket
        success = bucket.get_all([record_name(task_id, "success", one.key) for one, _ in due])
        failed = bucket.get_all([record_name(task_id, "failed", one.key) for one, _ in due])
        records = []
        for (one, source), accepted, waiting in zip(due, success, failed, strict=True):
            # Of another version, it says nothing of this one: neither that it was accepted, nor how often.
            if accepted and not is_covered(source, listed_record(accepted, one.key)):
                accepted = None
            if accepted and modified_at(accepted) > _failed_at(one, listed) + _RECORDED_WITHIN:
                self.lines["accepted_again"] += 1
            else:
                self.lines["recorded"] += 1
                records.append(self._failed_record(one, source, accepted, waiting))
        for problem in bucket.try_put_all(records):
            if problem:
                raise problem.to_error()

    def _failed_record(
        self, one: CopyFailure, source: ObjectSummary, accepted: StoredObject | None, waiting: StoredObject | None
    ) -> StoredObject:
        """`accepted`: the success record of this very version; `waiting`: the failed record that is there."""
        invocation = self._invocation
        before = failed_key(invocation.task_id, waiting) if waiting else None
        attempt = copy_attempts(accepted) + 1 if accepted else 1
        first = before.first_failure if before else ""
        key = FailedKey(version(source), first_failure=first, copy_attempts=attempt)
        message = presentable(one.message, invocation.settings.secrets)
        failure = Failure(Reason.COPY_FAILED, error_code=presentable(one.code) or None, message=message)
        pause = rest(attempt)
        not_before = timestamp(from_epoch(modified_at(accepted) + pause)) if accepted and pause else ""
        return failed_record(invocation.task_id, key, failure, invocation.clock.now(), not_before)


def _failed_at(one: CopyFailure, listed: int) -> float:
    """When OMS failed to copy an object, in seconds since 1970, or later; `listed`: when its list was written.

    Too early a time would let its last acceptance count as a later one, and the failure be dropped.
    """
    at = one.at.timestamp() if one.at else listed
    return at if listed - _LISTS_LATE_SECONDS <= at <= listed else listed
