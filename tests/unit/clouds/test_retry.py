"""The waits between attempts of a call, which are random or set by the server, and end before the deadline."""

from __future__ import annotations

import pytest

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.calls import Attempt, RetryBudget
from support.world import World


def get_untried() -> str:
    return "untried"


class Server:
    """A server with the same outcome for each call."""

    def __init__(self, **outcome) -> None:
        self.outcome = Attempt("failed", is_retryable=True, **outcome)
        self.calls = self.reconnects = 0

    def call(self) -> Attempt[str]:
        self.calls += 1
        return self.outcome

    def reconnect(self) -> None:
        self.reconnects += 1


def run_calls(server: Server, seconds: float = 60):
    clock = World().clock
    return RetryBudget(Deadline(seconds, clock), clock).run(server.call, server.reconnect, get_untried), clock.seconds


@pytest.fixture
def use_longest_waits(mocker):
    mocker.patch("random.uniform", side_effect=lambda low, high: high)


# The outcome of each attempt, the choice of the longest or shortest waits, their sum in seconds, and the attempts.
WAITS = {
    "doubled waits": ({}, max, 0.4 + 0.8 + 1.6 + 3.2, 5),
    "no wait by the lowest random number": ({}, min, 0, 5),
    "a wait of three seconds for throttling": ({"was_throttled": True}, max, 3.0, 5),
    "a wait of the seconds in Retry-After": ({"retry_after": 1.5}, min, 4 * 1.5, 5),
    "a random wait after the seconds in Retry-After": ({"retry_after": 1.5}, max, 4 * 1.9, 5),
    "short waits after a Retry-After of zero": ({"was_throttled": True, "retry_after": 0.0}, max, 4 * 0.4, 5),
    "a Retry-After over the limit for throttling": ({"was_throttled": True, "retry_after": 3.5}, max, 0, 1),
    "a Retry-After over the limit for other failures": ({"retry_after": 21.0}, max, 0, 1),
    "a Retry-After of the limit for throttling": ({"was_throttled": True, "retry_after": 3.0}, min, 3.0, 2),
    "one immediate attempt after a lost connection": ({"connection_lost": True}, max, 0.8 + 1.6 + 3.2, 5),
}


@pytest.mark.parametrize("what", WAITS)
def test_the_waits_between_attempts_of_a_call_are_random_and_limited(mocker, what):
    outcome, jitter, seconds, calls = WAITS[what]
    mocker.patch("random.uniform", side_effect=jitter)
    server = Server(**outcome)
    assert run_calls(server) == ("failed", pytest.approx(seconds))
    assert server.calls == calls
    assert server.reconnects == (calls if "connection_lost" in outcome else 0)


@pytest.mark.usefixtures("use_longest_waits")
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.9, 6.0])
def test_no_wait_between_attempts_ends_after_the_deadline(seconds):
    assert run_calls(Server(), seconds)[1] < seconds


def test_no_attempt_of_a_call_starts_after_the_deadline():
    server = Server()
    assert run_calls(server, 0.05)[0] == "untried"
    assert server.calls == 0


def test_a_call_is_not_retried_after_twenty_seconds_of_hanging_attempts():
    clock, calls = World().clock, []

    def hang() -> Attempt[str]:
        calls.append(clock.seconds)
        clock.sleep(10)
        return Attempt("late", is_retryable=True, connection_lost=True)

    RetryBudget(Deadline(100, clock), clock).run(hang, lambda: None, get_untried)
    assert calls == [0, 10]


@pytest.mark.usefixtures("use_longest_waits")
def test_a_throttled_call_is_not_retried_after_the_budget_is_used():
    clock, server = World().clock, Server(was_throttled=True)
    budget = RetryBudget(Deadline(60, clock), clock)
    for calls in (5, 6, 7, 8):
        budget.run(server.call, lambda: None, get_untried)
        assert server.calls == calls
        assert clock.seconds == pytest.approx(3.0)
