"""The passes that the log bucket keeps."""

from __future__ import annotations

import json
import logging

import pytest

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import Passes
from support.fake_bucket import NO_RIGHT, ROOT, MemoryBucket
from support.reconcile_world import HOUR, ReconcileWorld
from support.remembers import Remembers


@pytest.fixture
def project() -> Remembers:
    return Remembers()


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, "oss_oms_sync")
    return lambda: [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")]


def test_a_pass_that_is_unreadable_is_logged(project, lines):
    begun = project.begin()
    project.bucket.add(StoredObject(begun.name, b"{}"))
    assert project.passes.all() == []
    assert lines() == [{"pass": begun.name, "problem": "unreadable, so another begins"}]


def test_a_pass_is_kept_as_it_is_and_its_end_clears_away_those_before_it_alone(project):
    # GIVEN three passes of one scope, and one of another
    other = project.begin(Scope(KeyFilter("a"), None, everything=True), limited=True)
    first, second, third = (project.begin() for _ in range(3))

    # WHEN the second ends, THEN the first is gone
    project.passes.finish(second)
    kept = {one.name: one for one in project.passes.all()}
    assert kept.keys() == {other.name, second.name, third.name}
    assert kept[other.name] == other
    assert kept[third.name] == third
    assert kept[second.name].ended == "2026-01-02T00:00:04Z"
    assert first.started < second.started


def test_passes_that_cannot_be_cleared_away_are_logged(project, lines):
    old, one = project.begin(), project.begin()
    project.bucket.problem = lambda kind, name: NO_RIGHT if kind == "delete" else None
    project.passes.finish(one)
    project.bucket.problem = lambda kind, name: NO_RIGHT if kind == "list" else None
    project.passes.finish(one)
    assert lines() == [{"pass": old.name, "problem": "no"}, {"passes": "not cleared away", "problem": "no"}]


def test_of_each_payload_the_last_pass_is_kept_and_forgotten_ones_expire(world):
    world.upload("a")
    world.later()
    for _ in range(3):
        world.reconcile()
    world.reconcile({"prefix": "a"})
    world.reconcile({"prefix": "b", "limit": 0})
    assert [one["scope"]["prefix"] for one in world.passes()].count("") == 1
    assert len(world.passes()) == 3
    world.later(31 * 24 * HOUR)
    world.reconcile()
    assert [(one["scope"]["prefix"], one["counts"]["scanned"]) for one in world.passes()] == [("", 1)]


@pytest.mark.parametrize(("days", "found"), [(29, False), (31, True)])
def test_a_forgotten_open_pass_is_not_resumed(world, days, found):
    for number in range(15):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})
    world.later(days * 24 * HOUR)
    world.upload("00 new", minutes_ago=30)
    world.reconcile()
    assert ("00 new" in world.sent()) == found


@pytest.mark.parametrize(("period", "days"), [("1d", 2), ("12h", 1.5), ("30d", 31), ("off", 31)])
def test_a_pass_is_late_a_day_after_the_next_was_due(period, days):
    world = ReconcileWorld(RECONCILE_PERIOD=period)
    world.reconcile()
    (one,) = Passes(world.invocation()).all()
    world.later(days * 24 * HOUR - 90)
    assert not one.is_late(world.settings, world.clock.now())
    world.later(100)
    assert one.is_late(world.settings, world.clock.now())


def test_more_passes_than_a_page_are_all_looked_at(world, mocker):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 2)
    for name in "abcdef":
        world.upload(f"{name}/1")
        world.upload(f"{name}/2")
    world.later()
    for name in "abcdef":
        world.reconcile({"prefix": f"{name}/", "limit": 1})
    results = [world.reconcile({"prefix": f"{name}/"}) for name in "abcdef"]
    assert [result["scanned"] for result in results] == [2] * 6
    assert max(world.oms.accepted.values()) == 1


def test_the_object_that_consoles_make_of_a_folder_is_not_a_pass(world, caplog):
    world.bucket.add(StoredObject(f"{ROOT}reconcile/", b""))
    assert world.reconcile()["finished"]
    assert f"{ROOT}reconcile/" in world.bucket.objects
    assert caplog.records == []


def test_an_unreadable_position_begins_anew(world):
    for number in range(15):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})
    (name,) = world.bucket.names(f"{ROOT}reconcile/")
    world.bucket.add(StoredObject(name, b"{"))
    world.upload("00 new", minutes_ago=30)
    assert world.reconcile()["scanned"] == 16


def test_a_position_that_cannot_be_read_is_an_error(world):
    world.reconcile({"limit": 0})
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "get" and "/reconcile/" in name else None
    with pytest.raises(StorageError):
        world.reconcile()


def test_a_pass_that_is_cleared_away_meanwhile_is_begun_anew(world):
    world.reconcile({"limit": 0})
    world.bucket.before = lambda kind, names: (
        world.bucket.objects.pop(names[0], None) if kind == "get" and "/reconcile/" in names[0] else None
    )
    assert world.reconcile()["finished"]


def test_old_passes_that_cannot_be_deleted_are_logged_and_stop_nothing(world, caplog):
    world.reconcile()
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "delete" else None
    assert world.reconcile()["finished"]
    assert "'problem': 'no'" in caplog.text


def test_passes_that_cannot_be_listed_for_clearing_away_stop_nothing(world, caplog):
    lists = []

    def second(kind: str, name: str) -> StorageFailure | None:
        lists.append(name) if kind == "list" and name.endswith("/reconcile/") else None
        return NO_RIGHT if len(lists) == 2 else None

    world.bucket.problem = second
    assert world.reconcile()["finished"]
    assert "not cleared away" in caplog.text


@pytest.mark.parametrize("asked", [{}, {"since": "1970-01-01"}])
def test_after_another_source_bucket_was_named_no_position_in_the_old_one_holds(world, asked):
    # GIVEN an open pass through another bucket
    mistaken = world.beside(SOURCE_BUCKET="another")
    mistaken.source = MemoryBucket(world.clock)
    for number in range(30):
        world.upload(f"{number:02}")
        mistaken.upload(f"{number:02} mistaken")
    world.later()
    mistaken.reconcile({**asked, "limit": 25})
    world.oms.accepted.clear()

    # WHEN the bucket's name is corrected, THEN a pass through this one begins at the front
    assert world.reconcile(asked)["scanned"] == 30
    assert world.sent() == {f"{number:02}" for number in range(30)}


def test_a_pass_that_ended_in_another_source_bucket_is_no_reason_to_wait(world):
    world.beside(SOURCE_BUCKET="another").tick()
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1


def kept_by_an_older_version(world: ReconcileWorld, **changes: object) -> None:
    """The passes as they were before they named a bucket."""
    for name in world.bucket.names(f"{ROOT}reconcile/"):
        body = json.loads(world.bucket.objects[name].body)
        del body["source_bucket"]
        world.bucket.add(StoredObject(name, json.dumps({**body, **changes}).encode()))


def test_a_backfill_that_an_older_version_began_starts_over_from_the_front(world):
    # GIVEN an open backfill that got half through what may have been another bucket
    for number in range(60):
        world.upload(f"{number:02}", minutes_ago=60 * 24 * 30)
    world.reconcile({"since": "1970-01-01", "limit": 30})
    kept_by_an_older_version(world, limited=False)
    for name in world.bucket.names(f"{ROOT}success_object/"):
        del world.bucket.objects[name]
    world.oms.accepted.clear()

    # WHEN the timer strikes after the upgrade, THEN nothing of it is left out
    for _ in range(2):
        world.tick()
    assert len(world.sent()) == 60
    assert sorted(one["counts"].get("scanned", 0) for one in world.passes()) == [0, 60]
    assert {one["source_bucket"] for one in world.passes()} == {"photos"}


def test_a_pass_that_an_older_version_ended_does_not_count(world):
    world.reconcile()
    kept_by_an_older_version(world)
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1


def test_a_pass_kept_with_a_year_that_is_not_padded_is_unreadable(world, caplog):
    # GIVEN what an older version kept of a backfill since the year 1
    world.reconcile({"since": "0001-01-01"})
    (name,) = world.bucket.names(f"{ROOT}reconcile/")
    old = world.bucket.objects[name].body.replace(b"0001-", b"1-")
    world.bucket.add(StoredObject(name, old))

    # WHEN the timer strikes, THEN that is told and counts for nothing
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1
    assert "unreadable, so another begins" in caplog.text
