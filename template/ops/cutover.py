"""A cutover, or its rehearsal: from the moment at which nobody writes to the source any more to GO or NO-GO.

Replay sends what failed; a comparison judges every object, and those that were on their way once more; a pass of
reconcile shows that the source stood still; then certify says what all that amounts to. Each step can be repeated, so
whoever is interrupted begins the same command again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ops.clock import timestamp
from ops.errors import FunctionError
from ops.figures import classes_of
from ops.terminal import Marked
from ops.text import replay
from ops.waiting import Session, duration, run_pass
from ops.words import Text

# What is younger counts as moving (comparison/classes.py, SETTLED_SECONDS).
SETTLED = timedelta(minutes=15)
# Keys on their way are judged again so often and for so long.
_AGAIN_SECONDS = 20.0
_MAX_AGAIN_SECONDS = 900.0
# Sampling goes on in as many calls as it takes, up to these.
_MAX_CERTIFY_CALLS = 100
# What OMS, replay or the pass itself may yet bring to OBS; the others stay as they are.
_ON_ITS_WAY = ("moving", "in_flight", "failed_before", "missing", "older")
_WAIT_FOR = ("moving", "in_flight", "failed_before")

_HINT = Text(
    "What was begun goes on in the cloud. Run the same command again: what is done is not done twice",
    "已开始的工作在云上继续进行。请重新运行同一命令，已完成的部分不会重复",
)
_REPLAY = Text("Send again what failed", "重发失败的对象")
_SETTLE = Text("Let the last writes settle", "等待最后的写入稳定")
_COMPARE = Text("Compare both buckets", "比对两个存储桶")
_AGAIN = Text("Judge again what was on its way", "重新判定在途对象")
_RECONCILE = Text("Show that the source stood still", "确认源端没有变化")
_CERTIFY = Text("Certify", "签发证书")
_DONE = Text("done", "完成")
_ATTENTION = Text("look", "注意")
_NOTHING = Text("nothing was on its way", "没有在途对象")
_SETTLED_TEXT = Text("the source is frozen since {}", "源端自 {} 起停写")
_PASSED = Text("{} went by at once, in the sandbox", "沙箱中时间直接前进 {}")
_WAITS = Text("waiting until {}, {} to go", "等待至 {}，还需 {}")
_LEFT = Text("left: {}", "剩余：{}")
_STOPPED = Text("stopped: {}", "提前停止：{}")
_OBJECTS = Text("{:,} objects in the source, {:,} in OBS", "源端 {:,} 个对象，OBS 中 {:,} 个")
_SCANNED = Text("{:,} objects looked at, {:,} sent", "检查 {:,} 个对象，补发 {:,} 个")
_READING = Text("reading the sample: {} of {}", "正在读取样本：{} / {}")
_WAITING_FOR = Text("on their way: {}", "在途：{}")


@dataclass(frozen=True)
class Plan:
    """What was asked for; `frozen` is None for a rehearsal."""

    frozen: datetime | None
    sample: int | None = None
    accept: Mapping[str, str] = field(default_factory=dict)
    deep: bool = False


def run(session: Session, plan: Plan) -> Any:
    """Take all steps; return the certificate.

    Raises what calls raise.
    """
    session.hint = _HINT
    _Cutover(session, plan).steps()
    document = _certify(session, plan)
    session.hint = None
    return document


class _Cutover:
    """The steps before the certificate."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._scope = {"deep": True} if plan.deep else {}
        self._number = 0

    def steps(self) -> None:
        """Take them one after the other, and say how each ended."""
        self._begin(_REPLAY)
        self._end(*self._replay())
        if self._plan.frozen:
            self._begin(_SETTLE)
            self._end(*self._settle(self._plan.frozen))
        self._begin(_COMPARE)
        compared = run_pass(self._session, "compare", {**self._scope, "restart": True})
        self._end(*self._compared(compared))
        if compared["finished"]:
            self._begin(_AGAIN)
            self._end(*self._again(compared))
        # Times are in whole seconds, and it has to begin after what it is compared with has ended.
        self._session.clock.sleep(1.0)
        self._begin(_RECONCILE)
        self._end(*self._reconciled(run_pass(self._session, "reconcile", {"restart": True})))

    def _replay(self) -> tuple[bool, str]:
        """Send again what failed, as long as OMS takes some of it."""
        while True:
            answer = self._session.caller.ask("replay", {})
            is_done = replay.is_well(answer)
            if is_done or answer["stopped"] or not answer["accepted"]:
                stopped = self._text(_STOPPED, answer["stopped"]) if answer["stopped"] else ""
                return is_done, "; ".join(filter(None, [replay.counts(answer, self._session.lang), stopped]))

    def _settle(self, frozen: datetime) -> tuple[bool, str]:
        """Wait until nothing is too young to be judged."""
        session, until = self._session, frozen + SETTLED
        session.screen.begin()
        left = (until - session.clock.now()).total_seconds()
        if left > 0 and session.caller.let_pass(left):
            return True, self._text(_PASSED, duration(left))
        while (left := (until - session.clock.now()).total_seconds()) > 0:
            session.screen.progress(self._text(_WAITS, timestamp(until), duration(left)))
            session.clock.sleep(min(1.0, left))
        return True, self._text(_SETTLED_TEXT, timestamp(frozen))

    def _compared(self, answer: Any) -> tuple[bool, str]:
        if not answer["finished"]:
            return False, self._text(_STOPPED, answer["stopped"] or answer["next"])
        counts = (answer[side]["objects"] for side in ("source", "destination"))
        return True, self._text(_OBJECTS, *counts)

    def _again(self, compared: Any) -> tuple[bool, str]:
        """Judge once more what differs, until it is there, nothing moves any more, or time is up."""
        session = self._session
        session.screen.begin()
        began, waiting, still = session.clock.monotonic(), _on_its_way(compared), 0
        if not waiting:
            return True, _NOTHING.of(session.lang)
        while waiting and session.clock.monotonic() - began < _MAX_AGAIN_SECONDS and still < 3:
            session.screen.progress(self._text(_WAITING_FOR, _told(waiting)))
            session.clock.sleep(_AGAIN_SECONDS)
            if "failed_before" in waiting:
                session.caller.ask("replay", {})
            try:
                now = _on_its_way(session.caller.ask("compare", {**self._scope, "again": True}))
            except FunctionError as error:  # too many of them, for one
                return False, error.happened.of(session.lang)
            still = still + 1 if now == waiting and not any(name in now for name in _WAIT_FOR) else 0
            waiting = now
            if self._plan.frozen is None:  # somebody writes all the time
                break
        return not waiting, self._text(_LEFT, _told(waiting)) if waiting else ""

    def _reconciled(self, answer: Any) -> tuple[bool, str]:
        if not answer["finished"]:
            return False, self._text(_STOPPED, answer["stopped"] or answer["next"])
        return True, self._text(_SCANNED, answer["scanned"], answer["submitted"])

    def _begin(self, name: Text) -> None:
        self._number += 1
        self._session.screen.say(f"{self._number}. {name.of(self._session.lang)} …")

    def _end(self, is_well: bool, outcome: str) -> None:
        word, state = (_DONE, "ok") if is_well else (_ATTENTION, "warning")
        after = f": {outcome}" if outcome else ""
        self._session.screen.say(Marked("   ", word.of(self._session.lang), state, after))

    def _text(self, text: Text, *values: object) -> str:
        return text.of(self._session.lang).format(*values)


def _certify(session: Session, plan: Plan) -> Any:
    """The certificate; called again while it says that the sample is not read to its end."""
    session.screen.say(f"{_CERTIFY.of(session.lang)} …")
    payload: dict[str, Any] = {}
    if plan.frozen:
        payload["frozen_since"] = timestamp(plan.frozen)
    if plan.sample is not None:
        payload["sample"] = plan.sample
    if plan.accept:
        payload["accept"] = dict(plan.accept)
    session.screen.begin()
    for _ in range(_MAX_CERTIFY_CALLS):
        document = session.caller.ask("certify", payload)
        if not _is_reading(document):
            break
        sample = document["sample"] or {}
        session.screen.progress(_READING.of(session.lang).format(sample.get("read", 0), sample.get("drawn", "?")))
    return document


def _is_reading(document: Any) -> bool:
    """Whether the sample needs another call."""
    return any(
        one["id"] == "SAMPLE" and one["result"] == "not run" and one["command"].startswith("s certify invoke")
        for one in document["checks"]
    )


def _on_its_way(answer: Any) -> dict[str, int]:
    """How many objects of each class may yet be equal."""
    found = {name: max(one[side]["objects"] for side in ("source", "destination")) for name, one in classes_of(answer)}
    return {name: found[name] for name in _ON_ITS_WAY if name in found}


def _told(waiting: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in waiting.items())
