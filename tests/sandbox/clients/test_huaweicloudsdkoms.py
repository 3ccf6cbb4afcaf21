"""The vendor's own client (huaweicloudsdkoms) judges the simulated OMS."""

from urllib.parse import quote

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkoms.v2 import (
    CreateSyncEventsRequest,
    DeleteSyncTaskRequest,
    ListSyncTasksRequest,
    ListSyncTaskStatisticRequest,
    OmsClient,
    ShowSyncTaskRequest,
    StartSyncTaskReq,
    StartSyncTaskRequest,
    StopSyncTaskRequest,
    SyncObjectReq,
)

from support.law import HOSTILE
from support.oms_sdk import refused

PATIENCE = 10
BOTH_KEYS = {"src_ak": "ALIAK", "src_sk": "ALISK", "dst_ak": "HWAK", "dst_sk": "HWSK"}


def client_of(box, secret):
    config = HttpConfig.get_default_config()
    config.timeout = PATIENCE
    credentials = BasicCredentials(box.huawei_credentials[0], secret, box.project_id)
    builder = OmsClient.new_builder().with_credentials(credentials).with_http_config(config)
    return builder.with_endpoint(box.oms.endpoint).build()


@pytest.fixture
def client(box):
    return client_of(box, box.huawei_credentials[1])


def submit(box, client, keys):
    client.create_sync_events(CreateSyncEventsRequest(box.task_id, SyncObjectReq(keys)))


def show(box, client):
    return client.show_sync_task(ShowSyncTaskRequest(box.task_id, query_time=int(box.oms.now() * 1000)))


def test_ten_keys_are_taken_and_copied(box, client):
    keys = [f"photos/{number} 山.jpg" for number in range(10)]
    for key in keys:
        box.oss.put(box.source_bucket, key, b"data")

    submit(box, client, [quote(key, safe="") for key in keys])
    box.oms.wait_copied(PATIENCE)

    assert box.task.destination.keys() == set(keys)


@pytest.mark.parametrize("key", HOSTILE, ids=ascii)
def test_a_hostile_key_arrives_as_it_was(box, client, key):
    submit(box, client, [quote(key, safe="")])

    assert box.oms.accepted == {key: 1}


@pytest.mark.parametrize("keys", [[f"key{number}" for number in range(11)], ["a b.txt"], ["a/b.txt"], []], ids=str)
def test_eleven_keys_a_raw_key_or_none_are_refused(box, client, keys):
    assert refused(lambda: submit(box, client, keys)) == (400, "OMS.0001")
    assert not box.oms.accepted


def test_a_wrong_secret_key_is_refused(box):
    assert refused(lambda: show(box, client_of(box, "wrong"))) == (401, "APIGW.0301")


def test_the_task_says_what_it_is_and_how_many_objects_it_took(box, client):
    box.oss.put(box.source_bucket, "a", b"hello")
    submit(box, client, ["a", "missing", "missing2"])
    submit(box, client, ["a"])
    box.oms.wait_copied(PATIENCE)

    task = show(box, client)

    assert (task.sync_task_id, task.status) == (box.task_id, "SYNCHRONIZING")
    assert (task.src_cloud_type, task.src_region, task.src_bucket) == ("Aliyun", box.region, box.source_bucket)
    assert (task.dst_region, task.dst_bucket) == ("cn-north-4", "photos-obs")
    assert task.object_overwrite_mode == "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    counted = task.monthly_acceptance_request, task.monthly_success_object, task.monthly_failure_object
    assert counted == (4, 1, 2), "objects, not calls"
    assert (task.monthly_skip_object, task.monthly_size) == (1, 5)


def test_the_statistics_count_objects_too(box, client):
    box.oss.put(box.source_bucket, "a", b"hello")
    submit(box, client, ["a", "missing"])
    box.oms.wait_copied(PATIENCE)
    now = int(box.oms.now() * 1000)

    answer = client.list_sync_task_statistic(
        ListSyncTaskStatisticRequest(
            box.task_id, data_type="REQUEST,SUCCESS,FAILURE,SKIP,SIZE", start_time=now - 600_000, end_time=now
        )
    )

    assert answer.statistic_time_type == "FIVE_MINUTES"
    sums = {one.data_type: sum(point.statistic_num for point in one.data) for one in answer.statistic_datas}
    assert sums == {"REQUEST": 2, "SUCCESS": 1, "FAILURE": 1, "SKIP": 0, "SIZE": 5}


def test_tasks_are_listed_by_status_and_page_by_page(box, client):
    stopped = box.add_task("00000000-0000-4000-8000-000000000001")
    stopped.status = "STOPPED"

    def listed(**query):
        answer = client.list_sync_tasks(ListSyncTasksRequest(**query))
        return [task.sync_task_id for task in answer.tasks], answer.count

    assert listed() == ([box.task_id, stopped.task_id], 2)
    assert listed(status="STOPPED") == ([stopped.task_id], 1)
    assert listed(limit=1, offset=1) == ([stopped.task_id], 2)
    assert refused(lambda: listed(limit=101)) == (400, "OMS.0001")
    assert refused(lambda: listed(status="RUNNING")) == (400, "OMS.0001")


def test_a_task_is_stopped_and_started_again(box, client):
    first_start = show(box, client).last_start_time
    box.oms.clock_offset = 60

    client.stop_sync_task(StopSyncTaskRequest(box.task_id))
    assert show(box, client).status == "STOPPED"
    assert refused(lambda: submit(box, client, ["a"])) == (400, "OMS.0001")

    client.start_sync_task(StartSyncTaskRequest(box.task_id, StartSyncTaskReq(**BOTH_KEYS)))
    assert show(box, client).status == "SYNCHRONIZING"
    assert show(box, client).last_start_time >= first_start + 60_000
    submit(box, client, ["a"])


def test_a_task_stops_and_starts_only_where_that_changes_something(box, client):
    def start(**details):
        client.start_sync_task(StartSyncTaskRequest(box.task_id, StartSyncTaskReq(**{**BOTH_KEYS, **details})))

    assert refused(start) == (400, "OMS.0001")
    client.stop_sync_task(StopSyncTaskRequest(box.task_id))
    assert refused(lambda: client.stop_sync_task(StopSyncTaskRequest(box.task_id))) == (400, "OMS.0001")
    assert refused(lambda: start(dst_sk="k" * 101)) == (400, "OMS.0001")


def test_only_a_stopped_task_is_deleted(box, client):
    delete = DeleteSyncTaskRequest(box.task_id)

    assert refused(lambda: client.delete_sync_task(delete)) == (400, "OMS.0001")
    client.stop_sync_task(StopSyncTaskRequest(box.task_id))
    client.delete_sync_task(delete)

    assert refused(lambda: show(box, client)) == (404, "OMS.0404")


@pytest.mark.parametrize(
    ("action", "request_class", "call"),
    [
        ("list", ListSyncTasksRequest, "list_sync_tasks"),
        ("update", StopSyncTaskRequest, "stop_sync_task"),
        ("delete", DeleteSyncTaskRequest, "delete_sync_task"),
    ],
)
def test_what_is_not_allowed_is_refused(box, client, action, request_class, call):
    box.oms.deny(f"oms:synctask:{action}")
    request = request_class() if action == "list" else request_class(box.task_id)

    assert refused(lambda: getattr(client, call)(request)) == (403, "APIGW.0302")
