"""Sync tasks that the vendor's client creates: access keys, refusals and copies."""

from __future__ import annotations

import json

import pytest
from huaweicloudsdkoms import v2

from sandbox import Sandbox
from sandbox.oms.copier import PART_SIZE
from support.oms_sdk import DESTINATION, KEYS, SOURCE, catch_refusal, drop_action

BUCKETS = {"src_bucket": "photos", "src_region": "cn-hangzhou", "dst_bucket": "photos-obs", "dst_region": "cn-north-4"}


@pytest.fixture
def create(box, client):
    """Return a function that creates a task between both buckets, and returns its id.

    By default it uses the administrators' keys.
    """

    def made(source=box.user_credentials, there=box.huawei_credentials, **parameters):
        keys = dict(zip(KEYS, (*source, *there), strict=True))
        body = v2.CreateSyncTaskReq(**{**BUCKETS, **keys, **parameters})
        return client.create_sync_task(v2.CreateSyncTaskRequest(body=body)).sync_task_id

    return made


@pytest.fixture
def is_copied_by(box, client):
    """Return a function that submits a key, and returns True if the task has copied it."""

    def submit_key(number, key, contents=b"hello"):
        box.oss.put("photos", key, contents)
        client.create_sync_events(v2.CreateSyncEventsRequest(number, v2.SyncObjectReq([key])))
        box.oms.wait_copied(10)
        return key in box.obs.objects("photos-obs")

    return submit_key


def test_a_task_with_minimum_permissions_starts_and_copies(box, client, create, is_copied_by, ram_key, iam_key):
    number = create(
        ram_key(*SOURCE),
        iam_key(*DESTINATION),
        description="oss-oms-sync:sync",
        enable_metadata_migration=True,
        consistency_check="crc64",
    )
    assert is_copied_by(number, "a")
    shown = client.show_sync_task(v2.ShowSyncTaskRequest(number, query_time=int(box.oms.now() * 1000)))
    assert (shown.status, shown.description, shown.consistency_check) == ("SYNCHRONIZING", "oss-oms-sync:sync", "crc64")
    assert shown.enable_metadata_migration is True
    assert shown.src_bucket == "photos"
    assert shown.dst_region == "cn-north-4"
    assert shown.object_overwrite_mode == "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"


@pytest.mark.parametrize("action", [name for statement in SOURCE[:2] for name in statement["Action"]])
def test_a_missing_permission_at_the_source_prevents_a_task(create, ram_key, action):
    assert catch_refusal(lambda: create(ram_key(*drop_action(SOURCE, action)))) == (400, "OMS.0072")


@pytest.mark.parametrize("action", [name for statement in DESTINATION[:2] for name in statement["Action"]])
def test_a_missing_permission_at_the_destination_prevents_a_task(create, iam_key, action):
    assert catch_refusal(lambda: create(there=iam_key(*drop_action(DESTINATION, action)))) == (400, "OMS.0072")


@pytest.mark.parametrize(
    ("source", "there", "size"),
    [
        (drop_action(SOURCE, "oss:GetObject"), DESTINATION, 1),
        (SOURCE, drop_action(DESTINATION, "obs:object:putObject"), 1),
        (SOURCE, drop_action(DESTINATION, "obs:object:getObject"), 1),
        (SOURCE, drop_action(DESTINATION, "obs:object:listMultipartUploadParts"), PART_SIZE + 1),
    ],
    ids=["read", "write", "look", "parts"],
)
def test_a_missing_permission_for_objects_fails_their_copies(
    box, create, is_copied_by, ram_key, iam_key, source, there, size
):
    assert not is_copied_by(create(ram_key(*source), iam_key(*there)), "a", bytes(size))
    assert box.oms.tasks[-1].failure_object == 1


def test_a_deleted_key_ends_the_copies(box, create, is_copied_by, ram_key, iam_key):
    number = create(ram_key(*SOURCE), iam_key(*DESTINATION))
    assert is_copied_by(number, "a")
    [key] = box.ram.entities.users["user"]["keys"]
    box.ram.entities.delete_access_key("user", key)
    assert not is_copied_by(number, "b")


@pytest.mark.parametrize(
    "keys",
    [
        {"src_sk": "wrong"},
        {"src_ak": "unknown", "src_sk": "unknown"},
        dict(zip(KEYS, Sandbox.function_credentials[:2], strict=False)),
        {"dst_sk": "wrong"},
    ],
)
def test_a_task_needs_permanent_and_valid_keys(create, keys):
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
def test_a_wrong_or_unsupported_parameter_is_refused(create, parameters):
    assert catch_refusal(lambda: create(**parameters)) == (400, "OMS.0001")


def test_an_account_has_at_most_five_tasks(create):
    for _ in range(4):
        create()
    assert catch_refusal(create) == (400, "OMS.0001")


def test_a_task_needs_the_agreement_if_oms_asks_for_it(box, client, create):
    box.oms.needs_agreement = True
    assert catch_refusal(create) == (400, "OMS.0001")
    client.update_privacy_agreement_record(v2.UpdatePrivacyAgreementRecordRequest())
    assert create()


def test_a_task_is_started_again_with_other_keys(box, client, create, is_copied_by, ram_key):
    number = create(ram_key(*drop_action(SOURCE, "oss:GetObject")))
    assert not is_copied_by(number, "a")
    client.stop_sync_task(v2.StopSyncTaskRequest(number))
    key, secret = box.user_credentials

    def start(secret):
        body = v2.StartSyncTaskReq(**dict(zip(KEYS, (key, secret, *box.huawei_credentials), strict=True)))
        client.start_sync_task(v2.StartSyncTaskRequest(number, body))

    assert catch_refusal(lambda: start("wrong")) == (400, "OMS.0068")
    start(secret)
    assert is_copied_by(number, "a")


def test_the_region_of_a_bucket_needs_the_permission_at_the_source(box, client, ram_key):
    def region(cloud, keys, bucket):
        body = v2.ShowBucketRegionReq(cloud_type=cloud, ak=keys[0], sk=keys[1], bucket_name=bucket)
        return client.show_bucket_region(v2.ShowBucketRegionRequest(body=body)).id

    assert region("Aliyun", box.user_credentials, "photos") == "cn-hangzhou"
    assert region("HEC", box.huawei_credentials, "photos-obs") == "cn-north-4"
    key = ram_key(*drop_action(SOURCE, "oss:GetBucketLocation"))
    assert catch_refusal(lambda: region("Aliyun", key, "photos")) == (400, "OMS.0072")


def test_another_project_is_refused(box, huawei, assert_refused):
    task = json.dumps({**BUCKETS, **dict.fromkeys(KEYS, "a")}).encode()
    for tail, body in (("sync-tasks", task), ("privacy-agreements", b"")):
        answer = huawei.call("POST", f"{box.oms.endpoint}/v2/another/{tail}", body)
        assert_refused(answer, 403, "APIGW.0302")
