"""Functions and triggers that have only the permissions of their roles."""

from __future__ import annotations

import json

import oss2
import pytest

from sandbox.ram.limits import RamError

CODE = """
import os

def handler(event, context):
    if event == b"who":
        names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
        return [os.environ[f"ALIBABA_CLOUD_{name}"] for name in names]
    if b"events" in event and context.function.name == "forward":
        raise ValueError("no")
"""
FUNCTIONS = "acs:fc:cn-hangzhou:*:functions"


def trust(service):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}
    return json.dumps({"Version": "1", "Statement": [statement]})


@pytest.fixture
def role(box):
    """Return a function that creates a role with these statements, which a service may assume."""

    def made(name, service, *statements):
        ram = box.ram.entities
        ram.create_role(name, trust(service))
        if statements:
            ram.create_policy(name, json.dumps({"Version": "1", "Statement": statements}))
            ram.attach_policy_to_role("Custom", name, name)

    return made


@pytest.fixture
def deploy(box, tmp_path):
    """Return a function that deploys a function and its trigger with their own roles, and replay as its destination."""
    (tmp_path / "index.py").write_text(CODE)
    box.binds_roles = True

    def props(name, **more):
        return {
            "functionName": name,
            "role": "acs:ram::1000000000000001:role/function",
            "handler": "index.handler",
            "runtime": "python3.12",
            "timeout": 10,
            "code": ".",
            "environmentVariables": {},
            **more,
        }

    def done():
        trigger = {
            "triggerName": "content",
            "triggerType": "oss",
            "invocationRole": "acs:ram::1000000000000001:role/trigger",
            "sourceArn": "acs:oss:cn-hangzhou:1000000000000001:photos",
            "triggerConfig": {
                "events": ["oss:ObjectCreated:PutObject"],
                "filter": {"key": {"prefix": "", "suffix": ""}},
            },
        }
        config = {
            "maxAsyncRetryAttempts": 0,
            "destinationConfig": {"onFailure": {"destination": "acs:fc:x:functions/sync-replay"}},
        }
        box.deploy_resource("replay", props("sync-replay"), tmp_path)
        box.deploy_resource("forward", props("sync", triggers=[trigger], asyncInvokeConfig=config), tmp_path)

    return done


def invoke(*names):
    return {"Effect": "Allow", "Action": "fc:InvokeFunction", "Resource": [f"{FUNCTIONS}/{name}" for name in names]}


def test_the_key_of_a_function_has_the_permissions_of_its_role(box, role, deploy, refused):
    role(
        "function",
        "fc.aliyuncs.com",
        {"Effect": "Allow", "Action": "oss:PutObject", "Resource": "acs:oss:*:*:photos/a"},
    )
    role("trigger", "oss.aliyuncs.com")
    deploy()
    auth = oss2.StsAuth(*box.fc.invoke("replay", b"who").value, auth_version=oss2.AUTH_VERSION_4)
    bucket = oss2.Bucket(auth, box.oss.endpoint, "photos", region=box.region, session=box._http)
    assert bucket.put_object("a", b"").status == 200
    assert refused(lambda: bucket.put_object("b", b"")) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("function", "trigger", "ran", "lost"),
    [
        (invoke("sync-replay"), invoke("sync"), ["forward", "replay"], []),
        (invoke("sync"), invoke("sync"), ["forward"], ["replay"]),
        (invoke("sync-replay"), invoke("sync-replay"), [], ["forward"]),
    ],
    ids=["both", "no destination", "no trigger"],
)
def test_triggers_and_destinations_need_a_role_with_permission_to_call(box, role, deploy, function, trigger, ran, lost):
    role("function", "fc.aliyuncs.com", function)
    role("trigger", "oss.aliyuncs.com", trigger)
    deploy()
    box.oss.put("photos", "a", b"")
    box.wait_idle(10)
    assert [invocation.function for invocation in box.fc.invocations] == ran
    assert box.denied_invocations == lost
    assert len(box.fc.dropped_events) == (lost == ["replay"])


@pytest.mark.parametrize(("service", "code"), [("", "EntityNotExist.Role"), ("oss.aliyuncs.com", "NoPermission")])
def test_a_role_is_assumed_only_if_it_exists_and_trusts_the_service(role, deploy, service, code):
    if service:
        role("function", service)
    with pytest.raises(RamError, match=code):
        deploy()
