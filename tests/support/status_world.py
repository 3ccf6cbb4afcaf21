"""A world for the tests of status: OMS's counts, the objects of passes in the log bucket, and a fixed time."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clock import timestamp as at
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.passes.pieces import Pass, Piece, Scope
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import INSIDE, ClassCount, Side, Tally
from sandbox.robots import ROBOTS, Robots
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from support.world import ROOT, TASK, World, record_name

IN_STEP, BEHIND = "in step", "behind"
NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
CHINA = timezone(timedelta(hours=8))
# Scopes of passes.
USUAL = {"prefix": "", "suffix": "", "since": "", "all": False}
BACKFILL = {**USUAL, "since": "1970-01-01T00:00:00Z"}
# In minutes before NOW: earlier in the month than OMS's statistics reach, and in the month before.
EARLY, BEFORE = 5 * 24 * 60, 20 * 24 * 60

# The period of the timer, and the secret in the webhook's address.
PERIOD, TOKEN = timedelta(minutes=15), "0123456789abcdef0123456789abcdef"


def is_statistics(request: Request) -> bool:
    return request.raw_path.endswith("/statistics")


def is_month(month: str) -> Callable[[Request], bool]:
    """Return a condition for requests: they ask for the task's counters of a month, such as "2026-03"."""

    def asks(request: Request) -> bool:
        time = datetime.fromtimestamp(int(request.params.get("query_time", 0)) / 1000, CHINA)
        return request.method == "GET" and not is_statistics(request) and time.strftime("%Y-%m") == month

    return asks


class StatusWorld(World):
    """A world whose project was installed four days ago, and has finished no pass."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "1000", **environment})
        self.oms.round_trip = self.oss.round_trip = 0.0
        self.go_to(NOW)
        self.install(NOW - timedelta(days=4))

    def go_to(self, time: datetime) -> None:
        self.advance((time - self.clock.now()).total_seconds())

    def counted(self, minutes_ago: float, **numbers: int) -> None:
        """Let OMS count objects at a time, by kind: REQUEST, SUCCESS, FAILURE or SKIP."""
        for kind, number in numbers.items():
            self.task.add_count(kind, number, self.clock.now().timestamp() - minutes_ago * 60)

    def series(self, **of: dict[int, int]) -> None:
        """Let OMS count objects at several times; the keywords are kinds, the values numbers by minutes ago."""
        for kind, numbers in of.items():
            for minutes_ago, number in numbers.items():
                self.counted(minutes_ago, **{kind: number})

    def describes(self, **parts: object) -> None:
        """Change fields of OMS's description of the task in this month; None removes a field."""
        now = self.clock.now()
        task = {**self.task.describe(now.timestamp()), **parts}
        text = json.dumps({name: value for name, value in task.items() if value is not None})
        month = now.astimezone(CHINA).strftime("%Y-%m")
        self.oms.faults.add(Fault.status(200, text.encode()), where=is_month(month))

    def passed(
        self,
        scope: dict[str, Any] = USUAL,
        *,
        ended: bool = True,
        job: str = "reconcile",
        tally: Tally | None = None,
        **counts: int,
    ) -> None:
        """Write a finished pass of a job with these counts, which has a single range."""
        self.advance(0.001)
        name, now = hashlib.sha256(json.dumps(scope).encode()).hexdigest()[:16], self.clock.now()
        name = f"{name}-{now.strftime('%Y%m%dT%H%M%S%fZ')}"
        since = parse_time(scope["since"]) if scope["since"] else None
        is_standstill = scope.get("standstill", False)
        of = Scope(KeyFilter(scope["prefix"], scope["suffix"]), since, scope["all"], standstill=is_standstill)
        there = self.there.name if job == "compare" else ""
        about = Pass(name, "photos", of, started=at(now), installed=at(now), destination_bucket=there)
        counted = tally or Tally(Counter({INSIDE: 1, **counts}), state=1)
        total = to_json(PassState(about, counted, at(now), ranges_open=0, ranges_done=1, pieces=1))
        piece = to_json(Piece(tally=counted, about=about))
        folder = f"oms_source_record/passes/{self.settings.project}-{job}/{TASK}/{name}/"
        written, value = ("total", total) if ended else ("r/0000", piece)
        self.bucket.add(StoredObject(f"{folder}{written}", json.dumps(value).encode()))

    def compared(self, oldest: int | None = None, *, ended: bool = True, **numbers: int) -> None:
        """Write a finished comparison with these numbers of objects in each class."""
        classes = {name: ClassCount(Side(number, number), Side(number, number)) for name, number in numbers.items()}
        self.passed(ended=ended, job="compare", tally=Tally(classes=classes, oldest_not_there=oldest))

    def stood(self, state: int, twin: int) -> None:
        """Write a standstill pass with these digests; those of `compared` are 0."""
        self.advance(1)
        self.passed({**USUAL, "standstill": True}, job="compare", tally=Tally(state=state, twin=twin))

    def upload(self, key: str, minutes_ago: int, *, accepted: bool = True) -> None:
        super().upload(key, key, minutes_ago)
        if accepted:
            self.accept(key, key, minutes_ago * 60)

    def listed(self, lines: int, outside: int = 0, month: str = "2026-03") -> None:
        """Store that replay has read this number of lines in OMS's lists of failed copies."""
        stored = self.bucket.objects.get(f"{ROOT}state/failed_copies.json")
        value = json.loads(stored.body) if stored else to_json(ListPositions())
        value["listed"][month] = [lines, outside]
        self.keep("state/failed_copies.json", value)

    def fail(self, key: str, reason: str, **details: object) -> None:
        """Write a failed record of a key with this reason."""
        super().fail(key, reason=reason, **details)

    def copy_failed(self, key: str, code: str = "UPLOAD_DST_OBJ_FAILURE", attempts: int = 1) -> None:
        """Write the failed record of an object that OMS failed to copy `attempts` times."""
        self.fail(key, "COPY_FAILED", error_code=code, copy_attempts=attempts)

    def reconcile(self, **asked: object) -> dict[str, object]:
        self.advance(0.001)
        return self.ask("reconcile", asked)

    def status(self, *, timeout: float = 60, **asked: object) -> dict[str, Any]:
        return self.ask("status", asked, timeout)

    def verdict(self, **asked: object) -> tuple[str, str]:
        verdict = self.status(**asked)["verdict"]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in verdict["text_zh"])
        return verdict["state"], verdict["text"]

    def tells(self, state: str, *words: str, **asked: object) -> bool:
        """Return True if the verdict has this state and its text these words."""
        verdict, text = self.verdict(**asked)
        assert verdict == state, text
        assert [word for word in words if word not in text] == [], text
        return True


class Watched(StatusWorld):
    """A world whose verdict the test sets; at the start the project is in step."""

    def __init__(self, kind: str = "JSON", **environment: str) -> None:
        address = ROBOTS[kind].address + TOKEN
        super().__init__(**{"ALERT_WEBHOOK": address, "RECONCILE_PERIOD": "30d", **environment})
        self.hook = Robots()
        self.hook.start(self.platform)
        self.passed(scanned=7)

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """The messages that the webhook accepted, if they are JSON."""
        return list(map(json.loads, self.hook.messages))

    @property
    def states(self) -> list[str]:
        return [alarm["verdict"] for alarm in self.alarms]

    def tick(self) -> None:
        """Fire the timer of status."""
        event = json.dumps({"triggerTime": at(self.clock.now()), "triggerName": "tick", "payload": "{}"})
        self.ask("status", event, 120)

    def ticks(self, number: int, period: timedelta = PERIOD) -> None:
        for _ in range(number):
            self.advance(period.total_seconds())
            self.tick()

    def go(self, state: str, ticks: int = 0) -> None:
        """Change the world until status has the verdict `state`, and fire the timer `ticks` times."""
        for reason in ("CREDENTIALS", "THROTTLED"):
            self.bucket.objects.pop(record_name("failed", reason), None)
        self.shut(state == "closed")
        if state in ("broken", "behind"):
            reason = "CREDENTIALS" if state == "broken" else "THROTTLED"
            self.fail(reason, reason)
        self.ticks(ticks)
