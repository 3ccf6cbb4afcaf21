"""The same over sockets and within the process: what a client sees of each fault, and what the service has done."""

from __future__ import annotations

import functools

import oss2
import pytest

from sandbox import Sandbox
from sandbox.inprocess import InProcess
from sandbox.oss.deliveries import EventFault
from sandbox.server.faults import Fault

FAULTS = {
    "well": None,
    "slow": Fault.slow(0.3),
    "slower than the client waits": Fault.slow(60),
    "hang": Fault.hang(),
    "status": Fault.status(503, b"<Error><Code>ServiceUnavailable</Code></Error>", {"x-oss-request-id": "1"}),
    "drop before": Fault.drop_before(),
    "drop after": Fault.drop_after(),
    "silence": Fault.silence(),
}


@functools.cache
def seen(world: type[Sandbox], name: str) -> tuple[object, ...]:
    """What an upload with a fault comes to, and one after it: outcomes, and what there is then."""
    with world() as box:
        bucket = box.bucket(box.source_bucket)
        bucket.timeout = (1, 1)
        if fault := FAULTS[name]:
            box.oss.faults.add(fault, times=1)
        outcomes = [outcome(bucket, key) for key in ("first", "second")]
        kept = list(box.oss.objects(box.source_bucket))
        return outcomes, kept, len(box.oss.requests), box.oss.connections, dict(box.oss.faults.used)


def outcome(bucket: oss2.Bucket, key: str) -> object:
    try:
        return bucket.put_object(key, b"data").status
    except oss2.exceptions.RequestError as error:
        return type(error.exception).__name__
    except oss2.exceptions.OssError as error:
        return error.status, error.code


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_looks_the_same_to_a_client_and_does_the_same(name):
    assert seen(InProcess, name) == seen(Sandbox, name)


def test_the_faults_differ_from_each_other():
    names = [name for name in FAULTS if name not in ("slow", "silence")]
    assert len({str(seen(InProcess, name)) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("fault", "events"), [(EventFault.lost(), 0), (EventFault.twice(0.2), 2), (EventFault.late(0.2), 1)]
)
def test_an_event_goes_astray_in_the_same_way(fault, events, echo):
    for world in (Sandbox, InProcess):
        with world() as box:
            box.deploy(echo)
            box.oss.deliveries(box.source_bucket).add(fault)
            box.oss.put(box.source_bucket, "a", b"")
            box.wait_idle(60)
            assert len(box.fc.invocations) == events


@pytest.mark.parametrize(
    ("body", "outcomes"),
    [
        ("return True", ["returned"]),
        ("return False", ["returned"]),
        ("raise ValueError('no')", ["raised", "raised"]),
        ("import index", ["returned"]),
    ],
)
def test_a_function_is_retried_in_the_same_way_and_its_last_failure_handed_on(body, outcomes, tmp_path):
    (tmp_path / "index.py").write_text(f"def handler(event, context):\n    {body}\n")
    for world in (Sandbox, InProcess):
        with world() as box:
            box.deploy(tmp_path, max_retries=1)
            box.oss.put(box.source_bucket, "a", b"")
            box.wait_idle(60)
            assert [one.outcome for one in box.fc.invocations] == outcomes
            assert len(box.fc.dropped) == (outcomes[-1] != "returned")


@pytest.fixture
def echo(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event\n")
    return tmp_path
