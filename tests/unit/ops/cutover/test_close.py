"""Closing by hand and opening again: what is done, in which order, and what is said."""

from __future__ import annotations

import pytest

from support.ops import OPS, FakeCaller, Seen, a_pass, compared, sides

MADE = "2026-01-31T09:00:00Z"
GO = "oms_source_record/certificates/p/t/0007-20260131T090000Z-go.json"


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


def after_go(began="", typed=None, lang="en", **classes) -> Seen:
    """A closed project in which a GO stands, and what a comparison has seen that began then."""
    caller = FakeCaller(reconcile=a_pass())
    caller.mark = {"since": "2026-01-31T08:30:00Z", "by": "cutover", "why": "r", "run": "r"}
    caller.go_name = GO
    if began:
        caller.passes["compare"] = compared(classes, started=began)
    return Seen(caller, lang, typed)


OPENED = [
    ("certify", {"open": True}),
    ("certify", {"open": True, "after_go": True}),
    ("deploy", {"trigger": "oss-content"}),
    ("reconcile", {"restart": True}),
]


def test_open_after_a_go_lists_what_only_obs_has_and_asks(command):
    found = {"overwritten": sides(1, 1, "photos/a"), "unknown": sides(0, 2, "new"), "equal_size": sides(3, 3)}
    seen = after_go("2026-02-01T00:00:00Z", "yes\n", **found)
    assert (command(seen, "open"), seen.caller.asked) == (0, OPENED)
    assert "A GO stands (0007-20260131T090000Z-go.json): applications write to OBS." in seen.said
    assert seen.said.splitlines()[-5:] == [
        "The comparison of 2026-02-01T00:00:00Z found in OBS:",
        "  1 object (overwritten): 'photos/a'",
        "  2 objects (unknown origin): 'new'",
        "  3 objects of equal size, whose contents are not proven equal",
        "Type yes to open the project after a GO: The trigger is there, and a reconcile pass has begun.",
    ]


@pytest.mark.parametrize("began", ["", MADE])
def test_open_after_a_go_says_that_no_comparison_knows_what_applications_wrote(command, began):
    seen = after_go(began, "\n")
    assert (command(seen, "open"), seen.caller.asked) == (2, OPENED[:1])
    assert "No comparison has checked OBS since the GO, so it is unknown what applications wrote there." in seen.said
    assert f"submits nothing while the project is closed: {OPS} compare\n" in seen.said
    assert "The project stays closed" in seen.said


def test_open_after_a_go_needs_its_option_without_a_terminal(command):
    seen = after_go()
    assert (command(seen, "open"), seen.caller.asked) == (2, OPENED[:1])
    assert f"-> Without a terminal, pass --after-go: {OPS} open --after-go\n" in seen.said
    seen = after_go()
    assert (command(seen, "open", "--after-go"), seen.caller.asked) == (0, OPENED)


def test_close_after_a_go_promises_no_failed_records(command):
    seen = after_go()
    assert command(seen, "close") == 0
    assert seen.out.getvalue() == "It is closed.\n  The mark was read again two minutes after it was set.\n"


def test_a_close_that_is_stopped_names_no_step_that_opens(command):
    seen = after_go()
    seen.caller.meanwhile = lambda job: (_ for _ in ()).throw(KeyboardInterrupt) if seen.clock.seconds else None
    assert command(seen, "close") == 130
    assert "ops.py open" not in seen.said
