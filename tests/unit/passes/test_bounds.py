"""What a pass may cost that gets nowhere, or is too large, or may send nothing."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from oss_oms_sync.clouds.objects import StoredObject
from support.reconcile_world import ReconcileWorld
from support.world import HOUR, NO_RIGHT, TICK


def reconcile(world: ReconcileWorld, event: object = None) -> dict[str, Any]:
    """A call by hand, or another event, some seconds later."""
    world.later(5)
    return world.ask("reconcile", {} if event is None else event)


def pieces(world: ReconcileWorld) -> list[str]:
    return [name for name in world.bucket.names(world.store.prefix) if name.rpartition("/")[2].isdecimal()]


def stuck(world: ReconcileWorld, event: object, times: int) -> int:
    """How many pieces are written by so many calls, ten minutes apart, while the source cannot be listed."""
    before = len(pieces(world))
    for _ in range(times):
        world.later(600)
        with contextlib.suppress(Exception):
            reconcile(world, event)
    return len(pieces(world)) - before


def test_what_comes_no_further_ten_times_is_left_alone_until_tomorrow_or_until_somebody_asks(world):
    world.upload("a")
    world.source.fail(NO_RIGHT, "list")
    assert stuck(world, TICK, 30) == 10
    looked = reconcile(world, {"look": True})
    assert (looked["finished"], "tried again tomorrow" in looked["stopped"]) == (False, True)
    assert stuck(world, {}, 1) == 1
    world.later(25 * HOUR)
    world.source.heal()
    world.later(HOUR)
    assert reconcile(world, TICK)["finished"]


def test_a_backfill_that_no_pass_can_send_is_not_begun_by_itself(world):
    # GIVEN a bucket of which an earlier pass has left marks
    world.fill(30)
    assert reconcile(world)["finished"]
    (total,) = (name for name in world.bucket.names(world.store.prefix) if name.endswith("/total"))
    told = json.loads(world.bucket.objects[total].body)
    told["passed"]["marks"] = [["29", 10**12]]
    world.bucket.add(StoredObject(total, json.dumps(told).encode()))

    # WHEN all is to be sent, THEN it names another way, until somebody insists
    world.oms.accepted.clear()
    assert reconcile(world, {"all": True})["stop"] == "too_large"
    assert world.sent() == set()
    assert reconcile(world, {"all": True, "since": "2026-01-01T00:00:00Z"})["accepted"] == 30
    assert reconcile(world, {"all": True, "restart": True})["accepted"] == 30
