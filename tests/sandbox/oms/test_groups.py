"""Tests of simulated task groups with the vendor's client: refusals, copies and responses."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone

import pytest
from huaweicloudsdkoms import v2

from sandbox.inprocess import VirtualSandbox
from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.oms.group import Status
from support.oms_sdk import DESTINATION, KEYS, SOURCE, catch_refusal

LISTS = "oms/task_group/"
WINDOW = {"start": "08:00", "end": "20:00", "max_bandwidth": 1_048_576}
RECORDS = {"enable_failed_object_recording": True}


def make_group_body(source_key, destination_key, src=None, dst=None, **parameters):
    """Return the body of the request CreateTaskGroup, by default for the whole bucket.

    `source_key` and `destination_key` are access keys with their secrets. `src` and `dst` change fields of the source
    and the destination, and `parameters` change the other fields.
    """
    src_node = {"ak": source_key[0], "sk": source_key[1], "region": "cn-hangzhou", "bucket": "photos"}
    dst_node = {"ak": destination_key[0], "sk": destination_key[1], "region": "cn-north-4", "bucket": "photos-obs"}
    return {
        "src_node": {"cloud_type": "Aliyun", "object_key": [""], **src_node, **(src or {})},
        "dst_node": {**dst_node, **(dst or {})},
        "task_type": "PREFIX",
        **parameters,
    }


@pytest.fixture
def create(box, client):
    """Return a function that creates a group by the arguments of `make_group_body`, and returns its id."""

    def create_group(source_key=box.user_credentials, destination_key=box.huawei_credentials, **parameters):
        body = make_group_body(source_key, destination_key, **parameters)
        nodes = v2.TaskGroupSrcNode(**body.pop("src_node")), v2.TaskGroupDstNode(**body.pop("dst_node"))
        request = v2.CreateTaskGroupReq(src_node=nodes[0], dst_node=nodes[1], **body)
        return client.create_task_group(v2.CreateTaskGroupRequest(request)).group_id

    return create_group


@pytest.fixture
def migrate(box, create):
    """Return a function that creates a group, waits for its copies, and returns its id."""

    def migrate_group(*keys, **parameters):
        group = create(*keys, **parameters)
        box.oms.wait_until_copied(10)
        return group

    return migrate_group


@pytest.fixture
def call_group(box, client):
    """Return a function that stops, deletes, starts or retries a task group.

    To start or retry a group, the function sends the group's access keys and further parameters.
    """

    def call(action, group, **parameters):
        request, body = (getattr(v2, f"{action.title()}TaskGroup{kind}", None) for kind in ("Request", "Req"))
        bodies = [body(**{**make_access_keys(box), **parameters})] if body else []
        getattr(client, f"{action}_task_group")(request(group, *bodies))

    return call


@pytest.fixture
def show_group(client):
    return lambda group: client.show_task_group(v2.ShowTaskGroupRequest(group))


def make_access_keys(box):
    return dict(zip(KEYS, (*box.user_credentials, *box.huawei_credentials), strict=True))


def list_copied_keys(box):
    return sorted(key for key in box.obs.objects("photos-obs") if not key.startswith(LISTS))


def put(box, **objects):
    for key, data in objects.items():
        box.oss.put("photos", key, data)


def test_a_simulated_task_group_copies_its_prefixes(box, create, show_group, ram_key, iam_key):
    put(box, **dict.fromkeys(("a/1", "a/2", "b/1", "c/1"), b"hello"))
    box.obs.put("photos-obs", "a/2", b"hello")
    group = create(
        ram_key(*SOURCE),
        iam_key(*DESTINATION),
        src={"object_key": ["a/", "c/"]},
        description="oss-oms-sync:sync",
        enable_metadata_migration=True,
        consistency_check="crc64",
        object_overwrite_mode="SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
    )
    assert show_group(group).status in (0, 1, 2, 6)  # the status depends on the time of the answer
    box.oms.wait_until_copied(10)

    assert list_copied_keys(box) == ["a/1", "a/2", "c/1"]
    answer = show_group(group)
    assert answer.group_id == group
    assert answer.status == 6
    assert answer.description == "oss-oms-sync:sync"
    assert (answer.total_num, answer.success_num, answer.skip_num, answer.fail_num) == (3, 2, 1, 0)
    assert (answer.total_size, answer.complete_size, answer.migrate_speed) == (15, 10, 0)
    nodes = answer.src_node.bucket, answer.src_node.object_key, answer.dst_node.bucket
    assert nodes == ("photos", ["a/", "c/"], "photos-obs")
    settings = answer.object_overwrite_mode, answer.enable_metadata_migration, answer.error_reason.error_code
    assert settings == ("SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", True, None)
    assert answer.start_time >= 10**12


@pytest.mark.parametrize(
    "parameters",
    [
        {"src": {"region": "oss-cn-hangzhou"}},
        {"src": {"bucket": "never-was"}},
        {"src": {"object_key": []}},
        {"src": {"object_key": "a/"}},
        {"src": {"ak": ""}},
        {"src": {"cloud_type": "AWS"}},
        {"src": {"list_file": {"obs_bucket": "b"}}},
        {"dst": {"region": "cn-east-3"}},
        {"dst": {"sk": "s" * 101}},
        {"dst": {"save_prefix": "x/"}},
        {"task_type": "LIST"},
        {"object_overwrite_mode": "ALWAYS"},
        {"consistency_check": "no_check"},
        {"enable_restore": "yes"},
        {"dst_storage_policy": "ARCHIVE"},
        {"migrate_since": 1_767_312_000},
        {"description": "a&b"},
        {"bandwidth_policy": [WINDOW] * 2},
        {"bandwidth_policy": [{**WINDOW, "max_bandwidth": 1}]},
        {"bandwidth_policy": [{**WINDOW, "start": "8:00"}]},
        {"bandwidth_policy": [{**WINDOW, "start": f"0{number}:00", "end": f"0{number}:01"} for number in range(6)]},
        {"smn_config": {"topic_urn": "t"}},
    ],
    ids=str,
)
def test_the_simulated_oms_refuses_wrong_parameters_of_a_task_group(box, create, parameters):
    assert catch_refusal(lambda: create(**parameters)) == (400, "OMS.0001")
    assert box.oms.groups.list_all() == []


@pytest.mark.parametrize("node", ["src_node", "dst_node"])
def test_a_simulated_task_group_needs_a_source_and_a_destination(box, huawei, assert_refused, node):
    body = make_group_body(box.user_credentials, box.huawei_credentials)
    del body[node]
    url = f"{box.oms.endpoint}/v2/{box.project_id}/taskgroups"
    assert_refused(huawei.call("POST", url, json.dumps(body).encode()), 400, "OMS.0001")


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("create", lambda client, create: create()),
        ("list", lambda client, create: client.list_task_group(v2.ListTaskGroupRequest())),
        ("get", lambda client, create: client.show_task_group(v2.ShowTaskGroupRequest("x"))),
        ("update", lambda client, create: client.stop_task_group(v2.StopTaskGroupRequest("x"))),
        ("delete", lambda client, create: client.delete_task_group(v2.DeleteTaskGroupRequest("x"))),
    ],
)
def test_each_call_for_a_simulated_task_group_needs_its_permission(box, client, create, action, call):
    box.oms.deny(f"oms:taskgroup:{action}")
    assert catch_refusal(lambda: call(client, create)) == (403, "APIGW.0302")


def test_a_simulated_task_group_lists_and_retries_only_failed_objects(box, migrate, call_group, show_group):
    put(box, a=b"hello", b=b"hello", c=b"hello")
    failure = CopyFailure("GET_SRC_OBJ_FAILURE", "com.aliyun.oss.ClientException: Connection reset")
    box.oms.groups.prepare = lambda group: group.failures.add(failure, times=1, where=lambda key: key == "b")
    group = migrate(**RECORDS)

    answer = show_group(group)
    assert answer.status == 5
    assert answer.success_num == 2
    assert answer.fail_num == 1
    assert answer.failed_object_record.result is True
    (list_key,) = [key for key in box.obs.objects("photos-obs") if key.startswith(LISTS)]
    assert re.fullmatch(rf"{LISTS}{group}/failed_object_lists/.*\.failed_list\.txt", list_key)
    code, _, *columns = box.obs.objects("photos-obs")[list_key].data.decode().split(",")
    assert code == failure.code
    assert columns == ["b", "b", f"{failure.message}\n"]

    box.obs.delete("photos-obs", "a")
    call_group("retry", group, migrate_failed_object=True)
    box.oms.wait_until_copied(10)
    answer = show_group(group)
    assert (answer.status, answer.success_num, answer.fail_num) == (6, 3, 0)
    assert list_copied_keys(box) == ["b", "c"], "other objects are not checked"


def test_a_whole_retry_of_a_simulated_task_group_checks_every_object(box, migrate, call_group, show_group):
    put(box, a=b"hello", b=b"hello")
    box.oms.groups.prepare = lambda group: group.failures.add(CopyFailure("X"), times=1, where=lambda key: key == "b")
    group = migrate()
    assert not [key for key in box.obs.objects("photos-obs") if key.startswith(LISTS)], "nothing was to be recorded"
    assert catch_refusal(lambda: call_group("retry", group, migrate_failed_object=True)) == (400, "OMS.0001")

    call_group("retry", group)
    box.oms.wait_until_copied(10)
    answer = show_group(group)
    assert (answer.status, answer.success_num, answer.skip_num) == (6, 1, 1)


def test_a_simulated_task_group_pauses_after_the_copies_that_it_began(box, migrate, call_group, show_group):
    put(box, a=b"hello", b=b"hello", c=b"hello")

    def prepare(group):
        group.parallel_copies = 1
        group.copy_faults.then(CopyFault.withheld())

    box.oms.groups.prepare = prepare
    group = migrate()
    (stored_group,) = box.oms.groups.list_all()
    assert show_group(group).status == 2
    assert list_copied_keys(box) == ["b", "c"]

    call_group("stop", group)
    box.oms.wait_until_copied(10)
    assert show_group(group).status == 7
    for action in ("delete", "stop", "start"):
        assert catch_refusal(lambda action=action: call_group(action, group)) == (400, "OMS.0001")

    stored_group.begin(*stored_group.withheld_copies)
    stored_group.end(*stored_group.withheld_copies)
    assert show_group(group).status == 3
    assert catch_refusal(lambda: call_group("start", group, src_sk="wrong")) == (400, "OMS.0068")
    call_group("start", group)
    box.oms.wait_until_copied(10)
    assert show_group(group).status == 6
    assert list_copied_keys(box) == ["a", "b", "c"]
    call_group("delete", group)
    assert catch_refusal(lambda: show_group(group)) == (404, "OMS.0404")


def test_a_finished_task_group_cannot_be_stopped_started_or_retried(box, client, migrate, call_group):
    put(box, a=b"hello")
    group = migrate()
    for call in (
        lambda: call_group("stop", group),
        lambda: call_group("start", group),
        lambda: call_group("retry", group),
        lambda: client.update_task_group(v2.UpdateTaskGroupRequest(group, v2.UpdateBandwidthPolicyReq([]))),
    ):
        assert catch_refusal(call) == (400, "OMS.0001")


# Tests in virtual time, where waiting takes no time.


def call_groups(box, huawei, method, path="", body=None):
    url = f"{box.oms.endpoint}/v2/{box.project_id}/taskgroups{path}"
    now = datetime.fromtimestamp(box.now(), timezone.utc)
    headers = {"Content-Type": "application/json", "X-Sdk-Date": f"{now:%Y%m%dT%H%M%SZ}"}
    return huawei.call(method, url, b"" if body is None else json.dumps(body).encode(), headers=headers)


@pytest.fixture
def virtual_groups(huawei_of):
    """Return a sandbox in virtual time, a client of its OMS, and a function that creates a group there."""
    with VirtualSandbox() as box:
        huawei = huawei_of(box)

        def create_group(**parameters):
            call_groups(
                box, huawei, "POST", body=make_group_body(box.user_credentials, box.huawei_credentials, **parameters)
            )
            return box.oms.groups.list_all()[-1]

        yield box, huawei, create_group


def test_a_simulated_task_group_that_loses_an_object_never_ends(virtual_groups):
    box, _, create_group = virtual_groups
    put(box, a=b"hello", b=b"hello")
    box.oms.groups.prepare = lambda group: group.copy_faults.then(CopyFault.lost())
    group = create_group()
    box.advance(86_400)
    assert group.status == Status.MONITORING
    assert group.success_count == 1
