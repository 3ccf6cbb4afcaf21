"""Stored proofs of read objects: each pair of versions is read once, and no difference is forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import Killed
from support.compare_world import CompareWorld, classes, pages_of
from support.reconcile_world import refusing
from support.world import DAY, HOUR, ROOT, oss_error

ARCHIVED = oss_error(403, "InvalidObjectState")
LONG = "海" * 330


@pytest.fixture
def world() -> CompareWorld:
    return CompareWorld(LANES="1")


def in_parts(world: CompareWorld, *keys: str, data: str = "parts", there: str = "parts") -> None:
    """Write objects whose ETags are no MD5s, and their objects in OBS."""
    world.lie_in_both(*keys, data=data, there=there, kind="Appendable")


def compare(world: CompareWorld, **asked: object) -> dict[str, list[str]]:
    """Run a comparison; return the keys of each class."""
    answer = world.compare({"restart": True, **asked} if "again" not in asked else asked)
    assert answer["finished"] is True
    assert answer["adds_up"] is True
    return classes(answer)


def read(world: CompareWorld) -> int:
    """Return the number of source objects that were read since the last call."""
    return world.source.calls.pop("get", 0)


def test_an_object_is_read_again_only_after_a_change(world):
    # GIVEN objects in parts, one of them with a name too long for its record's
    keys = [LONG, *(f"{number:03}" for number in range(30))]
    in_parts(world, *keys)
    # WHEN they are compared deeply, THEN each is read, and the next time none
    assert compare(world, deep=True) == {"equal_contents": sorted(keys)[:20]}
    assert read(world) == 31
    world.advance(DAY)
    assert compare(world, deep=True) == compare(world) == {"equal_contents": sorted(keys)[:20]}
    assert not read(world)
    # AND after some have changed, at the source or in OBS, only these
    in_parts(world, *keys[:5], data="other", there="other")
    for key in keys[5:10]:
        world.write(key, "parts", 2)
    world.advance(HOUR)
    assert len(compare(world)["equal_size"]) == 10
    compare(world, deep=True)
    assert read(world) == 5  # parts of two bytes are of no size that OMS uses


def test_proofs_of_deleted_objects_are_ignored(world):
    in_parts(world, *"abcd")
    compare(world, deep=True)
    for key in "ac":
        world.play([("delete", key), ("remove", key)])
    world.advance(HOUR)
    assert compare(world) == {"equal_contents": ["b", "d"]}


@pytest.mark.parametrize("end", ["it dies", "OSS fails"])
def test_an_unfinished_pass_loses_no_proof(world, end):
    # GIVEN a deep comparison that fails after it has read two of four objects
    in_parts(world, *"abcd")

    def happens(kind: str, names: Sequence[str]) -> None:
        if kind == "get" and names == ["c"]:
            world.die() if end == "it dies" else world.source.fail(oss_error(500))

    world.source.before = happens
    with pytest.raises((Killed, StorageError)):
        world.compare({"deep": True})
    world.source.before = lambda *_: None
    world.source.heal()
    # WHEN another comparison runs, THEN it uses the kept proofs
    assert compare(world) == {"equal_contents": ["a", "b"], "equal_size": ["c", "d"]}
    read(world)
    assert compare(world, deep=True) == {"equal_contents": ["a", "b", "c", "d"]}
    assert read(world) == 2


def test_a_proven_difference_is_kept_while_both_sides_are_unchanged(world):
    # GIVEN a version of equal size that OMS skipped, as deep reading shows
    world.lie_in_both("a", data="version 2", there="version 1", kind="form")
    assert compare(world, deep=True) == {"overwritten": ["a"]}
    # THEN its class stays, in a comparison that reads nothing, and in a recheck
    world.advance(DAY)
    for asked in ({}, {"again": True}, {"again": True, "deep": True}):
        assert compare(world, **asked) == {"overwritten": ["a"]}
    assert read(world) == 1
    # UNTIL a side has changed
    world.write("a", "version 2")
    world.advance(HOUR)
    assert compare(world, again=True, deep=True) == {"equal_contents": ["a"]}


@pytest.mark.parametrize(
    ("refusal", "why"), [(ARCHIVED, "unreadable"), (oss_error(403, "AccessDenied"), "no_right_in_oss")]
)
def test_unreadable_objects_stop_no_pass_and_are_counted_and_named(world, refusal, why):
    # GIVEN an object among others that is archived, or may not be read
    in_parts(world, *"abc")
    world.source.fail(refusal, "get", lambda name: name == "b")
    # WHEN all are read, THEN the pass ends; the others are proven, and the answer names the unproven object
    assert compare(world, deep=True) == {"equal_contents": ["a", "c"], "equal_size": ["b"]}
    shown = world.compare({"look": True})["deep"]
    assert shown[why] == 1
    assert shown["keys"] == {why: ["b"]}


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "SecurityTokenExpired"), (403, "RequestTimeTooSkewed"), (403, "UserDisable"), (404, "NoSuchBucket")],
)
def test_a_refusal_to_read_all_objects_does_not_mean_archived_objects(world, status, code):
    in_parts(world, "a")
    world.source.fail(oss_error(status, code), "get")
    with pytest.raises(StorageError, match=code):
        world.compare({"deep": True})


def test_equal_contents_uploaded_in_parts_again_are_equal_once_read(world):
    # GIVEN equal contents, in parts, that are written once more, and an OMS that compares CRC64s
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    in_parts(world, "a")
    in_parts(world, "b")
    world.put("a", "parts", "Appendable", "copied")
    # THEN it is older in OBS and sent, which OMS skips
    for _ in range(2):
        world.advance(HOUR)
        assert compare(world) == {"older": ["a"], "equal_size": ["b"]}
        world.copy_all()
    # AND the answer says what to do
    remedy = world.compare({"look": True})["remedies"]["older"]["en"]
    assert "1 object of the same size" in remedy
    assert "To find out, read the object" in remedy
    # WHEN it is read, THEN it is equal, for good
    world.advance(HOUR)
    assert compare(world, deep=True) == compare(world) == {"equal_contents": ["a", "b"]}


@pytest.mark.parametrize("again", [True, False])
def test_a_cutover_reads_objects_that_oms_would_skip(world, again):
    # GIVEN equal contents, in parts, that are written once more, which an OMS that compares CRC64s skips
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    in_parts(world, "a")
    world.put("a", "parts", "Appendable", "copied")
    if again:
        assert compare(world) == {"moving": ["a"]}
    sent = world.oms.accepted.total()
    world.advance(HOUR)
    # WHEN a cutover compares, or judges again, THEN it is equal at once
    asked = {"again": True, "run": "1"} if again else {}
    assert compare(world, cutover=True, **asked) == {"equal_contents": ["a"]}
    assert world.oms.accepted.total() == sent


def test_the_remedy_changes_after_useless_submissions_in_crc64_mode(world):
    # GIVEN an object that differs in the same size, that OMS skips for lack of a CRC64
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    in_parts(world, "a", data="version 2", there="version 1")
    compare(world, deep=True, overwrite=True)
    world.fail_copy()
    world.advance(HOUR)
    # WHEN that is asked for again
    answer = world.compare({"restart": True, "deep": True, "overwrite": True})
    # THEN it is not sent once more, and the remedy is another
    assert classes(answer) == {"overwritten": ["a"]}
    assert world.oms.accepted == {"a": 1}
    remedy = answer["remedies"]["overwritten"]["en"]
    assert "python3 ops.py migrate --overwrite" in remedy
    assert "compare --deep --overwrite" not in remedy


def test_a_trial_stores_no_proof(world):
    in_parts(world, "a")
    assert classes(world.compare({"dry_run": True, "deep": True})) == {"equal_contents": ["a"]}
    assert not world.bucket.names(f"{ROOT}proven_object")


def test_a_proof_that_cannot_be_written_ends_the_piece_before_it_is_stored(world):
    in_parts(world, "a")
    world.bucket.fail(oss_error(403), "put", lambda name: "/proven_object/" in name)
    with pytest.raises(StorageError):
        world.compare({"deep": True})
    world.bucket.heal()
    with refusing(world.source, "get"), pages_of(2):
        assert not world.compare({"look": True})["finished"]
