"""Stored proofs of objects that a comparison read, which make a second read of the same two versions unnecessary."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import InstanceKilled
from support.passes import classes, limit_pages, refusing
from support.world import DAY, HOUR, ROOT, World, oss_error

ARCHIVED = oss_error(403, "InvalidObjectState")
LONG, LENGTHS = "海" * 330, (1, 238, 239, 300, 960, 1000)


@pytest.fixture
def world() -> World:
    return World.holding_copies(LANES="1")


def write_in_parts(world: World, *keys: str, data: str = "parts", there: str = "parts") -> None:
    """Write objects of these keys to both buckets; the ETags at the source are no MD5s."""
    world.put_in_both(*keys, data=data, in_obs=there, kind="Appendable")


def compare(world: World, **asked: object) -> dict[str, list[str]]:
    """Run a comparison with these options; return the keys of each object class."""
    answer = world.compare(**({"restart": True, **asked} if "again" not in asked else asked))
    assert answer["finished"] is True
    assert answer["adds_up"] is True
    return classes(answer)


def count_new_reads(world: World) -> int:
    """Return the number of source objects that were read since the last call."""
    return world.source.calls.pop("get", 0)


def test_a_deep_comparison_reads_an_object_again_only_after_a_change(world):
    # GIVEN objects in parts, some of them with keys of the length at which a record's name changes its form
    keys = [*(f"{number:03}" for number in range(10)), *("k" * length for length in LENGTHS), LONG]
    write_in_parts(world, *keys)
    # WHEN a deep comparison runs, THEN it reads each object, and the next comparison reads none
    assert compare(world, deep=True) == {"equal_contents": sorted(keys)[:20]}
    assert count_new_reads(world) == len(keys)
    world.advance(DAY)
    assert compare(world, deep=True) == compare(world) == {"equal_contents": sorted(keys)[:20]}
    assert not count_new_reads(world)
    # AND after some objects have changed at the source or in OBS, it reads only these
    write_in_parts(world, *keys[:5], data="other", there="other")
    for key in keys[5:10]:
        world.write(key, "parts", 2)
    world.advance(HOUR)
    assert len(compare(world)["equal_size"]) == 10
    compare(world, deep=True)
    assert count_new_reads(world) == 5  # objects with parts of two bytes are not read, because OMS uses no such size


def test_the_proof_of_a_deleted_object_hides_no_proof_of_another_object(world):
    write_in_parts(world, "a", "b")
    compare(world, deep=True)
    world.delete("a")
    world.remove("a")
    assert compare(world) == {"equal_contents": ["b"]}


@pytest.mark.parametrize("end", ["it dies", "OSS fails"])
def test_a_deep_comparison_continues_with_the_proofs_it_stored(world, end):
    # GIVEN a deep comparison that fails after it has read two of four objects
    write_in_parts(world, *"abcd")

    def interrupt(kind: str, names: Sequence[str]) -> None:
        if kind == "get" and names == ["c"]:
            world.die() if end == "it dies" else world.source.fail(oss_error(500))

    world.source.before = interrupt
    with pytest.raises((InstanceKilled, StorageError)):
        world.compare(deep=True)
    world.source.before = lambda *_: None
    world.source.heal()
    # WHEN another comparison runs, THEN it uses the stored proofs
    assert compare(world) == {"equal_contents": ["a", "b"], "equal_size": ["c", "d"]}
    count_new_reads(world)
    assert compare(world, deep=True) == {"equal_contents": ["a", "b", "c", "d"]}
    assert count_new_reads(world) == 2


def test_a_proven_difference_is_kept_while_neither_object_changes(world):
    # GIVEN a version of equal size that OMS skipped, as a deep comparison shows
    world.put_in_both("a", data="version 2", in_obs="version 1", kind="form")
    assert compare(world, deep=True) == {"overwritten": ["a"]}
    # THEN the object keeps its class, in a comparison without reads and in a recheck
    world.advance(DAY)
    for asked in ({}, {"again": True}, {"again": True, "deep": True}):
        assert compare(world, **asked) == {"overwritten": ["a"]}
    assert count_new_reads(world) == 1
    # UNTIL one of the objects has changed
    world.write("a", "version 2")
    world.advance(HOUR)
    assert compare(world, again=True, deep=True) == {"equal_contents": ["a"]}
    answer = world.compare(look=True)
    assert answer["classes"]["overwritten"]["proven_different"] == 0
    assert answer["remedies"] == {}


@pytest.mark.parametrize(
    ("refusal", "why"), [(ARCHIVED, "unreadable"), (oss_error(403, "AccessDenied"), "no_right_in_oss")]
)
def test_a_deep_comparison_reports_an_unreadable_object_and_continues(world, refusal, why):
    # GIVEN three objects, one of which is archived or unreadable for the role
    write_in_parts(world, *"abc")
    world.source.fail(refusal, "get", lambda name: name == "b")
    # WHEN all are read, THEN the pass ends, and the answer names the unproven object
    assert compare(world, deep=True) == {"equal_contents": ["a", "c"], "equal_size": ["b"]}
    shown = world.compare(look=True)["deep"]
    assert shown[why] == 1
    assert shown["keys"] == {why: ["b"]}


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "SecurityTokenExpired"), (403, "RequestTimeTooSkewed"), (403, "UserDisable"), (404, "NoSuchBucket")],
)
def test_a_deep_comparison_ends_if_a_refusal_affects_all_objects(world, status, code):
    write_in_parts(world, "a")
    world.source.fail(oss_error(status, code), "get")
    with pytest.raises(StorageError, match=code):
        world.compare(deep=True)


@pytest.mark.parametrize("again", [True, False])
def test_a_cutover_reads_objects_that_oms_would_skip(world, again):
    # GIVEN an object in parts that is rewritten with equal contents, and a task that compares CRC64s
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    write_in_parts(world, "a")
    world.put("a", "parts", "Appendable", "copied")
    if again:
        assert compare(world) == {"moving": ["a"]}
    sent = world.oms.accepted.total()
    world.advance(HOUR)
    # WHEN a cutover compares or rechecks, THEN the object is equal at once
    asked = {"again": True, "run": "1"} if again else {}
    assert compare(world, cutover=True, **asked) == {"equal_contents": ["a"]}
    assert world.oms.accepted.total() == sent


def test_a_dry_run_of_a_deep_comparison_stores_no_proof(world):
    write_in_parts(world, "a")
    assert classes(world.compare(dry_run=True, deep=True)) == {"equal_contents": ["a"]}
    assert not world.bucket.names(f"{ROOT}proven_object")


def test_a_deep_comparison_stores_no_progress_if_it_cannot_store_a_proof(world):
    write_in_parts(world, "a")
    world.bucket.fail(oss_error(403), "put", lambda name: "/proven_object/" in name)
    with pytest.raises(StorageError):
        world.compare(deep=True)
    world.bucket.heal()
    with refusing(world.source, "get"), limit_pages(2):
        assert not world.compare(look=True)["finished"]
