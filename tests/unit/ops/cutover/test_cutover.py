"""A cutover: its steps, in their order, and what becomes of each, and of the project."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from ops.cutover import cutover
from ops.cutover.cutover import Cutover, CutoverPlan
from ops.errors import CloudError, FunctionError, ToolError
from ops.report.cutover_result import exit_code
from oss_oms_sync.answers.text import Text
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS, CUTOVER_SECONDS
from support.ops import (
    DOCTOR_OK,
    NASTY,
    NO_PASS,
    NOW,
    OPS,
    REPLAY_ANSWER,
    Console,
    FakeCaller,
    compare_answer,
    missing_parts,
    open_compare_answer,
    pass_answer,
    sides,
)
from unit.ops.certificates import a_sample, certificate, rehearsal
from unit.ops.certificates import check as a_check

FROZEN = NOW - timedelta(hours=1)
FROZEN_TEXT, NOW_TEXT = "2026-01-31T08:00:00Z", "2026-01-31T09:00:00Z"
SINCE = {"cutover": True, "frozen_since": FROZEN_TEXT}
WORDS = ("--frozen-since", FROZEN_TEXT, "--close")


def world(lang="en", typed=None, **answers) -> Console:
    """One in which all goes well, but for what is given."""
    well = {"doctor": DOCTOR_OK, "replay": REPLAY_ANSWER, "compare": compare_answer(), "reconcile": pass_answer()}
    return Console(FakeCaller(**{**well, "certify": certificate(), **answers}), lang, typed)


def run(seen: Console, frozen=FROZEN, **plan) -> dict:
    return Cutover(seen.session, CutoverPlan(frozen, **{"close": True, **plan})).run()


def after(**answers) -> Console:
    """What is seen once a cutover has been run."""
    seen = world(**answers)
    run(seen)
    return seen


def mark_of(run: str) -> dict[str, str]:
    """Of a project that is closed already."""
    return {"since": "2026-01-31T08:30:00Z", "by": "", "why": "", "run": run}


def asked(seen: Console, job: str) -> list[dict]:
    """What a job was asked, without the id of the run."""
    payloads = [{name: one for name, one in each.items() if name != "run"} for each in seen.caller.payloads(job)]
    return payloads if job != "compare" else [payload for payload in payloads if "standstill" not in payload]


def test_what_is_settled_and_what_is_late_are_the_same_in_both_worlds():
    assert [duration.total_seconds() for duration in (cutover.SETTLED, cutover.CLOCKS)] == [
        CUTOVER_SECONDS,
        CLOCKS_SECONDS,
    ]


def test_the_steps_are_taken_in_their_order_and_each_says_how_it_ended():
    seen = world()
    seen.caller.checks.appendleft([waiting("OMS is busy")])
    assert run(seen) == certificate()
    (mark,) = {one["run"] for _, one in seen.caller.asked if "run" in one}
    assert seen.caller.asked == [
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
    assert [
        line for line in seen.messages.splitlines() if not line.startswith("closing") and "Next check" not in line
    ] == [
        "1. Check the setup …",
        "   done",
        "2. Resend failed objects …",
        "   done: taken 0, accepted 0, failed again 0, no longer needed 0, left 0",
        "3. Wait for the last writes to settle …",
        "   done: source frozen since 2026-01-31T08:00:00Z",
        "4. Compare both buckets …",
        "   done: 1,000 source objects, 1,000 in OBS",
        "5. Recheck objects in progress …",
        "   done: no objects in progress",
        "6. Close the project …",
        "   done: closed since 2026-01-31T09:00:00Z",
        "7. Wait until OMS has finished …",
        "   done",
        "8. Check that both buckets are unchanged …",
        "   done",
        "Make the certificate …",
    ]
    # Two minutes for what was begun, one until OMS is asked again, and a second.
    assert seen.clock.seconds == 120 + 60 + 1


def test_what_is_set_up_wrong_ends_it_before_anything_is_waited_for(command):
    fault = {"state": "fault", "name": "key", "name_zh": "密钥", "seen": "revoked", "seen_zh": "已失效"}
    checks = [{**fault, "fix": "F", "fix_zh": "F"}]
    seen = world(doctor={"ok": False, "checks": checks, "text": "Setup has faults", "text_zh": "有误"})
    assert command(seen, "cutover", "--frozen-since", "now", "--close") == 1
    assert "  fault: key: revoked\n      -> F\nThe cutover did not start" in seen.messages
    assert (seen.clock.seconds, asked(seen, "replay")) == (0, [])


def test_a_young_freeze_is_waited_for_with_a_countdown():
    seen = world(typed="")
    asked_at: list = []
    seen.caller.meanwhile = lambda job: asked_at.append((job, seen.clock.seconds))
    run(seen, NOW - timedelta(minutes=1))
    assert (dict(asked_at)["replay"], dict(reversed(asked_at))["compare"]) == (0, 240)
    assert (
        missing_parts(
            seen.messages, *(f"waiting until 2026-01-31T09:04:00Z, {left} to go" for left in ("4:00", "0:01"))
        )
        == []
    )


def test_in_the_sandbox_the_time_goes_by_at_once():
    seen = world()
    passed: list = []
    seen.caller.let_pass = lambda seconds: passed.append(seconds) or True
    seen.caller.checks.appendleft([waiting("busy")])
    run(seen, NOW)
    assert (passed, seen.clock.seconds < 10) == ([300, 120, 300], True)


SOME = {**REPLAY_ANSWER, "taken": 9, "accepted": 5, "failed": 4, "left": 3, "finished": False}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            [SOME, SOME, {**REPLAY_ANSWER, "taken": 4, "failed": 4, "by_reason": {"REFUSED": 4}}],
            "   look: taken 4, accepted 0, failed again 4, no longer needed 0, left 0\n",
        ),
        ([{**SOME, "stopped": "OMS refuses all keys: ACCOUNT"}], "left 3; stopped: OMS refuses all keys: ACCOUNT\n"),
    ],
    ids=["until it takes none", "OMS has stopped it"],
)
def test_replay_is_called_as_long_as_oms_takes_some(answers, told):
    seen = after(replay=answers)
    assert (len(asked(seen, "replay")), missing_parts(seen.messages, told)) == (len(answers), [])


def moving(**classes) -> dict:
    return compare_answer({name: sides(number, 0) for name, number in classes.items()})


def test_a_comparison_that_has_grown_too_old_meanwhile_is_made_anew():
    seen = after(compare=[moving(in_flight=1), NO_PASS["compare"], compare_answer()])
    assert asked(seen, "compare") == [{"cutover": True, "restart": True}, {**SINCE, "again": True}] * 2
    assert "look: stopped: No pass of this scope has begun." in seen.messages
    assert seen.messages.endswith("Make the certificate …\n")


def test_what_is_on_its_way_is_judged_again_until_it_is_there():
    answers = [moving(missing=3, in_flight=2), *[moving(in_flight=5)] * 3, moving(in_flight=1), compare_answer()]
    seen = world(compare=answers)
    asked_at: list[float] = []
    seen.caller.meanwhile = lambda job: asked_at.append(seen.clock.seconds) if job == "compare" else None
    run(seen, deep=True)
    first, *others = asked(seen, "compare")
    assert (first, others) == (
        {"cutover": True, "deep": True, "restart": True},
        [{**SINCE, "deep": True, "again": True}] * 5,
    )
    assert [round(later - one) for one, later in pairwise(asked_at)][:5] == [20] * 3 + [60] * 2
    assert "\n   done\n6. Close the project" in seen.messages


def test_what_failed_before_is_replayed_before_it_is_judged_again():
    jobs = [job for job, _ in after(compare=[moving(failed_before=1), compare_answer()]).caller.asked]
    assert [job for job in jobs if job in ("replay", "compare")][:4] == ["replay", "compare"] * 2


def test_what_moves_for_ever_is_waited_for_some_hours():
    seen = after(compare=moving(moving=2))
    assert 9000 <= seen.clock.seconds < 9100
    assert missing_parts(seen.messages, "in progress: moving 2. Recheck in ", "   look: left: moving 2\n") == []


TOO_MANY = FunctionError(
    "PayloadError", Text("The lists name 12,000 keys", chinese="清单中有 12,000 个"), Text("", chinese="")
)


@pytest.mark.parametrize(
    ("compare", "calls", "told"),
    [
        (
            moving(missing=2, older=1),
            1 + 3,
            "left: missing 2, older 1\nThe project is not closed: some objects must be",
        ),
        ([moving(missing=12_000), TOO_MANY], 2, "The lists name 12,000 keys\nThe project is not closed"),
        (open_compare_answer(stop="storage", stopped="OBS refuses"), 3, "stopped: OBS refuses\nMake the certificate …"),
    ],
    ids=["it stays missing", "it cannot be judged again", "the comparison rests"],
)
def test_what_sending_did_not_mend_is_said_and_left_to_the_certificate_of_an_open_project(compare, calls, told):
    seen = world(compare=compare)
    assert run(seen) == certificate()
    assert (len(asked(seen, "compare")), seen.caller.mark) == (calls, None)
    assert f"   look: {told}" in seen.messages


BEGAN_FROZEN = {"started": "2026-01-31T08:15:00Z", "ended": "2026-01-31T08:40:00Z"}


def test_the_comparison_that_answers_is_taken_and_what_differed_is_judged_again_at_once():
    # GIVEN an object that was overwritten, and mended since by whoever looked after it
    seen = world()
    seen.caller.passes["compare"] = compare_answer({"overwritten": sides(1, 1)}, **BEGAN_FROZEN)

    # WHEN the cutover is run again, THEN no other comparison is made
    assert run(seen)["verdict"] == "GO"
    assert asked(seen, "compare") == [{**SINCE, "again": True}]
    assert "   done: comparison of 2026-01-31T08:15:00Z; 1,001 source objects, 1,001 in OBS\n" in seen.messages


@pytest.mark.parametrize(
    ("plan", "one", "first"),
    [
        ({}, open_compare_answer(**{**BEGAN_FROZEN, "ended": None}, stood_still=None, wishes=[]), {}),
        ({}, compare_answer(**BEGAN_FROZEN, stood_still=False), {"restart": True}),
        ({"deep": True}, compare_answer(**BEGAN_FROZEN), {"deep": True, "restart": True}),
        ({"restart": True}, compare_answer(**BEGAN_FROZEN), {"restart": True}),
        ({}, compare_answer(**BEGAN_FROZEN, last_written=[]), {"restart": True}),
    ],
    ids=["open", "contradicted by a standstill pass", "not deep", "given up", "of nothing at the source"],
)
def test_only_an_open_comparison_is_gone_on_with(plan, one, first):
    seen = world()
    seen.caller.passes["compare"] = one
    run(seen, **plan)
    assert asked(seen, "compare")[0] == {"cutover": True, **first}


def test_a_comparison_with_too_many_keys_to_judge_again_is_not_taken_but_made_anew():
    # GIVEN one of which every cutover, and not only this one, would be refused the same
    seen = world(compare=[TOO_MANY, compare_answer()])
    seen.caller.passes["compare"] = compare_answer({"missing": sides(12_000, 0)}, **BEGAN_FROZEN)
    run(seen)
    again = {**SINCE, "again": True}
    assert asked(seen, "compare") == [again, {"cutover": True, "restart": True}, again]
    assert seen.caller.mark is not None


# Closing.


def waiting(seen: str, name: str = "OMS_FINISHED", **changes) -> dict:
    return a_check(name, **{"result": "not run", "waits": True, "seen": seen, "seen_zh": seen, **changes})


def written(*times: str) -> dict:
    return compare_answer(last_written=[{"key": at, "at": f"2026-01-31T{at}Z"} for at in times])


UNPROVEN = compare_answer({"equal_size": sides(1, 1)})


@pytest.mark.parametrize(
    ("compare", "accept", "is_closed"),
    [
        (UNPROVEN, {}, False),
        (UNPROVEN, {"equal_size": "Li"}, True),
        (UNPROVEN, {"equal_version": "Li"}, False),
        (compare_answer({"arriving": sides(0, 1)}), {}, False),
        (written("08:01:00", "07:00:00"), {}, True),
        (written("08:01:01", "07:00:00"), {}, False),
        (written(), {}, False),
    ],
    ids=[
        *("not proven", "accepted by name", "something else is accepted"),
        *("it may yet come to OBS", "written just before", "written after the freeze", "nothing is in scope"),
    ],
)
def test_what_may_differ_is_not_closed_over(compare, accept, is_closed):
    seen = world(compare=compare)
    run(seen, accept=accept)
    assert (seen.caller.mark is not None) is is_closed
    assert ("some objects must be repaired" in seen.messages) is not is_closed
    assert asked(seen, "certify")[-1] == {"frozen_since": FROZEN_TEXT, **({"accept": accept} if accept else {})}


@pytest.mark.parametrize(
    ("typed", "is_closed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False), (None, False)]
)
def test_on_a_terminal_somebody_is_asked_whether_to_close_and_elsewhere_it_is_not_closed(command, typed, is_closed):
    seen = world(typed=typed, certify=certificate({"SAMPLE": "not run"}, "NOT PROVEN"))
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 3
    assert (seen.caller.mark is not None) is is_closed
    told = "The project is not closed, so the cutover cannot end in GO. Run the same command with --close"
    assert (told in seen.messages) is not is_closed


def test_a_go_that_stands_is_given_once_more_and_nothing_else_is_done(command, tmp_path):
    seen = world()
    seen.caller.go = certificate()
    assert command(seen, "cutover", *WORDS, "--out", "go.json") == 0
    assert ([job for job, _ in seen.caller.asked], "A GO is in effect" in seen.messages) == (
        ["certify", "remove"],
        True,
    )
    assert json.loads((tmp_path / "go.json").read_text()) == certificate()


@pytest.mark.parametrize("has_go", [True, False])
def test_who_finds_the_mark_of_another_run_after_the_two_minutes_leaves_the_project_to_that(command, has_go):
    seen = world(certify=certificate({"MISSING": "failed"}, "NO-GO"))

    def another(job: str) -> None:
        if seen.clock.seconds == 120:
            seen.caller.mark = {**seen.caller.mark, "run": "another"}
            seen.caller.go = certificate() if has_go else None

    seen.caller.meanwhile = another
    assert command(seen, "cutover", *WORDS) == (0 if has_go else 1)
    assert seen.caller.mark["run"] == "another"
    assert ("Another cutover closed the project" in seen.messages) is not has_go
    assert not [payload for payload in seen.caller.payloads("compare") if "standstill" in payload]


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
    seen.caller.checks[0].append(check)
    run(seen, accept={"oms_unfinished": "Li"})
    assert [one["accept"] for one in asked(seen, "certify") if "accept" in one] == [{"oms_unfinished": "Li"}] * 3
    assert ({"standstill": True, "restart": True} in seen.caller.payloads("compare")) is goes_on
    assert (f"   look: {check['id']}\nMake the certificate" in seen.messages) is not goes_on


OPENED = [("deploy", {"trigger": "oss-content"}), ("reconcile", {"restart": True})]
TO_BE_SENT = "because some objects must be submitted ({}). Then run the cutover again.\n"
STAYS_CLOSED = f"it continues from there. To give up: {OPS} open\n"


@pytest.mark.parametrize(
    ("name", "result", "verdict", "is_open", "told"),
    [
        *(
            (name, "failed", "NO-GO", True, TO_BE_SENT.format(name))
            for name in ("FROZEN", "MISSING", "OLDER", "OVERWRITTEN", "FAILED")
        ),
        # These only need reading, waiting or a word.
        ("STOOD_STILL", "failed", "NO-GO", False, STAYS_CLOSED),
        ("SAMPLE", "not run", "NOT PROVEN", False, STAYS_CLOSED),
        ("TASK", "failed", "NO-GO", False, STAYS_CLOSED),
    ],
)
def test_only_what_has_to_be_sent_opens_the_project_that_this_run_has_closed(
    command, name, result, verdict, is_open, told
):
    document = certificate({name: result}, verdict)
    seen = world(certify=document)
    assert command(seen, "cutover", *WORDS) == exit_code(document)
    assert (seen.caller.mark is None, seen.caller.asked[-2:] == OPENED) == (is_open, is_open)
    assert (seen.messages.endswith(told), "run the cutover again: it continues" in seen.messages) == (
        True,
        not is_open,
    )


def test_begun_again_while_it_is_closed_it_sends_nothing_asks_nobody_and_closes_anew(command):
    seen = world()
    seen.caller.mark = mark_of("of somebody who was killed")
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 0
    assert (seen.caller.payloads("replay"), seen.caller.mark["since"]) == ([], NOW_TEXT)


@pytest.mark.parametrize(
    ("run", "has_go", "is_open", "told"),
    [
        ("of yesterday", False, True, "because some objects must be submitted (MISSING). Then run the cutover again."),
        ("of yesterday", True, False, "The project stays closed, because a GO is in effect."),
        (
            "",
            False,
            False,
            f"The project was closed by hand, and some objects must be submitted (MISSING): {OPS} open.",
        ),
    ],
)
def test_what_has_to_be_sent_opens_what_an_earlier_run_closed_unless_a_go_stands(command, run, has_go, is_open, told):
    # GIVEN a project that is closed already, and something that is missing
    seen = world(compare=moving(missing=2), certify=certificate({"MISSING": "failed"}, "NO-GO"))
    seen.caller.mark = mark_of(run)
    seen.caller.go = certificate() if has_go else None

    # WHEN the cutover is run anew, THEN it does not promise that the next run would go on
    assert command(seen, "cutover", *WORDS, "--restart") == 1
    assert (seen.caller.mark is None) is is_open
    not_anew = "The project was already closed and is not closed again: some objects"
    assert missing_parts(seen.messages, not_anew, told) == []


def test_who_compares_anew_gets_no_older_go(command):
    seen = world(compare=compare_answer(), certify=certificate({"SAMPLE": "not run"}, "NOT PROVEN"))
    seen.caller.mark = mark_of("of yesterday")
    seen.caller.go = certificate()
    assert command(seen, "cutover", *WORDS, "--restart") == 3
    assert {"standstill": True, "restart": True} in seen.caller.payloads("compare")


def test_after_go_the_project_stays_closed_and_the_trigger_is_taken_away(command):
    seen = world()
    assert command(seen, "cutover", *WORDS) == 0
    assert (seen.caller.asked[-1], bool(seen.caller.mark)) == (("remove", {"trigger": "oss-content"}), True)
    # What OMS accepted before is another matter, where it has not finished. AND it is said how to stop the task itself,
    # which the project's keys may not
    how_to_stop = f"Now stop the sync task {certificate()['task']} in the OMS console"
    assert (
        missing_parts(seen.messages, "its trigger is removed: nothing more is submitted to OMS.\n", how_to_stop) == []
    )


# The certificate.


@pytest.fixture(scope="module")
def reading() -> Callable[[int], dict]:
    """Certificates whose sample there was no time for."""
    sample = {**a_sample(), "drawn": 300, "unread": ["a/3"], "problem": "time"}
    return lambda read: certificate({"SAMPLE": "not run"}, "NOT PROVEN", sample={**sample, "read": read})


def test_certify_is_called_until_the_sample_is_read(reading):
    seen = world(typed="", certify=[reading(100), reading(250), certificate()])
    accept = {"equal_size": "Li"}
    assert run(seen, sample=300, accept=accept)["verdict"] == "GO"
    assert asked(seen, "certify")[-3:] == [{"frozen_since": FROZEN_TEXT, "sample": 300, "accept": accept}] * 3
    assert missing_parts(seen.messages, "reading the sample: 100 of 300", "reading the sample: 250 of 300") == []


def test_a_sample_that_cannot_be_read_any_further_is_left_to_the_certificate(reading):
    seen = world(certify=[reading(50), reading(100), reading(100)])
    assert run(seen, sample=300)["verdict"] == "NOT PROVEN"
    assert len([one for one in asked(seen, "certify") if "sample" in one]) == 3


OUT_OF_SCOPE = {name: sides(90, 90) for name in ("outside", "canary")}


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ({"moving": sides(250, 0)}, "look: left: moving 250; 1,000 of 1,250 objects could be judged"),
        ({}, "done: no objects in progress; 1,000 of 1,000 objects could be judged"),
        # As the certificate says it, of the objects in scope alone.
        (
            {"equal_contents": sides(0, 0), "moving": sides(10, 0), **OUT_OF_SCOPE},
            "look: left: moving 10; 0 of 10 objects could be judged",
        ),
    ],
    ids=["something moves", "nothing moves", "nothing can be judged"],
)
def test_a_rehearsal_freezes_and_closes_nothing_waits_for_nobody_and_says_what_it_could_judge(command, classes, told):
    seen = world(compare=compare_answer(classes), certify=rehearsal("NO-GO"))
    assert command(seen, "cutover", "--rehearse", "--sample", "10") == 1
    assert asked(seen, "compare") == [{"cutover": True, "restart": True}, {"cutover": True, "again": True}]
    assert seen.caller.payloads("compare")[2:] == [{"standstill": True, "restart": True}]
    assert asked(seen, "certify") == [{"look": True}, {"sample": 10}]
    assert (told in seen.messages, "settle" in seen.messages) == (True, False)


def test_a_rehearsal_waits_until_oms_lists_are_read_and_not_for_ever():
    unread = rehearsal("NOT PROVEN", {"NOTHING_WAITS": {"result": "not run", "waits": True}})
    assert run(world(certify=[unread, unread, rehearsal()]), frozen=None) == rehearsal()
    seen = world(certify=unread)
    assert run(seen, frozen=None) == unread
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
    name = document["document"].rpartition("/")[2]
    assert json.loads((tmp_path / name).read_text()) == document
    told = (seen.out.getvalue().startswith(f"{document['verdict']}\n  "), f"Written: {name}\n" in seen.messages)
    assert told == (True, True)


def test_certificate_and_page_go_where_they_are_wanted(command, tmp_path):
    seen = world()
    assert command(seen, "cutover", *WORDS, "--out", "a.json", "--html", "a.html", "--json") == 0
    assert json.loads(seen.out.getvalue()) == json.loads((tmp_path / "a.json").read_text()) == certificate()
    assert " ops.py check a.json<" in (tmp_path / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["../../x.json", "x/..", "/etc/passwd", NASTY, ""])
def test_a_document_cannot_name_a_file_elsewhere(command, tmp_path, name):
    seen = world(certify=certificate(document=name))
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["x.json" if name == "../../x.json" else "certificate.json"]


@pytest.mark.parametrize("words", [["--out", "nowhere/file"], ["--html", "nowhere/file"], []])
def test_a_file_that_cannot_be_written_is_said_before_anything_is_asked(command, tmp_path, words):
    seen = world()
    if not words:
        (tmp_path / "certificate.json").mkdir()
    assert command(seen, "cutover", *WORDS, *words) == 2
    assert ("-> Choose another file" in seen.messages, seen.caller.asked) == (True, [])


def test_what_is_accepted_is_given_on_by_name_and_first_of_all(command):
    seen = world()
    accept = ("--accept", "equal_size=Li: checked = by hand", "--accept", "unknown=运维，已核对")
    command(seen, "cutover", *WORDS, "--sample", "20", *accept)
    accepted = {"equal_size": "Li: checked = by hand", "unknown": "运维，已核对"}
    assert asked(seen, "certify")[-1] == {"frozen_since": FROZEN_TEXT, "sample": 20, "accept": accepted}
    # So that the function, which knows what can be accepted, refuses before the project is closed.
    first = {"frozen_since": FROZEN_TEXT, "accept": accepted, "look": True}
    assert seen.caller.asked[0] == ("certify", first)


@pytest.mark.parametrize(
    ("acceptance", "said"),
    [
        ("x=me", "--accept: 'x' cannot be accepted. Possible classes: "),
        ("missing=Li, tried", "--accept: 'missing' cannot be accepted"),
        (
            "equal_size=me",
            """write the name, a comma, and the reason, such as --accept equal_size="the owner, compared""",
        ),
        ("equal_size=, checked", "write the name, a comma"),
        ("equal_size=Li:", "write the name, a comma"),
        ("equal_size", "write the name, a comma"),
    ],
)
def test_an_acceptance_of_another_form_is_refused_with_the_form(command, capsys, acceptance, said):
    seen = world()
    with pytest.raises(SystemExit, match=r"^2$"):
        command(seen, "cutover", "--rehearse", "--accept", acceptance)
    assert (said in capsys.readouterr().err, seen.caller.asked) == (True, [])


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
    with pytest.raises(SystemExit, match=r"^2$"):
        command(seen, "cutover", *words)
    assert seen.caller.asked == []


GIVE = "-> Pass --rehearse, or the begin of the freeze: --frozen-since now"


@pytest.mark.parametrize(
    ("words", "lang", "typed", "told"),
    [
        (["--frozen-since", "soon"], "en", None, ["'soon' is not a time with its zone", GIVE]),
        (["--frozen-since", "2026-01-31T08:00:00"], "en", None, ["is not a time with its zone", GIVE]),
        (["--frozen-since", "2026-01-31T09:05:00Z"], "en", None, ["2026-01-31T09:05:00Z is in the future", GIVE]),
        ([], "en", None, [GIVE]),
        ([], "zh", None, ["-> 请使用 --rehearse，或给出停写时间"]),
        # Somebody who is asked, and does not answer.
        ([], "en", "", ["When did all writes to the source stop?", GIVE]),
    ],
)
def test_without_a_freeze_that_can_be_nothing_begins_and_it_says_what_to_give(command, words, lang, typed, told):
    seen = world(lang, typed)
    assert command(seen, "cutover", *words) == 2
    assert (missing_parts(seen.messages, *told), seen.caller.asked) == ([], [])


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ("now\ny\n", {"frozen_since": NOW_TEXT}),
        ("\nyesterday\n2026-01-31T08:00:00Z\ny\n", {"frozen_since": FROZEN_TEXT}),
        ("r\n", {}),
    ],
)
def test_on_a_terminal_it_asks_when_writes_stopped(command, typed, payload):
    seen = world(typed=typed, certify=certificate() if payload else rehearsal())
    assert (command(seen, "cutover"), asked(seen, "certify")[-1]) == (0, payload)
    assert "When did all writes to the source stop?" in seen.messages
    assert ("Close the project now" in seen.messages) is bool(payload)


def test_an_error_in_the_midst_ends_it_with_what_to_do(command):
    seen = world(compare=ToolError(Text("no network", chinese="无网络"), Text("check it", chinese="检查"), ["| said"]))
    assert command(seen, "cutover", "--frozen-since", FROZEN_TEXT) == 1
    assert seen.messages.splitlines()[-2:] == ["no network", "-> check it"]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (0, "The work continues in the cloud. Run the same command again with --frozen-since 2026-01-31T08:00:00Z"),
        (
            120,
            "The project is closed. To continue, run the same command again with --frozen-since 2026-01-31T08:00:00Z.",
        ),
    ],
)
def test_whoever_interrupts_is_told_how_to_go_on(command, second, told):
    seen = world()

    def interrupt(job):
        if (job in ("compare", "certify") and seen.clock.seconds >= second and seen.caller.mark) or second == 0:
            raise KeyboardInterrupt

    seen.caller.meanwhile = interrupt
    assert command(seen, "cutover", *WORDS) == 130
    assert [line[: len(told)] for line in seen.messages.splitlines()[-2:]] == ["Stopped.", told]


def test_it_speaks_chinese(command):
    seen = world("zh")
    assert command(seen, "cutover", *WORDS) == 0
    assert "4. 比对两侧的桶 …\n   完成: 源端 1,000 个对象，OBS 中 1,000 个\n" in seen.messages
    assert seen.out.getvalue().startswith("GO\n  在 2026-01-31T08:16:00Z 至 ")


def test_while_old_objects_are_on_their_way_it_ends_before_it_begins_and_a_rehearsal_says_so():
    seen = world()
    seen.caller.migration = {"begun": "2026-01-30T09:00:00Z", "group": "g", "keys": []}
    with pytest.raises(CloudError) as caught:
        run(seen)
    assert caught.value.fix.en.endswith(f"{OPS} migrate --look")
    assert seen.caller.asked == [("certify", {"look": True, "frozen_since": FROZEN_TEXT})]

    run(seen, frozen=None)
    assert "The migration of the existing objects is not finished" in seen.messages
