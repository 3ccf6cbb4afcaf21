"""A page of deletions: its keys, and the facts for which it is refused.

The job changes nothing in either cloud.
"""

from __future__ import annotations

import pytest

from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.certify import deletions
from support.certify_world import CertifyWorld
from support.deletions_world import DeletionsWorld
from support.law import HOSTILE
from support.world import DAY, HOUR, oms_error, oss_error

KEYS = ["a", "b/c", "海"]


@pytest.fixture
def due() -> DeletionsWorld:
    """Return a world whose source deleted objects two days ago, as two comparisons found; a hundred others are left."""
    return deleted(*KEYS)


def deleted(*keys: str) -> DeletionsWorld:
    world = DeletionsWorld([*keys])
    for number in range(10):
        world.put(f"kept/{number}", "A", fate="copied")
    for key in keys:
        world.put(key, "A", fate="copied")
    world.advance(HOUR)
    for key in keys:
        world.delete(key)
    for _ in range(2):
        world.compare()
        world.advance(DAY + HOUR)
    return world


def contents(world: DeletionsWorld) -> list[dict[str, object]]:
    return [{name: bucket.objects[name] for name in bucket.names("")} for bucket in (world.bucket, world.there)]


def test_deleted_objects_are_listed_without_changes(due):
    before = contents(due)
    answer = due.deletions()
    assert list(answer["deletions"]) == sorted(KEYS)
    entry = answer["deletions"]["a"]
    assert (entry["size"], entry["etag"]) == (1, due.there_now("a").etag)
    assert entry["absent_since"] < answer["facts"]["began"]
    assert answer["left_out"] == {}
    assert contents(due) == before


def test_the_pages_of_a_list_have_each_key_once(due, mocker):
    mocker.patch.object(deletions, "_KEYS_PER_PAGE", 1)
    mocker.patch.object(deletions, "_KEYS_PER_READ", 1)
    first = due.ask("certify", {"deletions_after": ""})
    assert [entry["key"] for entry in first["deletions"]] == ["a"]
    assert first["after"] == "a"
    assert list(due.deletions()["deletions"]) == sorted(KEYS)


def test_keys_that_rclone_cannot_name_are_reported_separately():
    world = deleted(*HOSTILE)
    answer = world.deletions()
    assert {"tab\tline\nreturn\r", "\x01\x7f", "../..//./x"} == {*answer["unlisted"]}
    assert answer["left_out"] == {"name": 3}
    assert {*answer["deletions"]} == {*HOSTILE} - {*answer["unlisted"]}


def test_a_cloud_without_an_answer_leaves_its_keys_out(due):
    due.source.fail(oss_error(403, "AccessDenied"), "head", lambda name: name == "a")
    assert due.deletions()["left_out"] == {"source_unknown": 1}
    due.source.heal()
    due.there.fail(oss_error(403), "head", lambda name: name == "b/c")
    assert due.deletions()["left_out"] == {"obs_unknown": 1}


def test_a_key_in_a_run_file_counts_as_waiting_and_is_not_listed(due):
    due.run_file("a")
    assert due.deletions()["left_out"] == {"waits": 1}


def facts_of(world: DeletionsWorld) -> dict[str, object]:
    """Return the facts of a refused page."""
    answer = world.deletions()
    assert not answer["deletions"]
    assert not answer["left_out"]
    return answer["facts"]


def test_another_source_bucket_refuses_the_list(due):
    due.task.src_bucket = "replica"
    assert facts_of(due)["task_source"] == "replica"


def test_an_unknown_task_refuses_the_list(due):
    due.oms.faults.clear()
    due.oms.faults.add(oms_error(503))
    facts = facts_of(due)
    assert facts["task_source"] is None
    assert facts["comparison"] == ""


@pytest.mark.parametrize("rules", [1, None])
def test_existing_or_unknown_back_to_source_rules_refuse_the_list(due, rules):
    due.keep("state/back_to_source.json", {"bucket": due.destination_bucket, "at": "", "rules": rules})
    assert facts_of(due)["back_to_source"] == rules


def test_rules_of_another_bucket_are_unknown(due):
    due.keep("state/back_to_source.json", {"bucket": "other", "at": "", "rules": 0})
    assert facts_of(due)["back_to_source"] is None


def test_a_listing_of_less_than_half_the_objects_refuses_the_list(due):
    for number in range(6):
        due.delete(f"kept/{number}")
    due.compare()
    facts = facts_of(due)
    assert (facts["source_objects"], facts["objects_before"]) == (4, 10)


def test_an_unreadable_run_file_refuses_the_list(due):
    due.keep(f"replay/{due.settings.project}/x.json", "no run file")
    assert facts_of(due)["unread_run_files"] == 1


def test_a_missing_permission_refuses_the_list(due):
    due.source.fail(oss_error(403, "AccessDenied"), "head")
    assert facts_of(due)["missing_permissions"] == ["oss:GetObject"]


def test_a_deleted_source_bucket_is_an_error(due):
    """HEAD answers 404 then, too."""
    due.source.fail(oss_error(404, "NoSuchBucket"))
    with pytest.raises(StorageError, match="NoSuchBucket"):
        due.deletions()


def test_after_a_go_the_list_is_refused(world: CertifyWorld):
    assert world.cut_over()["verdict"] == "GO"
    world.call(open=True, after_go=True)
    world.advance(DAY)
    answer = world.call(deletions_after="")
    assert answer["facts"]["go"].endswith("-go.json")
    assert answer["deletions"] == []


def test_a_key_costs_five_requests_and_a_young_key_none(due):
    def requests() -> int:
        buckets = (due.source, due.bucket, due.there)
        before = sum(bucket.calls.total() for bucket in buckets)
        due.deletions()
        return sum(bucket.calls.total() for bucket in buckets) - before

    # GIVEN the requests of a page for three keys
    whole = requests()
    # WHEN another object in OBS makes one of them young
    due.write("a", "B")
    due.advance(HOUR)
    due.compare({"restart": True})
    # THEN that key costs no more requests
    assert requests() == whole - 5
