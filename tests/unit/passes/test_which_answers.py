"""Which pass answers for both buckets, and what a standstill pass says of it."""

from __future__ import annotations

from typing import Any

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.reconcile_world import ReconcileWorld
from support.world import FROZEN, HOUR, TICK

KEYS = ("a/1", "a/2", "b")


@pytest.fixture
def world() -> ReconcileWorld:
    """Three objects that are equal in OBS, written an hour ago."""
    world = ReconcileWorld()
    world.in_step(*KEYS)
    for key in KEYS:
        world.there.add(StoredObject(key, b"A"))
    world.later(HOUR)
    return world


def ask(world: ReconcileWorld, job: str, **options: Any) -> dict[str, Any]:
    """A call by hand, some seconds later."""
    world.later(5)
    return world.ask(job, options)


def tick(world: ReconcileWorld) -> dict[str, Any]:
    world.later(5)
    return world.ask("compare", TICK)


def compared(world: ReconcileWorld) -> str:
    """The pass that certify goes by."""
    return str(ask(world, "certify")["passes"]["compare"]["pass"])


def now(world: ReconcileWorld) -> str:
    return world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("wish", [{"overwrite": True}, {"since": "2026-01-01"}, {"deep": True}])
def test_what_is_judged_again_is_the_pass_that_certify_goes_by_whatever_was_wished(world, wish):
    done = ask(world, "compare", **wish)
    assert ask(world, "compare", again=True)["pass"] == done["pass"] == compared(world)


def test_a_tick_begins_no_pass_beside_an_open_one_that_was_asked_for_with_wishes(world):
    # GIVEN a deep pass that goes no further, because OMS is down
    for number in range(25):
        world.upload(f"new/{number:02}")
    world.later(HOUR)
    world.oms.faults.add(FROZEN, where=lambda request: request.method == "POST")
    opened = ask(world, "compare", deep=True)
    assert not opened["finished"]

    # WHEN OMS is back, THEN the timer goes on with that one
    world.oms.faults.clear()
    world.later(HOUR)
    assert tick(world)["pass"] == opened["pass"]
    assert compared(world) == opened["pass"]


def test_a_call_by_hand_with_other_wishes_begins_a_newer_pass_and_with_the_same_goes_on(world):
    for number in range(25):
        world.upload(f"new/{number:02}")
    world.later(HOUR)
    world.oms.faults.add(FROZEN, where=lambda request: request.method == "POST")
    plain = ask(world, "compare")
    world.oms.faults.clear()
    deep = ask(world, "compare", deep=True)
    assert not plain["finished"]
    assert deep["pass"] > plain["pass"]
    assert ask(world, "compare", look=True)["pass"] == deep["pass"]


def test_a_standstill_pass_sees_what_a_comparison_judged_without_records_and_though_closed(world):
    done = ask(world, "compare")
    assert ask(world, "compare", look=True)["stood_still"] is None
    world.shut(on=True)
    listed: list[str] = []
    world.bucket.before = lambda kind, names: listed.extend(names if kind == "list" else ())
    still = ask(world, "compare", standstill=True)
    assert not any("_object/" in name for name in listed)
    assert (still["finished"], still["standstill"], still.get("classes")) == (True, True, None)
    assert (still["state"], still["twin"]) == (done["state"], done["twin"])
    assert ask(world, "compare", look=True)["stood_still"] is True
    assert compared(world) == done["pass"]


@pytest.mark.parametrize("side", ["source", "there"])
def test_a_pass_that_a_standstill_pass_contradicts_answers_no_more(world, side):
    frozen = now(world)
    done = ask(world, "compare", deep=True)
    getattr(world, side).add(StoredObject("b", b"B"))
    ask(world, "compare", standstill=True)
    assert ask(world, "compare", look=True, frozen_since=frozen)["stood_still"] is False
    world.later(HOUR)
    anew = ask(world, "compare", restart=True)
    found = ask(world, "compare", look=True, frozen_since=frozen)
    assert (found["pass"], found["stood_still"], anew["pass"] == done["pass"]) == (anew["pass"], None, False)


def test_what_was_on_its_way_and_is_judged_again_counts_as_it_is_now(world):
    # GIVEN an object that OMS has accepted, and not copied yet
    world.in_step("late")
    world.later(60 * 20)
    missed = ask(world, "compare")
    # WHEN it has arrived, and is judged again
    world.there.add(StoredObject("late", b"A"))
    world.later(HOUR)
    again = ask(world, "compare", again=True)
    # THEN that is what a standstill pass sees
    still = ask(world, "compare", standstill=True)
    assert again["twin"] == still["twin"] != missed["twin"]
    assert ask(world, "compare", look=True)["stood_still"] is True


def test_since_a_freeze_the_pass_that_began_last_answers_and_an_older_one_never(world):
    ask(world, "compare")
    world.later(1)
    frozen = now(world)
    assert ask(world, "compare", look=True, frozen_since=frozen)["pass"] is None
    first = ask(world, "compare", deep=True)
    assert ask(world, "compare", look=True, frozen_since=frozen)["pass"] == first["pass"]
    second = ask(world, "compare", restart=True)
    assert ask(world, "compare", look=True, frozen_since=frozen)["pass"] == second["pass"]
    world.later(25 * HOUR)
    assert ask(world, "compare", look=True, frozen_since=frozen)["pass"] is None


def test_a_plain_comparison_after_a_deep_one_forgets_nothing_of_what_was_read(world):
    # GIVEN an object whose ETag is that of parts, which only reading proves
    world.source.add(StoredObject("parts", b"A", {"etag": f"{'0' * 32}-2"}))
    world.there.add(StoredObject("parts", b"A"))
    world.later(HOUR)
    frozen = now(world)
    deep = ask(world, "compare", deep=True)
    assert deep["classes"]["equal_contents"]["source"]["objects"] == 4
    # WHEN a colleague compares without reading, THEN the certificate goes by that, and the object is proven
    plain = ask(world, "compare", restart=True)
    document = ask(world, "certify", frozen_since=frozen)
    assert document["passes"]["compare"]["pass"] == plain["pass"]
    assert document["classes"]["equal_contents"]["source"]["objects"] == 4


@pytest.mark.parametrize("wish", [{"deep": True}, {"again": True}, {"since": "2026-01-01"}])
def test_a_standstill_pass_with_wishes_is_refused(world, wish):
    with pytest.raises(Exception, match="only lists both buckets"):
        ask(world, "compare", standstill=True, **wish)
