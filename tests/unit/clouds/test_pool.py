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
