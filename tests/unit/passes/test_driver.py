"""The driver of passes: it begins, continues, wakes and waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.driver import Driver
from oss_oms_sync.passes.pieces import Kind, Pass, Piece, Scope, Wake
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.passes.work import RangeResult, Walk
from support.reconcile_world import ReconcileWorld
from support.world import HOUR

USUAL = Scope(KeyFilter(), None, everything=False)
PART = Scope(KeyFilter("a"), None, everything=True)
DAY = timedelta(days=1)
# A piece takes 120 seconds at most, and a minute later its worker counts as lost.
LOST = 181
NO_SPACE = Stopped(Stop.STORAGE, "there is no room")


class Walks:
    """Walks of ranges with prepared results: each range has a result by its end, by default `DONE`."""

    def __init__(self) -> None:
        self.kinds: dict[str, Piece] = {}
        self.began: list[tuple[str, str]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, pass_: Pass, start: Piece, open_ranges: int, seconds: float) -> RangeResult:
        if not seconds:
            return RangeResult(start)
        self.began.append((start.after, start.until))
        self.meanwhile()
        piece = self.kinds.get(start.until, Piece(Kind.DONE, after="z"))
        return RangeResult(
            replace(start, kind=piece.kind, after=piece.after, cut=piece.cut, stopped=piece.stopped, tally=piece.tally)
        )


@pytest.fixture
def walks() -> Walks:
    return Walks()


def driver(world: ReconcileWorld, walk: Walk, seconds: float = 570) -> Driver:
    world.advance(0.001)
    invocation = world.invocation(seconds)
    return Driver(invocation, PassStore(invocation, "reconcile"), walk)


def work(driver: Driver, how: str) -> tuple[PassState | None, Stopped | None]:
    return driver.handle_timer(USUAL, DAY) if how == "timer" else driver.handle_request(USUAL, restart=how == "restart")


def rests() -> Piece:
    return Piece(Kind.RESTING, stopped=NO_SPACE)


def split(world: ReconcileWorld, walks: Walks, scope: Scope = USUAL) -> Pass:
    """Return a pass with two halves that no worker has begun: (..., m] and (m, ...]."""
    walks.kinds[""] = Piece(Kind.SPLIT, cut="m")
    state, _ = driver(world, walks).begin(scope)
    del walks.kinds[""]
    walks.began.clear()
    return state.of


def at_work(world: ReconcileWorld, walks: Walks, *halves: str, later: float = 0) -> Pass:
    """Return a pass with workers on both halves, or on `halves`, `later` seconds after the last write."""
    pass_ = split(world, walks)
    world.advance(later)
    for name in halves or ("r0", "r1"):
        world.store.write_sign(pass_.name, name, 1)
    return pass_


def woken(world: ReconcileWorld) -> list[str]:
    """Return the ranges for which an object was written that wakes a worker."""
    return [name.split("/")[-2] for name in world.bucket.objects if "/wake-" in name]


# Begins.


def test_two_ticks_of_a_period_begin_the_same_pass(world, walks):
    # GIVEN a tick, which another overtakes
    first, second = driver(world, walks), driver(world, walks)
    world.clock.ahead = timedelta(hours=3)

    def overtake() -> None:
        walks.meanwhile = lambda: None
        world.clock.ahead = timedelta(hours=5)
        second.handle_timer(USUAL, DAY)

    walks.meanwhile = overtake
    first.handle_timer(USUAL, DAY)

    # THEN there is a single pass, named after the day
    assert len(walks.began) == 2
    (name,) = world.store.iter_names()
    assert name.endswith("-20260102T000000000000Z")


def test_a_pass_stores_the_last_ended_pass_of_its_scope(world, walks):
    ended, _ = driver(world, walks).begin(USUAL)
    walks.kinds[""] = rests()
    driver(world, walks).begin(USUAL)
    driver(world, walks).begin(PART)
    of, of_part = map(driver(world, walks).describe_pass, (USUAL, PART))
    assert of.before == ended.of.name
    assert of.before_started == ended.of.started
    assert of_part.before == ""


# Wakes.


def test_a_tick_does_not_work_on_a_range_that_has_a_worker(world, walks):
    at_work(world, walks, later=LOST - 10)
    world.advance(LOST - 10)
    driver(world, walks).handle_timer(USUAL, DAY)
    assert walks.began == []
    assert woken(world) == []
    world.advance(20)
    driver(world, walks).handle_timer(USUAL, DAY)
    assert walks.began


def test_a_tick_works_on_one_range_and_wakes_workers_for_others(world, walks):
    pass_ = split(world, walks)
    world.advance(LOST)
    state, stopped = driver(world, walks).handle_timer(USUAL, DAY)
    assert walks.began == [("", "m"), ("m", "")]
    assert woken(world) == ["r1"]
    assert state.of == pass_
    assert bool(state.ended)
    assert stopped is None


def test_a_tick_without_progress_wakes_no_worker_and_says_why(world, walks):
    split(world, walks)
    walks.kinds["m"] = rests()
    world.advance(LOST)
    state, stopped = driver(world, walks).handle_timer(USUAL, DAY)
    assert stopped == NO_SPACE
    assert not bool(state.ended)
    assert woken(world) == []
    assert len(walks.began) == 1


@pytest.mark.parametrize("how", ["timer", "by hand"])
def test_a_stuck_range_blocks_neither_ticks_nor_manual_calls_for_others(world, walks, how):
    split(world, walks)
    walks.kinds["m"] = rests()
    for _ in range(2):
        world.advance(LOST)
        _, stopped = work(driver(world, walks), how)
    assert world.passes()[0].ranges_done == 1
    assert stopped == NO_SPACE


def test_a_pass_at_its_limit_of_pieces_blocks_no_other_pass(world, walks, mocker):
    split(world, walks)
    world.advance(LOST)
    other = split(world, walks, PART)
    world.advance(LOST)
    goes_on = PassState.is_continuing.fget
    mocker.patch.object(PassState, "is_continuing", property(lambda state: state.of == other and goes_on(state)))
    driver(world, walks).handle_timer(USUAL, None)
    assert {pass_.of == other: bool(pass_.ended) for pass_ in world.passes()} == {True: True, False: False}


# Waits.


def listings(world: ReconcileWorld) -> Counter[str]:
    """Return a live count of the later listings: by the part of the log bucket, and by name for passes."""
    counter: Counter[str] = Counter()
    prefix = world.store.prefix

    def count(kind: str, names: Sequence[str]) -> None:
        if kind == "list":
            counter[names[0].removeprefix("oms_source_record/").partition("/")[0]] += 1
        # The search for names jumps from pass to pass.
        counter["each pass"] += kind == "find" and names[0] == prefix

    world.bucket.before = count
    return counter


def test_each_poll_of_a_waiting_call_makes_two_listings(world, walks):
    at_work(world, walks)
    counter, looks, sleep = listings(world), [0], world.clock.sleep

    def look(seconds: float) -> None:
        looks[0] += seconds > 0
        sleep(seconds)

    world.clock.sleep = look  # type: ignore[method-assign]
    driver(world, walks, seconds=170).handle_request(USUAL, restart=False)
    # The state of the pass is also read at the beginning and at the end.
    assert 50 < looks[0] == counter["working"] < counter["passes"] < looks[0] + 10


@pytest.mark.parametrize("how", ["by hand", "restart", "timer"])
def test_the_begin_of_a_pass_reads_the_other_passes_only_once(world, walks, how):
    driver(world, walks).begin(PART)
    world.advance(2 * HOUR)
    walks.kinds[""] = rests()
    counter = listings(world)
    state, _ = work(driver(world, walks), how)
    # The search for names begins at the front, and continues after the only pass.
    assert state.ended == ""
    assert counter["each pass"] == 2


def test_a_manual_call_does_all_work_without_other_workers(world, walks):
    split(world, walks)
    state, stopped = driver(world, walks).handle_request(USUAL, restart=False)
    assert bool(state.ended)
    assert stopped is None
    assert walks.began == [("", "m"), ("m", "")]


def test_a_manual_call_waits_for_other_workers(world, walks):
    # GIVEN a pass, and another instance that does a half of it a minute later
    pass_ = at_work(world, walks, "r0")
    began, sleep = world.clock.seconds, world.clock.sleep

    def meanwhile(seconds: float) -> None:
        sleep(seconds)
        if world.clock.seconds - began > 60:
            world.clock.sleep = sleep
            driver(world, Walks()).handle_event([Wake(pass_.name, "r0", 0)])

    world.clock.sleep = meanwhile  # type: ignore[method-assign]
    state, stopped = driver(world, walks).handle_request(USUAL, restart=False)

    # THEN the call did only the other half, and answers when the pass is done
    assert bool(state.ended)
    assert stopped is None
    assert walks.began == [("m", "")]
    assert 60 < world.clock.seconds - began < 70


def test_a_manual_call_answers_before_its_timeout(world, walks):
    # GIVEN a pass with a worker at all times
    at_work(world, walks)
    began = world.clock.seconds
    state, stopped = driver(world, walks, seconds=170).handle_request(USUAL, restart=False)
    assert not bool(state.ended)
    assert stopped == TIME_IS_UP
    assert walks.began == []
    assert 100 < world.clock.seconds - began < 115


def test_a_manual_call_takes_over_the_range_of_a_lost_worker(world, walks):
    at_work(world, walks)
    began = world.clock.seconds
    assert driver(world, walks).handle_request(USUAL, restart=False)[0].ended
    assert LOST - 2 < world.clock.seconds - began < LOST + 20


# Events.


def test_an_event_returns_the_last_piece_of_each_range_it_advanced(world, walks):
    pass_ = split(world, walks)
    done = driver(world, walks).handle_event([Wake(pass_.name, name, 0) for name in ("r0", "r1", "r")])
    assert done["pieces"] == {f"{pass_.name}/r0": "done", f"{pass_.name}/r1": "done"}


@pytest.mark.parametrize(("range_name", "number"), [("r", 0), ("r0", 0), ("r00", 0)])
def test_an_event_of_a_split_moved_or_missing_range_is_ignored(world, walks, range_name, number):
    pass_ = split(world, walks)
    walks.kinds["m"] = Piece(after="a")
    driver(world, walks).handle_event([Wake(pass_.name, "r0", 0)])
    walks.began.clear()
    assert driver(world, walks).handle_event([Wake(pass_.name, range_name, number)])["pieces"] == {}
    assert walks.began == []


# The total.


def counted(**counts: int) -> Piece:
    return Piece(Kind.DONE, after="z", tally=Tally(counts))


def test_a_total_without_new_objects_keeps_the_last_passs_count(world, walks):
    for counts, event_counts in (
        ({"scanned": 9, "new": 4, "new_missing": 3}, (4, 3)),
        ({"scanned": 9}, (4, 3)),
        ({"scanned": 9}, (4, 3)),
        ({"scanned": 9, "new": 1}, (1, 0)),
    ):
        walks.kinds[""] = counted(**counts)
        state, _ = driver(world, walks).begin(USUAL)
        assert [state.counts.get(name, 0) for name in ("scanned", "new", "new_missing")] == [9, *event_counts]
    walks.kinds[""] = counted(scanned=1)
    assert "new" not in driver(world, walks).begin(PART)[0].counts
