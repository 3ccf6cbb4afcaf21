"""Helpers of the tests of status: a world at a fixed time, OMS's counters, verdicts, and a chat for alarms."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from sandbox.robots import ROBOTS, Robots
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from support.world import World, record_name

IN_STEP, BEHIND = "in step", "behind"
NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
CHINA = timezone(timedelta(hours=8))
# Minutes before NOW: a time that OMS's statistics no longer cover, and a time in the previous month.
EARLY, BEFORE = 5 * 24 * 60, 20 * 24 * 60

# The period of the timer, and the secret in the webhook's address.
PERIOD, TOKEN = timedelta(minutes=15), "0123456789abcdef0123456789abcdef"


def reads_statistics(request: Request) -> bool:
    return request.raw_path.endswith("/statistics")


def reads_month(month: str) -> Callable[[Request], bool]:
    """Return a predicate for requests for the task's counters of a month, such as "2026-03"."""

    def asks(request: Request) -> bool:
        time = datetime.fromtimestamp(int(request.params.get("query_time", 0)) / 1000, CHINA)
        return request.method == "GET" and not reads_statistics(request) and time.strftime("%Y-%m") == month

    return asks


def make_status_world(**environment: str) -> World:
    """Return a world at NOW whose project was installed four days ago and has finished no pass."""
    world = World.installed(**environment)
    set_up_status(world)
    return world


def set_up_status(world: World) -> None:
    """Advance to NOW, four days after the project's installation, and let calls take no time."""
    world.oms.round_trip = world.oss.round_trip = 0.0
    world.advance_to(NOW)
    world.bucket.add_installation(NOW - timedelta(days=4))


def count_series(world: World, **series: dict[int, int]) -> None:
    """Let OMS count objects; `series` has for each kind of count the numbers by their age in minutes."""
    for kind, numbers in series.items():
        for minutes_ago, number in numbers.items():
            world.count_objects(minutes_ago, **{kind: number})


def change_description(world: World, **fields: object) -> None:
    """Change fields of OMS's description of the task in this month; None removes a field."""
    now = world.clock.now()
    task = {**world.task.describe(now.timestamp()), **fields}
    text = json.dumps({name: value for name, value in task.items() if value is not None})
    world.oms.faults.add(Fault.status(200, text.encode()), where=reads_month(now.astimezone(CHINA).strftime("%Y-%m")))


def read_verdict(world: World, **options: object) -> tuple[str, str]:
    verdict = world.status(**options)["verdict"]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in verdict["text_zh"])
    return verdict["state"], verdict["text"]


def shows_verdict(world: World, state: str, *words: str, **options: object) -> bool:
    """Assert that status's verdict has this state and these words in its text; return True."""
    verdict, text = read_verdict(world, **options)
    assert verdict == state, text
    assert [word for word in words if word not in text] == [], text
    return True


class WatchedWorld(World):
    """A world with a chat for alarms, in which the test changes status's verdict; at the start it is "in step"."""

    def __init__(self, kind: str = "JSON", **environment: str) -> None:
        address = ROBOTS[kind].address + TOKEN
        super().__init__(**{"OMS_RATE": "1000", "ALERT_WEBHOOK": address, "RECONCILE_PERIOD": "30d", **environment})
        set_up_status(self)
        self.hook = Robots()
        self.hook.start(self.platform)
        self.bucket.add_pass(scanned=7)

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """The messages that the chat accepted."""
        return list(map(json.loads, self.hook.messages))

    @property
    def states(self) -> list[str]:
        return [alarm["verdict"] for alarm in self.alarms]

    def tick_often(self, number: int, period: timedelta = PERIOD) -> None:
        for _ in range(number):
            self.advance(period.total_seconds())
            self.tick("status")

    def change_to(self, state: str, ticks: int = 0) -> None:
        """Change the world until status has the verdict `state`, then fire the timer `ticks` times."""
        for reason in ("CREDENTIALS", "THROTTLED"):
            self.bucket.objects.pop(record_name("failed", reason), None)
        self.bucket.add_mark(closed=state == "closed")
        if state in ("broken", "behind"):
            reason = "CREDENTIALS" if state == "broken" else "THROTTLED"
            self.bucket.add_failed_records(reason, reason=reason)
        self.tick_often(ticks)
