"""Tests that the simulated OMS refuses parameters, fields and bodies that a call does not have."""

import json

import pytest

from sandbox.oms.group import Status
from support.oms_sdk import KEYS

# Calls with their parameters and their body.
TASK, GROUP = "sync-tasks/{task}", "taskgroups/{group}"
CALLS = [
    ("GET", "sync-tasks", {"limit": "1", "offset": "0", "status": "STOPPED"}, None),
    ("GET", TASK, {"query_time": "1700000000000"}, None),
    (
        "GET",
        f"{TASK}/statistics",
        {"data_type": "REQUEST", "start_time": "1700000000000", "end_time": "1700000000001"},
        None,
    ),
    ("POST", f"{TASK}/stop", {}, None),
    ("POST", f"{TASK}/start", {}, "keys"),
    ("POST", f"{TASK}/events", {}, {"object_keys": ["a"]}),
    ("POST", "sync-tasks", {}, "task"),
    ("GET", "taskgroups", {"limit": "1", "offset": "0"}, None),
    ("POST", "taskgroups", {}, "group"),
    ("GET", GROUP, {}, None),
    ("PUT", f"{GROUP}/update", {}, {"bandwidth_policy": []}),
    ("PUT", f"{GROUP}/stop", {}, None),
    ("PUT", f"{GROUP}/start", {}, "keys"),
    ("PUT", f"{GROUP}/retry", {}, "keys"),
    ("DELETE", GROUP, {}, None),
    ("DELETE", TASK, {}, None),
    ("POST", "privacy-agreements", {}, None),
    ("POST", "objectstorage/buckets/regions", {}, "bucket"),
]
# The status that a group must have for a call.
NEEDED_STATUS = {"update": Status.PAUSED, "stop": Status.MONITORING, "start": Status.PAUSED, "retry": Status.FAILED}


@pytest.fixture(params=CALLS, ids=lambda call: " ".join(call[:2]))
def send(request, box, huawei):
    """Return a function that sends a call that OMS accepts, with additional parameters or fields."""
    method, path, params, body = request.param
    keys = dict(zip(KEYS, (*box.user_credentials, *box.huawei_credentials), strict=True))
    buckets = {"src_bucket": "photos", "src_region": "cn-hangzhou", "dst_bucket": "photos-obs"}
    task = {**keys, **buckets, "dst_region": "cn-north-4"}
    group = {
        f"{side}_node": {name[4:]: value for name, value in task.items() if name[:3] == side} for side in ("src", "dst")
    }
    group["src_node"]["object_key"] = [""]
    bodies = {
        "keys": keys,
        "task": task,
        "group": group,
        "bucket": {"cloud_type": "Aliyun", "ak": keys["src_ak"], "sk": keys["src_sk"], "bucket_name": "photos"},
    }
    project = f"{box.oms.endpoint}/v2/{box.project_id}"
    group_id = ""
    if "{group}" in path:
        group_id = huawei.call("POST", f"{project}/taskgroups", json.dumps(group).encode()).json()["group_id"]
        box.oms.wait_until_copied(10)
        box.oms.groups.list_all()[0].status = NEEDED_STATUS.get(path.rpartition("/")[2], Status.FAILED)
    if not path.endswith(("stop", "events")):
        box.task.status = "STOPPED"

    def call(more_params=(), more_fields=None):
        query = "&".join(f"{name}={value}" for name, value in [*params.items(), *more_params])
        fields = bodies[body] if isinstance(body, str) else body
        body_fields = None if fields is None and more_fields is None else {**(fields or {}), **(more_fields or {})}
        url = f"{project}/{path.format(task=box.task_id, group=group_id)}?{query}"
        return huawei.call(method, url, b"" if body_fields is None else json.dumps(body_fields).encode())

    return call


def test_the_simulated_oms_refuses_an_undocumented_parameter_or_field(send, assert_refused):
    for answer in (send(more_params=[("surplus", "1")]), send(more_fields={"surplus": 1})):
        assert_refused(answer, 400, "OMS.0001")
        assert "surplus" in answer.json()["error_msg"]
    # AND the call is accepted without the surplus
    assert send().status_code == 200


def test_the_simulated_oms_refuses_a_repeated_parameter(huawei, task_url, assert_refused):
    query = "?query_time=1700000000000&query_time=1800000000000"
    assert_refused(huawei.call("GET", task_url(query)), 400, "OMS.0001")


@pytest.mark.parametrize("send", [call for call in CALLS if call[1].endswith(("/start", "/update"))], indirect=True)
def test_the_simulated_oms_refuses_a_field_that_belongs_to_another_call(send, assert_refused):
    assert_refused(send(more_fields={"migrate_failed_object": False}), 400, "OMS.0001")
