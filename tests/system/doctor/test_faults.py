"""Each misconfiguration is named by one check, and nothing else is called a fault."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from oss2.models import BucketVersioningConfig

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.doctor import free_port
from system.doctor.project import (
    QUICK,
    Environment,
    a_day_of_work,
    deploy,
    lost_to_the_trigger,
    states,
    the_check,
)


def failed_for_want_of_a_right(box: Sandbox, environment: Environment) -> None:
    box.oms.deny("oms:synctask:createEvent")
    a_day_of_work(box)


def set_to(**changes: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: environment.update(changes)


def huawei(**changes: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: [setattr(box.task, name, value) for name, value in changes.items()]


def url_with(new: str, old: str = "") -> Callable[[Sandbox, Environment], None]:
    """With something else in the place of OMS's address, or of what is named."""
    return lambda box, environment: environment.update(SYNC_URL=box.task.sync_url.replace(old or box.oms.endpoint, new))


def denied(action: str, bucket: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: box.oss.deny(action, bucket)


def elsewhere(bucket: str) -> Callable[[Sandbox, Environment], None]:
    def change(box: Sandbox, environment: Environment) -> None:
        box.oss.remove_bucket(bucket)
        box.oss.create_bucket(bucket, "cn-beijing")

    return change


def versioned(status: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: box.bucket(LOG).put_bucket_versioning(BucketVersioningConfig(status))


def clocks(seconds: float, *names: str) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: [setattr(getattr(box, name), "clock_offset", seconds) for name in names]


def oms_answers(fault: Fault) -> Callable[[Sandbox, Environment], None]:
    return lambda box, environment: box.oms.faults.add(fault)


def oss_answers(fault: Fault, method: str = "") -> Callable[[Sandbox, Environment], None]:
    """To signed requests, perhaps of one method only: an unsigned one just asks for the time."""
    return lambda box, environment: box.oss.faults.add(
        fault, where=lambda request: method in ("", request.method) and "authorization" in request.headers
    )


THROTTLED = Fault.status(429, b'{"error_code": "APIGW.0308", "error_msg": "throttled"}', {"Retry-After": "60"})
DOWN = Fault.status(503, b'{"error_code": "OMS.0503", "error_msg": "later"}', {"Retry-After": "60"})
FROZEN = Fault.status(400, b'{"error_code": "OMS.0202", "error_msg": "frozen"}')
BUSY, FULL = Fault.status(503, headers={"Retry-After": "60"}), Fault.status(500)
PHOTOS, LOG = Sandbox.source_bucket, Sandbox.log_bucket

# What is wrong, the check that says so, and a word of what to do.
FAULTS = {
    "wrong AK": (set_to(HW_AK="WRONG"), "access key", "HW_AK"),
    "wrong SK": (set_to(HW_SK="WRONG"), "access key", "HW_SK"),
    "expired Huawei token": (set_to(HW_SECURITY_TOKEN="EXPIRED"), "access key", "HW_SECURITY_TOKEN"),
    "frozen account": (oms_answers(FROZEN), "access key", "account"),
    "no get right": (lambda box, _: box.oms.deny("oms:synctask:get"), "right oms:synctask:get", "oms:synctask:get"),
    "no statistics right": (
        lambda box, _: box.oms.deny("oms:synctask:statistics"),
        "right oms:synctask:statistics",
        "oms:synctask:statistics",
    ),
    "no createEvent right": (failed_for_want_of_a_right, "right oms:synctask:createEvent", "oms:synctask:createEvent"),
    "no such task": (url_with("another", Sandbox.task_id), "task", "Copy the URL again"),
    "stopped task": (huawei(status="STOPPED"), "task runs", "Start it"),
    "task of another bucket": (huawei(src_bucket="videos"), "task source", "bucket should be"),
    "task of another region": (huawei(src_region="cn-beijing"), "task source", "region should be"),
    "task to another bucket": (set_to(DESTINATION_BUCKET="elsewhere"), "task destination", "s.yaml says elsewhere"),
    "task to another region": (set_to(DESTINATION_REGION="cn-east-3"), "task destination", "in cn-east-3"),
    "task to a bucket with a period": (
        lambda box, _: setattr(box.task.bucket, "name", "photos.obs"),
        "OBS connection",
        "without a period",
    ),
    "task of another cloud": (huawei(src_cloud_type="AWS"), "task source", "cloud should be"),
    "task that does not overwrite": (huawei(overwrite_mode="NO_OVERWRITE"), "task overwrite mode", "overwrites"),
    "no status": (oms_answers(Fault.status(200, b"{}")), "task", "check SYNC_URL"),
    "OMS down": (oms_answers(DOWN), "OMS answers", "service health"),
    "OMS throttling": (oms_answers(THROTTLED), "OMS answers", "limit"),
    "OMS hangs up": (oms_answers(Fault.drop_before()), "OMS answers", "SYNC_URL"),
    "something else at OMS's address": (oms_answers(Fault.status(200, b"Please log in")), "OMS answers", "SYNC_URL"),
    "a name that no host can have": (url_with(f"https://{'a' * 70}.example.com"), "OMS connection", "host in SYNC_URL"),
    "no such name": (url_with("https://oms.nowhere.invalid"), "OMS connection", "host in SYNC_URL"),
    "refused connection": (url_with(f"http://127.0.0.1:{free_port()}"), "OMS connection", "internetAccess"),
    "OSS down": (oss_answers(BUSY), "OSS answers", ""),
    "no room in the log bucket": (oss_answers(FULL, "PUT"), "right to write records", ""),
    "ETags that are not MD5": (lambda box, _: box.oss.encrypt(LOG), "record ETag", ""),
    "no such OSS": (set_to(OSS_ENDPOINT=f"http://127.0.0.1:{free_port()}"), "OSS connection", "OSS_ENDPOINT"),
    "clock off": (clocks(1200, "oms", "oss"), "clock", "ticket"),
    "clock off at OMS": (clocks(-1200, "oms"), "clock", "ticket"),
    "log bucket missing": (lambda box, _: box.oss.remove_bucket(LOG), "log bucket", "LOG_BUCKET"),
    "log bucket in another region": (elsewhere(LOG), "log bucket", "cn-hangzhou"),
    "log bucket with versioning": (versioned("Enabled"), "log bucket versioning", "never enabled"),
    "log bucket with suspended versioning": (versioned("Suspended"), "log bucket versioning", "never enabled"),
    "log bucket not to be written": (denied("oss:PutObject", LOG), "right to write records", "oss:PutObject"),
    "log bucket not to be read": (denied("oss:GetObject", LOG), "right to read records", "oss:GetObject"),
    "log bucket not to be listed": (denied("oss:ListObjects", LOG), "right to list records", "oss:ListObjects"),
    "records not to be deleted": (denied("oss:DeleteObject", LOG), "right to delete records", "oss:DeleteObject"),
    "source bucket missing": (lambda box, _: box.oss.remove_bucket(PHOTOS), "source bucket", "SOURCE_BUCKET"),
    "source bucket in another region": (elsewhere(PHOTOS), "source bucket", "cn-hangzhou"),
    "source bucket not to be listed": (
        denied("oss:ListObjects", PHOTOS),
        "right to list source bucket",
        "oss:ListObjects",
    ),
    "expired OSS token": (lambda box, _: box.oss.expire_tokens(), "OSS answers", "role"),
    "function in another region": (
        set_to(OSS_ENDPOINT="https://oss-cn-beijing-internal.aliyuncs.com"),
        "region",
        "vars.region",
    ),
    "log bucket is the source": (set_to(LOG_BUCKET=PHOTOS), "settings", "s.yaml"),
    "malformed settings": (set_to(SYNC_URL="oms", OMS_RATE="fast"), "settings", "s.yaml"),
    "no trigger": (lost_to_the_trigger, "records flow", "trigger"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_misconfiguration_is_named_and_nothing_else_is_called_a_fault(box, tmp_path, handler, what):
    go_wrong, name, fix = FAULTS[what]
    environment = {**box.environment(), **QUICK}
    deploy(box, tmp_path, **QUICK)
    go_wrong(box, environment)
    report = handler(box, **environment)
    assert not report["ok"]
    assert report["text"] == "Setup has faults"
    assert states(report, "fault") == [name]
    # What has a fix is to be done: nothing else is, until then.
    assert [check["name"] for check in report["checks"] if check["state"] == "unknown" and check["fix"]] == []
    assert fix in the_check(report, name)["fix"] + the_check(report, name)["seen"]
    shown = json.dumps(report)
    assert not [secret for secret in (*box.huawei_credentials, *box.function_credentials) if secret in shown]
