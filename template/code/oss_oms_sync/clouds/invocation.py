"""The resources that a function uses in an invocation: settings, clients, buckets and deadline."""

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

# Seconds that are reserved for the work after the last read: to submit a batch, and to store the job's progress.
_WRITING_SECONDS = 30.0


@dataclass(frozen=True)
class Invocation:
    """An invocation of a function, with the resources of its job.

    - `credentials`: the credentials of the function's role, or the error if they are missing.
    - `obs`: a function that creates the client of the destination bucket, which few jobs need.
    - `deadline`: a time that leaves the job enough time to return or raise before Function Compute ends the invocation.
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
        """The id of the sync task, which is part of every name in the log bucket."""
        return self.settings.task.task_id

    @cached_property
    def log_bucket(self) -> OssBucket:
        """The OSS bucket of the records.

        Raises CredentialsError if the function has no role.
        """
        return self._make_bucket(self.settings.log_bucket, "LOG_BUCKET")

    @cached_property
    def source_bucket(self) -> OssBucket:
        """The OSS bucket whose objects the project submits.

        Raises CredentialsError if the function has no role.
        """
        return self._make_bucket(self.settings.source_bucket, "SOURCE_BUCKET")

    def sync_task(self) -> TaskInfo:
        """Return the sync task as OMS describes it, with the name of the destination bucket.

        Raises StorageError if OMS does not report the task.
        """
        task = self.oms.query_task(self.deadline)
        if isinstance(task, Failure):
            explanation = ": ".join(filter(None, (task.reason.name, task.message)))
            remedy = task.remedy("get").en
            raise StorageError(f"OMS does not report the destination bucket: {explanation}. {remedy}")
        return task

    def destination(self, task: TaskInfo | None = None) -> ObsBucket:
        """Return the destination bucket in OBS of `task`, by default of the project's sync task.

        Raises StorageError if OMS does not report the task.
        """
        task = task or self.sync_task()
        # A slow call is abandoned early enough to store the job's progress.
        reserved_seconds = min(_WRITING_SECONDS, self.deadline.remaining() / 4)
        return self.obs().bucket(task, self.deadline.earlier_by(reserved_seconds))

    def listing_seconds(self) -> float:
        """Return the number of seconds for which a pass may wait for listings of OSS.

        It exceeds the time that an invocation spends on a range of keys, and leaves time to store the progress of the
        pass.
        """
        remaining_seconds = self.deadline.remaining()
        return remaining_seconds - min(_WRITING_SECONDS, remaining_seconds / 4) / 2

    def _make_bucket(self, name: str, setting: str) -> OssBucket:
        if isinstance(self.credentials, CredentialsError):
            raise self.credentials
        return OssBucket(self.oss, name, setting, self.credentials, self.deadline)
