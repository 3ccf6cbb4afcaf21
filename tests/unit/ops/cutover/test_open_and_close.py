"""The commands `ops.py close` and `ops.py open`: their steps, their order, and their messages."""

from __future__ import annotations

import pytest

from support.ops import OPS, Console, FakeCaller, compare_answer, make_class_counts, missing_parts, pass_answer

GO_TIME = "2026-01-31T09:00:00Z"


def test_the_command_close_writes_the_mark_and_reads_it_two_minutes_later(command):
    console = Console(FakeCaller())
    looked_at: list[float] = []
    console.caller.meanwhile = lambda job: looked_at.append(console.clock.seconds)
    assert command(console, "close") == 0
    assert console.caller.asked == [("certify", {"close": True}), ("certify", {"look": True})]
    assert looked_at == [0, 120]
    assert "closing the project: 1:00 left until earlier submissions have ended" in console.messages
    assert console.out.getvalue().startswith(
        "It is closed.\n  The mark that closes the project was still present two minutes after it was written."
    )


@pytest.mark.parametrize(
    ("times", "rounds", "code", "message"),
    [
        (1, 2, 0, "another command opened or closed the project"),
        (9, 3, 1, "The project does not stay closed, because another command opens it"),
    ],
)
def test_the_command_close_repeats_the_mark_if_a_late_write_replaces_it(command, times, rounds, code, message):
    console = Console(FakeCaller())
    console.caller.opened_late = times
    assert command(console, "close") == code
    assert message in console.messages
    assert console.caller.payloads("certify") == [{"close": True}, {"look": True}] * rounds


def test_the_command_close_waits_again_after_another_caller_closed(command):
    console = Console(FakeCaller())

    def another(job: str) -> None:
        if console.clock.seconds == 120:
            console.caller.mark = {**console.caller.mark, "since": "2026-01-31T09:01:59Z"}

    console.caller.meanwhile = another
    assert command(console, "close") == 0
    assert "another command opened or closed the project" in console.messages
    assert console.caller.payloads("certify") == [{"close": True}, {"look": True}] * 2


def test_the_command_open_restores_the_trigger_and_starts_reconcile(command):
    console = Console(FakeCaller(reconcile=pass_answer()))
    assert command(console, "open") == 0
    assert console.out.getvalue() == "It is open.\n"
    assert console.caller.asked == [
        ("certify", {"open": True}),
        ("deploy", {"trigger": "oss-content"}),
        ("reconcile", {"restart": True}),
    ]


def session_after_go(began="", typed=None, **classes) -> Console:
    """Return a console for a project that is closed after a GO.

    `began` is the start of the project's last comparison; "" stands for a project without a comparison.
    """
    caller = FakeCaller(reconcile=pass_answer())
    caller.mark = {"since": "2026-01-31T08:30:00Z", "by": "cutover", "why": "r", "run": "r"}
    caller.go_name = "oms_source_record/certificates/p/t/0007-20260131T090000Z-go.json"
    caller.passes |= {"compare": compare_answer(classes, started=began)} if began else {}
    return Console(caller, typed=typed)


OPENING_CALLS = [
    ("certify", {"open": True}),
    ("certify", {"open": True, "after_go": True}),
    ("deploy", {"trigger": "oss-content"}),
    ("reconcile", {"restart": True}),
]


def test_the_command_open_after_a_go_lists_objects_that_change_and_asks(command):
    classes = {
        "overwritten": make_class_counts(1, 1, "photos/a"),
        "older": make_class_counts(1, 1, "photos/b"),
        "unknown": make_class_counts(0, 2, "new"),
        "equal_size": make_class_counts(3, 3),
    }
    console = session_after_go("2026-02-01T00:00:00Z", "yes\n", **classes)
    assert command(console, "open") == 0
    assert console.caller.asked == OPENING_CALLS
    assert "A GO is in effect (0007-20260131T090000Z-go.json): applications write to OBS." in console.messages
    assert console.messages.splitlines()[-6:] == [
        "The comparison that began at 2026-02-01T00:00:00Z found in OBS:",
        "  1 object (overwritten): 'photos/a'",
        "  1 object (older): 'photos/b'",
        "  2 objects (unknown origin): 'new'",
        "  3 objects of equal size whose contents are not proven equal",
        "Type yes to open the project after a GO: The trigger of forward exists, and a reconcile pass has begun.",
    ]


@pytest.mark.parametrize("began", ["", GO_TIME])
def test_the_command_open_after_a_go_says_that_no_comparison_checked_obs(command, began):
    console = session_after_go(began, "\n")
    assert command(console, "open") == 2
    assert console.caller.asked == OPENING_CALLS[:1]
    expected = (
        "No comparison has checked OBS since the GO, so it is unknown which objects applications have written to OBS.",
        "nothing is submitted while the project is closed):",
        f"{OPS} compare\n",
        "The project stays closed",
    )
    assert missing_parts(console.messages, *expected) == []


def test_the_command_open_after_a_go_needs_an_option_without_a_terminal(command):
    console = session_after_go()
    assert command(console, "open") == 2
    assert console.caller.asked == OPENING_CALLS[:1]
    assert f"-> Without a terminal, pass --after-go: {OPS} open --after-go\n" in console.messages
    console = session_after_go()
    assert command(console, "open", "--after-go") == 0
    assert console.caller.asked == OPENING_CALLS


def test_a_close_after_a_go_does_not_mention_failed_records(command):
    console = session_after_go()
    assert command(console, "close") == 0
    read_back = "  The mark that closes the project was still present two minutes after it was written.\n"
    assert console.out.getvalue() == f"It is closed.\n{read_back}"


def test_an_interrupted_close_says_that_the_project_is_closed(command):
    console = session_after_go()
    console.caller.meanwhile = lambda job: (_ for _ in ()).throw(KeyboardInterrupt) if console.clock.seconds else None
    assert command(console, "close") == 130
    assert (
        "The command was stopped.\nThe project is closed; earlier submissions end within two minutes."
        in console.messages
    )
    assert "ops.py open" not in console.messages
