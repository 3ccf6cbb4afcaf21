"""Effects of the deployed function forward, with the libraries of both Python runtimes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import quote

import oss2
import pytest

from sandbox.fc.logs import parse_line
from sandbox.server.faults import Fault
from support.law import HOSTILE
from support.uploads import records
from support.world import payload

CODE = Path(__file__).parents[2] / "template" / "code"
EVENTS = Path(__file__).parents[1] / "events"
PHOTO = "photos/2026/山 与+海 100%.jpg"
TIMEOUT = 30


def test_forward_submits_and_records_each_form_of_payload(deployed):
    for path in EVENTS.iterdir():
        # GIVEN an event in one of the forms that Function Compute hands over, WHEN the function handles it
        invocation = deployed.fc.invoke("forward", path.read_bytes())

        # THEN OMS has its key, URL-encoded, and the record stands where the users' guide says
        assert invocation.outcome == "returned", invocation.logs
        assert invocation.value is True, invocation.logs
        keys = [PHOTO, "second.txt"] if path.stem == "cloud_event_array" else [PHOTO]
        assert deployed.oms.calls[-1].sent_keys == [quote(key, safe="") for key in keys]
        stored = {name: stored.data for name, stored in deployed.oss.objects(deployed.log_bucket).items()}
        folder = f"oms_source_record/{deployed.task_id}/success_object"
        assert stored == {f"{folder}/{key}": b"5EB63BBBE01EEED093CB22BB8F5ACDC3" for key in keys}
        deployed.oss.remove_bucket(deployed.log_bucket)
        deployed.oss.create_bucket(deployed.log_bucket)


@pytest.mark.cold_starts
def test_forward_brings_each_uploaded_object_to_obs(deployed):
    # GIVEN names that clients get wrong, uploaded in each way
    bucket = deployed.bucket(deployed.source_bucket)
    for key in HOSTILE:
        bucket.put_object(key, key.encode())
    bucket.copy_object(deployed.source_bucket, HOSTILE[0], "copied")
    deployed.oss.put(deployed.source_bucket, "appended", b"x", event="ObjectCreated:AppendObject")
    upload = bucket.init_multipart_upload("in parts").upload_id
    part = bucket.upload_part("in parts", upload, 1, b"part")
    bucket.complete_multipart_upload("in parts", upload, [oss2.models.PartInfo(1, part.etag)])

    # WHEN every event is handled
    deployed.wait_idle(TIMEOUT)

    # THEN the destination equals the source, and each key has one success record of its version
    source = deployed.oss.objects(deployed.source_bucket)
    copied = {key: obj.data for key, obj in deployed.task.destination.items()}
    assert copied == {key: obj.data for key, obj in source.items()}
    assert len(source) == len(deployed.oss.objects(deployed.log_bucket)) == len(HOSTILE) + 3
    for key, obj in source.items():
        name, body = f"success_object/{key}", obj.etag
        if len(f"oms_source_record/{deployed.task_id}/{name}".encode()) > 1023:
            name, body = f"success_object_long/{hashlib.sha256(key.encode()).hexdigest()}", key
        assert records(deployed)[name].decode() == body
    assert all(len(call.sent_keys) <= 10 for call in deployed.oms.calls)


def test_forward_makes_one_call_and_ten_records_for_an_event_of_ten_keys(deployed):
    keys = [f"key {number}" for number in range(10)]
    deployed.oss.faults.add(Fault.slow(0.3))
    for _ in range(3):
        assert deployed.fc.invoke("forward", payload(*keys)).value is True
    assert [len(call.sent_keys) for call in deployed.oms.calls] == [10, 10, 10]
    assert len(records(deployed)) == len(deployed.oss.objects(deployed.log_bucket)) == 10
    assert deployed.oms.connections == 1
    assert deployed.oss.connections == 10


def test_forward_retries_once_on_connections_reset_while_it_was_frozen(deployed):
    # GIVEN a frozen instance whose connections die meanwhile
    deployed.fc.invoke("forward", payload("first"))
    deployed.fc.freeze("forward")
    # The first record may not wait for the connection that is opened ahead.
    of_oms, of_oss = deployed.oms.connections, deployed.oss.connections
    deployed.oms.reset_connections()
    deployed.oss.reset_connections()

    # WHEN the next event thaws it
    invocation = deployed.fc.invoke("forward", payload("second"))

    # THEN each cloud gets a single new connection, and the function waits for nothing
    assert invocation.value is True
    assert deployed.oms.connections == of_oms + 1
    assert deployed.oss.connections == of_oss + 1
    (line,) = [line for line in map(parse_line, invocation.logs) if "ms" in line]
    assert line["ms"] < 1000


def test_forward_records_keys_before_its_timeout_if_oms_does_not_answer(box):
    box.deploy(CODE, timeout=3)
    box.fc.invoke("forward", b"")  # imports the handler, which a busy machine takes a while for
    box.oms.faults.add(Fault.drip())
    invocation = box.fc.invoke("forward", payload("a"))
    assert invocation.outcome == "returned"
    assert invocation.value is False
    assert json.loads(records(box)["failed_object/a"])["reason"] == "TIMEOUT"
    assert invocation.duration < 3


def test_forward_raises_before_its_timeout_if_the_log_bucket_hangs(box):
    box.deploy(CODE, timeout=2)
    box.fc.invoke("forward", b"")  # imports the handler, which a busy machine takes a while for
    # The instance knows of two seconds. It has more, or a busy machine could end it before it has raised.
    box.fc._functions["forward"].timeout = TIMEOUT
    box.oms.faults.add(Fault.status(404))
    box.oss.faults.add(Fault.drip())
    invocation = box.fc.invoke("forward", payload("a"))
    assert invocation.outcome == "raised"
    assert invocation.error_type == "RecordError"
    assert invocation.duration < TIMEOUT / 2
