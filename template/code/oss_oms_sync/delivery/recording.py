"""Writes the outcomes of submitted keys into the log bucket, so that no key is dropped."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record
from oss_oms_sync.reasons import Failure

log = logging.getLogger(__name__)


class Recorded(NamedTuple):
    """The outcome of one key (None: accepted), its record, and why that is not known to be written (None: it is)."""

    key: FailedKey
    failure: Failure | None
    record: StoredObject
    problem: StorageFailure | None

    def log_problem(self) -> None:
        """Log that the record was not written, if so."""
        if self.problem:
            log.error({"key": self.key.key, "record": self.record.name, "problem": self.problem.message})


def record(invocation: Invocation, outcomes: Iterable[tuple[FailedKey, Failure | None]]) -> list[Recorded]:
    """Write a failed record for each key that has a Failure, and a success record for every other key.

    The caller logs what was not written, and decides where its key is kept: without a failed record, the key would be
    lost. A missing success record is harmless: OMS accepted the key, and reconcile submits it once more.
    """
    task_id, now = invocation.task_id, invocation.clock.now()

    def record_of(key: FailedKey, failure: Failure | None) -> StoredObject:
        if failure:
            return failed_record(task_id, key, failure, now)
        return success_record(task_id, key.change, key.copy_attempts)

    records = [(key, failure, record_of(key, failure)) for key, failure in outcomes]
    problems = invocation.log_bucket.try_put_all([written for _, _, written in records])
    return [Recorded(*one, problem) for one, problem in zip(records, problems, strict=True)]
