"""Whether the source stood still shows in the state digests of two comparisons, or of a standstill pass."""

from __future__ import annotations

import hashlib

import pytest

from support.compare_world import CompareWorld, pages_of
from support.world import DAY, HOUR


@pytest.fixture
def world() -> CompareWorld:
    world = CompareWorld(["a/1", "a/2", "b/1"], LANES="2")
    for key in world.keys:
        world.put(key, key, fate="copied")
    world.later(HOUR)
    return world


def of_standstill(world: CompareWorld) -> str:
    return str(world.compare({"restart": True, "standstill": True})["state"])


def of_compare(world: CompareWorld) -> str:
    return str(world.compare({"restart": True})["source"]["state_digest"])


def test_both_have_the_same_and_anybody_can_compute_it(world):
    versions = (
        (f"{key}\0{one.size}\0{one.etag}", one.last_modified)
        for key, one in world.oss.objects(world.source_bucket).items()
    )
    total = sum(int(hashlib.sha256(one.encode()).hexdigest(), 16) * (2 * at + 1) for one, at in versions) % 2**256
    assert of_standstill(world) == of_compare(world) == f"{total:064x}"


def test_time_alone_changes_nothing(world):
    before = of_compare(world)
    world.later(DAY)
    assert of_standstill(world) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.put("a/1", "other", fate="copied"),
        lambda world: world.put("a/1", "a/1", fate="copied"),  # the same contents, later
        lambda world: world.delete("b/1"),
        lambda world: world.put("new", "new", fate="copied"),
    ],
    ids=["overwritten", "written again", "deleted", "new"],
)
def test_whatever_happens_at_the_source_shows(world, change):
    before = of_compare(world)
    world.later(HOUR)
    change(world)
    assert of_standstill(world) != before


def test_what_is_outside_the_filter_does_not_show():
    world = CompareWorld(["a.jpg", "a.tmp"], OBJECT_SUFFIX=".jpg")
    for key in world.keys:
        world.put(key, key, fate="copied")
    world.later(HOUR)
    before = of_compare(world)
    world.delete("a.tmp")
    assert of_standstill(world) == before == of_compare(world)


def test_a_pass_in_many_pieces_has_the_digest_of_one(world, mocker):
    before = of_standstill(world)
    mocker.patch("oss_oms_sync.passes.work.WORTH_SPLITTING", 1)
    world.later(DAY)
    with pages_of(1):
        assert of_standstill(world) == before == of_compare(world)
