"""The driver of passes, which begins passes, continues their ranges of keys, calls workers, and waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.driver import Driver
from oss_oms_sync.passes.pieces import Pass, Piece, PieceKind, RangeRequest, Scope
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.passes.work import ProcessRange, RangeResult
from support.world import HOUR, World

USUAL = Scope(KeyFilter(), None, everything=False)
PART = Scope(KeyFilter("a"), None, everything=True)
DAY = timedelta(days=1)
# A piece takes 120 seconds at most, and a minute later its worker counts as lost.
LOST = 181
NO_SPACE = Stopped(Stop.STORAGE, "there is no room")


class PreparedWalk:
    """A replacement for a job's work on ranges, with a prepared result for the end of each range, by default `DONE`."""

    def __init__(self) -> None:
        self.kinds: dict[str, Piece] = {}
        self.began: list[tuple[str, str]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, pass_: Pass, start: Piece, open_ranges: int, seconds: float) -> RangeResult:
        if not seconds:
            return RangeResult(start)
        self.began.append((start.after, start.until))
        self.meanwhile()
        piece = self.kinds.get(start.until, Piece(PieceKind.DONE, after="z"))
        return RangeResult(
            replace(start, kind=piece.kind, after=piece.after, cut=piece.cut, stopped=piece.stopped, tally=piece.tally)
        )


@pytest.fixture
def walk() -> PreparedWalk:
    return PreparedWalk()


def make_driver(world: World, walk: ProcessRange, seconds: float = 570) -> Driver:
    world.advance(0.001)
    invocation = world.invocation(seconds)
    return Driver(invocation, PassStore(invocation, "reconcile"), walk)


def call_driver(driver: Driver, how: str) -> tuple[PassState | None, Stopped | None]:
    return driver.handle_timer(USUAL, DAY) if how == "timer" else driver.handle_request(USUAL, restart=how == "restart")


def make_resting_piece() -> Piece:
    return Piece(PieceKind.RESTING, stopped=NO_SPACE)


def split_pass(world: World, walk: PreparedWalk, scope: Scope = USUAL) -> Pass:
    """Begin a pass, and return it with two halves that no worker has begun: (..., m] and (m, ...]."""
    walk.kinds[""] = Piece(PieceKind.SPLIT, cut="m")
    state, _ = make_driver(world, walk).begin(scope)
    del walk.kinds[""]
    walk.began.clear()
    return state.of


def begin_work(world: World, walk: PreparedWalk, *halves: str, later: float = 0) -> Pass:
    """Begin a pass, and return it with announcements of workers on `halves`, by default on both halves.

    The announcements are `later` seconds newer than the stored progress of the halves.
    """
    pass_ = split_pass(world, walk)
    world.advance(later)
    for name in halves or ("r0", "r1"):
        world.store.write_sign(pass_.name, name, 1)
    return pass_


def list_called_ranges(world: World) -> list[str]:
    """Return the ranges for which an object was written that calls a worker."""
    return [name.split("/")[-2] for name in world.bucket.objects if "/wake-" in name]


# Starts of passes.


def test_a_pass_stores_the_name_of_the_last_finished_pass_of_its_scope(world, walk):
    ended_state, _ = make_driver(world, walk).begin(USUAL)
    walk.kinds[""] = make_resting_piece()
    make_driver(world, walk).begin(USUAL)
    make_driver(world, walk).begin(PART)
    usual_pass, part_pass = map(make_driver(world, walk).describe_pass, (USUAL, PART))
    assert usual_pass.before == ended_state.of.name
    assert usual_pass.before_started == ended_state.of.started
    assert part_pass.before == ""


# Calls of workers.


def test_a_timer_call_leaves_a_range_to_its_worker(world, walk):
    begin_work(world, walk, later=LOST - 10)
    world.advance(LOST - 10)
    make_driver(world, walk).handle_timer(USUAL, DAY)
    assert walk.began == []
    assert list_called_ranges(world) == []
    world.advance(20)
    make_driver(world, walk).handle_timer(USUAL, DAY)
    assert walk.began


def test_a_timer_call_continues_a_range_and_calls_workers_for_others(world, walk):
    pass_ = split_pass(world, walk)
    world.advance(LOST)
    state, stopped = make_driver(world, walk).handle_timer(USUAL, DAY)
    assert walk.began == [("", "m"), ("m", "")]
    assert list_called_ranges(world) == ["r1"]
    assert state.of == pass_
    assert bool(state.ended)
    assert stopped is None


@pytest.mark.parametrize(("how", "called"), [("timer", [[], ["r0"]]), ("by hand", [[], []])])
def test_a_range_without_progress_does_not_block_the_other_ranges(world, walk, how, called):
    split_pass(world, walk)
    walk.kinds["m"] = make_resting_piece()
    for called_ranges in called:
        world.advance(LOST)
        state, stopped = call_driver(make_driver(world, walk), how)
        assert stopped == NO_SPACE
        assert not state.ended
        assert list_called_ranges(world) == called_ranges
    assert world.passes()[0].ranges_done == 1


def test_a_pass_that_reached_its_size_limit_blocks_no_other_pass(world, walk, mocker):
    split_pass(world, walk)
    world.advance(LOST)
    other_pass = split_pass(world, walk, PART)
    world.advance(LOST)
    is_continuing = PassState.is_continuing.fget
    mocker.patch.object(
        PassState, "is_continuing", property(lambda state: state.of == other_pass and is_continuing(state))
    )
    make_driver(world, walk).handle_timer(USUAL, None)
    assert {pass_.of == other_pass: bool(pass_.ended) for pass_ in world.passes()} == {True: True, False: False}


# Calls that wait.


def count_listings(world: World) -> Counter[str]:
    """Return a counter of later listings, by folder of the log bucket; "each pass" counts searches for passes."""
    counter: Counter[str] = Counter()
    prefix = world.store.prefix

    def count(kind: str, names: Sequence[str]) -> None:
        if kind == "list":
            counter[names[0].removeprefix("oms_source_record/").partition("/")[0]] += 1
        # The search for names jumps from pass to pass.
        counter["each pass"] += kind == "find" and names[0] == prefix

    world.bucket.before = count
    return counter


def test_a_call_that_waits_for_workers_makes_two_listings_for_each_check(world, walk):
    begin_work(world, walk)
    counter, looks, sleep = count_listings(world), [0], world.clock.sleep

    def sleep_and_count(seconds: float) -> None:
        looks[0] += seconds > 0
        sleep(seconds)

    world.clock.sleep = sleep_and_count  # type: ignore[method-assign]
    make_driver(world, walk, seconds=170).handle_request(USUAL, restart=False)
    # The state of the pass is also read at the beginning and at the end.
    assert 50 < looks[0] == counter["working"] < counter["passes"] < looks[0] + 10


@pytest.mark.parametrize("how", ["by hand", "restart", "timer"])
def test_the_start_of_a_pass_reads_the_other_stored_passes_only_once(world, walk, how):
    make_driver(world, walk).begin(PART)
    world.advance(2 * HOUR)
    walk.kinds[""] = make_resting_piece()
    counter = count_listings(world)
    state, _ = call_driver(make_driver(world, walk), how)
    # The search for names begins at the first name, and continues after the only pass.
    assert state.ended == ""
    assert counter["each pass"] == 2


def test_a_manual_call_waits_for_other_workers(world, walk):
    # GIVEN a pass, and another instance that does the work of a half a minute later
    pass_ = begin_work(world, walk, "r0")
    began, sleep = world.clock.seconds, world.clock.sleep

    def meanwhile(seconds: float) -> None:
        sleep(seconds)
        if world.clock.seconds - began > 60:
            world.clock.sleep = sleep
            make_driver(world, PreparedWalk()).handle_event([RangeRequest(pass_.name, "r0", 0)])

    world.clock.sleep = meanwhile  # type: ignore[method-assign]
    state, stopped = make_driver(world, walk).handle_request(USUAL, restart=False)

    # THEN the call did only the other half, and answers when the pass is done
    assert bool(state.ended)
    assert stopped is None
    assert walk.began == [("m", "")]
    assert 60 < world.clock.seconds - began < 70


def test_a_manual_call_answers_before_its_timeout(world, walk):
    # GIVEN a pass with a worker at all times
    begin_work(world, walk)
    began = world.clock.seconds
    state, stopped = make_driver(world, walk, seconds=170).handle_request(USUAL, restart=False)
    assert not bool(state.ended)
    assert stopped == TIME_IS_UP
    assert walk.began == []
    assert 100 < world.clock.seconds - began < 115


def test_a_manual_call_takes_over_the_range_of_a_lost_worker(world, walk):
    begin_work(world, walk)
    began = world.clock.seconds
    assert make_driver(world, walk).handle_request(USUAL, restart=False)[0].ended
    assert LOST - 2 < world.clock.seconds - began < LOST + 20


# Events.


def test_an_event_returns_the_progress_of_each_range_that_it_continued(world, walk):
    pass_ = split_pass(world, walk)
    answer = make_driver(world, walk).handle_event([RangeRequest(pass_.name, name, 0) for name in ("r0", "r1", "r")])
    assert answer["pieces"] == {f"{pass_.name}/r0": "done", f"{pass_.name}/r1": "done"}


@pytest.mark.parametrize(("range_name", "number"), [("r", 0), ("r0", 0), ("r00", 0)])
def test_a_worker_ignores_an_event_for_outdated_or_missing_progress(world, walk, range_name, number):
    pass_ = split_pass(world, walk)
    walk.kinds["m"] = Piece(after="a")
    make_driver(world, walk).handle_event([RangeRequest(pass_.name, "r0", 0)])
    walk.began.clear()
    assert make_driver(world, walk).handle_event([RangeRequest(pass_.name, range_name, number)])["pieces"] == {}
    assert walk.began == []


# The total.


def make_counted_piece(**counts: int) -> Piece:
    return Piece(PieceKind.DONE, after="z", tally=Tally(counts))


def test_a_pass_without_new_objects_keeps_the_counts_of_the_last_pass(world, walk):
    for counts, event_counts in (
        ({"scanned": 9, "new": 4, "new_missing": 3}, (4, 3)),
        ({"scanned": 9}, (4, 3)),
        ({"scanned": 9}, (4, 3)),
        ({"scanned": 9, "new": 1}, (1, 0)),
    ):
        walk.kinds[""] = make_counted_piece(**counts)
        state, _ = make_driver(world, walk).begin(USUAL)
        assert [state.counts.get(name, 0) for name in ("scanned", "new", "new_missing")] == [9, *event_counts]
    walk.kinds[""] = make_counted_piece(scanned=1)
    assert "new" not in make_driver(world, walk).begin(PART)[0].counts
