"""Tests of several simultaneous instances of a simulated function: their number, their events, and kills."""

import os
import signal

import pytest

TIMEOUT = 30

WAIT_FOR_GO = """
import os, pathlib, time
here = pathlib.Path({folder!r})
def handler(event, context):
    (here / ("begun-" + event.decode())).write_text(str(os.getpid()))
    while not (here / "go").exists():
        time.sleep(0.005)
    return event.decode()
"""


@pytest.fixture
def wait_for_processes(tmp_path, eventually):
    """Return a function that waits until a process handles each of these events, and returns the process ids."""

    def processes(*names):
        files = [tmp_path / f"begun-{name}" for name in names]
        eventually(lambda: all(file.exists() and file.read_text() for file in files))
        return [int(file.read_text()) for file in files]

    return processes


def test_the_simulated_fc_retries_the_event_of_a_killed_instance(box, create, tmp_path, wait_for_processes, outcomes):
    create(WAIT_FOR_GO.format(folder=str(tmp_path)))
    for name in "abc":
        box.fc.submit("f", name.encode())
    pids = wait_for_processes(*"abc")

    os.kill(pids[1], signal.SIGKILL)
    (tmp_path / "go").touch()
    box.fc.wait_idle(TIMEOUT)

    assert sorted(outcomes()) == [("f", 1, "crashed"), *[("f", 1, "returned")] * 2, ("f", 2, "returned")]
    assert [(invocation.payload, invocation.error_type) for invocation in box.fc.invocations if invocation.failed] == [
        (b"b", "FunctionCrashed")
    ]
    assert pids[1] not in box.fc.pids()


def test_the_simulated_fc_queues_events_beyond_its_limit_in_order(box, create):
    create("import time\ndef handler(event, context): time.sleep(0.02)", instances=1)

    for number in range(10):
        box.fc.submit("f", b"%d" % number)
    box.fc.wait_idle(TIMEOUT)

    assert [invocation.payload for invocation in box.fc.invocations] == [b"%d" % number for number in range(10)]
