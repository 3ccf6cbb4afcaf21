"""The resources of one invocation of a function: settings, clients, buckets, deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import Credentials, OssBucket, OssClient
from oss_oms_sync.errors import CredentialsError, Failure, StorageError
from oss_oms_sync.settings import Settings

if TYPE_CHECKING:
    from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
    from oss_oms_sync.clouds.task import TaskInfo

# Seconds for the work after the last read: submitting a batch, and writing the job's position.
_WRITING_SECONDS = 30.0


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function.

    `credentials`: those of the function's role, or the reason why they are missing. `obs`: creates the client of the
    destination, which few jobs need. `deadline`: early enough to return or raise before Function Compute ends the
    invocation.
    """

    settings: Settings
    oms: OmsClient
    oss: OssClient
    credentials: Credentials | CredentialsError
    deadline: Deadline
    clock: Clock
    obs: Callable[[], ObsClient]

    @property
    def task_id(self) -> str:
        """The sync task's id, a part of every name in the log bucket."""
        return self.settings.task.task_id

    @cached_property
    def log_bucket(self) -> OssBucket:
        """The bucket of the records.

        Raises CredentialsError if the function has no role.
        """
        return self._bucket(self.settings.log_bucket, "LOG_BUCKET")

    @cached_property
    def source_bucket(self) -> OssBucket:
        """The bucket with the objects to forward.

        Raises CredentialsError if the function has no role.
        """
        return self._bucket(self.settings.source_bucket, "SOURCE_BUCKET")

    def sync_task(self) -> TaskInfo:
        """Return the sync task, which names the destination bucket.

        Raises StorageError if OMS does not report the task.
        """
        task = self.oms.task(self.deadline)
        if isinstance(task, Failure):
            why = ": ".join(filter(None, (task.reason.name, task.message)))
            remedy = task.remedy("get").en
            raise StorageError(f"OMS does not report the destination bucket: {why}. {remedy}")
        return task

    def destination(self, task: TaskInfo | None = None) -> ObsBucket:
        """Return the destination bucket of `task`, by default of the sync task.

        Raises StorageError if OMS does not report the task.
        """
        task = task or self.sync_task()
        # A slow call is abandoned in time to write the job's position.
        writing = min(_WRITING_SECONDS, self.deadline.remaining() / 4)
        return self.obs().bucket(task, self.deadline.earlier_by(writing))

    def listing_seconds(self) -> float:
        """Return the seconds that a pass may wait for listings of OSS.

        They exceed the time of a pass's walk, and leave time to write the pass's position.
        """
        left = self.deadline.remaining()
        return left - min(_WRITING_SECONDS, left / 4) / 2

    def _bucket(self, name: str, setting: str) -> OssBucket:
        if isinstance(self.credentials, CredentialsError):
            raise self.credentials
        return OssBucket(self.oss, name, setting, self.credentials, self.deadline)
