"""Huawei Cloud's side: OMS itself, the access key and its permissions, the sync task."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level
from oss_oms_sync.jobs.doctor.network import fix_unreachable
from oss_oms_sync.reasons import PERMANENT, Failure, Reason, grant
from oss_oms_sync.settings import Settings

# OMS, "Constraints": the regions that offer synchronization tasks, and their names in the console.
_OMS_REGIONS = {
    "cn-north-4": "CN North-Beijing4",
    "cn-east-3": "CN East-Shanghai1",
    "cn-southwest-2": "CN Southwest-Guiyang1",
}
_OMS_HOST = re.compile(r"oms\.([a-z0-9-]+)\.myhuaweicloud\.com")
_REGION_ID = re.compile(r"[a-z]{2}-[a-z]+(-[a-z0-9-]+)?")


class TaskContext(NamedTuple):
    """What checks of the task are given: the task as OMS shows it, and the settings that it has to agree with."""

    task: TaskInfo
    settings: Settings


def oms_answers(context: CheckContext) -> Finding:
    answer = context.task_answer
    if isinstance(answer, Failure) and answer.reason not in PERMANENT:
        fix = fix_unreachable("SYNC_URL") if answer.reason is Reason.TIMEOUT else answer.reason.fix.en
        return Finding(Level.FAULT, _describe(answer), fix)
    return Finding(Level.OK, "OMS answers signed requests")


def access_key(context: CheckContext) -> Finding:
    answer = context.task_answer
    if isinstance(answer, Failure) and answer.reason in (Reason.CREDENTIALS, Reason.CLOCK, Reason.ACCOUNT):
        return _fault(answer)
    return Finding(Level.OK, "Huawei Cloud accepts HW_AK and HW_SK")


def right_to_get(context: CheckContext) -> Finding:
    return _user_right("get", context.task_answer, "Without it doctor and status cannot look at the task.")


def right_to_statistics(context: CheckContext) -> Finding:
    now = context.invocation.clock.now()
    answer = context.invocation.oms.statistics(now - timedelta(hours=1), now, context.invocation.deadline)
    return _user_right("statistics", answer, "Without it status shows no course of time.")


def task_is_shown(context: TaskContext) -> Finding:
    task = context.task
    if task.status is None:
        return Finding(Level.FAULT, "the answer is none that OMS's documents name", Reason.UNEXPECTED.fix.en)
    return Finding(Level.OK, f"the task copies to {task.dst_bucket} in {task.dst_region}")


def task_runs(context: TaskContext) -> Finding:
    task = context.task
    if task.is_running:
        return Finding(Level.OK, "the task is SYNCHRONIZING")
    fix = "Start it in the OMS console: a stopped task takes no keys"
    return Finding(Level.FAULT, f"the task is {task.status}", fix)


def task_source(context: TaskContext) -> Finding:
    task, settings = context
    bucket, region = task.src_bucket or "unknown", (task.src_region or "unknown").removeprefix("oss-")
    cloud = task.src_cloud_type or "unknown"
    seen = f"the task reads from {bucket} in {region} ({cloud})"
    wrong = {
        "cloud": not cloud.lower().startswith("ali"),
        "region": region != settings.oss_region,
        "bucket": settings.source_bucket not in ("", bucket),
    }
    if any(wrong.values()):
        fix = (
            f"Its {' and '.join(what for what, is_wrong in wrong.items() if is_wrong)} should be that of"
            f" {settings.source_bucket or 'the source bucket'} in {settings.oss_region} (Aliyun): copy the SYNC_URL"
            " of the right task"
        )
        # OMS does not document how it names a region of Alibaba Cloud: another form is not another region.
        only_its_form = wrong == {"cloud": False, "region": True, "bucket": False} and not _REGION_ID.fullmatch(region)
        return Finding(Level.WARNING if only_its_form else Level.FAULT, seen, fix)
    return Finding(Level.OK, seen)


def overwrite_mode(context: TaskContext) -> Finding:
    mode = context.task.object_overwrite_mode or "unknown"
    if mode == "NO_OVERWRITE":
        return Finding(Level.FAULT, f"{mode}: changed objects are not copied again", "Make a task that overwrites")
    if mode == "FULL_OVERWRITE":
        return Finding(Level.OK, f"{mode}: no new version is skipped; what is submitted twice is copied twice")
    crc64 = mode == "CRC64_COMPARISON_OVERWRITE"
    where = "if one of the two objects has no CRC64, OMS compares size and time instead: " if crc64 else ""
    return Finding(
        Level.WARNING,
        f"{mode}: {where}a new version of the same size that comes while OMS writes the old one may be skipped",
        "FULL_OVERWRITE does not have this gap, but copies again, at your cost, what is submitted twice",
    )


def task_options(context: TaskContext) -> Finding:
    restore = "are restored and copied" if context.task.enable_restore else "fail"
    metadata = "is" if context.task.enable_metadata_migration else "is not"
    return Finding(Level.OK, f"archived objects {restore}; objects' own metadata {metadata} copied")


def oms_region(context: CheckContext) -> Finding:
    match = _OMS_HOST.fullmatch(urlsplit(context.settings.task.url).hostname or "")
    if not match:
        return Finding(Level.SKIPPED, "the host of SYNC_URL names no region")
    if match[1] not in _OMS_REGIONS:
        return Finding(
            Level.WARNING,
            f"{match[1]} is not known to offer synchronization tasks",
            "If the task is not found, make it in "
            + " or ".join(f"{name} ({region})" for region, name in _OMS_REGIONS.items()),
        )
    return Finding(Level.OK, f"{_OMS_REGIONS[match[1]]} ({match[1]}) offers synchronization tasks")


def _of_task(check: Callable[[TaskContext], Finding]) -> Callable[[CheckContext], Finding]:
    """A check of the task as OMS shows it; if OMS does not show it, that is the fault."""

    def run(context: CheckContext) -> Finding:
        answer = context.task_answer
        return _fault(answer) if isinstance(answer, Failure) else check(TaskContext(answer, context.settings))

    return run


def _user_right(action: str, answer: object, without: str) -> Finding:
    """Whether `answer` shows that HW_AK's user is allowed `action`; `without` says what does not work otherwise."""
    if isinstance(answer, Failure) and answer.reason is Reason.FORBIDDEN:
        return Finding(Level.FAULT, _describe(answer), f"{grant(action).en} {without}")
    if isinstance(answer, Failure) and answer.reason is not Reason.NO_TASK:
        return _fault(answer)
    return Finding(Level.OK, f"the IAM user behind HW_AK may oms:synctask:{action}")


def _fault(failure: Failure) -> Finding:
    return Finding(Level.FAULT, _describe(failure), failure.reason.fix.en)


def _describe(failure: Failure) -> str:
    parts = (failure.reason.name, failure.status, failure.error_code, failure.message)
    return " ".join(str(part) for part in parts if part)


CHECKS: Sequence[Check[CheckContext]] = (
    Check("OMS answers", ("OMS connection", "clock"), oms_answers),
    Check("access key", ("OMS answers",), access_key),
    Check("right oms:synctask:get", ("access key",), right_to_get),
    Check("task", ("right oms:synctask:get",), _of_task(task_is_shown)),
    Check("task runs", ("task",), _of_task(task_runs)),
    Check("task source", ("task", "region"), _of_task(task_source)),
    Check("task overwrite mode", ("task",), _of_task(overwrite_mode)),
    Check("task options", ("task",), _of_task(task_options)),
    Check("OMS region", ("settings",), oms_region),
    Check("right oms:synctask:statistics", ("task",), right_to_statistics),
)
