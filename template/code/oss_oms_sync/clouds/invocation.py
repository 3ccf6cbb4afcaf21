"""What one invocation of a function works with: settings, clients, buckets, deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import Credentials, OssBucket, OssClient
from oss_oms_sync.errors import CredentialsError
from oss_oms_sync.settings import Settings

if TYPE_CHECKING:
    from oss_oms_sync.clouds.obs import ObsClient


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

    def _bucket(self, name: str, setting: str) -> OssBucket:
        if isinstance(self.credentials, CredentialsError):
            raise self.credentials
        return OssBucket(self.oss, name, setting, self.credentials, self.deadline)
