"""Answers of the functions, which ops.py prints as text in English or in Chinese."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from itertools import repeat

import pytest

from ops.certificate.check import exit_code
from ops.command_line.cli import ANSWER_VIEWS
from ops.report import passes
from ops.show import lines
from ops.terminal import FittedLines, MarkedLine
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.pass_answers import PassAnswer, ReadResult
from support.answers import answer
from support.ops import (
    NASTY,
    OPS,
    REPLAY_ANSWER,
    STORY,
    Console,
    compare_answer,
    make_class_counts,
    missing_parts,
    open_pass_answer,
    pass_answer,
    report,
)
from unit.ops.certificates import IDS, add_hash, rehearsal, replace_values
from unit.ops.certificates import certificate as a_certificate
from unit.ops.web_page import hostile


def text(lines) -> str:
    """Print lines without a terminal and return the output."""
    console = Console()
    console.session.screen.answer(lines)
    return console.out.getvalue()


def view(kind):
    """Return a function that draws an answer of this kind for a terminal."""
    answer_view = ANSWER_VIEWS[kind]
    return lambda answer, lang="en": list(lines.draw(answer_view.report(answer_view.parse(answer), lang)))


status_lines, certificate_lines, reconcile_lines = view("status"), view("certificate"), view("reconcile")
doctor_lines, replay_lines, story_lines, compare_lines = map(view, ("doctor", "replay", "story", "compare"))


def pass_lines(answer, lang="en"):
    return (compare_lines if "classes" in answer else reconcile_lines)(answer, lang)


LAG = (
    "  Time from write to arrival in OBS\n  median: 4 s\n  90th percentile: 61 s\n  99th percentile: 5 min\n",
    "  longest: 2 h\n  not finished yet: 3\n",
)


def test_the_text_of_a_status_has_numbers_remedies_and_sums():
    output = text(status_lines(report()))
    rows = {line.split("  ")[0]: line.split()[-1] for line in map(str.strip, output.splitlines()) if line}
    numbers = {"accepted, not processed yet": "15", "resolved": "1", "waiting": "3", "stuck": "2"}
    assert rows.items() >= {**numbers, "another project": "0"}.items()
    progress = "25.0%, 4,321 objects scanned so far, 2,000 objects per minute, 7 min left"
    parts = (
        "Behind\n  Now behind.\n",
        f"        {report()['copying']['failures']['codes']['INIT_DST_OBJ_MULTIPART_FAILURE']['fix']}\n",
        *("OMS did not accept them", "  missing missing", "1,190", "at least 8", "it means this"),
        f"  A reconcile pass is running (begun: 2026-01-01T23:50:00Z): {progress}\n",
        "2026-01-01T04:20:00Z (20 h ago)",
        *LAG,
        "  A comparison is running (begun: 2026-01-01T23:40:00Z): 25.0%, 2,000 objects per minute, 7 min left",
        report()["fixes"]["THROTTLED"]["en"],
    )
    assert missing_parts(output, *parts, "never said") == ["never said"]


def test_the_text_of_a_status_shows_only_lasting_failures_in_red():
    red = [line.marked_text for line in status_lines(report()) if isinstance(line, MarkedLine) and line.tone == "bad"]
    assert "Persistent: action required" in red
    assert "Temporary: resent automatically" not in red


def test_the_text_of_a_status_has_the_counters_in_order_and_unknown_ones():
    month = {"bytes": None, "copied": 3, "failed": 0, "requests": None, "skipped": 0}
    status = json.loads(json.dumps(report(oms={**report()["oms"], "month": month}), sort_keys=True))
    rows = [line.split() for line in text(status_lines(status)).partition("\n    requested ")[2].splitlines()]
    assert rows[:2] == [["42", "unknown"], ["copied", "40", "3"]]
    assert [row[0] for row in rows[2:5]] == ["failures", "skipped", "volume"]


def test_the_text_of_a_keys_history_names_its_state_and_next_command():
    assert text(story_lines(STORY, "en")) == (
        "'a b': OMS accepted an older version than the source's current version.\n"
        "      -> Reconcile submits it. To resend the object now:\n"
        f"      -> {OPS} replay --key 'a b'\n"
        "  source bucket: 1,234 bytes, written 2026-01-31T08:00:00Z\n"
        "  accepted by OMS: 2026-01-31T08:00:04Z (4 s later), for a different version\n"
        "  destination bucket: 1,234 bytes, written 2026-01-31T08:05:00Z\n"
        "  Time from write to arrival in OBS: 5 min\n"
    )
    unnamed = {**STORY, "success": {**STORY["success"], "etag": "-"}}
    assert "  accepted by OMS: 2026-01-31T08:00:04Z (4 s later), for an unknown version\n" in text(
        story_lines(unnamed, "en")
    )
    unknown_story = {**STORY, "object": None, "in_obs": None, "in_obs_unknown": "no right", "step": None}
    assert "  destination bucket: no right\n" in text(story_lines(unknown_story, "en"))


def doctor_check(name: str, state: str, finding: str, fix: str) -> dict[str, str]:
    return {
        "name": name,
        "name_zh": name,
        "state": state,
        "actual": finding,
        "actual_zh": finding,
        "fix": fix,
        "fix_zh": fix,
    }


CHECKS = [
    doctor_check("settings", "ok", "all well", ""),
    doctor_check("task source", "warning", "another form", "Look at it."),
    doctor_check("task", "fault", "NO_TASK 404", "Check SYNC_URL."),
    doctor_check("task state", "unknown", "depends on: task", ""),
    doctor_check("task options", "unknown", "depends on: task", ""),
    doctor_check("createEvent", "unknown", "too many records", "Check again."),
    doctor_check("arrival of records", "skipped", "no object yet", ""),
]
FAULTS_FIRST = """\
Setup has faults: ok 1, skipped 1, warning 1, unknown 3, fault 1
  fault: task: NO_TASK 404
      -> Check SYNC_URL.
  unknown: createEvent: too many records
      -> Check again.
  warning: task source: another form
      -> Look at it.
  skipped: arrival of records: no object yet
  checks with unknown results until the faults are resolved: task state, task options
"""


def test_the_text_of_doctor_has_faults_first_and_counts_passed_checks():
    answer = {"ok": False, "text": "Setup has faults", "text_zh": "配置有误", "checks": CHECKS}
    assert text(doctor_lines(answer, "en")) == FAULTS_FIRST
    assert text(doctor_lines({**answer, "checks": CHECKS[:1]}, "zh")) == "配置有误：正常 1\n"


@pytest.mark.parametrize(
    ("state", "tone"), [("fault", "bad"), ("unknown", "bad"), ("warning", "open"), ("skipped", "calm")]
)
def test_the_text_of_doctor_shows_the_state_of_a_check_by_its_colour(state, tone):
    answer = {"ok": False, "text": "x", "text_zh": "x", "checks": [doctor_check("a", state, "b", "c")]}
    assert list(doctor_lines(answer, "en"))[1] == MarkedLine("  ", state, tone, ": a: b")


TOO_MANY = {
    "unsent": 1234,
    "step": {"job": "migrate", "options": {}},
    "all_the_same": {"job": "reconcile", "options": {"all": True}},
    "stop": "too_many",
    "stopped": "too many",
}
COPY_COMMANDS = ("ops.py migrate\n", "ops.py reconcile --all\n")
UNSENT_TEXTS = ("1,234 missing objects were not submitted", *COPY_COMMANDS)
ACKNOWLEDGED_REPORT = report(copying={**report()["copying"], "acknowledged": "2026-01-01T12:00:00Z"})
FAILURE_FIELDS = {"failed": 2, "oldest_failure": "2026-01-01T00:00:00Z", "by_reason": {"FORBIDDEN": 1, "THROTTLED": 2}}
UNFINISHED_REPLAY = {
    **REPLAY_ANSWER,
    "taken": 5,
    "accepted": 3,
    **FAILURE_FIELDS,
    "stop": "time",
    "stopped": "the time is up",
}
SUSPICIOUS = compare_answer(
    {"suspicious": make_class_counts(2, 2, "a"), "unknown": make_class_counts(0, 2, "u")},
    remedies={"suspicious": {"en": "Read them.", "zh": "请读取。"}},
)
READ_SAMPLE = {
    **dict.fromkeys((field.name for field in fields(ReadResult)), 0),
    "equal": 3,
    "unreadable": 4,
    "no_right_in_obs": 2,
}
READ_SAMPLE["keys"] = {"unreadable": ["archived", NASTY, "c", "d", "e", "f"], "no_right_in_obs": ["g", "h"]}


@pytest.mark.parametrize(
    ("view", "answer", "lang", "expected"),
    [
        (
            certificate_lines,
            answer("certificate-go"),
            "en",
            ["  Objects in OBS: 4,608,162 (18.7 TB, including 3,310 objects deleted at the source)\n"],
        ),
        (
            certificate_lines,
            answer("certificate-go"),
            "zh",
            ["  OBS 对象：4,608,162（18.7 TB，其中 3,310 个对象已在源端删除）\n"],
        ),
        (status_lines, answer("status"), "en", [f"{answer('status')['oms']['month']['bytes']:,} bytes"]),
        (status_lines, ACKNOWLEDGED_REPORT, "en", ["start of the failure count: 2026-01-01T12:00:00Z"]),
        (
            status_lines,
            report(),
            "zh",
            [
                *("有积压\n  现在 behind。", "OMS 统计的失败数：9", "photos → photos-obs", "接收请求", "OMS 已接受"),
                report()["fixes"]["THROTTLED"]["zh"],
            ],
        ),
        (
            status_lines,
            report(**answer("made/status-empty")),
            "en",
            [
                "not reported by OMS: UNREACHABLE\n  Check the host.",
                *("Objects that OMS failed to copy:\n  unknown\n", "no reconcile pass has finished yet"),
            ],
        ),
        (
            replay_lines,
            UNFINISHED_REPLAY,
            "en",
            [
                "Some objects are still waiting to be resent.\n  objects handled: 5; accepted: 3; failed again: 2; ",
                "  oldest failure: 2026-01-01T00:00:00Z\n  stopped: the time is up\n",
                "    THROTTLED        2\n    FORBIDDEN        1\n",
            ],
        ),
        (replay_lines, REPLAY_ANSWER, "zh", ["没有待重发的对象。\n"]),
        (reconcile_lines, open_pass_answer(), "zh", ["  提前停止：本次函数调用的时间已用尽（"]),
        (reconcile_lines, pass_answer(**TOO_MANY), "en", UNSENT_TEXTS),
        (compare_lines, compare_answer(**TOO_MANY), "en", UNSENT_TEXTS),
        (reconcile_lines, pass_answer(**TOO_MANY), "zh", ["有 1,234 个缺失的对象未补交", *COPY_COMMANDS]),
        (
            reconcile_lines,
            pass_answer(is_migration_unknown=True),
            "en",
            ["The migration of the existing objects has not ended; its progress is unknown."],
        ),
        (compare_lines, SUSPICIOUS, "en", ["  suspicious\n      'a'\n", "  suspicious: Read them.\n"]),
        (compare_lines, SUSPICIOUS, "zh", ["  可疑：请读取。\n"]),
        (
            compare_lines,
            compare_answer({"equal_size": make_class_counts(4, 4)}, deep=READ_SAMPLE),
            "en",
            [
                *("  4 objects could not be read: archived, or encrypted", "      'archived'\n"),
                "  2 objects differ or are encrypted in OBS: to find out which, the IAM user of HW_AK needs",
                "(4 objects are not proven equal)",
            ],
        ),
    ],
    ids=[
        *("more objects in OBS than in the source", "more objects in OBS in Chinese", "an exact number of bytes"),
        *("the time of an acknowledgement", "a status in Chinese", "a status without an answer of OMS"),
        *("an unfinished replay", "a finished replay in Chinese", "a call that ended early"),
        *(
            "a reconcile pass with too many missing objects",
            "a comparison with too many missing objects",
            "a pass with too many missing objects in Chinese",
        ),
        "an unknown progress of a migration",
        *("a remedy under an object class", "a remedy under an object class in Chinese"),
        "unreadable objects with five keys",
    ],
)
def test_the_text_of_an_answer_has_its_facts_in_the_requested_language(view, answer, lang, expected):
    # At most five keys are shown; the sixth is 'f'.
    assert missing_parts(text(view(answer, lang)), *expected, "'f'") == ["'f'"]


def test_compare_and_status_print_the_same_number_of_unproven_objects():
    comparison = compare_answer(
        {
            "missing": make_class_counts(1, 0),
            "suspicious": make_class_counts(2, 2),
            "equal_size": make_class_counts(4, 4),
        }
    )
    assert "(7 objects are not proven equal)" in text(compare_lines(comparison, "en"))
    status = text(status_lines(report(compare={"last": comparison, "open": []}), "en"))
    assert "not proven equal: 7 of 1,007 objects" in status


def test_a_long_object_key_does_not_widen_other_rows_of_a_table():
    waiting_key = {"key": "x" * 900, "reason": "THROTTLED", "since": "2026-01-01T10:00:00Z", "message": ""}
    backlog = {**report()["backlog"], "keys": [waiting_key, {**waiting_key, "key": "y"}]}
    assert max(len(line) for line in text(status_lines(report(backlog=backlog))).splitlines() if "'y'" in line) < 160


def test_the_text_of_reconcile_has_its_result_or_progress():
    output = text(pass_lines(pass_answer()))
    assert output.startswith("The pass is finished.\n  scanned: 1,000\n  accepted by OMS: 1,000\n")
    assert "  pass: 2026-01-31T09:00:00Z – 2026-01-31T09:10:00Z, took 10 min, 100 objects per minute\n" in output
    trial = text(pass_lines(pass_answer(**NO_PASS, missing=[*"abcdefg", NASTY])))
    first_lines = trial.partition("First objects to submit:\n")[2].splitlines()
    assert first_lines[:7] == [f"      {key!r}" for key in "abcdefg"]
    assert len(first_lines) == 8


MISSING_CLASSES = {
    "missing": make_class_counts(3, 0, "a", "b", "c", "d", "e", "f"),
    "unknown": make_class_counts(0, 2, "u"),
}


def test_the_text_of_compare_has_classes_with_objects_and_their_keys():
    classes = {**MISSING_CLASSES, "older": make_class_counts(0, 0)}
    output = text(pass_lines(compare_answer(classes, amended="2026-01-31T09:30:00Z")))
    expected_lines = ("  rechecked at: 2026-01-31T09:30:00Z\n", "  Watermark: 2026-01-31T08:59:00Z", *LAG)
    expected_lines += ("  missing\n      'a'\n      'b'\n",)
    assert missing_parts(output, *expected_lines, "'f'", "older") == ["'f'", "older"]
    rows = "\n".join(" ".join(line.split()) for line in output.splitlines())
    equal_line = "\nequal contents equal_contents 1,000 10,000 bytes 1,000 10,000 bytes\n"
    assert missing_parts(rows, equal_line, "\nmissing missing 3 30 bytes 0 0 bytes\n") == []


EMPTY_SCOPE_TEXT = "No object is in scope: check the source bucket, the prefix and the suffix for typos."
EMPTIED_SOURCE_TEXT = "The source has no object in scope, but OBS has some."
EMPTY_CLASSES = {"equal_contents": make_class_counts(0, 0)}
TRIAL = {"pass": None, "submitted": 5}
NO_PASS = {"pass": None, "started": None, "ended": None, "objects_per_minute": None, "finished": False}


@pytest.mark.parametrize(
    ("answer", "code", "title"),
    [
        (compare_answer(), 0, "All objects are in OBS with equal contents."),
        (compare_answer(MISSING_CLASSES), 1, "Some objects are missing or different in OBS."),
        (compare_answer({"moving": make_class_counts(1, 0)}), 3, "Some objects are still in progress."),
        (compare_answer({"arriving": make_class_counts(0, 1)}), 3, "Some objects are still in progress."),
        (
            compare_answer({"in_flight": make_class_counts(1, 0), "older": make_class_counts(1, 1)}),
            1,
            "Some objects are missing or different in OBS.",
        ),
        # In a closed project, or if it is REJECTED, no function resends it.
        (
            compare_answer({"failed_before": make_class_counts(1, 0)}),
            1,
            "Some objects are missing or different in OBS.",
        ),
        (
            compare_answer({"in_flight": make_class_counts(1, 0), "equal_size": make_class_counts(1, 1)}),
            3,
            "Some objects are still in progress, and not all of the other objects are proven equal.",
        ),
        (compare_answer(EMPTY_CLASSES, has_no_objects=True), 3, EMPTY_SCOPE_TEXT),
        (
            compare_answer(
                {**EMPTY_CLASSES, "outside": make_class_counts(9, 9), "oms_own": make_class_counts(0, 9)},
                has_no_objects=True,
            ),
            3,
            EMPTY_SCOPE_TEXT,
        ),
        *(
            (
                compare_answer({**EMPTY_CLASSES, name: make_class_counts(0, 3)}, has_no_objects=True),
                3,
                EMPTIED_SOURCE_TEXT,
            )
            for name in ("deleted_at_source", "unknown", "arriving")
        ),
        (compare_answer(MISSING_CLASSES, **{"pass": None}), 1, "Some objects are missing or different in OBS."),
        (pass_answer(has_no_objects=True), 3, EMPTY_SCOPE_TEXT),
        (
            compare_answer({"equal_size": make_class_counts(1, 1)}),
            3,
            "No object is known to be missing, but some objects are not proven equal.",
        ),
        (
            compare_answer({"oms_own": make_class_counts(0, 9), "deleted_at_source": make_class_counts(0, 2)}),
            0,
            "All objects are in OBS with equal contents.",
        ),
        (pass_answer(), 0, "The pass is finished."),
        (pass_answer(failed=1), 1, "The pass is finished."),
        (pass_answer(unsent=1), 1, "The pass is finished."),
        (open_pass_answer(), 1, "The pass is not finished."),
        (
            {**pass_answer(), "finished": False, "stop": "closed", "stopped": "it says why"},
            1,
            "No pass has begun, because the project is closed. The result is of an earlier pass.",
        ),
        (pass_answer(**NO_PASS), 1, "No pass over this scope has started yet."),
        (
            pass_answer(**{**NO_PASS, "finished": True}),
            0,
            "This was a single call, which started no pass: no work continues in the cloud.",
        ),
        (
            pass_answer(**{**NO_PASS, "finished": True}, missing=["a"]),
            1,
            "This was a single call, which started no pass: no work continues in the cloud.",
        ),
        (
            pass_answer(**NO_PASS | {"stop": "limit", "stopped": "the limit is reached"}),
            0,
            "This was a single call, which started no pass: no work continues in the cloud.",
        ),
        (
            pass_answer(**NO_PASS | {"stop": "time", "stopped": "the time is up"}),
            1,
            "This was a single call, which started no pass: no work continues in the cloud.",
        ),
    ],
)
def test_the_title_of_a_pass_agrees_with_its_exit_code(answer, code, title):
    assert text(pass_lines(answer)).splitlines()[0] == title
    view = ANSWER_VIEWS["compare" if "classes" in answer else "reconcile"]
    parsed_answer = view.parse(answer)
    assert view.exit_code(parsed_answer) == code
    assert (view.report(parsed_answer, "en").head.tone == "good") == (code == 0 and answer["finished"])


def test_the_text_of_compare_does_not_show_objects_in_transit_in_red():
    answer = compare_answer({"in_flight": make_class_counts(1, 0, "late")})
    assert passes.report(ANSWER_VIEWS["compare"].parse(answer), "en").head.tone == "way"
    assert "  in_flight\n      'late'\n" in text(pass_lines(answer))


def test_the_text_of_compare_names_the_files_that_list_all_differing_keys():
    folder = "oms_source_record/differences/p-compare/t/pass"
    listed = compare_answer(MISSING_CLASSES, differences=[f"{folder}/{name}.txt" for name in "ab"])
    lists_text = "do not count as equal, in these files:"
    assert f"{lists_text} {folder}/*.txt" in " ".join(text(pass_lines(listed)).split())
    assert lists_text not in text(pass_lines(compare_answer(MISSING_CLASSES)))


@pytest.mark.parametrize("trial", [compare_answer(MISSING_CLASSES, **TRIAL), pass_answer(missing=["a"], **TRIAL)])
def test_the_text_of_a_dry_run_counts_objects_that_would_be_submitted(trial):
    not_sent = ["submitted objects", "submitted by this pass"]
    assert missing_parts(text(pass_lines(trial)), "  objects that would be submitted: 5\n", *not_sent) == not_sent


@pytest.mark.parametrize(
    ("answer", "en", "zh"),
    [
        (
            open_pass_answer(),
            "34%, 1,000 objects, 100 objects per minute, 12 min left",
            "34%、1,000 个对象、每分钟 100 个对象、预计还需 12 分钟",
        ),
        (
            open_pass_answer(share=None, minutes_left=None),
            "1,000 objects, 100 objects per minute",
            "1,000 个对象、每分钟 100 个对象",
        ),
        (None, "starting", "正在开始"),
        (pass_answer(), "starting", "正在开始"),  # the pass before it
    ],
)
def test_the_progress_of_a_pass_is_a_single_line(answer, en, zh):
    state = answer and from_json(PassAnswer, answer)
    assert [passes.progress_line(state, lang).replace("\u00a0", " ") for lang in ("en", "zh")] == [en, zh]


def test_the_text_of_a_certificate_names_failed_checks_and_remedies():
    document = a_certificate({"MISSING": "failed"}, "NO-GO", accepted={"equal_size": "Li, checked"})
    document = add_hash(replace_values(document, {"classes missing keys": [NASTY]}))
    output = text(certificate_lines(document))
    expected_lines = (
        "NO-GO\n  Failed checks: MISSING.\n",
        "  Writes stopped: 2026-01-31T08:00:00Z (2026-01-31 UTC)\n  As of: 2026-01-31T09:12:00Z (",
        f"  Checks passed: {len(IDS) - 3} of {len(IDS) - 2}\n",
        "  MISSING failed: 1 object missing in OBS (4 bytes)\n      required: ",
        "      counts in the certificate: 1 object, 4 bytes\n",
        f"      -> {OPS} cutover --frozen-since 2026-01-31T08:00:00Z --accept 'equal_size=Li, checked' --restart\n",
        *("equal size equal_size", "  Li, checked  "),
    )
    assert missing_parts(output, *expected_lines, "SAMPLE") == ["SAMPLE"]
    in_chinese = ("NO-GO\n  未通过的检查：MISSING。\n", "      证书中的计数：1 个对象、4 字节\n")
    assert missing_parts(text(certificate_lines(document, "zh")), *in_chinese) == []


def test_the_text_of_a_rehearsal_has_the_expected_length_of_the_freeze():
    output = text(certificate_lines(rehearsal("NO-GO", {"MISSING": "failed"})))
    expected_lines = (
        "  writes stopped: not stopped, because this is a rehearsal\n",
        "  The freeze would last about 131 minutes, ",
        "      MISSING: objects missing in OBS\n",
    )
    assert missing_parts(output, *expected_lines) == []
    minutes = [line.split()[-2:] for line in output.partition("Length of the freeze:")[2].splitlines()[2:9]]
    assert minutes == [[number, "min"] for number in ("1", "5", "54", "5", "2", "10", "54")]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (a_certificate(), 0),
        (a_certificate(verdict="NO-GO"), 1),
        (a_certificate(verdict="NOT PROVEN"), 3),
        (rehearsal("GO"), 0),
        (rehearsal("NO-GO"), 1),
        (rehearsal("NOT PROVEN"), 3),
        (a_certificate(verdict="MAYBE"), 4),
        (a_certificate({"MISSING": "failed"}), 4),
    ],
)
def test_the_exit_code_of_a_sound_certificate_is_its_verdict(document, code):
    assert exit_code(document) == code


@pytest.mark.parametrize(
    ("view", "answer"),
    [
        (status_lines, report()),
        (doctor_lines, {"ok": False, "text": "", "text_zh": "", "checks": CHECKS}),
        (story_lines, STORY),
        (replay_lines, {**REPLAY_ANSWER, "by_reason": {NASTY: 1}, "stopped": "", "oldest_failure": ""}),
        (pass_lines, pass_answer(missing=["a"], stopped="x")),
        (pass_lines, compare_answer(MISSING_CLASSES, stopped="x", remedies={"missing": {"en": "", "zh": ""}})),
        (certificate_lines, a_certificate({"MISSING": {"result": "failed", "keys": ["a"]}}, accepted={NASTY: "x"})),
    ],
    ids=["status", "doctor", "story", "replay", "reconcile", "compare", "certificate"],
)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_text_of_an_answer_does_not_control_the_terminal(view, answer, lang, monkeypatch):
    monkeypatch.setenv("COLUMNS", "9999")
    console = Console(typed="")
    drawn_lines = list(view(hostile(answer, repeat(NASTY)), lang))
    console.session.screen.answer(drawn_lines)
    plain_text = re.sub(r"\x1b\[(0|2|3[1-4])m", "", console.out.getvalue())
    assert "\\x1b[2J" in plain_text
    assert all(character.isprintable() or character == "\n" for character in plain_text)
    assert plain_text.count("\n") == sum(
        len([*line.lines(9999)]) if isinstance(line, FittedLines) else 1 for line in drawn_lines
    )
