"""The classes of objects in a reconcile pass, which decide the objects that the pass submits."""

from __future__ import annotations

from collections import Counter
from itertools import chain, product

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.passes import LONG, adds_up, counts
from support.world import HOUR, ROOT, World, record_name


def write_vendors_record(world: World, key: str) -> None:
    world.bucket.add(StoredObject(record_name("success", key), b""))


def write_record_without_etag(world: World, key: str) -> None:
    body, headers = (b"-", {}) if LONG not in key else (key.encode(), {"x-oss-meta-etag": "-"})
    world.bucket.add(StoredObject(record_name("success", key), body, headers))


def add_failed_record(world: World, key: str) -> None:
    world.bucket.add_failed_records(key, data="A")


SENT = ["scanned", "submitted", "accepted"]
# The events of an object in the first hour, in the second hour, and in the last minute; and its class then.
CASES = {
    "no record": ([["upload"]], SENT),
    "in step": ([["put_accepted"]], ["scanned", "covered"]),
    "overwritten": ([["put_accepted"], ["upload B"]], SENT),
    "overwritten in the second of the record": ([["put_accepted", "upload B"]], SENT),
    "overwritten and restored": ([["put_accepted"], ["upload B", "upload A"]], SENT),
    "recorded by the vendor's handler": ([["upload", write_vendors_record]], SENT),
    "recorded without an ETag": ([["upload", write_record_without_etag]], SENT),
    "failed": ([["upload", add_failed_record]], ["scanned", "failed_before"]),
    "overwritten after it failed": ([["upload", add_failed_record], ["upload B"]], SENT),
    "failed in a repeated event": ([["put_accepted", add_failed_record]], ["scanned", "covered"]),
    "just uploaded": ([[], [], ["upload"]], ["scanned", "pending"]),
    "older than the installation": ([[lambda world, key: world.upload(key, minutes_ago=80 * 60)]], []),
    "a symbolic link": ([[lambda world, key: world.upload(key, kind="Symlink")]], []),
}


def test_reconcile_submits_only_missing_or_outdated_objects(world):
    # GIVEN two objects a case, one with a long key, among copied objects whose names have the same prefix
    keys = {case: (f"a/{case}", f"{LONG}{number}") for number, case in enumerate(CASES)}
    other_keys = ["a", "a/", "a/b/c", "ab", "最"]
    world.put_accepted(*other_keys)
    for hour in range(3):
        for case, (events_by_hour, _) in CASES.items():
            for key, event in product(keys[case], chain(*events_by_hour[hour : hour + 1])):
                call, *details = [event] if callable(event) else event.split()
                call(world, key) if callable(call) else getattr(world, call)(key, *details)
        world.advance(HOUR if hour < 2 else 60)

    # WHEN a pass is done
    result = world.reconcile()

    # THEN the objects are counted in their classes, and submitted only if necessary
    expected_counts = Counter(["scanned", "covered"] * len(other_keys))
    for _, names in CASES.values():
        expected_counts.update(names * 2)
    assert counts(result) == expected_counts
    assert adds_up(result)
    assert result["finished"] is True
    accepted_keys = world.accepted_keys()
    assert [case for case in CASES if accepted_keys.issuperset(keys[case])] == [
        case for case, (_, names) in CASES.items() if names is SENT
    ]
    assert len(accepted_keys) == counts(result)["accepted"]

    # AND the next pass submits nothing
    assert world.reconcile()["submitted"] == 0


def test_reconcile_counts_records_of_deleted_objects_and_submits_none(world):
    world.bucket.add_success_record("deleted long ago")
    world.advance()
    world.bucket.add_success_record("deleted just now")  # or uploaded just now, after its page was listed
    assert counts(world.reconcile()) == {"orphans": 1}
    assert world.oms.calls == []


@pytest.mark.parametrize(("minutes", "pending"), [(14, 1), (16, 0)])
def test_reconcile_leaves_objects_newer_than_15_minutes_to_its_next_pass(world, minutes, pending):
    world.advance()
    world.upload("a", minutes_ago=minutes)
    assert world.reconcile()["pending"] == pending


def count_new_objects(world: World) -> tuple[int, int]:
    """Return the number of objects that were new to the last pass, and the number of those without a record."""
    *_, state = world.passes()
    return state.counts["new"], state.counts["new_missing"]


def test_reconcile_submits_objects_written_while_the_project_was_closed(world):
    # GIVEN a project that is closed, and has no trigger any more
    world.advance(72 * HOUR)
    world.reconcile()
    world.invoke("certify", {"close": True})
    world.advance(HOUR)
    for minutes in (20, 1):
        world.upload(f"{minutes} minutes old", minutes_ago=minutes)

    # WHEN the project is opened, and a pass begins, THEN the pass waits for no event
    world.invoke("certify", {"open": True})
    world.advance(60)
    world.upload("before the trigger was there", minutes_ago=0.5)
    answer = world.reconcile(restart=True)
    assert answer["submitted"] == 3
    assert answer["pending"] == 0

    # AND these objects count neither as lost events nor as arrived events
    assert count_new_objects(world) == (0, 0)
    world.advance(HOUR)
    world.reconcile()
    assert count_new_objects(world) == (0, 0)


def test_reconcile_never_submits_records_in_the_source_bucket(world):
    world.lose_events_of("oms_source_record/x/success_object/a")
    assert counts(world.reconcile()) == {}


def test_reconcile_counts_objects_written_since_its_last_pass_as_new(world):
    # GIVEN lost objects before and after the time limits of the last pass and of this pass
    world.advance(72 * HOUR)
    world.reconcile()
    world.advance(24 * HOUR)
    last, settled = 24 * 60 + 15, 15
    for minutes in (last + 1, last - 1, settled + 1, settled - 1):
        world.upload(f"{minutes} lost", minutes_ago=minutes)

    # WHEN a pass is done, THEN the objects between the limits are counted
    world.reconcile()
    assert count_new_objects(world) == (2, 2)


def test_reconcile_does_not_count_objects_before_the_installation_as_new(world):
    world.upload("before", minutes_ago=61)
    world.upload("since", minutes_ago=59)
    assert world.reconcile()["submitted"] == 2
    assert count_new_objects(world) == (1, 1)


def test_reconcile_neither_submits_nor_counts_keys_outside_its_filter():
    world = World.installed(OBJECT_PREFIX="photos/", OBJECT_SUFFIX=".jpg")
    keys = ("photos/a.jpg", "photos/a.png", "photos", "videos/a.jpg", "photos/b.jpg")
    for key in keys:
        world.bucket.add_success_record(f"{key}.deleted")
    world.lose_events_of(*keys)
    assert counts(world.reconcile()) == {"scanned": 2, "submitted": 2, "accepted": 2}
    assert world.accepted_keys() == {"photos/a.jpg", "photos/b.jpg"}


@pytest.mark.parametrize(
    ("asked", "looked_at", "sent"),
    [
        ({"prefix": "a/"}, 1, []),
        ({"since": "2026-01-01"}, 3, ["b/missing"]),
        ({"since": "1970-01-01", "prefix": "b/"}, 2, ["b/missing"]),
        ({"since": "1970-01-01T00:00:00Z"}, 4, ["a/old", "b/missing"]),
        ({"all": True, "prefix": "a/"}, 2, ["a/new", "a/old"]),
        ({"all": True, "since": "2026-01-01", "prefix": "a/"}, 1, ["a/new"]),
    ],
)
def test_the_options_prefix_since_and_all_select_objects_of_reconcile(world, asked, looked_at, sent):
    world.upload("a/old", minutes_ago=30 * 24 * 60)
    world.put_accepted("a/new", "b/new")
    world.lose_events_of("b/missing")
    result = world.invoke("reconcile", asked)
    assert result["scanned"] == looked_at
    assert result["submitted"] == len(sent)
    assert sorted(world.accepted_keys()) == sent


def test_reconcile_includes_an_object_written_in_the_second_of_since(world):
    world.upload("a")
    world.advance(1)
    world.lose_events_of("b")
    assert world.reconcile(since="2026-01-02T00:00:01Z", dry_run=True)["missing"] == ["b"]


def test_reconcile_with_the_option_all_includes_objects_of_any_age(world):
    world.upload("a")
    world.source.modified["a"] = 0
    assert world.reconcile(all=True)["accepted"] == 1


def test_reconcile_accepts_an_installation_time_in_the_year_1(world):
    world.bucket.add_json("state/installed.json", {"at": "0001-01-01"})
    world.lose_events_of("a")
    assert world.tick("reconcile")["accepted"] == 1


def test_reconcile_submits_objects_from_two_days_before_its_first_run(world):
    # GIVEN a log bucket that cannot be used until Function Compute has given the first events up, after two days
    del world.bucket.objects[f"{ROOT}state/installed.json"]
    world.upload("first")
    world.advance(49 * HOUR)
    world.upload("before the project", minutes_ago=60 * 24 * 5)

    # WHEN reconcile runs for the first time
    world.tick("reconcile")

    # THEN it finds these objects
    assert world.accepted_keys() == {"first"}
