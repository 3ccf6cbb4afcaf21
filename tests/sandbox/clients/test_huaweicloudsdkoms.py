"""Tests of the simulated OMS with the vendor's client, huaweicloudsdkoms."""

from urllib.parse import quote

import pytest
from huaweicloudsdkoms.v2 import (
    CreateSyncEventsRequest,
    DeleteSyncTaskRequest,
    ListSyncTasksRequest,
    ListSyncTaskStatisticRequest,
    ShowSyncTaskRequest,
    StartSyncTaskReq,
    StartSyncTaskRequest,
    StopSyncTaskRequest,
    SyncObjectReq,
)

from sandbox import Sandbox
from support.law import HOSTILE
from support.oms_sdk import catch_refusal

TIMEOUT = 10
BOTH_KEYS = {"src_ak": "ALIAK", "src_sk": "ALISK", "dst_ak": "HWAK", "dst_sk": "HWSK"}


def submit(box, client, keys):
    client.create_sync_events(CreateSyncEventsRequest(box.task_id, SyncObjectReq(keys)))


def show_task(box, client):
    return client.show_sync_task(ShowSyncTaskRequest(box.task_id, query_time=int(box.oms.now() * 1000)))


def test_the_simulated_oms_accepts_and_copies_ten_keys(box, client):
    keys = [f"photos/{number} 山.jpg" for number in range(10)]
    for key in keys:
        box.oss.put(box.source_bucket, key, b"data")

    submit(box, client, [quote(key, safe="") for key in keys])
    box.oms.wait_until_copied(TIMEOUT)

    assert box.task.destination.keys() == set(keys)


@pytest.mark.parametrize("key", HOSTILE, ids=ascii)
def test_the_simulated_oms_receives_a_hostile_key_unchanged(box, client, key):
    submit(box, client, [quote(key, safe="")])

    assert box.oms.accepted == {key: 1}


@pytest.mark.parametrize("keys", [[f"key{number}" for number in range(11)], ["a b.txt"], ["a/b.txt"], []], ids=str)
def test_the_simulated_oms_refuses_a_call_with_eleven_raw_or_no_keys(box, client, keys):
    assert catch_refusal(lambda: submit(box, client, keys)) == (400, "OMS.0001")
    assert not box.oms.accepted


def test_the_simulated_oms_refuses_a_wrong_secret_key(box, oms_sdk):
    assert catch_refusal(lambda: show_task(box, oms_sdk("wrong"))) == (401, "APIGW.0301")


def test_the_simulated_oms_counts_objects_in_the_description_of_a_task(box, client):
    box.oss.put(box.source_bucket, "a", b"hello")
    submit(box, client, ["a", "missing", "missing2"])
    submit(box, client, ["a"])
    box.oms.wait_until_copied(TIMEOUT)

    task = show_task(box, client)

    assert task.sync_task_id == box.task_id
    assert task.status == "SYNCHRONIZING"
    assert task.src_cloud_type == "Aliyun"
    assert task.src_region == box.region
    assert task.src_bucket == box.source_bucket
    destination = task.dst_region, task.dst_bucket, task.object_overwrite_mode
    assert destination == ("cn-north-4", "photos-obs", "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE")
    count_names = "acceptance_request", "success_object", "failure_object", "skip_object", "size"
    assert [getattr(task, f"monthly_{name}") for name in count_names] == [4, 1, 2, 1, 5], "objects, not calls"


def test_the_simulated_oms_counts_objects_in_the_statistics_of_a_task(box, client):
    box.oss.put(box.source_bucket, "a", b"hello")
    submit(box, client, ["a", "missing"])
    box.oms.wait_until_copied(TIMEOUT)
    now, expected_counts = int(box.oms.now() * 1000), {"REQUEST": 2, "SUCCESS": 1, "FAILURE": 1, "SKIP": 0, "SIZE": 5}

    answer = client.list_sync_task_statistic(
        ListSyncTaskStatisticRequest(
            box.task_id, data_type=",".join(expected_counts), start_time=now - 600_000, end_time=now
        )
    )

    assert answer.statistic_time_type == "FIVE_MINUTES"
    assert {
        statistic_data.data_type: sum(point.statistic_num for point in statistic_data.data)
        for statistic_data in answer.statistic_datas
    } == expected_counts


def test_the_simulated_oms_lists_tasks_by_status_and_by_pages(box, client):
    stopped_task = box.add_task("00000000-0000-4000-8000-000000000001")
    stopped_task.status = "STOPPED"

    def list_tasks(**query):
        answer = client.list_sync_tasks(ListSyncTasksRequest(**query))
        return [task.sync_task_id for task in answer.tasks], answer.count

    assert list_tasks() == ([box.task_id, stopped_task.task_id], 2)
    assert list_tasks(status="STOPPED") == ([stopped_task.task_id], 1)
    assert list_tasks(limit=1, offset=1) == ([stopped_task.task_id], 2)
    assert catch_refusal(lambda: list_tasks(limit=101)) == (400, "OMS.0001")
    assert catch_refusal(lambda: list_tasks(status="RUNNING")) == (400, "OMS.0001")


def test_the_simulated_oms_stops_and_starts_a_task(box, client):
    first_start = show_task(box, client).last_start_time
    box.oms.clock_offset = 60

    def start(**details):
        client.start_sync_task(StartSyncTaskRequest(box.task_id, StartSyncTaskReq(**{**BOTH_KEYS, **details})))

    def stop():
        client.stop_sync_task(StopSyncTaskRequest(box.task_id))

    assert catch_refusal(start) == (400, "OMS.0001"), "it changes nothing"
    stop()
    assert show_task(box, client).status == "STOPPED"
    for call in (stop, lambda: start(dst_sk="k" * 101), lambda: submit(box, client, ["a"])):
        assert catch_refusal(call) == (400, "OMS.0001")

    start()
    task = show_task(box, client)
    assert task.status == "SYNCHRONIZING"
    assert task.last_start_time >= first_start + 60_000
    submit(box, client, ["a"])


def test_the_simulated_oms_deletes_only_a_stopped_task(box, client):
    delete = DeleteSyncTaskRequest(box.task_id)

    assert catch_refusal(lambda: client.delete_sync_task(delete)) == (400, "OMS.0001")
    client.stop_sync_task(StopSyncTaskRequest(box.task_id))
    client.delete_sync_task(delete)

    assert catch_refusal(lambda: show_task(box, client)) == (404, "OMS.0404")


@pytest.mark.parametrize(
    ("action", "call", "request_"),
    [
        ("list", "list_sync_tasks", ListSyncTasksRequest()),
        ("update", "stop_sync_task", StopSyncTaskRequest(Sandbox.task_id)),
        ("delete", "delete_sync_task", DeleteSyncTaskRequest(Sandbox.task_id)),
    ],
)
def test_the_simulated_oms_refuses_a_call_without_its_permission(box, client, action, call, request_):
    box.oms.deny(f"oms:synctask:{action}")

    assert catch_refusal(lambda: getattr(client, call)(request_)) == (403, "APIGW.0302")
