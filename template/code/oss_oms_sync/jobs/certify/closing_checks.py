"""Whether nothing changes any more: the project is closed, OMS has finished, both buckets stand still."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, objects_en
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.jobs.certify.class_checks import unseen
from oss_oms_sync.jobs.certify.evidence import DOCTOR, OMS_UNFINISHED, Evidence
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER
from oss_oms_sync.passes.states import LATEST
from oss_oms_sync.passes.tally import MAX_KEYS

REHEARSED = Text("Nothing is frozen: this is a rehearsal", "尚未停写：本次为演练")
_GO_ON = Text("Go on with the cutover", "请继续割接")
_GB = 10**9
_CLOSED = partial(
    Finding,
    "CLOSED",
    Text(
        "This cutover closed the project two minutes or more before the standstill pass began, nobody has opened it"
        " since, and every other project of the sync task is closed",
        "本次割接在静止检查开始前至少两分钟关闭了项目，此后没有打开，且同步任务的其他项目均已关闭",
    ),
)
_OMS_FINISHED = partial(
    Finding,
    "OMS_FINISHED",
    Text(
        "By its counts, which tell of all that our records do, OMS has finished all that it accepted, and did nothing"
        " for ten minutes",
        "按 OMS 的计数（涵盖所有成功记录），其接受的对象均已处理完毕，且十分钟内没有任何动作",
    ),
)
_STOOD_STILL = partial(
    Finding,
    "STOOD_STILL",
    Text(
        "A standstill pass begun after the comparison's last look, and after OMS had finished, sees the very same"
        " versions in the source, and what was judged of them in OBS",
        "在比对最后一次检查之后、且 OMS 处理完毕之后开始的静止检查，"
        "看到源端对象的版本完全相同，OBS 中也仍是所判定的内容",
    ),
)
_NOTHING_WAITS = partial(
    Finding,
    "NOTHING_WAITS",
    Text(
        "The object of each failed record and run file is equal in OBS, impossible to copy, or gone; OMS's lists of"
        " what it failed to copy were read after it had finished",
        "每条失败记录和运行文件中的对象在 OBS 中一致、无法复制或已在源端删除；且 OMS 处理完毕后已读取其复制失败清单",
    ),
)


def closed(evidence: Evidence) -> Finding:
    """Whether nothing is sent any more, by any project of the task, since two minutes before the standstill pass."""
    if evidence.frozen_since is None:
        return _CLOSED(Result.NOT_RUN, REHEARSED)
    mark, go_on = evidence.closed, evidence.options.cutover()
    if mark is None:
        return _CLOSED(
            Result.NOT_RUN,
            Text("The project is open", "项目处于打开状态"),
            Text("Close it: the cutover does, and goes on", "请关闭项目：割接命令会关闭并继续"),
            evidence.options.cutover(close=True),
        )
    if mark.run != evidence.options.run:
        return _CLOSED(
            Result.NOT_RUN,
            Text(f"Somebody else has closed the project, at {mark.since}", f"项目已由他人于 {mark.since} 关闭"),
            Text("Go on with the cutover, which closes it anew", "请继续割接，割接会重新关闭项目"),
            go_on,
        )
    if evidence.open_projects:
        names = ", ".join(evidence.open_projects)
        seen = Text(
            f"Other projects of the sync task are open, or were closed too late: {names}",
            f"同步任务的其他项目未关闭，或关闭得太晚：{names}",
        )
        marks = ", ".join(f"state/closed-{name}.json" for name in evidence.open_projects)
        return _CLOSED(
            Result.NOT_RUN,
            seen,
            Text(
                "Close each in its own folder with this, two minutes before the cutover goes on. Of one that was"
                f" removed from Function Compute, delete the mark in the task's folder of the log bucket: {marks}",
                "请在各项目的文件夹中用此命令关闭，两分钟后再继续割接。"
                f"如项目已从函数计算中删除，请在日志桶的任务目录中删除其标记：{marks}",
            ),
            Step("close"),
        )
    still = evidence.comparison.standstill if evidence.comparison else None
    written = parse_time(mark.written)
    if still is None or written is None or still.began < written + CLOSED_AFTER:
        return _CLOSED(
            Result.NOT_RUN,
            Text(
                f"No standstill pass has begun two minutes after the project was closed at {mark.written}",
                f"项目于 {mark.written} 关闭，两分钟之后没有开始的静止检查",
            ),
            _GO_ON,
            go_on,
        )
    return _CLOSED(
        Result.PASSED,
        Text(
            f"Closed at {mark.written}; the standstill pass began at {timestamp(still.began)}",
            f"于 {mark.written} 关闭，静止检查始于 {timestamp(still.began)}",
        ),
    )


def oms_finished(evidence: Evidence) -> Finding:
    """Whether OMS has nothing left to do that it accepted before the project was closed. It needs no comparison."""
    work, go_on = evidence.oms, evidence.options.cutover()
    if evidence.frozen_since is None or evidence.closed is None:
        return _OMS_FINISHED(
            Result.NOT_RUN,
            Text("The project is open: see CLOSED", "项目处于打开状态：见 CLOSED")
            if evidence.frozen_since
            else REHEARSED,
        )
    if (seen := _oms_is_busy(evidence)) is not None:
        return _OMS_FINISHED(
            Result.NOT_RUN,
            seen,
            Text("Nothing but time: ask again in a minute", "只需等待：一分钟后再查询"),
            go_on,
            waits=True,
        )
    if work.left != 0:
        return _unfinished(evidence)
    since, since_zh = (
        (f"since {at}", f"自 {at} 起") if (at := work.busy and timestamp(work.busy)) else ("for days", "且多日")
    )
    return _OMS_FINISHED(
        Result.PASSED, Text(f"Nothing is left, and it has done nothing {since}", f"没有剩余，{since_zh}没有任何动作")
    )


def _oms_is_busy(evidence: Evidence) -> Text | None:
    """What only time ends; None if nothing does."""
    work = evidence.oms
    if work.left is None:
        return None
    if work.recorded is None:
        return Text("Our records of what OMS accepted are not all counted yet", "OMS 接受记录尚未全部计数")
    if work.left > 0:
        return (
            Text(f"OMS has not finished {objects_en(work.left)}", f"OMS 有 {work.left} 个对象未处理完")
            if work.may_finish
            else None
        )
    if work.busy and work.finished and evidence.now < work.finished:
        return Text(f"OMS was busy until {timestamp(work.busy)}", f"OMS 一直工作到 {timestamp(work.busy)}")
    return None


def _unfinished(evidence: Evidence) -> Finding:
    """What OMS does not tell, or will not finish: somebody may accept that by name."""
    work, why = evidence.oms, evidence.options.accept.get(OMS_UNFINISHED)
    if work.left is None:
        result = Result.NOT_RUN
        seen = Text("OMS does not tell what it has left, by five minutes", "OMS 未按五分钟告知剩余的对象")
        following = Text(
            "See the OMS console, and doctor for a right that is missing. What OMS still copies after the cutover"
            " overwrites what applications have written; accept that by name if it can be",
            "请查看 OMS 控制台；缺少的权限见 doctor。"
            "割接后 OMS 仍在复制的对象会覆盖应用写入的内容；如可接受，请按名称接受",
        )
    else:
        result, minutes = Result.NOT_PROVEN, work.largest // _GB
        seen = Text(
            f"OMS has not finished {objects_en(work.left)}, and finished nothing for an hour ({minutes} minutes more"
            " for the largest object)",
            f"OMS 有 {work.left} 个对象未处理完，且一小时内没有处理完任何对象（为最大的对象另加 {minutes} 分钟）",
        )
        following = Text(
            "It has lost them, or counts what came twice only once; if not, it may still write. Accept that by name",
            "OMS 可能已丢失这些对象，或将重复请求合并计数；否则仍可能写入。请按名称接受",
        )
    if why is not None:
        return _OMS_FINISHED(
            Result.PASSED, Text.join([seen, Text(f". Accepted by name: {why}", f"。已按名称接受：{why}")])
        )
    return _OMS_FINISHED(result, seen, following, evidence.options.accepting(OMS_UNFINISHED))


def stood_still(evidence: Evidence, scope: Finding) -> Finding:
    """Whether both buckets are what the comparison judged, after its last look and after OMS had finished."""
    if evidence.frozen_since is None:
        return _STOOD_STILL(Result.NOT_RUN, REHEARSED)
    found, go_on = evidence.comparison, evidence.options.cutover()
    if found is None or scope.result is Result.NOT_RUN:
        return unseen(_STOOD_STILL, scope)
    still, finished, as_of = found.standstill, evidence.oms.finished, found.state.as_of
    if still is None:
        return _STOOD_STILL(
            Result.NOT_RUN,
            Text(f"No standstill pass has begun after {as_of}", f"{as_of} 之后没有开始的静止检查"),
            _GO_ON,
            go_on,
        )
    seen_then = still.state.tally
    sides = (
        (Text("the source", "源端"), found.tally.state, seen_then.state),
        (Text("OBS", "OBS"), found.tally.twin, seen_then.twin),
    )
    changed = [name for name, judged, seen_now in sides if judged != seen_now]
    began = timestamp(still.began)
    if changed:
        en, zh = " and ".join(one.en for one in changed), "和".join(one.zh for one in changed)
        return _STOOD_STILL(
            Result.FAILED,
            Text(
                f"By {began} something has changed in {en} since it was judged", f"截至 {began}，{zh}与判定时相比有变化"
            ),
            Text(
                "See that nothing writes there any more. Then go on with the cutover, which compares anew",
                "请确认不再有写入，然后继续割接，割接会重新比对",
            ),
            go_on,
        )
    if finished and still.began < finished:
        return _STOOD_STILL(
            Result.NOT_RUN,
            Text(
                f"The standstill pass began at {began}, before OMS had done nothing for ten minutes",
                f"静止检查始于 {began}，当时 OMS 静止尚不足十分钟",
            ),
            _GO_ON,
            go_on,
        )
    digests = f"{seen_then.state:064x}, {seen_then.twin:064x}"
    return _STOOD_STILL(
        Result.PASSED, Text(f"The same digests at {began}: {digests}", f"{began} 的摘要相同：{digests}")
    )


def nothing_waits(evidence: Evidence) -> Finding:
    """Whether nothing is to be sent any more that failed. It needs no comparison."""
    waiting = evidence.waiting
    needless = len(waiting.keys) - len(evidence.due)
    others = Text(
        f" ({needless} others are of objects that are gone at the source, equal in OBS, or impossible to copy)",
        f"（另有 {needless} 个对象已在源端删除、在 OBS 中一致或无法复制）",
    )
    others = others if needless else NOTHING
    if evidence.due or waiting.unread:
        return _waits(evidence, others)
    if waiting.are_more:
        return _NOTHING_WAITS(
            Result.NOT_RUN,
            Text(
                f"There are more failed records or run files than could be looked at{others.en}",
                f"失败记录或运行文件过多，未能全部检查{others.zh}",
            ),
            Text("Send them again, in each project of this task", "请在使用该任务的每个项目中重新发送"),
            Step("replay"),
        )
    return _lists(evidence, others)


def _waits(evidence: Evidence, others: Text) -> Finding:
    """Where something waits."""
    waiting, due = evidence.waiting, evidence.due
    reasons = ", ".join(sorted({one.told_reason for one in due}))
    at_least, at_least_zh = ("at least ", "至少 ") if waiting.are_more else ("", "")
    parts = [
        Text(
            f"{at_least}{objects_en(len(due))}{f' ({reasons})' if reasons else ''}{others.en}",
            f"{at_least_zh}{len(due)} 个对象{f'（{reasons}）' if reasons else ''}{others.zh}",
        )
    ]
    if number := waiting.unread:
        parts.append(Text(f", {number} records or run files that cannot be read", f"，{number} 个文件无法读取"))
    following = Text(
        "Status says what to do about each reason. Then go on with the cutover, which opens the project and sends them"
        " again",
        "各原因的处理方法见 status。之后请继续割接，割接会打开项目并重新发送",
    )
    keys, send = [one.key for one in due][:MAX_KEYS], evidence.options.cutover()
    return _NOTHING_WAITS(Result.FAILED, Text.join(parts), following, send, keys)


def _lists(evidence: Evidence, others: Text) -> Finding:
    """Where no record waits: whether OMS's lists tell of nothing more."""
    if why := evidence.lists.said:
        return _NOTHING_WAITS(
            Result.NOT_RUN,
            Text(f"OMS's lists are not read: {why}", f"未读取 OMS 的清单：{why}"),
            Text("Doctor says which right is missing", "缺少的权限见 doctor"),
            DOCTOR,
        )
    looked = evidence.lists.looked
    if looked < max(_lists_count_from(evidence)):
        never = Text("Replay has not read OMS's lists yet", "replay 尚未读取 OMS 的清单")
        last = Text(f"Replay last read OMS's lists at {looked}", f"replay 最近一次读取 OMS 的清单是在 {looked}")
        following = Text(
            "Its timer does so every minute. If it does not, look at replay's timer and log",
            "其定时器每分钟读取一次。如一直没有读取，请查看 replay 的定时器和日志",
        )
        go_on = evidence.options.cutover()
        return _NOTHING_WAITS(Result.NOT_RUN, last if looked else never, following, go_on, waits=True)
    unread = evidence.lists.unread
    more = Text(
        f"; {unread} lines could not be read, but compare has looked at each object" if unread else "",
        f"；有 {unread} 行无法读取，但 compare 已逐个检查对象" if unread else "",
    )
    return _NOTHING_WAITS(
        Result.PASSED, Text(f"none, as of {looked}{others.en}{more.en}", f"无（截至 {looked}）{others.zh}{more.zh}")
    )


def _lists_count_from(evidence: Evidence) -> list[str]:
    """After when OMS's lists have to be read: what it has said since is in none that was read before. OMS may write
    them for ten minutes after it did something."""
    found, finished = evidence.comparison, evidence.oms.finished
    as_of = parse_time(found.state.as_of) if found else None
    # A second later, because that may have been in the same one.
    after = timestamp(as_of + timedelta(seconds=1)) if as_of else ""
    is_closed = evidence.frozen_since is not None and evidence.closed is not None
    return [after, timestamp(evidence.now - LATEST), timestamp(finished) if finished and is_closed else ""]
