"""Closes the project after GO, so that nothing here ever touches what the users' applications write to OBS."""

from __future__ import annotations

from typing import Any

from ops.terminal import Marked
from ops.waiting import Session
from ops.words import Text

# What wakes forward when an object is written (s.yaml).
_JOB, _TRIGGER = "forward", "oss-content"

_QUESTION = Text(
    "Close the project now, so that nothing is sent any more? [y/N]", "现在关闭项目，不再发送任何对象？[y/N]"
)
_CLOSED = Text(
    "The project has been closed since {}: nothing is sent any more.", "项目已于 {} 关闭，不再发送任何对象。"
)
_HOW = Text(
    "To close the project: run the same command with --close, or: s certify invoke -e '{\"close\": true}'",
    "关闭项目：使用 --close 重新运行同一命令，或执行：s certify invoke -e '{\"close\": true}'",
)
_NOT_CLOSED = Text("The project stays open, because the verdict is not GO.", "结论不是 GO，项目保持开启。")


def offer(session: Session, *, is_go: bool, wanted: bool) -> None:
    """After GO: close if that is wanted, ask if somebody is there, else say how."""
    screen, lang = session.screen, session.lang
    if not is_go:
        if wanted:
            screen.say(_NOT_CLOSED.of(lang))
        return
    if wanted or (screen.interactive and _agrees(session)):
        answer = close(session)
        screen.say(Marked("", _CLOSED.of(lang).format(answer["closed"]["since"]), "closed"))
        screen.say(answer["next_zh" if lang == "zh" else "next"])
    else:
        screen.say(_HOW.of(lang))


def close(session: Session) -> Any:
    """Take the trigger away first: events that come later would be recorded as failed, and wait for nothing."""
    session.caller.remove_trigger(_JOB, _TRIGGER)
    return session.caller.ask("certify", {"close": True})


def _agrees(session: Session) -> bool:
    try:
        return session.screen.ask(_QUESTION.of(session.lang)).lower() in ("y", "yes", "是")
    except EOFError:
        return False
