"""The history of an object key, as status reports it."""

from __future__ import annotations

from datetime import timedelta
from operator import methodcaller

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from sandbox.server.faults import Fault
from support.status import NOW, make_status_world
from support.world import NO_RIGHT, ROOT, World

UNKNOWN = "It is unknown whether replay is working on the object: some run files of replay could not be read."
BROKEN_RUN_FILE = {"busy_until": "", "keys": [{"key": "a", "held": False}]}
PROMISES = (
    "To resend the object now",
    "Reconcile submits the object",
    "Replay resends the ",
    "The next comparison resends the object",
    "resends failed objects automatically",
)


def read_story(world: World, key: str = "a") -> str:
    return world.status(key=key)["story"]


def find_promises(text: str) -> list[str]:
    """Return the phrases in a text that promise to submit the key."""
    return [promise for promise in PROMISES if promise in text]


@pytest.fixture
def world() -> World:
    status_world = make_status_world()
    status_world.obs.faults.add(NO_RIGHT)  # so that nothing is known of OBS
    return status_world


@pytest.mark.parametrize("there", [True, False], ids=["an existing object", "no object"])
def test_a_keys_history_is_uncertain_if_a_run_file_is_unreadable(world, there):
    # GIVEN a key without a record, and a run file that cannot be read
    if there:
        world.upload("a", "a", minutes_ago=60)
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"?"))

    # WHEN the history is read, THEN it does not rule out a run file
    answer = world.status(key="a")
    assert UNKNOWN in answer["story"]
    assert "log" in answer["next"]

    # AND a key in another run file is still found
    world.bucket.add_json("replay/oss-oms-sync/2.json", BROKEN_RUN_FILE)
    assert read_story(world) == "The submission failed, and replay is working on the object."


def test_a_keys_history_is_uncertain_without_permission_for_run_files(world):
    world.upload("a", "a", minutes_ago=60)
    world.bucket.add_json("replay/oss-oms-sync/1.json", BROKEN_RUN_FILE)
    world.bucket.fail(NO_RIGHT, "get", lambda name: "/replay/" in name)
    assert UNKNOWN in read_story(world)


def test_a_keys_history_does_not_take_equal_size_for_equal_contents(world):
    # GIVEN an accepted version in parts, which OMS failed to copy, and an older version of its size in OBS
    world.obs.faults.clear()
    world.put_accepted("a", data="a", minutes_ago=60)
    world.destination.add(StoredObject("a", b"b"))
    etag = "0123456789ABCDEF0123456789ABCDEF-2"
    world.source.add(StoredObject("a", b"a", {"etag": etag}))
    world.bucket.add(StoredObject(f"{ROOT}success_object/a", etag.encode()))
    assert read_story(world).startswith("The object in OBS has the same size")
    world.bucket.add_json("replay/oss-oms-sync/1.json", BROKEN_RUN_FILE)
    assert read_story(world) == "The submission failed, and replay is working on the object."


def test_a_keys_history_names_the_reason_and_remedy_of_a_failed_copy(world):
    # GIVEN an object that OMS accepted, and then listed as a failed copy
    world.put_accepted("a", data="a", minutes_ago=60)
    world.bucket.add_copy_failed_record("a", "INIT_DST_OBJ_MULTIPART_FAILURE")
    answer = world.status(key="a")
    assert answer["story"] == (
        "OMS accepted the current version, but failed to copy it: INIT_DST_OBJ_MULTIPART_FAILURE, no error message."
    )
    assert "set another Content-Type at the source. Replay resends the object in its next run." in answer["next"]

    # AND after another acceptance, the failure is no longer reported
    world.advance(60)
    world.put_accepted("a", data="a", minutes_ago=0)
    assert read_story(world) == "OMS accepted the current version."


@pytest.mark.parametrize("key", ["a/照片 +%.jpg", "最" * 341], ids=["plain", "long"])
def test_the_history_of_a_key_goes_from_the_upload_to_the_copy(key):
    world = make_status_world()
    assert read_story(world, key) == "The object does not exist and has no record."

    world.upload(key, key, minutes_ago=1)
    assert "just written" in read_story(world, key)
    world.advance_to(NOW + timedelta(hours=1))
    answer = world.status(key=key)
    assert answer["story"] == "The object has no record: its event was lost."
    assert answer["step"]["job"] == "replay"
    assert answer["step"]["options"] == {"key": key}
    assert answer["next"].endswith("To resend the object now:")

    world.bucket.add_failed_records(key, reason="CREDENTIALS")
    answer = world.status(key=key)
    assert answer["story"] == "The submission failed: CREDENTIALS."
    assert answer["failed"]["reason"] == "CREDENTIALS"
    assert "HW_AK" in answer["next"]

    world.bucket.add_success_record(key, key)
    world.write(key, key)
    answer = world.status(key=key)
    assert answer["story"] == "The object is in OBS with equal contents."
    assert answer["in_obs"]["etag"] == answer["success"]["etag"] == answer["object"]["etag"]
    assert answer["seconds"]["accepted"] is not None

    world.advance(1)
    world.source.add(StoredObject(key, b"overwritten"))
    world.advance(3600)
    assert read_story(world, key) == "OMS accepted an older version than the source's current version."


def test_a_keys_history_accepts_a_success_record_without_a_version(world):
    # GIVEN a record of an event without an ETag
    world.upload("a", "a", minutes_ago=60)
    world.bucket.add(StoredObject(f"{ROOT}success_object/a", b"-"))
    assert read_story(world) == "OMS accepted the object key at 2026-03-10T12:00:00Z; the record names no version."

    # WHEN the object is overwritten after that, THEN OMS accepted an older version
    world.source.modified["a"] = world.bucket.modified[f"{ROOT}success_object/a"] + 1
    world.advance(3600)
    assert read_story(world) == "OMS accepted an older version than the source's current version."


def test_a_keys_history_has_no_gap_for_a_failure_without_a_message():
    world = make_status_world()
    world.put_accepted("a", data="a", minutes_ago=60)
    world.oms.faults.add(Fault.status(503))
    unknown = world.status(key="a")["in_obs_unknown"]
    assert unknown.startswith("OMS does not report the destination bucket: UNAVAILABLE. Nothing to do: ")


def test_a_keys_history_covers_deleted_and_unsubmitted_objects(world):
    world.bucket.add_success_record("a")
    world.bucket.add_failed_records("b", reason="CREDENTIALS")
    assert "no longer in the source bucket" in read_story(world)
    assert world.status(key="b")["next"].startswith("Nothing to do: OMS cannot copy a missing object")
    assert "no job submits it" in read_story(make_status_world(OBJECT_PREFIX="photos/"), "x")
    unnamed = make_status_world(SOURCE_BUCKET="").status(key="a")
    assert unnamed["object"] is None
    assert "unknown" in unnamed["story"]


def test_a_keys_history_promises_no_submission_of_older_objects(world):
    world.upload("old", "old", minutes_ago=10 * 24 * 60)
    assert "written before the first deployment" in read_story(world, "old")
    assert world.reconcile()["scanned"] == 0


def test_a_keys_history_raises_an_error_if_records_are_unreadable(world):
    world.oss.deny("oss:GetObject", world.log_bucket)
    with pytest.raises(StorageError):
        world.status(key="a")


@pytest.mark.parametrize(
    ("happened", "expected_text"),
    [
        ([("upload", "a", "a", 60)], "reconcile finds and submits it when the project is open"),
        ([("upload", "a", "a", 60), ("fail", "a")], "replay resends it when the project is open"),
        ([("upload", "a", "a", 1)], "the key is recorded as failed"),
        ([("accept", "a")], "nothing is resent until the project is open"),
        ([("accept", "a"), ("write", "a", "a")], "Nothing to do."),
    ],
    ids=["lost", "failed", "just written", "gone from obs", "in obs"],
)
def test_a_keys_history_in_a_closed_project_names_the_open_command(happened, expected_text):
    world = make_status_world()
    for name, *details in happened:
        match name:
            case "accept":
                world.put_accepted(*details, data="a", minutes_ago=120)
            case "fail":
                world.bucket.add_failed_records(*details)
            case _:
                getattr(world, name)(*details)
    world.bucket.add_mark(closed=True)
    answer = world.status(key="a")
    words = ("The project has been closed since", "and submits nothing. To open the project: ", expected_text)
    assert [word for word in words if word not in answer["next"]] == find_promises(answer["next"]) == []
    assert "起已关闭" in answer["next_zh"]

    # AND when the project is open, the history has no such step
    world.bucket.add_mark(closed=False)
    assert "closed" not in world.status(key="a")["next"]


def test_a_keys_history_expects_no_event_of_a_write_during_the_close(world):
    world.bucket.add_mark(closed=True)
    world.upload("before", "before", minutes_ago=0)
    world.advance(30)
    world.invoke("certify", {"open": True})
    world.upload("since", "since", minutes_ago=0)
    assert read_story(world, "before") == "The object has no record: its event was lost."
    assert "just written" in read_story(world, "since")


def test_a_keys_history_says_if_the_closed_mark_is_unreadable(world):
    # GIVEN a lost object, and a mark that cannot be read
    world.upload("a", "a", minutes_ago=60)
    world.bucket.add(StoredObject(f"{ROOT}state/closed-oss-oms-sync.json", b"?"))

    # WHEN the history is read, THEN it promises no submission
    text = world.status(key="a")["next"]
    assert "It is unknown whether the project is closed, so nothing is submitted" in text
    assert "python3 ops.py doctor" in text
    assert find_promises(text) == []


def test_a_keys_history_is_green_only_if_the_version_is_copied_or_recent():
    world, failed = make_status_world(), "failed to copy it: UPLOAD_DST_OBJ_FAILURE, no error message"
    for action, story, well in (
        (
            methodcaller("put_accepted", "a", data="a", minutes_ago=1),
            "OMS accepted the current version, which is not in OBS yet.",
            True,
        ),
        (methodcaller("advance", 2 * 3600), "OMS accepted the current version, but this version is not in OBS.", False),
        (
            methodcaller("write", "a", "?!"),
            "OMS accepted the current version, but OBS has another version: overwritten.",
            False,
        ),
        (
            lambda world: world.bucket.add_copy_failed_record("a"),
            f"OMS accepted the current version, but {failed}.",
            False,
        ),
        (methodcaller("write", "a", "a"), "The object is in OBS with equal contents.", True),
    ):
        action(world)
        answer = world.status(key="a")
        assert answer["story"] == story
        assert answer["well"] == well
        # Only this state has the duration of the copy.
        assert (answer["seconds"]["copied"] is not None) == (
            story.startswith(("The object is in OBS ", "The object in OBS has the same size"))
        )
    world.obs.faults.add(NO_RIGHT)
    assert not world.status(key="a")["well"]


SIZE, CRC64 = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", "CRC64_COMPARISON_OVERWRITE"
READ = ("compare", {"deep": True, "prefix": "a"})
OVERWRITES = "overwrite the affected objects with an OMS task group (python3 ops.py migrate --overwrite --prefix a)"


@pytest.mark.parametrize(
    ("mode", "data", "remedy", "step"),
    [
        # Another object of the same size, which reading proves to differ, or not.
        (SIZE, "b", f"OMS skips resent objects in the mode {SIZE}, so {OVERWRITES}", READ),
        ("FULL_OVERWRITE", "b", "If an object differs: python3 ops.py replay --key a.", READ),
        (
            CRC64,
            "b",
            f"replay --key a. OMS skips an object if one of the two sides has no CRC64; in that case, {OVERWRITES}",
            READ,
        ),
        ("NO_OVERWRITE", "b", "delete each affected object in OBS, then compare again", READ),
        # A newer version of another size.
        (SIZE, "?!", "resend the object:", ("replay", {"key": "a"})),
        (
            "NO_OVERWRITE",
            "?!",
            "delete each affected object in OBS, then compare again",
            ("compare", {"restart": True}),
        ),
    ],
)
def test_a_keys_history_names_the_remedy_for_the_overwrite_mode(mode, data, remedy, step):
    # GIVEN an accepted version, and another object in OBS
    world = make_status_world()
    world.task.overwrite_mode = mode
    world.put_accepted("a", data="a", minutes_ago=180)
    world.write("a", data)
    answer = world.status(key="a")
    assert answer["story"].startswith("OMS accepted the current version, but OBS has another version: ")
    assert remedy in answer["next"]
    assert answer["step"] == {"job": step[0], "options": step[1]}

    # WHEN the project is closed, THEN the history has no step
    world.bucket.add_mark(closed=True)
    assert world.status(key="a")["step"] is None
