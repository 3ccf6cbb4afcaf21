"""Threads that leave behind what does not return in time."""

from __future__ import annotations

import threading

import pytest

from oss_oms_sync.clouds.pool import CallPool


def test_results_are_in_the_order_of_the_calls():
    first_may_end = threading.Event()

    def first() -> str:
        first_may_end.wait()
        return "first"

    def second() -> str:
        first_may_end.set()
        return "second"

    assert CallPool().run([first, second], 60) == ["first", "second"]


def test_a_call_that_does_not_return_is_abandoned_and_holds_no_place():
    pool, never = CallPool(width=1), threading.Event()
    try:
        assert pool.run([never.wait], 0.01) == [None]
        assert pool.run([lambda: "next"], 60) == ["next"]
    finally:
        never.set()


def test_an_exception_of_a_call_is_raised():
    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        CallPool().run([fail], 60)


def test_a_call_runs_while_its_caller_does_something_else():
    may_end = threading.Event()

    def call() -> str:
        may_end.wait()
        return "done"

    begun = CallPool().begin(call, 60)
    may_end.set()
    assert begun.result() == "done"
    assert not begun.leave()


def test_a_call_that_is_left_before_its_turn_never_runs():
    pool, may_end, ran = CallPool(width=1), threading.Event(), []
    running = pool.begin(may_end.wait, 60)
    waiting = pool.begin(lambda: ran.append(1), 60)
    assert not waiting.leave()
    assert running.leave()
    may_end.set()
    assert pool.run([lambda: "next"], 60) == ["next"]
    assert not ran


def test_a_call_whose_turn_had_not_come_when_the_pool_was_left_behind_has_no_result():
    pool, never = CallPool(width=1), threading.Event()
    try:
        stuck, waiting = pool.begin(never.wait, 0.01), pool.begin(lambda: "never", 60)
        assert stuck.result() is None
        assert waiting.result() is None
        assert pool.run([lambda: "next"], 60) == ["next"]
    finally:
        never.set()


def test_a_timeout_that_a_call_raises_itself_is_raised():
    def fail() -> str:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        CallPool().run([fail], 60)
