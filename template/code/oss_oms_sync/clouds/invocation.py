"""What one invocation of a function works with: settings, clients, buckets, deadline."""

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

# For what comes after the last that is read: sending a batch, and writing how far it came.
_WRITING_SECONDS = 30.0


@dataclass(frozen=True)
class Invocation:
    """One invocation. `credentials` are those of the function's role, or why there are none; `obs` makes the client of
    the destination, which few jobs need.

    `deadline` leaves time to return or raise before Function Compute ends the invocation.
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
        """The sync task's id, which is part of every name in the log bucket."""
        return self.settings.task.task_id

    @cached_property
    def log_bucket(self) -> OssBucket:
        """The bucket of the records.

        Raises CredentialsError if the function has no role.
        """
        return self._bucket(self.settings.log_bucket, "LOG_BUCKET")

    @cached_property
    def source_bucket(self) -> OssBucket:
        """The bucket whose objects are forwarded.

        Raises CredentialsError if the function has no role.
        """
        return self._bucket(self.settings.source_bucket, "SOURCE_BUCKET")

    def sync_task(self) -> TaskInfo:
        """The sync task, which names the destination.

        Raises StorageError if OMS does not tell.
        """
        task = self.oms.task(self.deadline)
        if isinstance(task, Failure):
            why = ": ".join(filter(None, (task.reason.name, task.message)))
            remedy = task.remedy("get").en
            raise StorageError(f"OMS does not tell which bucket is the destination: {why}. {remedy}")
        return task

    def destination(self, task: TaskInfo | None = None) -> ObsBucket:
        """The bucket that `task` copies to, which is the sync task if it is not given.

        Raises StorageError if OMS does not tell.
        """
        task = task or self.sync_task()
        # What takes too long is given up while there is time to write down how far a job came.
        writing = min(_WRITING_SECONDS, self.deadline.remaining() / 4)
        return self.obs().bucket(task, self.deadline.minus(writing))

    def listing_seconds(self) -> float:
        """How long a pass may wait for what it lists of OSS: longer than it walks, and while there is time to write
        down how far it came."""
        left = self.deadline.remaining()
        return left - min(_WRITING_SECONDS, left / 4) / 2

    def _bucket(self, name: str, setting: str) -> OssBucket:
        if isinstance(self.credentials, CredentialsError):
            raise self.credentials
        return OssBucket(self.oss, name, setting, self.credentials, self.deadline)
