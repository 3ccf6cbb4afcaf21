"""The stored state of jobs: names, contents, and the log line about an unreadable state."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.state import JobState, read_all
from support.world import ROOT, World


def state(world: World, **key_filter: str) -> JobState:
    """Return the state of the jobs of a project with this filter."""
    settings = replace(world.settings, key_filter=KeyFilter(**key_filter))
    return JobState(replace(world.invocation(), settings=settings))


def test_an_unreadable_state_of_a_job_is_logged_and_replaced(world, lines):
    world.bucket.add(StoredObject(f"{ROOT}state/replay.json", b"[]"))
    assert state(world).load("replay") == {}
    assert lines() == [{"state": "replay", "problem": "unreadable, so it starts over"}]


def test_read_installation_time_makes_one_request_if_the_time_is_stored(world):
    state(world).read_installation_time(store_missing=True)
    older = {"at": "2020-01-01T00:00:00Z", "prefix": "a/", "suffix": ""}
    world.bucket.add(StoredObject(f"{ROOT}state/installed-0.json", json.dumps(older).encode()))
    world.advance(3600)
    world.bucket.calls.clear()
    assert state(world).read_installation_time(store_missing=True).isoformat() == "2026-01-02T00:00:00+00:00"
    assert world.bucket.calls == {"get": 1}


def test_read_installation_time_stores_the_time_only_on_request(world):
    assert state(world).read_installation_time(store_missing=False) == world.clock.now()
    assert not world.bucket.objects


def test_read_installation_time_raises_an_error_for_an_unreadable_time(world):
    world.bucket.add(StoredObject(f"{ROOT}state/installed.json", b"?"))
    with pytest.raises(StorageError) as raised:
        state(world).read_installation_time(store_missing=True)
    assert str(raised.value) == (
        f"{ROOT}state/installed.json in the log bucket is unreadable. Correct it to"
        ' {"at": "2026-01-31T00:00:00Z"} with the day of the first deployment'
    )


def test_projects_of_one_sync_task_store_separate_states(world):
    projects = [state(world), state(world, prefix="a"), state(world, suffix="a")]
    for number, project in enumerate(projects):
        project.store("replay", {"after": str(number)})
    assert [project.load("replay")["after"] for project in projects] == ["0", "1", "2"]


def test_the_log_bucket_raises_an_error_if_it_has_versioning(world):
    bucket = world.invocation().log_bucket
    assert read_all(bucket, ["a", "b"]) == [None, None]
    world.oss.buckets["photos-oms-log"].versioning = "Enabled"
    world.bucket.add(StoredObject("b", b"{}"))
    with pytest.raises(StorageError, match="versioning"):
        read_all(bucket, ["a", "b"])
