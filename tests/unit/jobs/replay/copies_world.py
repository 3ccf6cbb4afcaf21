"""A world for the tests of what OMS failed to copy: it copies nothing, and a test writes its lists."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any
from urllib.parse import quote

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.oms.copier import CopyFailure
from support.world import TASK, TICK, record_name
from unit.jobs.replay.replay_world import ReplayWorld

FOLDER = f"oms/sync_task/{TASK}/failed_object_lists/"
CODE = "UPLOAD_DST_OBJ_FAILURE"
_CHINA = timezone(timedelta(hours=8))


class CopiesWorld(ReplayWorld):
    """`there` is the destination. The project was installed an hour ago."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**environment)
        self.install()
        self.task.failures.add(CopyFailure(CODE))
        self.task.lists.held = True
        self._sent = 0

    def tick(self, timeout: float = 240) -> dict[str, Any]:
        """A run by the timer."""
        return self.replay(TICK, timeout)

    def copies(self) -> dict[str, Any]:
        """What a run by the timer said of OMS's lists, without what is zero."""
        return {name: value for name, value in self.tick()["copies"].items() if value}

    def upload(self, *keys: str, data: bytes = b"contents", accepted: bool = True) -> None:
        """Source objects of three minutes ago, which OMS accepted."""
        for key in keys:
            super().upload(key, data.decode(), 3)
            if accepted:
                self.accept(key, data.decode(), 180)

    def copy(self, *keys: str, data: bytes | None = None) -> None:
        """OMS copies them after all, or somebody writes there."""
        for key in keys:
            self.there.add(StoredObject(key, self.source.objects[key].body if data is None else data))

    def line(self, key: str) -> str:
        time = self.clock.now().astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S")
        return ",".join((CODE, time, quote(key, safe=""), key, "timed out")) + "\n"

    def list_failed(self, *keys: str, name: str = "", sub: str = "01", text: str = "") -> str:
        """OMS writes a list of these, or one that says `text`; returns its name."""
        name = f"{FOLDER}{sub}/{name or int(self.clock.now().timestamp() * 1000)}.failed_list.txt"
        self.there.add(StoredObject(name, (text or "".join(map(self.line, keys))).encode()))
        return name

    def fail_to_copy(self, *keys: str) -> None:
        """OMS accepted these, and lists that it failed to copy them."""
        self.upload(*keys)
        self.list_failed(*keys)

    def failed_record(self, key: str) -> dict[str, Any]:
        return json.loads(self.bucket.objects[record_name("failed", key)].body)

    def sent(self) -> list[str]:
        """The keys that reached OMS since the last call of this, in their order."""
        calls = self.oms.calls[self._sent :]
        self._sent += len(calls)
        return [key for call in calls for key in call.keys]

    def sent_by_tick(self) -> list[str]:
        """The same after another run by the timer."""
        self.tick()
        return self.sent()
