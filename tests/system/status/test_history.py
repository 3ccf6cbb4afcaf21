"""The history of one key in the sandbox."""

from __future__ import annotations

import dataclasses
import json
import shlex

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.uploads import upload
from support.world import payload as event_of

HOUR = 3600


def story(box: Sandbox, in_process, key: str) -> dict:
    return in_process(box, "status", {"key": key})


@pytest.mark.parametrize("key", ["a/照片 +%.jpg", "最" * 341], ids=["plain", "long"])
def test_one_keys_whole_story(project, in_process, key):
    again = shlex.join(["python", "ops.py", "replay", f"--key={key}"])
    assert story(project, in_process, key)["story"] == "There is no such object, and no record of one."

    project.oss.lose_events(lambda key: True)
    upload(project, key)
    assert "written just now" in story(project, in_process, key)["story"]
    project.later(HOUR)
    lost = story(project, in_process, key)
    assert lost["story"] == "It has no record: its event was lost."
    assert again in lost["next"]

    project.oms.faults.add(Fault.status(401))
    in_process(project, "replay", {"keys": [key]})
    failed = story(project, in_process, key)
    assert failed["story"].startswith("It failed: CREDENTIALS.")
    assert "HW_AK" in failed["next"]
    assert failed["failed"]["reason"] == "CREDENTIALS"
    project.oms.faults.clear()

    project.fc.invoke("forward", event_of(key, etag=project.oss.objects(project.source_bucket)[key].etag))
    accepted = story(project, in_process, key)
    assert accepted["story"] == "It is in OBS, with the same contents."
    assert accepted["in_obs"]["etag"] == accepted["object"]["etag"]
    assert accepted["seconds"]["accepted"] is not None
    assert accepted["success"]["etag"] == accepted["object"]["etag"]

    project.later(HOUR)
    project.oss.put(project.source_bucket, key, b"overwritten")
    project.later(HOUR)
    assert story(project, in_process, key)["story"] == "OMS accepted an older version."


def test_stories_of_what_is_gone_or_never_sent(project, in_process):
    upload(project, "a")
    project.oms.faults.add(Fault.status(401))
    upload(project, "b")
    for key in ("a", "b"):
        project.bucket(project.source_bucket).delete_object(key)
    assert "not in the source bucket any more" in story(project, in_process, "a")["story"]
    assert story(project, in_process, "b")["next"].startswith("Replay sends it")
    outside = in_process(project, "status", {"key": "x"}, {**project.environment(), "OBJECT_PREFIX": "photos/"})
    assert "never sent" in outside["story"]
    unnamed = in_process(project, "status", {"key": "a"}, {**project.environment(), "SOURCE_BUCKET": ""})
    assert (unnamed["object"], "unknown" in unnamed["story"]) == (None, True)


def test_a_key_older_than_the_installation_is_not_said_to_be_sent(project, in_process):
    in_process(project, "reconcile")
    project.oss.lose_events(lambda key: True)
    upload(project, "old")
    old = dataclasses.replace(project.oss.objects(project.source_bucket)["old"], last_modified=10**9)
    project.oss._buckets[project.source_bucket].objects["old"] = old
    told = story(project, in_process, "old")
    assert "older than the installation" in told["story"]
    assert in_process(project, "reconcile")["scanned"] == 0


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("-a'$(echo no)`echo no` 片", ["python", "ops.py", "replay", "--key=-a'$(echo no)`echo no` 片"]),
        ("a'\u202e", ["s", "replay", "invoke", "-e", json.dumps({"keys": ["a'\u202e"]})]),
    ],
    ids=["seen", "unseen"],
)
def test_the_command_to_paste_is_safe_whatever_the_key(project, in_process, key, words):
    project.oss.put(project.log_bucket, f"oms_source_record/{project.task_id}/failed_object/{key}", b"")
    project.oss.lose_events(lambda key: True)
    upload(project, key)
    project.later(HOUR)
    following = story(project, in_process, key)["next"]
    assert shlex.split(following.partition("To send it now: ")[2]) == words


def test_records_that_cannot_be_read_are_an_error_and_not_a_history(project):
    project.oss.deny("oss:GetObject", project.log_bucket)
    assert project.fc.invoke("status", b'{"key": "a"}').error_type == "StorageError"


PROMISES = ("To send it now", "Reconcile sends it", "Replay sends it", "Compare sends it", "resent automatically")


def lost(project) -> None:
    project.oss.lose_events(lambda key: True)
    upload(project, "a")
    project.later(HOUR)


def failed(project) -> None:
    project.oms.faults.add(Fault.status(503))
    upload(project, "a")


def just_written(project) -> None:
    project.oss.lose_events(lambda key: True)
    upload(project, "a")


def gone_from_obs(project) -> None:
    upload(project, "a")
    project.later(2 * HOUR)
    del project.task.bucket.objects["a"]


@pytest.mark.parametrize(
    ("happened", "what_comes_of_it"),
    [
        (lost, "reconcile finds and sends it once the project is open"),
        (failed, "replay sends it once the project is open"),
        (just_written, "the key is recorded as failed and waits"),
        (gone_from_obs, "nothing is sent again until the project is open"),
        (lambda project: upload(project, "a"), "Nothing."),
    ],
    ids=["lost", "failed", "just written", "gone from obs", "in obs"],
)
def test_in_a_closed_project_a_story_promises_nothing_and_names_the_step_that_opens_it(
    project, in_process, happened, what_comes_of_it
):
    happened(project)
    in_process(project, "certify", {"close": True})
    told = story(project, in_process, "a")
    assert "The project has been closed since" in told["next"]
    assert "nothing is sent. To open it: " in told["next"]
    assert "起已关闭" in told["next_zh"]
    assert what_comes_of_it in told["next"]
    assert not [promise for promise in PROMISES if promise in told["next"]]

    # AND once it is open, it is as ever
    in_process(project, "certify", {"open": True})
    assert "closed" not in story(project, in_process, "a")["next"]


def test_where_nobody_knows_whether_the_project_is_closed_a_story_says_so(project, in_process):
    # GIVEN a lost object, and a mark that cannot be read
    lost(project)
    before = set(project.oss.objects(project.log_bucket))
    in_process(project, "certify", {"close": True})
    (mark,) = [name for name in set(project.oss.objects(project.log_bucket)) - before if "/state/closed" in name]
    project.oss.put(project.log_bucket, mark, b"?")

    # WHEN its story is told, THEN it promises nothing
    following = story(project, in_process, "a")["next"]
    assert "It is not known whether the project is closed, and until it is, nothing is sent" in following
    assert "python ops.py doctor" in following
    assert not [promise for promise in PROMISES if promise in following]
