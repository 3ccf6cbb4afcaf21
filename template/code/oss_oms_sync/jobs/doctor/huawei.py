"""Checks of OMS: the service, the access key and its permissions, and the sync task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.task_group import OverwriteMode, storage_policy
from oss_oms_sync.answers.text import Text, sentences, t, untranslated
from oss_oms_sync.clouds.task import OBJECT_TYPES, TaskInfo
from oss_oms_sync.errors import PERMANENT_REASONS, Failure, Reason, permission_remedy
from oss_oms_sync.jobs.doctor.function import remedy_if_unreachable
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, unknown, warning

# Regions that offer synchronization tasks (OMS, "Constraints"), with their names in the console.
_OMS_REGIONS = {
    "cn-north-4": t("CN North-Beijing4"),
    "cn-east-3": t("CN East-Shanghai1"),
    "cn-southwest-2": t("CN Southwest-Guiyang1"),
}
_OMS_HOST_PATTERN = re.compile(r"oms\.([a-z0-9-]+)\.myhuaweicloud\.com")
# Texts for the parts of a task's source.
_SOURCE_PART_TEXTS = {"cloud": t("cloud"), "region": t("region"), "bucket": t("bucket")}
# Texts for a task's options; None stands for an option that OMS does not report.
_ARCHIVED_TEXTS = {
    True: t("archived objects are restored and copied"),
    False: t("archived objects are copied only if you restore them in OSS first"),
    None: t("OMS does not report whether archived objects are restored"),
}
_HEADER_TEXTS = {
    True: t("object metadata is copied"),
    False: t("OMS copies only the header Content-Type"),
    None: t("OMS does not report whether object headers are copied"),
}
_REGION_PATTERN = re.compile(r"[a-z]{2}-[a-z]+(-[a-z0-9-]+)?")


def check_oms_answer(context: CheckContext) -> Finding:
    answer = context.task_answer
    if isinstance(answer, Failure) and answer.reason not in PERMANENT_REASONS:
        is_silent = answer.reason is Reason.TIMEOUT
        return fault(_describe_failure(answer), remedy_if_unreachable("SYNC_URL") if is_silent else answer.reason.fix)
    return ok(t("OMS answers signed requests"))


def check_access_key(context: CheckContext) -> Finding:
    answer = context.task_answer
    if isinstance(answer, Failure) and answer.reason in (Reason.CREDENTIALS, Reason.CLOCK, Reason.ACCOUNT):
        return _build_fault(answer)
    return ok(t("Huawei Cloud accepts HW_AK and HW_SK"))


def check_statistics_permission(context: CheckContext) -> Finding:
    now = context.invocation.clock.now()
    answer = context.invocation.oms.query_statistics(
        OBJECT_TYPES, now - timedelta(hours=1), now, context.invocation.deadline
    )
    return _judge_user_permission(
        "statistics", answer, t("Without this permission, status shows no history of OMS's counts.")
    )


def check_group_permission(context: CheckContext) -> Finding:
    """Check the permission to query task groups by a query for a group that does not exist.

    With the permission, OMS answers "not found".
    """
    answer = context.invocation.oms.query_group("none", context.invocation.deadline)
    if isinstance(answer, Failure) and answer.reason not in (Reason.NO_TASK, Reason.REFUSED):
        return warning(
            _describe_failure(answer),
            sentences(
                answer.remedy("get", "taskgroup"),
                t(
                    "Without this permission, the progress of the migration is unknown, and replay does not resend"
                    " the migration's failed objects."
                ),
            ),
        )
    return ok(t("the IAM user of HW_AK has the permission oms:taskgroup:get"))


def check_count_interval(context: CheckContext) -> Finding:
    now = context.invocation.clock.now()
    answer = context.invocation.oms.query_statistics(
        OBJECT_TYPES, now - timedelta(days=1), now, context.invocation.deadline
    )
    if isinstance(answer, Failure):
        return unknown(_describe_failure(answer), t("Run doctor again in a minute"))
    if answer.unread:
        return warning(
            t(
                "OMS's counts of the last day are incomplete or in an unknown format: OMS_FINISHED passes only with"
                " complete counts"
            ),
            t("Run doctor again in a minute"),
        )
    if answer.is_exact:
        return ok(t("OMS reports its counts of the last day at five-minute intervals"))
    return warning(
        t(
            "OMS does not report its counts at five-minute intervals: OMS_FINISHED cannot pass, so no cutover can"
            " end in GO"
        ),
        t("Nothing to do until a cutover. Then accept oms_unfinished by name (--accept) if you can take the risk"),
    )


def check_task(context: CheckContext) -> Finding:
    answer, task = context.task_answer, context.task
    if isinstance(answer, Failure):
        return _build_fault(answer)
    if task.status is None:
        return fault(
            t("OMS returned a response that OMS's documentation does not describe"),
            Reason.UNEXPECTED.fix,
        )
    return ok(_describe_destination(task))


def check_task_destination(context: CheckContext) -> Finding:
    task, settings = context.task, context.settings
    bucket, region = settings.destination_bucket, settings.destination_region
    if bucket in ("", task.dst_bucket) and region in ("", task.dst_region):
        return ok(_describe_destination(task))
    return fault(
        _describe_destination(task),
        t(
            "In s.yaml, destinationBucket is {bucket!r} and destinationRegion is {region!r}: correct these settings, or"
            " set SYNC_URL to the Synchronization Request Receiving Address of a task with this destination",
            bucket=bucket,
            region=region,
        ),
    )


def _describe_destination(task: TaskInfo) -> Text:
    return t("the task copies to {dst_bucket} in {dst_region}", dst_bucket=task.dst_bucket, dst_region=task.dst_region)


def check_task_state(context: CheckContext) -> Finding:
    task = context.task
    if task.is_running:
        return ok(t("the task is SYNCHRONIZING"))
    return fault(
        t("the task is {status}", status=task.status),
        t("Start the sync task in the OMS console: a stopped task accepts no requests"),
    )


def check_task_source(context: CheckContext) -> Finding:
    task, settings = context.task, context.settings
    bucket, region = task.src_bucket or "unknown", (task.src_region or "unknown").removeprefix("oss-")
    cloud = task.src_cloud_type or "unknown"
    text = t("the task reads from {bucket} in {region} ({cloud})", bucket=bucket, region=region, cloud=cloud)
    is_wrong_by_part = {
        "cloud": not cloud.lower().startswith("ali"),
        "region": region != settings.oss_region,
        "bucket": settings.source_bucket not in ("", bucket),
    }
    if any(is_wrong_by_part.values()):
        # OMS does not document its names of Alibaba Cloud's regions: another form is not another region.
        differs_only_in_form = is_wrong_by_part == {
            "cloud": False,
            "region": True,
            "bucket": False,
        } and not _REGION_PATTERN.fullmatch(region)
        return (warning if differs_only_in_form else fault)(
            text,
            t(
                "Set SYNC_URL in s.yaml to the Synchronization Request Receiving Address of the task whose source"
                " is {bucket} in {region} (Aliyun): the current task has a different {parts:and}",
                parts=[_SOURCE_PART_TEXTS[part] for part, is_wrong in is_wrong_by_part.items() if is_wrong],
                bucket=settings.source_bucket or t("the source bucket"),
                region=settings.oss_region,
            ),
        )
    return ok(text)


def check_overwrite_mode(context: CheckContext) -> Finding:
    mode = context.task.object_overwrite_mode
    name = mode.value if mode else "unknown"
    if mode is OverwriteMode.NEVER:
        return fault(
            t("{mode}: OMS does not copy new versions of existing objects", mode=name),
            t("Create a sync task that overwrites objects"),
        )
    if mode is OverwriteMode.ALWAYS:
        return ok(
            t("{mode}: OMS skips no new version, and copies an object twice if it is submitted twice", mode=name),
        )
    gap_text = t("OMS may skip a new version of the same size if it arrives while OMS writes the old version")
    if mode is OverwriteMode.CRC64:
        gap_text = t(
            "if the source object or the object in OBS has no CRC64, OMS compares sizes and times instead: {gap}",
            gap=gap_text,
        )
    return warning(
        t("{mode}: {gap}", mode=name, gap=gap_text),
        t(
            "The mode FULL_OVERWRITE skips no new version, but copies an object twice if it is submitted twice,"
            " at your cost"
        ),
    )


def check_task_options(context: CheckContext) -> Finding:
    task = context.task
    archived_text, header_text = _ARCHIVED_TEXTS[task.enable_restore], _HEADER_TEXTS[task.enable_metadata_migration]
    storage_text = storage_policy(task.dst_storage_policy)
    text = t("{archived}; {headers}; {storage}", archived=archived_text, headers=header_text, storage=storage_text)
    if task.enable_metadata_migration:
        return ok(text)
    if task.enable_metadata_migration is None:
        return warning(
            text,
            t(
                "Check in the OMS console whether the task migrates metadata. A cutover with --sample"
                " compares headers; without --sample, the cutover asks you to accept metadata by name"
                " (--accept)"
            ),
        )
    return warning(
        text,
        t(
            "If you need Cache-Control, Content-Disposition or custom headers, use a task that migrates"
            " metadata, preferably before the first copy: delete this task in the OMS console, empty"
            " SYNC_URL in s.yaml, and run setup again. Otherwise a cutover asks you to accept metadata by"
            " name (--accept)"
        ),
    )


def check_oms_region(context: CheckContext) -> Finding:
    match = _OMS_HOST_PATTERN.fullmatch(urlsplit(context.settings.task.url).hostname or "")
    if not match:
        return skipped(t("the host of SYNC_URL names no region"))
    if match[1] not in _OMS_REGIONS:
        return warning(
            t("{match} is not among the regions known to offer synchronization tasks", match=match[1]),
            t(
                "If OMS does not find the task, create a task in {regions:or}",
                regions=[t("{name} ({region})", name=name, region=region) for region, name in _OMS_REGIONS.items()],
            ),
        )
    name = _OMS_REGIONS[match[1]]
    return ok(t("{name} ({match}) offers synchronization tasks", name=name, match=match[1]))


def _judge_user_permission(action: str, answer: object, consequence: Text) -> Finding:
    """Return a finding on a permission of the IAM user of HW_AK, by OMS's `answer` to a test call.

    `action` is the last part of the permission's name. `consequence` describes the effect of a missing permission.
    """
    if isinstance(answer, Failure) and answer.reason is Reason.FORBIDDEN:
        return fault(_describe_failure(answer), sentences(permission_remedy(action), consequence))
    if isinstance(answer, Failure) and answer.reason is not Reason.NO_TASK:
        return _build_fault(answer)
    return ok(
        t("the IAM user of HW_AK has the permission oms:synctask:{action}", action=action),
    )


def _build_fault(failure: Failure) -> Finding:
    return fault(_describe_failure(failure), failure.reason.fix)


def _describe_failure(failure: Failure) -> Text:
    parts = (failure.reason.name, failure.status, failure.error_code, failure.message)
    return untranslated(" ".join(str(part) for part in parts if part))


CHECKS: Sequence[Check[CheckContext]] = (
    Check(t("OMS response"), ("OMS connection", "clock"), check_oms_answer),
    Check(t("access key"), ("OMS response",), check_access_key),
    Check(
        t("permission oms:synctask:get"),
        ("access key",),
        lambda context: _judge_user_permission(
            "get", context.task_answer, t("Without this permission, doctor and status cannot check the sync task.")
        ),
    ),
    Check(t("task"), ("permission oms:synctask:get",), check_task),
    Check(t("task state"), ("task",), check_task_state),
    Check(t("task source"), ("task", "region"), check_task_source),
    Check(t("task destination"), ("task",), check_task_destination),
    Check(t("task overwrite mode"), ("task",), check_overwrite_mode),
    Check(t("task options"), ("task",), check_task_options),
    Check(t("OMS region"), ("settings",), check_oms_region),
    Check(t("permission oms:synctask:statistics"), ("task",), check_statistics_permission),
    Check(t("permission oms:taskgroup:get"), ("task",), check_group_permission),
    Check(t("interval of OMS's counts"), ("permission oms:synctask:statistics",), check_count_interval),
)
