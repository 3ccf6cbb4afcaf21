"""What an alarm says, in the project's language: what is the matter, since when, where to look and what to do."""

from __future__ import annotations

from datetime import datetime

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.webhook import Message
from oss_oms_sync.jobs.status.summary import Summary
from oss_oms_sync.jobs.status.verdict import CLOSED_ALARM, VerdictState
from oss_oms_sync.settings import Settings
from oss_oms_sync.text import Text

_STATES = {
    VerdictState.IN_STEP.value: Text("in step", "已同步"),
    VerdictState.BEHIND.value: Text("BEHIND", "有滞后"),
    VerdictState.BROKEN.value: Text("BROKEN", "已中断"),
    VerdictState.NOT_KNOWN.value: Text("NOT KNOWN", "未知"),
    VerdictState.CLOSED.value: Text("closed", "已关闭"),
    CLOSED_ALARM: Text("closed, ALARM", "已关闭，警报"),
}
# Where to look, and what to do there.
_NEXT = {
    VerdictState.IN_STEP.value: Text("Nothing to do.", "无需处理。"),
    VerdictState.BEHIND.value: Text(
        "Look, in the project's folder: python ops.py status. If the backlog still grows after an hour:"
        " python ops.py doctor.",
        "请在项目目录中查看：python ops.py status。如果一小时后积压仍在增加：python ops.py doctor。",
    ),
    VerdictState.BROKEN.value: Text(
        "Nothing is lost: what fails waits, and is sent once this is repaired. Look, in the project's folder:"
        " python ops.py doctor, which says what to do about each fault.",
        "不会丢失对象：失败的对象保留在记录中，修复后自动重发。"
        "请在项目目录中执行 python ops.py doctor，它会说明每个问题的处理方法。",
    ),
    VerdictState.NOT_KNOWN.value: Text(
        "Nothing is known to be wrong, but nobody has looked. Run what is named above, in the project's folder. If a"
        " timer should have: python ops.py doctor.",
        "没有已知的问题，但近期没有检查。请在项目目录中执行上述命令；如果本应由定时触发器执行：python ops.py doctor。",
    ),
    VerdictState.CLOSED.value: Text(
        "While it is closed, only what comes after the close is an alarm.",
        "关闭期间，只有关闭后收到的变更会触发告警。",
    ),
    CLOSED_ALARM: Text(
        "Nothing is lost: what came is recorded. This is told again each day, until it is open or acknowledged.",
        "不会丢失对象：变更已记录。在项目打开或确认之前，每天会再次告警。",
    ),
}


def alert(settings: Settings, summary: Summary, before: str, since: str, now: datetime) -> Message:
    """The message that the verdict changed from the one that was told `before` (empty if none was), or lasts; it was
    first seen at `since`."""
    verdict, following = summary.verdict, _NEXT[summary.verdict.name]
    text = Text.join(
        [
            Text(f"oss-oms-sync {settings.project}: ", f"oss-oms-sync {settings.project}："),
            _headline(verdict.name, before),
            Text("\n", "\n"),
            verdict.text,
            Text("\n", "\n"),
            _numbers(summary),
            Text(f" Seen first at {since}.\n", f"首次发现：{since}（UTC）。\n"),
            following,
        ]
    )
    is_chinese = settings.alert_language == "zh"
    return Message(
        text.zh if is_chinese else text.en,
        {
            "project": settings.project,
            "task": settings.task.task_id,
            "source": settings.source_bucket,
            "verdict": verdict.state.value,
            "alarm": verdict.is_alarm,
            "before": before or None,
            "since": since,
            "at": timestamp(now),
            "text": verdict.text.zh if is_chinese else verdict.text.en,
            "next": following.zh if is_chinese else following.en,
            "waiting": summary.waiting,
            "oldest": summary.oldest,
            "copy_failures": summary.copy_failures,
        },
    )


def _headline(verdict: str, before: str) -> Text:
    name, last = _STATES[verdict], _STATES.get(before)
    if before == verdict:
        return Text(f"still {name.en}", f"仍{name.zh}")
    return Text(f"{name.en} (was {last.en})", f"{name.zh}（此前：{last.zh}）") if last else name


def _numbers(summary: Summary) -> Text:
    more, more_zh = ("at least ", "至少 ") if summary.at_least else ("", "")
    oldest = f" since {summary.oldest}" if summary.oldest else ""
    oldest_zh = f"（最早：{summary.oldest}，UTC）" if summary.oldest else ""
    failures, failures_zh = (
        ("unknown", "未知") if summary.copy_failures is None else (f"{summary.copy_failures:,}",) * 2
    )
    return Text(
        f"Waiting to be sent: {more}{summary.waiting:,}{oldest}. Failed to be copied: {failures}.",
        f"待重发：{more_zh}{summary.waiting:,}{oldest_zh}。复制失败：{failures_zh}。",
    )
