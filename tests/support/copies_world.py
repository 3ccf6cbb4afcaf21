"""A world for the tests of what OMS failed to copy: all three buckets in memory, and OMS's lists in the destination."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import requests

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary, StorageFailure, StoredObject, etag_of, none_failed
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObjectPart
from oss_oms_sync.clouds.oms_lists import lists_folder
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs import replay
from oss_oms_sync.ledger.records import record_name, success_record
from support.fake_bucket import ROOT, MemoryBucket
from support.fake_clouds import TASK
from support.replay_world import ReplayWorld

TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "period", "payload": "{}"})
FOLDER = lists_folder(TASK)
CODE = "UPLOAD_DST_OBJ_FAILURE"
_CHINA = timezone(timedelta(hours=8))
_TASK = {"status": "SYNCHRONIZING", "dst_region": "cn-north-4", "dst_bucket": "photos-obs"}


class MemoryObs:
    """The client of the destination, in the place of ObsClient, and the bucket that it gives."""

    def __init__(self, memory: MemoryBucket) -> None:
        self.memory = memory

    def bucket(self, task: object, deadline: Deadline) -> MemoryObsBucket:
        return MemoryObsBucket(self.memory, deadline)


class MemoryObsBucket:
    def __init__(self, memory: MemoryBucket, deadline: Deadline) -> None:
        self._memory = memory
        self._deadline = deadline

    def list_page(self, prefix: str, after: str) -> ListPage:
        return self._memory.list_page(prefix, after, self._deadline)

    def try_find_all(self, names: Sequence[str]) -> list[ObjectSummary | StorageFailure | None]:
        return [self._memory.find(name, self._deadline) for name in names]

    def find_all(self, names: Sequence[str]) -> list[ObjectSummary | None]:
        return none_failed(self.try_find_all(names))

    def read(self, name: str, start: int = 0, length: int = 2**24) -> ObjectPart | None:
        (found,) = self._memory.get_all([name], self._deadline)
        if isinstance(found, StorageFailure):
            if found.code == "NoSuchKey":
                return None
            raise found.to_error()
        assert 0 <= start < len(found.body)
        head = ObjectHead(len(found.body), etag_of(found.body), self._memory.modified[name], None, "")
        return ObjectPart(head, start, found.body[start : start + length])


class CopiesWorld(ReplayWorld):
    """`obs` is the destination. The project was installed an hour ago."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**environment)
        self.obs = MemoryBucket(self.clock)
        self._obs: Any = MemoryObs(self.obs)
        self.bucket.add(StoredObject(f"{ROOT}state/installed.json", b'{"at": "2026-01-01T23:00:00Z"}'))
        submit = self.oms.work

        def work(request: requests.PreparedRequest) -> requests.Response:
            return submit(request) if request.method == "POST" else self.oms.answer(request, 200, {}, json.dumps(_TASK))

        self.oms.work = work  # type: ignore[method-assign]

    def tick(self, timeout: float = 240) -> dict[str, Any]:
        """A run by the timer."""
        return replay.run(TICK, self.invocation(timeout)).to_json()

    def copies(self, timeout: float = 240) -> dict[str, Any]:
        """What a run by the timer said of OMS's lists, without what is zero."""
        return {name: value for name, value in self.tick(timeout)["copies"].items() if value}

    def later(self, **time: float) -> None:
        self.clock.seconds += timedelta(**time).total_seconds()

    def upload(self, *keys: str, data: bytes = b"contents", accepted: bool = True) -> None:
        """Source objects of three minutes ago, which OMS accepted."""
        for key in keys:
            self.source.add(StoredObject(key, data))
            self.source.modified[key] -= 180
            if accepted:
                record = success_record(TASK, ObjectChange(key, etag=etag_of(data)))
                self.bucket.add(record)
                self.bucket.modified[record.name] -= 180

    def copy(self, *keys: str, data: bytes | None = None) -> None:
        """OMS copies them, or somebody writes there."""
        for key in keys:
            self.obs.add(StoredObject(key, self.source.objects[key].body if data is None else data))

    def line(self, key: str, *, at: datetime | None = None, separator: str = ",") -> str:
        time = (at or self.clock.now()).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S")
        return separator.join((CODE, time, quote(key, safe=""), key, "timed out")) + "\n"

    def list_failed(self, *keys: str, name: str = "", sub: str = "01", text: str = "", **options: Any) -> str:
        """OMS writes a list of these, or one that says `text`; returns its name."""
        name = f"{FOLDER}{sub}/{name or int(self.clock.now().timestamp() * 1000)}.failed_list.txt"
        body = text or "".join(self.line(key, **options) for key in keys)
        self.obs.add(StoredObject(name, body.encode()))
        return name

    def failed_record(self, key: str) -> dict[str, Any]:
        return json.loads(self.bucket.objects[record_name(TASK, "failed", key)].body)

    def sent(self) -> list[str]:
        """The keys that OMS was asked for since the last call of this, in their order."""
        keys = [requests.utils.unquote(key) for call in self.oms.calls for key in call]
        self.oms.calls.clear()
        return keys
