"""The pass that answers for both buckets, and the standstill pass that confirms it by the state digest."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.compare_world import pages_of
from support.reconcile_world import ReconcileWorld
from support.world import DAY, HOUR, TICK

KEYS = ("a/1", "a/2", "b")


@pytest.fixture
def world() -> ReconcileWorld:
    """Return a world of three objects that are equal in OBS, written an hour ago."""
    world = ReconcileWorld()
    world.in_step(*KEYS)
    for key in KEYS:
        world.write(key, "A")
    world.advance(HOUR)
    return world


def ask(world: ReconcileWorld, job: str, **options: Any) -> dict[str, Any]:
    """Advance the time by a few seconds, then call a job by hand; return its answer."""
    world.advance(5)
    return world.ask(job, options)


def compared(world: ReconcileWorld) -> str:
    """Return the name of the pass that certify uses."""
    return str(ask(world, "certify")["passes"]["compare"]["pass"])


def now(world: ReconcileWorld) -> str:
    return world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("wish", [{"overwrite": True}, {"since": "2026-01-01"}, {"deep": True}])
def test_a_recheck_uses_the_pass_that_certify_uses_with_any_options(world, wish):
    done = ask(world, "compare", **wish)
    assert ask(world, "compare", again=True)["pass"] == done["pass"] == compared(world)


def test_a_finished_pass_with_options_delays_the_timers_next_pass(world):
    done = ask(world, "compare", deep=True)
    world.advance(HOUR)
    assert world.ask("compare", TICK)["pass"] == compared(world) == done["pass"]


def test_a_standstill_pass_confirms_a_comparison_even_while_closed(world):
    done = ask(world, "compare")
    assert ask(world, "compare", look=True)["stood_still"] is None
    world.shut(on=True)
    listed: list[str] = []
    world.bucket.before = lambda kind, names: listed.extend(names if kind == "list" else ())
    still = ask(world, "compare", standstill=True)
    assert not any("_object/" in name for name in listed)
    assert still["finished"] is True
    assert still["standstill"] is True
    assert still.get("classes") is None
    assert still["state"] == done["state"]
    assert still["twin"] == done["twin"]
    assert ask(world, "compare", look=True)["stood_still"] is True
    assert compared(world) == done["pass"]


@pytest.mark.parametrize("side", ["source", "there"])
def test_a_pass_contradicted_by_a_standstill_pass_is_not_used(world, side):
    frozen = now(world)
    done = ask(world, "compare", deep=True)
    getattr(world, side).add(StoredObject("b", b"B"))
    ask(world, "compare", standstill=True)
    assert ask(world, "compare", look=True, frozen_since=frozen)["stood_still"] is False
    world.advance(HOUR)
    anew = ask(world, "compare", restart=True)
    answer = ask(world, "compare", look=True, frozen_since=frozen)
    assert answer["pass"] == anew["pass"]
    assert answer["stood_still"] is None
    assert anew["pass"] != done["pass"]


def test_rechecked_objects_count_by_their_new_class(world):
    # GIVEN an object that OMS has accepted, and not copied yet
    world.in_step("late")
    world.advance(60 * 20)
    missed = ask(world, "compare")
    # WHEN it has arrived, and is judged again
    world.write("late", "A")
    world.advance(HOUR)
    again = ask(world, "compare", again=True)
    # THEN that is what a standstill pass sees
    assert again["twin"] == ask(world, "compare", standstill=True)["twin"] != missed["twin"]
    assert ask(world, "compare", look=True)["stood_still"] is True


def test_after_a_freeze_only_the_last_begun_pass_is_used(world):
    ask(world, "compare")
    world.advance(1)
    frozen = now(world)

    def answering() -> object:
        return ask(world, "compare", look=True, frozen_since=frozen)["pass"]

    assert answering() is None
    for wish in ({"deep": True}, {"restart": True}):
        assert ask(world, "compare", **wish)["pass"] == answering()
    world.advance(25 * HOUR)
    assert answering() is None


def test_a_plain_comparison_after_a_deep_one_keeps_its_proofs(world):
    # GIVEN an object whose ETag is that of parts, which only reading proves
    world.lost("parts", kind="Multipart")
    world.write("parts", "A")
    world.advance(HOUR)
    frozen = now(world)
    assert ask(world, "compare", deep=True)["classes"]["equal_contents"]["source"]["objects"] == 4
    # WHEN a colleague compares without reading, THEN the certificate goes by that, and the object is proven
    plain = ask(world, "compare", restart=True)
    document = ask(world, "certify", frozen_since=frozen)
    assert document["passes"]["compare"]["pass"] == plain["pass"]
    assert document["classes"]["equal_contents"]["source"]["objects"] == 4


def of_standstill(world: ReconcileWorld) -> str:
    return str(ask(world, "compare", restart=True, standstill=True)["state"])


def of_compare(world: ReconcileWorld) -> str:
    return str(ask(world, "compare", restart=True)["source"]["state_digest"])


def test_both_jobs_have_the_same_reproducible_state_digest(world):
    versions = (
        (f"{key}\0{stored.size}\0{stored.etag}", stored.last_modified)
        for key, stored in world.oss.objects(world.source_bucket).items()
    )
    total = (
        sum(int(hashlib.sha256(version.encode()).hexdigest(), 16) * (2 * at + 1) for version, at in versions) % 2**256
    )
    assert of_standstill(world) == of_compare(world) == f"{total:064x}"


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.upload("a/1", "B"),
        lambda world: world.upload("a/1"),  # the same contents, later
        lambda world: world.delete("b"),
        lambda world: world.upload("new"),
    ],
    ids=["overwritten", "written again", "deleted", "new"],
)
def test_any_change_at_the_source_changes_the_state_digest(world, change):
    before = of_compare(world)
    world.advance(HOUR)
    change(world)
    assert of_standstill(world) != before


def test_objects_outside_the_filter_are_not_in_the_state_digest():
    world = ReconcileWorld(OBJECT_SUFFIX=".jpg")
    world.lost("a.jpg", "a.tmp")
    before = of_compare(world)
    world.delete("a.tmp")
    assert of_standstill(world) == before == of_compare(world)


def test_a_pass_in_many_pieces_has_the_digest_of_a_single_piece(world, mocker):
    before = of_standstill(world)
    mocker.patch("oss_oms_sync.passes.work.MIN_SPLIT_OBJECTS", 1)
    world.advance(DAY)
    with pages_of(1):
        assert of_standstill(world) == before == of_compare(world)
