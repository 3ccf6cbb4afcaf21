"""Whatever happened to a world, and while compare reads it: the classes are what an oracle says that sees everything,
and nothing that is newer in OBS is sent."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.clock import parse_time
from support.compare_world import Compared, CompareWorld, Seen, pages_of
from support.law import schedules
from support.world import DAY, HOUR, MINUTE, PART

LONG = "海" * 330
# What the order of UTF-16 would turn round, what is no file's name, OMS's own folder, and a record that has no room.
KEYS = ["a b", "a/x", "oms/sync_task/x", "oms/x", "\uffff", "🎉", LONG, "z\n+%2F"]

numbers = st.integers(0, 3)
data = st.sampled_from(["", "A", "AB", "BA", "AAAA", "AABB", "ABAB"])
kinds = st.sampled_from(["md5", "md5", "md5", "form", "Multipart", "Multipart", "Appendable", "Symlink"])
fates = st.sampled_from(["copied", "copied", "accepted", "refused", "comes", "lost"])
pauses = st.tuples(st.just("later"), st.sampled_from([0, 0, 1, 70, 1000, 4000, DAY]))
short_pauses = st.tuples(st.just("later"), st.sampled_from([1, 5, 20]))
jobs = st.one_of(
    st.tuples(st.sampled_from(["oms_refuses", "shut"]), st.booleans()),
    st.tuples(st.just("reconcile")),
    st.tuples(st.sampled_from(["compare", "compare_deep"])),
)


def moves(some: list[str]) -> st.SearchStrategy[tuple]:
    """What users, events and OMS do to these keys."""
    keys = st.sampled_from(some)
    return st.one_of(
        st.tuples(st.just("put"), keys, data, kinds, fates),
        st.tuples(st.just("put"), keys, data, kinds, fates),
        st.tuples(st.just("write"), keys, data),
        st.tuples(st.just("write"), keys, data),
        st.tuples(st.sampled_from(["delete", "remove"]), keys),
        st.tuples(st.sampled_from(["deliver", "lose", "begin_copy", "begin_copy", "end_copy", "fail_copy"]), numbers),
        st.tuples(st.just("encrypt"), st.booleans()),
        st.tuples(st.sampled_from(["copy_all", "replay"])),
    )


def tales(some: list[str]) -> st.SearchStrategy[tuple[list[str], list[tuple], list[tuple]]]:
    """Keys, what happened to them, and what happens while they are compared."""
    written = st.tuples(*(st.tuples(st.just("put"), st.just(key), data, kinds, fates) for key in some))
    # Without time in between, most of what happens is too young to be judged.
    later = st.lists(st.tuples(pauses, st.one_of(moves(some), moves(some), moves(some), jobs)), min_size=3, max_size=12)
    during = st.lists(st.one_of(moves(some), moves(some), short_pauses), max_size=12)
    happened = st.tuples(written, later).map(lambda parts: [*parts[0], *chain.from_iterable(parts[1])])
    return st.tuples(st.just(some), happened, during)


worlds = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True).flatmap(tales)


EQUAL = {"equal_contents", "equal_version", "equal_size"}
ONLY_THERE = {"arriving", "oms_own", "deleted_at_source", "unknown"}

# The table of the documents, for one moment, by what the versions really are.


def class_at(key: str, seen: Seen, listed: float, in_hand: float) -> str | None:
    source, there = seen.source, seen.there
    if source is None and there is None:
        return None
    if source is None:
        if key.startswith("oms/sync_task/"):
            return "oms_own"
        if there.written > listed - 15 * MINUTE:
            return "arriving"
        return "deleted_at_source" if seen.accepted else "unknown"
    if source.is_link:
        return "impossible"
    if source.written > listed - 15 * MINUTE:
        return "moving"
    found = _class_of_both(seen, in_hand)
    # A failed record may be written anew each minute.
    return "moving" if _is_late(seen, listed) and found not in {*EQUAL, "failed_before"} else found


def _is_late(seen: Seen, listed: float) -> bool:
    source, there = seen.source, seen.there
    times = [source.written, seen.accepted and seen.accepted[1], seen.failed, there and there.written]
    return max(time for time in times if time is not None) > listed - MINUTE


def _class_of_both(seen: Seen, in_hand: float) -> str:
    source, there = seen.source, seen.there
    both_tell = there is not None and len(source.etag) == len(there.etag) == 32
    if both_tell and source.etag == there.etag:
        return "equal_contents"
    if seen.failed is not None and seen.failed >= source.written:
        return "failed_before"
    # OMS was asked for this version after it had been written.
    was_asked = seen.accepted is not None and seen.accepted[0] == source.etag and seen.accepted[1] >= source.written
    lacks = there is None or there.written < source.written
    # What is of another size, and was there before, OMS is to overwrite.
    differs = there is not None and len(there.data) != len(source.data)
    is_asked_for = lacks or (differs and was_asked and there.written < seen.accepted[1])
    if was_asked and seen.accepted[1] >= in_hand and is_asked_for:
        return "in_flight"
    if lacks:
        return "missing" if there is None else "older"
    if len(there.data) != len(source.data):
        return "overwritten"
    if both_tell:
        return "suspicious"
    return "equal_version" if was_asked else "equal_size"


def possible(key: str, seens: list[Seen], compared: Compared, *, has_read: bool) -> set[str | None]:
    """The classes that these moments allow. All that depends on the time of reading is judged by its earliest and its
    latest, and what OMS has in hand by each moment after which that is another; `has_read`: objects were read earlier,
    these perhaps."""
    times = [(listed, in_hand) for listed in (compared.began, compared.ended) for in_hand in compared.in_hand]
    found = {class_at(key, one, *time) for one in seens for time in times}
    for one in seens if has_read else ():
        if not (one.source and one.there and len(one.source.data) == len(one.there.data)):
            continue
        if one.source.data == one.there.data:
            found.add("equal_contents")
        elif found & {*EQUAL, "suspicious"}:
            # What was proven to differ may still be overwritten by OMS.
            is_late = any(_is_late(one, listed) for listed, _ in times)
            found |= {"overwritten", "suspicious", "in_flight", *(["moving"] if is_late else [])}
        # How the parts were cut nobody may know: then reading was in vain, and what OMS refuses can only be accepted.
        if "failed_before" in found and not one.there.is_md5:
            found.add("suspicious")
    return found


def check(world: CompareWorld, compared: Compared, *, overwrite: bool = False, closed: bool = False) -> None:
    result = compared.result
    assert (result["finished"], result["adds_up"]) == (True, True)
    for key in world.keys:
        found, seens = compared.class_of(key), compared.combinations(key)
        assert found in possible(key, seens, compared, has_read=world.has_read), (key, found, seens)
        if found == "equal_contents":
            assert any(one.source and one.there and one.source.data == one.there.data for one in seens)
        if key in compared.sent:
            assert any(_may_be_sent(one, overwrite) for one in seens), f"{key!r} is newer in OBS, and was sent"
    if closed:
        assert not compared.sent
        return
    wanted = {key for name in ("missing", "older") for key in result["classes"][name]["keys"]}
    if overwrite:
        # OMS would skip what differs in the same size.
        wanted.update(key for key in result["classes"]["overwritten"]["keys"] if _differs_in_size(compared, key))
    assert compared.sent == wanted
    assert (result["submitted"], result["accepted"] + result["failed"]) == (len(wanted), len(wanted))


def _may_be_sent(seen: Seen, overwrite: bool) -> bool:
    source, there = seen.source, seen.there
    if source is None or there is None:
        return source is not None
    return there.written < source.written or (overwrite and len(source.data) != len(there.data))


def _differs_in_size(compared: Compared, key: str) -> bool:
    (seen,) = compared.combinations(key)
    return len(seen.source.data) != len(seen.there.data)


def check_sums(world: CompareWorld, result: dict) -> None:
    """Both sides are what a plain loop finds in the buckets."""
    for side, bucket in (("source", world.source), ("destination", world.there)):
        sizes = [len(stored.body) for stored in bucket.objects.values()]
        assert (result[side]["objects"], result[side]["bytes"]) == (len(sizes), sum(sizes))


def check_watermark(world: CompareWorld, compared: Compared) -> None:
    """All that was written before it, and is still there, was in OBS."""
    watermark = parse_time(compared.result["watermark"]).timestamp()
    for key in world.keys:
        first, last = compared.seen[key][0].source, compared.seen[key][-1].source
        if first != last or first is None or first.is_link or first.written >= watermark:
            continue
        there = [one.there for one in compared.seen[key] if one.there]
        arrived = [
            version for version in there if version.written >= first.written and len(version.data) == len(first.data)
        ]
        is_there = arrived or any(version.data == first.data for version in there)
        assert is_there, f"{key!r} was written before the watermark, and is not in OBS"


@pytest.fixture(autouse=True)
def parts_of_two_bytes_and_runs_of_one_key(mocker):
    """In place of 50 MB, as this world's OMS writes them; and of 16 keys."""
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    mocker.patch("oss_oms_sync.passes.listing.WORTH_IT", 1)


lanes_of = st.sampled_from([1, 3])


def made(keys: list[str], happenings: list[tuple], lanes: int = 1, *, closed: bool = False) -> CompareWorld:
    CompareWorld.close_all()
    world = CompareWorld(keys, LANES=str(lanes))
    world.later(HOUR)
    world.play(happenings)
    world.oms_refuses(False)
    world.shut(closed)
    return world


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(6))
@given(
    tale=worlds,
    last=st.sampled_from([1, 70, 1000, 4000]),
    lanes=lanes_of,
    overwrite=st.sampled_from([False, False, False, True]),
    closed=st.sampled_from([False, False, False, True]),
)
def test_law1_in_a_world_that_stands_still_each_class_and_both_sums_are_what_an_oracle_sees(
    tale, last, lanes, overwrite, closed, count_schedule
):
    with pages_of(2):
        world = made(tale[0], [*tale[1], ("later", last)], lanes, closed=closed)
        compared = world.compared({"overwrite": True} if overwrite else None)
        check(world, compared, overwrite=overwrite, closed=closed)
        check_sums(world, compared.result)
        check_watermark(world, compared)
    count_schedule("of compare", "each object is in its class")


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(3))
@given(tale=worlds, lanes=lanes_of)
def test_in_each_interleaving_each_class_is_one_that_an_object_had_and_what_stands_still_settles(
    tale, lanes, count_schedule
):
    with pages_of(2):
        world = made(*tale[:2], lanes)
        # WHEN the world moves while it is read
        world.oss.latency(listing=0.5)
        world.obs.delay(500)
        compared = world.compared(during=tale[2])
        check(world, compared)
        check_watermark(world, compared)
        # AND then stands still
        world.oss.latency()
        world.obs.delay(0)
        for _ in range(4):
            before = world.task.acceptance_request
            world.copy_all()
            world.later(HOUR)
            world.replay()
            world.reconcile()
            compared = world.compared()
            if world.task.acceptance_request == before:
                break  # so would the next ones end
        assert not compared.sent
        for key in world.keys:
            (seen,) = compared.combinations(key)
            assert compared.class_of(key) in _settled(seen, has_read=world.has_read), (key, seen)
    count_schedule("of compare", "each class is one that an object had meanwhile, and at last nothing is sent")


def _settled(seen: Seen, *, has_read: bool) -> set[str | None]:
    """The classes that a key may have at the end."""
    source, there = seen.source, seen.there
    if source is None:
        return {None} if there is None else ONLY_THERE - {"arriving"}
    if source.is_link:
        return {"impossible"}
    # Somebody wrote in OBS, or OMS was late with another version: nobody may touch that unasked.
    if there and len(there.data) != len(source.data):
        return {"overwritten"}
    is_md5 = source.is_md5 and there is not None and there.is_md5
    if is_md5 and source.data == there.data:
        return {"equal_contents"}
    read = {"equal_contents" if there and source.data == there.data else "overwritten"} if has_read else set()
    return {"equal_version", "equal_size", "suspicious", *read}
