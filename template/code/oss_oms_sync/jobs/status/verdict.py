"""The verdict: whether everything is in step, and if not, what matters most."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from oss_oms_sync.answers.status_answer import Verdict, VerdictState
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, objects_en
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.jobs.status.facts import Facts
from oss_oms_sync.jobs.status.looked_at import OpenPasses
from oss_oms_sync.jobs.status.verdict_at_oms import (
    ACKNOWLEDGE,
    behind,
    differing_in_obs,
    failed_to_copy,
    lacking_in_obs,
    seen_in_obs,
    stuck_at_oms,
    yet_to_copy,
)
from oss_oms_sync.passes.tally import NEW, NEW_MISSING
from oss_oms_sync.reasons import PERMANENT, Failure, Reason

_broken = partial(Verdict, VerdictState.BROKEN, alarm=True)
_unknown = partial(Verdict, VerdictState.NOT_KNOWN)


def reach_verdict(facts: Facts) -> Verdict:
    """The verdict on what matters most: the first rule that has something to say."""
    return next(filter(None, (rule(facts) for rule in _RULES)), None) or in_step(facts)


def closed(facts: Facts) -> Verdict | None:
    """In a closed project nothing matters but what came after the close."""
    if facts.closed is None:
        return None
    backlog, after = facts.backlog, NOTHING
    if facts.late:
        last = timestamp(from_epoch(max(facts.late)))
        after = Text(
            f" ALARM: {objects_en(len(facts.late), 'changed ')} came after that, the last at {last}: recorded, and not"
            " sent. Find out who still writes to the source. To send them, open the project; if they are not needed in"
            f" OBS: {ACKNOWLEDGE}.",
            f"。警报：关闭后又收到 {len(facts.late)} 个对象的变更（最近一次：{last}，UTC），已记录但未发送。"
            f"请查明谁仍在写入源 Bucket。如需发送，请打开项目；如果 OBS 不需要它们，请执行 {ACKNOWLEDGE}",
        )
    at_least, at_least_zh = ("At least ", "至少") if backlog.at_least else ("", "")
    waiting = Text(
        f" {at_least}{backlog.waiting} object keys wait for that." if backlog.waiting else "",
        f"。{at_least_zh or '有'} {backlog.waiting} 个对象等待重新打开后发送。" if backlog.waiting else "。",
    )
    text = Text.join([facts.closed.text, Text(".", ""), after, waiting])
    return Verdict(VerdictState.CLOSED, text, Step("open"), alarm=bool(facts.late))


def broken(facts: Facts) -> Verdict | None:
    """What keeps every key from OMS, and does not pass by itself."""
    task, permanent = facts.copying.task, {reason.name for reason in PERMANENT}
    names = [name for name in facts.backlog.by_reason if name in permanent]
    # Keys are accepted even without the permission to look at the task.
    if isinstance(task, Failure) and task.reason.name in permanent and task.reason is not Reason.FORBIDDEN:
        names.insert(0, task.reason.name)
    if names:
        name, fix = names[0], Reason[names[0]].fix
        return _broken(Text(f"Broken, {name}: {fix.en}", f"已中断，{name}：{fix.zh}"), Step("doctor"))
    if isinstance(task, Failure) or task.is_running:
        return None
    return _broken(
        Text(
            f"Broken: the sync task is {task.status}. Start it in the OMS console.",
            f"已中断：同步任务状态为 {task.status}，请在 OMS 控制台启动该任务。",
        ),
        Step("doctor"),
    )


def waiting(facts: Facts) -> Verdict | None:
    """Keys that wait to be sent again."""
    backlog = facts.backlog
    if not (backlog.waiting or backlog.at_least):
        return None
    more, more_zh = ("at least ", "至少") if backlog.at_least else ("", "")
    # The first failure is known only of records that were read.
    before, before_zh = (" or before", "或更早") if backlog.read < backlog.failed else ("", "")
    since = f" since {backlog.oldest}{before}" if backlog.oldest else ""
    since_zh = f"，最早失败于 {backlog.oldest}{before_zh}（UTC）" if backlog.oldest else ""
    return behind(
        Text(
            f"Behind by {more}{backlog.waiting}{since}: replay sends them again.",
            f"有{more_zh} {backlog.waiting} 个对象待重发{since_zh}。replay 会自动重发。",
        ),
        Step("replay"),
    )


def unreadable(facts: Facts) -> Verdict | None:
    """Keys in hand of which nobody knows the names."""
    if not facts.backlog.unreadable_run_files:
        return None
    return behind(
        Text(
            "Behind: a run file of replay is unreadable, and its keys stand nowhere else. See replay's log, then run"
            " reconcile.",
            "落后：replay 的运行文件无法读取，其中的对象没有其他记录。请查看 replay 的日志，然后执行 reconcile。",
        ),
        Step("reconcile"),
    )


def left_behind(facts: Facts) -> Verdict | None:
    """Keys in hand of projects that no longer run."""
    if not facts.backlog.left_behind:
        return None
    names = ", ".join(f"{one.project} ({one.folder}: {one.run_files})" for one in facts.backlog.left_behind)
    return behind(
        Text(
            f"Behind: replay's run files of projects that no longer run hold keys that nobody sends: {names}. Deploy"
            " such a project again; or, if it was renamed or removed, run python3 ops.py compare, which sends what is"
            " missing, then delete the files.",
            f"已停止运行的项目留下了 replay 的运行文件，其中的对象无人发送：{names}。"
            "请重新部署该项目；如果它已改名或移除，请执行 python3 ops.py compare 补交缺失的对象，然后删除这些文件。",
        ),
        Step("compare"),
    )


def events_lost(facts: Facts) -> Verdict | None:
    """Objects of which no event told."""
    last = facts.coverage.recent
    new, missing = (last.counts.get(name, 0) for name in (NEW, NEW_MISSING)) if last else (0, 0)
    if missing * 2 <= new:
        return None
    return behind(
        Text(
            f"Behind: events are lost. None told of {objects_en(missing, 'new ')} (of {new}), which reconcile has sent."
            " See in the Function Compute console whether the trigger of forward is there. Once it is, upload an"
            " object, and run reconcile 15 minutes later: the verdict stays until a pass finds that events arrive.",
            f"事件未送达：{new} 个新写入的对象中，有 {missing} 个的事件没有到达，reconcile 已补发这些对象。"
            "请在函数计算控制台检查 forward 的触发器；恢复后上传一个对象，15 分钟后执行 reconcile："
            "直到对账确认事件能够送达，此状态才会解除。",
        ),
        Step("doctor"),
    )


def not_looked(facts: Facts) -> Verdict | None:
    """What no recent pass has looked at, and which command ends that: one sentence each."""
    coverage, in_obs = facts.coverage, facts.in_obs
    unknown = (
        (
            coverage.recent is None,
            Step("reconcile"),
            Text(
                "no reconcile pass over everything has ended lately: whether events were lost is not known. To find"
                " out: python3 ops.py reconcile.",
                "近期没有完成的全量对账，尚不知道是否有事件丢失。请执行 python3 ops.py reconcile。",
            ),
        ),
        (
            in_obs.overdue,
            Step("compare"),
            Text(
                f"the last comparison began at {in_obs.began}: whether what was written since is in OBS is not known."
                " To find out: python3 ops.py compare.",
                f"最近一次比对开始于 {in_obs.began}，"
                "尚不知道此后写入的对象是否已在 OBS 中。请执行 python3 ops.py compare。",
            ),
        ),
        (
            in_obs.is_unknown,
            Step("doctor"),
            Text(
                "OMS does not say to which bucket its task copies: what the comparisons found in OBS is not known. To"
                " see why: python3 ops.py doctor.",
                "OMS 未说明任务复制到哪个桶，尚不知道比对在 OBS 中看到的结果。请执行 python3 ops.py doctor 查明原因。",
            ),
        ),
    )
    found = [(step, text) for is_so, step, text in unknown if is_so]
    if not found:
        return None
    en, zh = " And ".join(text.en for _, text in found), "此外，".join(text.zh for _, text in found)
    told = Text(f"Not known: nothing waits, but {en}", f"未知：没有待发对象，但{zh}")
    return _unknown(Text.join([told, _under_way(coverage.open)]), found[0][0])


def nothing_in_scope(facts: Facts) -> Verdict | None:
    """Where there is nothing that could be in step."""
    last = facts.coverage.recent
    if last is None or not last.found_nothing:
        return None
    prefix, suffix = last.scope.key_filter.prefix, last.scope.key_filter.suffix
    return _unknown(
        Text(
            f"Not known: the pass of {last.started} found no object in scope (prefix {prefix!r}, suffix {suffix!r}), so"
            " nothing can be in step. See whether SOURCE_BUCKET, OBJECT_PREFIX or OBJECT_SUFFIX has a typo. If they are"
            " right, upload an object, and run reconcile.",
            f"未知：{last.started} 开始的对账在范围内（前缀 {prefix!r}，后缀 {suffix!r}）没有找到任何对象，"
            "无从判断是否同步。请检查 SOURCE_BUCKET、OBJECT_PREFIX、OBJECT_SUFFIX 是否有误；"
            "如果无误，请上传一个对象，然后执行 reconcile。",
        ),
        Step("doctor"),
    )


# In the order in which it matters.
_RULES: tuple[Callable[[Facts], Verdict | None], ...] = (
    closed,
    broken,
    stuck_at_oms,
    waiting,
    unreadable,
    left_behind,
    events_lost,
    failed_to_copy,
    yet_to_copy,
    lacking_in_obs,
    differing_in_obs,
    not_looked,
    nothing_in_scope,
)


def in_step(facts: Facts) -> Verdict:
    """What was looked at, and what was not."""
    coverage, copying = facts.coverage, facts.copying
    began, counts = (coverage.recent.started, coverage.recent.counts) if coverage.recent else ("", {})
    is_limited = coverage.since.timestamp() > 0  # OSS is younger than that
    since, month = timestamp(coverage.since), copying.since and copying.since.strftime("%Y-%m")
    unfinished = copying.unfinished.objects if copying.unfinished else 0
    sent, scanned = counts.get("submitted", 0), counts.get("scanned", 0)
    parts = (
        (is_limited, Text(f"In step since {since}: ", f"自 {since} 起写入的对象已同步：")),
        (not is_limited, Text("In step: ", "已同步：")),
        (
            True,
            Text(
                f"nothing waits, and the pass of {began} found {sent} of {objects_en(scanned)} to send.",
                f"没有待发对象；{began} 开始的对账检查了 {scanned} 个对象，补发 {sent} 个。",
            ),
        ),
        (True, seen_in_obs(facts.in_obs)),
        (
            unfinished,
            Text(
                f" OMS has yet to work on {objects_en(unfinished)} that it accepted in the last minutes.",
                f"OMS 尚有 {unfinished} 个最近几分钟内接收的对象未处理。",
            ),
        ),
        (month, Text(f" What OMS counted before {month} was not looked at.", f"OMS 在 {month} 之前的计数未检查。")),
        (is_limited, Text(" Older objects were not looked at.", "更早的对象未检查。")),
        (True, _under_way(coverage.open)),
    )
    text = Text.join(part for is_so, part in parts if is_so)
    return Verdict(VerdictState.IN_STEP, text, Step("cutover" if facts.in_obs.last else "compare"))


def _under_way(passes: OpenPasses) -> Text:
    """The newest of the open passes, and how many others there are; nothing if there is none."""
    if not passes:
        return NOTHING
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
