"""Tests that the sandbox over sockets and the sandbox in one process behave alike, with and without faults."""

from __future__ import annotations

import asyncio
import functools
import time

import oss2
import pytest

from sandbox import Sandbox
from sandbox.inprocess import VirtualSandbox
from sandbox.oms.copier import CopyFault
from sandbox.oss.deliveries import EventFault
from sandbox.server.faults import Fault

TIMEOUT = 60

# The fault, its outcome for a client, and the stored objects of an upload with it and an upload after it.
FAULTS = {
    "well": (None, 200, ["first", "second"]),
    "slow": (Fault.slow(0.3), 200, ["first", "second"]),
    "slower than the client waits": (Fault.slow(60), "ReadTimeout", ["second"]),
    "hang": (Fault.hang(), "ReadTimeout", ["second"]),
    "status": (
        Fault.status(503, b"<Error><Code>ServiceUnavailable</Code></Error>", {"x-oss-request-id": "1"}),
        (503, "ServiceUnavailable"),
        ["second"],
    ),
    "drop before": (Fault.drop_before(), "ConnectionError", ["second"]),
    "drop after": (Fault.drop_after(), "ConnectionError", ["first", "second"]),
    "silence": (Fault.silence(), "ReadTimeout", ["second"]),
}


@pytest.fixture(params=[Sandbox, VirtualSandbox])
def world(request):
    with request.param() as box:
        yield box


@functools.cache
def upload_with_fault(world: type[Sandbox], name: str) -> tuple[object, ...]:
    """Upload an object with a fault and then another; return the outcomes, and the state of OSS after both."""
    with world() as box:
        bucket = box.bucket(box.source_bucket)
        bucket.timeout = (1, 1)
        box.oss.faults.then(FAULTS[name][0])
        outcomes = [try_change(bucket, key) for key in ("first", "second")]
        stored_keys = list(box.oss.objects(box.source_bucket))
        return outcomes, stored_keys, len(box.oss.requests), box.oss.connections, dict(box.oss.faults.used)


def try_change(bucket: oss2.Bucket, key: str, data: bytes | None = b"data") -> object:
    """Upload an object, or delete it if `data` is None; return the status, or the client's error."""
    try:
        return (bucket.delete_object(key) if data is None else bucket.put_object(key, data)).status
    except oss2.exceptions.RequestError as error:
        return type(error.exception).__name__
    except oss2.exceptions.OssError as error:
        return error.status, error.code


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_acts_alike_in_the_sandbox_over_sockets_and_in_one_process(name):
    _, first_outcome, stored_keys = FAULTS[name]
    assert upload_with_fault(VirtualSandbox, name)[:2] == ([first_outcome, 200], stored_keys)
    assert upload_with_fault(VirtualSandbox, name) == upload_with_fault(Sandbox, name)


@pytest.mark.parametrize(
    ("fault", "events"), [(EventFault.lost(), 0), (EventFault.twice(), 2), (EventFault.late(0.2), 1)]
)
def test_the_two_kinds_of_sandbox_lose_and_delay_events_alike(world, tmp_path, fault, events):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event\n")
    world.deploy(tmp_path)
    world.oss.deliveries(world.source_bucket).add(fault)
    world.oss.put(world.source_bucket, "a", b"")
    world.wait_idle(TIMEOUT)
    assert len(world.fc.invocations) == events


@pytest.mark.parametrize(
    ("body", "outcomes"),
    [
        ("return True", ["returned"]),
        ("return False", ["returned"]),
        ("raise ValueError('no')", ["raised", "raised"]),
        ("import index", ["returned"]),
    ],
)
def test_the_two_kinds_of_sandbox_retry_events_alike(world, body, outcomes, tmp_path):
    (tmp_path / "index.py").write_text(f"def handler(event, context):\n    {body}\n")
    world.deploy(tmp_path, max_retries=1)
    world.oss.put(world.source_bucket, "a", b"")
    world.wait_idle(TIMEOUT)
    assert [invocation.outcome for invocation in world.fc.invocations] == outcomes
    assert len(world.fc.dropped_events) == (outcomes[-1] != "returned")


@pytest.fixture
def submit(world, huawei_of):
    """Return a function that submits a key to OMS, with the vendor's signature at the time of OMS's clock."""

    def submit_key(key):
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(world.oms.now()))
        headers = {"Content-Type": "application/json", "X-Sdk-Date": date}
        assert huawei_of(world).submit(key, headers=headers).status_code == 200

    return submit_key


def read_contents(objects):
    return {key: stored_object.data for key, stored_object in objects.items()}


def list_copied_keys(box):
    return read_contents(box.task.destination)


def list_reported_keys(box):
    """Return the keys in OMS's lists of copied and failed objects, the oldest first."""
    lists_by_time = sorted(
        (name.rpartition("/")[2], stored_object.data.decode())
        for name, stored_object in box.obs.objects(box.destination_bucket).items()
        if "_list." in name
    )
    return [body.split(",")[1] for _, body in lists_by_time]


def test_a_late_request_to_the_simulated_oss_overwrites_later_writes(world):
    bucket = world.bucket(world.source_bucket)
    world.oss.put(world.source_bucket, "deleted", b"")
    world.oss.faults.then(Fault.lands_late(3), Fault.lands_late(3))

    changes = ("put", b"old"), ("deleted", None), ("put", b"new"), ("deleted", b"again")
    assert [try_change(bucket, *change) for change in changes] == ["ConnectionError", "ConnectionError", 200, 200]
    assert read_contents(world.oss.objects(world.source_bucket)) == {"put": b"new", "deleted": b"again"}
    world.wait_idle(TIMEOUT)
    assert read_contents(world.oss.objects(world.source_bucket)) == {"put": b"old"}


def test_a_copy_that_the_simulated_oms_accepted_first_can_end_last(world, submit):
    for key in "ab":
        world.oss.put(world.source_bucket, key, key.encode())
    world.task.copy_faults.then(CopyFault.late(0.1, 3), None)

    for key in "ab":
        submit(key)
    while "b" not in list_copied_keys(world):
        world._platform.call(asyncio.sleep(0.01))
    assert list_copied_keys(world) == {"b": b"b"}
    world.wait_idle(TIMEOUT)

    assert list_copied_keys(world) == {"a": b"a", "b": b"b"}
    assert list_reported_keys(world) == ["b", "a"]


def test_a_copy_of_the_simulated_oms_reads_the_source_when_it_begins(world, submit):
    world.task.copy_faults.add(CopyFault.withheld())
    for data in (b"old", b"newer"):
        world.oss.put(world.source_bucket, "a", data)
        submit("a")
        world.task.begin(world.task.withheld_copies[-1])
    first_copy, second_copy = world.task.withheld_copies
    world.wait_idle(TIMEOUT)
    assert list_copied_keys(world) == {}

    for copy, data in ((second_copy, b"newer"), (first_copy, b"old")):
        world.task.end(copy)
        assert list_copied_keys(world) == {"a": data}
    assert world.task.withheld_copies == []
    assert world.task.success_object == 2


def test_the_simulated_obs_accepts_the_access_key_of_a_new_iam_user(world, huawei_of):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(world.iam.now()))
    headers = {"Content-Type": "application/json", "X-Sdk-Date": date}

    def call(path, body=b""):
        answer = huawei_of(world).call("POST", f"{world.iam.endpoint}{path}", body, headers=headers)
        assert answer.status_code == 201
        return answer.json()

    user = call("/v5/users", b'{"name": "a"}')["user"]["user_id"]
    key = call(f"/v5/users/{user}/access-keys")["access_key"]
    assert world.obs.find_credential(key["access_key_id"]).secret == key["secret_access_key"]
