"""Tests of the sandbox as a whole: uploads invoke functions, and the triggers of a project work."""

import contextlib
import socket
import threading
import time
from datetime import datetime
from pathlib import Path

import oss2
import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault


def try_to_get(bucket):
    with contextlib.suppress(oss2.exceptions.RequestError):
        bucket.get_object("a")


def test_the_sandbox_ends_despite_a_hanging_fault_and_function(tmp_path):
    (tmp_path / "index.py").write_text("import time\ndef handler(event, context): time.sleep(1000)")
    with Sandbox() as box:
        box.oss.faults.add(Fault.hang())
        box.deploy(tmp_path)
        box.oss.put("photos", "a", b"")
        client = threading.Thread(target=try_to_get, args=[box.bucket("photos")])
        client.start()
        while not box.oss.requests:
            time.sleep(0.001)

    # The function would sleep for longer than a test may take.
    client.join()


def find_listeners():
    """Yield the addresses on which this process listens."""
    for name in [path.name for path in Path("/dev/fd").iterdir()]:
        try:
            listener = socket.socket(fileno=int(name))
        except OSError:  # no socket
            continue
        if listener.family != socket.AF_UNIX and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            yield listener.getsockname()[:2]
        listener.detach()


def test_the_sandbox_listens_on_loopback_only(box, tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): pass")
    box.deploy(tmp_path)
    box.fc.invoke("forward", b"")

    addresses = set(find_listeners())

    assert {f"http://{host}:{port}" for host, port in addresses} >= {box.oss.endpoint, box.oms.endpoint}
    assert {host for host, _ in addresses} == {"127.0.0.1"}


CLOCK = """
import json, os, time
from datetime import datetime, timezone
from email.utils import formatdate

def handler(event, context):
    return [time.time(), datetime.now(timezone.utc).timestamp(), datetime.utcnow().isoformat(), time.monotonic()]
"""


@pytest.mark.parametrize("forks", [False, True])
def test_an_advance_of_the_sandboxs_clock_changes_no_stored_time(tmp_path, catch_refusal, forks):
    (tmp_path / "index.py").write_text(CLOCK)
    with Sandbox(forks=forks) as box:
        box.fc.create_function(
            "clock", tmp_path, environment={}, credentials=box.function_credentials, handler="index.handler"
        )
        last_modified = box.oss.put(box.source_bucket, "a", b"").last_modified
        clocks_before = box.fc.invoke("clock", b"").value
        # WHEN the clock is advanced by two hours
        box.advance(7200)
        # THEN every clock of a warm instance shows the new time
        seconds, now, utc, monotonic = box.fc.invoke("clock", b"").value
        assert 7200 <= seconds - clocks_before[0] < 7260
        assert [now, datetime.fromisoformat(f"{utc}+00:00").timestamp()] == pytest.approx([seconds] * 2, abs=1)
        assert 7200 <= monotonic - clocks_before[3] < 7260
        # AND the time of an object does not change
        # AND a client whose clock has not moved is admitted, but no client whose time is wrong by both clocks
        assert box.bucket(box.source_bucket).head_object("a").last_modified == last_modified
        box.oss.clock_offset = 3600
        assert catch_refusal(lambda: box.bucket(box.source_bucket).get_object("a")) == (403, "RequestTimeTooSkewed")


def test_all_clocks_of_the_sandbox_start_at_the_date_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SANDBOX_DATE", "2050-12-31T23:59:59Z")
    begin = datetime.fromisoformat("2050-12-31T23:59:59+00:00").timestamp()
    (tmp_path / "index.py").write_text(CLOCK)
    with Sandbox() as box:
        box.fc.create_function(
            "clock", tmp_path, environment={}, credentials=box.function_credentials, handler="index.handler"
        )
        # WHEN a client with the machine's clock writes an object
        box.bucket(box.source_bucket).put_object("a", b"")
        # THEN the object and the functions' clock have that date
        last_modified = box.bucket(box.source_bucket).head_object("a").last_modified
        seconds, now, _, monotonic = box.fc.invoke("clock", b"").value
        assert [seconds - begin, now - begin, last_modified - begin] == pytest.approx([30] * 3, abs=30)
        # AND the functions' monotonic clock is that of the machine
        assert abs(monotonic - time.monotonic()) < 60


def test_a_trigger_deployed_again_with_another_bucket_moves_to_that_bucket(box, tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): return event")

    def upload_after_deployment(bucket: str) -> int:
        """Deploy a function with a trigger on this bucket; return the number of its calls for an upload to each."""
        trigger = {
            "triggerName": "content",
            "triggerType": "oss",
            "sourceArn": f"acs:oss:cn-hangzhou:1000000000000001:{bucket}",
            "triggerConfig": {
                "events": ["oss:ObjectCreated:PutObject"],
                "filter": {"key": {"prefix": bucket, "suffix": ".jpg"}},
            },
        }
        props = {"functionName": "f", "role": "", "handler": "index.handler", "runtime": "python3.12", "timeout": 10}
        props |= {"code": ".", "environmentVariables": {}, "triggers": [trigger]}
        box.deploy_resource("f", props, tmp_path)
        return upload()

    def upload() -> int:
        calls_before = len(box.fc.invocations)
        for bucket in (box.source_bucket, box.log_bucket):
            for key in (f"{bucket}/a.jpg", f"{bucket}/a.png", "a.jpg"):
                box.oss.put(bucket, key, b"")
        box.wait_idle(20)
        return len(box.fc.invocations) - calls_before

    for bucket in (box.source_bucket, box.log_bucket):
        assert upload_after_deployment(bucket) == 1
    box.remove_triggers("f")
    assert upload() == 0
