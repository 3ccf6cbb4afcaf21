"""An instance of the function in this process, with real connections to the sandbox."""

from __future__ import annotations

from datetime import datetime

from oss_oms_sync.clock import Clock, Deadline, from_epoch
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.connection import Connections
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import Credentials, OssClient
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.settings import Settings
from sandbox import Sandbox


class SandboxClock(Clock):
    """A clock that shows the sandbox's time, and measures durations by this process."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    def now(self) -> datetime:
        return from_epoch(self._box.now())


class Instance:
    """An instance of the function, whose clients all invocations share."""

    def __init__(self, box: Sandbox, clock: Clock | None = None, **environment: str) -> None:
        self.settings = Settings.from_env({**box.environment(), "FC_REGION": box.region, **environment})
        self.clock, pool = clock or SandboxClock(box), CallPool()
        oms, oss = (Connections(url, self.clock) for url in (self.settings.task.url, self.settings.oss_endpoint))
        self._oms = OmsClient(self.settings, oms, pool, self.clock)
        self._oss = OssClient(self.settings, oss, pool, self.clock)
        self._obs = ObsClient(self.settings, pool, self.clock)
        self._credentials = Credentials(*box.function_credentials)

    def invocation(self, seconds: float = 60) -> Invocation:
        deadline = Deadline(seconds, self.clock)
        return Invocation(
            self.settings, self._oms, self._oss, self._credentials, deadline, self.clock, lambda: self._obs
        )

    def destination(self, seconds: float = 60) -> ObsBucket:
        """Return the destination bucket of OMS's task, for calls within the next `seconds`."""
        deadline = Deadline(seconds, self.clock)
        task = self._oms.query_task(deadline)
        assert isinstance(task, TaskInfo)
        return self._obs.bucket(task, deadline)
