"""The laws of compare for any objects and events, also for events during a comparison.

An oracle that knows all versions computes the same object classes. Compare submits no object that is newer in OBS.
"""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.clock import parse_time
from support.law import schedules
from support.passes import limit_pages
from support.world import DAY, HOUR, MINUTE, PART, World
from unit.comparison.history_world import ComparisonResult, HistoryWorld, KeyState

LONG = "海" * 330
# Keys in another order in UTF-16, invalid file names, keys in OMS's folder, and a key too long for a record's name.
KEYS = ["a b", "a/x", "oms/sync_task/x", "oms/x", "\uffff", "🎉", LONG, "z\n+%2F"]

numbers = st.integers(0, 3)
data = st.sampled_from(["", "A", "AB", "BA", "AAAA", "AABB", "ABAB"])
kinds = st.sampled_from(["md5", "md5", "md5", "form", "Multipart", "Multipart", "Appendable", "Symlink"])
fates = st.sampled_from(["copied", "copied", "accepted", "refused", "pending", "lost"])
pauses = st.tuples(st.just("advance"), st.sampled_from([0, 0, 1, 70, 1000, 4000, DAY]))
short_pauses = st.tuples(st.just("advance"), st.sampled_from([1, 5, 20]))
jobs = st.one_of(
    st.tuples(st.sampled_from(["refuse_calls", "set_closed"]), st.booleans()),
    st.tuples(st.just("reconcile")),
    st.tuples(st.sampled_from(["compare", "compare_deep"])),
)


def make_events(used_keys: list[str]) -> st.SearchStrategy[tuple]:
    """Return a strategy for events of users, triggers and OMS that concern these keys."""
    keys = st.sampled_from(used_keys)
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


def make_histories(used_keys: list[str]) -> st.SearchStrategy[tuple[list[str], list[tuple], list[tuple]]]:
    """Return a strategy for keys, their history, and the events during the comparison."""
    written = st.tuples(*(st.tuples(st.just("put"), st.just(key), data, kinds, fates) for key in used_keys))
    # Without pauses, most changes are too young to be judged.
    later = st.lists(
        st.tuples(pauses, st.one_of(make_events(used_keys), make_events(used_keys), make_events(used_keys), jobs)),
        min_size=3,
        max_size=12,
    )
    during = st.lists(st.one_of(make_events(used_keys), make_events(used_keys), short_pauses), max_size=12)
    happened = st.tuples(written, later).map(lambda parts: [*parts[0], *chain.from_iterable(parts[1])])
    return st.tuples(st.just(used_keys), happened, during)


worlds = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True).flatmap(make_histories)


EQUAL = {"equal_contents", "equal_version", "equal_size"}
# Classes of objects that OMS or a job still has to copy.
UNFINISHED = {"moving", "failed_before", "in_flight", "missing", "older", "arriving"}

# The classes of the documents at a point in time, by the real versions.


def find_class(key: str, state: KeyState, listed: float, oldest_unfinished: float) -> str | None:
    source, there = state.source, state.there
    if source is None and there is None:
        return None
    if source is None:
        if key.startswith("oms/sync_task/"):
            return "oms_own"
        if there.written > listed - 15 * MINUTE:
            return "arriving"
        return "deleted_at_source" if state.accepted else "unknown"
    if source.is_link:
        return "impossible"
    if source.written > listed - 15 * MINUTE:
        return "moving"
    class_name = _find_class_of_both(state, oldest_unfinished)
    # A failed record may be written again each minute.
    return "moving" if _is_late(state, listed) and class_name not in {*EQUAL, "failed_before"} else class_name


def _is_late(state: KeyState, listed: float) -> bool:
    source, there = state.source, state.there
    times = [source.written, state.accepted and state.accepted[1], state.failed, there and there.written]
    return max(time for time in times if time is not None) > listed - MINUTE


def _find_class_of_both(state: KeyState, oldest_unfinished: float) -> str:
    source, there = state.source, state.there
    both_tell = there is not None and len(source.etag) == len(there.etag) == 32
    if both_tell and source.etag == there.etag:
        return "equal_contents"
    if state.failed is not None and state.failed >= source.written:
        return "failed_before"
    # OMS accepted this version after it was written.
    was_asked = state.accepted is not None and state.accepted[0] == source.etag and state.accepted[1] >= source.written
    is_lacking = there is None or there.written < source.written
    # OMS accepted the overwriting of an earlier object of another size.
    is_different = there is not None and len(there.data) != len(source.data)
    is_asked_for = is_lacking or (is_different and was_asked and there.written < state.accepted[1])
    if was_asked and state.accepted[1] >= oldest_unfinished and is_asked_for:
        return "in_flight"
    if is_lacking:
        return "missing" if there is None else "older"
    if len(there.data) != len(source.data):
        return "overwritten"
    if both_tell:
        return "suspicious"
    return "equal_version" if was_asked else "equal_size"


def list_possible_classes(
    key: str, states: list[KeyState], compared: ComparisonResult, *, has_read: bool
) -> set[str | None]:
    """Return the classes that a key may have, by its states during the comparison.

    A class that depends on the time of reading is computed for the earliest and the latest time. A class that depends
    on OMS's unfinished work is computed for each change of this work. `has_read` is True if a comparison has read
    objects.
    """
    times = [
        (listed, oldest_unfinished)
        for listed in (compared.began, compared.ended)
        for oldest_unfinished in compared.in_hand
    ]
    classes = {find_class(key, state, *time) for state in states for time in times}
    for state in states if has_read else ():
        if not (state.source and state.there and len(state.source.data) == len(state.there.data)):
            continue
        if state.source.data == state.there.data:
            classes.add("equal_contents")
        elif classes & {*EQUAL, "suspicious"}:
            # OMS may still overwrite an object that was proven to differ.
            is_late = any(_is_late(state, listed) for listed, _ in times)
            classes |= {"overwritten", "suspicious", "in_flight", *(["moving"] if is_late else [])}
        # The size of the parts may be unknown: then reading was in vain, and an object that OMS refuses can only be
        # accepted.
        if "failed_before" in classes and not state.there.is_md5:
            classes.add("suspicious")
    return classes


def check_classes(
    world: HistoryWorld, compared: ComparisonResult, *, overwrite: bool = False, closed: bool = False
) -> None:
    result = compared.result
    assert result["finished"] is True
    assert result["adds_up"] is True
    for key in world.keys:
        class_name, states = compared.class_of(key), compared.combinations(key)
        assert class_name in list_possible_classes(key, states, compared, has_read=world.has_read), (
            key,
            class_name,
            states,
        )
        if class_name == "equal_contents":
            assert any(state.source and state.there and state.source.data == state.there.data for state in states)
        if key in compared.sent:
            assert any(_may_be_sent(state, overwrite) for state in states), f"{key!r} is newer in OBS, and was sent"
    if closed:
        assert not compared.sent
        return
    wanted = {key for name in ("missing", "older") for key in result["classes"][name]["keys"]}
    if overwrite:
        # OMS would skip different objects of equal size.
        wanted.update(key for key in result["classes"]["overwritten"]["keys"] if _differs_in_size(compared, key))
    assert compared.sent == wanted
    assert result["submitted"] == len(wanted)
    assert result["accepted"] + result["failed"] == len(wanted)


def _may_be_sent(state: KeyState, overwrite: bool) -> bool:
    source, there = state.source, state.there
    if source is None or there is None:
        return source is not None
    return there.written < source.written or (overwrite and len(source.data) != len(there.data))


def _differs_in_size(compared: ComparisonResult, key: str) -> bool:
    (state,) = compared.combinations(key)
    return len(state.source.data) != len(state.there.data)


def check_watermark(world: HistoryWorld, compared: ComparisonResult) -> None:
    """Assert that all objects written before the watermark, and not deleted since, were in OBS."""
    watermark = parse_time(compared.result["watermark"]).timestamp()
    for key in world.keys:
        first, last = compared.states[key][0].source, compared.states[key][-1].source
        if first != last or first is None or first.is_link or first.written >= watermark:
            continue
        there = [state.there for state in compared.states[key] if state.there]
        arrived = [
            version for version in there if version.written >= first.written and len(version.data) == len(first.data)
        ]
        is_there = arrived or any(version.data == first.data for version in there)
        assert is_there, f"{key!r} was written before the watermark, and is not in OBS"


@pytest.fixture(autouse=True)
def use_tiny_parts_and_runs(mocker):
    """Set the size of parts of objects to two bytes instead of 50 MB, and of runs of keys to one key instead of 16."""
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    mocker.patch("oss_oms_sync.passes.listing.MIN_RUN_KEYS", 1)


def make_world(keys: list[str], happenings: list[tuple], lanes: int, *, closed: bool) -> HistoryWorld:
    World.close_all()
    world = HistoryWorld(keys, LANES=str(lanes))
    world.advance(HOUR)
    world.play(happenings)
    world.refuse_calls(False)
    world.bucket.add_mark(closed=closed)
    return world


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(3, few=15))
@given(
    tale=worlds,
    last=st.sampled_from([1, 70, 1000, 4000]),
    lanes=st.sampled_from([1, 3]),
    is_quiet=st.booleans(),
    overwrite=st.booleans(),
    closed=st.sampled_from([False, False, False, True]),
)
def test_law1_compare_assigns_the_class_of_an_oracle_to_each_object(
    tale, last, lanes, is_quiet, overwrite, closed, count_schedule
):
    with limit_pages(2):
        # GIVEN a world in which objects change during the comparison, or only before it
        happenings = [*tale[1], ("advance", last)] if is_quiet else tale[1]
        world = make_world(tale[0], happenings, lanes, closed=closed)
        world.oss.set_latency(listing=0.5)
        world.obs.round_trip = 0.5
        compared = world.compare_during([] if is_quiet else tale[2], overwrite=overwrite and is_quiet)
        check_classes(world, compared, overwrite=overwrite and is_quiet, closed=closed)
        check_watermark(world, compared)
        # THEN the counts of both buckets are those of a plain loop over their objects
        for side, bucket in (("source", world.source), ("destination", world.destination)) if is_quiet else ():
            sizes = [len(stored.body) for stored in bucket.objects.values()]
            assert compared.result[side]["objects"] == len(sizes)
            assert compared.result[side]["bytes"] == sum(sizes)
        # AND when no object changes any more
        world.bucket.add_mark(closed=False)
        world.oss.set_latency()
        world.obs.round_trip = 0
        for _ in range(4):
            before = world.task.acceptance_request
            world.copy_all()
            world.advance(HOUR)
            world.replay()
            world.reconcile()
            compared = world.compare_during()
            if world.task.acceptance_request == before:
                break  # the next passes would end equally
        check_classes(world, compared)
        assert compared.sent == set()
        assert UNFINISHED & {compared.class_of(key) for key in world.keys} == set()
    count_schedule("of compare", "each object is in a class that it had meanwhile, and at last nothing is sent")
