"""Calls of functions by the program `s` of Serverless Devs: its arguments, time limits, and errors."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from ops.errors import CloudError, ToolError, UsageError
from ops.functions import call, failures
from ops.functions.call import Sandbox, Tool
from ops.session import start_call
from support.ops import NASTY, StandInTool, invoke_output, missing_parts


def test_a_payload_reaches_serverless_devs_unchanged(stand_in, tmp_path):
    stand_in.answers({"ok": True})
    payload = {"key": f"$(touch x) `y` {NASTY} 山"}
    assert Tool(None, tmp_path).ask("status", payload) == {"ok": True}
    ((*words, event),) = stand_in.calls
    assert words == ["status", "invoke", "-e"]
    assert call.json.loads(event) == payload


def test_a_long_payload_reaches_serverless_devs_in_a_file(stand_in, tmp_path):
    stand_in.answers(True)
    assert Tool(None, tmp_path).ask("replay", {"keys": ["山" * 300] * 100}) is True
    ((*_, option, file),) = stand_in.calls
    assert not call.Path(file).exists()
    assert option == "--event-file"


def test_serverless_devs_gets_another_settings_file_by_its_full_path(stand_in, tmp_path, monkeypatch):
    stand_in.answers(True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Tool(call.Path("s.staging.yaml"), tmp_path).ask("doctor", {})
    assert stand_in.calls == [["doctor", "invoke", "-e", "{}", "-t", str(tmp_path / "elsewhere" / "s.staging.yaml")]]


def test_ops_ignores_warnings_of_serverless_devs_around_an_answer(stand_in, tmp_path):
    around = {"before": "warning {\n", "err": "(node) Warning\n", "code": 1}
    stand_in.plan({"*": {**around, "out": invoke_output({"a": 1}) + "\nupdate {\n"}})
    assert Tool(None, tmp_path).ask("doctor", {}) == {"a": 1}


def test_ops_explains_how_to_install_a_missing_serverless_devs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="no `s` on the PATH") as raised:
        Tool(None, tmp_path).ask("doctor", {})
    for text in (raised.value.fix.en, raised.value.fix.zh):
        assert "npm install -g @serverless-devs/s" in text


@pytest.mark.parametrize(
    ("output", "error", "fix"),
    [
        (
            "✖ failed\n error: code: FunctionNotFound, 404, function 'x' does not exist",
            CloudError,
            "The function doctor does not exist in Function Compute\nDeploy the project: s deploy -y",
        ),
        ("code: AccessDenied, 403, the caller is not authorized", CloudError, "fc:InvokeFunction"),
        ("InvalidAccessKeyId.NotFound: 404", CloudError, "s config add"),
        ("ResourceExhausted: too many", CloudError, "Wait a minute"),
        (
            "getaddrinfo ENOTFOUND 1.cn-hangzhou.fc.aliyuncs.com",
            ToolError,
            "Serverless Devs (`s`) could not reach Alibaba Cloud\nCheck this machine's network connection",
        ),
        (
            "Error Message:\ngetaddrinfo ENOTFOUND api.devsapp.cn",
            ToolError,
            "Allow this machine to reach the registry once",
        ),
        (
            "anonymous:1:1\n >> 1| ${secret('p_HW_AK')}\n\nRuntimeError: undefined not found",
            ToolError,
            "python3 ops.py secrets",
        ),
        ("Message: The edition field in the s.yaml file is incorrect.", ToolError, "@serverless-devs/s@3"),
        ("Not found access: default", ToolError, "s config add"),
        ("the s.yaml file was not found", ToolError, "-t FILE"),
        ("what nobody has ever seen", ToolError, "Check the output of Serverless Devs above"),
        ("", ToolError, "Check the output of Serverless Devs above"),
    ],
)
@pytest.mark.parametrize("is_error", [False, True])
def test_ops_explains_why_a_function_gave_no_answer(output, error, fix, is_error):
    explained = failures.tool_error("doctor", "" if is_error else output, output if is_error else "", 101)
    assert type(explained) is error
    assert fix in f"{explained.problem.en}\n{explained.fix.en}"
    assert [*explained.output] == output.splitlines()


@pytest.mark.parametrize("end", ["Invoke instanceId", "\n========= FC invoke Logs end"])
def test_ops_takes_no_reason_for_a_missing_answer_from_the_functions_log(stand_in, tmp_path, end):
    stand_in.plan({"*": {"out": invoke_output("", logs="OBS said AccessDenied").partition(end)[0], "code": 1}})
    with pytest.raises(ToolError, match="returned no answer"):
        Tool(None, tmp_path).ask("doctor", {})


def test_the_error_for_a_truncated_answer_shows_its_end(stand_in, tmp_path):
    stand_in.answers(call.json.dumps({"keys": [*range(1000)]}, indent=1)[:-1])
    with pytest.raises(ToolError, match="is not JSON") as raised:
        Tool(None, tmp_path).ask("status", {})
    assert len(raised.value.output) == 15
    assert raised.value.output[-1] == " ]"


def test_ops_reports_a_serverless_devs_that_cannot_run(stand_in, tmp_path):
    (stand_in.folder / "s").write_bytes(b"\x7fELF, of another kind of machine")
    with pytest.raises(ToolError, match="cannot be started: Exec format error"):
        Tool(None, tmp_path).ask("doctor", {})


def test_ops_ends_a_hanging_serverless_devs_with_its_children(stand_in, tmp_path):
    # GIVEN a tool that starts a process, which keeps the tool's output open
    program = stand_in.folder / "s"
    program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\nsleep 60 & echo $! > {tmp_path}/child\nsleep 60\n")
    start_time = time.monotonic()

    # WHEN the call has a short time limit
    with pytest.raises(ToolError, match="did not end"):
        Tool(None, tmp_path, seconds=0.5).ask("compare", {})

    # THEN the error comes in time, and neither process runs any more
    assert time.monotonic() - start_time < 30
    assert is_gone(int((tmp_path / "child").read_text()))


def test_ops_on_windows_ends_serverless_devs_and_its_children_by_taskkill(monkeypatch):
    commands: list[object] = []
    monkeypatch.setattr(call.sys, "platform", "win32")
    monkeypatch.setattr(call.subprocess, "run", lambda words, **_: commands.append(words))
    call._kill(SimpleNamespace(pid=7, poll=lambda: None, wait=lambda: commands.append("waited")))
    assert commands == [["taskkill", "/F", "/T", "/PID", "7"], "waited"]


def is_gone(process: int) -> bool:
    """Wait up to five seconds for the end of a process, and return True if it has ended.

    A zombie process has ended as well.
    """
    for _ in range(100):
        try:
            state = call.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_time_limit_of_a_call_exceeds_that_of_a_function():
    assert call.CALL_SECONDS > 570 + 5


def test_stopping_serverless_devs_ends_its_running_call(stand_in, tmp_path):
    stand_in.plan({"*": {"seconds": 60}})
    tool = Tool(None, tmp_path)
    call = start_call(lambda: tool.ask("compare", {}))
    while not stand_in.calls:
        time.sleep(0.01)
    tool.stop()
    assert isinstance(call.exception(30), ToolError)


def test_ops_removes_and_restores_a_trigger_by_serverless_devs(stand_in, tmp_path):
    stand_in.plan({"*": {}})
    Tool(None, tmp_path).trigger("remove", "forward", "oss-content")
    Tool(None, tmp_path).trigger("deploy", "forward", "oss-content")
    assert stand_in.calls == [["forward", act, "--trigger", "oss-content", "-y"] for act in ("remove", "deploy")]
    stand_in.plan({"*": {"err": "AccessDenied", "code": 1}})
    with pytest.raises(CloudError):
        Tool(None, tmp_path).trigger("remove", "forward", "oss-content")


def test_ops_raises_an_error_if_the_secret_store_does_not_answer(stand_in, tmp_path):
    tool, store = Tool(None, tmp_path), {"secret get": {"out": "a_key: ab**\n"}, "*": {}}
    for steps in ({"*": {"err": "unknown command", "code": 1}}, store):
        stand_in.plan(steps)
        with pytest.raises(ToolError):
            tool.forget_secret("a_key")
    tool.forget_secret("another")


TOOL_OUTPUT = "  \x1b[1mAccessKeyID: \x1b[22m  LTA****ake\n  \x1b[1mAccountID: \x1b[22m   123**********456\n"


@pytest.mark.parametrize(
    ("output", "account"), [(TOOL_OUTPUT, "123**********456"), ("You have not yet been found", "")]
)
def test_ops_reads_the_account_id_from_the_output_of_serverless_devs(stand_in, tmp_path, output, account):
    stand_in.plan({"config get": {"out": output}})
    assert Tool(None, tmp_path).account("mine") == account
    assert stand_in.calls == [["config", "get", "-a", "mine"]]


@pytest.fixture
def windows_tool(tmp_path, monkeypatch) -> StandInTool:
    """Install the stand-in for `s` as a batch file, as npm does on Windows."""
    program = StandInTool(tmp_path / "bin", "s.cmd")
    monkeypatch.setattr(call.shutil, "which", lambda name: str(program.folder / "s.cmd"))
    return program


def test_ops_on_windows_passes_a_payload_in_a_file(windows_tool, tmp_path):
    script, kept_file = windows_tool.folder / "s.cmd", tmp_path / "kept"
    keeping = f"import shutil\nshutil.copy(words[words.index('--event-file') + 1], {str(kept_file)!r})\nplan ="
    script.write_text(script.read_text().replace("plan =", keeping, 1))
    windows_tool.answers(True)
    payload = {"key": '100% "quoted" ^&|<> 山'}
    assert Tool(None, tmp_path).ask("status", payload) is True
    ((*_, file),) = windows_tool.calls
    assert not call.Path(file).exists()
    assert call.json.loads(kept_file.read_text(encoding="utf-8")) == payload


def test_ops_on_windows_refuses_a_path_that_the_shell_would_change(windows_tool, tmp_path):
    with pytest.raises(UsageError, match="would change"):
        Tool(call.Path("a&b.yaml"), tmp_path).ask("status", {})
    assert windows_tool.calls == []


def test_an_environment_variable_makes_ops_use_the_sandbox(monkeypatch, tmp_path):
    monkeypatch.delenv(call.SANDBOX_VARIABLE, raising=False)
    assert isinstance(call.caller(None, tmp_path), Tool)
    monkeypatch.setenv(call.SANDBOX_VARIABLE, "http://127.0.0.1:1")
    assert isinstance(call.caller(None, tmp_path), Sandbox)


def test_ops_reports_a_sandbox_that_does_not_answer():
    with pytest.raises(ToolError, match=r"http://127\.0\.0\.1:1") as raised:
        Sandbox("http://127.0.0.1:1/").ask("doctor", {})
    assert missing_parts(raised.value.fix.en, "make sandbox", call.SANDBOX_VARIABLE) == []
