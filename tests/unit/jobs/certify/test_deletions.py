"""The list of keys whose objects were deleted at the source and still exist in OBS, and the facts that prevent it.

Certify changes nothing in either cloud.
"""

from __future__ import annotations

from typing import Any

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.certify import deletions
from support.law import HOSTILE
from support.log_bucket import LogBucket
from support.world import DAY, HOUR, World, oms_error, oss_error, record_name

KEYS = ["a", "b/c", "海"]


@pytest.fixture
def deleted_world() -> World:
    """Return a world in which the source's KEYS were deleted before two comparisons; ten other objects exist."""
    return make_world_with_deletions(*KEYS)


def make_world_with_deletions(*keys: str, migrated_key: str = "") -> World:
    """Return a world with deleted keys; a migration copied `migrated_key`, an object that was never submitted."""
    world = World.holding_copies(LANES="1")
    world.bucket.add_back_to_source()
    for number in range(10):
        world.put(f"kept/{number}")
    for key in keys:
        world.put(key, fate="lost" if key == migrated_key else "copied")
    if migrated_key:
        world.write(migrated_key, "A")
        world.bucket.add_ended_migration(prefixes=[migrated_key], digest_without_extra="x")
    world.advance(HOUR)
    for key in keys:
        world.delete(key)
    for _ in range(2):
        world.compare()
        world.advance(DAY + HOUR)
    return world


def list_deletions(world: World) -> dict[str, Any]:
    """Return certify's answer, with the deletions by key."""
    answer = world.invoke("certify", {"deletions_after": ""})
    return {**answer, "deletions": {entry["key"]: entry for entry in answer["deletions"]}}


def copy_contents(world: World) -> list[dict[str, object]]:
    return [{name: bucket.objects[name] for name in bucket.names("")} for bucket in (world.bucket, world.destination)]


def test_certify_lists_deleted_objects_and_changes_no_bucket(deleted_world):
    before = copy_contents(deleted_world)
    answer = list_deletions(deleted_world)
    assert list(answer["deletions"]) == sorted(KEYS)
    entry = answer["deletions"]["a"]
    assert (entry["size"], entry["etag"]) == (1, deleted_world.obs_bucket.objects["a"].etag.upper())
    assert entry["absent_since"] < answer["facts"]["began"]
    assert answer["left_out"] == {}
    assert copy_contents(deleted_world) == before


def test_the_pages_of_a_deletion_list_contain_each_key_once(deleted_world, mocker):
    mocker.patch.object(deletions, "_KEYS_PER_PAGE", 1)
    mocker.patch.object(deletions, "_KEYS_PER_READ", 1)
    pages = [deleted_world.invoke("certify", {"deletions_after": ""})]
    while pages[-1]["after"] is not None:
        pages.append(deleted_world.invoke("certify", {"deletions_after": pages[-1]["after"]}))
    assert pages[0]["after"] == "a"
    assert [entry["key"] for page in pages for entry in page["deletions"]] == sorted(KEYS)


def test_the_deletion_list_omits_and_names_keys_that_rclone_cannot_name():
    world = make_world_with_deletions(*HOSTILE)
    answer = list_deletions(world)
    assert {"tab\tline\nreturn\r", "\x01\x7f", "../..//./x"} == {*answer["unlisted"]}
    assert answer["left_out"] == {"name": 3}
    assert {*answer["deletions"]} == {*HOSTILE} - {*answer["unlisted"]}


def test_the_deletion_list_omits_a_key_if_a_cloud_does_not_answer(deleted_world):
    deleted_world.source.fail(oss_error(403, "AccessDenied"), "head", lambda name: name == "a")
    assert list_deletions(deleted_world)["left_out"] == {"source_unknown": 1}
    deleted_world.source.heal()
    deleted_world.destination.fail(oss_error(403), "head", lambda name: name == "b/c")
    assert list_deletions(deleted_world)["left_out"] == {"obs_unknown": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda world: LogBucket(world, "renamed").add_run_file("a"), "waits"),
        (lambda world: world.bucket.add_failed_records("a"), "waits"),
        (lambda world: world.bucket.add_success_record("a"), "recorded"),
        (lambda world: world.bucket.objects.remove(record_name("success", "a")), "others"),
        (lambda world: world.write("a", "A"), "changed"),
        (lambda world: world.put("a", fate="lost"), "back"),
    ],
    ids=[
        "in a run file of any project",
        "failed",
        "accepted again",
        "never accepted",
        "written in OBS",
        "written at the source",
    ],
)
def test_the_deletion_list_omits_a_key_that_a_record_or_an_object_concerns(deleted_world, change, reason):
    change(deleted_world)
    answer = list_deletions(deleted_world)
    assert answer["left_out"] == {reason: 1}
    assert "a" not in answer["deletions"]


def test_the_deletion_list_has_resent_proven_and_migrated_objects():
    world = make_world_with_deletions("resent", "proven", "migrated", migrated_key="migrated")
    etags = {key: world.obs_bucket.objects[key].etag.upper() for key in ("resent", "proven")}
    for key, etag in (("resent", f"{etags['resent']} again"), ("proven", "another")):
        name = record_name("success", key)
        time = world.bucket.modified[name]
        world.bucket.add(StoredObject(name, etag.encode()))
        world.bucket.modified[name] = time
    assert list_deletions(world)["left_out"] == {"others": 1}
    proof = f"1 1 {etags['proven']} equal".encode()
    world.bucket.add(StoredObject(record_name("proven", "proven"), proof))
    assert list_deletions(world)["deletions"].keys() == {"resent", "proven", "migrated"}


def find_facts(world: World) -> dict[str, object]:
    """Return the facts in an answer of certify, and assert that the answer lists no key."""
    answer = list_deletions(world)
    assert not answer["deletions"]
    assert not answer["left_out"]
    return answer["facts"]


def test_the_deletion_list_is_refused_if_oms_does_not_report_the_task(deleted_world):
    deleted_world.oms.faults.clear()
    deleted_world.oms.faults.add(oms_error(503))
    facts = find_facts(deleted_world)
    assert facts["task_source"] is None
    assert facts["comparison"] == ""


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        (lambda world: setattr(world.task, "src_bucket", "replica"), "task_source", "replica"),
        (lambda world: world.bucket.add_back_to_source(1), "back_to_source", 1),
        (lambda world: world.bucket.add_back_to_source(None), "back_to_source", None),
        (lambda world: world.bucket.add_back_to_source(bucket="other"), "back_to_source", None),
        (lambda world: world.bucket.add_json("replay/oss-oms-sync/x.json", "no run file"), "unread_run_files", 1),
        (
            lambda world: world.source.fail(oss_error(403, "AccessDenied"), "head"),
            "missing_permissions",
            ["oss:GetObject"],
        ),
    ],
    ids=["another source", "rules", "unknown rules", "rules of another bucket", "unread run file", "no permission"],
)
def test_the_deletion_list_is_refused_if_a_fact_is_unsafe_or_unknown(deleted_world, change, name, value):
    change(deleted_world)
    assert find_facts(deleted_world)[name] == value


def test_the_deletion_list_is_refused_if_over_half_the_source_disappeared(deleted_world):
    for number in range(6):
        deleted_world.delete(f"kept/{number}")
    deleted_world.compare()
    facts = find_facts(deleted_world)
    assert (facts["source_objects"], facts["objects_before"]) == (4, 10)


def test_the_deletion_list_raises_an_error_if_the_source_bucket_is_gone(deleted_world):
    deleted_world.source.fail(oss_error(404, "NoSuchBucket"))
    with pytest.raises(StorageError, match="NoSuchBucket"):
        list_deletions(deleted_world)


def test_the_deletion_list_is_refused_after_a_go(world: World):
    assert world.cut_over()["verdict"] == "GO"
    world.open_project(after_go=True)
    world.advance(DAY)
    answer = world.invoke("certify", {"deletions_after": ""})
    assert answer["facts"]["go"].endswith("-go.json")
    assert answer["deletions"] == []


def test_the_deletion_list_costs_five_requests_a_key_and_none_for_new_keys(deleted_world):
    def requests() -> int:
        buckets = (deleted_world.source, deleted_world.bucket, deleted_world.destination)
        before = sum(bucket.calls.total() for bucket in buckets)
        list_deletions(deleted_world)
        return sum(bucket.calls.total() for bucket in buckets) - before

    # GIVEN the requests of a page for three keys
    whole = requests()
    # WHEN another object in OBS makes one of these keys young
    deleted_world.write("a", "B")
    deleted_world.advance(HOUR)
    deleted_world.compare(restart=True)
    # THEN the young key costs no request
    assert requests() == whole - 5
