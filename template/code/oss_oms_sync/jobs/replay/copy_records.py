"""Writes a failed record for each object that OMS failed to copy and that has to be sent again.

When a key is dealt with, it is in one of these states:
- resolved: the source has no such object any more, or OBS has it, or has something newer, which is reported;
- OMS's: it was accepted again after it had failed;
- failed: it has a failed record, which was there or is written here; replay sends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.oms_lists import CopyFailure
from oss_oms_sync.errors import presentable
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.replay.verdict import Copy, by_both_sides, by_records, rest
from oss_oms_sync.ledger.records import (
    FailedKey,
    copy_attempts,
    failed_key,
    failed_record,
    modified_at,
    record_name,
)
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.reasons import Failure, Reason

# Lists come within minutes. A line's time that differs more than this from its list's is not to be relied on.
_LISTS_LATE_SECONDS = 60 * 60


class CopyRecords:
    """Looks at both sides of what OMS failed to copy to `bucket`, and at its records.

    `lines` counts what became of the objects, `outside` those outside of the project's filter.
    """

    def __init__(self, invocation: Invocation, bucket: ObsBucket) -> None:
        self._invocation = invocation
        self._bucket = bucket
        self.lines: Counter[Copy] = Counter()
        self.outside = 0

    def record(self, failures: Sequence[CopyFailure], listed: int) -> list[bool]:
        """Deal with failures of a list that was written at `listed`, in seconds since 1970; return of each whether it
        is outside of the project's filter.

        Raises StorageError if one is not known to be written, or cannot be looked at.
        """
        key_filter = self._invocation.settings.key_filter
        outside = [not key_filter.matches(one.key) for one in failures]
        mine = {one.key: one for one, is_outside in zip(failures, outside, strict=True) if not is_outside}
        self.outside += sum(outside)
        sources, copies = self._look_at_both(list(mine))
        self.lines.update(copy for copy in copies.values() if copy is not Copy.DUE)
        if Copy.NEWER_THERE in copies.values():
            JobState(self._invocation).note_newer_there()
        due = [mine[key] for key, copy in copies.items() if copy is Copy.DUE]
        self._write(due, [sources[one.key] for one in due], listed)
        return outside

    def _look_at_both(self, keys: Sequence[str]) -> tuple[dict[str, ObjectSummary], dict[str, Copy]]:
        """The source objects, and what follows from them and those in OBS."""
        copies = dict.fromkeys(keys, Copy.GONE)
        found = dict(zip(keys, self._invocation.source_bucket.find_all(keys), strict=True))
        sources = {key: source for key, source in found.items() if source}
        there = self._bucket.find_all(list(sources))
        copies |= {key: by_both_sides(sources[key], one) for key, one in zip(sources, there, strict=True)}
        return sources, copies

    def _write(self, due: Sequence[CopyFailure], sources: Sequence[ObjectSummary], listed: int) -> None:
        task_id, bucket = self._invocation.task_id, self._invocation.log_bucket
        success = bucket.get_all([record_name(task_id, "success", one.key) for one in due])
        failed = bucket.get_all([record_name(task_id, "failed", one.key) for one in due])
        records = []
        for one, source, accepted, waiting in zip(due, sources, success, failed, strict=True):
            times = [modified_at(record) if record else 0 for record in (accepted, waiting)]
            copy = by_records(source.modified, _failed_at(one, listed), *times)
            if copy is Copy.DUE:
                records.append(self._failed_record(one, source, accepted, waiting))
            self.lines[copy] += 1
        for problem in bucket.try_put_all(records):
            if problem:
                raise problem.to_error()

    def _failed_record(
        self, one: CopyFailure, source: ObjectSummary, accepted: StoredObject | None, waiting: StoredObject | None
    ) -> StoredObject:
        invocation = self._invocation
        before = failed_key(invocation.task_id, waiting) if waiting else None
        attempt = copy_attempts(accepted, source.etag) + 1
        key = FailedKey(
            ObjectChange(one.key, etag=source.etag),
            first_failure=before.first_failure if before else "",
            copy_attempts=attempt,
        )
        message = presentable(one.message, invocation.settings.secrets)
        failure = Failure(Reason.COPY_FAILED, error_code=presentable(one.code) or None, message=message)
        pause = rest(attempt) if accepted else 0
        not_before = timestamp(from_epoch(modified_at(accepted) + pause)) if accepted and pause else ""
        return failed_record(invocation.task_id, key, failure, invocation.clock.now(), not_before)


def _failed_at(one: CopyFailure, listed: int) -> float:
    """When OMS failed to copy an object, in seconds since 1970, or later; `listed`: when its list was written.

    Too early a time would let its last acceptance count as a later one, and the failure be dropped.
    """
    at = one.at.timestamp() if one.at else listed
    return at if listed - _LISTS_LATE_SECONDS <= at <= listed else listed
