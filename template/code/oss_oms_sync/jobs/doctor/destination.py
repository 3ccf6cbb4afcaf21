"""The destination in OBS: whether compare can look at it, and what its bucket is like.

Nothing else needs it, so what is wrong here is a warning, and says what is not looked at then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oss_oms_sync.clouds.clocks import date_at
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObsError
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level
from oss_oms_sync.jobs.doctor.network import connect_in_time, judge_skew
from oss_oms_sync.text import Text

_NOT_COMPARED = Text(
    ": compare cannot look at OBS, and status tells only what OMS accepted",
    "：compare 无法查看 OBS，status 只能反映 OMS 接受了什么",
)


def obs_connection(context: CheckContext) -> Finding:
    finding = connect_in_time(context, context.destination.url, "OBS_ENDPOINT")
    if finding.level is Level.FAULT:
        return Finding(Level.WARNING, Text.join([finding.seen, _NOT_COMPARED]), finding.fix)
    return finding


def obs_clock(context: CheckContext) -> Finding:
    clock = context.invocation.clock
    date = date_at(context.destination.url, clock, context.pool)
    if date is None:
        return Finding(
            Level.WARNING,
            Text("OBS did not tell its time", "OBS 没有返回时间"),
            Text("See what the other checks of OBS say", "请查看 OBS 的其他检查"),
        )
    return judge_skew({"OBS": abs(date - clock.now())})


def right_to_list(context: CheckContext) -> Finding:
    try:
        context.destination.list_page("", "")
    except ObsError as error:
        return Finding(Level.WARNING, Text.join([Text.same(str(error)), _NOT_COMPARED]), error.fix)
    name = context.destination.name
    return Finding(Level.OK, Text(f"OBS lists {name}", f"可以列举 OBS 桶 {name}"))


def right_to_read_lists(context: CheckContext) -> Finding:
    found = context.oms_list
    if found is None:
        seen = Text("OMS has written no list of what it copied yet", "OMS 尚未写出复制结果列表")
        return Finding(Level.SKIPPED, seen)
    if isinstance(found, ObsError):
        seen = Text(
            f"{found}: what OMS failed to copy is not sent again by itself",
            f"{found}：OMS 复制失败的对象不会自动重发",
        )
        return Finding(Level.WARNING, seen, found.fix)
    seen = Text("OMS's lists of what it copied and failed to copy can be read", "可以读取 OMS 的复制成功和失败列表")
    return Finding(Level.OK, seen)


def kind(context: CheckContext) -> Finding:
    try:
        is_file_system = context.destination.is_file_system()
    except ObsError as error:
        seen = Text(
            f"{error}: whether it is a parallel file system is not known", f"{error}：无法得知是否为并行文件系统"
        )
        return Finding(Level.WARNING, seen, error.fix)
    if is_file_system:
        return Finding(
            Level.WARNING,
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
    return Finding(Level.OK, Text("the destination is an ordinary bucket", "目的端为普通的 OBS 桶"))


def encryption(found: ObjectHead) -> Finding:
    if found.encryption:
        return Finding(
            Level.WARNING,
            Text(
                f"OBS encrypts what is written there ({found.encryption}), so its ETags may be no MD5s: that contents"
                " are equal is then not proven",
                f"OBS 会加密写入的内容（{found.encryption}），其 ETag 可能不是 MD5，无法证明内容相同",
            ),
            Text("Nothing needs to be done; without encryption compare proves more", "无需处理；不加密时能证明得更多"),
        )
    return Finding(Level.OK, Text("OBS does not encrypt what is written there", "OBS 不加密写入的内容"))


def versioning(found: ObjectHead) -> Finding:
    if found.version:
        seen = Text("the destination keeps older versions, which you pay for", "目的端保留历史版本，会产生费用")
        return Finding(Level.OK, seen)
    return Finding(Level.OK, Text("the destination keeps no older versions", "目的端不保留历史版本"))


def _of_oms_list(check: Callable[[ObjectHead], Finding]) -> Callable[[CheckContext], Finding]:
    """A check of an object that OMS wrote there."""

    def run(context: CheckContext) -> Finding:
        found = context.oms_list
        if isinstance(found, ObjectHead):
            return check(found)
        return Finding(Level.SKIPPED, Text("no object could be looked at", "没有可以查看的对象"))

    return run


_LISTING, _LISTS = ("right to list OBS",), ("right to read OMS's lists",)
CHECKS: Sequence[Check[CheckContext]] = (
    Check("OBS connection", "OBS 连接", ("task",), obs_connection),
    Check("OBS clock", "OBS 时钟", ("OBS connection",), obs_clock),
    Check("right to list OBS", "列举 OBS 桶的权限", ("OBS clock",), right_to_list),
    Check("destination kind", "目的端类型", ("OBS clock",), kind),
    Check("right to read OMS's lists", "读取 OMS 列表的权限", _LISTING, right_to_read_lists),
    Check("destination encryption", "目的端加密", _LISTS, _of_oms_list(encryption)),
    Check("destination versioning", "目的端版本控制", _LISTS, _of_oms_list(versioning)),
)
