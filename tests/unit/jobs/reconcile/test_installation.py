"""The time of the project's installation, which limits the objects that reconcile submits."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from support.world import DAY, HOUR, NO_RIGHT, ROOT, World


def test_reconcile_records_its_installation_once_and_omits_older_objects(world):
    world.bucket.objects.clear()
    world.upload("before", minutes_ago=73 * 60)
    world.upload("within three days before", minutes_ago=71 * 60)
    world.tick("reconcile")
    world.advance(240 * HOUR)
    world.tick("reconcile")
    note = json.loads(world.bucket.objects[f"{ROOT}state/installed.json"].body)
    assert note == {"at": "2026-01-02T00:00:00Z", "prefix": "", "suffix": ""}
    assert world.accepted_keys() == {"within three days before"}


def test_replay_records_the_installation_if_passes_have_no_timer():
    # GIVEN a project whose passes are only begun by hand, and an object of the first day without an event
    world = World.installed(RECONCILE_PERIOD="off", COMPARE_PERIOD="off")
    world.bucket.objects.clear()
    for job in ("replay", "reconcile", "compare", "status"):
        world.tick(job)
    world.advance(DAY)
    world.upload("lost")

    # WHEN a pass begins long after, THEN it checks the objects of that day
    world.advance(10 * DAY)
    world.tick("replay")
    assert world.reconcile()["finished"] is True
    assert world.accepted_keys() == {"lost"}


OTHER_FILTERS = [
    ({"OBJECT_PREFIX": "a/"}, {"OBJECT_PREFIX": "b/"}),
    ({"OBJECT_SUFFIX": ".jpg"}, {"OBJECT_SUFFIX": ".png"}),
    ({"OBJECT_PREFIX": "a/", "OBJECT_SUFFIX": ".jpg"}, {"OBJECT_PREFIX": "a/b/", "OBJECT_SUFFIX": ".png"}),
]


@pytest.mark.parametrize("filters", OTHER_FILTERS)
def test_a_second_project_submits_no_object_older_than_itself(filters):
    # GIVEN a project that is installed for a part of the bucket, and objects in all parts
    first = World.installed(LANES="1", **filters[0])
    second = first.other_project(LANES="1", **filters[1])
    first.bucket.objects.clear()
    first.tick("reconcile")
    keys = [f"{folder}/{name}{end}" for folder in ("a", "a/b", "b") for name in "12" for end in (".jpg", ".png")]
    first.lose_events_of(*keys)
    first.advance(80 * HOUR)

    # WHEN a second project is installed for another part, long after
    second.tick("reconcile")

    # THEN the first project submits its own keys, and the second submits no keys of this age
    assert first.accepted_keys() == set()
    first.tick("reconcile")
    mine, others = ({*filter(reconcile_world.settings.key_filter.matches, keys)} for reconcile_world in (first, second))
    assert first.accepted_keys() == mine
    new = min(others).replace("1", "new")
    first.lose_events_of(new)
    first.advance(24 * HOUR)
    second.tick("reconcile")
    assert first.accepted_keys() == {*mine, new}


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
def test_a_project_keeps_its_installation_time_if_its_filter_changes(filters):
    # GIVEN an installed project, and an object without an event
    before = World.installed(**filters[0])
    after = before.other_project(**filters[1])
    before.bucket.objects.clear()
    before.tick("reconcile")
    before.upload("a/key")

    # WHEN the filter is changed before a pass finds the object, THEN a later pass finds it
    before.advance(80 * HOUR)
    after.tick("reconcile")
    assert before.accepted_keys() == {"a/key"}


@pytest.mark.parametrize("environment", [{}, {"OBJECT_PREFIX": "a/"}, {"OBJECT_SUFFIX": ".jpg"}])
def test_a_project_without_installation_time_uses_that_of_its_sync_task(environment):
    # GIVEN the record of an installation without a filter, and a later object without an event
    world = World.installed(**environment)
    world.lose_events_of("a/1.jpg")
    world.advance(1000 * HOUR)

    # WHEN a pass runs with this record, or without it later, THEN the time of the installation counts
    assert world.reconcile(dry_run=True)["submitted"] == 1
    assert world.tick("reconcile")["accepted"] == 1
    if environment:
        del world.bucket.objects[f"{ROOT}state/installed.json"]
    world.oms.accepted.clear()
    world.bucket.objects.pop(f"{ROOT}success_object/a/1.jpg")
    assert world.reconcile()["submitted"] == 1


def test_reconcile_uses_the_earliest_installation_time_of_a_project():
    world = World.installed()
    world.bucket.objects.clear()
    for day, prefix in ((9, "a/"), (3, "b/"), (6, "c/")):
        note = {"at": f"2025-12-0{day}T00:00:00Z", "prefix": prefix, "suffix": ""}
        world.bucket.add_json(f"state/installed-{prefix[0]}.json", note)
    world.upload("too old", minutes_ago=34 * 24 * 60)
    world.upload("since", minutes_ago=32 * 24 * 60)
    world.tick("reconcile")
    assert world.accepted_keys() == {"since"}


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
def test_reconcile_does_not_replace_an_unreadable_installation_time(note, body):
    world = World.installed(OBJECT_PREFIX="" if note == "installed" else "a/")
    world.bucket.add(StoredObject(f"{ROOT}state/{note}.json", body))
    with pytest.raises(StorageError, match=rf"{note}\.json in the log bucket is unreadable"):
        world.tick("reconcile")
    assert world.bucket.objects[f"{ROOT}state/{note}.json"].body == body


def test_reconcile_submits_no_key_if_it_cannot_list_the_log_bucket(world):
    world.lose_events_of("a")
    world.bucket.fail(NO_RIGHT, "list")
    with pytest.raises(StorageError):
        world.tick("reconcile")
    assert world.accepted_keys() == set()


def test_reconcile_submits_no_key_if_it_cannot_read_the_closed_mark(world):
    world.lose_events_of("a")
    world.bucket.fail(NO_RIGHT, "get")
    assert world.tick("reconcile")["stop"] == "mark_unread"
    assert world.accepted_keys() == set()
    assert [*world.store.iter_names()] == []
