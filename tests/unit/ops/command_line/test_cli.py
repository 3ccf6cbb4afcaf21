"""The command line: payloads, output and exit codes of the commands."""

from __future__ import annotations

import argparse
import ast
import inspect
import io
import json
import re
import sys
from functools import cache

import pytest

from ops import exit_codes
from ops.command_line import arguments, cli, parser
from ops.errors import ToolError
from oss_oms_sync import VERSION
from oss_oms_sync.answers.headers_answer import HeadersOutcome
from oss_oms_sync.answers.text import Text
from oss_oms_sync.errors import UNKNOWN_REASON, Reason
from support.ops import (
    DOCTOR_OK,
    NASTY,
    NO_PASS,
    OPS,
    REPLAY_ANSWER,
    STORY,
    Console,
    FakeCaller,
    compare_answer,
    headers_answer,
    invoke_output,
    make_class_counts,
    missing_parts,
    open_pass_answer,
    pass_answer,
    report,
)
from unit.ops.certificates import certificate

# Jobs of commands with other names.
JOBS = {"story": "status", "headers": "compare"}
MENDED = headers_answer({HeadersOutcome.MENDED: 1})
UNKNOWN_FORM = "The result has a format that this version of ops.py does not know"


@pytest.mark.parametrize(
    ("words", "payload", "answer"),
    [
        ("doctor", {}, DOCTOR_OK),
        ("status", {}, report("in step")),
        ("status --hours 72", {"hours": 72}, report("in step")),
        ("status --acknowledge", {"acknowledge": True}, report("in step")),
        ("status --all", {}, report("in step")),
        ("story a/b.txt", {"key": "a/b.txt"}, {**STORY, "well": True}),
        ("story -- --html", {"key": "--html"}, {**STORY, "well": True}),
        ("replay", {}, REPLAY_ANSWER),
        ("replay --key a --key b", {"keys": ["a", "b"]}, REPLAY_ANSWER),
        (
            "replay --prefix a/ --reason NO_TASK --limit 9 --dry-run",
            {"prefix": "a/", "reason": "NO_TASK", "limit": 9, "dry_run": True},
            REPLAY_ANSWER,
        ),
        ("reconcile", {}, pass_answer()),
        ("reconcile --limit 0", {"limit": 0}, pass_answer()),
        (
            "reconcile --all --since 2026-01-01 --prefix a/ --restart",
            {"all": True, "since": "2026-01-01", "prefix": "a/", "restart": True},
            pass_answer(),
        ),
        ("reconcile --dry-run", {"dry_run": True}, pass_answer()),
        ("compare --again", {"again": True}, compare_answer()),
        (
            "compare --deep --overwrite --prefix a/ --since 2026-01-01 --restart",
            {"deep": True, "overwrite": True, "since": "2026-01-01", "prefix": "a/", "restart": True},
            compare_answer(),
        ),
        ("compare --dry-run", {"dry_run": True}, compare_answer()),
        ("headers", {"headers": "mend"}, MENDED),
        ("headers --dry-run --prefix a/", {"headers": "look", "prefix": "a/"}, MENDED),
        ("headers --undo --restart", {"headers": "undo", "restart": True}, MENDED),
    ],
)
def test_each_option_of_a_command_reaches_its_function(run, words, payload, answer):
    job = JOBS.get(words.split()[0], words.split()[0])
    caller = FakeCaller(**{job: answer})
    assert run(caller, *words.split())[0] == 0
    assert caller.asked == [(job, payload)]


@pytest.mark.parametrize("job", ["reconcile", "compare"])
def test_a_command_with_look_does_not_wait_for_the_pass(run, job):
    caller = FakeCaller()
    caller.passes[job] = open_pass_answer() if job == "reconcile" else compare_answer(finished=False, stopped=None)
    assert run(caller, job, "--look", "--prefix", "a/")[0] == 1
    assert caller.looked == [(job, {"prefix": "a/", "look": True})]
    code, output, _ = run(FakeCaller(), job, "--look")
    assert code == 1
    assert missing_parts(output, NO_PASS[job]["next"]) == []


# The number of keys in an unreadable file is unknown.
COUNTED_BACKLOG = {**report()["backlog"], "at_least": False}
UNCOUNTED_BACKLOG = {**COUNTED_BACKLOG, "unreadable_run_files": ["a/1.json"]}


@pytest.mark.parametrize(
    ("words", "answer", "code"),
    [
        ("doctor", {**DOCTOR_OK, "ok": False}, 1),
        ("status", report("behind"), 1),
        ("status", report("broken"), 1),
        ("status", report("closed", verdict={**report("closed")["verdict"], "alarm": True}), 1),
        # Closed without an alarm is good if all waiting keys are counted.
        ("status", report("closed", backlog=COUNTED_BACKLOG), 0),
        ("status", report("closed", backlog=UNCOUNTED_BACKLOG), 1),
        ("story a", {**STORY, "accepted": True}, 1),
        ("replay", {**REPLAY_ANSWER, "left": 1}, 1),
        ("replay", {**REPLAY_ANSWER, "failed": 1}, 1),
        ("replay", {**REPLAY_ANSWER, "finished": False}, 1),
        ("reconcile --dry-run", pass_answer(missing=["a"]), 1),
        ("compare --again", compare_answer({"missing": make_class_counts(1, 0)}), 1),
        ("compare --again", compare_answer({"equal_size": make_class_counts(1, 1)}), 3),
        ("headers", headers_answer({HeadersOutcome.RECORDED: 1}), 0),
        ("headers", headers_answer({HeadersOutcome.RECORDED: 1, HeadersOutcome.NOT_ASCII: 1}), 3),
    ],
)
def test_a_command_that_reports_a_bad_state_does_not_exit_with_0(run, words, answer, code):
    job = JOBS.get(words.split()[0], words.split()[0])
    assert run(FakeCaller(**{job: answer}), *words.split())[0] == code


@pytest.mark.parametrize(
    ("words", "answer", "code"),
    [("story a", {**STORY, "well": True, "key": NASTY, "story": "\ud83d"}, 0), ("status", report(), 1)],
)
def test_a_command_with_json_prints_only_the_answer(run, words, answer, code):
    exit_code, output, messages = run(FakeCaller(status=answer), *words.split(), "--json")
    assert exit_code == code
    assert json.loads(output) == answer
    assert messages == ""
    assert re.fullmatch(r"[ -~\n]+", output)


def test_a_command_that_fails_keeps_a_dangling_link_to_its_page(run, tmp_path):
    link, page = tmp_path / "link.html", tmp_path / "status.html"
    link.symlink_to(page)
    for answer, is_written in ((ToolError(Text("It failed"), Text("Mend it")), False), (report(), True)):
        run(FakeCaller(status=answer), "status", "--html", str(link))
        assert link.is_symlink()
        assert page.exists() == is_written


@pytest.mark.parametrize(("lang", "expected"), [("en", ["It failed", "-> Mend it"]), ("zh", ["失败", "-> 修复"])])
def test_a_command_prints_the_cause_and_the_remedy_of_an_error(run, lang, expected):
    error = ToolError(Text("It failed", chinese="失败"), Text("Mend it", chinese="修复"), ["line", NASTY])
    code, output, messages = run(FakeCaller(doctor=error), "doctor", lang=lang)
    first_line, second_line, *other_lines = messages.splitlines()
    assert code == 1
    assert output == ""
    assert [first_line, *other_lines] == ["| line", *expected]
    assert second_line.isprintable()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        # A field of this version is missing.
        *(
            (words, {field: value for field, value in answer.items() if field != name})
            for words, name, answer in (
                ("status", "lasting", report("in step")),
                ("status", "sums", report("in step")),
                ("story a", "step", STORY),
                ("replay", "stop", REPLAY_ANSWER),
                ("reconcile --dry-run", "missing", pass_answer()),
                ("compare --dry-run", "folders", compare_answer()),
                ("doctor", "text_zh", DOCTOR_OK),
            )
        ),
        # The text is no answer.
        *(
            ("doctor", answer)
            for answer in (7, [[]], {}, {"ok": True}, {**STORY}, {"ok": True, "checks": [{}]}, [None])
        ),
    ],
)
def test_a_command_refuses_an_answer_of_another_version_with_a_remedy(run, words, answer):
    job = JOBS.get(words.split()[0], words.split()[0])
    code, output, messages = run(FakeCaller(**{job: answer}), *words.split())
    assert code == 1
    assert output == ""
    assert missing_parts(messages, UNKNOWN_FORM, "s deploy -y") == []


@pytest.mark.parametrize("value", [7, {"a": 1}, [None]])
@pytest.mark.parametrize("name", ["amended", "watermark", "lag", "remedies", "submitted", "classes"])
def test_show_prints_or_refuses_an_answer_with_any_wrong_field(show, name, value):
    code, output, messages = show(json.dumps({**compare_answer(), name: value}), "--lang", "en")
    assert output or UNKNOWN_FORM in messages
    assert code in (0, 1)


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("../project/s.yaml", ""),
        ("../project/s.staging.yaml", " -t s.staging.yaml"),
        ("s.yaml", " -t {}/elsewhere/s.yaml"),
    ],
)
def test_printed_commands_name_the_settings_file_in_use(run, monkeypatch, tmp_path, named, shown):
    folder, shown = tmp_path / "project", shown.format(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    monkeypatch.setattr(cli, "FOLDER", folder)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert f"{OPS} replay --key 'a b'{shown}\n" in run(FakeCaller(status=STORY), "story", "a b", "-t", named)[1]
    assert run(FakeCaller(doctor={}), "doctor", "-t", named)[2].endswith(
        f"so that ops.py and the functions have the same version: s deploy -y{shown}\n"
    )


def test_an_interrupted_short_command_prints_no_advice(run):
    assert run(FakeCaller(doctor=KeyboardInterrupt()), "doctor") == (130, "", "The command was stopped.\n")


@pytest.fixture
def run_to_exit(capsys):
    """Return a function that runs `ops.py` with words that make it print help or an error, and returns the output."""

    def run_to_exit(*words: str, code: int = 2) -> str:
        with pytest.raises(SystemExit, match=rf"^{code}$"):
            cli.main([*words])
        output, err = capsys.readouterr()
        return err if code else output

    return run_to_exit


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["story"], ""),
        (["status", "--hours", "x"], ""),
        (["status", "--hou", "3"], ""),
        (["stauts"], "there is no command 'stauts': did you mean 'status'?"),
        (["gossip"], "there is no command 'gossip'. To list the commands or options: --help"),
        (["compare", "--depe"], "compare does not accept '--depe': did you mean '--deep'?"),
        (["cutover", "--frozen-sinc=now"], "did you mean '--frozen-since'?"),
        (["replay", "a"], "replay does not accept 'a'. To list the commands or options: --help"),
        (
            ["migrate", "--plan"],
            "migrate does not accept '--plan': it is an option of setup. To list the commands or options: --help",
        ),
        (
            ["compare", "--html=page"],
            "compare does not accept '--html': it is an option of status, fleet, show, cutover, setup and checklist.",
        ),
        (["status", "--hour"], "status does not accept '--hour': did you mean '--hours'?"),
        (["status", "--acknowlege"], "did you mean '--acknowledge'?"),
        (["cutover", "--smaple", "3"], "did you mean '--sample'?"),
        (["status", "--lnag", "zh"], "did you mean '--lang'?"),
        (["status", "--page"], "status does not accept '--page'. To list the commands or options: --help"),
        (
            ["compare", "--since", "2026-13-01"],
            "argument --since: '2026-13-01' is not a time: write a time such as 2026-01-31",
        ),
        (["reconcile", "--since", "yesterday"], "such as 2026-01-31 or 2026-01-31T08:00:00Z"),
        (["replay", "--reason", "X"], "argument --reason: invalid choice: 'X' (choose from 'THROTTLED', 'UNAVAILABLE'"),
        (["status", "--hours", "0"], "argument --hours: '0' is not a whole number from 1 to 744"),
        (["cutover", "--sample", "301"], "argument --sample: '301' is not a whole number from 0 to 300"),
        (["replay", "--limit", "-1"], "argument --limit: '-1' is not a whole number of 0 or more"),
        (["status", "--hours", "1" * 5000], "1' is too large"),
        (["cost", "--size", "1TB", "--objects", "1" * 300], "1' is too large"),
        (["cost", "--rate", "1" * 330], "1' is too large"),
    ],
)
def test_a_mistyped_command_exits_with_2_and_suggests_a_similar_name(run_to_exit, words, message):
    assert missing_parts(run_to_exit(*words), "usage: ops.py", message) == []


def test_the_option_reason_accepts_each_reason_of_a_failed_record():
    assert (*Reason.__members__, UNKNOWN_REASON) == arguments.REASONS


def test_ops_prints_its_help_for_the_command_help_and_for_no_command(run_to_exit, capsys):
    help_text = run_to_exit("--help", code=0)
    assert run_to_exit("help", code=0) == help_text
    assert run_to_exit("help", "status", code=0) == run_to_exit("status", "--help", code=0)
    assert run_to_exit("--version", code=0) == f"oss-oms-sync {VERSION}\n"
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main([])
    assert capsys.readouterr() == (help_text, "")


@pytest.mark.parametrize(
    ("words", "language"),
    [
        (["--lang", "zh", "doctor"], "zh"),
        (["doctor", "--lang", "zh"], "zh"),
        (["--lang", "zh", "doctor", "--lang", "en"], "en"),
    ],
)
def test_the_language_option_is_valid_before_and_after_the_command(words, language):
    assert parser.parse(words).lang == language


@pytest.mark.parametrize("language", [["--lang", "zh"], ["--lang=en", "--lang=zh"]])
def test_errors_and_help_of_ops_are_available_in_chinese(run_to_exit, language):
    assert "没有 'stauts' 这个命令：是否想输入 'status'？" in run_to_exit("stauts", *language)
    help_text = run_to_exit("status", "--help", *language, code=0)
    expected = (
        *("显示迁移的状态：结论、积压、失败和下一步。\n\n请每天运行，", "\n选项：\n"),
        "\n退出码：\n  0 已同步，或已关闭（没有告警，且 `open` 将提交的对象数已知）\n",
    )
    assert missing_parts(help_text, *expected) == []


@cache
def words_of_argparse() -> set[str]:
    """Return the fixed parts of the English phrases that argparse prints."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(argparse))) if isinstance(node, ast.Call)]
    phrases = [
        str(arg.value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in ("_", "ngettext")
        for arg in call.args
        if isinstance(arg, ast.Constant) and arg.value
    ]
    parts = (part.strip(" .:,()'\"\n") for phrase in phrases for part in re.split(r"%\(\w+\)[sr]|%[sr]", phrase))
    return {part for part in parts if len(part) > 3}


# Command lines for each kind of error that argparse itself reports, and the help of each command.
@pytest.mark.parametrize(
    ("words", "code"),
    [
        *(([], 2), (["story"], 2), (["compare", "--all"], 2), (["status", "--hours"], 2), (["status", "--json=1"], 2)),
        *((["cutover", "--rehearse", "--frozen-since", "now"], 2), (["migrate", "--look", "--pause"], 2)),
        *((["cost", "--objects", "x"], 2), (["setup", "--only", "azure"], 2), (["--help"], 0)),
        *(([name, "--help"], 0) for name in cli._COMMANDS),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, list) else "",
)
def test_the_phrases_of_argparse_are_translated_into_chinese(run_to_exit, words, code):
    output = run_to_exit(*words[:1], "--lang=zh", *words[1:], code=code)
    assert output.startswith("用法：ops.py")
    assert [word for word in words_of_argparse() if re.search(rf"\b{re.escape(word)}\b", output)] == []


@pytest.mark.parametrize("command", list(cli._COMMANDS))
def test_the_help_of_each_command_explains_its_exit_codes(run_to_exit, command):
    help_text = " ".join(run_to_exit(command, "--help", code=0).split())
    codes = "".join(f" {code} {meaning.en}" for code, meaning in exit_codes.list_exit_codes(command))
    assert missing_parts(help_text, f"exit codes:{codes}", "--json", "--lang") == []
    if command in ("check", "cutover", "show", "doctor", "close", "cost"):
        proving_codes = [3, 4] if command in ("check", "cutover", "show") else []
        assert [code for code, _ in exit_codes.list_exit_codes(command)] == [0, 1, 2, *proving_codes, 130]


@pytest.fixture
def show(monkeypatch, capsys):
    """Return a function that pipes text to `ops.py show`, and returns the exit code, the output and the messages."""

    def show(text: str, *words: str, encoding: str = "utf-8") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode(encoding))))
        return cli.main(["show", *words]), *capsys.readouterr()

    return show


@pytest.mark.parametrize(
    ("answer", "code", "first"),
    [
        (DOCTOR_OK, 0, "Setup OK: "),
        (report("in step"), 0, "In step"),
        ({**STORY, "well": True}, 0, "'a b': OMS accepted an older version than the source's current version."),
        (REPLAY_ANSWER, 0, "No object has to be resent."),
        (pass_answer(), 0, "The pass is finished."),
        (compare_answer(), 0, "All objects are in OBS with equal contents."),
        (certificate(verdict="NOT PROVEN"), 3, "NOT PROVEN"),
    ],
)
@pytest.mark.parametrize("form", [json.dumps, invoke_output], ids=["bare", "as Serverless Devs prints it"])
def test_show_recognizes_the_kind_of_a_piped_answer(show, form, answer, code, first):
    exit_code, output, _ = show(form(answer), "--lang", "en")
    assert (exit_code, output.splitlines()[0]) == (code, first)


@pytest.mark.parametrize("nonsense", [10**400, float("inf")], ids=["a number of 400 digits", "infinity"])
def test_show_refuses_an_answer_with_impossible_numbers(show, nonsense):
    status = report()
    status["compare"]["open"][0]["share"] = nonsense
    code, output, messages = show(json.dumps(status), "--lang", "en")
    assert UNKNOWN_FORM in messages
    assert code == 1
    assert output == ""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_show_prints_an_answer_in_an_encoding_of_windows(show, encoding):
    _, output, _ = show(json.dumps({**STORY, "key": "山"}), "--lang", "en", encoding=encoding)
    assert output.startswith("'山': OMS accepted an older version than the source's current version.")


def test_show_prints_no_verdict_if_its_input_has_two_verdicts(show):
    go, no_go = map(json.dumps, (certificate(), certificate({"MISSING": "failed"}, "NO-GO")))
    for text in (f"{go}\n{no_go}", f"{no_go[:-1]}, {go[1:]}"):
        assert show(text)[:2] == (2, "")


@pytest.mark.parametrize(
    ("lang", "problem"), [("en", "The input contains no known result"), ("zh", "输入中没有可识别的返回结果")]
)
def test_show_refuses_an_input_without_an_answer_and_prints_its_usage(show, lang, problem):
    code, output, err = show(f"Error: no such function {{}} {NASTY}", "--lang", lang)
    assert code == 2
    assert output == ""
    # The tool's output is shown.
    assert missing_parts(err, problem, f"{OPS} status --json | {OPS} show", "no such function") == []
    assert err.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("answer", "code", "message"), [(certificate(), 0, "Written: x.html\n"), (DOCTOR_OK, 2, "no web page")]
)
def test_show_writes_no_file_for_an_answer_without_a_page(show, monkeypatch, tmp_path, answer, code, message):
    monkeypatch.chdir(tmp_path)
    exit_code, _, err = show(json.dumps(answer), "--html", "x.html", "--lang", "en")
    assert exit_code == code
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"] * (not code)


@pytest.mark.parametrize("columns", ["80", "60"])
@pytest.mark.parametrize(
    ("lang", "text"), [("en", "{} more lines: {} status --all"), ("zh", "另有 {} 行：{} status --all")]
)
def test_status_prints_20_lines_and_names_the_option_for_all_lines(command, monkeypatch, columns, lang, text):
    monkeypatch.setenv("COLUMNS", columns)
    short, full = (Console(FakeCaller(status=report()), lang, typed="") for _ in range(2))
    command(short, "status")
    command(full, "status", "--all")

    *first_lines, last_line = short.out.getvalue().splitlines()
    lines = full.out.getvalue().splitlines()
    assert first_lines == lines[: len(first_lines)]
    assert 17 < len(first_lines) < 20
    assert last_line == text.format(len(lines) - len(first_lines), OPS)
