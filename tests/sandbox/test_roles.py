"""Tests of simulated functions and triggers that have only the permissions of their roles."""

from __future__ import annotations

import json

import pytest

from sandbox.ram.limits import RamError

CODE = """
def handler(event, context):
    if b"events" in event and context.function.name == "forward":
        raise ValueError("no")
"""
FUNCTIONS = "acs:fc:cn-hangzhou:*:functions"


def make_trust_policy(service):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}
    return json.dumps({"Version": "1", "Statement": [statement]})


@pytest.fixture
def make_role(box):
    """Return a function that creates a role with policy statements, for a service that may assume it."""

    def create_role(name, service, *statements):
        ram = box.ram.entities
        ram.create_role(name, make_trust_policy(service))
        if statements:
            ram.create_policy(name, json.dumps({"Version": "1", "Statement": statements}))
            ram.attach_policy_to_role("Custom", name, name)

    return create_role


@pytest.fixture
def deploy(box, tmp_path):
    """Return a function that deploys forward with a trigger, and with replay as its destination for failed events.

    Functions and trigger have only the permissions of their roles.
    """
    (tmp_path / "index.py").write_text(CODE)
    box.binds_roles = True

    def make_props(name, **more):
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

    def deploy_functions():
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
        box.deploy_resource("replay", make_props("sync-replay"), tmp_path)
        box.deploy_resource("forward", make_props("sync", triggers=[trigger], asyncInvokeConfig=config), tmp_path)

    return deploy_functions


def allow_invocation(*names):
    return {"Effect": "Allow", "Action": "fc:InvokeFunction", "Resource": [f"{FUNCTIONS}/{name}" for name in names]}


@pytest.mark.parametrize(
    ("function", "trigger", "invoked_functions", "denied_functions"),
    [
        (allow_invocation("sync-replay"), allow_invocation("sync"), ["forward", "replay"], []),
        (allow_invocation("sync"), allow_invocation("sync"), ["forward"], ["replay"]),
        (allow_invocation("sync-replay"), allow_invocation("sync-replay"), [], ["forward"]),
    ],
    ids=["permission of destination and trigger", "no permission of the destination", "no permission of the trigger"],
)
def test_a_simulated_trigger_needs_a_role_with_permission_to_invoke(
    box, make_role, deploy, function, trigger, invoked_functions, denied_functions
):
    make_role("function", "fc.aliyuncs.com", function)
    make_role("trigger", "oss.aliyuncs.com", trigger)
    deploy()
    box.oss.put("photos", "a", b"")
    box.wait_idle(10)
    assert [invocation.function for invocation in box.fc.invocations] == invoked_functions
    assert box.denied_invocations == denied_functions
    assert len(box.fc.dropped_events) == (denied_functions == ["replay"])


@pytest.mark.parametrize(("service", "code"), [("", "EntityNotExist.Role"), ("oss.aliyuncs.com", "NoPermission")])
def test_a_simulated_service_assumes_only_a_role_that_trusts_the_service(make_role, deploy, service, code):
    if service:
        make_role("function", service)
    with pytest.raises(RamError, match=code):
        deploy()
