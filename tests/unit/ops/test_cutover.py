"""A cutover: its steps, in their order, and what becomes of each."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ops import cli, cutover
from ops.cutover import Plan, run
from ops.errors import FunctionError, ToolError
from ops.words import Text
from oss_oms_sync.comparison.classes import SETTLED_SECONDS
from support.certificates import certificate, rehearsal
from support.ops import NASTY, NOW, REPLAYED, FakeCaller, Seen, a_pass, compared, open_pass, sides

FROZEN = NOW - timedelta(hours=1)
NOW_TEXT = "2026-01-31T09:00:00Z"


def world(**answers) -> Seen:
    """One in which all goes well, but for what is given."""
    given = {"replay": REPLAYED, "compare": compared(), "reconcile": a_pass(), "certify": certificate(), **answers}
    return Seen(FakeCaller(**given))


def test_what_is_settled_is_one_constant_in_both_worlds():
    assert cutover.SETTLED.total_seconds() == SETTLED_SECONDS


def test_the_steps_are_taken_in_their_order_and_each_says_how_it_ended():
    seen = world()
    assert run(seen.session, Plan(FROZEN)) == certificate()
    assert seen.session.caller.asked == [
        ("replay", {}),
        ("compare", {"restart": True}),
        ("reconcile", {"restart": True}),
        ("certify", {"frozen_since": "2026-01-31T08:00:00Z"}),
    ]
    assert seen.said.splitlines() == [
        "1. Send again what failed …",
        "   done: taken 0, accepted 0, failed again 0, needless by now 0, left 0",
        "2. Let the last writes settle …",
        "   done: the source is frozen since 2026-01-31T08:00:00Z",
        "3. Compare both buckets …",
        "   done: 1,000 objects in the source, 1,000 in OBS",
        "4. Judge again what was on its way …",
        "   done: nothing was on its way",
        "5. Show that the source stood still …",
        "   done: 1,000 objects looked at, 0 sent",
        "Certify …",
    ]


def test_a_young_freeze_is_waited_for_with_a_countdown(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    seen = Seen(world().session.caller, typed="")
    seen.session.caller.meanwhile = lambda job: asked_at.append((job, seen.clock.seconds))
    asked_at: list = []
    run(seen.session, Plan(NOW - timedelta(minutes=5)))
    assert dict(asked_at)["replay"] == 0
    assert dict(asked_at)["compare"] == 600
    assert "waiting until 2026-01-31T09:10:00Z, 10:00 to go" in seen.said
    assert "waiting until 2026-01-31T09:10:00Z, 0:01 to go" in seen.said


def test_in_the_sandbox_the_time_goes_by_at_once():
    seen = world()
    seen.session.caller.let_pass = lambda seconds: seconds == 900
    run(seen.session, Plan(NOW))
    assert "   done: 15:00 went by at once, in the sandbox" in seen.said
    assert seen.clock.seconds < 10


def test_replay_is_called_as_long_as_oms_takes_some():
    some = {**REPLAYED, "taken": 9, "accepted": 5, "failed": 4, "left": 3, "finished": False}
    none = {**REPLAYED, "taken": 4, "failed": 4, "by_reason": {"REFUSED": 4}}
    seen = world(replay=[some, some, none])
    run(seen.session, Plan(FROZEN))
    assert len(seen.session.caller.payloads("replay")) == 3
    assert "   look: taken 4, accepted 0, failed again 4, needless by now 0, left 0\n" in seen.said


def test_replay_that_oms_stopped_is_not_called_again():
    stopped = {**REPLAYED, "accepted": 5, "left": 3, "finished": False, "stopped": "OMS refuses every key: ACCOUNT"}
    seen = world(replay=stopped)
    run(seen.session, Plan(FROZEN))
    assert len(seen.session.caller.payloads("replay")) == 1
    assert "left 3; stopped: OMS refuses every key: ACCOUNT\n" in seen.said


def moving(**classes) -> dict:
    return compared({name: sides(number, 0) for name, number in classes.items()})


def test_what_is_on_its_way_is_judged_again_until_it_is_there():
    answers = [
        moving(missing=3, in_flight=2),
        moving(in_flight=5),
        moving(in_flight=5),
        moving(in_flight=1),
        compared(),
    ]
    seen = world(compare=answers)
    run(seen.session, Plan(FROZEN, deep=True))
    assert seen.session.caller.payloads("compare") == [
        {"deep": True, "restart": True},
        *[{"deep": True, "again": True}] * 4,
    ]
    assert seen.clock.slept[:4] == [20.0] * 4
    assert "\n   done\n5. Show that the source stood still …\n" in seen.said


def test_what_failed_before_is_replayed_before_it_is_judged_again():
    seen = world(compare=[moving(failed_before=1), compared()])
    run(seen.session, Plan(FROZEN))
    assert [job for job, _ in seen.session.caller.asked] == [
        *("replay", "compare", "replay", "compare", "reconcile", "certify"),
    ]


def test_what_stays_missing_is_not_waited_for_long():
    seen = world(compare=moving(missing=2, older=1))
    run(seen.session, Plan(FROZEN))
    assert len(seen.session.caller.payloads("compare")) == 1 + 3
    assert "   look: left: missing 2, older 1\n" in seen.said


def test_what_moves_for_ever_is_waited_for_a_quarter_of_an_hour():
    seen = world(compare=moving(moving=2))
    run(seen.session, Plan(FROZEN))
    assert 900 <= seen.clock.seconds < 960
    assert "on their way: moving 2\n" in seen.said  # a line a minute
    assert "   look: left: moving 2\n" in seen.said


def test_what_cannot_be_judged_again_is_said_and_left_to_the_certificate():
    error = FunctionError("PayloadError", Text("The lists name 12,000 keys", "清单中有 12,000 个"), Text("", ""))
    seen = world(compare=[moving(missing=12_000), error])
    assert run(seen.session, Plan(FROZEN)) == certificate()
    assert "   look: The lists name 12,000 keys\n" in seen.said


def test_passes_that_rest_are_said_and_left_to_the_certificate():
    rests = open_pass(stopped="OBS refuses")
    seen = world(compare=rests, reconcile=rests, certify=certificate({"SUMS": "not run"}, "NOT PROVEN"))
    assert run(seen.session, Plan(FROZEN))["verdict"] == "NOT PROVEN"
    assert seen.said.count("   look: stopped: OBS refuses\n") == 2
    assert "Judge again" not in seen.said


BEGAN_FROZEN = {"started": "2026-01-31T08:15:00Z", "ended": "2026-01-31T08:40:00Z"}


def test_whoever_was_interrupted_goes_on_with_the_passes_that_began_while_the_source_was_frozen():
    seen = world()
    caller = seen.session.caller
    caller.passes["compare"] = open_pass(**{**BEGAN_FROZEN, "ended": None})
    caller.passes["reconcile"] = open_pass(started="2026-01-31T09:30:00Z")
    run(seen.session, Plan(FROZEN))
    assert (caller.payloads("compare"), caller.payloads("reconcile")) == ([{}], [{}])


def test_of_a_comparison_that_has_ended_and_of_which_nothing_differs_nothing_is_judged_again():
    seen = world()
    caller = seen.session.caller
    caller.passes["compare"] = compared({"oms_own": sides(0, 7)}, **BEGAN_FROZEN)
    caller.passes["reconcile"] = open_pass(started="2026-01-31T08:40:01Z")
    run(seen.session, Plan(FROZEN))
    assert (caller.payloads("compare"), caller.payloads("reconcile")) == ([], [{}])


def test_a_comparison_that_has_ended_is_taken_and_what_differed_is_judged_again_at_once():
    # GIVEN an object that was overwritten, and mended since by whoever looked after it
    seen = world(compare=compared(amended=NOW_TEXT))
    caller = seen.session.caller
    caller.passes["compare"] = compared({"overwritten": sides(1, 1)}, **BEGAN_FROZEN)
    caller.passes["reconcile"] = open_pass(started="2026-01-31T08:59:00Z")

    # WHEN the cutover is run again
    run(seen.session, Plan(FROZEN))

    # THEN no other comparison is made, but the source has to stand still after it
    assert caller.payloads("compare") == [{"again": True}]
    assert seen.clock.slept == [1.0]
    assert caller.payloads("reconcile") == [{"restart": True}]
    assert "   done: the one that began 2026-01-31T08:15:00Z; 1,001 objects in the source, 1,001 in OBS\n" in seen.said


@pytest.mark.parametrize(
    ("plan", "one"),
    [
        (Plan(FROZEN), compared(started="2026-01-31T08:14:59Z")),
        (Plan(FROZEN), open_pass(started="2026-01-31T08:14:59Z")),
        (Plan(FROZEN, restart=True), compared(**BEGAN_FROZEN)),
        (Plan(None), compared(**BEGAN_FROZEN)),
    ],
    ids=["ended", "open", "given up", "in a rehearsal"],
)
def test_a_comparison_that_began_before_the_source_stood_still_is_begun_anew(plan, one):
    seen = world()
    seen.session.caller.passes["compare"] = one
    run(seen.session, plan)
    assert seen.session.caller.payloads("compare") == [{"restart": True}]


def test_reconcile_begins_in_a_later_second_than_compare_ends():
    seen = world()
    at = {}
    seen.session.caller.meanwhile = lambda job: at.update({job: seen.clock.seconds})
    run(seen.session, Plan(FROZEN))
    assert at["reconcile"] - at["compare"] >= 1


def reading(read: int) -> dict:
    sample = {"read": read, "drawn": 300}
    check = {"result": "not run", "command": "s certify invoke -e '{\"sample\": 300}'"}
    return certificate({"SAMPLE": check}, "NOT PROVEN", sample=sample)


def test_certify_is_called_until_the_sample_is_read(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    caller = world(certify=[reading(100), reading(250), certificate()]).session.caller
    seen = Seen(caller, typed="")
    assert run(seen.session, Plan(FROZEN, sample=300, accept={"equal_size": "Li"}))["verdict"] == "GO"
    assert (
        caller.payloads("certify")
        == [{"frozen_since": "2026-01-31T08:00:00Z", "sample": 300, "accept": {"equal_size": "Li"}}] * 3
    )
    assert "reading the sample: 100 of 300" in seen.said
    assert "reading the sample: 250 of 300" in seen.said


def test_a_sample_that_cannot_be_read_any_further_is_left_to_the_certificate():
    seen = world(certify=[reading(0), reading(100), reading(100)])
    assert run(seen.session, Plan(FROZEN, sample=300))["verdict"] == "NOT PROVEN"
    assert len(seen.session.caller.payloads("certify")) == 3


def test_a_sample_that_nobody_asked_for_is_not_waited_for():
    asks = certificate({"SAMPLE": {"result": "not run", "command": "python ops.py cutover --sample 100"}}, "NOT PROVEN")
    seen = world(certify=asks)
    run(seen.session, Plan(FROZEN))
    assert len(seen.session.caller.payloads("certify")) == 1


def test_certify_is_called_again_while_replay_has_yet_to_read_oms_lists_and_not_for_ever():
    unread = {"result": "not run", "command": "s certify invoke -e '{}'"}
    waits = certificate({"COPY_FAILED": unread}, "NOT PROVEN")
    seen = world(certify=[waits, waits, certificate()])
    assert run(seen.session, Plan(FROZEN))["verdict"] == "GO"
    seen = world(certify=waits)
    assert run(seen.session, Plan(FROZEN))["verdict"] == "NOT PROVEN"
    assert 3 < len(seen.session.caller.payloads("certify")) < 10
    # Where something has failed already, that would change nothing.
    seen = world(certify=certificate({"COPY_FAILED": unread, "MISSING": "failed"}, "NO-GO"))
    assert run(seen.session, Plan(FROZEN))["verdict"] == "NO-GO"
    assert len(seen.session.caller.payloads("certify")) == 1


def test_a_rehearsal_waits_for_nobody_who_writes():
    seen = world(compare=moving(moving=3, in_flight=2), certify=rehearsal("NO-GO"))
    assert run(seen.session, Plan(None, sample=10))["verdict"] == "REHEARSAL"
    assert len(seen.session.caller.payloads("compare")) == 2
    assert seen.session.caller.payloads("certify") == [{"sample": 10}]
    assert "settle" not in seen.said


@pytest.fixture
def command(monkeypatch, tmp_path):
    """`ops.py cutover` in a folder of its own, in the given world."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(seen: Seen, *words: str) -> int:
        monkeypatch.setattr(cli.call, "caller", lambda template, folder: seen.session.caller)
        monkeypatch.setattr(cli, "Screen", lambda clock: seen.session.screen)
        return cli.main(["cutover", "--lang", seen.session.lang, *words], seen.clock)

    return command


@pytest.mark.parametrize(
    ("document", "words", "code"),
    [
        (certificate(), ("--frozen-since", "2026-01-31T08:00:00Z"), 0),
        (certificate({"MISSING": "failed"}, "NO-GO"), ("--frozen-since", "now"), 1),
        (certificate({"SAMPLE": "not run"}, "NOT PROVEN"), ("--frozen-since", "2026-01-31 16:00+08:00"), 3),
        (rehearsal("GO"), ("--rehearse",), 0),
        (rehearsal("NO-GO"), ("--rehearse",), 1),
    ],
)
def test_the_verdict_is_shown_stored_and_the_exit_code(command, tmp_path, document, words, code):
    seen = world(certify=document)
    assert command(seen, *words) == code
    assert seen.out.getvalue().startswith(f"{document['verdict']}\n  ")
    name = document["document"].rpartition("/")[2]
    assert json.loads((tmp_path / name).read_text()) == document
    assert f"Written: {name}\n" in seen.said


def test_certificate_and_page_go_where_they_are_wanted(command, tmp_path):
    words = ("--frozen-since", "2026-01-31T08:00:00Z", "--out", "a.json", "--html", "a.html", "--json")
    seen = world()
    assert command(seen, *words) == 0
    assert json.loads(seen.out.getvalue()) == json.loads((tmp_path / "a.json").read_text()) == certificate()
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("name", ["../../x.json", "x/..", "/etc/passwd", NASTY, ""])
def test_a_document_cannot_name_a_file_elsewhere(command, tmp_path, name):
    seen = world(certify=certificate(document=name))
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.json" if name == "../../x.json" else "certificate.json"]


def test_what_is_accepted_is_given_on_by_name(command):
    seen = world()
    given = ("--accept", "equal_size=Li: checked = by hand", "--accept", "unknown=Wu")
    command(seen, "--frozen-since", "2026-01-31T08:00:00Z", "--sample", "20", *given)
    assert seen.session.caller.payloads("certify") == [
        {
            "frozen_since": "2026-01-31T08:00:00Z",
            "sample": 20,
            "accept": {"equal_size": "Li: checked = by hand", "unknown": "Wu"},
        }
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("--accept", "missing=Li"),
        ("--accept", "equal_size= "),
        ("--accept", "equal_size"),
        ("--rehearse", "--close"),
        ("--rehearse", "--frozen-since", "now"),
        ("--sample", "many"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(command, words):
    seen = world()
    with pytest.raises(SystemExit) as ended:
        command(seen, *words)
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
    assert command(seen, "--frozen-since", given) == 2
    assert told in seen.said
    assert "-> Give --rehearse, or since when nobody writes" in seen.said
    assert seen.session.caller.asked == []


def test_without_a_terminal_and_a_time_it_says_what_to_give(command):
    seen = world()
    assert command(seen) == 2
    assert "-> Give --rehearse, or since when nobody writes: --frozen-since now" in seen.said
    seen = Seen(FakeCaller(), lang="zh")
    assert command(seen) == 2
    assert "-> 请使用 --rehearse，或给出停写时间" in seen.said


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ("now\nn\n", {"frozen_since": NOW_TEXT}),
        ("\nyesterday\n2026-01-31T08:00:00Z\nn\n", {"frozen_since": "2026-01-31T08:00:00Z"}),
        ("r\n", {}),
    ],
)
def test_on_a_terminal_it_asks_when_writes_stopped(command, typed, payload):
    seen = Seen(world(certify=certificate() if payload else rehearsal()).session.caller, typed=typed)
    assert command(seen) == 0
    assert "Since when has nobody written to the source?" in seen.said
    assert seen.session.caller.payloads("certify") == [payload]
    assert ("Close the project now" in seen.said) is bool(payload)


def test_who_does_not_answer_begins_nothing(command):
    seen = Seen(world().session.caller, typed="")
    assert command(seen) == 2
    assert seen.session.caller.asked == []


CLOSED = {
    "closed": {"since": NOW_TEXT, "by": "", "why": ""},
    "certificate": None,
    "next": "Switch.",
    "next_zh": "切换。",
}


@pytest.mark.parametrize("how", ["--close", "y\n", "YES\n"])
def test_after_go_the_trigger_is_taken_away_and_then_the_project_is_closed(command, how):
    caller = world(certify=[certificate(), CLOSED]).session.caller
    seen = Seen(caller, typed=None if how == "--close" else how)
    words = ["--close"] if how == "--close" else []
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z", *words) == 0
    assert caller.asked[-2:] == [("remove", {"trigger": "oss-content"}), ("certify", {"close": True})]
    assert caller.removed == ["forward/oss-content"]
    assert f"The project has been closed since {NOW_TEXT}: nothing is sent any more." in seen.said
    assert seen.said.endswith("Switch.\n")


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_who_does_not_agree_closes_nothing(command, typed):
    seen = Seen(world().session.caller, typed=typed)
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z") == 0
    assert seen.session.caller.removed == []
    assert "To close the project: run the same command with --close" in seen.said


@pytest.mark.parametrize("verdict", ["NO-GO", "NOT PROVEN"])
def test_without_go_nothing_is_closed(command, verdict):
    seen = world(certify=certificate(verdict=verdict))
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z", "--close") != 0
    assert seen.session.caller.removed == []
    assert "The project stays open, because the verdict is not GO." in seen.said


def test_if_the_trigger_cannot_be_taken_away_nothing_is_closed(command):
    seen = world()

    def refuse(job, trigger):
        raise ToolError(Text("no right", "无权限"), Text("grant it", "授权"))

    seen.session.caller.remove_trigger = refuse
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z", "--close") == 1
    assert seen.session.caller.payloads("certify") == [{"frozen_since": "2026-01-31T08:00:00Z"}]


def test_an_error_in_the_midst_ends_it_with_what_to_do(command):
    seen = world(reconcile=ToolError(Text("no network", "无网络"), Text("check it", "检查"), ["| said"]))
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z") == 1
    assert seen.said.splitlines()[-2:] == ["no network", "-> check it"]


def test_whoever_interrupts_is_told_to_begin_the_same_command_again(command):
    seen = world()

    def interrupt(job):
        if job == "reconcile":
            raise KeyboardInterrupt

    seen.session.caller.meanwhile = interrupt
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z") == 130
    assert seen.said.splitlines()[-2:] == [
        "Stopped.",
        "What was begun goes on in the cloud. Run the same command again with --frozen-since 2026-01-31T08:00:00Z",
    ]


def test_it_speaks_chinese(command):
    seen = Seen(world().session.caller, lang="zh")
    assert command(seen, "--frozen-since", "2026-01-31T08:00:00Z") == 0
    assert "3. 比对两侧的桶 …\n   完成: 源端 1,000 个对象，OBS 中 1,000 个\n" in seen.said
    assert seen.out.getvalue().startswith("GO\n  在 2026-01-31T08:16:00Z 至 ")
    assert "关闭项目：使用 --close" in seen.said
