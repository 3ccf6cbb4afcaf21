"""Replay's run files: which keys they have, whose they are, and what is said of those that are unreadable."""

from __future__ import annotations

import logging

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.ledger.runs import RunFile
from support.fake_bucket import NO_RIGHT, ROOT
from support.remembers import KEYS, NONE_SUCH, Remembers


@pytest.fixture
def world() -> Remembers:
    return Remembers()


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, "oss_oms_sync")
    return lambda: [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")]


def test_a_run_file_says_its_keys_and_which_of_them_are_in_doubt(world):
    run = world.runs.new(KEYS, ["a", "b"], 60)
    assert world.leftovers() == [RunFile(run.name, KEYS, {"a", "b"}, lease_expired=False)]
    world.runs.finish(run, KEYS[1:], ["c"])
    assert world.leftovers() == [RunFile(run.name, KEYS[1:], {"c"}, lease_expired=False)]
    assert world.only("replay").headers == {"Content-Type": "application/json"}


@pytest.mark.parametrize(("in_doubt", "seconds"), [([], 0), (["b"], 60)])
def test_the_lease_of_a_finished_run_file_lasts_until_no_delete_can_land_any_more(world, in_doubt, seconds):
    run = world.runs.new(KEYS, ["a"], 3600)
    world.runs.finish(run, KEYS[1:], in_doubt)
    world.clock.sleep(max(0, seconds - 1))
    assert [one.lease_expired for one in world.leftovers()] == [not in_doubt]
    world.clock.sleep(2)
    assert [one.lease_expired for one in world.leftovers()] == [True]


def test_the_lease_of_a_run_that_died_expires_a_minute_after_its_time_was_up(world):
    assert world.runs.new(KEYS, [], 240).lease_expired is False
    world.clock.sleep(240 + 59)
    assert [one.lease_expired for one in world.leftovers()] == [False]
    world.clock.sleep(2)
    assert [one.lease_expired for one in world.leftovers()] == [True]


def test_the_oldest_run_file_comes_first(world):
    for key in KEYS:
        world.runs.new([key], [], 60)
        world.clock.sleep(40 * 24 * 3600)
    assert [one.keys for one in world.leftovers()] == [[key] for key in KEYS]


def test_a_run_file_of_which_nothing_is_left_is_deleted(world):
    world.runs.finish(world.runs.new(KEYS, [], 60), [], [])
    assert world.leftovers() == []
    assert not world.bucket.objects


@pytest.mark.parametrize("body", [b"", b"[]", b'{"busy_until": "", "keys": [{}]}', b'{"busy_until": 5, "keys": []}'])
def test_a_run_file_that_is_unreadable_is_logged_and_the_next_are_read(world, lines, body):
    world.bucket.add(StoredObject(f"{ROOT}replay/1.json", body))
    run = world.runs.new(KEYS, [], 60)
    assert world.leftovers() == [None, RunFile(run.name, KEYS, set(), lease_expired=False)]
    problem = "unreadable: look at it, and delete it when done"
    assert lines() == [{"run_file": f"{ROOT}replay/1.json", "problem": problem}]


def test_a_run_file_that_cannot_be_read_now_is_logged(world, lines):
    run = world.runs.new(KEYS, [], 60)
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "get" else None
    assert world.leftovers() == [None]
    assert lines() == [{"run_file": run.name, "problem": "no"}]


def test_a_run_file_that_its_owner_finished_meanwhile_is_left_out_silently(world, lines):
    world.runs.new(KEYS, [], 60)
    world.bucket.problem = lambda kind, name: NONE_SUCH if kind == "get" else None
    assert world.leftovers() == []
    assert lines() == []


@pytest.mark.parametrize("left", [[], KEYS[:1]])
def test_a_run_file_that_cannot_be_shrunk_or_deleted_is_logged_and_stays(world, lines, left):
    run = world.runs.new(KEYS, [], 60)
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind in ("put", "delete") else None
    world.runs.finish(run, left, [])
    assert lines() == [{"run_file": run.name, "problem": "no"}]
    assert [one.keys for one in world.leftovers()] == [KEYS]
