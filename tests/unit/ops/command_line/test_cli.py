"""The command line: what each command asks for, shows, and ends with."""

from __future__ import annotations

import argparse
import ast
import inspect
import io
import json
import re
import sys

import pytest

from ops.command_line import arguments, cli
from ops.errors import ToolError
from oss_oms_sync import VERSION
from oss_oms_sync.answers.text import Text
from oss_oms_sync.errors import UNKNOWN, Reason
from support.ops import (
    NASTY,
    NO_PASS,
    OPS,
    REPLAYED,
    SET_UP_RIGHT,
    STORY,
    FakeCaller,
    Seen,
    a_pass,
    compared,
    lacks,
    open_pass,
    printed,
    report,
    sides,
)
from unit.ops.certificates import certificate


@pytest.mark.parametrize(
    ("words", "job", "payload", "answer"),
    [
        ("doctor", "doctor", {}, SET_UP_RIGHT),
        ("status", "status", {}, report("in step")),
        ("status --hours 72", "status", {"hours": 72}, report("in step")),
        ("status --acknowledge", "status", {"acknowledge": True}, report("in step")),
        ("status --all", "status", {}, report("in step")),
        ("story a/b.txt", "status", {"key": "a/b.txt"}, {**STORY, "well": True}),
        ("story -- --html", "status", {"key": "--html"}, {**STORY, "well": True}),
        ("replay", "replay", {}, REPLAYED),
        ("replay --key a --key b", "replay", {"keys": ["a", "b"]}, REPLAYED),
        (
            "replay --prefix a/ --reason NO_TASK --limit 9 --dry-run",
            "replay",
            {"prefix": "a/", "reason": "NO_TASK", "limit": 9, "dry_run": True},
            REPLAYED,
        ),
        ("reconcile", "reconcile", {}, a_pass()),
        ("reconcile --limit 0", "reconcile", {"limit": 0}, a_pass()),
        (
            "reconcile --all --since 2026-01-01 --prefix a/ --restart",
            "reconcile",
            {"all": True, "since": "2026-01-01", "prefix": "a/", "restart": True},
            a_pass(),
        ),
        ("reconcile --dry-run", "reconcile", {"dry_run": True}, a_pass()),
        ("compare --again", "compare", {"again": True}, compared()),
        (
            "compare --deep --overwrite --prefix a/ --since 2026-01-01 --restart",
            "compare",
            {"deep": True, "overwrite": True, "since": "2026-01-01", "prefix": "a/", "restart": True},
            compared(),
        ),
        ("compare --dry-run", "compare", {"dry_run": True}, compared()),
    ],
)
def test_each_option_reaches_the_function(run, words, job, payload, answer):
    caller = FakeCaller(**{job: answer})
    assert run(caller, *words.split())[0] == 0
    assert caller.asked == [(job, payload)]


@pytest.mark.parametrize("job", ["reconcile", "compare"])
def test_who_only_looks_does_not_wait(run, job):
    caller = FakeCaller()
    caller.passes[job] = open_pass() if job == "reconcile" else compared(finished=False, stopped=None)
    assert run(caller, job, "--look", "--prefix", "a/")[0] == 1
    assert caller.looked == [(job, {"prefix": "a/", "look": True})]
    code, out, _ = run(FakeCaller(), job, "--look")
    assert (code, lacks(out, NO_PASS[job]["next"])) == (1, [])


# Nobody knows how many keys an unreadable file holds.
ALL_COUNTED = {**report()["backlog"], "at_least": False}
NOT_COUNTED = {**ALL_COUNTED, "unreadable_run_files": ["a/1.json"]}


@pytest.mark.parametrize(
    ("words", "answer", "code"),
    [
        (["doctor"], {**SET_UP_RIGHT, "ok": False}, 1),
        (["status"], report("behind"), 1),
        (["status"], report("broken"), 1),
        (["status"], report("closed", verdict={**report("closed")["verdict"], "alarm": True}), 1),
        # Closed without an alarm is well if all that waits is counted.
        (["status"], report("closed", backlog=ALL_COUNTED), 0),
        (["status"], report("closed", backlog=NOT_COUNTED), 1),
        (["story", "a"], {**STORY, "accepted": True}, 1),
        (["replay"], {**REPLAYED, "left": 1}, 1),
        (["replay"], {**REPLAYED, "failed": 1}, 1),
        (["replay"], {**REPLAYED, "finished": False}, 1),
        (["reconcile", "--dry-run"], a_pass(missing=["a"]), 1),
        (["compare", "--again"], compared({"missing": sides(1, 0)}), 1),
        (["compare", "--again"], compared({"equal_size": sides(1, 1)}), 3),
    ],
)
def test_what_is_not_well_is_in_the_exit_code(run, words, answer, code):
    job = "status" if words[0] == "story" else words[0]
    assert run(FakeCaller(**{job: answer}), *words)[0] == code


def test_as_json_only_the_answer_is_printed(run):
    answer = {**STORY, "well": True, "key": NASTY, "story": "\ud83d"}
    code, out, said = run(FakeCaller(status=answer), "story", "a", "--json")
    assert (code, json.loads(out), said) == (0, answer, "")
    assert all(" " <= one <= "~" or one == "\n" for one in out)


def test_a_page_is_written_beside_the_text(run, tmp_path):
    page = tmp_path / "status.html"
    code, out, said = run(FakeCaller(status=report()), "status", "--html", str(page))
    assert (code, out.splitlines()[0], said) == (1, "Behind", f"Written: {page}\n")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run(FakeCaller(status=report()), "status", "--html", str(tmp_path / "no" / "x"))[0] == 2


def test_to_look_whether_a_file_can_be_written_leaves_a_link_to_nothing_as_it_is(run, tmp_path):
    link, page = tmp_path / "link.html", tmp_path / "status.html"
    link.symlink_to(page)
    for answer, is_written in ((ToolError(Text("It failed"), Text("Mend it")), False), (report(), True)):
        run(FakeCaller(status=answer), "status", "--html", str(link))
        assert (link.is_symlink(), page.exists()) == (True, is_written)


@pytest.mark.parametrize(("lang", "told"), [("en", ["It failed", "-> Mend it"]), ("zh", ["失败", "-> 修复"])])
def test_an_error_says_what_happened_and_what_to_do(run, lang, told):
    error = ToolError(Text("It failed", "失败"), Text("Mend it", "修复"), ["line", NASTY])
    code, out, said = run(FakeCaller(doctor=error), "doctor", lang=lang)
    first, second, *others = said.splitlines()
    assert (code, out, first, others) == (1, "", "| line", told)
    assert second.isprintable()


def without(name: str, answer: dict) -> dict:
    return {one: value for one, value in answer.items() if one != name}


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        # It lacks what this version has.
        ("status", without("lasting", report("in step"))),
        ("status", without("sums", report("in step"))),
        ("story a", without("step", STORY)),
        ("replay", without("stop", REPLAYED)),
        ("reconcile --dry-run", without("missing", a_pass())),
        ("compare --dry-run", without("folders", compared())),
        ("doctor", without("text_zh", SET_UP_RIGHT)),
        # It is none at all.
        *(
            ("doctor", answer)
            for answer in (7, [[]], {}, {"ok": True}, {**STORY}, {"ok": True, "checks": [{}]}, [None])
        ),
    ],
)
def test_an_answer_of_another_version_is_not_guessed_at_and_ends_in_what_to_do(run, words, answer):
    job, *_ = words.replace("story", "status").split()
    code, out, said = run(FakeCaller(**{job: answer}), *words.split())
    told = ("The answer has another form than this ops.py knows", "s deploy -y")
    assert (code, out, lacks(said, *told)) == (1, "", [])


@pytest.mark.parametrize("value", [7, {"a": 1}, [None]])
@pytest.mark.parametrize("name", ["amended", "watermark", "lag", "remedies", "submitted", "classes"])
def test_whatever_a_part_of_an_answer_is_there_is_an_answer_or_an_error_that_says_so(show, name, value):
    code, out, said = show(json.dumps({**compared(), name: value}), "--lang", "en")
    assert out or "The answer has another form" in said
    assert code in (0, 1)


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("../project/s.yaml", ""),
        ("../project/s.staging.yaml", " -t s.staging.yaml"),
        ("s.yaml", " -t {}/elsewhere/s.yaml"),
    ],
)
def test_each_command_that_is_printed_is_for_the_project_that_was_asked(run, monkeypatch, tmp_path, named, shown):
    folder, shown = tmp_path / "project", shown.format(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    monkeypatch.setattr(cli, "FOLDER", folder)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert f"{OPS} replay --key 'a b'{shown}\n" in run(FakeCaller(status=STORY), "story", "a b", "-t", named)[1]
    assert run(FakeCaller(doctor={}), "doctor", "-t", named)[2].endswith(f"of one version: s deploy -y{shown}\n")


def test_whoever_interrupts_a_short_call_is_not_told_that_something_goes_on(run):
    assert run(FakeCaller(doctor=KeyboardInterrupt()), "doctor") == (130, "", "Stopped.\n")


@pytest.fixture
def ended(capsys):
    """What is said of words with which `ops.py` ends before it does anything, or by its help."""

    def ended(*words: str, code: int = 2) -> str:
        with pytest.raises(SystemExit, match=rf"^{code}$"):
            cli.main([*words])
        out, err = capsys.readouterr()
        return err if code else out

    return ended


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["story"], ""),
        (["status", "--hours", "x"], ""),
        (["status", "--hou", "3"], ""),
        (["stauts"], "there is no command 'stauts': did you mean 'status'?"),
        (["gossip"], "there is no command 'gossip'. --help says what there is"),
        (["compare", "--depe"], "compare takes no '--depe': did you mean '--deep'?"),
        (["cutover", "--frozen-sinc=now"], "did you mean '--frozen-since'?"),
        (["replay", "a"], "replay takes no 'a'. --help says what there is"),
        (["migrate", "--plan"], "migrate takes no '--plan', which is an option of setup. --help says what there is"),
        (
            ["compare", "--html=page"],
            "compare takes no '--html', which is an option of status, show, cutover, setup and checklist.",
        ),
        (["status", "--hour"], "status takes no '--hour': did you mean '--hours'?"),
        (["status", "--acknowlege"], "did you mean '--acknowledge'?"),
        (["cutover", "--smaple", "3"], "did you mean '--sample'?"),
        (["status", "--lnag", "zh"], "did you mean '--lang'?"),
        (["status", "--page"], "status takes no '--page'. --help says what there is"),
        (
            ["compare", "--since", "2026-13-01"],
            "argument --since: '2026-13-01' is no time: give one such as 2026-01-31",
        ),
        (["reconcile", "--since", "yesterday"], "such as 2026-01-31 or 2026-01-31T08:00:00Z"),
        (["replay", "--reason", "X"], "argument --reason: invalid choice: 'X' (choose from 'THROTTLED', 'UNAVAILABLE'"),
        (["status", "--hours", "0"], "argument --hours: '0' is no whole number from 1 to 744"),
        (["cutover", "--sample", "301"], "argument --sample: '301' is no whole number from 0 to 300"),
        (["replay", "--limit", "-1"], "argument --limit: '-1' is no whole number of 0 or more"),
        (["status", "--hours", "1" * 5000], "1' is too large"),
        (["cost", "--size", "1TB", "--objects", "1" * 300], "1' is too large"),
        (["cost", "--rate", "1" * 330], "1' is too large"),
    ],
)
def test_what_is_no_command_ends_with_2_and_a_mistyped_word_is_told_with_what_was_meant(ended, words, said):
    assert lacks(ended(*words), "usage: ops.py", said) == []


def test_each_reason_of_a_failed_record_can_be_asked_for():
    assert (*Reason.__members__, UNKNOWN) == arguments.REASONS


def test_help_is_a_command_and_no_command_prints_help(ended, capsys):
    whole = ended("--help", code=0)
    assert ended("help", code=0) == whole
    assert ended("help", "status", code=0) == ended("status", "--help", code=0)
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main([])
    assert capsys.readouterr() == (whole, "")


@pytest.mark.parametrize("language", [["--lang", "zh"], ["--lang=en", "--lang=zh"]])
def test_in_chinese_too(ended, language):
    assert "没有 'stauts' 这个命令：是否想输入 'status'？" in ended("stauts", *language)
    assert "显示进度、积压及原因。退出码：0 GO 或正常；" in ended("status", "--help", *language, code=0)


def words_of_argparse() -> set[str]:
    """What argparse would say by itself, in pieces, between what it puts in."""
    calls = [one for one in ast.walk(ast.parse(inspect.getsource(argparse))) if isinstance(one, ast.Call)]
    asked = [call.args for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("_", "ngettext")]
    phrases = [arg.value for args in asked for arg in args if isinstance(arg, ast.Constant) and arg.value]
    parts = (part.strip(" .:,()'\"\n") for phrase in phrases for part in re.split(r"%\(\w+\)[sr]|%[sr]", str(phrase)))
    return {part for part in parts if len(part) > 3}


# What argparse itself finds wrong with a command line, of each kind.
MISTAKEN = [
    [],
    ["story"],
    ["compare", "--all"],
    ["status", "--hours"],
    ["status", "--json=1"],
    ["cutover", "--rehearse", "--frozen-since", "now"],
    ["migrate", "--look", "--pause"],
    ["cost", "--objects", "x"],
    ["setup", "--only", "azure"],
]


@pytest.mark.parametrize("words", [[], *([name] for name in cli._COMMANDS)], ids=" ".join)
def test_what_argparse_says_is_in_chinese_too(ended, words):
    mistaken = [one for one in MISTAKEN if one[:1] == words] or [[*words, "--json=1"]]
    for asked in ([*words, "--help"], *mistaken):
        in_chinese = [*asked[:1], "--lang=zh", *asked[1:]] if words else [*asked, "--lang=zh"]
        said = ended(*in_chinese, code=0 if "--help" in asked else 2)
        assert said.startswith("用法：ops.py")
        assert [word for word in words_of_argparse() if re.search(rf"\b{re.escape(word)}\b", said)] == [], asked


def test_it_says_its_version(ended):
    assert ended("--version", code=0) == f"oss-oms-sync {VERSION}\n"


@pytest.mark.parametrize("command", list(cli._COMMANDS))
def test_every_command_has_help_with_its_exit_codes(ended, command):
    shown = " ".join(ended(command, "--help", code=0).split())
    codes = "Exit codes: 0 GO or OK; 1 NO-GO, an error, or not in step; 2 wrong use, or not wanted; 3 not proven"
    assert lacks(shown, codes, "4 a certificate that is not to be trusted; 130 stopped.", "--json", "--lang") == []


@pytest.fixture
def show(monkeypatch, capsys):
    """`ops.py show` of what is piped into it."""

    def show(given: str, *words: str, encoding: str = "utf-8") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode(encoding))))
        return cli.main(["show", *words]), *capsys.readouterr()

    return show


@pytest.mark.parametrize(
    ("answer", "code", "first"),
    [
        (SET_UP_RIGHT, 0, "Setup OK: "),
        (report("in step"), 0, "In step"),
        ({**STORY, "well": True}, 0, "'a b': OMS accepted an older version."),
        (REPLAYED, 0, "Nothing is left to send again."),
        (a_pass(), 0, "The pass has ended."),
        (compared(), 0, "All is in OBS, with equal contents."),
        (certificate(verdict="NOT PROVEN"), 3, "NOT PROVEN"),
    ],
)
@pytest.mark.parametrize("form", [json.dumps, printed], ids=["bare", "as the tool prints it"])
def test_what_is_piped_into_it_is_shown_as_its_kind(show, form, answer, code, first):
    found, out, _ = show(form(answer), "--lang", "en")
    assert (found, out.splitlines()[0]) == (code, first)


@pytest.mark.parametrize("nonsense", [10**400, float("inf")], ids=["digits", "infinity"])
def test_numbers_that_nothing_has_are_no_answer(show, nonsense):
    status = report()
    status["compare"]["open"][0]["share"] = nonsense
    code, out, said = show(json.dumps(status), "--lang", "en")
    assert (code, out, "The answer has another form" in said) == (1, "", True)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_writes_into_a_file_is_shown(show, encoding):
    _, out, _ = show(json.dumps({**STORY, "key": "山"}), "--lang", "en", encoding=encoding)
    assert out.startswith("'山': OMS accepted an older version.")


def test_where_others_may_read_another_verdict_none_is_shown(show):
    go, no_go = map(json.dumps, (certificate(), certificate({"MISSING": "failed"}, "NO-GO")))
    for text in (f"{go}\n{no_go}", f"{no_go[:-1]}, {go[1:]}"):
        assert show(text)[:2] == (2, "")


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "The input contains no answer"), ("zh", "输入中没有可识别的返回结果")]
)
def test_without_an_answer_in_the_input_it_says_how_to_use_it(show, lang, said):
    code, out, err = show(f"Error: no such function {{}} {NASTY}", "--lang", lang)
    # What the tool said is not swallowed.
    told = (said, f"{OPS} status --json | {OPS} show", "no such function")
    assert (code, out, lacks(err, *told)) == (2, "", [])
    assert all(one.isprintable() or one == "\n" for one in err)


def test_only_what_has_a_page_makes_one(show, tmp_path):
    page = tmp_path / "x.html"
    assert (show(json.dumps(certificate()), "--html", str(page))[0], page.exists()) == (0, True)
    none = tmp_path / "y.html"
    code, _, err = show(json.dumps(SET_UP_RIGHT), "--html", str(none), "--lang", "en")
    assert (code, "no web page" in err, none.exists()) == (2, True, False)


@pytest.mark.parametrize("columns", ["80", "60"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_status_is_20_lines_and_names_the_option_for_all(command, monkeypatch, columns, lang):
    monkeypatch.setenv("COLUMNS", columns)
    brief, whole = (Seen(FakeCaller(status=report()), lang, typed="") for _ in range(2))
    command(brief, "status")
    command(whole, "status", "--all")

    *first, last = brief.out.getvalue().splitlines()
    lines = whole.out.getvalue().splitlines()
    assert first == lines[: len(first)]
    assert 17 < len(first) < 20
    assert (
        last
        == {
            "en": f"{len(lines) - len(first)} more lines: {OPS} status --all",
            "zh": f"另有 {len(lines) - len(first)} 行：{OPS} status --all",
        }[lang]
    )


def test_a_status_as_json_is_whole(run):
    assert json.loads(run(FakeCaller(status=report()), "status", "--json")[1]) == report()
