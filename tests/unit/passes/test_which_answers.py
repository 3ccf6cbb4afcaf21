"""The comparison whose result certify uses, and the standstill pass that confirms or contradicts it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.world import HOUR, World

KEYS = ("a/1", "a/2", "b")


@pytest.fixture
def world() -> World:
    """Return simulated clouds with three objects, written an hour ago and equal in OBS."""
    world = World.installed()
    world.put_accepted(*KEYS)
    for key in KEYS:
        world.write(key, "A")
    world.advance(HOUR)
    return world


def ask(world: World, job: str, **options: Any) -> dict[str, Any]:
    """Advance the time by a few seconds, then call a job by hand; return its answer."""
    world.advance(5)
    return world.invoke(job, options)


def find_certified_pass(world: World) -> str:
    """Return the name of the pass that certify uses."""
    return str(ask(world, "certify")["passes"]["compare"]["pass"])


def format_now(world: World) -> str:
    return world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("options", [{"overwrite": True}, {"since": "2026-01-01"}, {"deep": True}])
def test_a_recheck_uses_the_same_pass_as_certify_with_any_options(world, options):
    answer = ask(world, "compare", **options)
    assert ask(world, "compare", again=True)["pass"] == answer["pass"] == find_certified_pass(world)


def test_a_finished_pass_with_options_delays_the_next_pass_of_the_timer(world):
    answer = ask(world, "compare", deep=True)
    world.advance(HOUR)
    assert world.tick("compare")["pass"] == find_certified_pass(world) == answer["pass"]


def test_a_standstill_pass_confirms_a_comparison_of_a_closed_project(world):
    comparison = ask(world, "compare")
    assert ask(world, "compare", look=True)["stood_still"] is None
    world.bucket.add_mark(closed=True)
    listed_names: list[str] = []
    world.bucket.before = lambda kind, names: listed_names.extend(names if kind == "list" else ())
    standstill = ask(world, "compare", standstill=True)
    assert not any("_object/" in name for name in listed_names)
    assert standstill["finished"] is True
    assert standstill["standstill"] is True
    assert standstill.get("classes") is None
    assert standstill["state"] == comparison["state"]
    assert standstill["twin"] == comparison["twin"]
    assert ask(world, "compare", look=True)["stood_still"] is True
    assert find_certified_pass(world) == comparison["pass"]


@pytest.mark.parametrize("side", ["source", "destination"])
def test_certify_ignores_a_comparison_that_a_standstill_pass_contradicts(world, side):
    frozen = format_now(world)
    old_comparison = ask(world, "compare", deep=True)
    getattr(world, side).add(StoredObject("b", b"B"))
    ask(world, "compare", standstill=True)
    assert ask(world, "compare", look=True, frozen_since=frozen)["stood_still"] is False
    world.advance(HOUR)
    new_comparison = ask(world, "compare", restart=True)
    answer = ask(world, "compare", look=True, frozen_since=frozen)
    assert answer["pass"] == new_comparison["pass"]
    assert answer["stood_still"] is None
    assert new_comparison["pass"] != old_comparison["pass"]


def test_a_standstill_pass_confirms_a_rechecked_comparison(world):
    # GIVEN an object that OMS has accepted, and not copied yet
    world.put_accepted("late")
    world.advance(60 * 20)
    comparison = ask(world, "compare")
    # WHEN OMS has copied the object, and a recheck runs
    world.write("late", "A")
    world.advance(HOUR)
    rechecked_comparison = ask(world, "compare", again=True)
    # THEN a standstill pass confirms the recheck
    assert rechecked_comparison["twin"] == ask(world, "compare", standstill=True)["twin"] != comparison["twin"]
    assert ask(world, "compare", look=True)["stood_still"] is True


def test_certify_uses_only_a_comparison_that_began_after_the_freeze(world):
    ask(world, "compare")
    world.advance(1)
    frozen = format_now(world)

    def find_answering() -> object:
        return ask(world, "compare", look=True, frozen_since=frozen)["pass"]

    assert find_answering() is None
    for options in ({"deep": True}, {"restart": True}):
        assert ask(world, "compare", **options)["pass"] == find_answering()
    world.advance(25 * HOUR)
    assert find_answering() is None


def read_standstill_digest(world: World) -> str:
    return str(ask(world, "compare", restart=True, standstill=True)["state"])


def read_compare_digest(world: World) -> str:
    return str(ask(world, "compare", restart=True)["source"]["state_digest"])


def test_compare_and_a_standstill_pass_compute_the_same_state_digest(world):
    versions = (
        (f"{key}\0{stored.size}\0{stored.etag}", stored.last_modified)
        for key, stored in world.oss.objects(world.source_bucket).items()
    )
    total = (
        sum(int(hashlib.sha256(version.encode()).hexdigest(), 16) * (2 * at + 1) for version, at in versions) % 2**256
    )
    assert read_standstill_digest(world) == read_compare_digest(world) == f"{total:064x}"


def test_any_change_at_the_source_changes_the_state_digest(world):
    digests = [read_standstill_digest(world)]
    # An object is written again with the same contents and with others, deleted, and new.
    for change in (("upload", "a/1"), ("upload", "a/1", "B"), ("delete", "b"), ("upload", "new")):
        world.advance(HOUR)
        world.play([change])
        digests.append(read_standstill_digest(world))
    assert len({*digests}) == len(digests)


def test_the_state_digest_leaves_out_objects_outside_the_filter():
    world = World.installed(OBJECT_SUFFIX=".jpg")
    world.lose_events_of("a.jpg", "a.tmp")
    before = read_compare_digest(world)
    world.delete("a.tmp")
    assert read_standstill_digest(world) == before == read_compare_digest(world)
