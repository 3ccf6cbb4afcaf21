"""The law of passes: each pass ends and counts each object once, after any faults of workers and any loss of events."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.passes.store import PassStore
from support.law import schedules
from support.world import DAY
from unit.passes.pass_world import pass_world

FindNextKey = Callable[[str], str | None]
KEYS = [f"{letter}{number}" for number in range(4) for letter in "abc"]


def find_middle_key(first: str, until: str, marks: object, find_next_key: FindNextKey) -> str | None:
    """Return the key in the middle of a range, so that it splits as often as possible."""
    keys = [first]
    while (key := find_next_key(keys[-1])) is not None:
        keys.append(key)
    return keys[(len(keys) - 1) // 2] if len(keys) > 1 else None


def find_foreign_cut(first: str, until: str, marks: object, find_next_key: FindNextKey) -> str | None:
    """Return a key outside most ranges as the key at which to split a range; outdated marks can cause such a cut."""
    return "b2"


numbers, steps = st.integers(0, 20), st.integers(0, 80) | st.just(10**6)
workers = st.one_of(
    st.tuples(st.just("event"), numbers, steps),
    st.tuples(st.just("event"), numbers, steps),
    st.tuples(st.just("fire_timer"), steps),
    st.tuples(st.just("by_hand"), numbers, steps),
    st.tuples(st.just("run"), numbers, steps),
    st.tuples(st.just("run"), numbers, steps),
    st.tuples(st.sampled_from(["die", "lose", "double"]), numbers),
    st.tuples(st.just("next_put"), st.sampled_from(["late", "unanswered"])),
    st.tuples(st.just("advance"), st.sampled_from([1, 70, 300, 4000])),
    st.tuples(st.just("oms_down"), st.booleans()),
    st.tuples(st.just("land")),
)
changes = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(["source", "filter", "classes"])),
    st.tuples(st.just("add"), st.sampled_from(["a1x", "b2x", "d"])),
    st.tuples(st.just("remove"), numbers),
)
letters = st.text("abc", min_size=1, max_size=3)
some_keys = st.tuples(letters, st.integers(0, 40)).map(lambda drawn: f"{drawn[0]}{drawn[1]:02}")


def key_sets(at_least: int) -> st.SearchStrategy[list[str]]:
    return st.lists(some_keys, min_size=at_least, max_size=20, unique=True).map(sorted)


# Keys, and a function that replaces the search for a cut, or None for the real search, which needs more keys.
spaces = st.one_of(
    st.tuples(key_sets(15), st.none()),
    st.tuples(key_sets(5), st.sampled_from([find_middle_key, find_middle_key, find_foreign_cut])),
)


# In a third of the tales, settings and objects change as well; in another third, the log bucket gets versioning.
VERSIONING = ("versioning",)
tales = st.one_of(
    st.lists(workers, max_size=25),
    st.lists(workers | workers | workers | changes, max_size=25),
    st.tuples(st.lists(workers, max_size=15), st.lists(workers, max_size=15)).map(
        lambda both: [*both[0], VERSIONING, *both[1]]
    ),
)


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(3, few=15))
@given(
    space=spaces,
    lanes=st.integers(1, 4),
    page=st.integers(2, 5),
    happenings=tales,
    events=st.booleans(),
    has_marks=st.booleans(),
)
def test_law1_each_interleaving_of_workers_counts_each_object_once(
    space, lanes, page, happenings, events, has_marks, count_schedule
):
    has_versions = VERSIONING in happenings
    # The second source bucket has half of the keys.
    buckets = {"photos": space[0], "other": space[0][: len(space[0]) // 2]}
    with pass_world(buckets, lanes, page, space[1]) as world:
        if has_marks:
            assert world.finish(events)
            world.advance(DAY)
        world.play(happenings)
        world.check()
        # With versioning, a pass need not end, but it must not count wrongly.
        ends = world.finish(events, ticks=8 if has_versions else 80)
        world.check()
        assert has_versions or ends, "it does not come to its end"
        assert has_versions or not world.unrecorded()
    count_schedule("of passes", "every total is right, and every object covered, accepted or recorded")


# Two wrong variants of the protocol, and two timer calls that would split the first range at different keys.


def make_differing_cuts() -> Callable[..., str | None]:
    """Return a function that gives the first two workers different keys at which to split, and later workers None."""
    cut_at = itertools.chain(["a2", "c0"], itertools.repeat(None))
    return lambda first, until, marks, find_next_key: next(cut_at)


def play_two_timer_calls(*, dies: bool) -> tuple[bool, bool]:
    """Let two timer calls begin the same pass; return True if the pass ended, and True if all totals were right.

    The first call stops before it writes the first object of the pass. The second call writes this object; if `dies` is
    True, the second call is killed between its writes for the two halves. Then the first call continues.
    """
    with pass_world({"photos": KEYS}, 2, 3, make_differing_cuts()) as world:
        world.fire_timer(stops_before="/r/0000")
        world.fire_timer(stops_before="/r1/0000" if dies else "")
        if dies:
            world.die(1)
        else:
            world.event(1)
        world.run(0)
        ended = world.finish(events=True, ticks=8)
        try:
            world.check()
        except AssertionError:
            return ended, False
        return ended, True


def write_own_copy(store: PassStore, pass_name: str, range_name: str, number: int, piece: object) -> object:
    """Write the worker's own object and return it, without reading an object that another worker has stored."""
    store._write_once(f"{pass_name}/{range_name}/{number:04}", to_json(piece))
    return piece


WRITTEN_AGAIN = {"target": "oss_oms_sync.ledger.state._FORBID_OVERWRITE", "new": {}}
OWN_COPY = {"target": "oss_oms_sync.passes.store.PassStore.write_piece", "new": write_own_copy}
NO_PROOF = [
    {"target": f"oss_oms_sync.passes.{module}.have_all_keys", "new": lambda pieces: True}
    for module in ("work", "store")
]


@pytest.mark.long
@pytest.mark.parametrize(("variant", "dies"), [(WRITTEN_AGAIN, False), (OWN_COPY, True)])
def test_this_test_detects_wrong_variants_of_the_protocol_of_passes(variant, dies):
    with patch(**variant), patch(**NO_PROOF[0]), patch(**NO_PROOF[1]):
        assert play_two_timer_calls(dies=dies) == (True, False)
    # A pass that stopped is followed by another, which counts correctly.
    with patch(**variant):
        assert play_two_timer_calls(dies=dies) == (True, True)
    assert play_two_timer_calls(dies=dies) == (True, True)
