"""Waiting: full jitter, the server's hint, throttling's own budget, never past the deadline."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.retry import Attempt, RetryBudget
from support.world import World

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
IF_NOT_ATTEMPTED = "untried"


class Server:
    """Gives the same outcome for ever."""

    def __init__(self, **outcome) -> None:
        self.outcome = Attempt("failed", again=True, **outcome)
        self.calls = self.reconnects = 0

    def call(self) -> Attempt[str]:
        self.calls += 1
        return self.outcome

    def reconnect(self) -> None:
        self.reconnects += 1


def try_on(server: Server, seconds: float = 60, budget: RetryBudget | None = None):
    clock = World().clock
    budget = budget or RetryBudget(Deadline(seconds, clock), clock)
    return budget.run(server.call, server.reconnect, IF_NOT_ATTEMPTED), clock.seconds


@pytest.fixture
def longest_waits(mocker):
    mocker.patch("random.uniform", side_effect=lambda low, high: high)


@pytest.fixture
def shortest_waits(mocker):
    mocker.patch("random.uniform", side_effect=lambda low, high: low)


@pytest.mark.usefixtures("longest_waits")
def test_waits_double():
    server = Server()
    assert try_on(server) == ("failed", pytest.approx(0.4 + 0.8 + 1.6 + 3.2))
    assert server.calls == 5


@pytest.mark.usefixtures("shortest_waits")
def test_full_jitter_may_not_wait_at_all():
    assert try_on(Server())[1] == 0


@pytest.mark.usefixtures("longest_waits")
def test_throttling_is_waited_out_for_three_seconds():
    server = Server(throttled=True)
    assert try_on(server)[1] == pytest.approx(3.0)


@pytest.mark.usefixtures("longest_waits")
def test_throttling_budget_is_one_for_the_whole_job():
    clock = World().clock
    budget = RetryBudget(Deadline(60, clock), clock)
    for _ in range(5):
        budget.run(Server(throttled=True).call, lambda: None, IF_NOT_ATTEMPTED)
    assert clock.seconds == pytest.approx(3.0)


@pytest.mark.usefixtures("shortest_waits")
def test_retry_after_wins():
    assert try_on(Server(retry_after=1.5))[1] == pytest.approx(4 * 1.5)


@pytest.mark.usefixtures("longest_waits")
def test_not_all_instances_come_back_at_the_very_moment_that_retry_after_names():
    assert try_on(Server(retry_after=1.5))[1] == pytest.approx(4 * 1.9)


@pytest.mark.usefixtures("longest_waits")
def test_a_retry_after_of_zero_is_neither_hammered_nor_waited_for_ever():
    server = Server(throttled=True, retry_after=0.0)
    assert try_on(server)[1] == pytest.approx(4 * 0.4)
    assert server.calls == 5


@pytest.mark.parametrize(("throttled", "hint"), [(True, 3.5), (False, 21.0)])
def test_a_retry_after_beyond_the_budget_is_not_waited_for(throttled, hint):
    server = Server(throttled=throttled, retry_after=hint)
    assert try_on(server)[1] == 0
    assert server.calls == 1


@pytest.mark.usefixtures("shortest_waits")
def test_a_retry_after_of_just_throttlings_budget_is_waited_for():
    server = Server(throttled=True, retry_after=3.0)
    assert try_on(server)[1] == 3.0
    assert server.calls == 2


@pytest.mark.usefixtures("longest_waits")
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.9, 6.0])
def test_no_wait_ends_past_the_deadline(seconds):
    assert try_on(Server(), seconds)[1] < seconds


def test_nothing_is_attempted_after_the_deadline():
    server = Server()
    assert try_on(server, 0.05)[0] == "untried"
    assert server.calls == 0


@pytest.mark.usefixtures("longest_waits")
def test_a_lost_connection_is_retried_at_once_and_only_once_so():
    server = Server(connection_lost=True)
    assert try_on(server)[1] == pytest.approx(0.8 + 1.6 + 3.2)
    assert server.reconnects == server.calls == 5


def test_the_budget_ends_after_twenty_seconds_of_hanging_calls():
    clock = World().clock
    calls = []

    def hang() -> Attempt[str]:
        calls.append(clock.seconds)
        clock.sleep(10)
        return Attempt("late", again=True, connection_lost=True)

    RetryBudget(Deadline(100, clock), clock).run(hang, lambda: None, IF_NOT_ATTEMPTED)
    assert calls == [0, 10]


@pytest.mark.usefixtures("longest_waits")
def test_once_throttlings_budget_is_used_up_each_call_is_made_once():
    clock = World().clock
    budget = RetryBudget(Deadline(60, clock), clock)
    budget.run(Server(throttled=True).call, lambda: None, IF_NOT_ATTEMPTED)
    server = Server(throttled=True)
    for calls in (1, 2, 3):
        budget.run(server.call, lambda: None, IF_NOT_ATTEMPTED)
        assert server.calls == calls
