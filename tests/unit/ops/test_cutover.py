"""A cutover: its steps, in their order, and what becomes of each, and of the project."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from ops import cutover
from ops.cutover import Cutover, Plan
from ops.errors import CloudError, FunctionError, ToolError
from oss_oms_sync.answers.text import Text
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS, CUTOVER_SECONDS
from support.certify_world import CertifyWorld, check
from support.ops import (
    NASTY,
    NO_PASS,
    NOW,
    OPS,
    REPLAYED,
    SET_UP_RIGHT,
    FakeCaller,
    Seen,
    a_pass,
    compared,
    open_compare,
    sides,
)
from unit.ops.certificates import a_sample, certificate, rehearsal
from unit.ops.certificates import check as a_check

FROZEN = NOW - timedelta(hours=1)
FROZEN_TEXT, NOW_TEXT = "2026-01-31T08:00:00Z", "2026-01-31T09:00:00Z"
SINCE = {"cutover": True, "frozen_since": FROZEN_TEXT}
WORDS = ("--frozen-since", FROZEN_TEXT, "--close")


def world(**answers) -> Seen:
    """One in which all goes well, but for what is given."""
    well = {"doctor": SET_UP_RIGHT, "replay": REPLAYED, "compare": compared(), "reconcile": a_pass()}
    return Seen(FakeCaller(**{**well, "certify": certificate(), **answers}))


def run(seen: Seen, **plan) -> dict:
    return Cutover(seen.session, Plan(FROZEN, **{"close": True, **plan})).run()


def asked(seen: Seen, job: str) -> list[dict]:
    """What a job was asked, without the id of the run."""
    payloads = [
        {name: one for name, one in each.items() if name != "run"} for each in seen.session.caller.payloads(job)
    ]
    return payloads if job != "compare" else [one for one in payloads if "standstill" not in one]


def test_what_is_settled_and_what_is_late_are_the_same_in_both_worlds():
    assert cutover.SETTLED.total_seconds() == CUTOVER_SECONDS
    assert cutover.CLOCKS.total_seconds() == CLOCKS_SECONDS


def test_the_steps_are_taken_in_their_order_and_each_says_how_it_ended():
    seen = world()
    caller = seen.session.caller
    caller.checks.appendleft([waiting("OMS is busy")])
    assert run(seen) == certificate()
    (mark,) = {one["run"] for _, one in caller.asked if "run" in one}
    assert caller.asked == [
        ("certify", {"look": True, "frozen_since": FROZEN_TEXT}),
        ("doctor", {}),
        ("replay", {}),
        ("compare", {"cutover": True, "restart": True}),
        ("compare", {**SINCE, "again": True, "run": mark}),
        ("certify", {"close": True, "run": mark}),
        ("certify", {"look": True, "frozen_since": FROZEN_TEXT}),
        *[("certify", {"frozen_since": FROZEN_TEXT, "look": True, "run": mark})] * 2,
        ("compare", {"standstill": True, "restart": True}),
        ("certify", {"frozen_since": FROZEN_TEXT, "run": mark}),
    ]
    assert [line for line in seen.said.splitlines() if "to go" not in line and "Asked again" not in line] == [
        "1. Look whether all is set up right …",
        "   done",
        "2. Send again what failed …",
        "   done: taken 0, accepted 0, failed again 0, needless by now 0, left 0",
        "3. Let the last writes settle …",
        "   done: the source is frozen since 2026-01-31T08:00:00Z",
        "4. Compare both buckets …",
        "   done: 1,000 objects in the source, 1,000 in OBS",
        "5. Judge again what was on its way …",
        "   done: nothing was on its way",
        "6. Close the project, so that nothing is sent any more …",
        "   done: closed since 2026-01-31T09:00:00Z",
        "7. Wait until OMS has finished …",
        "   done",
        "8. Show that both buckets stand still …",
        "   done",
        "Certify …",
    ]
    # Two minutes for what was begun, one until OMS is asked again, and a second.
    assert seen.clock.seconds == 120 + 60 + 1


def test_what_is_set_up_wrong_ends_it_before_anything_is_waited_for(command):
    fault = {
        "state": "fault",
        "name": "key",
        "name_zh": "密钥",
        "seen": "revoked",
        "seen_zh": "已失效",
        "fix": "F",
        "fix_zh": "F",
    }
    report = {"ok": False, "checks": [fault], "text": "Setup has faults", "text_zh": "有误"}
    seen = world(doctor=report)
    assert command(seen, "cutover", "--frozen-since", "now", "--close") == 1
    assert "  fault: key: revoked\n      -> F\nThe cutover ends before it begins" in seen.said
    assert (seen.clock.seconds, asked(seen, "replay")) == (0, [])


def test_a_young_freeze_is_waited_for_with_a_countdown(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    seen = Seen(world().session.caller, typed="")
    asked_at: list = []
    seen.session.caller.meanwhile = lambda job: asked_at.append((job, seen.clock.seconds))
    Cutover(seen.session, Plan(NOW - timedelta(minutes=1), close=True)).run()
    assert dict(asked_at)["replay"] == 0
    assert dict(reversed(asked_at))["compare"] == 240
    assert "waiting until 2026-01-31T09:04:00Z, 4:00 to go" in seen.said
    assert "waiting until 2026-01-31T09:04:00Z, 0:01 to go" in seen.said


def test_in_the_sandbox_the_time_goes_by_at_once():
    seen = world()
    passed: list = []
    seen.session.caller.let_pass = lambda seconds: passed.append(seconds) or True
    seen.session.caller.checks.appendleft([waiting("busy")])
    Cutover(seen.session, Plan(NOW, close=True)).run()
    assert passed == [300, 120, 300]
    assert seen.clock.seconds < 10


def test_replay_is_called_as_long_as_oms_takes_some():
    some = {**REPLAYED, "taken": 9, "accepted": 5, "failed": 4, "left": 3, "finished": False}
    none = {**REPLAYED, "taken": 4, "failed": 4, "by_reason": {"REFUSED": 4}}
    seen = world(replay=[some, some, none])
    run(seen)
    assert len(asked(seen, "replay")) == 3
    assert "   look: taken 4, accepted 0, failed again 4, needless by now 0, left 0\n" in seen.said


def test_replay_that_oms_stopped_is_not_called_again():
    stopped = {**REPLAYED, "accepted": 5, "left": 3, "finished": False, "stopped": "OMS refuses every key: ACCOUNT"}
    seen = world(replay=stopped)
    run(seen)
    assert len(asked(seen, "replay")) == 1
    assert "left 3; stopped: OMS refuses every key: ACCOUNT\n" in seen.said


def moving(**classes) -> dict:
    return compared({name: sides(number, 0) for name, number in classes.items()})


def test_a_comparison_that_has_grown_too_old_meanwhile_is_made_anew():
    seen = world(compare=[moving(in_flight=1), NO_PASS["compare"], compared()])
    assert run(seen) == certificate()
    first = {"cutover": True, "restart": True}
    again = {**SINCE, "again": True}
    assert asked(seen, "compare") == [first, again, first, again]
    assert "look: stopped: No pass of this scope has begun." in seen.said


def test_what_is_on_its_way_is_judged_again_until_it_is_there():
    answers = [moving(missing=3, in_flight=2), *[moving(in_flight=5)] * 3, moving(in_flight=1), compared()]
    seen = world(compare=answers)
    asked_at: list[float] = []
    seen.session.caller.meanwhile = lambda job: asked_at.append(seen.clock.seconds) if job == "compare" else None
    run(seen, deep=True)
    again = {**SINCE, "deep": True, "again": True}
    assert asked(seen, "compare") == [{"cutover": True, "deep": True, "restart": True}, *[again] * 5]
    assert [round(later - one) for one, later in pairwise(asked_at)][:5] == [20] * 3 + [60] * 2
    assert "\n   done\n6. Close the project" in seen.said


def test_what_failed_before_is_replayed_before_it_is_judged_again():
    seen = world(compare=[moving(failed_before=1), compared()])
    run(seen)
    jobs = [job for job, _ in seen.session.caller.asked if job in ("replay", "compare")]
    assert jobs[:4] == ["replay", "compare", "replay", "compare"]


def test_what_stays_missing_is_not_waited_for_long_and_the_project_is_not_closed():
    seen = world(compare=moving(missing=2, older=1))
    run(seen)
    assert len(asked(seen, "compare")) == 1 + 3
    assert "   look: left: missing 2, older 1\nThe project is not closed: something is left" in seen.said
    assert seen.session.caller.mark is None


def test_what_moves_for_ever_is_waited_for_some_hours():
    seen = world(compare=moving(moving=2))
    run(seen)
    assert 9000 <= seen.clock.seconds < 9100
    assert "on their way: moving 2. Judged again in " in seen.said
    assert "   look: left: moving 2\n" in seen.said


def test_what_cannot_be_judged_again_is_said_and_left_to_the_certificate():
    error = FunctionError("PayloadError", Text("The lists name 12,000 keys", "清单中有 12,000 个"), Text("", ""))
    seen = world(compare=[moving(missing=12_000), error])
    assert run(seen) == certificate()
    assert "   look: The lists name 12,000 keys\n" in seen.said


def test_a_comparison_that_rests_is_said_and_left_to_the_certificate():
    seen = world(
        compare=open_compare(stop="storage", stopped="OBS refuses"),
        certify=certificate({"SUMS": "not run"}, "NOT PROVEN"),
    )
    assert run(seen)["verdict"] == "NOT PROVEN"
    assert "   look: stopped: OBS refuses\nCertify …" in seen.said


BEGAN_FROZEN = {"started": "2026-01-31T08:15:00Z", "ended": "2026-01-31T08:40:00Z"}


def test_the_comparison_that_answers_is_taken_and_what_differed_is_judged_again_at_once():
    # GIVEN an object that was overwritten, and mended since by whoever looked after it
    seen = world()
    seen.session.caller.passes["compare"] = compared({"overwritten": sides(1, 1)}, **BEGAN_FROZEN)

    # WHEN the cutover is run again, THEN no other comparison is made
    assert run(seen)["verdict"] == "GO"
    assert asked(seen, "compare") == [{**SINCE, "again": True}]
    assert "   done: the one that began 2026-01-31T08:15:00Z; 1,001 objects in the source, 1,001 in OBS\n" in seen.said


def test_an_open_comparison_is_gone_on_with():
    seen = world()
    seen.session.caller.passes["compare"] = open_compare(**{**BEGAN_FROZEN, "ended": None}, stood_still=None, wishes=[])
    run(seen)
    assert asked(seen, "compare")[0] == {"cutover": True}


@pytest.mark.parametrize(
    ("plan", "one"),
    [
        ({}, compared(**BEGAN_FROZEN, stood_still=False)),
        ({"deep": True}, compared(**BEGAN_FROZEN)),
        ({"restart": True}, compared(**BEGAN_FROZEN)),
        ({}, compared(**BEGAN_FROZEN, last_written=[])),
    ],
    ids=["contradicted by a standstill pass", "not deep", "given up", "of nothing at the source"],
)
def test_a_comparison_that_does_not_answer_is_begun_anew(plan, one):
    seen = world()
    seen.session.caller.passes["compare"] = one
    run(seen, **plan)
    deep = {"deep": True} if "deep" in plan else {}
    assert asked(seen, "compare")[0] == {"cutover": True, **deep, "restart": True}


def test_a_comparison_with_too_many_keys_to_judge_again_is_not_taken_but_made_anew():
    # GIVEN one of which every cutover, and not only this one, would be refused the same
    error = FunctionError("PayloadError", Text("The lists name 12,000 keys", "清单中有 12,000 个"), Text("", ""))
    seen = world(compare=[error, compared()])
    seen.session.caller.passes["compare"] = compared({"missing": sides(12_000, 0)}, **BEGAN_FROZEN)
    assert run(seen)["verdict"] == "GO"
    again = {**SINCE, "again": True}
    assert asked(seen, "compare") == [again, {"cutover": True, "restart": True}, again]
    assert seen.session.caller.mark is not None


# Closing.


def waiting(seen: str, name: str = "OMS_FINISHED", **changes) -> dict:
    return a_check(name, **{"result": "not run", "waits": True, "seen": seen, "seen_zh": seen, **changes})


@pytest.mark.parametrize(
    ("accept", "is_closed"), [({}, False), ({"equal_size": "Li"}, True), ({"equal_version": "Li"}, False)]
)
def test_what_is_not_proven_and_not_accepted_is_not_closed_over(accept, is_closed):
    seen = world(compare=compared({"equal_size": sides(1, 1)}))
    run(seen, accept=accept)
    assert (seen.session.caller.mark is not None) is is_closed
    assert asked(seen, "certify")[-1] == {"frozen_since": FROZEN_TEXT, **({"accept": accept} if accept else {})}


def test_what_may_yet_come_to_obs_is_not_closed_over():
    seen = world(compare=compared({"arriving": sides(0, 1)}))
    run(seen)
    assert seen.session.caller.mark is None


@pytest.mark.parametrize(
    ("written", "is_closed"), [(["08:01:00", "07:00:00"], True), (["08:01:01", "07:00:00"], False), ([], False)]
)
def test_what_was_written_after_the_freeze_or_an_empty_scope_is_not_closed_over(written, is_closed):
    seen = world(compare=compared(last_written=[{"key": at, "at": f"2026-01-31T{at}Z"} for at in written]))
    run(seen)
    assert (seen.session.caller.mark is not None) is is_closed
    assert ("something is left that has to be mended" in seen.said) is not is_closed


@pytest.mark.parametrize(("typed", "is_closed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False)])
def test_on_a_terminal_somebody_is_asked_whether_to_close(command, typed, is_closed):
    seen = Seen(world().session.caller, typed=typed)
    command(seen, "cutover", "--frozen-since", FROZEN_TEXT)
    assert (seen.session.caller.mark is not None) is is_closed
    assert ("run the same command with --close" in seen.said) is not is_closed


def test_without_a_terminal_and_without_close_it_ends_before_closing(command):
    seen = world(certify=certificate({"SAMPLE": "not run"}, "NOT PROVEN"))
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 3
    assert seen.session.caller.mark is None
    assert "The project is not closed, and without that there is no GO" in seen.said


def test_a_go_that_stands_is_given_once_more_and_nothing_else_is_done(command, tmp_path):
    seen = world()
    seen.session.caller.go = certificate()
    assert command(seen, "cutover", *WORDS, "--out", "go.json") == 0
    assert [job for job, _ in seen.session.caller.asked] == ["certify", "remove"]
    assert json.loads((tmp_path / "go.json").read_text()) == certificate()
    assert "A GO stands" in seen.said


@pytest.mark.parametrize("has_go", [True, False])
def test_who_finds_the_mark_of_another_run_after_the_two_minutes_leaves_the_project_to_that(command, has_go):
    failed = certificate({"MISSING": "failed"}, "NO-GO")
    seen = world(certify=failed)
    caller = seen.session.caller

    def another(job: str) -> None:
        if seen.clock.seconds == 120:
            caller.mark = {**caller.mark, "run": "another"}
            caller.go = certificate() if has_go else None

    caller.meanwhile = another
    assert command(seen, "cutover", *WORDS) == (0 if has_go else 1)
    assert caller.mark["run"] == "another"
    assert ("Another cutover has closed the project" in seen.said) is not has_go
    assert not [one for one in caller.payloads("compare") if "standstill" in one]


@pytest.mark.parametrize(
    ("check", "goes_on"),
    [
        (waiting("lost", waits=False, result="not proven"), False),
        (waiting("", "NOTHING_WAITS", waits=False, result="failed"), False),
        (waiting("", waits=False, result="passed"), True),
    ],
)
def test_the_standstill_pass_comes_only_after_certify_says_that_oms_has_finished_or_that_was_accepted(check, goes_on):
    seen = world()
    seen.session.caller.checks[0].append(check)
    run(seen, accept={"oms_unfinished": "Li"})
    assert [one["accept"] for one in asked(seen, "certify") if "accept" in one] == [{"oms_unfinished": "Li"}] * 3
    assert ({"standstill": True, "restart": True} in seen.session.caller.payloads("compare")) is goes_on
    assert (f"   look: {check['id']}\nCertify" in seen.said) is not goes_on


@pytest.mark.parametrize("name", ["FROZEN", "MISSING", "OLDER", "OVERWRITTEN", "FAILED"])
def test_what_has_to_be_sent_opens_the_project_that_this_run_has_closed(command, name):
    seen = world(certify=certificate({name: "failed"}, "NO-GO"))
    caller = seen.session.caller
    assert command(seen, "cutover", *WORDS) == 1
    assert caller.mark is None
    assert caller.asked[-2:] == [("deploy", {"trigger": "oss-content"}), ("reconcile", {"restart": True})]
    assert seen.said.endswith(f"because something has to be sent ({name}). Then run the cutover again.\n")


@pytest.mark.parametrize(("name", "verdict"), [("STOOD_STILL", "NO-GO"), ("SAMPLE", "NOT PROVEN"), ("TASK", "NO-GO")])
def test_what_only_needs_reading_waiting_or_a_word_leaves_it_closed(command, name, verdict):
    result = {"NO-GO": "failed", "NOT PROVEN": "not run"}[verdict]
    seen = world(certify=certificate({name: result}, verdict))
    assert command(seen, "cutover", *WORDS) != 0
    assert seen.session.caller.mark is not None
    assert "The project stays closed: run the cutover again" in seen.said


def test_begun_again_while_it_is_closed_it_sends_nothing_asks_nobody_and_closes_anew(command):
    seen = world()
    caller = seen.session.caller
    caller.mark = {"since": "2026-01-31T08:30:00Z", "by": "", "why": "", "run": "of somebody who was killed"}
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 0
    assert (caller.payloads("replay"), caller.mark["since"]) == ([], NOW_TEXT)


LACKS = {"compare": moving(missing=2), "certify": certificate({"MISSING": "failed"}, "NO-GO")}


@pytest.mark.parametrize(
    ("run", "has_go", "is_open", "told"),
    [
        ("of yesterday", False, True, "because something has to be sent (MISSING). Then run the cutover again."),
        ("of yesterday", True, False, "The project stays closed, because a GO stands."),
        (
            "",
            False,
            False,
            f"The project was closed by hand, and something has to be sent (MISSING): {OPS} open.",
        ),
    ],
)
def test_what_has_to_be_sent_opens_what_an_earlier_run_closed_unless_a_go_stands(command, run, has_go, is_open, told):
    # GIVEN a project that is closed already, and something that is missing
    seen = world(**LACKS)
    caller = seen.session.caller
    caller.mark = {"since": "2026-01-31T08:30:00Z", "by": "", "why": "", "run": run}
    caller.go = certificate() if has_go else None

    # WHEN the cutover is run anew, THEN it does not promise that the next run would go on
    assert command(seen, "cutover", *WORDS, "--restart") == 1
    assert (caller.mark is None) is is_open
    assert "The project is closed already, and is not closed anew: something is left" in seen.said
    assert told in seen.said


def test_who_compares_anew_gets_no_older_go(command):
    seen = world(compare=compared(), certify=certificate({"SAMPLE": "not run"}, "NOT PROVEN"))
    seen.session.caller.mark = {"since": "2026-01-31T08:30:00Z", "by": "", "why": "", "run": "of yesterday"}
    seen.session.caller.go = certificate()
    assert command(seen, "cutover", *WORDS, "--restart") == 3
    assert {"standstill": True, "restart": True} in seen.session.caller.payloads("compare")


def test_after_go_the_project_stays_closed_and_the_trigger_is_taken_away(command):
    seen = world()
    assert command(seen, "cutover", *WORDS) == 0
    assert seen.session.caller.asked[-1] == ("remove", {"trigger": "oss-content"})
    assert seen.session.caller.mark is not None
    # What OMS accepted before is another matter, where it has not finished.
    assert "its trigger is taken away: nothing is sent to OMS any more.\n" in seen.said
    # AND it is said how to stop the task itself, which the project's keys may not
    assert f"Now stop the sync task {certificate()['task']} in the OMS console" in seen.said


# The certificate.


@pytest.fixture(scope="module")
def reading() -> Callable[[int], dict]:
    """Certificates whose sample there was no time for, with the check that certify makes of that."""
    seen = CertifyWorld("a", "b", "c")
    seen.get_ready()
    seen.source.before = lambda kind, _: seen.later(180) if kind == "get" else None
    unread = check(seen.certify(sample=3), "SAMPLE")
    return lambda read: certificate({"SAMPLE": unread}, "NOT PROVEN", sample={**a_sample(), "read": read, "drawn": 300})


def test_certify_is_called_until_the_sample_is_read(monkeypatch, reading):
    monkeypatch.setenv("TERM", "xterm")
    caller = world(certify=[reading(100), reading(250), certificate()]).session.caller
    seen = Seen(caller, typed="")
    assert run(seen, sample=300, accept={"equal_size": "Li"})["verdict"] == "GO"
    assert (
        asked(seen, "certify")[-3:]
        == [{"frozen_since": FROZEN_TEXT, "sample": 300, "accept": {"equal_size": "Li"}}] * 3
    )
    assert "reading the sample: 100 of 300" in seen.said
    assert "reading the sample: 250 of 300" in seen.said


def test_a_sample_that_cannot_be_read_any_further_is_left_to_the_certificate(reading):
    seen = world(certify=[reading(50), reading(100), reading(100)])
    assert run(seen, sample=300)["verdict"] == "NOT PROVEN"
    assert len([one for one in asked(seen, "certify") if "sample" in one]) == 3


def test_a_rehearsal_freezes_and_closes_nothing_waits_for_nobody_and_says_what_it_could_judge(command):
    seen = world(compare=compared({"moving": sides(250, 0)}), certify=rehearsal("NO-GO"))
    assert command(seen, "cutover", "--rehearse", "--sample", "10") == 1
    assert seen.session.caller.payloads("compare") == [
        {"cutover": True, "restart": True},
        {"cutover": True, "again": True, "run": seen.session.caller.payloads("compare")[1]["run"]},
        {"standstill": True, "restart": True},
    ]
    assert asked(seen, "certify") == [{"look": True}, {"sample": 10}]
    assert "look: left: moving 250; 1,000 of 1,250 objects could be judged" in seen.said
    assert "settle" not in seen.said


def test_a_rehearsal_of_which_nothing_moves_says_that_it_could_judge_all(command):
    seen = world(certify=rehearsal("GO"))
    assert command(seen, "cutover", "--rehearse") == 0
    assert "done: nothing was on its way; 1,000 of 1,000 objects could be judged" in seen.said


def test_a_rehearsal_says_of_the_objects_in_scope_alone_what_the_certificate_says_of_them(command):
    out = {name: sides(90, 90) for name in ("outside", "canary")}
    seen = world(compare=compared({"equal_contents": sides(0, 0), "moving": sides(10, 0), **out}), certify=rehearsal())
    command(seen, "cutover", "--rehearse")
    assert "look: left: moving 10; 0 of 10 objects could be judged" in seen.said


def test_a_rehearsal_waits_until_oms_lists_are_read_and_not_for_ever():
    unread = rehearsal("NOT PROVEN", {"NOTHING_WAITS": {"result": "not run", "waits": True}})
    seen = world(certify=[unread, unread, rehearsal()])
    assert Cutover(seen.session, Plan(None)).run() == rehearsal()
    seen = world(certify=unread)
    assert Cutover(seen.session, Plan(None)).run() == unread
    assert 3 < len(asked(seen, "certify")) < 10


@pytest.mark.parametrize(
    ("document", "words", "code"),
    [
        (certificate(), ("--frozen-since", FROZEN_TEXT, "--close"), 0),
        (certificate({"MISSING": "failed"}, "NO-GO"), ("--frozen-since", "now"), 1),
        (certificate({"SAMPLE": "not run"}, "NOT PROVEN"), ("--frozen-since", "2026-01-31 16:00+08:00"), 3),
        (rehearsal("GO"), ("--rehearse",), 0),
        (rehearsal("NO-GO"), ("--rehearse",), 1),
    ],
)
def test_the_verdict_is_shown_stored_and_the_exit_code(command, tmp_path, document, words, code):
    seen = world(certify=document)
    assert command(seen, "cutover", *words) == code
    assert seen.out.getvalue().startswith(f"{document['verdict']}\n  ")
    name = document["document"].rpartition("/")[2]
    assert json.loads((tmp_path / name).read_text()) == document
    assert f"Written: {name}\n" in seen.said


def test_certificate_and_page_go_where_they_are_wanted(command, tmp_path):
    seen = world()
    assert command(seen, "cutover", *WORDS, "--out", "a.json", "--html", "a.html", "--json") == 0
    assert json.loads(seen.out.getvalue()) == json.loads((tmp_path / "a.json").read_text()) == certificate()
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert " ops.py check a.json<" in page


@pytest.mark.parametrize("name", ["../../x.json", "x/..", "/etc/passwd", NASTY, ""])
def test_a_document_cannot_name_a_file_elsewhere(command, tmp_path, name):
    seen = world(certify=certificate(document=name))
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.json" if name == "../../x.json" else "certificate.json"]


@pytest.mark.parametrize("words", [["--out", "nowhere/file"], ["--html", "nowhere/file"], []])
def test_a_file_that_cannot_be_written_is_said_before_anything_is_asked(command, tmp_path, words):
    seen = world()
    if not words:
        (tmp_path / "certificate.json").mkdir()
    assert command(seen, "cutover", *WORDS, *words) == 2
    assert "-> Name another file" in seen.said
    assert seen.session.caller.asked == []


def test_what_is_accepted_is_given_on_by_name_and_first_of_all(command):
    seen = world()
    command(
        seen,
        "cutover",
        *WORDS,
        "--sample",
        "20",
        "--accept",
        "equal_size=Li: checked = by hand",
        "--accept",
        "unknown=Wu",
    )
    accepted = {"equal_size": "Li: checked = by hand", "unknown": "Wu"}
    assert asked(seen, "certify")[-1] == {"frozen_since": FROZEN_TEXT, "sample": 20, "accept": accepted}
    # So that the function, which knows what can be accepted, refuses before the project is closed.
    first = {"frozen_since": FROZEN_TEXT, "accept": accepted, "look": True}
    assert seen.session.caller.asked[0] == ("certify", first)


@pytest.mark.parametrize(
    "words",
    [
        ("--accept", "missing=Li"),
        ("--accept", "equal_size= "),
        ("--accept", "equal_size"),
        ("--accept", "equal_size=<who, why>"),
        ("--rehearse", "--close"),
        ("--rehearse", "--frozen-since", "now"),
        ("--sample", "many"),
        ("--sample", "301"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(command, words):
    seen = world()
    with pytest.raises(SystemExit) as ended:
        command(seen, "cutover", *words)
    assert ended.value.code == 2
    assert seen.session.caller.asked == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("soon", "'soon' is not a time with its zone"),
        ("2026-01-31T08:00:00", "is not a time with its zone"),
        ("2026-01-31T09:05:00Z", "2026-01-31T09:05:00Z is yet to come"),
    ],
)
def test_a_freeze_that_cannot_be_is_refused(command, given, told):
    seen = world()
    assert command(seen, "cutover", "--frozen-since", given) == 2
    assert told in seen.said
    assert "-> Give --rehearse, or since when nobody writes" in seen.said
    assert seen.session.caller.asked == []


def test_without_a_terminal_and_a_time_it_says_what_to_give(command):
    seen = world()
    assert command(seen, "cutover") == 2
    assert "-> Give --rehearse, or since when nobody writes: --frozen-since now" in seen.said
    seen = Seen(FakeCaller(), lang="zh")
    assert command(seen, "cutover") == 2
    assert "-> 请使用 --rehearse，或给出停写时间" in seen.said


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ("now\ny\n", {"frozen_since": NOW_TEXT}),
        ("\nyesterday\n2026-01-31T08:00:00Z\ny\n", {"frozen_since": FROZEN_TEXT}),
        ("r\n", {}),
    ],
)
def test_on_a_terminal_it_asks_when_writes_stopped(command, typed, payload):
    seen = Seen(world(certify=certificate() if payload else rehearsal()).session.caller, typed=typed)
    assert command(seen, "cutover") == 0
    assert "Since when has nobody written to the source?" in seen.said
    assert asked(seen, "certify")[-1] == payload
    assert ("Close the project now" in seen.said) is bool(payload)


def test_who_does_not_answer_begins_nothing(command):
    seen = Seen(world().session.caller, typed="")
    assert command(seen, "cutover") == 2
    assert seen.session.caller.asked == []


def test_an_error_in_the_midst_ends_it_with_what_to_do(command):
    seen = world(compare=ToolError(Text("no network", "无网络"), Text("check it", "检查"), ["| said"]))
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 1
    assert seen.said.splitlines()[-2:] == ["no network", "-> check it"]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (0, "What was begun goes on in the cloud. Run the same command again with --frozen-since 2026-01-31T08:00:00Z"),
        (120, "The project is closed. Go on: run the same command again with --frozen-since 2026-01-31T08:00:00Z."),
    ],
)
def test_whoever_interrupts_is_told_how_to_go_on(command, second, told):
    seen = world()

    def interrupt(job):
        if (job in ("compare", "certify") and seen.clock.seconds >= second and seen.session.caller.mark) or second == 0:
            raise KeyboardInterrupt

    seen.session.caller.meanwhile = interrupt
    assert command(seen, "cutover", *WORDS) == 130
    assert seen.said.splitlines()[-2] == "Stopped."
    assert seen.said.splitlines()[-1].startswith(told)


def test_it_speaks_chinese(command):
    seen = Seen(world().session.caller, lang="zh")
    assert command(seen, "cutover", *WORDS) == 0
    assert "4. 比对两侧的桶 …\n   完成: 源端 1,000 个对象，OBS 中 1,000 个\n" in seen.said
    assert seen.out.getvalue().startswith("GO\n  在 2026-01-31T08:16:00Z 至 ")


def test_while_old_objects_are_on_their_way_it_ends_before_it_begins_and_a_rehearsal_says_so():
    seen = world()
    seen.session.caller.migration = {"begun": "2026-01-30T09:00:00Z", "group": "g", "keys": []}
    with pytest.raises(CloudError) as caught:
        run(seen)
    assert caught.value.fix.en.endswith(f"{OPS} migrate --look")
    assert seen.session.caller.asked == [("certify", {"look": True, "frozen_since": FROZEN_TEXT})]

    Cutover(seen.session, Plan(None)).run()
    assert "A migration of the old objects is not over" in seen.said
