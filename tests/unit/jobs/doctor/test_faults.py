"""Misconfigurations: for each, exactly one check of doctor fails, and names the misconfiguration."""

from __future__ import annotations

import pytest
from oss2.models import BucketVersioningConfig

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.doctor import (
    Change,
    Environment,
    add_oms_fault,
    lose_events_of_a_day,
    replace_in_url,
    set_variables,
    shift_clocks,
    verify_only_fault,
    work_an_hour,
)
from tools.package import ROOT


def deny_submissions(box: Sandbox, environment: Environment) -> None:
    box.deploy(ROOT / "template" / "code")
    box.oms.deny("oms:synctask:createEvent")
    work_an_hour(box)


def lose_events(box: Sandbox, environment: Environment) -> None:
    lose_events_of_a_day(box)


def set_task(**changes: str) -> Change:
    return lambda box, environment: [setattr(box.task, name, value) for name, value in changes.items()]


def deny(action: str, bucket: str) -> Change:
    return lambda box, environment: box.oss.deny(action, bucket)


def move_bucket(bucket: str) -> Change:
    """Return a function that removes `bucket`, and creates it in another region."""

    def change(box: Sandbox, environment: Environment) -> None:
        box.oss.remove_bucket(bucket)
        box.oss.create_bucket(bucket, "cn-beijing")

    return change


def set_versioning(status: str) -> Change:
    return lambda box, environment: box.bucket(LOG).put_bucket_versioning(BucketVersioningConfig(status))


def add_oss_fault(fault: Fault, method: str = "") -> Change:
    """Return a function that adds a fault to OSS for signed requests with this method, by default with any method.

    Doctor asks OSS for its time by unsigned requests, which have no fault.
    """
    return lambda box, environment: box.oss.faults.add(
        fault, where=lambda request: method in ("", request.method) and "authorization" in request.headers
    )


THROTTLED = Fault.status(429, b'{"error_code": "APIGW.0308", "error_msg": "throttled"}', {"Retry-After": "60"})
DOWN = Fault.status(503, b'{"error_code": "OMS.0503", "error_msg": "later"}', {"Retry-After": "60"})
FROZEN = Fault.status(400, b'{"error_code": "OMS.0202", "error_msg": "frozen"}')
BUSY, FULL = Fault.status(503, headers={"Retry-After": "60"}), Fault.status(500)
PHOTOS, LOG = Sandbox.source_bucket, Sandbox.log_bucket

# The change, the check that fails, and words of its remedy.
FAULTS = {
    "wrong AK": (set_variables(HW_AK="WRONG"), "access key", "HW_AK"),
    "wrong SK": (set_variables(HW_SK="WRONG"), "access key", "HW_SK"),
    "expired Huawei token": (set_variables(HW_SECURITY_TOKEN="EXPIRED"), "access key", "HW_SECURITY_TOKEN"),
    "frozen account": (add_oms_fault(FROZEN), "access key", "account"),
    "no permission oms:synctask:get": (
        lambda box, _: box.oms.deny("oms:synctask:get"),
        "permission oms:synctask:get",
        "oms:synctask:get",
    ),
    "no permission oms:synctask:statistics": (
        lambda box, _: box.oms.deny("oms:synctask:statistics"),
        "permission oms:synctask:statistics",
        "oms:synctask:statistics",
    ),
    "no permission to submit keys": (
        deny_submissions,
        "permission oms:synctask:createEvent",
        "oms:synctask:createEvent",
    ),
    "no such task": (replace_in_url("another", Sandbox.task_id), "task", "Copy the task's Synchronization Request"),
    "stopped task": (set_task(status="STOPPED"), "task state", "Start the sync task"),
    "task of another bucket": (set_task(src_bucket="videos"), "task source", "has a different bucket"),
    "task of another region": (set_task(src_region="cn-beijing"), "task source", "has a different region"),
    "task to another bucket": (
        set_variables(DESTINATION_BUCKET="elsewhere"),
        "task destination",
        "In s.yaml, destinationBucket is 'elsewhere'",
    ),
    "task to another region": (set_variables(DESTINATION_REGION="cn-east-3"), "task destination", "is 'cn-east-3'"),
    "task to a bucket with a period": (
        lambda box, _: setattr(box.task.bucket, "name", "photos.obs"),
        "OBS connection",
        "without a period",
    ),
    "task of another cloud": (set_task(src_cloud_type="AWS"), "task source", "has a different cloud"),
    "task that never overwrites": (set_task(overwrite_mode="NO_OVERWRITE"), "task overwrite mode", "overwrites"),
    "no status": (add_oms_fault(Fault.status(200, b"{}")), "task", "Check SYNC_URL"),
    "OMS down": (add_oms_fault(DOWN), "OMS response", "service health"),
    "OMS throttling": (add_oms_fault(THROTTLED), "OMS response", "limit"),
    "OMS hangs up": (add_oms_fault(Fault.drop_before()), "OMS response", "SYNC_URL"),
    "another server at OMS's address": (add_oms_fault(Fault.status(200, b"Please log in")), "OMS response", "SYNC_URL"),
    "OSS down": (add_oss_fault(BUSY), "OSS response", ""),
    "a full log bucket": (add_oss_fault(FULL, "PUT"), "permission to write records", ""),
    "ETags that are not MD5": (lambda box, _: box.oss.encrypt(LOG), "record ETag", ""),
    "wrong clock": (shift_clocks(1200, "oms", "oss"), "clock", "ticket"),
    "wrong clock of OMS": (shift_clocks(-1200, "oms"), "clock", "ticket"),
    "log bucket missing": (lambda box, _: box.oss.remove_bucket(LOG), "log bucket", "LOG_BUCKET"),
    "log bucket in another region": (move_bucket(LOG), "log bucket", "cn-hangzhou"),
    "log bucket with versioning": (set_versioning("Enabled"), "log bucket versioning", "never enabled"),
    "log bucket with suspended versioning": (set_versioning("Suspended"), "log bucket versioning", "never enabled"),
    "no permission to write to the log bucket": (
        deny("oss:PutObject", LOG),
        "permission to write records",
        "oss:PutObject",
    ),
    "no permission to read the log bucket": (deny("oss:GetObject", LOG), "permission to read records", "oss:GetObject"),
    "no permission to list the log bucket": (
        deny("oss:ListObjects", LOG),
        "permission to list records",
        "oss:ListObjects",
    ),
    "no permission to delete records": (
        deny("oss:DeleteObject", LOG),
        "permission to delete records",
        "oss:DeleteObject",
    ),
    "source bucket missing": (lambda box, _: box.oss.remove_bucket(PHOTOS), "source bucket", "SOURCE_BUCKET"),
    "source bucket in another region": (move_bucket(PHOTOS), "source bucket", "cn-hangzhou"),
    "no permission to list the source bucket": (
        deny("oss:ListObjects", PHOTOS),
        "permission to list the source bucket",
        "oss:ListObjects",
    ),
    "expired OSS token": (lambda box, _: box.oss.expire_tokens(), "OSS response", "role"),
    "function in another region": (
        set_variables(OSS_ENDPOINT="https://oss-cn-beijing-internal.aliyuncs.com"),
        "region",
        "vars.region",
    ),
    "log bucket is the source": (set_variables(LOG_BUCKET=PHOTOS), "settings", "s.yaml"),
    "malformed settings": (set_variables(SYNC_URL="oms", OMS_RATE="fast"), "settings", "s.yaml"),
    "no trigger": (lose_events, "arrival of records", "trigger"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_misconfiguration_fails_exactly_one_check_of_doctor(box, run_doctor, name):
    change, check, fix = FAULTS[name]
    environment = box.environment()
    change(box, environment)
    verify_only_fault(box, run_doctor(**environment), check, fix)
