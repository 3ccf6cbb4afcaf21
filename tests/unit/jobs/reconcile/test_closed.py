"""While the project is closed no pass begins, and whoever asks is told at once."""

from __future__ import annotations

from oss_oms_sync.ledger.closing import Closing
from support.reconcile_world import busy_world, missing

OPEN_IT = "To open it: python ops.py open"


def test_no_pass_begins_and_whoever_asks_is_told_at_once_until_the_project_is_open_again():
    world = busy_world(LANES="1")
    Closing(world.invocation()).close("Li Lei")
    for work in (world.reconcile, world.tick):
        began = world.clock.seconds
        result = work()
        assert (result["pass"], result["submitted"], result["finished"], result["stop"]) == (None, 0, False, "closed")
        assert OPEN_IT in result["stopped"]
        assert world.clock.seconds - began < 5
        world.later(600)
    assert world.oms.calls == []
    assert list(world.store.names()) == []

    Closing(world.invocation()).open()
    assert world.ticks_until_finished()["accepted"] == len(missing())
    assert world.sent() == missing()


def test_a_dry_run_is_as_ever():
    world = busy_world()
    Closing(world.invocation()).close()
    assert world.reconcile({"dry_run": True})["submitted"] == len(missing())
