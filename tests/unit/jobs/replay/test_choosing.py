"""What replay is asked for: all, a part, certain keys, or a dry run."""

from __future__ import annotations

import json

import pytest

from ops.report import jobs
from ops.show import lines
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.job_answers import ReplayAnswer
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import PayloadError
from support.world import ROOT, record_name
from unit.jobs.replay.replay_world import ReplayWorld, many


def test_prefix_reason_and_limit_choose(world):
    world.fail("x/1", "x/2", "x/" + "k" * 1000, "y/1")
    world.fail("x/3", reason="NO_TASK")
    assert world.replay({"prefix": "x/", "reason": "NO_TASK"})["accepted"] == 1
    assert world.replay({"prefix": "x/", "limit": 1})["accepted"] == 1
    assert world.replay({"prefix": "x/"})["accepted"] == 2
    assert world.failed() == {"y/1"}


def test_records_that_tell_no_reason_are_chosen_as_unknown(world):
    world.fail("told")
    world.bucket.add(StoredObject(f"{ROOT}failed_object/of the vendor's handler", b""))
    assert world.replay({"reason": "UNKNOWN", "dry_run": True})["by_reason"] == {"UNKNOWN": 1}
    assert world.replay({"reason": "UNKNOWN"})["accepted"] == 1
    assert world.failed() == {"told"}


def test_nothing_outside_the_triggers_filter_is_ever_sent():
    world = ReplayWorld(OBJECT_PREFIX="in/")
    world.fail("in/a", "out/a")
    assert world.replay()["accepted"] == 1
    assert world.failed() == {"out/a"}
    with pytest.raises(PayloadError, match="outside"):
        world.replay({"keys": ["out/a"]})


@pytest.mark.parametrize("length", [953, 954, 955, 956, 960, 2000])
def test_a_prefix_too_long_for_a_records_name_lists_only_what_can_be(world, length):
    # GIVEN prefixes around the longest that OSS lists records by, and keys that begin so
    prefix = "k" * length
    keys = {prefix[:1023], f"{prefix}k"[:1023]} if length <= 1023 else set()
    world.fail(*keys, "k", "other " + "k" * 1000)

    # WHEN just these are asked for, THEN just these are sent, and no listing was refused
    assert world.replay({"prefix": prefix})["finished"]
    assert world.succeeded() == keys


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("limit", range(5))
@pytest.mark.parametrize("third", ["x/3", "x/" + "k" * 1000], ids=["in one listing", "in two listings"])
def test_with_a_limit_it_is_finished_only_when_nothing_that_was_asked_for_is_left(world, third, limit, dry):
    # GIVEN three failures of one folder, and others around them
    world.fail("w", "x/1", "x/2", third, "y")

    # WHEN at most so many are sent
    result = world.replay({"prefix": "x/", "limit": limit, "dry_run": dry})

    # THEN the rest is no secret
    assert (result["taken"], result["finished"]) == (min(limit, 3), limit >= 3)
    assert len(world.failed()) == (5 if dry else 5 - result["taken"])


@pytest.mark.usefixtures("_small_pages")
def test_a_limit_holds_across_pages_and_nothing_is_listed_beyond_it(world):
    world.fail(*many(450))
    assert world.replay({"limit": 150})["taken"] == 150
    assert world.bucket.calls["list"] <= 3
    assert len(world.failed()) == 300


def test_keys_asked_for_are_sent_records_or_not(world):
    world.fail("a", "b")
    result = world.replay({"keys": ["a", "unrecorded", "a"]})
    assert (result["taken"], result["accepted"]) == (2, 2)
    assert world.failed() == {"b"}
    assert world.oms.accepted.keys() == {"a", "unrecorded"}


def test_keys_asked_for_keep_the_first_failure_of_their_records(world):
    world.fail("a", first="2020-01-01T00:00:00Z")
    world.oms.refuse(lambda key: True)
    assert world.replay({"keys": ["a", "b"]})["oldest_failure"] == "2020-01-01T00:00:00Z"
    records = map(world.bucket.objects.__getitem__, world.bucket.names(f"{ROOT}failed_object/"))
    first = [json.loads(one.body)["first_failure"] for one in records]
    assert first == ["2020-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]


def test_any_number_of_keys_can_be_asked_for(world, mocker):
    mocker.patch("oss_oms_sync.jobs.replay.resending.PAGE_SIZE", 7)
    world.fail(*many(20)[::2])
    world.fail("other")
    assert world.replay({"keys": many(20)})["accepted"] == 20
    assert world.failed() == {"other"}


NO_KEYS = r'^The payload\'s keys are no list of object keys such as \["a/b\.txt"\]$'
BOTH = r"^The payload asks for keys and for something else: keys are sent as they are$"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"reason": "FOO"}, r"'FOO', which is none. There are THROTTLED, .*, UNKNOWN"),
        ({"keys": ["a"], "limit": 5}, BOTH),
        ({"keys": [], "limit": 5}, BOTH),
        ({"keys": [1]}, NO_KEYS),
        ({"keys": [""]}, NO_KEYS),
        ({"keys": ["\ud800"]}, NO_KEYS),
        ({"what": 1}, "what"),
        ({"limit": "5"}, "limit"),
    ],
)
def test_a_payload_that_makes_no_sense_is_refused_with_what_does(world, payload, says):
    world.fail("a")
    with pytest.raises(PayloadError, match=says):
        world.replay(payload)
    assert world.failed() == {"a"}


@pytest.mark.usefixtures("_small_pages")
def test_a_dry_run_changes_nothing_and_counts(world):
    world.fail(*many(150), first="2020-01-01T00:00:00Z")
    before = dict(world.bucket.objects)
    result = world.replay({"dry_run": True})
    assert (result["taken"], result["by_reason"]) == (150, {"THROTTLED": 150})
    assert result["oldest_failure"] == "2020-01-01T00:00:00Z"
    assert world.bucket.objects == before
    assert not world.oms.calls


@pytest.mark.parametrize("by_prefix", [True, False])
def test_a_dry_run_reports_the_oldest_failure_of_what_it_would_take(world, by_prefix):
    # GIVEN failures of different ages in records and a run file, and one of the vendor's that has none
    world.fail("x/1", first="2024-01-01T00:00:00Z")
    world.fail("x/2", first="2023-01-01T00:00:00Z")
    world.fail("x/3", first="2025-01-01T00:00:00Z")
    world.fail("y", first="2022-01-01T00:00:00Z")
    world.bucket.add(StoredObject(record_name("failed", "x/0"), b""))
    world.run_file("in hand", first_failure="2021-01-01T00:00:00Z", reason="TIMEOUT")

    # WHEN all or some of them are asked for
    result = world.replay({"dry_run": True, **({"prefix": "x/"} if by_prefix else {})})

    # THEN the oldest of just these is told
    assert result["oldest_failure"] == ("2023-01-01T00:00:00Z" if by_prefix else "2021-01-01T00:00:00Z")
    assert result["taken"] == (4 if by_prefix else 6)
    some, others = {"THROTTLED": 3, "UNKNOWN": 1}, {"THROTTLED": 4, "UNKNOWN": 1, "TIMEOUT": 1}
    assert result["by_reason"] == (some if by_prefix else others)


@pytest.mark.parametrize(
    ("asked", "said", "is_well"),
    [
        ({"dry_run": True}, "Some keys still wait to be sent.", False),
        ({"dry_run": True, "prefix": "x/"}, "Of what was asked for, nothing is left to send again.", True),
        ({"keys": ["by hand"]}, "Of what was asked for, nothing is left to send again.", True),
        ({"reason": "REJECTED"}, "Of what was asked for, nothing is left to send again.", True),
        ({}, "Nothing is left to send again.", True),
    ],
)
def test_it_claims_no_more_than_was_asked_for_and_a_dry_run_goes_by_what_it_counted(world, asked, said, is_well):
    world.fail("a", "b")
    found = from_json(ReplayAnswer, world.replay(asked))
    assert (found.is_well, jobs.replay(found, "en").hero.lead) == (is_well, said)
    assert ("accepted" in jobs.replayed(found).en) != found.dry_run


def test_a_run_file_that_cannot_be_read_is_named_with_what_to_do(world):
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"?"))
    found = from_json(ReplayAnswer, world.replay())
    assert (found.is_well, *found.unreadable) == (False, f"{ROOT}replay/oss-oms-sync/1.json")
    shown = "\n".join(map(str, lines.draw(jobs.replay(found, "en"))))
    assert f"stand nowhere else: {found.unreadable[0]}. If it stays so: python3 ops.py compare" in shown
