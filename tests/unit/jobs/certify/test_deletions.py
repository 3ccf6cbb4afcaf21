"""The list of keys whose objects were deleted at the source and still exist in OBS, and the facts that prevent it.

Certify changes nothing in either cloud.
"""

from __future__ import annotations

import pytest

from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.certify import deletions
from support.deletions_world import DeletionsWorld
from support.law import HOSTILE
from support.world import DAY, HOUR, World, oms_error, oss_error

KEYS = ["a", "b/c", "海"]


@pytest.fixture
def deleted_world() -> DeletionsWorld:
    """Return a world in which the source's KEYS were deleted before two comparisons; ten other objects exist."""
    return make_world_with_deletions(*KEYS)


def make_world_with_deletions(*keys: str) -> DeletionsWorld:
    world = DeletionsWorld([*keys])
    for number in range(10):
        world.put(f"kept/{number}")
    for key in keys:
        world.put(key)
    world.advance(HOUR)
    for key in keys:
        world.delete(key)
    for _ in range(2):
        world.compare()
        world.advance(DAY + HOUR)
    return world


def copy_contents(world: DeletionsWorld) -> list[dict[str, object]]:
    return [{name: bucket.objects[name] for name in bucket.names("")} for bucket in (world.bucket, world.destination)]


def test_certify_lists_deleted_objects_and_changes_no_bucket(deleted_world):
    before = copy_contents(deleted_world)
    answer = deleted_world.deletions()
    assert list(answer["deletions"]) == sorted(KEYS)
    entry = answer["deletions"]["a"]
    assert (entry["size"], entry["etag"]) == (1, deleted_world.find_copy("a").etag)
    assert entry["absent_since"] < answer["facts"]["began"]
    assert answer["left_out"] == {}
    assert copy_contents(deleted_world) == before


def test_the_pages_of_a_deletion_list_contain_each_key_once(deleted_world, mocker):
    mocker.patch.object(deletions, "_KEYS_PER_PAGE", 1)
    mocker.patch.object(deletions, "_KEYS_PER_READ", 1)
    first = deleted_world.invoke("certify", {"deletions_after": ""})
    assert [entry["key"] for entry in first["deletions"]] == ["a"]
    assert first["after"] == "a"
    assert list(deleted_world.deletions()["deletions"]) == sorted(KEYS)


def test_the_deletion_list_omits_and_names_keys_that_rclone_cannot_name():
    world = make_world_with_deletions(*HOSTILE)
    answer = world.deletions()
    assert {"tab\tline\nreturn\r", "\x01\x7f", "../..//./x"} == {*answer["unlisted"]}
    assert answer["left_out"] == {"name": 3}
    assert {*answer["deletions"]} == {*HOSTILE} - {*answer["unlisted"]}


def test_the_deletion_list_omits_a_key_if_a_cloud_does_not_answer(deleted_world):
    deleted_world.source.fail(oss_error(403, "AccessDenied"), "head", lambda name: name == "a")
    assert deleted_world.deletions()["left_out"] == {"source_unknown": 1}
    deleted_world.source.heal()
    deleted_world.destination.fail(oss_error(403), "head", lambda name: name == "b/c")
    assert deleted_world.deletions()["left_out"] == {"obs_unknown": 1}


def test_the_deletion_list_omits_keys_that_wait_in_a_run_file(deleted_world):
    deleted_world.bucket.add_run_file("a")
    assert deleted_world.deletions()["left_out"] == {"waits": 1}


def find_facts(world: DeletionsWorld) -> dict[str, object]:
    """Return the facts in an answer of certify, and assert that the answer lists no key."""
    answer = world.deletions()
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
        deleted_world.deletions()


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
        deleted_world.deletions()
        return sum(bucket.calls.total() for bucket in buckets) - before

    # GIVEN the requests of a page for three keys
    whole = requests()
    # WHEN another object in OBS makes one of these keys young
    deleted_world.write("a", "B")
    deleted_world.advance(HOUR)
    deleted_world.compare(restart=True)
    # THEN the young key costs no request
    assert requests() == whole - 5
