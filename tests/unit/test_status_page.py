"""status.py of the rendered project: finds the answer in the tool's output, and shows it as text or as a web page."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from oss_oms_sync.reasons import Reason
from tools.package import ROOT

FILE = ROOT / "template" / "status.py"
NASTY = "<script>alert(1)</script>&\"'\x1b[31m\u2028"


@pytest.fixture
def viewer():
    spec = importlib.util.spec_from_file_location("viewer", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROGRESS = {"objects_per_minute": 2000, "share": 0.25, "minutes_left": 7}


def sides(source: int, destination: int) -> dict:
    return {
        "source": {"objects": source, "bytes": 10 * source},
        "destination": {"objects": destination, "bytes": 10 * destination},
    }


COMPARED = {
    "started": "2026-01-01T04:00:00Z",
    "ended": "2026-01-01T04:20:00Z",
    "watermark": "2026-01-01T03:59:00Z",
    "classes": {
        "equal_contents": sides(900, 900),
        "missing": sides(3, 0),
        "unknown": sides(0, 2),
        "older": sides(0, 0),
    },
    "lag": {
        name: {
            "objects": 800,
            "not_yet": 3,
            "p50": 4.2,
            "p90": 61.0,
            "p99": 300.0,
            "max": 7300,
            "within": {"60": 700, "300": 790, "900": 795, "3600": 799, "86400": 800},
        }
        for name in ("accepted", "copied")
    },
}


def report(state: str = "behind", **changes: object) -> dict:
    """An answer as the function gives it (tests/system/status/ shows that it does)."""
    passed = {"scanned": 10, "covered": 7, "submitted": 2, "failed_before": 1, "pending": 0, "orphans": 3}
    return {
        "verdict": {"state": state, "text": f"Now {state}.", "text_zh": f"现在 {state}。"},
        "at": "2026-01-02T00:00:00Z",
        "task": {"id": "task-1", "source": "photos", "log": "photos-oms-log"},
        "oms": {
            "status": "SYNCHRONIZING",
            "src_bucket": "photos",
            "dst_bucket": "photos-obs",
            "month": {"requests": 1200, "copied": 1190, "failed": 2, "skipped": 8, "bytes": 5_000_000},
        },
        "copying": {"failed": 1, "unfinished": {"objects": 15, "overdue": None}, "acknowledged": None},
        "statistics": {
            "from": "2026-01-01T00:00:00Z",
            "step": "ONE_HOUR",
            "series": {
                "REQUEST": [[1767261600000, 40], [1767268800000, 2]],
                "SUCCESS": [[1767261600000, 40]],
                "FAILURE": [[1767268800000, 2]],
                "SKIP": [],
                "SIZE": [[1767261600000, 1000]],
            },
        },
        "backlog": {
            "failed": 3,
            "at_least": True,
            "oldest": "2026-01-01T10:00:00Z",
            "read": 3,
            "by_reason": {"THROTTLED": 2, "UNKNOWN": 1},
            "keys": [{"key": NASTY, "reason": "THROTTLED", "since": "2026-01-01T10:00:00Z"}],
            "outside": 1234,
            "run_files": 1,
            "in_run_files": 5,
        },
        "replay": {"at": "2026-01-01T23:55:00Z", "result": {"taken": 4, "accepted": 3, "failed": 1}},
        "reconcile": {
            "last": {"started": "2026-01-01T02:00:00Z", "ended": "2026-01-01T02:01:00Z", **passed},
            "open": [
                {
                    "started": "2026-01-01T23:50:00Z",
                    "ended": None,
                    "scanned": 4321,
                    **PROGRESS,
                }
            ],
        },
        "oms_lists": {"unread": 2, "example": "???", "problem": "no right to read them"},
        "compare": {"last": COMPARED, "open": [{"started": "2026-01-01T23:40:00Z", **PROGRESS}]},
        "sums": [
            {"claim": "1 = 1", "left": 1, "right": [1], "holds": True, "meaning": "never said"},
            {"claim": "5 = 4", "left": 5, "right": [3, 1], "holds": False, "meaning": "it means this"},
        ],
        "fixes": {"THROTTLED": {"en": Reason.THROTTLED.fix.en, "zh": Reason.THROTTLED.fix.zh}},
        **changes,
    }


EMPTY = {
    "copying": {"failed": None, "unfinished": None, "acknowledged": None},
    "oms": {"problem": "UNREACHABLE", "fix": {"en": "Check the host.", "zh": "检查域名。"}},
    "statistics": {"problem": "UNREACHABLE", "fix": {"en": "Check the host.", "zh": "检查域名。"}},
    "backlog": {
        "failed": 0,
        "at_least": False,
        "oldest": None,
        "read": 0,
        "by_reason": {},
        "keys": [],
        "outside": 0,
        "run_files": 0,
        "in_run_files": 0,
    },
    "replay": None,
    "reconcile": {"last": None, "open": []},
    "compare": {"last": None, "open": []},
    "oms_lists": {"unread": 0, "example": "", "problem": ""},
    "sums": [],
    "fixes": {},
}


def show(viewer, monkeypatch, capsys, given: str, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    monkeypatch.setattr(viewer.sys.stdout, "reconfigure", lambda **_: None, raising=False)
    code = viewer.main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


TOOL_SAYS = """\x1b[90m⌛  Steps for [invoke] of [oss-oms-sync]\x1b[39m
========= FC invoke Logs begin =========
{"level": "INFO", "job": "status", "verdict": "behind", "key": "x", "story": "s", "next": "n", "backlog": 1}
{ not JSON
\x1b[32mInvoke Result:\x1b[39m
%s
✔ [status] completed (1.2s)
"""


@pytest.mark.parametrize(
    "output",
    [
        lambda answer: json.dumps(answer),
        lambda answer: TOOL_SAYS % json.dumps(answer),
        lambda answer: TOOL_SAYS % json.dumps(answer, indent=4, sort_keys=True),  # as Function Compute does
        lambda answer: (TOOL_SAYS % json.dumps(answer, indent=4)).replace("\n", "\r\n"),
        lambda answer: (
            TOOL_SAYS % "\n".join(f"\x1b[32m{line}\x1b[39m" for line in json.dumps(answer, indent=4).split("\n"))
        ),
    ],
    ids=["bare", "in one line", "in many lines", "on Windows", "in colour"],
)
def test_the_answer_is_found_in_what_the_tool_prints(viewer, monkeypatch, capsys, output):
    code, out, _ = show(viewer, monkeypatch, capsys, output(report()), "--lang", "en")
    assert (code, out.splitlines()[0]) == (1, "Now behind.")


FORGERIES = [
    json.dumps({"ok": True, "text": "Set up right", "text_zh": "配置正确", "checks": []}),
    json.dumps(report("in step")),
    json.dumps({"key": "a", "accepted": True, "story": "OMS accepted this version.", "next": ""}),
    f"Invoke Result:\n{json.dumps({'ok': True, 'text': 'Set up right', 'text_zh': '配置正确', 'checks': []})}\n",
]


@pytest.mark.parametrize("key", FORGERIES, ids=["doctor's", "status", "a story", "with the tool's words"])
def test_an_object_key_that_looks_like_an_answer_is_not_taken_for_one(viewer, monkeypatch, capsys, key):
    # GIVEN logs that name such a key, also cut off at their beginning, and results that do
    line = json.dumps({"level": "INFO", "job": "forward", "failed": [key], "message": key})
    logs = "\n".join(["FC Invoke Start", line[len(line) // 3 :], line])
    before = f"========= FC invoke Logs begin =========\n{logs}\n========= FC invoke Logs end =========\n\n"
    for result in (
        {"errorMessage": key, "errorType": "StorageError", "stackTrace": [[key, 1]]},
        {"accepted": 1, "keys": [key], "body": key},
        key,
    ):
        given = f"{before}Invoke Result:\n{json.dumps(result, indent=4, sort_keys=True)}\n"
        # WHEN that is shown, THEN there is no answer in it
        assert show(viewer, monkeypatch, capsys, given)[:2] == (2, "")
    assert show(viewer, monkeypatch, capsys, before)[:2] == (2, "")
    assert show(viewer, monkeypatch, capsys, f"{line}\n{line}\n")[:2] == (2, "")

    # AND the answer is what stands behind it
    code, out, _ = show(viewer, monkeypatch, capsys, f"{before}{TOOL_SAYS}" % json.dumps(report()), "--lang", "en")
    assert (code, out.splitlines()[0]) == (1, "Now behind.")


@pytest.mark.parametrize("size", [10, 1000, 100_000])
def test_however_long_the_output_json_is_read_once(viewer, mocker, size):
    # GIVEN braces of which a reader could begin at each
    decoder = mocker.spy(json.JSONDecoder, "raw_decode")
    lines = '{"level": "INFO", "key": "{{{{"}\n' * size
    # WHEN the answer is looked for, THEN the number of attempts does not grow with them
    assert viewer.find(TOOL_SAYS % json.dumps(report()) + lines) == report()
    assert viewer.find(lines + "{" * size) is None
    assert decoder.call_count == 2


@pytest.mark.parametrize(("state", "code"), [("in step", 0), ("behind", 1), ("broken", 1)])
def test_the_exit_code_says_whether_it_is_in_step(viewer, monkeypatch, capsys, state, code):
    assert show(viewer, monkeypatch, capsys, json.dumps(report(state)))[0] == code


@pytest.mark.parametrize(("lang", "said"), [("en", "contains no answer of status"), ("zh", "输入中没有 status")])
def test_without_an_answer_in_the_input_it_says_how_to_use_it(viewer, monkeypatch, capsys, lang, said):
    code, out, err = show(viewer, monkeypatch, capsys, "Error: no such function {}", "--lang", lang)
    assert (code, out) == (2, "")
    assert said in err
    assert "s status invoke | python status.py" in err
    assert "no such function" in err  # what the tool said is not swallowed


@pytest.mark.parametrize(
    ("name", "lang"), [("zh_CN", "zh"), ("Chinese (Simplified)_China", "zh"), ("de_DE", "en"), (None, "en")]
)
def test_it_speaks_the_language_of_the_locale(viewer, mocker, name, lang):
    mocker.patch("locale.getlocale", return_value=(name, "UTF-8"))
    assert viewer.usual_language() == lang


def test_a_constant_rate_is_a_straight_line(viewer):
    hours = [[1767225600000 + 3_600_000 * hour, 60] for hour in range(24)]
    series = {**report()["statistics"]["series"], "REQUEST": hours}
    page = viewer.page(report(statistics={**report()["statistics"], "series": series}), "en")
    points = re.search(r'class="REQUEST" points="(.*?)"', page)[1].split()
    assert {point.split(",")[1] for point in points} == {"6.0"}


@pytest.mark.parametrize("given", ['{"a":' * 100_000, "{" * 5000])
def test_nonsense_is_no_status(viewer, given):
    assert viewer.find(given) is None


def test_the_text_has_numbers_remedies_and_sums(viewer, monkeypatch, capsys):
    _, out, _ = show(viewer, monkeypatch, capsys, json.dumps(report()), "--lang", "en")
    assert "accepted, not worked on yet 15, of these for over 15 minutes –, failed, not acknowledged 1\n" in out
    assert "  under way since 2026-01-01T23:50:00Z: scanned 4,321, 2,000 a minute, 25%, 7 minutes left\n" in out
    assert "2026-01-01T04:20:00Z: equal_contents 900 / 900, missing 3 / 0, unknown 0 / 2\n" in out
    assert "  Written until in OBS: half 4 s, 90 % 61 s, 99 % 5 min, longest 2 h, not yet 3\n" in out
    assert "  under way since 2026-01-01T23:40:00Z, 2,000 a minute, 25%, 7 minutes left\n" in out
    for part in ("copied 1,190", "at least 3", f"2 THROTTLED: {Reason.THROTTLED.fix.en}", "covered 7", "it means this"):
        assert part in out
    assert "never said" not in out
    assert "\x1b" not in out  # neither colours, for this is no terminal, nor a key's own


def test_the_text_speaks_chinese(viewer, monkeypatch, capsys):
    _, out, _ = show(viewer, monkeypatch, capsys, json.dumps(report()), "--lang", "zh")
    assert out.startswith("现在 behind。")
    assert Reason.THROTTLED.fix.zh in out
    for part in ("目的桶 photos-obs", "接收请求对象数 1,200", "OMS 已接受 7"):
        assert part in out


def test_where_oms_says_nothing_our_half_is_shown(viewer, monkeypatch, capsys):
    _, out, _ = show(viewer, monkeypatch, capsys, json.dumps(report(**EMPTY)), "--lang", "en")
    assert "OMS does not say: UNREACHABLE. Check the host." in out
    assert "no pass has ended yet" in out


def test_counters_that_oms_does_not_tell_are_a_dash(viewer, monkeypatch, capsys):
    month = {"requests": None, "copied": 3, "failed": 0, "skipped": 0, "bytes": None}
    one = report(oms={**report()["oms"], "month": month})
    _, out, _ = show(viewer, monkeypatch, capsys, json.dumps(one), "--lang", "en")
    assert "requested objects –, copied 3" in out
    assert ">–<" in viewer.page(one, "en")


def test_one_keys_story_is_shown(viewer, monkeypatch, capsys):
    story = {"key": "a b", "accepted": False, "story": "OMS accepted an older version.", "next": "Look."}
    code, out, _ = show(viewer, monkeypatch, capsys, TOOL_SAYS % json.dumps(story))
    assert (code, out) == (1, "'a b': OMS accepted an older version.\nLook.\n")
    story["accepted"] = True
    assert show(viewer, monkeypatch, capsys, json.dumps(story))[0] == 0
    with pytest.raises(SystemExit):
        show(viewer, monkeypatch, capsys, json.dumps(story), "--html", "x.html")


CHECKS = [
    {"name": "settings", "state": "ok", "seen": "all well", "fix": ""},
    {"name": "task source", "state": "warning", "seen": "another form", "fix": "Look at it."},
    {"name": "task", "state": "fault", "seen": "NO_TASK 404", "fix": "Check SYNC_URL."},
    {"name": "task runs", "state": "unknown", "seen": "depends on: task", "fix": ""},
    {"name": "task options", "state": "unknown", "seen": "depends on: task", "fix": ""},
    {"name": "createEvent", "state": "unknown", "seen": "too many records", "fix": "Look again."},
    {"name": "records flow", "state": "skipped", "seen": "no object yet", "fix": ""},
]
FOUND = """\
Not set up right: ok 1, skipped 1, warning 1, unknown 3, fault 1
  fault: task: NO_TASK 404
      -> Check SYNC_URL.
  unknown: createEvent: too many records
      -> Look again.
  warning: task source: another form
      -> Look at it.
  skipped: records flow: no object yet
  unknown until then: task runs, task options
"""


def test_the_fault_that_doctor_found_comes_first_and_what_is_well_is_counted(viewer, monkeypatch, capsys):
    answer = {"ok": False, "text": "Not set up right", "text_zh": "配置有误", "checks": CHECKS}
    code, out, _ = show(viewer, monkeypatch, capsys, TOOL_SAYS % json.dumps(answer), "--lang", "en")
    assert (code, out) == (1, FOUND)
    with pytest.raises(SystemExit):
        show(viewer, monkeypatch, capsys, json.dumps(answer), "--html", "x.html")


@pytest.mark.parametrize(
    ("ok", "text", "text_zh", "shown"),
    [
        (True, "Set up right", "配置正确", {"en": "Set up right: ok 1\n", "zh": "配置正确：正常 1\n"}),
        (
            False,
            "Not all could be looked at",
            "有未能检查的项目",
            {"en": "Not all could be looked at: ok 1\n", "zh": "有未能检查的项目：正常 1\n"},
        ),
    ],
)
def test_only_where_doctor_looked_at_all_the_exit_code_is_0(viewer, monkeypatch, capsys, ok, text, text_zh, shown):
    answer = {"ok": ok, "text": text, "text_zh": text_zh, "checks": CHECKS[:1]}
    for lang, out in shown.items():
        assert show(viewer, monkeypatch, capsys, json.dumps(answer), "--lang", lang)[:2] == (0 if ok else 1, out)


@pytest.mark.parametrize("state", ["fault", "unknown", "warning", "skipped"])
def test_on_a_terminal_a_state_has_its_colour(viewer, state):
    answer = {"text": "x", "text_zh": "x", "checks": [{"name": "a", "state": state, "seen": "b", "fix": "c"}]}
    line = list(viewer.checks(answer, "en", colour=True))[1]
    assert re.fullmatch(r"  \x1b\[\d+m" + state + r"\x1b\[0m: a: b", line)
    assert state in "\n".join(viewer.checks(answer, "en", colour=False))


class Reader(HTMLParser):
    """What a page fetches, runs and shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.shown += data


@pytest.mark.parametrize("changes", [{}, EMPTY], ids=["full", "empty"])
def test_the_page_is_self_contained_and_shows_what_it_was_given(viewer, changes):
    page = viewer.page(report(**changes), "en")
    reader = Reader(page)
    assert reader.fetched == ["data:,"]
    assert "script" not in reader.tags
    assert "url(" not in page
    assert "@import" not in page
    assert {"Now behind.", "现在 behind。"} <= {line.strip() for line in re.split(r"[\n<>]", page)}
    if not changes:
        assert NASTY in reader.shown
        assert "2026-01-01T23:50:00Z: " in reader.shown
        assert "已接收，尚未处理" in reader.shown
        assert {"svg", "polyline", "rect"} <= set(reader.tags)


def hostile(value: object, path: tuple[str, ...] = ()) -> object:
    """`value` with markup instead of each text that the page does not compute with."""
    match value:
        case dict():
            names = (NASTY,) if path == ("backlog", "by_reason") else value
            return {name: hostile(one, (*path, name)) for name, one in zip(names, value.values(), strict=False)}
        case list():
            return [hostile(one, path) for one in value]
        case str() if path not in (("at",), ("statistics", "from"), ("statistics", "step")):
            return NASTY
    return value


@pytest.mark.parametrize("changes", [{}, EMPTY], ids=["full", "empty"])
def test_no_text_of_the_answer_is_markup_in_the_page(viewer, changes):
    page = viewer.page(hostile(report(**changes)), "en")
    assert NASTY in Reader(page).shown
    assert "<script" not in page
    assert 'class="verdict &lt;script&gt;' in page


def test_the_file_is_written_and_named(viewer, monkeypatch, capsys, tmp_path):
    code, out, _ = show(viewer, monkeypatch, capsys, json.dumps(report()), "--html", str(tmp_path / "a.html"))
    assert (code, out) == (1, f"Written: {tmp_path / 'a.html'}\n")
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_it_runs_on_a_bare_python():
    done = subprocess.run([sys.executable, "-I", "-S", FILE, "--help"], capture_output=True, text=True, check=True)
    assert "--html FILE" in done.stdout


@pytest.fixture
def chromium() -> str:
    path = shutil.which("chromium")
    if not path:
        reason = "chromium is missing (Debian: apt install chromium)"
        if os.environ.get("REQUIRE_TOOLS"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("state", ["in step", "behind", "broken"])
def test_in_chromium_the_page_has_no_errors_and_shows_the_verdict(viewer, chromium, tmp_path, state, lang, theme):
    file = tmp_path / "status.html"
    file.write_text(viewer.page(report(state), lang), encoding="utf-8")
    dark = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if theme == "dark" else []
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--enable-logging=stderr", *quiet]
    flags.append(f"--user-data-dir={tmp_path}/profile")
    # What is laid out for display: the other language is not.
    probe = file.read_text(encoding="utf-8").replace(
        "</main>",
        "</main><script>document.title = document.querySelector('.verdict').innerText + '|' +"
        " getComputedStyle(document.body).backgroundColor</script>",
    )
    looked = tmp_path / "looked.html"
    looked.write_text(re.sub(r"<meta http-equiv[^>]*>", "", probe), encoding="utf-8")
    plain = subprocess.run([chromium, *flags, *dark, "--dump-dom", file.as_uri()], capture_output=True, text=True)
    assert plain.returncode == 0
    assert "CONSOLE" not in plain.stderr
    seen = subprocess.run([chromium, *flags, *dark, "--dump-dom", looked.as_uri()], capture_output=True, text=True)
    title = re.search(r"<title>(.*?)</title>", seen.stdout)
    verdict, background = title[1].split("|")
    assert verdict == (f"Now {state}." if lang == "en" else f"现在 {state}。")
    assert background == ("rgb(18, 22, 31)" if theme == "dark" else "rgb(255, 255, 255)")


def test_every_reason_has_a_remedy_in_both_languages():
    for reason in Reason:
        assert re.search(r"[a-z]{3}", reason.fix.en), reason
        assert re.search(r"[\u4e00-\u9fff]", reason.fix.zh), reason


def test_the_months_counters_keep_their_order_though_function_compute_sorts_names(viewer):
    answer = json.loads(json.dumps(report(), sort_keys=True))
    for shown in (
        "\n".join(viewer.lines(answer, "en", colour=False)),
        viewer.page(answer, "en").partition("<main>")[2],
    ):
        places = [shown.index(word) for word in ("requested objects", "copied", "skipped", "bytes")]
        assert places == sorted(places)
