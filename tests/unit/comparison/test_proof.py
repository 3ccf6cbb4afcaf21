"""Proofs by reading objects in both buckets, which the option `deep` of compare requests.

Compare reports objects without a proof, and the reason.
"""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.comparison.proof import _PART_SIZES, _EtagDigest
from oss_oms_sync.errors import StorageError
from sandbox.obs.objects import etag_of as obs_etag
from sandbox.server.faults import Fault
from support.law import schedules
from support.passes import classes, once
from support.world import HOUR, OBS_HEADERS, World, oss_error


@pytest.fixture
def world():
    """Yield simulated clouds in which OMS writes parts of six or eight bytes instead of 50 MB or 50 MiB."""
    with patch("oss_oms_sync.comparison.proof._PART_SIZES", (6, 8)):
        yield World.holding_copies(LANES="1")


def put(world: World, data: str, there: str, part: int | None = None, kind: str = "Appendable") -> None:
    """Write an object whose ETag is no MD5 to the source, and an object of the same key to OBS."""
    world.put_in_both("a", data=data, in_obs=there, kind=kind, part=part)


def write_flipped(world: World) -> None:
    """Write an object to the source, and a copy to OBS in which a byte differs."""
    put(world, "a flipped byte", "a flipped bjte")


def class_of_a(answer: dict) -> str | None:
    return next((name for name, keys in classes(answer).items() if "a" in keys), None)


def compare_deeply(world: World, **asked: bool) -> tuple[str | None, dict[str, int]]:
    """Run a deep comparison; return the object class of the only object, and the non-zero counts of objects read."""
    answer = world.compare(deep=True, **asked)
    shown = answer["deep"] or {}
    return class_of_a(answer), {name: number for name, number in shown.items() if number and name != "keys"}


@pytest.mark.parametrize(
    ("data", "there", "part", "class_name", "shown"),
    [
        ("", "", None, "equal_contents", {"equal": 1}),
        ("five!", "five!", None, "equal_contents", {"equal": 1, "bytes": 5}),
        ("parts of six!", "parts of six!", 6, "equal_contents", {"equal": 1, "bytes": 13}),
        ("parts of eight!", "parts of eight!", 8, "equal_contents", {"equal": 1, "bytes": 15}),
        ("just six and six", "just six and six", 8, "equal_contents", {"equal": 1, "bytes": 16}),
        ("twelve bytes", "twelve bytes", 6, "equal_contents", {"equal": 1, "bytes": 12}),
        ("a flipped byte", "a flipped bjte", None, "overwritten", {"different": 1, "bytes": 14}),
        ("a flipped byte", "half old\0\0\0\0\0\0", None, "overwritten", {"different": 1, "bytes": 14}),
        # A copy of mixed versions.
        ("parts of six!", "parts OF six!", 6, "suspicious", {"parts_differ": 1, "bytes": 13}),
        # Parts of an unknown size are not read.
        ("parts of three", "parts of three", 3, "equal_size", {"unknown_parts": 1}),
    ],
)
def test_a_deep_comparison_classifies_objects_by_their_contents(world, data, there, part, class_name, shown):
    put(world, data, there, part)
    assert class_of_a(world.compare()) == "equal_size"
    assert compare_deeply(world) == (class_name, shown)
    # A different object is not submitted: OMS would skip it, or overwrite a user's object.
    assert world.accepted_keys() == set()


@pytest.mark.parametrize(
    ("there", "part", "read"),
    [
        ("parts OF six!", 6, "suspicious"),
        ("parts of six!", 3, "equal_size"),
        # Replay resends objects that are proven to differ.
        ("parts OF six!", None, "failed_before"),
    ],
)
def test_a_deep_comparison_classifies_a_failed_object_that_it_read(world, there, part, read):
    put(world, "parts of six!", there, part)
    world.bucket.add_failed_records("a", data="A")
    assert class_of_a(world.compare(restart=True)) == "failed_before"
    # The first comparison reads the object, and the second uses the stored proof.
    assert [compare_deeply(world, restart=True)[0] for _ in range(2)] == [read, read]


def test_a_deep_comparison_reports_an_encrypted_object_as_unproven(world):
    world.obs_bucket.is_encrypted = True
    put(world, "secret", "secret")
    assert compare_deeply(world) == ("equal_size", {"encrypted": 1, "bytes": 6})


def test_a_difference_is_unproven_without_permission_to_check_encryption(world):
    write_flipped(world)
    world.obs.deny("obs:object:GetObject")
    assert compare_deeply(world) == ("equal_size", {"no_right_in_obs": 1, "bytes": 14})


@pytest.mark.parametrize("status", [400, 405, 416])
def test_a_deep_comparison_continues_after_an_object_that_obs_refuses(world, status):
    write_flipped(world)
    world.destination.fail(Fault.status(status, b"", OBS_HEADERS), "head", "a".__eq__)
    assert compare_deeply(world) == ("equal_size", {"unreadable": 1})


def test_an_error_of_obs_ends_a_deep_comparison_without_a_proof(world):
    write_flipped(world)
    world.destination.fail(Fault.status(500), "head")
    with pytest.raises(StorageError, match="server error"):
        world.compare(deep=True)
    world.destination.heal()
    world.advance(HOUR)
    assert compare_deeply(world) == ("overwritten", {"different": 1, "bytes": 14})


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        ("list", ("put", "a", "another", "Appendable", "lost")),
        ("list", ("delete", "a")),
        ("get", ("remove", "a")),
        ("get", ("write", "a", "a new one here")),
    ],
)
def test_a_deep_comparison_classifies_a_changing_object_as_moving(world, before, meanwhile):
    write_flipped(world)
    world.source.after = once(before, lambda: world.play([meanwhile]))
    assert compare_deeply(world) == ("moving", {"changed": 1})


def test_a_difference_of_an_object_written_during_the_listing_is_unproven(world):
    # GIVEN an object that OBS got just now, so that the listings may show other versions
    world.lose_events_of("a", data="a flipped byte", kind="Appendable")
    world.write("a", "a flipped bjte")
    # THEN it is different only once it is older than the listings
    assert compare_deeply(world) == ("moving", {"different": 1, "bytes": 14})
    world.advance(HOUR)
    assert compare_deeply(world) == ("overwritten", {})


def slow_down_reading(world: World, seconds: float):
    """Make each read of an object take `seconds`, in small parts."""
    read = OssBucket.iter_contents

    def read_slowly(bucket, summary):
        for _ in range(100):
            world.clock.sleep(seconds / 100)
            yield b""
        yield from read(bucket, summary)

    return patch.object(OssBucket, "iter_contents", read_slowly)


def test_a_deep_comparison_reports_an_object_too_big_to_read_in_time(world):
    world.put_in_both("a", "b", data="five!", in_obs="five!", kind="Appendable")
    with slow_down_reading(world, 1000):
        for _ in range(6):
            answer = world.compare(deep=True)
            if answer["finished"]:
                break
            world.advance(HOUR)
    assert answer["deep"]["too_big"] == 2
    assert classes(answer) == {"equal_size": ["a", "b"]}


def test_a_deep_comparison_out_of_time_reads_an_object_in_its_next_call(world):
    # GIVEN two objects that take most of a piece each
    world.put_in_both("a", "b", data="five!", in_obs="five!", kind="Appendable")
    # WHEN each call has time to read one of them
    with slow_down_reading(world, 100):
        assert not world.compare(deep=True, timeout=200)["finished"]
        world.advance(HOUR)
        shown = world.compare(deep=True, timeout=200)["deep"]
    # THEN neither object is reported as too big
    assert shown["equal"] == 2
    assert shown["too_big"] == 0


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=20), st.integers(1, 40))
def test_the_etag_of_parts_equals_that_of_obs_for_any_chunks(data, cuts, size):
    digest, start = _EtagDigest(size), 0
    for cut in cuts:
        digest.update(data[start : start + cut])
        start += cut
    digest.update(data[start:])
    if len(data) > size:
        assert digest.etag().lower() == obs_etag(data, size)


@pytest.mark.parametrize("size", [50_000_000, 50 * 1024 * 1024])
def test_the_etag_of_parts_is_correct_for_parts_of_50_mb_and_of_50_mib(size):
    # 54.5 MB in a whole part and a smaller part; the chunks end at other positions than parts of 50 MB.
    chunk, digest = bytes(range(256)) * 4096, _EtagDigest(size)
    for _ in range(52):
        digest.update(chunk)
    assert size in _PART_SIZES
    assert digest.etag().lower() == obs_etag(chunk * 52, size)


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(6))
@given(
    data=st.text("AB", max_size=9),
    there=st.text("AB", max_size=9),
    kind=st.sampled_from(["md5", "form", "Multipart", "Appendable"]),
    part=st.sampled_from([None, 3, 6, 8]),
    encrypted=st.booleans(),
)
def test_law1_a_deep_comparison_proves_no_differing_object_equal(data, there, kind, part, encrypted, count_schedule):
    with patch("oss_oms_sync.comparison.proof._PART_SIZES", (6, 8)):
        World.close_all()
        world = World.holding_copies(LANES="1")
        world.obs_bucket.is_encrypted = encrypted
        put(world, data, there, part, kind)
        class_name, _ = compare_deeply(world)
    if data != there:
        assert class_name != "equal_contents"
    elif not encrypted and (part != 3 or len(data) <= 3):
        assert class_name == "equal_contents"
    else:
        assert class_name != "overwritten"
    count_schedule("of compare", "what is read is called equal only if it is")


SIZE, CRC64 = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", "CRC64_COMPARISON_OVERWRITE"


@pytest.mark.parametrize(
    ("mode", "is_sent", "words"),
    [
        (
            SIZE,
            False,
            f"OMS skips resent objects in the mode {SIZE}, so overwrite the affected objects with an OMS task group",
        ),
        (None, False, "(python3 ops.py migrate --overwrite --prefix a --prefix b)"),
        ("NO_OVERWRITE", False, "delete each affected object in OBS, then compare again"),
        (CRC64, True, "python3 ops.py compare --deep --overwrite. OMS skips an object if one"),
        ("FULL_OVERWRITE", True, "python3 ops.py compare --deep --overwrite."),
    ],
)
def test_a_deep_comparison_submits_a_difference_only_if_oms_would_copy_it(world, mode, is_sent, words):
    # GIVEN a version that OMS has skipped, and another object of another size in OBS
    world.task.overwrite_mode = mode
    put(world, "version 2", "version 1")
    world.put_in_both("b", data="12", in_obs="123")

    # WHEN the objects are read, THEN the answer has the number of proven differences, and the remedy
    answer = world.compare(deep=True)
    overwritten, remedy = answer["classes"]["overwritten"], answer["remedies"]["overwritten"]
    assert overwritten["keys"] == ["a", "b"]
    assert overwritten["proven_different"] == 1
    assert world.accepted_keys() == set()
    for words_of_remedy in (words, "1 object has the same size"):
        assert words_of_remedy in remedy["en"]
    assert "有 1 个对象大小相同" in remedy["zh"]

    # AND with the option `overwrite` the object is submitted, if OMS would copy it
    world.compare(deep=True, overwrite=True)
    assert world.accepted_keys() == ({"a", "b"} if is_sent else {"b"})


def test_a_recheck_uses_the_results_of_a_new_read(world):
    # GIVEN unreadable objects: the first has different checksums, and the second counts as equal
    world.put_in_both("s", data="AB", in_obs="BA")
    put(world, "AABB", "AABB")
    world.source.fail(oss_error(403, "InvalidObjectState"), "get")

    def count_reads(**asked: bool) -> dict:
        """Run a comparison; return the non-zero counts of reading."""
        return {name: number for name, number in world.compare(**asked)["deep"].items() if number}

    unread = {"unreadable": 2, "keys": {"unreadable": ["a", "s"]}}
    assert count_reads(deep=True) == unread
    # WHEN they are rechecked, before and after they are readable, THEN each counts once, by its current state
    assert count_reads(deep=True, again=True) == unread
    world.source.heal()
    amended = {"unreadable": 1, "different": 1, "bytes": 2, "keys": {"unreadable": ["a"]}}
    assert count_reads(deep=True, again=True) == count_reads(look=True) == amended
    # AND the result stays if no object needs a read any more
    assert count_reads(deep=True, again=True) == amended
