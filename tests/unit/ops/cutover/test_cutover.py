"""The command `ops.py cutover`: its steps in order, its results, and the state of the project after it."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest

from ops.cutover import cutover
from ops.cutover.cutover import Cutover, CutoverPlan
from ops.errors import CloudError, FunctionError
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.headers_answer import HeadersOutcome
from oss_oms_sync.answers.text import Text, untranslated
from oss_oms_sync.comparison.judge import MAX_CLOCK_SKEW_SECONDS, MIN_CUTOVER_AGE_SECONDS
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
    headers_answer,
    make_class_counts,
    missing_parts,
    open_compare_answer,
    pass_answer,
)
from unit.ops.certificates import certificate, make_sample, rehearsal
from unit.ops.certificates import check as a_check

FREEZE_TIME = NOW - timedelta(hours=1)
FROZEN_TEXT, NOW_TEXT = "2026-01-31T08:00:00Z", "2026-01-31T09:00:00Z"
CUTOVER_PAYLOAD = {"cutover": True, "frozen_since": FROZEN_TEXT}
WORDS = ("--frozen-since", FROZEN_TEXT, "--close")


def make_console(lang="en", typed=None, **answers) -> Console:
    """Return a console whose calls of functions succeed; `answers` replace the usual answers of jobs."""
    well = {"doctor": DOCTOR_OK, "replay": REPLAY_ANSWER, "compare": compare_answer(), "reconcile": pass_answer()}
    return Console(FakeCaller(**{**well, "certify": certificate(), **answers}), lang, typed)


def run(console: Console, frozen=FREEZE_TIME, **plan) -> dict:
    return Cutover(console.session, CutoverPlan(frozen, **{"close": True, **plan})).run()


def run_cutover(**answers) -> Console:
    """Return the console of a finished cutover."""
    console = make_console(**answers)
    run(console)
    return console


def make_mark(run: str) -> dict[str, str]:
    """Return the closed mark of a project that the cutover with the id `run` closed."""
    return {"since": "2026-01-31T08:30:00Z", "by": "", "why": "", "run": run}


def list_payloads(console: Console, job: str) -> list[dict]:
    """Return the payloads of the calls of a job, without the cutover's id, and without those of standstill passes."""
    payloads = [
        {name: option for name, option in payload.items() if name != "run"} for payload in console.caller.payloads(job)
    ]
    return payloads if job != "compare" else [payload for payload in payloads if "standstill" not in payload]


def test_certify_and_the_command_cutover_use_the_same_durations():
    assert [duration.total_seconds() for duration in (cutover.MIN_OBJECT_AGE, cutover.MAX_CLOCK_SKEW)] == [
        MIN_CUTOVER_AGE_SECONDS,
        MAX_CLOCK_SKEW_SECONDS,
    ]


def test_a_cutover_runs_its_steps_in_order_and_reports_their_results():
    console = make_console()
    console.caller.checks.appendleft([waiting_check("OMS is busy")])
    assert run(console) == certificate()
    (mark,) = {payload["run"] for _, payload in console.caller.asked if "run" in payload}
    assert console.caller.asked == [
        ("certify", {"look": True, "frozen_since": FROZEN_TEXT}),
        ("doctor", {}),
        ("replay", {}),
        ("compare", {"cutover": True, "restart": True}),
        ("compare", {**CUTOVER_PAYLOAD, "again": True, "run": mark}),
        ("certify", {"close": True, "run": mark}),
        ("certify", {"look": True, "frozen_since": FROZEN_TEXT}),
        *[("certify", {"frozen_since": FROZEN_TEXT, "look": True, "run": mark})] * 2,
        ("compare", {"standstill": True, "restart": True}),
        ("certify", {"frozen_since": FROZEN_TEXT, "run": mark}),
    ]
    assert [
        line for line in console.messages.splitlines() if not line.startswith("closing") and "Next check" not in line
    ] == [
        "1. Check the setup …",
        "   done",
        "2. Resend failed objects …",
        "   done: objects handled: 0; accepted: 0; failed again: 0; no longer to be resent: 0; left: 0",
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
    # Two minutes for earlier submissions, a minute until the next call of OMS, and a second.
    assert console.clock.seconds == 120 + 60 + 1


def test_a_fault_that_doctor_reports_ends_a_cutover_at_once(command):
    fault = {"state": "fault", "name": "key", "name_zh": "密钥", "actual": "revoked", "actual_zh": "已失效"}
    checks = [{**fault, "fix": "F", "fix_zh": "F"}]
    console = make_console(doctor={"ok": False, "checks": checks, "text": "Setup has faults", "text_zh": "有误"})
    assert command(console, "cutover", "--frozen-since", "now", "--close") == 1
    assert "  fault: key: revoked\n      -> F\nThe cutover did not start" in console.messages
    assert console.clock.seconds == 0
    assert list_payloads(console, "replay") == []


def test_a_cutover_shows_a_countdown_after_a_recent_freeze():
    console = make_console(typed="")
    asked_at: list = []
    console.caller.meanwhile = lambda job: asked_at.append((job, console.clock.seconds))
    run(console, NOW - timedelta(minutes=1))
    assert dict(asked_at)["replay"] == 0
    assert dict(reversed(asked_at))["compare"] == 240
    countdown = [f"waiting until 2026-01-31T09:04:00Z, {time_left} left" for time_left in ("4:00", "0:01")]
    assert missing_parts(console.messages, *countdown) == []


def test_a_cutover_in_the_sandbox_skips_its_waiting_times():
    console = make_console()
    passed: list = []
    console.caller.skip_time = lambda seconds: passed.append(seconds) or True
    console.caller.checks.appendleft([waiting_check("busy")])
    run(console, NOW)
    assert passed == [300, 120, 300]
    assert console.clock.seconds < 10


UNFINISHED_REPLAY = {**REPLAY_ANSWER, "taken": 9, "accepted": 5, "failed": 4, "left": 3, "finished": False}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (
            [
                UNFINISHED_REPLAY,
                UNFINISHED_REPLAY,
                {**REPLAY_ANSWER, "taken": 4, "failed": 4, "by_reason": {"REFUSED": 4}},
            ],
            "   attention: objects handled: 4; accepted: 0; failed again: 4; no longer to be resent: 0; left: 0\n",
        ),
        (
            [{**UNFINISHED_REPLAY, "stopped": "OMS refuses every key: ACCOUNT"}],
            "left: 3; stopped: OMS refuses every key: ACCOUNT\n",
        ),
    ],
    ids=["OMS accepts no further key", "OMS refuses every key"],
)
def test_a_cutover_repeats_replay_while_oms_accepts_keys(answers, message):
    console = run_cutover(replay=answers)
    assert len(list_payloads(console, "replay")) == len(answers)
    assert missing_parts(console.messages, message) == []


def answer_in_progress(**classes) -> dict:
    return compare_answer({name: make_class_counts(number, 0) for name, number in classes.items()})


def test_a_cutover_restarts_a_comparison_that_became_too_old():
    console = run_cutover(compare=[answer_in_progress(in_flight=1), NO_PASS["compare"], compare_answer()])
    payloads = [{"cutover": True, "restart": True}, {**CUTOVER_PAYLOAD, "again": True}] * 2
    assert list_payloads(console, "compare") == payloads
    assert "attention: stopped: No pass over this scope has started yet." in console.messages
    assert console.messages.endswith("Make the certificate …\n")


def test_a_cutover_rechecks_objects_in_progress_until_they_arrive():
    in_flight = [answer_in_progress(in_flight=number) for number in (5, 5, 5, 1)]
    console = make_console(compare=[answer_in_progress(missing=3, in_flight=2), *in_flight, compare_answer()])
    asked_at: list[float] = []
    console.caller.meanwhile = lambda job: asked_at.append(console.clock.seconds) if job == "compare" else None
    run(console, deep=True)
    recheck = {**CUTOVER_PAYLOAD, "deep": True, "again": True}
    assert list_payloads(console, "compare") == [{"cutover": True, "deep": True, "restart": True}, *[recheck] * 5]
    assert [round(later - earlier) for earlier, later in pairwise(asked_at)][:5] == [20, 20, 20, 60, 60]
    assert "\n   done\n6. Close the project" in console.messages


def test_a_cutover_replays_failed_objects_before_their_recheck():
    jobs = [job for job, _ in run_cutover(compare=[answer_in_progress(failed_before=1), compare_answer()]).caller.asked]
    assert [job for job in jobs if job in ("replay", "compare")][:4] == ["replay", "compare"] * 2


def test_a_cutover_waits_at_most_150_minutes_for_objects_in_progress():
    console = run_cutover(compare=answer_in_progress(moving=2))
    assert 9000 <= console.clock.seconds < 9100
    assert (
        missing_parts(
            console.messages, "in progress: moving 2. Recheck in ", "   attention: still in progress: moving 2\n"
        )
        == []
    )


TOO_MANY_KEYS_ERROR = FunctionError(
    "PayloadError", Text("The lists name 12,000 keys", chinese="清单中有 12,000 个"), Text("", chinese="")
)


@pytest.mark.parametrize(
    ("compare", "calls", "message"),
    [
        (
            answer_in_progress(missing=2, older=1),
            1 + 3,
            "still in progress: missing 2, older 1\nThe project is not closed: some objects must first be",
        ),
        (
            [answer_in_progress(missing=12_000), TOO_MANY_KEYS_ERROR],
            2,
            "The lists name 12,000 keys\nThe project is not closed",
        ),
        (open_compare_answer(stop="storage", stopped="OBS refuses"), 3, "stopped: OBS refuses\nMake the certificate …"),
    ],
    ids=["objects stay missing", "too many keys to recheck", "a comparison that stops"],
)
def test_a_cutover_certifies_differences_that_remain_after_submission(compare, calls, message):
    console = make_console(compare=compare)
    assert run(console) == certificate()
    assert len(list_payloads(console, "compare")) == calls
    assert console.caller.mark is None
    assert f"   attention: {message}" in console.messages


TIMES_AFTER_FREEZE = {"started": "2026-01-31T08:15:00Z", "ended": "2026-01-31T08:40:00Z"}


RESTART = {"cutover": True, "restart": True}
RECHECK = {**CUTOVER_PAYLOAD, "again": True}


@pytest.mark.parametrize(
    ("plan", "earlier", "answers", "payloads"),
    [
        (
            {},
            open_compare_answer(**{**TIMES_AFTER_FREEZE, "ended": None}, stood_still=None, wishes=[]),
            [],
            [{"cutover": True}, RECHECK],
        ),
        ({}, compare_answer(**TIMES_AFTER_FREEZE, stood_still=False), [], [RESTART, RECHECK]),
        (
            {"deep": True},
            compare_answer(**TIMES_AFTER_FREEZE),
            [],
            [{**RESTART, "deep": True}, {**RECHECK, "deep": True}],
        ),
        ({"restart": True}, compare_answer(**TIMES_AFTER_FREEZE), [], [RESTART, RECHECK]),
        ({}, compare_answer(**TIMES_AFTER_FREEZE, last_written=[]), [], [RESTART, RECHECK]),
        ({}, compare_answer({"overwritten": make_class_counts(1, 1)}, **TIMES_AFTER_FREEZE), [], [RECHECK]),
        (
            {},
            compare_answer({"missing": make_class_counts(12_000, 0)}, **TIMES_AFTER_FREEZE),
            [TOO_MANY_KEYS_ERROR],
            [RECHECK, RESTART, RECHECK],
        ),
    ],
    ids=[
        *("an open comparison", "a comparison that a standstill pass contradicts", "a comparison without deep"),
        *("a requested restart", "a comparison without source objects", "a finished comparison"),
        "more differing keys than a recheck accepts",
    ],
)
def test_a_cutover_continues_an_open_comparison_with_the_same_options(plan, earlier, answers, payloads):
    console = make_console(compare=[*answers, compare_answer()])
    console.caller.passes["compare"] = earlier
    assert run(console, **plan)["verdict"] == "GO"
    assert list_payloads(console, "compare") == payloads
    assert console.caller.mark is not None
    begun = "   done: using the comparison begun at 2026-01-31T08:15:00Z; 1,001 source objects, 1,001 in OBS\n"
    assert (begun in console.messages) is (payloads == [RECHECK])


# Closing.


def waiting_check(state: str, name: str = "OMS_FINISHED", **changes) -> dict:
    return a_check(name, **{"result": "not run", "waits": True, "actual": state, "actual_zh": state, **changes})


def answer_with_writes(*times: str) -> dict:
    return compare_answer(last_written=[{"key": time, "at": f"2026-01-31T{time}Z"} for time in times])


UNPROVEN_ANSWER = compare_answer({"equal_size": make_class_counts(1, 1)})


@pytest.mark.parametrize(
    ("compare", "accept", "is_closed"),
    [
        (UNPROVEN_ANSWER, {}, False),
        (UNPROVEN_ANSWER, {"equal_size": "Li"}, True),
        (UNPROVEN_ANSWER, {"equal_version": "Li"}, False),
        (compare_answer({"arriving": make_class_counts(0, 1)}), {}, False),
        (answer_with_writes("08:01:00", "07:00:00"), {}, True),
        (answer_with_writes("08:01:01", "07:00:00"), {}, False),
        (answer_with_writes(), {}, False),
    ],
    ids=[
        *("not proven", "accepted by name", "another object class is accepted"),
        *(
            "an object that OMS may still copy",
            "a write within a minute of the freeze",
            "a write after the freeze",
            "no source object in the scope",
        ),
    ],
)
def test_a_cutover_does_not_close_a_project_with_repairable_differences(compare, accept, is_closed):
    console = make_console(compare=compare)
    run(console, accept=accept)
    assert (console.caller.mark is not None) is is_closed
    assert ("some objects must first be repaired" in console.messages) is not is_closed
    accepted = {"accept": accept} if accept else {}
    assert list_payloads(console, "certify")[-1] == {"frozen_since": FROZEN_TEXT, **accepted}


@pytest.mark.parametrize(
    ("typed", "is_closed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False), (None, False)]
)
def test_a_cutover_closes_the_project_only_after_yes_on_a_terminal(command, typed, is_closed):
    console = make_console(typed=typed, certify=certificate({"SAMPLE": "not run"}, "NOT PROVEN"))
    assert command(console, "cutover", "--frozen-since", FROZEN_TEXT) == 3
    assert (console.caller.mark is not None) is is_closed
    message = "The project is not closed, so the cutover cannot end in GO. Run the same command with --close"
    assert (message in console.messages) is not is_closed


def test_a_cutover_returns_a_go_in_effect_without_further_calls(command, tmp_path):
    console = make_console()
    console.caller.go = certificate()
    assert command(console, "cutover", *WORDS, "--out", "go.json") == 0
    assert [job for job, _ in console.caller.asked] == ["certify", "remove"]
    assert "A GO is in effect" in console.messages
    assert json.loads((tmp_path / "go.json").read_text()) == certificate()


@pytest.mark.parametrize("has_go", [True, False])
def test_a_cutover_ends_if_another_cutover_closed_the_project_meanwhile(command, has_go):
    console = make_console(certify=certificate({"MISSING": "failed"}, "NO-GO"))

    def another(job: str) -> None:
        if console.clock.seconds == 120:
            console.caller.mark = {**console.caller.mark, "run": "another"}
            console.caller.go = certificate() if has_go else None

    console.caller.meanwhile = another
    assert command(console, "cutover", *WORDS) == (0 if has_go else 1)
    assert console.caller.mark["run"] == "another"
    assert ("Another command has closed the project" in console.messages) is not has_go
    assert not [payload for payload in console.caller.payloads("compare") if "standstill" in payload]


@pytest.mark.parametrize(
    ("check", "goes_on"),
    [
        (waiting_check("lost", waits=False, result="not proven"), False),
        (waiting_check("", "NOTHING_WAITS", waits=False, result="failed"), False),
        (waiting_check("", waits=False, result="passed"), True),
    ],
)
def test_a_cutover_starts_the_standstill_pass_only_after_oms_finished(check, goes_on):
    console = make_console()
    console.caller.checks[0].append(check)
    accept = {"oms_unfinished": "Li"}
    run(console, accept=accept)
    assert [payload["accept"] for payload in list_payloads(console, "certify") if "accept" in payload] == [accept] * 3
    assert ({"standstill": True, "restart": True} in console.caller.payloads("compare")) is goes_on
    assert (f"   attention: {check['id']}\nMake the certificate" in console.messages) is not goes_on


@pytest.mark.parametrize(
    ("name", "result", "verdict", "is_open"),
    [
        *((name, "failed", "NO-GO", True) for name in ("FROZEN", "MISSING", "OLDER", "OVERWRITTEN", "FAILED")),
        # These only need reading, waiting or an acceptance.
        ("STOOD_STILL", "failed", "NO-GO", False),
        ("SAMPLE", "not run", "NOT PROVEN", False),
        ("TASK", "failed", "NO-GO", False),
    ],
)
def test_a_cutover_reopens_its_project_only_to_submit_objects(command, name, result, verdict, is_open):
    console = make_console(certify=certificate({name: result}, verdict))
    assert command(console, "cutover", *WORDS) == {"NO-GO": 1, "NOT PROVEN": 3}[verdict]
    assert (console.caller.mark is None) is is_open
    opening_calls = [("deploy", {"trigger": "oss-content"}), ("reconcile", {"restart": True})]
    assert (console.caller.asked[-2:] == opening_calls) is is_open
    opened = f"because some objects must be submitted ({name}). After the step above, run the cutover again.\n"
    give_up = f"To give up the cutover and open the project: {OPS} open\n"
    kept = f"run the cutover again, which continues from this state. {give_up}"
    assert [console.messages.endswith(end) for end in (opened, kept)] == [is_open, not is_open]


def test_a_cutover_of_a_closed_project_submits_nothing_and_recloses_it(command):
    console = make_console()
    console.caller.mark = make_mark("of a killed run")
    assert command(console, "cutover", "--frozen-since", FROZEN_TEXT) == 0
    assert console.caller.payloads("replay") == []
    assert console.caller.mark["since"] == NOW_TEXT


@pytest.mark.parametrize(
    ("run", "has_go", "is_open", "message"),
    [
        (
            "of yesterday",
            False,
            True,
            "because some objects must be submitted (MISSING). After the step above, run the cutover again.",
        ),
        ("of yesterday", True, False, "The project stays closed, because a GO is in effect."),
        (
            "",
            False,
            False,
            f"was closed by hand, and some objects must be submitted (MISSING). Open the project: {OPS} open.",
        ),
    ],
)
def test_a_cutover_reopens_a_project_without_a_go_to_submit_objects(command, run, has_go, is_open, message):
    # GIVEN a closed project, and missing objects
    console = make_console(compare=answer_in_progress(missing=2), certify=certificate({"MISSING": "failed"}, "NO-GO"))
    console.caller.mark = make_mark(run)
    console.caller.go = certificate() if has_go else None

    # WHEN the cutover starts over, THEN it does not promise that the next run continues
    assert command(console, "cutover", *WORDS, "--restart") == 1
    assert (console.caller.mark is None) is is_open
    not_anew = "This run does not renew the close, because some objects"
    assert missing_parts(console.messages, not_anew, message) == []


def test_a_restarted_cutover_does_not_return_an_older_go(command):
    console = make_console(compare=compare_answer(), certify=certificate({"SAMPLE": "not run"}, "NOT PROVEN"))
    console.caller.mark = make_mark("of yesterday")
    console.caller.go = certificate()
    assert command(console, "cutover", *WORDS, "--restart") == 3
    assert {"standstill": True, "restart": True} in console.caller.payloads("compare")


def test_a_cutover_with_go_removes_the_trigger_of_forward(command):
    console = make_console()
    assert command(console, "cutover", *WORDS) == 0
    assert console.caller.asked[-1] == ("remove", {"trigger": "oss-content"})
    assert console.caller.mark
    # Keys that OMS accepted before can still be unfinished. AND the messages say how to stop the task itself, for
    # which the project's keys lack the permission
    removed = "its trigger is removed: nothing more is submitted to OMS.\n"
    how_to_stop = f"Now stop the sync task {certificate()['task']} in the OMS console"
    assert missing_parts(console.messages, removed, how_to_stop) == []


# The certificate.


def reading(read: int) -> dict:
    """Return a certificate for which certify has read this number of sampled objects."""
    sample = {**make_sample(), "drawn": 300, "unread": ["a/3"], "problem": "time", "read": read}
    return certificate({"SAMPLE": "not run"}, "NOT PROVEN", sample=sample)


def test_a_cutover_repeats_certify_until_the_sample_is_read():
    console = make_console(typed="", certify=[reading(100), reading(250), certificate()])
    payload = {"sample": 300, "accept": {"equal_size": "Li"}}
    assert run(console, **payload)["verdict"] == "GO"
    assert list_payloads(console, "certify")[-3:] == [{"frozen_since": FROZEN_TEXT, **payload}] * 3
    assert missing_parts(console.messages, "reading the sample: 100 of 300", "reading the sample: 250 of 300") == []


def test_a_cutover_stops_certify_if_the_sample_makes_no_progress():
    console = make_console(certify=[reading(50), reading(100), reading(100)])
    assert run(console, sample=300)["verdict"] == "NOT PROVEN"
    assert len([payload for payload in list_payloads(console, "certify") if "sample" in payload]) == 3


OUT_OF_SCOPE = {name: make_class_counts(90, 90) for name in ("outside", "canary")}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            {"moving": make_class_counts(250, 0)},
            "attention: still in progress: moving 250; 1,000 of 1,250 objects could be judged",
        ),
        ({}, "done: no objects in progress; 1,000 of 1,000 objects could be judged"),
        # As in the certificate, only objects in scope count.
        (
            {"equal_contents": make_class_counts(0, 0), "moving": make_class_counts(10, 0), **OUT_OF_SCOPE},
            "attention: still in progress: moving 10; 0 of 10 objects could be judged",
        ),
    ],
    ids=["a changing object", "no changing object", "no object that can be judged"],
)
def test_a_rehearsal_closes_no_project_and_reports_the_judged_objects(command, classes, message):
    console = make_console(compare=compare_answer(classes), certify=rehearsal("NO-GO"))
    assert command(console, "cutover", "--rehearse", "--sample", "10") == 1
    assert list_payloads(console, "compare") == [{"cutover": True, "restart": True}, {"cutover": True, "again": True}]
    assert console.caller.payloads("compare")[2:] == [{"standstill": True, "restart": True}]
    assert list_payloads(console, "certify") == [{"look": True}, {"sample": 10}]
    assert message in console.messages
    assert "settle" not in console.messages


def test_a_rehearsal_waits_a_limited_time_for_oms_lists():
    unread_answer = rehearsal("NOT PROVEN", {"NOTHING_WAITS": {"result": "not run", "waits": True}})
    assert run(make_console(certify=[unread_answer, unread_answer, rehearsal()]), frozen=None) == rehearsal()
    console = make_console(certify=unread_answer)
    assert run(console, frozen=None) == unread_answer
    assert 3 < len(list_payloads(console, "certify")) < 10


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
def test_a_cutover_prints_and_stores_the_verdict_and_sets_the_exit_code(command, tmp_path, document, words, code):
    console = make_console(certify=document)
    assert command(console, "cutover", *words) == code
    name = document["document"].rpartition("/")[2]
    assert json.loads((tmp_path / name).read_text()) == document
    assert console.out.getvalue().startswith(f"{document['verdict']}\n  ")
    assert f"Written: {name}\n" in console.messages


@pytest.mark.parametrize("name", ["../../x.json", "x/..", "/etc/passwd", NASTY, ""])
def test_a_cutover_writes_no_certificate_outside_the_current_folder(command, tmp_path, name):
    console = make_console(certify=certificate(document=name))
    assert command(console, "cutover", "--frozen-since", FROZEN_TEXT) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["x.json" if name == "../../x.json" else "certificate.json"]


@pytest.mark.parametrize("words", [["--out", "nowhere/file"], ["--html", "nowhere/file"], []])
def test_a_cutover_reports_an_unwritable_file_before_any_call(command, tmp_path, words):
    console = make_console()
    if not words:
        (tmp_path / "certificate.json").mkdir()
    assert command(console, "cutover", *WORDS, *words) == 2
    assert "-> Choose another output file" in console.messages
    assert console.caller.asked == []


def test_a_cutover_passes_its_acceptances_to_the_first_call_of_certify(command):
    console, accepted = make_console(), {"equal_size": "Li: checked = by hand", "unknown": "运维，已核对"}
    words = [word for name, reason in accepted.items() for word in ("--accept", f"{name}={reason}")]
    command(console, "cutover", *WORDS, "--sample", "20", *words)
    assert list_payloads(console, "certify")[-1] == {"frozen_since": FROZEN_TEXT, "sample": 20, "accept": accepted}
    # The function, which has the list of acceptable classes, can then refuse them before the project is closed.
    assert console.caller.asked[0] == ("certify", {"frozen_since": FROZEN_TEXT, "accept": accepted, "look": True})


NAME_HINT = "write who accepts equal_size, a comma"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--accept", "x=me"), "--accept: 'x' cannot be accepted by name. Names that can be accepted: "),
        (("--accept", "missing=Li, tried"), "--accept: 'missing' cannot be accepted"),
        (
            ("--accept", "equal_size=me"),
            f"""{NAME_HINT}, and the reason, such as --accept equal_size="the owner of the bucket, com""",
        ),
        *(
            (("--accept", acceptance), NAME_HINT)
            for acceptance in ("equal_size=, checked", "equal_size=Li:", "equal_size", "equal_size= ")
        ),
        (("--accept", "equal_size=<who, why>"), "--accept"),
        (("--rehearse", "--close"), "a rehearsal does not close the project: omit --close"),
        (("--rehearse", "--frozen-since", "now"), "--rehearse"),
        (("--sample", "many"), "--sample"),
        (("--sample", "301"), "--sample"),
    ],
)
def test_a_cutover_refuses_contradictory_options_before_any_call(command, capsys, words, message):
    console = make_console()
    with pytest.raises(SystemExit, match=r"^2$"):
        command(console, "cutover", *words)
    assert message in capsys.readouterr().err
    assert console.caller.asked == []


OPTION_TEXT = "-> Pass --rehearse, or the start of the freeze: --frozen-since now"


@pytest.mark.parametrize(
    ("words", "lang", "typed", "parts"),
    [
        (["--frozen-since", "soon"], "en", None, ["'soon' is not a time with a time zone", OPTION_TEXT]),
        (["--frozen-since", "2026-01-31T08:00:00"], "en", None, ["is not a time with a time zone", OPTION_TEXT]),
        (
            ["--frozen-since", "2026-01-31T09:05:00Z"],
            "en",
            None,
            ["2026-01-31T09:05:00Z, is in the future", OPTION_TEXT],
        ),
        ([], "en", None, [OPTION_TEXT]),
        ([], "zh", None, ["-> 请使用 --rehearse，或给出停写时间"]),
        # The user does not answer.
        ([], "en", "", ["When did all writes to the source stop?", OPTION_TEXT]),
    ],
)
def test_a_cutover_without_a_valid_freeze_time_names_the_option(command, words, lang, typed, parts):
    console = make_console(lang, typed)
    assert command(console, "cutover", *words) == 2
    assert missing_parts(console.messages, *parts) == []
    assert console.caller.asked == []


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ("now\ny\n", {"frozen_since": NOW_TEXT}),
        ("\nyesterday\n2026-01-31T08:00:00Z\ny\n", {"frozen_since": FROZEN_TEXT}),
        ("r\n", {}),
    ],
)
def test_a_cutover_on_a_terminal_asks_for_the_time_of_the_freeze(command, typed, payload):
    console = make_console(typed=typed, certify=certificate() if payload else rehearsal())
    assert command(console, "cutover") == 0
    assert list_payloads(console, "certify")[-1] == payload
    assert "When did all writes to the source stop?" in console.messages
    assert ("Close the project now" in console.messages) is bool(payload)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (0, "The work continues in the cloud. Run the same command again with --frozen-since 2026-01-31T08:00:00Z"),
        (
            120,
            "The project is closed. To continue, run the same command again with --frozen-since 2026-01-31T08:00:00Z.",
        ),
    ],
)
def test_an_interrupted_cutover_prints_the_command_that_continues(command, second, message):
    console = make_console()

    def interrupt(job):
        if (job in ("compare", "certify") and console.clock.seconds >= second and console.caller.mark) or second == 0:
            raise KeyboardInterrupt

    console.caller.meanwhile = interrupt
    assert command(console, "cutover", *WORDS) == 130
    assert [line[: len(message)] for line in console.messages.splitlines()[-2:]] == [
        "The command was stopped.",
        message,
    ]


def test_a_running_migration_ends_a_cutover_and_a_rehearsal_names_it():
    console = make_console()
    console.caller.migration = {"begun": "2026-01-30T09:00:00Z", "group": "g", "keys": []}
    with pytest.raises(CloudError) as caught:
        run(console)
    assert caught.value.fix.en.endswith("python3 ops.py migrate --look")
    assert console.caller.asked == [("certify", {"look": True, "frozen_since": FROZEN_TEXT})]

    run(console, frozen=None)
    assert "The migration of the existing objects has not ended" in console.messages


# Headers


HEADERS_LOOK = headers_answer({HeadersOutcome.DIFFERS: 1}, work="look")
COULD_NOT_MEND = headers_answer({}, finished=False, stop=Stop.HEADERS, stopped="no canary")


def run_with_headers(earlier, answer) -> Console:
    """Return the console of a cutover with the answer `earlier` about the project's last pass of headers.

    `answer` is the answer of the headers pass in the cutover.
    """
    console = make_console(compare=[compare_answer(), compare_answer(), answer, compare_answer(), compare_answer()])
    console.caller.passes["headers"] = earlier
    run(console)
    return console


def test_a_cutover_repeats_an_earlier_pass_of_headers_before_the_close():
    console = run_with_headers(HEADERS_LOOK, headers_answer({HeadersOutcome.MENDED: 9, HeadersOutcome.REMOVAL: 2}))
    (index,) = [number for number, (_, payload) in enumerate(console.caller.asked) if "headers" in payload]
    assert console.caller.asked[index][1] == {"headers": "mend", "cutover": True, "restart": True}
    assert "close" in console.caller.asked[index + 1][1]
    assert "2 objects were not changed" in console.messages


@pytest.mark.parametrize(
    ("earlier", "answer", "is_closed"),
    [
        (headers_answer({}, pass_=None, finished=False), compare_answer(), True),
        (headers_answer({}, work="undo"), compare_answer(), True),
        (HEADERS_LOOK, headers_answer({}, finished=False, stop=Stop.CLOSED, stopped="busy"), False),
        # Headers that cannot be changed do not delay a cutover.
        (HEADERS_LOOK, COULD_NOT_MEND, True),
        (HEADERS_LOOK, FunctionError("StorageError", untranslated("denied"), untranslated("grant it")), True),
    ],
    ids=["no pass", "a pass that was undone", "an unfinished pass", "no canary", "no permission"],
)
def test_an_unfinished_pass_of_headers_ends_a_cutover_before_the_close(earlier, answer, is_closed):
    console = run_with_headers(earlier, answer)
    assert any("headers" in payload for _, payload in console.caller.asked) is (earlier is HEADERS_LOOK)
    assert any("close" in payload for payload in console.caller.payloads("certify")) is is_closed
    unfinished = "the pass that changes headers in OBS has not finished. Run the same command again"
    assert (unfinished in console.messages) is not is_closed
