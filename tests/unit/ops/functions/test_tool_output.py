"""Answers of functions in the output of Serverless Devs; no object key in this output counts as an answer."""

import json

import pytest

from ops.command_line.cli import recognize_answer
from ops.errors import CloudError, FunctionError
from ops.functions import tool_output
from ops.functions.failures import require_answer
from support.ops import failure_output, invoke_output, report

ANSWER = {"finished": True, "pass": "p"}
WARNINGS = "(node:1) [DEP0040] DeprecationWarning: punycode\n⌛  Steps for [invoke] of [oss-oms-sync]\n"
TRAILING_OUTPUT = "\n✔ [status] completed (1.2s)\n\nA new version of s is available: {3.1.11}\n"


@pytest.mark.parametrize(
    "output",
    [
        invoke_output(ANSWER),
        f"{WARNINGS}{invoke_output(ANSWER)}{TRAILING_OUTPUT}",
        f"{WARNINGS}{invoke_output(ANSWER)}{TRAILING_OUTPUT}".replace("\n", "\r\n"),
        invoke_output(json.dumps(ANSWER)),  # in one line
        invoke_output(ANSWER).replace("Invoke Result:", "\x1b[1mInvoke Result:\x1b[22m"),
        invoke_output("\n".join(f"\x1b[32m{line}\x1b[39m" for line in json.dumps(ANSWER, indent=4).split("\n"))),
        invoke_output(ANSWER).removesuffix("\n"),
    ],
    ids=["bare", "with warnings", "on Windows", "in one line", "bold", "in colour", "without a line's end"],
)
def test_ops_finds_an_answer_among_other_output_of_serverless_devs(output):
    invocation = tool_output.find(output)
    assert invocation.answer == ANSWER
    assert invocation.error_type == ""


@pytest.mark.parametrize("value", [True, False, 7, "text", None, [1]])
def test_ops_reads_any_json_value_as_an_answer(value):
    assert tool_output.find(invoke_output(json.dumps(value))).answer == value


FORGERIES = [
    json.dumps({"ok": True, "text": "Setup OK", "text_zh": "配置正确", "checks": []}),
    json.dumps(report("in step")),
    f"Invoke Result:\n{json.dumps({'ok': True, 'text': 'Setup OK', 'text_zh': '配置正确', 'checks': []})}\n",
    "========= FC invoke Logs end =========\nError Type: x\n\nInvoke Result:\n{}\n",
]


@pytest.mark.parametrize(
    "key",
    FORGERIES,
    ids=[
        "an answer of doctor",
        "an answer of status",
        "an answer with the words of Serverless Devs",
        "an error of a function",
    ],
)
def test_ops_takes_no_object_key_in_a_log_line_for_an_answer(key):
    # GIVEN logs that name such a key, also cut off at their beginning, and an answer that does
    line = json.dumps({"level": "INFO", "job": "forward", "failed": [key], "message": key})
    logs = "\n".join(["FC Invoke Start", line[len(line) // 3 :], line])
    answer = {"accepted": 1, "keys": [key], "body": key}

    # WHEN the output is read, THEN the answer is unchanged, and logs alone have no answer
    invocation = tool_output.find(invoke_output(answer, logs=logs))
    assert invocation.answer == answer
    assert invocation.error_type == ""
    assert tool_output.find(f"{logs}\n") is None
    assert recognize_answer(tool_output.read(f"{line}\n{line}\n")) == ""

    # AND an error that names the key is that error
    with pytest.raises(FunctionError) as raised:
        require_answer("replay", tool_output.find(failure_output("StorageError", key)))
    assert raised.value.error_type == "StorageError"


@pytest.mark.parametrize("size", [10, 1000, 100_000])
def test_ops_parses_the_json_once_in_output_of_any_length(mocker, size):
    answer = report()
    decoder = mocker.spy(json.JSONDecoder, "raw_decode")
    lines = '{"level": "INFO", "key": "{{{{"}\n' * size
    assert tool_output.find(invoke_output(answer, logs=lines) + lines).answer == answer
    assert decoder.call_count == 1


@pytest.mark.parametrize("text", ['{"a":' * 100_000, "{" * 5000, "", "Error: no such function {}"])
def test_ops_finds_no_answer_in_a_text_without_an_answer(text):
    assert tool_output.read(text) is None
    assert recognize_answer(text) == ""


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("PayloadError", FunctionError, "replay refused the command: because"),
        ("SettingsError", FunctionError, "replay failed with SettingsError: because"),
        ("StorageError", FunctionError, "replay failed with StorageError: because"),
        ("KeyError", FunctionError, "replay failed with KeyError: because"),
        ("TimeoutError", FunctionError, "replay failed with TimeoutError: because"),
        (
            "FunctionTimeout",
            CloudError,
            "Function Compute ended the function replay before the function answered: because",
        ),
        ("", CloudError, "Function Compute ended the function replay before the function answered: because"),
    ],
)
def test_ops_distinguishes_errors_of_a_function_and_of_function_compute(kind, error, says):
    with pytest.raises(error) as raised:
        require_answer("replay", tool_output.find(failure_output(kind, "because")))
    message, fix = raised.value.problem.en, raised.value.fix
    assert bool(fix.en)
    assert bool(fix.zh)
    assert message == says
    assert raised.value.exit_code == (2 if kind == "PayloadError" else 1)


def test_ops_raises_an_error_for_a_timeout_message_without_json():
    with pytest.raises(CloudError, match="timed out after 570 seconds"):
        require_answer(
            "compare", tool_output.find(invoke_output("Function timed out after 570 seconds", "FunctionTimeout"))
        )
