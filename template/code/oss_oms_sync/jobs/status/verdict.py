"""The verdict: whether everything is in step, and if not, what matters most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.jobs.status.backlog import Backlog
from oss_oms_sync.jobs.status.copy_failures import CopyFailures
from oss_oms_sync.jobs.status.copying import Copying
from oss_oms_sync.jobs.status.coverage import Coverage
from oss_oms_sync.jobs.status.in_obs import InObs
from oss_oms_sync.jobs.status.verdict_on_copying import (
    ACKNOWLEDGE,
    differing_in_obs,
    failed_to_copy,
    lacking_in_obs,
    seen_in_obs,
    stuck_at_oms,
    yet_to_copy,
)
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.passes.progress import Progress
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import NEW, NEW_MISSING
from oss_oms_sync.reasons import PERMANENT, Failure, Reason
from oss_oms_sync.text import Text, objects_en


class VerdictState(Enum):
    """The kinds of verdict, by their names in the report."""

    IN_STEP = "in step"
    BEHIND = "behind"
    BROKEN = "broken"
    NOT_KNOWN = "not known"
    CLOSED = "closed"


CLOSED_ALARM = "closed, alarm"


@dataclass(frozen=True)
class Verdict:
    """One sentence, and its kind; `is_alarm`: somebody has to act now."""

    state: VerdictState
    text: Text
    is_alarm: bool = False

    @property
    def name(self) -> str:
        """What a webhook is told: closed with and without an alarm are two things."""
        return CLOSED_ALARM if self.state is VerdictState.CLOSED and self.is_alarm else self.state.value

    def to_json(self) -> dict[str, object]:
        return {
            "state": self.state.value,
            "alarm": self.is_alarm,
            "text": self.text.en,
            "text_zh": self.text.zh,
        }


def reach_verdict(
    copying: Copying,
    failures: CopyFailures | None,
    backlog: Backlog,
    coverage: Coverage,
    in_obs: InObs,
    closed: Closed | None,
    late: Sequence[int],
) -> Verdict:
    """The verdict on what matters most: `closed` is the mark of a closed project, in which nothing else does but what
    came after the close, recorded at the times `late`."""
    if closed:
        return Verdict(VerdictState.CLOSED, _closed(closed, backlog, late), is_alarm=bool(late))
    if broken := _broken(copying.task, backlog):
        return Verdict(VerdictState.BROKEN, broken, is_alarm=True)
    last = coverage.recent
    copied = failed_to_copy(copying, failures) or yet_to_copy(copying)
    copied = copied or lacking_in_obs(in_obs) or differing_in_obs(in_obs)
    if behind := stuck_at_oms(failures) or _waiting(backlog) or _left_behind(backlog) or _events_lost(last) or copied:
        return Verdict(VerdictState.BEHIND, behind)
    if last is None or in_obs.overdue or in_obs.is_unknown:
        return Verdict(VerdictState.NOT_KNOWN, _not_known(coverage, in_obs))
    if last.found_nothing:
        return Verdict(VerdictState.NOT_KNOWN, _nothing_in_scope(last))
    return Verdict(VerdictState.IN_STEP, _in_step(last, coverage, copying, in_obs))


def _closed(closed: Closed, backlog: Backlog, late: Sequence[int]) -> Text:
    after = Text("", "")
    if late:
        last = timestamp(from_epoch(max(late)))
        after = Text(
            f" ALARM: {objects_en(len(late), 'changed ')} came after that, the last at {last}: recorded, and not sent."
            " Find out who still writes to the source. To send them, open the project; if they are not needed in OBS:"
            f" {ACKNOWLEDGE}.",
            f"。警报：关闭后又收到 {len(late)} 个对象的变更（最近一次：{last}，UTC），已记录但未发送。"
            f"请查明谁仍在写入源 Bucket。如需发送，请打开项目；如果 OBS 不需要它们，请执行 {ACKNOWLEDGE}",
        )
    at_least, at_least_zh = ("At least ", "至少") if backlog.at_least else ("", "")
    waiting = Text(
        f" {at_least}{backlog.waiting} object keys wait for that." if backlog.waiting else "",
        f"。{at_least_zh or '有'} {backlog.waiting} 个对象等待重新打开后发送。" if backlog.waiting else "。",
    )
    return Text.join([closed.text, Text(".", ""), after, waiting])


def _broken(task: TaskInfo | Failure, backlog: Backlog) -> Text | None:
    permanent = {reason.name for reason in PERMANENT}
    names = [name for name in backlog.by_reason if name in permanent]
    # Keys are accepted even without the permission to look at the task.
    if isinstance(task, Failure) and task.reason.name in permanent and task.reason is not Reason.FORBIDDEN:
        names.insert(0, task.reason.name)
    if names:
        reason = Reason[names[0]]
        return Text(f"Broken, {reason.name}: {reason.fix.en}", f"已中断，{reason.name}：{reason.fix.zh}")
    if isinstance(task, TaskInfo) and not task.is_running:
        return Text(
            f"Broken: the sync task is {task.status}. Start it in the OMS console.",
            f"已中断：同步任务状态为 {task.status}，请在 OMS 控制台启动该任务。",
        )
    return None


def _waiting(backlog: Backlog) -> Text | None:
    if backlog.waiting or backlog.at_least:
        more, more_zh = ("at least ", "至少") if backlog.at_least else ("", "")
        # The first failure is known only of records that were read.
        before, before_zh = (" or before", "或更早") if backlog.read < backlog.failed else ("", "")
        since = f" since {backlog.oldest}{before}" if backlog.oldest else ""
        since_zh = f"，最早失败于 {backlog.oldest}{before_zh}（UTC）" if backlog.oldest else ""
        return Text(
            f"Behind by {more}{backlog.waiting}{since}: replay sends them again.",
            f"有{more_zh} {backlog.waiting} 个对象待重发{since_zh}。replay 会自动重发。",
        )
    if backlog.unreadable_run_files:
        return Text(
            "Behind: a run file of replay is unreadable, and its keys stand nowhere else. See replay's log, then run"
            " reconcile.",
            "落后：replay 的运行文件无法读取，其中的对象没有其他记录。请查看 replay 的日志，然后执行 reconcile。",
        )
    return None


def _left_behind(backlog: Backlog) -> Text | None:
    if not backlog.left_behind:
        return None
    names = ", ".join(f"{one.project} ({one.folder}: {one.run_files})" for one in backlog.left_behind)
    return Text(
        f"Behind: replay's run files of projects that no longer run hold keys that nobody sends: {names}. Deploy such a"
        " project again; or, if it was renamed or removed, run python ops.py compare, which sends what is missing,"
        " then delete the files.",
        f"已停止运行的项目留下了 replay 的运行文件，其中的对象无人发送：{names}。"
        "请重新部署该项目；如果它已改名或移除，请执行 python ops.py compare 补交缺失的对象，然后删除这些文件。",
    )


def _events_lost(last: PassState | None) -> Text | None:
    new, missing = (last.counts.get(name, 0) for name in (NEW, NEW_MISSING)) if last else (0, 0)
    if missing * 2 <= new:
        return None
    return Text(
        f"Behind: events are lost. None told of {objects_en(missing, 'new ')} (of {new}), which reconcile has sent. See"
        " in the Function Compute console whether the trigger of forward is there. Once it is, upload an object, and"
        " run reconcile 15 minutes later: the verdict stays until a pass finds that events arrive.",
        f"事件未送达：{new} 个新写入的对象中，有 {missing} 个的事件没有到达，reconcile 已补发这些对象。"
        "请在函数计算控制台检查 forward 的触发器；恢复后上传一个对象，15 分钟后执行 reconcile："
        "直到对账确认事件能够送达，此状态才会解除。",
    )


def _not_known(coverage: Coverage, in_obs: InObs) -> Text:
    """What no recent pass has looked at, and which command ends that: one sentence each."""
    parts = [Text("Not known: nothing waits,", "未知：没有待发对象，")]
    if coverage.recent is None:
        parts.append(
            Text(
                " but no reconcile pass over everything has ended lately: whether events were lost is not known. To"
                " find out: python ops.py reconcile.",
                "但近期没有完成的全量对账，尚不知道是否有事件丢失。请执行 python ops.py reconcile。",
            )
        )
    if in_obs.overdue and in_obs.last and in_obs.last.state:
        began = in_obs.last.state.started
        parts.append(
            Text(
                f" {'And' if len(parts) > 1 else 'but'} the last comparison began at {began}: whether what was written"
                " since is in OBS is not known. To find out: python ops.py compare.",
                f"{'此外，' if len(parts) > 1 else '但'}最近一次比对开始于 {began}，"
                "尚不知道此后写入的对象是否已在 OBS 中。请执行 python ops.py compare。",
            )
        )
    if in_obs.is_unknown:
        parts.append(
            Text(
                f" {'And' if len(parts) > 1 else 'but'} OMS does not say to which bucket its task copies: what the"
                " comparisons found in OBS is not known. To see why: python ops.py doctor.",
                f"{'此外，' if len(parts) > 1 else '但'}OMS 未说明任务复制到哪个桶，"
                "尚不知道比对在 OBS 中看到的结果。请执行 python ops.py doctor 查明原因。",
            )
        )
    if coverage.open:
        parts.append(_under_way(coverage.open))
    return Text.join(parts)


def _nothing_in_scope(last: PassState) -> Text:
    prefix, suffix = last.scope.key_filter.prefix, last.scope.key_filter.suffix
    return Text(
        f"Not known: the pass of {last.started} found no object in scope (prefix {prefix!r}, suffix {suffix!r}), so"
        " nothing can be in step. See whether SOURCE_BUCKET, OBJECT_PREFIX or OBJECT_SUFFIX has a typo. If they are"
        " right, upload an object, and run reconcile.",
        f"未知：{last.started} 开始的对账在范围内（前缀 {prefix!r}，后缀 {suffix!r}）没有找到任何对象，"
        "无从判断是否同步。请检查 SOURCE_BUCKET、OBJECT_PREFIX、OBJECT_SUFFIX 是否有误；"
        "如果无误，请上传一个对象，然后执行 reconcile。",
    )


def _in_step(last: PassState, coverage: Coverage, copying: Copying, in_obs: InObs) -> Text:
    """What was looked at, and what was not."""
    sent, scanned = (last.counts.get(name, 0) for name in ("submitted", "scanned"))
    is_limited = coverage.since.timestamp() > 0  # OSS is younger than that
    since = timestamp(coverage.since)
    parts = [
        Text(f"In step since {since}: ", f"自 {since} 起写入的对象已同步：")
        if is_limited
        else Text("In step: ", "已同步："),
        Text(
            f"nothing waits, and the pass of {last.started} found {sent} of {objects_en(scanned)} to send.",
            f"没有待发对象；{last.started} 开始的对账检查了 {scanned} 个对象，补发 {sent} 个。",
        ),
    ]
    parts.append(seen_in_obs(in_obs))
    if copying.unfinished and (unfinished := copying.unfinished.objects):
        parts.append(
            Text(
                f" OMS has yet to work on {objects_en(unfinished)} that it accepted in the last minutes.",
                f"OMS 尚有 {unfinished} 个最近几分钟内接收的对象未处理。",
            )
        )
    if copying.since:
        month = copying.since.strftime("%Y-%m")
        parts.append(Text(f" What OMS counted before {month} was not looked at.", f"OMS 在 {month} 之前的计数未检查。"))
    if is_limited:
        parts.append(Text(" Older objects were not looked at.", "更早的对象未检查。"))
    if coverage.open:
        parts.append(_under_way(coverage.open))
    return Text.join(parts)


def _under_way(passes: Sequence[tuple[PassState, Progress]]) -> Text:
    """The newest of the open passes, and how many others there are."""
    newest, progress = max(passes, key=lambda each: each[0].started)
    is_backfill = newest.scope.everything or newest.scope.since
    name, name_zh = ("backfill", "补发存量") if is_backfill else ("pass", "对账")
    scanned, others = newest.counts.get("scanned", 0), len(passes) - 1
    share, share_zh = "", ""
    if progress.share is not None:
        share = f" ({progress.share:.0%}, {progress.minutes_left} minutes left)"
        share_zh = f"（{progress.share:.0%}，预计还需 {progress.minutes_left} 分钟）"
    more, more_zh = (f", and {others} more", f"，另有 {others} 轮未完成") if others else ("", "")
    return Text(
        f" A {name} is under way: begun {newest.started}, {objects_en(scanned)} so far{share}{more}.",
        f"{name_zh}正在进行：{newest.started} 开始，已检查 {scanned} 个对象{share_zh}{more_zh}。",
    )
