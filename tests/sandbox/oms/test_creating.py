"""Tests of sync tasks that the vendor's client creates at the simulated OMS: access keys, refusals and copies."""

from __future__ import annotations

import json

import pytest
from huaweicloudsdkoms import v2

from sandbox import Sandbox
from support.oms_sdk import DESTINATION, KEYS, SOURCE, catch_refusal, drop_action

BUCKETS = {"src_bucket": "photos", "src_region": "cn-hangzhou", "dst_bucket": "photos-obs", "dst_region": "cn-north-4"}


@pytest.fixture
def create(box, client):
    """Return a function that creates a task between both buckets, by default with the administrators' keys.

    The function returns the task's id.
    """

    def create_task(source_key=box.user_credentials, destination_key=box.huawei_credentials, **parameters):
        keys = dict(zip(KEYS, (*source_key, *destination_key), strict=True))
        body = v2.CreateSyncTaskReq(**{**BUCKETS, **keys, **parameters})
        return client.create_sync_task(v2.CreateSyncTaskRequest(body=body)).sync_task_id

    return create_task


@pytest.fixture
def is_copied_by(box, client):
    """Return a function that submits a key to a task, and returns True if the task has copied the object."""

    def submit_key(task_id, key, contents=b"hello"):
        box.oss.put("photos", key, contents)
        client.create_sync_events(v2.CreateSyncEventsRequest(task_id, v2.SyncObjectReq([key])))
        box.oms.wait_until_copied(10)
        return key in box.obs.objects("photos-obs")

    return submit_key


def test_a_simulated_sync_task_with_minimum_permissions_copies_objects(
    box, client, create, is_copied_by, ram_key, iam_key
):
    task_id = create(
        ram_key(*SOURCE),
        iam_key(*DESTINATION),
        description="oss-oms-sync:sync",
        enable_metadata_migration=True,
        consistency_check="crc64",
    )
    assert is_copied_by(task_id, "a")
    task = client.show_sync_task(v2.ShowSyncTaskRequest(task_id, query_time=int(box.oms.now() * 1000)))
    assert (task.status, task.description, task.consistency_check) == ("SYNCHRONIZING", "oss-oms-sync:sync", "crc64")
    assert task.enable_metadata_migration is True
    assert task.src_bucket == "photos"
    assert task.dst_region == "cn-north-4"
    assert task.object_overwrite_mode == "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"


@pytest.mark.parametrize(
    "keys",
    [
        {"src_sk": "wrong"},
        {"src_ak": "unknown", "src_sk": "unknown"},
        dict(zip(KEYS, Sandbox.function_credentials[:2], strict=False)),
        {"dst_sk": "wrong"},
    ],
)
def test_the_simulated_oms_creates_a_task_only_with_valid_access_keys(create, keys):
    assert catch_refusal(lambda: create(**keys)) == (400, "OMS.0068")


@pytest.mark.parametrize(
    "parameters",
    [
        {"src_region": "oss-cn-hangzhou"},
        {"src_bucket": "never-was"},
        {"dst_region": "cn-east-3"},
        {"dst_bucket": "never-was"},
        {"description": "a<b"},
        {"consistency_check": "md5"},
        {"src_cloud_type": "AWS"},
        {"enable_restore": True},
        {"dst_storage_policy": "COLD"},
        {"src_ak": "a" * 101},
        {"app_id": "1"},
        {"source_cdn": v2.SourceCdnReq(domain="example.com", protocol="https")},
    ],
    ids=str,
)
def test_the_simulated_oms_refuses_wrong_parameters_of_a_new_task(create, parameters):
    assert catch_refusal(lambda: create(**parameters)) == (400, "OMS.0001")


def test_the_simulated_oms_creates_a_task_only_after_the_agreement(box, client, create):
    box.oms.needs_agreement = True
    assert catch_refusal(create) == (400, "OMS.0001")
    client.update_privacy_agreement_record(v2.UpdatePrivacyAgreementRecordRequest())
    assert create()


def test_the_simulated_oms_restarts_a_task_with_other_access_keys(box, client, create, is_copied_by, ram_key):
    task_id = create(ram_key(*drop_action(SOURCE, "oss:GetObject")))
    assert not is_copied_by(task_id, "a")
    client.stop_sync_task(v2.StopSyncTaskRequest(task_id))
    key, secret = box.user_credentials

    def start(secret):
        body = v2.StartSyncTaskReq(**dict(zip(KEYS, (key, secret, *box.huawei_credentials), strict=True)))
        client.start_sync_task(v2.StartSyncTaskRequest(task_id, body))

    assert catch_refusal(lambda: start("wrong")) == (400, "OMS.0068")
    start(secret)
    assert is_copied_by(task_id, "a")


def test_the_simulated_oms_shows_a_buckets_region_only_with_permission(box, client, ram_key):
    def show_region(cloud, keys, bucket):
        body = v2.ShowBucketRegionReq(cloud_type=cloud, ak=keys[0], sk=keys[1], bucket_name=bucket)
        return client.show_bucket_region(v2.ShowBucketRegionRequest(body=body)).id

    assert show_region("Aliyun", box.user_credentials, "photos") == "cn-hangzhou"
    assert show_region("HEC", box.huawei_credentials, "photos-obs") == "cn-north-4"
    key = ram_key(*drop_action(SOURCE, "oss:GetBucketLocation"))
    assert catch_refusal(lambda: show_region("Aliyun", key, "photos")) == (400, "OMS.0072")


def test_the_simulated_oms_refuses_a_call_for_an_unknown_project(box, huawei, assert_refused):
    task = json.dumps({**BUCKETS, **dict.fromkeys(KEYS, "a")}).encode()
    for path, body in (("sync-tasks", task), ("privacy-agreements", b"")):
        answer = huawei.call("POST", f"{box.oms.endpoint}/v2/another/{path}", body)
        assert_refused(answer, 403, "APIGW.0302")
