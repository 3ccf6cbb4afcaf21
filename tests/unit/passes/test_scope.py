"""Which objects a pass is about."""

from __future__ import annotations

from oss_oms_sync.clouds.objects import StoredObject
from support.reconcile_world import ReconcileWorld, counts
from support.world import HOUR, ROOT


def test_nothing_outside_prefix_and_suffix_is_sent_or_counted():
    world = ReconcileWorld(OBJECT_PREFIX="photos/", OBJECT_SUFFIX=".jpg")
    for key in ("photos/a.jpg", "photos/a.png", "photos", "videos/a.jpg", "photos/b.jpg"):
        world.upload(key)
        world.accept(f"{key}.deleted")
    world.later()
    assert counts(world.reconcile()) == {"scanned": 2, "submitted": 2, "accepted": 2}
    assert world.sent() == {"photos/a.jpg", "photos/b.jpg"}


def test_payload_prefix_since_and_all_choose(world):
    world.upload("a/old", minutes_ago=30 * 24 * 60)
    world.in_step("a/new", "b/new")
    world.upload("b/missing")
    world.later()
    assert counts(world.reconcile({"prefix": "a/"})) == {"scanned": 1, "covered": 1}
    assert world.reconcile({"since": "2026-01-01"})["submitted"] == 1
    assert world.sent() == {"b/missing"}
    assert world.reconcile({"since": "1970-01-01", "prefix": "b/"})["submitted"] == 0
    assert world.reconcile({"since": "1970-01-01T00:00:00Z"})["submitted"] == 1
    assert world.sent() == {"b/missing", "a/old"}
    world.oms.accepted.clear()
    assert counts(world.reconcile({"all": True, "prefix": "a/"})) == {"scanned": 2, "submitted": 2, "accepted": 2}
    assert world.sent() == {"a/old", "a/new"}
    assert world.reconcile({"all": True, "since": "2026-01-01", "prefix": "a/"})["submitted"] == 1


def test_an_object_of_the_very_second_that_since_names_is_looked_at(world):
    world.upload("a")
    world.later(1)
    world.upload("b")
    world.later()
    assert world.reconcile({"since": "2026-01-02T00:00:01Z", "dry_run": True})["missing"] == ["b"]


def test_all_is_all_however_old(world):
    world.upload("a")
    world.source.modified["a"] = 0
    assert world.reconcile({"all": True})["accepted"] == 1


def test_an_installation_in_the_first_year_is_not_an_error(world):
    world.bucket.add(StoredObject(f"{ROOT}state/installed.json", b'{"at": "0001-01-01"}'))
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1


def test_what_came_while_the_log_bucket_could_not_be_used_yet_is_found(world):
    # GIVEN a log bucket that cannot be used until Function Compute has given the first events up, after two days
    del world.bucket.objects[f"{ROOT}state/installed.json"]
    world.upload("first")
    world.later(49 * HOUR)
    world.upload("before the project", minutes_ago=60 * 24 * 5)

    # WHEN reconcile runs for the first time
    world.tick()

    # THEN it finds them
    assert world.sent() == {"first"}
