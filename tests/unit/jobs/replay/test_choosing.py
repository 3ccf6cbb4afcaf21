"""Options of replay: all keys, a part of them, certain keys, or a dry run; and a run that waits for another run."""

from __future__ import annotations

import hashlib

import pytest

from ops.report import jobs
from ops.shell import remove_marks
from ops.show import lines
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.job_answers import ReplayAnswer
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import PayloadError, StorageError
from oss_oms_sync.jobs.replay import release_lease, take_lease
from support.ops import OPS
from support.world import NO_RIGHT, ROOT, record_name
from unit.jobs.replay.replay_world import CONTENTS, ReplayWorld, many


def test_replay_resends_keys_of_the_requested_prefix_reason_and_limit(world):
    world.put_failed("x/1", "x/2", "x/" + "k" * 1000, "y/1")
    world.put_failed("x/3", reason="NO_TASK")
    assert world.replay(prefix="x/", reason="NO_TASK")["accepted"] == 1
    assert world.replay(prefix="x/", limit=1)["accepted"] == 1
    assert world.replay(prefix="x/")["accepted"] == 2
    assert world.bucket.failed_keys() == {"y/1"}


def test_replay_by_hand_records_the_version_of_the_source_object(world):
    # GIVEN an object without a record, an object whose last failure was of an earlier version, and a deleted object
    world.upload("lost", CONTENTS, minutes_ago=3)
    world.put_failed("changed")
    keys = ["lost", "changed", "gone"]

    # WHEN a user names them, THEN each record has the version that the source has, and `-` if there is none
    assert world.replay(keys=keys)["accepted"] == 3
    version = hashlib.md5(b"contents").hexdigest().upper().encode()
    assert [world.bucket.record_body("success", key) for key in keys] == [version, version, b"-"]


def test_replay_selects_failed_records_without_a_reason_as_unknown(world):
    world.put_failed("told")
    world.bucket.add(StoredObject(f"{ROOT}failed_object/of the vendor's handler", b""))
    assert world.replay(reason="UNKNOWN", dry_run=True)["by_reason"] == {"UNKNOWN": 1}
    assert world.replay(reason="UNKNOWN")["accepted"] == 1
    assert world.bucket.failed_keys() == {"told"}


def test_replay_never_submits_a_key_outside_the_projects_filter():
    world = ReplayWorld(OBJECT_PREFIX="in/")
    world.put_failed("in/a", "out/a")
    assert world.replay()["accepted"] == 1
    assert world.bucket.failed_keys() == {"out/a"}
    with pytest.raises(PayloadError, match="outside"):
        world.replay(keys=["out/a"])


@pytest.mark.parametrize("length", [953, 954, 955, 956, 960, 2000])
def test_replay_selects_keys_by_a_prefix_too_long_for_a_record_name(world, length):
    # GIVEN prefixes around the longest that OSS lists records by, and keys that begin so
    prefix = "k" * length
    keys = {prefix[:1023], f"{prefix}k"[:1023]} if length <= 1023 else set()
    world.put_failed(*keys, "k", "other " + "k" * 1000)

    # WHEN only these keys are requested, THEN only these are submitted, and no listing is refused
    assert world.replay(prefix=prefix)["finished"]
    assert world.bucket.succeeded_keys() == keys


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("limit", range(5))
@pytest.mark.parametrize("third", ["x/3", "x/" + "k" * 1000], ids=["in one listing", "in two listings"])
def test_replay_with_a_limit_is_finished_only_if_no_selected_key_is_left(world, third, limit, dry):
    # GIVEN three failures of a folder, and others around them
    world.put_failed("w", "x/1", "x/2", third, "y")

    # WHEN the number of submissions is limited
    result = world.replay(prefix="x/", limit=limit, dry_run=dry)

    # THEN the answer says if keys are left
    assert result["taken"] == min(limit, 3)
    assert result["finished"] == (limit >= 3)
    assert len(world.bucket.failed_keys()) == (5 if dry else 5 - result["taken"])


@pytest.mark.usefixtures("_small_pages")
def test_replay_applies_its_limit_across_pages_and_ends_the_listing(world):
    world.put_failed(*many(450))
    assert world.replay(limit=150)["taken"] == 150
    assert world.bucket.calls["list"] <= 3
    assert len(world.bucket.failed_keys()) == 300


def test_replay_keeps_the_first_failure_of_requested_keys(world):
    world.put_failed("a", first="2020-01-01T00:00:00Z")
    world.oms.refuse(lambda key: True)
    assert world.replay(keys=["a", "b"])["oldest_failure"] == "2020-01-01T00:00:00Z"
    first = [world.bucket.failed_record(key)["first_failure"] for key in "ab"]
    assert first == ["2020-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]


def test_replay_accepts_any_number_of_requested_keys(world, mocker):
    mocker.patch("oss_oms_sync.jobs.replay.resending.PAGE_SIZE", 7)
    world.put_failed(*many(20)[::2])
    world.put_failed("other")
    result = world.replay(keys=[*many(20), many(20)[0]])
    assert (result["taken"], result["accepted"]) == (20, 20)
    assert world.oms.accepted.keys() == {*many(20)}
    assert world.bucket.failed_keys() == {"other"}


NO_KEYS = r'^The payload\'s keys are not a list of object keys such as \["a/b\.txt"\]$'
BOTH = r"^The payload asks for keys and for something else: with keys, no other option is possible$"


@pytest.mark.parametrize(
    ("payload", "expected_text"),
    [
        ({"reason": "FOO"}, r"'FOO', which is not a reason. Possible reasons: THROTTLED, .*, UNKNOWN"),
        ({"keys": ["a"], "limit": 5}, BOTH),
        ({"keys": [], "limit": 5}, BOTH),
        ({"keys": [1]}, NO_KEYS),
        ({"keys": [""]}, NO_KEYS),
        ({"keys": ["\ud800"]}, NO_KEYS),
        ({"what": 1}, "what"),
        ({"limit": "5"}, "limit"),
    ],
)
def test_replay_refuses_an_invalid_payload_and_lists_its_options(world, payload, expected_text):
    world.put_failed("a")
    with pytest.raises(PayloadError, match=expected_text):
        world.invoke("replay", payload)
    assert world.bucket.failed_keys() == {"a"}


@pytest.mark.parametrize(
    ("options", "taken", "oldest", "by_reason"),
    [
        ({}, 6, "2021-01-01T00:00:00Z", {"THROTTLED": 4, "UNKNOWN": 1, "TIMEOUT": 1}),
        ({"prefix": "x/"}, 4, "2023-01-01T00:00:00Z", {"THROTTLED": 3, "UNKNOWN": 1}),
    ],
)
def test_a_dry_run_of_replay_reports_the_oldest_failure_of_its_keys(world, options, taken, oldest, by_reason):
    # GIVEN failures of different ages in records and in a run file, and a record of the vendor's handler without a time
    for key, year in (("x/1", 2024), ("x/2", 2023), ("x/3", 2025), ("y", 2022)):
        world.put_failed(key, first=f"{year}-01-01T00:00:00Z")
    world.bucket.add(StoredObject(record_name("failed", "x/0"), b""))
    world.bucket.add_run_file("in hand", first_failure="2021-01-01T00:00:00Z", reason="TIMEOUT")

    # WHEN all or some of them are requested, THEN the oldest of these is reported, and nothing changes
    before = dict(world.bucket.objects)
    result = world.replay(dry_run=True, **options)
    assert result["taken"] == taken
    assert result["oldest_failure"] == oldest
    assert result["by_reason"] == by_reason
    assert world.bucket.objects == before
    assert world.oms.calls == []


@pytest.mark.parametrize(
    ("options", "lead", "is_well"),
    [
        ({"dry_run": True}, "Some objects are still waiting to be resent.", False),
        ({"dry_run": True, "prefix": "x/"}, "None of the requested objects still has to be resent.", True),
        ({"keys": ["by hand"]}, "None of the requested objects still has to be resent.", True),
        ({"reason": "REJECTED"}, "None of the requested objects still has to be resent.", True),
        ({}, "No object has to be resent.", True),
    ],
)
def test_replay_reports_the_requested_selection_and_the_number_of_keys(world, options, lead, is_well):
    world.put_failed("a", "b")
    answer = from_json(ReplayAnswer, world.invoke("replay", options))
    assert answer.is_successful == is_well
    assert jobs.replay(answer, "en").head.explanation == lead
    assert ("accepted" in jobs.replay_text(answer).en) != answer.dry_run


def test_replay_names_an_unreadable_run_file_and_its_remedy(world):
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"?"))
    answer = from_json(ReplayAnswer, world.replay())
    assert (answer.is_successful, *answer.unreadable) == (False, f"{ROOT}replay/oss-oms-sync/1.json")
    shown = remove_marks("\n".join("".join(line) for line in lines.draw(jobs.replay(answer, "en"))))
    assert f"are recorded nowhere else: {answer.unreadable[0]}. If this persists, submit" in shown
    assert f"({OPS} compare)" in shown


# A run begins after the end of the last run, unless only some keys are requested.


@pytest.mark.usefixtures("_small_pages")
def test_replay_resumes_after_the_last_key_and_restarts_at_the_end(world):
    # GIVEN a run whose time ends after its first page
    world.put_failed(*many(150), "z" * 1000)
    world.hold_up(95)
    world.replay(timeout=110)
    assert world.bucket.job_state()["after"] == f"{ROOT}failed_object/{many(100)[-1]}"

    # WHEN a record is written before this position and another at it, and the next run has time
    world.put_failed("a first", many(100)[-1])
    world.replay()

    # THEN the records on both sides of the position are resent
    assert world.bucket.failed_keys() == world.bucket.keys_in_run_files() == set()
    assert world.bucket.job_state()["after"] == ""


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({"prefix": "key 00"}, ["key 00"]),
        ({"limit": 3}, ["key 00"]),
        ({"reason": "THROTTLED"}, ["key 00"]),
        ({"keys": ["z"]}, ["z"]),
        ({"dry_run": True}, []),
    ],
)
def test_replay_of_selected_keys_keeps_the_position_of_the_full_run(world, options, first):
    # GIVEN a whole run that did not get further than its first page, and a failure before this position
    world.put_failed(*many(150))
    world.hold_up(95)
    world.replay(timeout=110)
    state = world.bucket.job_state()
    assert state["after"].endswith(many(100)[-1])
    world.put_failed("key 00")
    before = len(world.oms.calls)

    # WHEN a part of the keys is requested
    world.advance(1)
    world.invoke("replay", options)

    # THEN the run begins with this key, and the stored position stays unchanged
    assert [call.keys[0] for call in world.oms.calls[before : before + 1]] == first
    assert world.bucket.job_state() == state


def test_replay_stores_its_result_for_status(world):
    world.put_failed("a")
    result = world.replay()
    last = {"at": "2026-01-02T00:00:00Z", "result": result}
    assert world.bucket.job_state() == {"after": "", "resting": {}, "last": last}


def test_replay_loses_no_key_if_it_can_neither_store_nor_read_its_state(world, problems):
    world.bucket.add(StoredObject(f"{ROOT}state/replay.json", b"?"))
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: "/state/" in name)
    world.put_failed("a")
    assert world.replay()["accepted"] == 1
    unread, unwritten = problems()
    assert unread == {"state": "replay", "problem": "unreadable, so it starts over"}
    assert unwritten["state"] == "not stored"
    assert "oss:PutObject" in unwritten["problem"]


# The timer starts no run while another run is active.


BUSY = "an earlier run is still resending"


@pytest.fixture
def busy(world: ReplayWorld) -> ReplayWorld:
    """Return a world with five failed keys, and with the lease of a run that may be active or killed."""
    world.put_failed(*many(5))
    assert take_lease(world.invocation(240))
    return world


def test_the_timer_waits_until_the_planned_end_of_a_killed_replay(busy):
    # WHEN the timer fires, THEN the first run after the end of the lease resends all keys
    for seconds in (0, 239):
        busy.advance(seconds)
        result = busy.tick("replay")
        assert result["taken"] == 0
        assert result["finished"] is False
        assert result["stop"] == "busy"
        assert result["stopped"] == BUSY
        assert busy.take_sent_keys() == []
        assert busy.bucket.failed_keys() == set(many(5))
    busy.advance(2)
    assert busy.tick("replay")["finished"]
    assert set(busy.take_sent_keys()) == set(many(5))


def test_replay_by_hand_ignores_the_lease_of_another_run(busy):
    assert busy.replay()["accepted"] == 5


def test_replay_releases_its_lease_if_it_ends_or_fails(world):
    world.put_failed(*many(5))
    world.bucket.fail(NO_RIGHT, where=lambda name: "/replay/" in name)
    with pytest.raises(StorageError):
        world.tick("replay")
    world.bucket.heal()
    assert world.tick("replay")["accepted"] == 5
    world.put_failed("one more")
    assert world.tick("replay")["accepted"] == 1


def test_replay_logs_a_lease_that_it_cannot_release_and_the_lease_expires(busy, problems):
    busy.bucket.fail(NO_RIGHT, "put", where=lambda name: "/state/turn" in name)
    release_lease(busy.invocation(240))
    (problem,) = problems()
    assert problem["state"] == "not stored"
    assert "oss:PutObject" in problem["problem"]
    busy.bucket.heal()
    busy.advance(241)
    assert busy.tick("replay")["accepted"] == 5
