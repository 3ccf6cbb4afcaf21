"""Tests of the sandbox as a whole: uploads invoke functions, and the triggers of a project work."""

import contextlib
import socket
import ssl
import threading
import time
from datetime import datetime
from pathlib import Path

import oss2
import pytest
import requests

from sandbox import Sandbox
from sandbox.server.certificate import make_certificate
from sandbox.server.faults import Fault

# The template's function in its simplest form.
FORWARD = """
import json, os
from urllib.parse import quote
import oss2, requests

def handler(event, context):
    key = json.loads(event)["events"][0]["oss"]["object"]["key"]
    credentials = getattr(context, "credentials", None)
    names = "access_key_id", "access_key_secret", "security_token"
    key_id, secret, token = (
        getattr(credentials, name) if credentials else os.environ["ALIBABA_CLOUD_" + name.upper()] for name in names
    )
    auth = oss2.StsAuth(key_id, secret, token, auth_version="v4")
    logs = oss2.Bucket(auth, os.environ["OSS_ENDPOINT"], os.environ["LOG_BUCKET"], region=os.environ["FC_REGION"])
    logs.put_object("records/" + key, b"-")
    return [key, sorted(os.environ)]
"""


@pytest.fixture
def code(tmp_path):
    (tmp_path / "index.py").write_text(FORWARD)
    return tmp_path


@pytest.mark.parametrize("runtime", ["python3.12", "python3.10"])
def test_an_upload_in_the_sandbox_invokes_forward(box, photos, code, runtime):
    box.deploy(code, runtime)

    photos.put_object("照片/a b.jpg", b"data")
    box.wait_idle(20)

    [invocation] = box.fc.invocations
    assert invocation.value[0] == "照片/a b.jpg", invocation.logs
    assert {"SYNC_URL", "HW_AK", "HW_SK", "LOG_BUCKET", "OSS_ENDPOINT", "SOURCE_BUCKET"} <= set(invocation.value[1])
    assert list(box.oss.objects("photos-oms-log")) == ["records/照片/a b.jpg"]


def test_a_second_deployment_in_the_sandbox_leaves_a_single_trigger(box, photos, code):
    box.deploy(code)
    box.deploy(code)

    photos.put_object("a", b"")
    box.wait_idle(20)

    assert len(box.fc.invocations) == 1


def test_only_completed_uploads_in_the_sandbox_invoke_forward(box, code):
    box.deploy(code)

    box.oss.put("photos", "a", b"", event="ObjectCreated:UploadPart")
    box.oss.put("photos", "b", b"", event="ObjectCreated:PostObject")
    box.wait_idle(20)

    assert [invocation.value[0] for invocation in box.fc.invocations] == ["b"]


def try_to_get(bucket):
    with contextlib.suppress(oss2.exceptions.RequestError):
        bucket.get_object("a")


def test_the_sandbox_ends_quickly_despite_a_hanging_fault_and_function(tmp_path):
    (tmp_path / "index.py").write_text("import time\ndef handler(event, context): time.sleep(1000)")
    with Sandbox() as box:
        box.oss.faults.add(Fault.hang())
        box.deploy(tmp_path)
        box.oss.put("photos", "a", b"")
        client = threading.Thread(target=try_to_get, args=[box.bucket("photos")])
        client.start()
        while not box.oss.requests:
            time.sleep(0.001)
        exit_time = time.monotonic()

    assert time.monotonic() - exit_time < 1
    client.join()


def test_the_sandbox_ends_after_a_failed_test():
    with pytest.raises(ZeroDivisionError), Sandbox() as box:
        raise ZeroDivisionError
    host, port = box.oss.endpoint.removeprefix("http://").split(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=5)


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


def test_the_sandbox_listens_on_loopback_only(box, code):
    box.deploy(code)
    box.fc.invoke("forward", b"")

    addresses = set(find_listeners())

    assert {f"http://{host}:{port}" for host, port in addresses} >= {box.oss.endpoint, box.oms.endpoint}
    assert {host for host, _ in addresses} == {"127.0.0.1"}


def test_the_simulated_clouds_serve_https_if_they_have_a_certificate(tmp_path, http):
    certificate = str(make_certificate(tmp_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    http.verify = certificate

    with Sandbox(ssl_context=context) as box:
        for endpoint in (box.oss.endpoint, box.oms.endpoint):
            assert endpoint.startswith("https://127.0.0.1:")
            assert http.get(endpoint).status_code in (403, 404)
        box.oss.faults.add(Fault.drop_before(), times=1)
        with pytest.raises(requests.ConnectionError):
            http.get(box.oss.endpoint)


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


@pytest.mark.parametrize("date", ["2001-02-03T04:05:06Z", "2050-12-31T23:59:59Z"])
def test_all_clocks_of_the_sandbox_start_at_the_date_of_the_environment(tmp_path, monkeypatch, date):
    monkeypatch.setenv("SANDBOX_DATE", date)
    begin = datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()
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


KEYS_OF_EVENT = """
import json
def handler(event, context): return [entry["oss"]["object"]["key"] for entry in json.loads(event)["events"]]
"""

PROJECT = """
edition: 3.0.0
vars:
  functionName: project
  sourceBucket: photos
  logBucket: photos-oms-log
resources:
  forward:
    component: fc3
    props: &props
      functionName: ${vars.functionName}
      runtime: python3.12
      handler: index.handler
      code: .
      timeout: 10
      environmentVariables: {}
      triggers:
        - triggerName: content
          triggerType: oss
          sourceArn: acs:oss:cn-hangzhou:${config('AccountID')}:${vars.sourceBucket}
          triggerConfig: &put
            events: [oss:ObjectCreated:PutObject]
            filter: {key: {prefix: "", suffix: ".jpg"}}
  reconcile:
    component: fc3
    props:
      <<: *props
      functionName: ${vars.functionName}-reconcile
      triggers:
        - triggerName: pieces
          triggerType: oss
          sourceArn: acs:oss:cn-hangzhou:${config('AccountID')}:${vars.logBucket}
          triggerConfig:
            <<: *put
            filter: {key: {prefix: "oms_source_record/passes/project-reconcile/", suffix: ""}}
        - triggerName: tick
          triggerType: timer
          triggerConfig: {cronExpression: "@every 10m", enable: true, payload: "{}"}
        - triggerName: orders
          triggerType: oss
          sourceArn: acs:oss:cn-hangzhou:${config('AccountID')}:${vars.logBucket}
          triggerConfig:
            <<: *put
            filter: {key: {prefix: "orders/", suffix: ""}}
"""
PIECE = "oms_source_record/passes/project-reconcile/task/1/r/0"


@pytest.fixture
def deploy(box, tmp_path):
    """Return a function that deploys a project of two functions from the text of an s.yaml."""

    def deploy_text(text=PROJECT):
        (tmp_path / "index.py").write_text(KEYS_OF_EVENT)
        (tmp_path / "s.yaml").write_text(text)
        box.deploy_project(tmp_path)

    return deploy_text


@pytest.fixture
def list_invocations(box):
    """Return a function that uploads objects to both buckets, and lists the invoked functions with their keys."""

    def upload_objects():
        count_before = len(box.fc.invocations)
        for bucket in (box.source_bucket, box.log_bucket):
            for key in ("a.jpg", "a.png", PIECE, "orders/1", "oms_source_record/passes/project-compare/task/1/r/0"):
                box.bucket(bucket).put_object(key, b"")
        box.wait_idle(20)
        return sorted((invocation.function, *invocation.value) for invocation in box.fc.invocations[count_before:])

    return upload_objects


def test_each_trigger_in_the_sandbox_invokes_its_function(deploy, list_invocations):
    deploy()

    assert list_invocations() == [("forward", "a.jpg"), ("reconcile", PIECE), ("reconcile", "orders/1")]


def test_a_trigger_deployed_again_with_another_bucket_moves_to_that_bucket(box, deploy, list_invocations):
    deploy()
    box.oss.create_bucket("archive")

    deploy(PROJECT.replace("sourceBucket: photos", "sourceBucket: archive"))

    assert list_invocations() == [("reconcile", PIECE), ("reconcile", "orders/1")], "its old bucket wakes it no more"
    box.bucket("archive").put_object("b.jpg", b"")
    box.wait_idle(20)
    assert box.fc.invocations[-1].value == ["b.jpg"]


def test_the_sandbox_does_not_invoke_a_function_without_triggers(box, deploy, list_invocations):
    deploy()

    box.remove_triggers("reconcile")

    assert list_invocations() == [("forward", "a.jpg")]
