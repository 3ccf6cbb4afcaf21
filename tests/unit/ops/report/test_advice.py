"""The next command is about what the verdict is about."""

import pytest

from ops.report.advice import next_step
from ops.report.words import Words
from support.answers import answer


def set_verdict(state):
    return lambda given: given["verdict"].update(state=state)


def set_not_known(*overdue):
    return lambda given: given.update(overdue=list(overdue), verdict={"state": "not known"})


def nothing_waits(given):
    given["backlog"].update(failed=0, in_run_files=0, at_least=False)
    given["copying"]["failures"].update(waiting=0, stuck=0, unknown=0)


def all_well(given):
    nothing_waits(given)
    given["verdict"]["state"] = "in step"
    for name in ("missing", "older", "overwritten", "suspicious"):
        given["compare"]["last"]["classes"][name]["source"]["objects"] = 0


def but(*changes):
    """All is well but for this."""

    def change(given):
        all_well(given)
        for each in changes:
            each(given)

    return change


@pytest.mark.parametrize(
    ("change", "command"),
    [
        (set_verdict("closed"), "python ops.py open"),
        (set_verdict("broken"), "python ops.py doctor"),
        (set_verdict("no such state"), "python ops.py doctor"),
        (set_verdict("behind"), "python ops.py replay --key KEY"),
        (lambda given: given["copying"]["failures"].update(stuck=0), "python ops.py replay"),
        (but(lambda given: given["backlog"].update(unreadable_run_files=1)), "python ops.py reconcile"),
        (but(lambda given: given["backlog"].update(left_behind=[{"project": "old"}])), "python ops.py compare"),
        (but(lambda given: given["reconcile"]["last"].update(new=10, new_missing=6)), "python ops.py doctor"),
        (but(lambda given: given.update(oms={"problem": "FORBIDDEN"})), "python ops.py doctor"),
        (but(lambda given: given["copying"]["failures"].update(unknown=3)), "python ops.py replay"),
        (but(lambda given: given["copying"].update(failures=None)), "python ops.py replay"),
        (but(lambda given: given["copying"]["unfinished"].update(overdue=3)), "python ops.py status"),
        (but(lambda given: given["copying"]["unfinished"].update(overdue=None)), "python ops.py status"),
        (
            but(lambda given: given["compare"]["last"]["classes"]["older"]["source"].update(objects=1)),
            "python ops.py compare --again",
        ),
        (
            but(lambda given: given["compare"]["last"]["classes"]["suspicious"]["source"].update(objects=1)),
            "python ops.py compare --deep",
        ),
        (set_not_known("reconcile", "compare"), "python ops.py reconcile"),
        (set_not_known("compare"), "python ops.py compare"),
        (set_not_known(), "python ops.py doctor"),
        (but(set_verdict("behind")), "python ops.py reconcile"),
        (but(lambda given: given["compare"].update(last=None)), "python ops.py compare"),
        (all_well, "python ops.py cutover"),
    ],
)
def test_the_next_command_mends_what_is_wrong(change, command):
    given = answer("status")
    change(given)
    for language in ("en", "zh"):
        step = next_step(given, Words(language))
        assert step.command == command
        assert step.text
