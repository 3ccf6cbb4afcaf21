"""Passes that an older version stored: open ones begin anew, and all of the project's are deleted."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.inprocess.instance import Killed
from support.reconcile_world import NO_RIGHT, ReconcileWorld
from support.world import ROOT

BACKFILL = {"since": "1970-01-01T00:00:00Z"}


def kept(world: ReconcileWorld, scope: dict[str, object] | None = None, **changes: object) -> str:
    """A pass as an older version kept it: open, and got to the key 30. Returns its name."""
    name = f"{ROOT}reconcile/0123456789abcdef/20260101T000000.000000Z-{len(world.bucket.objects):08}.json"
    body = {
        "name": name,
        "source_bucket": "photos",
        "scope": {"prefix": "", "suffix": "", "since": "", "all": False, **(scope or {})},
        "started": "2026-01-01T00:00:00Z",
        "limited": False,
        "after": "30",
        "ended": "",
        "counts": {"scanned": 31},
        **changes,
    }
    world.bucket.add(
        StoredObject(name, json.dumps({key: one for key, one in body.items() if one is not None}).encode())
    )
    return name


@pytest.fixture
def old(world: ReconcileWorld) -> ReconcileWorld:
    """A world with sixty objects from before the installation."""
    for number in range(60):
        world.upload(f"{number:02}", minutes_ago=60 * 24 * 30)
    world.later()
    return world


@pytest.fixture
def warnings(caplog):
    return lambda: [record.msg for record in caplog.records if record.levelname == "WARNING"]


# The oldest versions named no bucket.
@pytest.mark.parametrize("bucket", ["photos", "", None])
def test_an_open_backfill_begins_anew_at_the_front_which_is_told(old, warnings, bucket):
    name = kept(old, BACKFILL, source_bucket=bucket)
    old.tick()
    assert len(old.sent()) == 60
    (one,) = [each for each in old.passes() if each.scope.since]
    assert (one.counts["scanned"], bool(one.ended)) == (60, True)
    assert [warning["pass"] for warning in warnings()] == ["an older version began it, so it begins anew"]
    assert name not in old.bucket.objects

    # AND that is done once
    old.later()
    old.tick()
    assert len(warnings()) == 1
    assert max(old.oms.accepted.values()) == 1


def test_a_call_by_hand_begins_it_anew_as_well_whatever_it_asks_for(old):
    kept(old, BACKFILL)
    old.reconcile({"prefix": "5"})
    assert len(old.sent()) == 60


def test_an_open_pass_of_the_usual_scope_is_begun_once(old, warnings):
    kept(old)
    old.upload("new", minutes_ago=30)
    old.tick()
    assert old.sent() == {"new"}
    assert (len(old.passes()), len(warnings())) == (1, 1)


def test_one_that_had_ended_is_deleted_and_keeps_no_pass_from_beginning(old, warnings):
    name = kept(old, ended="2026-01-02T00:30:00Z")
    old.upload("new", minutes_ago=30)
    assert old.tick()["accepted"] == 1
    assert name not in old.bucket.objects
    assert warnings() == []


def test_a_trial_with_a_limit_is_only_deleted(old, warnings):
    name = kept(old, BACKFILL, limited=True)
    old.tick()
    assert name not in old.bucket.objects
    assert (old.sent(), warnings()) == (set(), [])


@pytest.mark.parametrize("change", [{"source_bucket": "another"}, {"scope": {"prefix": "b/"}}], ids=str)
def test_those_of_another_project_are_left_alone(warnings, change):
    world = ReconcileWorld(OBJECT_PREFIX="a/")
    name = kept(world, **{"scope": {"prefix": "a/"}, **change})
    own = kept(world, {"prefix": "a/"})
    world.tick()
    assert name in world.bucket.objects
    assert own not in world.bucket.objects
    assert len(warnings()) == 1


@pytest.mark.parametrize("body", [b"", b"?", b"[]", b"{}"])
def test_what_is_unreadable_is_left_alone(old, warnings, body):
    name = kept(old, BACKFILL)
    old.bucket.add(StoredObject(name, body))
    old.tick()
    assert name in old.bucket.objects
    assert (old.sent(), warnings()) == (set(), [])


@pytest.mark.parametrize(
    "changes", [{"limited": None}, {"ended": 1}, {"scope": {"since": "1-01-01T00:00:00Z"}}], ids=str
)
def test_one_that_is_not_whole_is_left_alone(old, changes):
    name = kept(old, **{"scope": BACKFILL, **changes})
    old.tick()
    assert name in old.bucket.objects
    assert old.sent() == set()


def test_the_object_that_consoles_make_of_a_folder_is_left_alone(old):
    old.bucket.add(StoredObject(f"{ROOT}reconcile/", b""))
    old.tick()
    assert f"{ROOT}reconcile/" in old.bucket.objects


def test_one_that_cannot_be_deleted_does_not_begin_again_each_time(old):
    kept(old, BACKFILL)
    old.bucket.fail(NO_RIGHT, "delete")
    for _ in range(3):
        old.tick()
        old.later()
    assert len([each for each in old.passes() if each.scope.since]) == 1


def test_killed_before_it_is_deleted_it_is_begun_by_the_next_tick(old):
    # GIVEN a tick that dies before it writes anything of the pass that begins anew
    kept(old, BACKFILL)

    def strike(kind: str, names: list[str]) -> None:
        if kind == "put" and "/passes/" in names[0]:
            old.die()

    old.bucket.before = strike
    with pytest.raises(Killed):
        old.tick()
    old.bucket.before = lambda kind, names: None
    old.tick()
    assert len(old.sent()) == 60


@pytest.mark.parametrize("asked", [{"look": True}, {"dry_run": True, "since": "1970-01-01"}, {"limit": 1}], ids=str)
def test_who_only_looks_or_tries_leaves_them_as_they_are(old, asked):
    name = kept(old, BACKFILL)
    old.reconcile(asked)
    assert name in old.bucket.objects
    assert old.passes() == []
