"""Closes the project, so that nothing here touches what the users' applications write to OBS, and opens it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ops.errors import CloudError
from ops.terminal import Line, Marked
from ops.waiting import Session, call_once, pause
from ops.words import Text

# What wakes forward when an object is written (s.yaml).
FORWARD, TRIGGER = "forward", "oss-content"
# After these nothing is sent any more, by anything (oss_oms_sync/ledger/closing.py, `refusal`).
CLOSE_SECONDS = 120.0
# So often a mark that somebody else's late write has undone is set again.
_ATTEMPTS = 3

_WAITS = Text("closing: what was begun comes to its end, {} to go", "正在关闭：等待已开始的调用结束，还需 {}")
_UNDONE = Text(
    "Somebody has opened the project meanwhile, or a late write has. It is closed again",
    "期间有人或一次迟到的写入打开了项目，现在再次关闭",
)
_NOT_CLOSED = Text("The project does not stay closed", "项目无法保持关闭")
_WHO = Text("See who opens it, and run the command again", "请查明是谁打开了项目，然后重新运行该命令")
_READ_AGAIN = Text(
    "The mark was read again two minutes after it was set. What is still written to the source is recorded as failed"
    " (CLOSED): python ops.py status",
    "标记设置两分钟后已再次读取确认。此后写入源端的对象会记录为失败（CLOSED）：python ops.py status",
)
_OPENED = Text("The trigger is there, and a reconcile pass has begun.", "触发器已就位，并已开始一轮对账。")

_QUESTION = Text(
    "Close the project now, so that nothing is sent any more? [y/N]", "现在关闭项目，不再发送任何对象？[y/N]"
)
_HOW = Text(
    "To close the project: run the same command with --close, or: s certify invoke -e '{\"close\": true}'",
    "关闭项目：使用 --close 重新运行同一命令，或执行：s certify invoke -e '{\"close\": true}'",
)
_STAYS_OPEN = Text("The project stays open, because the verdict is not GO.", "结论不是 GO，项目保持开启。")


def offer(session: Session, *, is_go: bool, wanted: bool) -> None:
    """After GO: close if that is wanted, ask if somebody is there, else say how."""
    screen, lang = session.screen, session.lang
    if not is_go:
        if wanted:
            screen.say(_STAYS_OPEN.of(lang))
        return
    if wanted or (screen.interactive and _agrees(session)):
        session.caller.remove_trigger(FORWARD, TRIGGER)
        for line in lines(close(session), lang):
            screen.say(line)
    else:
        screen.say(_HOW.of(lang))


def close(session: Session, run: str = "") -> Any:
    """Set the mark, for a `run` of a cutover or by hand; wait until nothing is sent any more; and read it again. Return
    what certify says of it then.

    The trigger stays: what is written later becomes a failed record, so that it is sent if the project is opened, and
    seen if not. Raises CloudError if the project does not stay closed, and what calls raise.
    """
    for _ in range(_ATTEMPTS):
        session.caller.ask("certify", {"close": True, **({"run": run} if run else {})})
        pause(session, CLOSE_SECONDS, _WAITS)
        seen = session.caller.ask("certify", {"look": True})
        if seen["closed"]:
            return seen
        session.screen.say(Marked("", _UNDONE.of(session.lang), "warning"))
    raise CloudError(_NOT_CLOSED, _WHO)


def open_again(session: Session, run: str = "") -> Any:
    """Open the project, a `run` of a cutover only if the mark is its own; put the trigger back, and begin a reconcile
    pass for what was written without one. Return what certify says.

    Raises what calls raise.
    """
    answer = session.caller.ask("certify", {"open": True, **({"run": run} if run else {})})
    if not answer["closed"]:
        session.caller.restore_trigger(FORWARD, TRIGGER)
        call_once(session, "reconcile", {"restart": True})
        session.screen.say(_OPENED.of(session.lang))
    return answer


def lines(answer: Any, lang: str) -> Iterator[Line]:
    """What certify says of the mark."""
    yield Marked("", answer["next_zh" if lang == "zh" else "next"], "closed" if answer["closed"] else "ok")
    if answer["closed"]:
        yield _READ_AGAIN.of(lang)


def _agrees(session: Session) -> bool:
    try:
        return session.screen.ask(_QUESTION.of(session.lang)).lower() in ("y", "yes", "是")
    except EOFError:
        return False
