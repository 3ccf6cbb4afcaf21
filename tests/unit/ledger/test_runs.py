"""Run files, in which replay stores the keys that it resends, with the lease of the run."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.waiting import RunFile, RunFiles, list_waiting_keys
from support.world import ROOT, World, oss_error

KEYS = [FailedKey(ObjectChange(key)) for key in "abc"]


def runs(world: World) -> RunFiles:
    return RunFiles(world.invocation())


def list_other_runs(world: World) -> list[RunFile | str]:
    return list(runs(world).read_other_runs())


def test_a_run_file_contains_its_keys_and_the_keys_with_doubtful_deletes(world):
    run = runs(world).create(KEYS, ["a", "b"], 60)
    assert list_other_runs(world) == [RunFile(run.name, KEYS, {"a", "b"}, lease_expired=False)]
    runs(world).finish(run, KEYS[1:], ["c"])
    assert list_other_runs(world) == [RunFile(run.name, KEYS[1:], {"c"}, lease_expired=False)]
    assert world.bucket.objects[run.name].headers == {"content-type": "application/json"}


@pytest.mark.parametrize(("in_doubt", "seconds"), [([], 0), (["b"], 60)])
def test_the_lease_of_a_run_file_lasts_until_no_delete_can_arrive_late(world, in_doubt, seconds):
    runs(world).finish(runs(world).create(KEYS, ["a"], 3600), KEYS[1:], in_doubt)
    for wait, expired in ((max(0, seconds - 1), not in_doubt), (2, True)):
        world.advance(wait)
        assert [leftover.lease_expired for leftover in list_other_runs(world)] == [expired]


def test_the_lease_of_a_killed_replay_expires_a_minute_after_its_deadline(world):
    assert runs(world).create(KEYS, [], 240).lease_expired is False
    for wait, expired in ((240 + 59, False), (2, True)):
        world.advance(wait)
        assert [leftover.lease_expired for leftover in list_other_runs(world)] == [expired]


def test_run_files_are_listed_oldest_first(world):
    for key in KEYS:
        runs(world).create([key], [], 60)
        world.advance(40 * 24 * 3600)
    assert [leftover.keys for leftover in list_other_runs(world)] == [[key] for key in KEYS]


def test_replay_deletes_a_run_file_without_remaining_keys(world):
    runs(world).finish(runs(world).create(KEYS, [], 60), [], [])
    assert list_other_runs(world) == []
    assert not world.bucket.objects


@pytest.mark.parametrize("body", [b"", b"[]", b'{"busy_until": "", "keys": [{}]}', b'{"busy_until": 5, "keys": []}'])
def test_replay_logs_a_malformed_run_file_and_reads_the_others(world, lines, body):
    name = f"{ROOT}replay/oss-oms-sync/1.json"
    world.bucket.add(StoredObject(name, body))
    run = runs(world).create(KEYS, [], 60)
    assert list_other_runs(world) == [name, RunFile(run.name, KEYS, set(), lease_expired=False)]
    assert lines() == [{"run_file": name, "problem": "unreadable: check the file, then delete it"}]


def test_replay_logs_a_run_file_that_it_cannot_read(world, lines):
    run = runs(world).create(KEYS, [], 60)
    world.bucket.fail(oss_error(403), "get")
    assert list_other_runs(world) == [run.name]
    (line,) = lines()
    assert line["run_file"] == run.name
    assert "grant it" in line["problem"]


def test_replay_skips_a_run_file_that_another_run_deleted(world, lines):
    runs(world).create(KEYS, [], 60)
    world.bucket.fail(oss_error(404, "NoSuchKey"), "get")
    assert list_other_runs(world) == lines() == []


@pytest.mark.parametrize("left", [[], KEYS[:1]])
def test_replay_logs_a_run_file_that_it_cannot_rewrite_or_delete(world, lines, left):
    run = runs(world).create(KEYS, [], 60)
    for kind in ("put", "delete"):
        world.bucket.fail(oss_error(403), kind)
    runs(world).finish(run, left, [])
    (line,) = lines()
    assert line["run_file"] == run.name
    assert "grant it" in line["problem"]
    assert [leftover.keys for leftover in list_other_runs(world)] == [KEYS]


@pytest.mark.parametrize(
    ("records", "run_files", "is_incomplete", "has_more_records"),
    [(2, 2, False, False), (3, 2, True, True), (2, 3, True, False)],
)
def test_waiting_keys_are_incomplete_if_more_exist_than_may_be_read(
    world, records, run_files, is_incomplete, has_more_records
):
    world.bucket.add_failed_records(*map(str, range(records)))
    for number in range(run_files):
        world.bucket.add_run_file(f"in a run file {number}")
    waiting = world.within(lambda: list_waiting_keys(world.invocation(), 2, 2, with_reasons=True))
    assert len(waiting.keys) == 4
    assert waiting.is_incomplete is is_incomplete
    assert waiting.has_more_records is has_more_records
