"""What `ops.py cost` says a task group and sending ten keys a call take of requests, beside those that are counted."""

from __future__ import annotations

from collections import Counter

import pytest

from ops import effort
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.setup_world import well

SIZE = 10


def counted(objects: int, *words: str) -> Counter[str]:
    """The requests that a command makes, by the service, until all is in OBS."""
    requests: Counter[str] = Counter()
    with MigrateWorld() as world:
        world.fill(objects, size=SIZE)
        world.later(3600)
        for name in ("oss", "oms", "obs", "ram", "iam"):

            def counting(_: Request, name: str = name) -> bool:
                requests[name] += 1
                return False

            getattr(world, name).faults.add(Fault.hang(), where=counting)
        well(world.run(*words, typed=""))
        world.later(60)
        assert world.copied() == objects
    return requests


@pytest.mark.parametrize("objects", [1_000, pytest.param(10_000, marks=pytest.mark.extras)])
def test_what_is_said_of_requests_is_what_is_counted(objects):
    group = counted(objects, "migrate", "--yes")
    sent = counted(objects, "reconcile", "--since", "1970-01-01")
    assert sent["oms"] == objects / 10
    assert group.total() == pytest.approx(effort.group_requests(objects, SIZE * objects), rel=0.2)
    assert sent.total() == pytest.approx(effort.sent_requests(objects), rel=0.15 if objects < 10_000 else 0.08)
