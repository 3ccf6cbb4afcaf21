"""Function Compute: what a function finds, and what happens when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import sandbox.fc.service

PATIENCE = 20
CREDENTIALS = ("SANDBOXID", "SANDBOXSECRET", "SANDBOXTOKEN")


@pytest.fixture
def create(box, tmp_path):
    """Creates a function of the given name from the text of its index.py."""

    def create_function(source, name="f", **details):
        code = tmp_path / name
        code.mkdir()
        (code / "index.py").write_text(textwrap.dedent(source))
        settings = {"environment": {}, "credentials": CREDENTIALS, "retry_delay": 0.001, **details}
        box.fc.create_function(name, code, **settings)
        return code

    return create_function


def outcomes(box):
    return [(one.function, one.attempt, one.outcome) for one in box.fc.invocations]


def process_state(pid):
    """The letter of proc(5): T is stopped, Z a process that ended and waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_a_function_gets_the_payload_and_its_value_comes_back(box, create):
    create("def handler(event, context): return {'got': event.decode(), 'type': type(event).__name__}")

    invocation = box.fc.invoke("f", "照片".encode())

    assert invocation.outcome == "returned"
    assert invocation.value == {"got": "照片", "type": "bytes"}
    assert invocation.payload == "照片".encode()


def test_the_handler_may_stand_in_another_module(box, create):
    code = create("", handler="pkg/door.open_it")
    (code / "pkg").mkdir()
    (code / "pkg" / "door.py").write_text("def open_it(event, context): return 'opened'")

    assert box.fc.invoke("f", b"").value == "opened"


@pytest.mark.parametrize(("runtime", "version"), [("python3.12", "2.18.6"), ("python3.10", "2.16.0")])
def test_a_function_sees_the_runtimes_libraries_and_none_of_the_tests(box, create, runtime, version):
    create(
        """
        import importlib.util, sys
        import oss2
        def handler(event, context):
            absent = [n for n in ("pytest", "aiohttp", "sandbox", "hypothesis") if importlib.util.find_spec(n) is None]
            return {"oss2": oss2.__version__, "absent": absent, "path": sys.path}
        """,
        runtime=runtime,
    )

    value = box.fc.invoke("f", b"").value

    assert value["oss2"] == version
    assert value["absent"] == ["pytest", "aiohttp", "sandbox", "hypothesis"]
    assert value["path"][1].endswith(f".runtimes/{runtime}")
    assert not [entry for entry in value["path"] if "site-packages" in entry]


SHOW_ENVIRONMENT = """
import os
def handler(event, context): return dict(os.environ)
"""


def test_the_environment_is_clean(box, create, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    create(SHOW_ENVIRONMENT, environment={"LOG_BUCKET": "logs"})

    environment = box.fc.invoke("f", b"").value

    assert environment.pop("LC_CTYPE", None) in (None, "C.UTF-8"), "Python itself sets it"
    assert environment.keys() == {
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "LOG_BUCKET",
        "FC_FUNCTION_NAME",
        "FC_FUNCTION_HANDLER",
        "FC_REGION",
        "FC_ACCOUNT_ID",
        "FC_INSTANCE_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    }
    assert (environment["FC_FUNCTION_NAME"], environment["FC_REGION"]) == ("f", "cn-hangzhou")


SHOW_CONTEXT = """
import os
def handler(event, context):
    credentials = getattr(context, "credentials", None)
    return {
        "credentials": credentials and [
            credentials.access_key_id, credentials.access_key_secret, credentials.security_token
        ],
        "environment": [os.environ.get("ALIBABA_CLOUD_" + name)
                        for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")],
        "request_id": context.request_id,
        "function": [context.function.name, context.function.handler, context.function.timeout,
                     context.function.memory, context.function.version_id, context.function.qualifier],
        "region": context.region,
        "account_id": context.account_id,
        "logger": context.logger.name,
    }
"""


@pytest.mark.parametrize(
    ("runtime", "in_context", "in_environment"),
    [
        ("python3.12", None, list(CREDENTIALS)),
        ("python3.10", list(CREDENTIALS), [None, None, None]),
    ],
)
def test_credentials_come_as_the_runtime_gives_them(box, create, runtime, in_context, in_environment):
    create(SHOW_CONTEXT, runtime=runtime, timeout=17)

    invocation = box.fc.invoke("f", b"")

    assert invocation.value["credentials"] == in_context
    assert invocation.value["environment"] == in_environment
    assert invocation.value["request_id"] == invocation.request_id
    assert invocation.value["function"] == ["f", "index.handler", 17, 512, "LATEST", "LATEST"]
    assert (invocation.value["region"], invocation.value["account_id"]) == ("cn-hangzhou", "1000000000000001")


def test_output_and_log_lines_belong_to_their_invocation(box, create):
    create(
        """
        import logging, os, sys
        logging.getLogger().info("loading")
        def handler(event, context):
            print("printed", event.decode())
            logging.getLogger("room").info("logged %s", event.decode())
            logging.getLogger().debug("not shown")
            sys.stderr.write("complained\\n")
            os.write(1, b"raw, without an end of line")
        """
    )

    first, second = box.fc.invoke("f", b"one"), box.fc.invoke("f", b"two")

    assert first.logs[0].endswith(f" {first.request_id} [INFO] loading")
    assert first.logs[1] == "printed one"
    assert first.logs[2].endswith(f" {first.request_id} [INFO] logged one")
    assert first.logs[3:] == ["complained", "raw, without an end of line"]
    assert second.logs[0] == "printed two"
    assert second.logs[1].endswith(f" {second.request_id} [INFO] logged two")


def test_of_one_write_128_kb_are_kept(box, create):
    create(
        """
        import sys
        def handler(event, context):
            sys.stdout.write("山" * 50_000 + "\\n")
            sys.stdout.write("\\n")
            sys.stdout.write("x" * 131_071 + "\\n")
            sys.stdout.write("cut\\n")
        """
    )

    logs = box.fc.invoke("f", b"").logs

    assert [len(line.encode()) for line in logs] == [131_070, 131_071, 3], "nothing is cut within a character"


def test_no_bytecode_is_written_into_the_code_folder(box, create):
    code = create("import helper\ndef handler(event, context): return helper.VALUE")
    (code / "helper.py").write_text("VALUE = 1")

    assert box.fc.invoke("f", b"").value == 1
    assert sorted(path.name for path in code.iterdir()) == ["helper.py", "index.py"]


COUNT_CALLS = """
import os
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if event == b"raise": raise ValueError("no good")
    return [os.getpid(), calls]
"""


def test_an_instance_is_kept_for_the_next_event_even_after_an_exception(box, create):
    create(COUNT_CALLS)

    first = box.fc.invoke("f", b"").value
    box.fc.invoke("f", b"raise")
    third = box.fc.invoke("f", b"").value

    assert third == [first[0], 3]


def test_an_exception_is_told_and_a_synchronous_call_is_not_retried(box, create):
    create(COUNT_CALLS)

    invocation = box.fc.invoke("f", b"raise")

    assert (invocation.outcome, invocation.failed) == ("raised", True)
    assert (invocation.error_type, invocation.error_message) == ("ValueError", "no good")
    assert "Traceback" in invocation.logs[0]
    assert outcomes(box) == [("f", 1, "raised")]


def test_an_errors_stack_is_a_list_of_lists(box, create):
    code = create(
        """\
        def deeper(): raise ValueError("no good")
        def handler(event, context):
            deeper()
        """
    )

    invocation = box.fc.invoke("f", b"")

    index = f'File "{code / "index.py"}"'
    assert list(invocation.stack_trace) == [
        [index, "line 3", "in handler", "deeper()"],
        [index, "line 1", "in deeper", 'def deeper(): raise ValueError("no good")'],
    ]


@pytest.mark.parametrize(
    ("returned", "body"),
    [
        ("{'b': 1, 'a': [True, '山']}", '{\n    "a": [\n        true,\n        "\\u5c71"\n    ],\n    "b": 1\n}'),
        ("False", "false"),
        ("'山 as it is'", "山 as it is"),
        ("b'bytes'", "bytes"),
    ],
)
def test_a_returned_value_is_answered_as_the_runtime_prints_it(box, create, returned, body):
    create(f"def handler(event, context): return {returned}")

    assert box.fc.invoke("f", b"").body == body


INITIALIZE = """
runs = []
def initialize(context): runs.append(context.function.name)
def handler(event, context): return runs
"""


def test_an_initializer_runs_once_an_instance(box, create):
    create(INITIALIZE, initializer="index.initialize")

    assert [box.fc.invoke("f", b"").value for _ in range(2)] == [["f"], ["f"]]


def test_a_function_called_initialize_is_nothing_unless_it_is_configured(box, create):
    create(INITIALIZE)

    assert box.fc.invoke("f", b"").value == []


def test_an_initializer_that_fails_fails_each_event(box, create):
    source = "def initialize(context): raise OSError('down')\ndef handler(event, context): pass"
    create(source, initializer="index.initialize")

    assert [box.fc.invoke("f", b"").error_type for _ in range(2)] == ["OSError", "OSError"]


@pytest.mark.parametrize(
    ("source", "error"), [("import no_such_module", "ModuleNotFoundError"), ("handle = None", "AttributeError")]
)
def test_code_that_cannot_be_loaded_fails_each_event(box, create, source, error):
    create(source)

    assert [box.fc.invoke("f", b"").error_type for _ in range(2)] == [error, error]


def test_the_handler_is_imported_inside_the_first_invocation(box, create):
    create(
        """
        import time
        print("importing")
        time.sleep(0.3)
        def handler(event, context): print("handling")
        """
    )

    first, second = box.fc.invoke("f", b""), box.fc.invoke("f", b"")

    assert (first.logs, second.logs) == (["importing", "handling"], ["handling"])
    assert first.duration >= 0.3


def test_an_import_counts_against_the_functions_timeout(box, create):
    create("import time\ntime.sleep(1000)\ndef handler(event, context): pass", timeout=0.5)

    assert box.fc.invoke("f", b"").outcome == "timeout"


@pytest.mark.parametrize("value", ["object()", "{1: 'keys that cannot be', 'sorted': ''}"])
def test_a_value_that_is_not_json_is_a_failure(box, create, value):
    create(f"def handler(event, context): return {value}")

    assert box.fc.invoke("f", b"").error_type == "TypeError"


def test_returning_false_is_success(box, create):
    create("def handler(event, context): return False", on_failure="f")

    box.fc.submit("f", b"")
    box.fc.wait_idle(PATIENCE)

    assert outcomes(box) == [("f", 1, "returned")]
    assert box.fc.invocations[0].value is False
    assert not box.fc.invocations[0].failed


def test_a_failed_event_is_tried_again_until_it_succeeds(box, create):
    create(
        """
        calls = 0
        def handler(event, context):
            global calls
            calls += 1
            if calls < 3: raise RuntimeError(calls)
        """
    )

    box.fc.submit("f", b"")
    box.fc.wait_idle(PATIENCE)

    assert outcomes(box) == [("f", 1, "raised"), ("f", 2, "raised"), ("f", 3, "returned")]
    assert len({one.request_id for one in box.fc.invocations}) == 1


def test_an_event_that_failed_for_good_goes_to_its_destination_in_an_envelope(box, create):
    create("def handler(event, context): raise RuntimeError('no good')", max_retries=1, on_failure="g")
    create("def handler(event, context): return event.decode()", name="g")

    box.fc.submit("f", '{"events": ["照片"]}'.encode())
    box.fc.wait_idle(PATIENCE)

    assert outcomes(box) == [("f", 1, "raised"), ("f", 2, "raised"), ("g", 1, "returned")]
    envelope = json.loads(box.fc.invocations[2].value)
    assert envelope.keys() == {
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    }
    assert envelope["requestPayload"] == '{"events": ["照片"]}'
    assert envelope["requestContext"]["requestId"] == box.fc.invocations[0].request_id
    assert envelope["requestContext"]["approximateInvokeCount"] == 2
    assert json.loads(envelope["responsePayload"])["errorMessage"] == "no good"
    assert box.fc.dropped == []


def test_an_event_that_failed_for_good_without_a_destination_is_dropped(box, create):
    create("def handler(event, context): raise RuntimeError('no good')", max_retries=0)

    box.fc.submit("f", b"lost")
    box.fc.wait_idle(PATIENCE)

    assert [(one.payload, one.error_message) for one in box.fc.dropped] == [(b"lost", "no good")]


WORK_AND_CLEAN_UP = """
import os, pathlib, time
here = pathlib.Path({folder!r})
def handler(event, context):
    if (here / "pid").exists():
        return "at the second attempt"
    (here / "pid").write_text(str(os.getpid()))
    while True:
        try:
            time.sleep(1000)
        finally:
            print("cleaned up", flush=True)
            {end}
"""


def test_past_the_timeout_finally_blocks_run_then_the_process_ends_and_the_event_is_retried(box, create, tmp_path):
    create(WORK_AND_CLEAN_UP.format(folder=str(tmp_path), end=""), timeout=0.5)

    box.fc.submit("f", b"")
    box.fc.wait_idle(PATIENCE)

    assert outcomes(box) == [("f", 1, "timeout"), ("f", 2, "returned")]
    late = box.fc.invocations[0]
    assert late.error_message == "Function timed out after 0.5 seconds"
    assert process_state((tmp_path / "pid").read_text()) == "Z"
    assert any("in handler" in line for line in late.logs), "all stacks are dumped"
    assert late.logs[-1] == "cleaned up"


def test_a_process_that_goes_on_after_the_timeout_is_killed(box, create, mocker, tmp_path):
    mocker.patch("sandbox.fc.instance._GRACE", 0.2)
    create(WORK_AND_CLEAN_UP.format(folder=str(tmp_path), end="continue"), timeout=0.5)

    invocation = box.fc.invoke("f", b"")

    assert (invocation.outcome, invocation.logs[-1]) == ("timeout", "cleaned up")
    assert process_state((tmp_path / "pid").read_text()) == "Z"


def test_sys_exit_in_a_function_is_a_crash(box, create):
    create("import sys\ndef handler(event, context): sys.exit(0)")

    invocation = box.fc.invoke("f", b"")

    assert (invocation.outcome, invocation.error_message) == (
        "crashed",
        "Process exited unexpectedly before completing request",
    )


def test_a_crash_is_a_failure_and_the_next_event_gets_a_new_instance(box, create):
    create(
        """
        import os
        def handler(event, context):
            print("last words", flush=True)
            if event == b"crash": os._exit(3)
            return "alive"
        """
    )

    crashed, alive = box.fc.invoke("f", b"crash"), box.fc.invoke("f", b"")

    assert (crashed.outcome, crashed.logs) == ("crashed", ["last words"])
    assert alive.value == "alive"


def test_an_instance_handles_one_event_at_a_time(box, create, tmp_path):
    create(
        f"""
        import os, time
        lock = {str(tmp_path / "lock")!r}
        def handler(event, context):
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            time.sleep(0.01)
            os.remove(lock)
        """,
        instances=1,
        max_retries=0,
    )

    for _ in range(5):
        box.fc.submit("f", b"")
    box.fc.wait_idle(PATIENCE)

    assert outcomes(box) == [("f", 1, "returned")] * 5


WAIT_FOR_ALL = """
import os, pathlib, time
here = pathlib.Path({folder!r})
def handler(event, context):
    (here / event.decode()).touch()
    while len(list(here.glob("event*"))) < 5:
        time.sleep(0.001)
    return os.getpid()
"""


def test_each_event_gets_an_instance_of_its_own_while_the_others_are_busy(box, create, tmp_path):
    create(WAIT_FOR_ALL.format(folder=str(tmp_path)))

    for number in range(5):
        box.fc.submit("f", b"event%d" % number)
    box.fc.wait_idle(PATIENCE)

    assert len({one.value for one in box.fc.invocations}) == 5


def test_waiting_for_silence_ends(box, create):
    create("import time\ndef handler(event, context): time.sleep(1000)")
    box.fc.submit("f", b"")

    with pytest.raises(TimeoutError):
        box.fc.wait_idle(0.01)


def test_a_caller_may_stop_waiting(box, create):
    create("import time\ndef handler(event, context): time.sleep(1000)")

    with pytest.raises(TimeoutError):
        box.fc.invoke("f", b"", timeout=0.2)


def test_a_frozen_instance_stands_still_until_it_is_thawed(box, create, eventually):
    create(COUNT_CALLS)
    pid, _ = box.fc.invoke("f", b"").value

    box.fc.freeze("f")
    eventually(lambda: process_state(pid) == "T")
    box.fc.thaw("f")
    eventually(lambda: process_state(pid) == "S")


def test_an_event_thaws_the_instance_that_gets_it(box, create, eventually):
    create(COUNT_CALLS)
    pid, _ = box.fc.invoke("f", b"").value
    box.fc.freeze("f")
    eventually(lambda: process_state(pid) == "T")

    assert box.fc.invoke("f", b"", timeout=PATIENCE).value == [pid, 2]


def test_an_updated_function_starts_anew_with_what_it_was_given(box, create):
    create(SHOW_CONTEXT)
    box.fc.invoke("f", b"")

    box.fc.update_function("f", environment={"A": "b"}, credentials=("SANDBOXNEWID", "s", "t"))

    assert box.fc.invoke("f", b"").value["environment"] == ["SANDBOXNEWID", "s", "t"]


def test_an_update_reaches_an_instance_that_was_busy(box, create, tmp_path, eventually):
    create(
        f"""
        import os, pathlib, time
        here = pathlib.Path({str(tmp_path)!r})
        def handler(event, context):
            (here / "begun").touch()
            while not (here / "end").exists():
                time.sleep(0.001)
            return os.environ["VERSION"]
        """,
        environment={"VERSION": "old"},
        instances=1,
    )
    box.fc.submit("f", b"")
    eventually((tmp_path / "begun").exists)

    box.fc.update_function("f", environment={"VERSION": "new"})
    (tmp_path / "end").touch()
    box.fc.wait_idle(PATIENCE)

    assert box.fc.invoke("f", b"").value == "new"
    assert box.fc.invocations[0].value == "old"


@pytest.mark.parametrize(
    ("environment", "message"),
    [({"FC_X": "1"}, "reserved"), ({"A": 1}, "strings"), ({"A": "x" * 4096}, "4 KB")],
)
def test_an_environment_that_fc_does_not_take_is_refused(create, environment, message):
    with pytest.raises(ValueError, match=message):
        create("", environment=environment)


def test_an_asynchronous_payload_over_128_kb_is_refused(box, create):
    create("def handler(event, context): return len(event)")

    with pytest.raises(ValueError, match="128 KB"):
        box.fc.submit("f", b"x" * (128 * 1024 + 1))
    assert box.fc.invoke("f", b"x" * (1024 * 1024)).value == 1024 * 1024


def test_without_the_runtimes_libraries_the_error_says_how_to_make_them(create, mocker, tmp_path):
    mocker.patch("sandbox.runtimes.ROOT", tmp_path)

    with pytest.raises(RuntimeError, match="make setup"):
        create("")


def test_no_process_survives_a_parent_that_was_killed(tmp_path, eventually):
    """A crashed test cannot clean up, so a process of its own plays it."""
    (tmp_path / "index.py").write_text("import os\ndef handler(event, context): return os.getpid()")
    script = f"""
import os, pathlib, signal
from sandbox import Sandbox
with Sandbox() as box:
    box.deploy(pathlib.Path({str(tmp_path)!r}))
    print(box.fc.invoke("forward", b"").value, flush=True)
    box.fc.freeze("forward")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(sandbox.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, timeout=60, check=False)

    pid = int(done.stdout)
    eventually(lambda: process_state(pid) == "Z")
