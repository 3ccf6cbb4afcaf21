"""Tests of the processes of simulated functions: their start, their reuse and their end."""

import subprocess
import sys

from tools.package import ROOT

TIMEOUT = 20


def test_the_timeout_of_a_simulated_function_includes_its_import(box, create):
    create("import time\ntime.sleep(1000)\ndef handler(event, context): pass", timeout=0.5)

    assert box.fc.invoke("f", b"").outcome == "timeout"


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


def test_a_simulated_function_runs_its_finally_blocks_at_its_timeout(box, create, tmp_path, outcomes, process_state):
    create(WORK_AND_CLEAN_UP.format(folder=str(tmp_path), end=""), timeout=2)

    box.fc.submit("f", b"")
    box.fc.wait_idle(TIMEOUT)

    assert outcomes() == [("f", 1, "timeout"), ("f", 2, "returned")]
    invocation = box.fc.invocations[0]
    assert (invocation.error_message, invocation.logs[-1]) == ("Function timed out after 2 seconds", "cleaned up")
    assert process_state((tmp_path / "pid").read_text()) == "Z"
    assert any("in handler" in line for line in invocation.logs), "all stacks are dumped"


def test_the_simulated_fc_kills_a_process_that_continues_after_its_timeout(
    box, create, mocker, tmp_path, process_state
):
    mocker.patch("sandbox.fc.instance._GRACE_SECONDS", 0.2)
    create(WORK_AND_CLEAN_UP.format(folder=str(tmp_path), end="continue"), timeout=0.5)

    invocation = box.fc.invoke("f", b"")

    assert (invocation.outcome, invocation.logs[-1]) == ("timeout", "cleaned up")
    assert process_state((tmp_path / "pid").read_text()) == "Z"


def test_the_simulated_fc_starts_a_new_instance_after_a_crash(box, create):
    create(
        """
        import os
        def handler(event, context):
            print("last words", flush=True)
            if event == b"crash": os._exit(3)
            return "alive"
        """
    )

    invocation = box.fc.invoke("f", b"crash")

    assert invocation.outcome == "crashed"
    assert invocation.logs == ["last words"]
    assert box.fc.invoke("f", b"").value == "alive"


def test_no_process_of_the_simulated_fc_survives_its_killed_parent(tmp_path, eventually, process_state):
    """Run the crashed test in its own process, because it cannot clean up after itself."""
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
    process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=60, check=False)

    eventually(lambda: process_state(int(process.stdout)) == "Z")
