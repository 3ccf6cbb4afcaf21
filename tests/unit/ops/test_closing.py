"""Closing by hand and opening again: what is done, in which order, and what is said."""

from __future__ import annotations

import pytest

from support.ops import FakeCaller, Seen, a_pass


def test_close_sets_the_mark_waits_two_minutes_and_reads_it_again(command):
    seen = Seen(FakeCaller())
    looked_at: list[float] = []
    seen.caller.meanwhile = lambda job: looked_at.append(seen.clock.seconds)
    assert command(seen, "close") == 0
    assert (seen.caller.asked, looked_at) == ([("certify", {"close": True}), ("certify", {"look": True})], [0, 120])
    assert "closing: what was begun comes to its end, 1:00 to go" in seen.said
    assert seen.out.getvalue().startswith("It is closed.\n  The mark was read again two minutes after it was set.")


@pytest.mark.parametrize(
    ("times", "rounds", "code", "told"),
    [(1, 2, 0, "It is closed again"), (9, 3, 1, "The project does not stay closed")],
)
def test_a_late_write_that_opened_the_project_is_seen_and_undone_and_not_for_ever(command, times, rounds, code, told):
    seen = Seen(FakeCaller())
    seen.caller.opened_late = times
    assert (command(seen, "close"), told in seen.said) == (code, True)
    assert seen.caller.payloads("certify") == [{"close": True}, {"look": True}] * rounds


def test_since_the_mark_of_somebody_else_two_minutes_have_not_gone_by(command):
    seen = Seen(FakeCaller())

    def another(job: str) -> None:
        if seen.clock.seconds == 120:
            seen.caller.mark = {**seen.caller.mark, "since": "2026-01-31T09:01:59Z"}

    seen.caller.meanwhile = another
    assert (command(seen, "close"), "or closed it anew meanwhile" in seen.said) == (0, True)
    assert seen.caller.payloads("certify") == [{"close": True}, {"look": True}] * 2


def test_whoever_interrupts_the_two_minutes_is_told_that_the_project_is_closed(command):
    seen = Seen(FakeCaller())

    def interrupt(job: str) -> None:
        if seen.clock.seconds:
            raise KeyboardInterrupt

    seen.caller.meanwhile = interrupt
    assert command(seen, "close") == 130
    assert "Stopped.\nThe project is closed already, and what was begun before ends within two minutes." in seen.said


def test_open_opens_puts_the_trigger_back_and_begins_a_pass(command):
    seen = Seen(FakeCaller(reconcile=a_pass()))
    assert (command(seen, "open"), seen.out.getvalue()) == (0, "It is open.\n")
    assert seen.caller.asked == [
        ("certify", {"open": True}),
        ("deploy", {"trigger": "oss-content"}),
        ("reconcile", {"restart": True}),
    ]
