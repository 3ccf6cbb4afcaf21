"""A world for the tests of status: buckets in memory, an OMS that counts, and one fixed moment."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from oss_oms_sync.clock import Deadline, timestamp
from oss_oms_sync.clouds.counters import DATA_TYPES, Statistics
from oss_oms_sync.clouds.objects import StoredObject, etag_of
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs import reconcile, status
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record
from oss_oms_sync.passes.pieces import Kind, Piece
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.states import Pass
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import ROOT, MemoryWorld
from support.fake_clouds import World
from support.world import TASK

IN_STEP, BEHIND = "in step", "behind"
NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
CHINA = timezone(timedelta(hours=8))
USUAL, BACKFILL = (
    Scope(KeyFilter(), None, everything=False),
    Scope(KeyFilter(), datetime(1970, 1, 1, tzinfo=timezone.utc), False),
)


class Counters:
    """What OMS counts, in objects. `months`: "2026-03" to (requests, copied, failed, skipped); `series`: a name to how
    many minutes ago a step of `minutes` began, and its number."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.months: dict[str, tuple[object, ...]] = {}
        self.series: dict[str, dict[int, object]] = {}
        self.minutes = 5
        self.answers: dict[str, Any] = {}

    def task(self, deadline: Deadline, at: datetime | None = None) -> TaskInfo | Failure:
        month = (at or self._world.clock.now()).astimezone(CHINA).strftime("%Y-%m")
        names = ("acceptance_request", "success_object", "failure_object", "skip_object")
        numbers = self.months.get(month, (0, 0, 0, 0))
        counts = {f"monthly_{name}": number for name, number in zip(names, numbers, strict=True)}
        answer = self.answers.get(month, {"status": "SYNCHRONIZING", "monthly_size": 0, **counts})
        return answer if isinstance(answer, Failure) else TaskInfo.parse(answer)

    def statistics(self, start: datetime, end: datetime, deadline: Deadline) -> Statistics | Failure:
        def begin(minutes_ago: int) -> int:
            return int((end - timedelta(minutes=minutes_ago)).timestamp() * 1000)

        datas = [
            {
                "data_type": name,
                "data": [
                    {"time_stamp": begin(ago), "statistic_num": number}
                    for ago, number in self.series.get(name, {}).items()
                ],
            }
            for name in DATA_TYPES
        ]
        step = {5: "FIVE_MINUTES", 60: "ONE_HOUR"}[self.minutes]
        answer = self.answers.get("statistics", {"statistic_time_type": step, "statistic_datas": datas})
        return answer if isinstance(answer, Failure) else Statistics.parse(start, answer)


class StatusWorld(MemoryWorld):
    """A world whose buckets are in memory and whose OMS is its counters; installed four days ago."""

    def __init__(self, **environment: str) -> None:
        super().__init__(OMS_RATE="1000", **environment)
        self.clock.ahead = NOW - self.clock.now()
        self.counters = Counters(self)
        self.install(NOW - timedelta(days=4))

    def install(self, at: datetime) -> None:
        body = json.dumps({"at": timestamp(at)}).encode()
        self.bucket.add(StoredObject(f"{ROOT}state/installed.json", body))

    def go_to(self, now: datetime) -> None:
        self.clock.ahead += now - self.clock.now()

    def passed(self, scope: Scope = USUAL, *, ended: bool = True, **counts: int) -> None:
        """A pass that counted so much until now, in one range."""
        self.clock.sleep(0.001)
        # A state that is not nothing: there are objects, old ones at least.
        store, now, tally = PassStore(self.invocation(), "reconcile"), self.clock.now(), Tally(counts, state=1)
        began = timestamp(now)
        one = Pass(store.name_of(scope, now), self.settings.source_bucket, scope, started=began, installed=began)
        kind = Kind.DONE if ended else Kind.MORE
        store.write(one.name, "r", 0, Piece(kind, until="", after="", tally=tally, about=one.to_json()))
        if ended:
            store.write_end(one.name, "r")
            store.write_total(one, tally, store.tree(one.name))

    def upload(self, key: str, minutes_ago: int, *, accepted: bool = True) -> None:
        self.source.add(StoredObject(key, key.encode()))
        self.source.modified[key] -= minutes_ago * 60
        if accepted:
            record = success_record(TASK, ObjectChange(key, etag=etag_of(key)))
            self.bucket.add(record)
            self.bucket.modified[record.name] -= minutes_ago * 60

    def listed(self, lines: int, outside: int = 0, month: str = "2026-03") -> None:
        """Replay has read so many lines of OMS's lists of what it failed to copy."""
        stored = self.bucket.objects.get(f"{ROOT}state/failed_copies.json")
        value = json.loads(stored.body) if stored else {"listed": {}}
        value["listed"][month] = [lines, outside]
        self.bucket.add(StoredObject(f"{ROOT}state/failed_copies.json", json.dumps(value).encode()))

    def copy_failed(self, key: str, code: str = "UPLOAD_DST_OBJ_FAILURE", attempts: int = 1) -> None:
        """What OMS failed to copy so often has a failed record again."""
        failure = Failure(Reason.COPY_FAILED, error_code=code)
        failed = FailedKey(ObjectChange(key), copy_attempts=attempts)
        self.bucket.add(failed_record(TASK, failed, failure, self.clock.now()))

    def reconcile(self, **asked: object) -> dict[str, object]:
        self.clock.sleep(0.001)
        return reconcile.run(json.dumps(asked), self.invocation(570)).to_json()

    def status(self, *, timeout: float = 60, **asked: object) -> dict[str, Any]:
        return status.run(json.dumps(asked), self.invocation(timeout, self.counters))

    def verdict(self, **asked: object) -> tuple[str, str]:
        told = self.status(**asked)["verdict"]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in told["text_zh"])
        return told["state"], told["text"]
