"""Huawei Cloud's side: OMS itself, the access key and its permissions, the sync task, and its destination in OBS."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObsError
from oss_oms_sync.comparison.in_hand import in_hand
from oss_oms_sync.jobs.doctor.function import connect_in_time, fix_unreachable, judge_clocks
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, warning
from oss_oms_sync.reasons import PERMANENT, Failure, Reason, grant

# OMS, "Constraints": the regions that offer synchronization tasks, and their names in the console.
_OMS_REGIONS = {
    "cn-north-4": Text("CN North-Beijing4", "华北-北京四"),
    "cn-east-3": Text("CN East-Shanghai1", "华东-上海一"),
    "cn-southwest-2": Text("CN Southwest-Guiyang1", "西南-贵阳一"),
}
_OMS_HOST = re.compile(r"oms\.([a-z0-9-]+)\.myhuaweicloud\.com")
# What a task may read from the wrong one of.
_PARTS = {"cloud": Text("cloud", "云服务商"), "region": Text("region", "地域"), "bucket": Text("bucket", "Bucket")}
_REGION_ID = re.compile(r"[a-z]{2}-[a-z]+(-[a-z0-9-]+)?")
# Nothing else needs the destination, so what is wrong there is a warning.
_NOT_COMPARED = Text(
    ": compare cannot look at OBS, and status tells only what OMS accepted",
    "：compare 无法查看 OBS，status 只能反映 OMS 接受了什么",
)


def oms_answers(context: CheckContext) -> Finding:
    answer = context.task_answer
    if isinstance(answer, Failure) and answer.reason not in PERMANENT:
        is_silent = answer.reason is Reason.TIMEOUT
        return fault(_describe(answer), fix_unreachable("SYNC_URL") if is_silent else answer.reason.fix)
    return ok(Text("OMS answers signed requests", "OMS 响应签名请求"))


def access_key(context: CheckContext) -> Finding:
    answer = context.task_answer
    if isinstance(answer, Failure) and answer.reason in (Reason.CREDENTIALS, Reason.CLOCK, Reason.ACCOUNT):
        return _fault(answer)
    return ok(Text("Huawei Cloud accepts HW_AK and HW_SK", "华为云接受 HW_AK 和 HW_SK"))


def right_to_get(context: CheckContext) -> Finding:
    return _user_right(
        "get",
        context.task_answer,
        Text("Without it doctor and status cannot look at the task.", "否则 doctor 和 status 无法查看任务。"),
    )


def right_to_statistics(context: CheckContext) -> Finding:
    now = context.invocation.clock.now()
    answer = context.invocation.oms.statistics(now - timedelta(hours=1), now, context.invocation.deadline)
    return _user_right(
        "statistics", answer, Text("Without it status shows no course of time.", "否则 status 无法显示变化趋势。")
    )


def step_of_counts(context: CheckContext) -> Finding:
    if in_hand(context.invocation).left is not None:
        return ok(t("OMS counts a day in steps of five minutes"))
    return warning(
        t("OMS does not count a day in steps of five minutes: OMS_FINISHED cannot pass, and so nothing is a GO"),
        t("Nothing until a cutover: accept oms_unfinished by name then, if that can be"),
    )


def task_is_shown(context: CheckContext) -> Finding:
    answer, task = context.task_answer, context.task
    if isinstance(answer, Failure):
        return _fault(answer)
    if task.status is None:
        return fault(
            Text("the response is not one that OMS's documentation names", "响应不是 OMS 文档所述的格式"),
            Reason.UNEXPECTED.fix,
        )
    return ok(
        Text(
            f"the task copies to {task.dst_bucket} in {task.dst_region}",
            f"任务的目的端为 {task.dst_region} 的 {task.dst_bucket}",
        ),
    )


def task_runs(context: CheckContext) -> Finding:
    task = context.task
    if task.is_running:
        return ok(Text("the task is SYNCHRONIZING", "任务状态为同步中（SYNCHRONIZING）"))
    return fault(
        Text(f"the task is {task.status}", f"任务状态为 {task.status}"),
        Text(
            "Start it in the OMS console: a stopped task accepts nothing",
            "请在 OMS 控制台启动该任务：已停止的任务不接受同步请求",
        ),
    )


def task_source(context: CheckContext) -> Finding:
    task, settings = context.task, context.settings
    bucket, region = task.src_bucket or "unknown", (task.src_region or "unknown").removeprefix("oss-")
    cloud = task.src_cloud_type or "unknown"
    seen = Text(f"the task reads from {bucket} in {region} ({cloud})", f"任务的源端为 {region} 的 {bucket}（{cloud}）")
    wrong = {
        "cloud": not cloud.lower().startswith("ali"),
        "region": region != settings.oss_region,
        "bucket": settings.source_bucket not in ("", bucket),
    }
    if any(wrong.values()):
        parts = [_PARTS[what] for what, is_wrong in wrong.items() if is_wrong]
        fix = Text(
            f"Its {' and '.join(part.en for part in parts)} should be that of"
            f" {settings.source_bucket or 'the source bucket'} in {settings.oss_region} (Aliyun): copy the SYNC_URL"
            " of the right task",
            f"其{'和'.join(part.zh for part in parts)}应与 {settings.oss_region} 的"
            f" {settings.source_bucket or '源 Bucket'}（阿里云）一致：请复制正确任务的“同步请求接收地址”",
        )
        # OMS does not document how it names a region of Alibaba Cloud: another form is not another region.
        only_its_form = wrong == {"cloud": False, "region": True, "bucket": False} and not _REGION_ID.fullmatch(region)
        return (warning if only_its_form else fault)(seen, fix)
    return ok(seen)


def overwrite_mode(context: CheckContext) -> Finding:
    mode = context.task.object_overwrite_mode or "unknown"
    if mode == "NO_OVERWRITE":
        return fault(
            Text(f"{mode}: changed objects are not copied again", f"{mode}：修改过的对象不会再次复制"),
            Text("Create a task that overwrites", "请创建一个会覆盖的任务"),
        )
    if mode == "FULL_OVERWRITE":
        return ok(
            Text(
                f"{mode}: no new version is skipped; what is submitted twice is copied twice",
                f"{mode}：不会漏掉新版本；重复提交的对象会复制两次",
            ),
        )
    crc64 = mode == "CRC64_COMPARISON_OVERWRITE"
    where = "if one of the two objects has no CRC64, OMS compares size and time instead: " if crc64 else ""
    where_zh = "若有一侧的对象没有 CRC64 值，OMS 改为对比大小和时间：" if crc64 else ""
    return warning(
        Text(
            f"{mode}: {where}a new version of the same size that comes while OMS writes the old one may be skipped",
            f"{mode}：{where_zh}OMS 写入旧版本期间到达、大小相同的新版本可能被跳过",
        ),
        Text(
            "FULL_OVERWRITE does not have this gap, but copies again, at your cost, what is submitted twice",
            "FULL_OVERWRITE（全覆盖）没有这种遗漏，但会把重复提交的对象再复制一次，流量费由你承担",
        ),
    )


def task_options(context: CheckContext) -> Finding:
    restore = (
        Text("are restored and copied", "会先解冻再复制") if context.task.enable_restore else Text("fail", "复制失败")
    )
    metadata = Text("is", "会复制") if context.task.enable_metadata_migration else Text("is not", "不复制")
    return ok(
        Text(
            f"archived objects {restore.en}; objects' own metadata {metadata.en} copied",
            f"归档对象{restore.zh}；对象的自定义元数据{metadata.zh}",
        ),
    )


def oms_region(context: CheckContext) -> Finding:
    match = _OMS_HOST.fullmatch(urlsplit(context.settings.task.url).hostname or "")
    if not match:
        return skipped(Text("the host of SYNC_URL names no region", "SYNC_URL 的域名中没有区域"))
    if match[1] not in _OMS_REGIONS:
        return warning(
            Text(
                f"{match[1]} is not known to offer synchronization tasks", f"{match[1]} 不在已知提供同步任务的区域之列"
            ),
            Text(
                "If the task is not found, create it in "
                + " or ".join(f"{name.en} ({region})" for region, name in _OMS_REGIONS.items()),
                "如果找不到该任务，请在以下区域之一创建："
                + "、".join(f"{name.zh}（{region}）" for region, name in _OMS_REGIONS.items()),
            ),
        )
    name = _OMS_REGIONS[match[1]]
    return ok(Text(f"{name.en} ({match[1]}) offers synchronization tasks", f"{name.zh}（{match[1]}）提供同步任务"))


def _user_right(action: str, answer: object, without: Text) -> Finding:
    """Whether `answer` shows that HW_AK's user is allowed `action`; `without` says what does not work otherwise."""
    if isinstance(answer, Failure) and answer.reason is Reason.FORBIDDEN:
        return fault(_describe(answer), Text.join([grant(action), Text(" ", ""), without]))
    if isinstance(answer, Failure) and answer.reason is not Reason.NO_TASK:
        return _fault(answer)
    return ok(
        Text(
            f"the IAM user of HW_AK has the permission oms:synctask:{action}",
            f"HW_AK 所属的 IAM 用户具有 oms:synctask:{action} 权限",
        ),
    )


def _fault(failure: Failure) -> Finding:
    return fault(_describe(failure), failure.reason.fix)


def _describe(failure: Failure) -> Text:
    parts = (failure.reason.name, failure.status, failure.error_code, failure.message)
    return Text.same(" ".join(str(part) for part in parts if part))


def obs_connection(context: CheckContext) -> Finding:
    found = connect_in_time(context, context.destination.url, "OBS_ENDPOINT")
    return found if found.result is Result.PASSED else warning(Text.join([found.seen, _NOT_COMPARED]), found.next)


def obs_clock(context: CheckContext) -> Finding:
    return judge_clocks(
        context,
        {"OBS": context.destination.url},
        Text("OBS did not tell its time", "OBS 没有返回时间"),
        Text("See what the other checks of OBS say", "请查看 OBS 的其他检查"),
    )


def right_to_list(context: CheckContext) -> Finding:
    try:
        context.destination.list_page("", "")
    except ObsError as error:
        return warning(Text.join([Text.same(str(error)), _NOT_COMPARED]), error.fix)
    return ok(Text(f"OBS lists {context.destination.name}", f"可以列举 OBS 桶 {context.destination.name}"))


def right_to_read_lists(context: CheckContext) -> Finding:
    found = context.oms_list
    if found is None:
        return skipped(Text("OMS has written no list of what it copied yet", "OMS 尚未写出复制结果列表"))
    if isinstance(found, ObsError):
        return warning(
            Text(
                f"{found}: what OMS failed to copy is not sent again by itself",
                f"{found}：OMS 复制失败的对象不会自动重发",
            ),
            found.fix,
        )
    return ok(Text("OMS's lists of what it copied and failed to copy can be read", "可以读取 OMS 的复制成功和失败列表"))


def kind(context: CheckContext) -> Finding:
    try:
        is_file_system = context.destination.is_file_system()
    except ObsError as error:
        return warning(
            Text(f"{error}: whether it is a parallel file system is not known", f"{error}：无法得知是否为并行文件系统"),
            error.fix,
        )
    if is_file_system:
        return warning(
            Text(
                "the destination is a parallel file system: it takes no key that ends in / or has // in it, and no two"
                " keys of which one is a folder of the other",
                "目的端为并行文件系统：不接受以 / 结尾或含有 // 的对象名，也不接受互为文件和目录的两个对象名",
            ),
            Text(
                "Use a bucket that is not a parallel file system, if the source has such keys",
                "如果源端有这样的对象名，请使用普通的 OBS 桶",
            ),
        )
    return ok(Text("the destination is an ordinary bucket", "目的端为普通的 OBS 桶"))


def encryption(found: ObjectHead) -> Finding:
    if found.encryption:
        return warning(
            Text(
                f"OBS encrypts what is written there ({found.encryption}), so its ETags may be no MD5s: that contents"
                " are equal is then not proven",
                f"OBS 会加密写入的内容（{found.encryption}），其 ETag 可能不是 MD5，无法证明内容相同",
            ),
            Text("Nothing needs to be done; without encryption compare proves more", "无需处理；不加密时能证明得更多"),
        )
    return ok(Text("OBS does not encrypt what is written there", "OBS 不加密写入的内容"))


def versioning(found: ObjectHead) -> Finding:
    if found.version:
        return ok(Text("the destination keeps older versions, which you pay for", "目的端保留历史版本，会产生费用"))
    return ok(Text("the destination keeps no older versions", "目的端不保留历史版本"))


def _of_oms_list(check: Callable[[ObjectHead], Finding]) -> Callable[[CheckContext], Finding]:
    """A check of an object that OMS wrote there."""

    def run(context: CheckContext) -> Finding:
        found, nothing = context.oms_list, Text("no object could be looked at", "没有可以查看的对象")
        return check(found) if isinstance(found, ObjectHead) else skipped(nothing)

    return run


_LISTING, _LISTS = ("right to list OBS",), ("right to read OMS's lists",)
CHECKS: Sequence[Check[CheckContext]] = (
    Check("OMS answers", "OMS 响应", ("OMS connection", "clock"), oms_answers),
    Check("access key", "访问密钥", ("OMS answers",), access_key),
    Check("right oms:synctask:get", "权限 oms:synctask:get", ("access key",), right_to_get),
    Check("task", "任务", ("right oms:synctask:get",), task_is_shown),
    Check("task runs", "任务状态", ("task",), task_runs),
    Check("task source", "任务源端", ("task", "region"), task_source),
    Check("task overwrite mode", "同名对象覆盖方式", ("task",), overwrite_mode),
    Check("task options", "任务选项", ("task",), task_options),
    Check("OMS region", "OMS 区域", ("settings",), oms_region),
    Check("right oms:synctask:statistics", "权限 oms:synctask:statistics", ("task",), right_to_statistics),
    Check("step of counts", "统计步长", ("right oms:synctask:statistics",), step_of_counts),
    Check("OBS connection", "OBS 连接", ("task",), obs_connection),
    Check("OBS clock", "OBS 时钟", ("OBS connection",), obs_clock),
    Check("right to list OBS", "列举 OBS 桶的权限", ("OBS clock",), right_to_list),
    Check("destination kind", "目的端类型", ("OBS clock",), kind),
    Check("right to read OMS's lists", "读取 OMS 列表的权限", _LISTING, right_to_read_lists),
    Check("destination encryption", "目的端加密", _LISTS, _of_oms_list(encryption)),
    Check("destination versioning", "目的端版本控制", _LISTS, _of_oms_list(versioning)),
)
