"""What a run of replay did."""

from __future__ import annotations

from collections.abc import Iterator

from ops.terminal import Line, Marked
from ops.words import Report, Text

_DONE = Text("Nothing is left to send again.", "没有待重发的对象。")
_LEFT = Text("Some keys still wait to be sent.", "仍有对象等待发送。")
_COUNTS = Text(
    "taken {taken:,}, accepted {accepted:,}, failed again {failed:,}, needless by now {resolved:,}, left {left:,}",
    "取出 {taken:,}，已接受 {accepted:,}，再次失败 {failed:,}，已无需发送 {resolved:,}，剩余 {left:,}",
)
_OLDEST = Text("oldest failure {}", "最早的失败 {}")
_STOPPED = Text("stopped: {}", "提前停止：{}")


def is_well(report: Report) -> bool:
    """Whether nothing waits any more."""
    return bool(report["finished"]) and not report["left"] and not report["failed"]


def counts(report: Report, lang: str) -> str:
    """The counts in one line."""
    return _COUNTS.of(lang).format_map({"resolved": 0, **report})


def lines(report: Report, lang: str) -> Iterator[Line]:
    """What was done, and what is left."""
    yield Marked("", (_DONE if is_well(report) else _LEFT).of(lang), "ok" if is_well(report) else "warning")
    yield f"  {counts(report, lang)}"
    if report["oldest_failure"]:
        yield f"  {_OLDEST.of(lang).format(report['oldest_failure'])}"
    for reason, number in sorted(report["by_reason"].items(), key=lambda item: -item[1]):
        yield f"  {number:6,} {reason}"
    if report["stopped"]:
        yield f"  {_STOPPED.of(lang).format(report['stopped'])}"
