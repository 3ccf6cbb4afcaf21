"""Whether anything still waits to be sent, by the records of failures and by OMS's lists of what it failed to copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from oss_oms_sync.clock import timestamp
from oss_oms_sync.comparison.tally import MAX_KEYS
from oss_oms_sync.jobs.certify.check import Check, Result
from oss_oms_sync.jobs.certify.commands import certify_command, command
from oss_oms_sync.jobs.certify.evidence import LATEST, Evidence
from oss_oms_sync.reasons import Reason
from oss_oms_sync.text import Text, objects_en


def checks_of_waiting(evidence: Evidence, accepted: Mapping[str, str]) -> Iterator[Check]:
    """A check of each."""
    yield _backlog(evidence)
    yield _copy_failed(evidence, accepted)


def _backlog(evidence: Evidence) -> Check:
    """Whether anything still waits to be sent."""
    waiting = evidence.waiting
    wanted = Text(
        "No failed record of an object that is to be sent, and none of its keys in a run file of replay",
        "没有待发送对象的失败记录，replay 的运行文件中也没有本项目的对象",
    )
    failed = [key for key in waiting.failed if key.reason != Reason.COPY_FAILED.name]
    others = Text(
        f" ({waiting.needless} others are of objects that are gone at the source, equal in OBS, or impossible to copy)"
        if waiting.needless
        else "",
        f"（另有 {waiting.needless} 条失败记录的对象已在源端删除、在 OBS 中一致或无法复制）"
        if waiting.needless
        else "",
    )
    if not (failed or waiting.unread or waiting.run_files or waiting.are_more):
        return Check("BACKLOG", Result.PASSED, Text(f"none{others.en}", f"无{others.zh}"), wanted)
    if not (failed or waiting.unread or waiting.run_files):
        seen = Text(
            f"There are more failed records or run files than could be looked at{others.en}",
            f"失败记录或运行文件过多，未能全部检查{others.zh}",
        )
        following = Text(
            "Send them again, in each project of this task. After that, certify again",
            "请在使用该任务的每个项目中重新发送，然后再次执行 certify",
        )
        return Check("BACKLOG", Result.NOT_RUN, seen, wanted, following, command("replay", {}))
    reasons = ", ".join(sorted({key.reason or "UNKNOWN" for key in failed}))
    at_least, at_least_zh = ("at least ", "至少 ") if waiting.are_more else ("", "")
    parts = [
        Text(
            f"{at_least}{len(failed)} failed records{f' ({reasons})' if reasons else ''}{others.en}",
            f"{at_least_zh}{len(failed)} 条失败记录{f'（{reasons}）' if reasons else ''}{others.zh}",
        )
    ]
    if waiting.unread:
        parts.append(Text(f", {waiting.unread} that cannot be read", f"，{waiting.unread} 条无法读取"))
    if waiting.run_files:
        parts.append(
            Text(
                f", {waiting.run_files} run files with {len(waiting.in_run_files)} keys, {waiting.unreadable} of them"
                " unreadable",
                f"，{waiting.run_files} 个运行文件，含 {len(waiting.in_run_files)} 个对象，其中 {waiting.unreadable}"
                " 个无法读取",
            )
        )
    keys = [*(key.key for key in failed), *waiting.in_run_files][:MAX_KEYS]
    following = Text(
        "Send them again. Status says what to do about each reason; a run file in use is free after some minutes",
        "请重新发送。各原因的处理方法见 status；正在使用的运行文件几分钟后会释放",
    )
    return Check("BACKLOG", Result.FAILED, Text.join(parts), wanted, following, command("replay", {}), keys)


def _copy_failed(evidence: Evidence, accepted: Mapping[str, str]) -> Check:
    """Whether OMS failed to copy something that is not made good."""
    wanted = Text(
        "OMS's lists of what it failed to copy were read after the comparison had ended, and in the last 24 hours; each"
        " object in them was copied since",
        "OMS 的复制失败清单在比对结束之后、最近 24 小时内读取过，且其中的对象此后均已复制",
    )
    failed = [key for key in evidence.waiting.failed if key.reason == Reason.COPY_FAILED.name]
    if failed:
        return Check(
            "COPY_FAILED",
            Result.FAILED,
            Text(f"{objects_en(len(failed))} to be sent again", f"{len(failed)} 个对象等待重发"),
            wanted,
            Text(
                "Status says what to do about OMS's codes; send them again",
                "请按 status 中 OMS 错误码的说明处理，然后重发",
            ),
            command("replay", {}),
            [key.key for key in failed][:MAX_KEYS],
        )
    if evidence.lists_problem:
        seen = Text(f"The lists are not read: {evidence.lists_problem}", f"未读取清单：{evidence.lists_problem}")
        following = Text("Doctor says which right is missing", "缺少的权限见 doctor")
        return Check("COPY_FAILED", Result.NOT_RUN, seen, wanted, following, command("doctor", {}))
    looked, found = evidence.lists_looked_at, evidence.comparison
    # The comparison has looked at each object until then: what OMS has said since is in no list that was read before.
    if looked <= max(found.as_of if found else "", timestamp(evidence.now - LATEST)):
        seen = Text("Replay has not read OMS's lists yet", "replay 尚未读取 OMS 的清单")
        if looked:
            seen = Text(
                f"Replay last read OMS's lists at {looked}",
                f"replay 最近一次读取 OMS 的清单是在 {looked}",
            )
        following = Text(
            "Its timer does so every minute: certify again after that. If it does not, look at replay's timer and log",
            "其定时器每分钟读取一次，之后请再次执行 certify。如一直没有读取，请查看 replay 的定时器和日志",
        )
        again = certify_command(evidence.frozen_since, evidence.sample.asked if evidence.sample else 0, accepted)
        return Check("COPY_FAILED", Result.NOT_RUN, seen, wanted, following, again)
    unread = evidence.unread_lines
    more = Text(
        f"; {unread} lines could not be read, but compare has looked at each object" if unread else "",
        f"；有 {unread} 行无法读取，但 compare 已逐个检查对象" if unread else "",
    )
    return Check(
        "COPY_FAILED",
        Result.PASSED,
        Text(f"none, as of {looked}{more.en}", f"无（截至 {looked}）{more.zh}"),
        wanted,
    )
