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


def report(state: str = "behind", **changes: object) -> dict:
    """An answer as the function gives it (tests/system/test_status.py shows that it does)."""
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
            "open": [{"started": "2026-01-01T23:50:00Z", "ended": None, "scanned": 4321}],
        },
        "sums": [
            {"claim": "1 = 1", "left": 1, "right": [1], "holds": True, "meaning": "never said"},
            {"claim": "5 = 4", "left": 5, "right": [3, 1], "holds": False, "meaning": "it means this"},
        ],
        "fixes": {"THROTTLED": {"en": Reason.THROTTLED.fix, "zh": Reason.THROTTLED.fix_zh}},
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
        lambda answer: TOOL_SAYS % json.dumps(answer, indent=2, ensure_ascii=False),
        lambda answer: TOOL_SAYS % json.dumps({"statusCode": 200, "body": json.dumps(answer)}),
    ],
    ids=["bare", "in the tool's output", "as text within JSON"],
)
def test_the_answer_is_found_in_what_the_tool_prints(viewer, monkeypatch, capsys, output):
    code, out, _ = show(viewer, monkeypatch, capsys, output(report()), "--lang", "en")
    assert (code, out.splitlines()[0]) == (1, "Now behind.")


@pytest.mark.parametrize(("state", "code"), [("in step", 0), ("behind", 1), ("broken", 1)])
def test_the_exit_code_says_whether_it_is_in_step(viewer, monkeypatch, capsys, state, code):
    assert show(viewer, monkeypatch, capsys, json.dumps(report(state)))[0] == code


def test_without_a_status_in_the_input_it_says_how_to_use_it(viewer, monkeypatch, capsys):
    code, out, err = show(viewer, monkeypatch, capsys, "Error: no such function {}")
    assert (code, out) == (2, "")
    assert "s status invoke | python status.py" in err
    assert "no such function" in err  # what the tool said is not swallowed


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
    assert "  under way since 2026-01-01T23:50:00Z: scanned 4,321\n" in out
    for part in ("copied 1,190", "at least 3", f"2 THROTTLED: {Reason.THROTTLED.fix}", "covered 7", "it means this"):
        assert part in out
    assert "never said" not in out
    assert "\x1b" not in out  # neither colours, for this is no terminal, nor a key's own


def test_the_text_speaks_chinese(viewer, monkeypatch, capsys):
    _, out, _ = show(viewer, monkeypatch, capsys, json.dumps(report()), "--lang", "zh")
    assert out.startswith("现在 behind。")
    assert Reason.THROTTLED.fix_zh in out


def test_where_oms_says_nothing_our_half_is_shown(viewer, monkeypatch, capsys):
    _, out, _ = show(viewer, monkeypatch, capsys, json.dumps(report(**EMPTY)), "--lang", "en")
    assert "OMS does not say: UNREACHABLE. Check the host." in out
    assert "no pass has ended yet" in out


def test_counters_that_oms_does_not_tell_are_a_dash(viewer, monkeypatch, capsys):
    month = {"requests": None, "copied": 3, "failed": 0, "skipped": 0, "bytes": None}
    one = report(oms={**report()["oms"], "month": month})
    _, out, _ = show(viewer, monkeypatch, capsys, json.dumps(one), "--lang", "en")
    assert "requests –, copied 3" in out
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
    {"name": "task runs", "state": "skipped", "seen": "depends on: task", "fix": ""},
]


def test_what_doctor_found_is_a_line_a_check_and_what_to_do(viewer, monkeypatch, capsys):
    answer = {"ok": False, "checks": CHECKS}
    code, out, _ = show(viewer, monkeypatch, capsys, TOOL_SAYS % json.dumps(answer), "--lang", "en")
    assert code == 1
    assert out.splitlines()[0] == "Not set up right: ok 1, warning 1, fault 1, skipped 1"
    assert "  fault: task: NO_TASK 404\n      -> Check SYNC_URL.\n  skipped: task runs: depends on: task\n" in out
    code, out, _ = show(viewer, monkeypatch, capsys, json.dumps({"ok": True, "checks": CHECKS[:1]}), "--lang", "zh")
    assert (code, out) == (0, "配置正确: 正常 1\n  正常: settings: all well\n")
    with pytest.raises(SystemExit):
        show(viewer, monkeypatch, capsys, json.dumps(answer), "--html", "x.html")


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
        assert re.search(r"[a-z]{3}", reason.fix), reason
        assert re.search(r"[\u4e00-\u9fff]", reason.fix_zh), reason
