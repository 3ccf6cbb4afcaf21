"""What became of keys that were submitted goes into the log bucket: the half of law 1 that is about records."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.oss import Bucket, StorageFailure, StoredObject
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record
from oss_oms_sync.reasons import Failure

log = logging.getLogger(__name__)


class Recorded(NamedTuple):
    """One key's outcome (None: accepted), its record, and why that is not known to be written (None: it is)."""

    key: FailedKey
    failure: Failure | None
    record: StoredObject
    problem: StorageFailure | None


def record(
    outcomes: Iterable[tuple[FailedKey, Failure | None]],
    task_id: str,
    log_bucket: Bucket,
    deadline: Deadline,
    now: datetime,
) -> list[Recorded]:
    """Write a failed record for each key that has a Failure, and a success record for each other.

    What was not written is logged, and the caller decides where its key is kept: a key without its failed record is in
    no state. A success record that is missing is harmless: OMS accepted the key, and reconcile sends it once more.
    """
    records = [
        (key, failure, failed_record(task_id, key, failure, now) if failure else success_record(task_id, key.change))
        for key, failure in outcomes
    ]
    problems = log_bucket.try_put_all([written for _, _, written in records], deadline)
    recorded = [Recorded(*one, problem) for one, problem in zip(records, problems, strict=True)]
    for one in recorded:
        if one.problem:
            kind = "failed" if one.failure else "success"
            log.error({"key": one.key.key, "record": kind, "problem": one.problem.message})
    return recorded
