"""What a check is, what it finds, and what it is handed."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Generic, TypeVar

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import Bucket, StoredObject
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.ledger.runs import RunFiles
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.store import Passes
from oss_oms_sync.reasons import Failure
from oss_oms_sync.settings import Settings

C = TypeVar("C")


class Level(Enum):
    """How a check ended; the values are what the answer and the log show."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    # The check could not look, so nobody knows.
    UNKNOWN = "unknown"
    # There is nothing to look at: not yet, or because of the settings.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What a check saw; `fix` is what to do, or empty."""

    level: Level
    seen: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        """The finding as the answer and the log show it."""
        return {"state": self.level.value, "seen": self.seen, "fix": self.fix}


@dataclass(frozen=True)
class Check(Generic[C]):
    """One rule: its name, the checks that have to pass before it, and the function that looks at its context."""

    name: str
    needs: Sequence[str]
    function: Callable[[C], Finding]


@dataclass(frozen=True)
class Clients:
    """What an invocation has to work with, once the settings are right."""

    settings: Settings
    oms: OmsClient
    # Raises CredentialsError where the function has no role.
    buckets: Callable[[], tuple[Bucket, Bucket]]


class Context:
    """What the checks after "settings" are handed. What several of them look at is asked for once."""

    def __init__(self, clients: Clients, fc_region: str, deadline: Deadline, clock: Clock) -> None:
        self.settings = clients.settings
        self.oms = clients.oms
        # Log bucket and source bucket; raises CredentialsError where the function has no role.
        self.buckets: Callable[[], tuple[Bucket, Bucket]] = functools.cache(clients.buckets)
        self.fc_region = fc_region
        self.deadline = deadline
        self.clock = clock
        # A name that is not found, or an answer that drips, must not take all the time there is.
        self.pool = CallPool(2)
        # Written into the log bucket to see whether that is allowed, then deleted.
        self.probe = StoredObject(
            f"{record_root(self.settings.task.task_id)}doctor/{uuid.uuid4().hex}",
            b"written by doctor, to be deleted at once",
        )
        self.probe_may_be_there = False

    @property
    def log_bucket(self) -> Bucket:
        """The log bucket, for checks that need "role"."""
        return self.buckets()[0]

    @property
    def source_bucket(self) -> Bucket:
        """The source bucket, for checks that need "role"."""
        return self.buckets()[1]

    @cached_property
    def state(self) -> JobState:
        """What the jobs remember."""
        return JobState(self.settings, self.log_bucket, self.clock)

    @cached_property
    def runs(self) -> RunFiles:
        """What replay has in hand."""
        return RunFiles(self.settings, self.log_bucket, self.clock)

    @cached_property
    def passes(self) -> Passes:
        """Reconcile's passes."""
        return Passes(self.settings, self.log_bucket, self.clock)

    @cached_property
    def task_answer(self) -> TaskInfo | Failure:
        """What OMS answers when it is asked for the task."""
        return self.oms.task(self.deadline)

    @cached_property
    def log_bucket_error(self) -> StorageError | None:
        """Why the records cannot be listed; None where they can."""
        return self._listing_error(self.log_bucket, record_root(self.settings.task.task_id))

    @cached_property
    def source_bucket_error(self) -> StorageError | None:
        """Why the source bucket cannot be listed; None where it can."""
        return self._listing_error(self.source_bucket, self.settings.key_filter.prefix)

    def _listing_error(self, bucket: Bucket, prefix: str) -> StorageError | None:
        try:
            bucket.list_page(prefix, "", self.deadline)
        except StorageError as error:
            return error
        return None

    def delete_probe(self) -> None:
        """Delete the probe, should it still be there."""
        if self.probe_may_be_there:
            self.log_bucket.try_delete_all([self.probe.name], self.deadline)
