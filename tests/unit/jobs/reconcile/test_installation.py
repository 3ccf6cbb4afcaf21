"""The time of the project's installation, which limits the objects that reconcile submits."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from support.reconcile_world import ReconcileWorld
from support.world import DAY, HOUR, NO_RIGHT, ROOT, TICK


def test_the_installation_is_recorded_once_and_limits_the_objects(world):
    world.bucket.objects.clear()
    world.upload("before", minutes_ago=73 * 60)
    world.upload("within three days before", minutes_ago=71 * 60)
    world.tick()
    world.advance(240 * HOUR)
    world.tick()
    note = json.loads(world.bucket.objects[f"{ROOT}state/installed.json"].body)
    assert note == {"at": "2026-01-02T00:00:00Z", "prefix": "", "suffix": ""}
    assert world.sent() == {"within three days before"}


def test_replays_timer_records_the_installation_if_no_pass_timer_does():
    # GIVEN a project whose passes are only begun by hand, and an object of the first day without an event
    world = ReconcileWorld(RECONCILE_PERIOD="off", COMPARE_PERIOD="off")
    world.bucket.objects.clear()
    for job in ("replay", "reconcile", "compare", "status"):
        world.ask(job, TICK)
    world.advance(DAY)
    world.upload("lost")

    # WHEN a pass begins long after, THEN it checks the objects of that day
    world.advance(10 * DAY)
    world.ask("replay", TICK)
    assert world.reconcile()["finished"] is True
    assert world.sent() == {"lost"}


OTHER_FILTERS = [
    ({"OBJECT_PREFIX": "a/"}, {"OBJECT_PREFIX": "b/"}),
    ({"OBJECT_SUFFIX": ".jpg"}, {"OBJECT_SUFFIX": ".png"}),
    ({"OBJECT_PREFIX": "a/", "OBJECT_SUFFIX": ".jpg"}, {"OBJECT_PREFIX": "a/b/", "OBJECT_SUFFIX": ".png"}),
]


@pytest.mark.parametrize("filters", OTHER_FILTERS)
def test_a_second_project_submits_no_object_older_than_itself(filters):
    # GIVEN a project that is installed for a part of the bucket, and objects in all parts
    first = ReconcileWorld(LANES="1", **filters[0])
    second = first.beside(LANES="1", **filters[1])
    first.bucket.objects.clear()
    first.tick()
    keys = [f"{folder}/{name}{end}" for folder in ("a", "a/b", "b") for name in "12" for end in (".jpg", ".png")]
    first.lost(*keys)
    first.advance(80 * HOUR)

    # WHEN a second project is installed for another part, long after
    second.tick()

    # THEN the first project submits its own keys, and the second submits no keys of this age
    assert first.sent() == set()
    first.tick()
    mine, others = ({*filter(reconcile_world.settings.key_filter.matches, keys)} for reconcile_world in (first, second))
    assert first.sent() == mine
    new = min(others).replace("1", "new")
    first.lost(new)
    first.advance(24 * HOUR)
    second.tick()
    assert first.sent() == {*mine, new}


@pytest.mark.parametrize(
    "filters",
    [
        ({"OBJECT_PREFIX": "a/"}, {}),
        ({"OBJECT_PREFIX": "a/"}, {"OBJECT_PREFIX": "a"}),
        ({}, {"OBJECT_PREFIX": "a/"}),
        ({"OBJECT_SUFFIX": "/key"}, {"OBJECT_SUFFIX": "y"}),
        ({"OBJECT_SUFFIX": "y"}, {"OBJECT_PREFIX": "a/", "OBJECT_SUFFIX": "/key"}),
    ],
)
def test_a_project_whose_filter_was_changed_keeps_its_time_of_installation(filters):
    # GIVEN an installed project, and an object without an event
    before = ReconcileWorld(**filters[0])
    after = before.beside(**filters[1])
    before.bucket.objects.clear()
    before.tick()
    before.upload("a/key")

    # WHEN the filter is changed before a pass finds the object, THEN a later pass finds it
    before.advance(80 * HOUR)
    after.tick()
    assert before.sent() == {"a/key"}


@pytest.mark.parametrize("environment", [{}, {"OBJECT_PREFIX": "a/"}, {"OBJECT_SUFFIX": ".jpg"}])
def test_after_an_upgrade_the_tasks_installation_counts_for_projects(environment):
    # GIVEN the record of an installation without a filter, and a later object without an event
    world = ReconcileWorld(**environment)
    world.lost("a/1.jpg")
    world.advance(1000 * HOUR)

    # WHEN a pass runs with this record, or without it later, THEN the time of the installation counts
    assert world.reconcile({"dry_run": True})["submitted"] == 1
    assert world.tick()["accepted"] == 1
    if environment:
        del world.bucket.objects[f"{ROOT}state/installed.json"]
    world.oms.accepted.clear()
    world.bucket.objects.pop(f"{ROOT}success_object/a/1.jpg")
    assert world.reconcile()["submitted"] == 1


def test_the_earliest_installation_of_a_project_counts():
    world = ReconcileWorld()
    world.bucket.objects.clear()
    for day, prefix in ((9, "a/"), (3, "b/"), (6, "c/")):
        note = {"at": f"2025-12-0{day}T00:00:00Z", "prefix": prefix, "suffix": ""}
        world.keep(f"state/installed-{prefix[0]}.json", note)
    world.upload("too old", minutes_ago=34 * 24 * 60)
    world.upload("since", minutes_ago=32 * 24 * 60)
    world.tick()
    assert world.sent() == {"since"}


@pytest.mark.parametrize(
    ("note", "body"),
    [
        ("installed", b""),
        ("installed", b"{}"),
        ("installed", b'{"at": "some day"}'),
        ("installed-x", b""),
        ("installed-x", b'{"at": "some day", "prefix": "b/", "suffix": ""}'),
    ],
)
def test_an_unreadable_record_of_the_installation_is_not_replaced(note, body):
    world = ReconcileWorld(OBJECT_PREFIX="" if note == "installed" else "a/")
    world.bucket.add(StoredObject(f"{ROOT}state/{note}.json", body))
    with pytest.raises(StorageError, match=rf"{note}\.json in the log bucket is unreadable"):
        world.tick()
    assert world.bucket.objects[f"{ROOT}state/{note}.json"].body == body


def test_a_log_bucket_that_cannot_be_listed_does_not_count_as_empty(world):
    world.lost("a")
    world.bucket.fail(NO_RIGHT, "list")
    with pytest.raises(StorageError):
        world.tick()
    assert world.sent() == set()


def test_an_unreadable_log_bucket_does_not_mean_an_open_project(world):
    world.lost("a")
    world.bucket.fail(NO_RIGHT, "get")
    assert world.tick()["stop"] == "mark_unread"
    assert world.sent() == set()
    assert [*world.store.iter_names()] == []
