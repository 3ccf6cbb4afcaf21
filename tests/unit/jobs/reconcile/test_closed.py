"""While the project is closed a pass goes on counting, but rests before the first object that it would send."""

from __future__ import annotations

from oss_oms_sync.ledger.closing import Closing
from support.reconcile_world import busy_world, missing

OPEN_IT = "To open it: python ops.py open"


def test_a_pass_rests_and_goes_on_once_the_project_is_open_again():
    world = busy_world(LANES="1")
    Closing(world.invocation()).close("Li Lei")
    for work in (world.reconcile, world.tick):
        result = work()
        assert (result["submitted"], result["finished"]) == (0, False)
        assert OPEN_IT in result["stopped"]
        world.later(600)
    assert world.oms.calls == []
    assert world.failed() == set()

    Closing(world.invocation()).open()
    assert world.ticks_until_finished()["accepted"] == len(missing())
    assert world.sent() == missing()


def test_a_pass_that_has_nothing_to_send_ends(world):
    world.in_step("a", "b")
    world.later()
    Closing(world.invocation()).close()
    result = world.reconcile()
    assert (result["finished"], result["stopped"]) == (True, None)


def test_a_dry_run_is_as_ever():
    world = busy_world()
    Closing(world.invocation()).close()
    assert world.reconcile({"dry_run": True})["submitted"] == len(missing())
