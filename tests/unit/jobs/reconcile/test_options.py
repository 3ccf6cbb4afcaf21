"""What reconcile is asked for: a payload that is refused, a limit, a dry run."""

from __future__ import annotations

import pytest

from oss_oms_sync.errors import PayloadError, SettingsError
from support.reconcile_world import ReconcileWorld, busy_world, counts, missing
from support.world import ROOT


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"since": "yesterday"}, "such as 2026-01-31"),
        ({"since": ""}, "such as 2026-01-31"),
        ({"prefix": "videos/"}, "outside OBJECT_PREFIX 'photos/': nothing there is ever sent$"),
        ({"all": "yes"}, "no true or false"),
        ({"dryrun": True}, "It takes prefix"),
        ({"limit": -1}, "no whole number"),
        ({"prefix": "photos/\ud800"}, "no text"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "such as 2026-01-31"),
    ],
)
def test_a_payload_that_cannot_be_used_says_what_can(payload, says):
    world = ReconcileWorld(OBJECT_PREFIX="photos/")
    with pytest.raises(PayloadError, match=says):
        world.reconcile(payload)
    assert world.oms.calls == []


def test_without_a_source_bucket_it_says_so():
    with pytest.raises(SettingsError, match=r"^SOURCE_BUCKET is empty\. Name .* records$"):
        ReconcileWorld(SOURCE_BUCKET="").reconcile()


def test_a_limit_bounds_one_call_and_the_next_one_begins_anew(world):
    for number in range(25):
        world.upload(f"{number:02}")
    world.later()
    first = world.reconcile({"limit": 13})
    assert (first["submitted"], first["finished"], first["stop"]) == (13, False, "limit")
    assert first["next"] == "A trial is not continued: the next one begins anew."
    second = world.reconcile({"limit": 13})
    assert (second["covered"], second["submitted"], second["finished"]) == (13, 12, True)
    assert second["next"] == "Everything was looked at."
    assert max(world.oms.accepted.values()) == 1


def test_a_dry_run_names_the_first_hundred_missing_and_changes_nothing(world):
    for number in range(120):
        world.upload(f"{number:03}")
    world.in_step("covered")
    world.later()
    world.bucket.objects.pop(f"{ROOT}state/installed.json")
    before = dict(world.bucket.objects)
    result = world.reconcile({"dry_run": True})
    assert result.pop("missing") == [f"{number:03}" for number in range(100)]
    assert counts(result) == {"scanned": 121, "covered": 1, "submitted": 120}
    assert (result["finished"], world.oms.calls, dict(world.bucket.objects)) == (True, [], before)


def test_a_dry_run_that_takes_long_keeps_nothing_either(world, small_pages):
    world = busy_world()
    before = dict(world.bucket.objects)
    assert world.reconcile({"dry_run": True})["submitted"] == len(missing())
    assert dict(world.bucket.objects) == before
