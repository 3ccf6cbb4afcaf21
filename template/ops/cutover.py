"""A cutover, or its rehearsal: from the moment at which nobody writes to the source any more to GO or NO-GO.

Replay sends what failed; a comparison judges every object, and those that were on their way once more; a pass of
reconcile shows that the source stood still; then certify says what all that amounts to. Each step can be repeated, so
whoever is interrupted begins the same command again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ops.call import Payload
from ops.clock import parse_time, timestamp
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
# Replay's timer reads OMS's lists every minute.
_LISTS_SECONDS, _MAX_LISTS_SECONDS = 30.0, 180.0
# So often in a row nothing has changed, and nothing is left that would.
_MAX_STILL = 3
# What OMS, replay or the pass itself may yet bring to OBS; the others stay as they are.
_ON_ITS_WAY = ("moving", "arriving", "in_flight", "failed_before", "missing", "older")
_WAIT_FOR = {"moving", "arriving", "in_flight", "failed_before"}
# Of these nothing is judged again.
_AS_IT_IS = ("equal_contents", "equal_version", "equal_size", "oms_own", "outside")

_HINT = Text(
    "What was begun goes on in the cloud. Run the same command again with {}",
    "已开始的工作在云上继续进行。请使用 {} 重新运行同一命令",
)
_REPLAY = Text("Send again what failed", "重发失败的对象")
_SETTLE = Text("Let the last writes settle", "等待最后的写入稳定")
_COMPARE = Text("Compare both buckets", "比对两侧的桶")
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
_TAKEN = Text("the one that began {}", "沿用 {} 开始的一轮")
_OBJECTS = Text("{:,} objects in the source, {:,} in OBS", "源端 {:,} 个对象，OBS 中 {:,} 个")
_SCANNED = Text("{:,} objects looked at, {:,} sent", "检查 {:,} 个对象，补发 {:,} 个")
_READING = Text("reading the sample: {} of {}", "正在读取样本：{} / {}")
_LISTS = Text("waiting until replay has read OMS's lists", "等待 replay 读取 OMS 的清单")
_WAITING_FOR = Text("on their way: {}", "在途：{}")


@dataclass(frozen=True)
class Plan:
    """What was asked for; `frozen` is None for a rehearsal."""

    frozen: datetime | None
    sample: int | None = None
    accept: Mapping[str, str] = field(default_factory=dict)
    deep: bool = False
    # Whether to compare anew, even if a comparison has begun since the freeze.
    restart: bool = False


def run(session: Session, plan: Plan) -> Any:
    """Take all steps; return the certificate.

    Raises what calls raise.
    """
    when = f"--frozen-since {timestamp(plan.frozen)}" if plan.frozen else "--rehearse"
    session.hint = Text(_HINT.en.format(when), _HINT.zh.format(when))
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
        known = self._known("compare", self._scope, self._plan.frozen and self._plan.frozen + SETTLED)
        is_taken = bool(known and known["finished"] and not self._plan.restart)
        compared = known if is_taken else self._work("compare", self._scope, known and not self._plan.restart)
        self._end(*self._compared(compared, is_taken=is_taken))
        if compared["finished"]:
            self._begin(_AGAIN)
            is_old = is_taken and any(name not in _AS_IT_IS for name, _ in classes_of(compared))
            compared, is_well, outcome = self._again(compared, is_old=is_old)
            self._end(is_well, outcome)
        # Times are in whole seconds, and it has to begin after what it is compared with has ended.
        self._session.clock.sleep(1.0)
        self._begin(_RECONCILE)
        known = self._known("reconcile", {}, self._as_of(compared))
        self._end(*self._reconciled(self._work("reconcile", {}, known and not known["finished"])))

    def _as_of(self, compared: Any) -> datetime | None:
        """The second after the comparison last looked at anything; None where it did not end."""
        times = filter(None, map(parse_time, (compared["ended"] or "", compared.get("amended") or "")))
        latest = max(times, default=None)
        return latest + timedelta(seconds=1) if latest else None

    def _known(self, job: str, scope: Payload, since: datetime | None) -> Any:
        """The newest pass of a scope, if it began since then; None if there is none, or it began before."""
        if since is None:
            return None
        newest = self._session.caller.ask(job, {**scope, "look": True})
        return newest if newest["pass"] and newest["started"] >= timestamp(since) else None

    def _work(self, job: str, scope: Payload, goes_on: object) -> Any:
        """Go on with the pass of a scope, or begin one; return what is known in the end."""
        return run_pass(self._session, job, scope if goes_on else {**scope, "restart": True})

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

    def _compared(self, answer: Any, *, is_taken: bool) -> tuple[bool, str]:
        if not answer["finished"]:
            return False, self._text(_STOPPED, answer["stopped"] or answer["next"])
        found = [one for name, one in classes_of(answer) if name not in ("oms_own", "outside")]
        counts = (sum(one[side]["objects"] for one in found) for side in ("source", "destination"))
        began = f"{self._text(_TAKEN, answer['started'])}; " if is_taken else ""
        return True, began + self._text(_OBJECTS, *counts)

    def _again(self, compared: Any, *, is_old: bool) -> tuple[Any, bool, str]:
        """Judge once more what differs, until it is there, nothing moves any more, or time is up; `is_old`: somebody
        may have mended it since. Return what compare said last, whether all is well, and what is to be said."""
        last = compared
        try:
            for last in self._judged_again(compared, at_once=is_old):
                self._session.screen.progress(self._text(_WAITING_FOR, _told(_on_its_way(last))))
        except FunctionError as error:  # too many of them, for one
            return last, False, error.happened.of(self._session.lang)
        if waiting := _on_its_way(last):
            return last, False, self._text(_LEFT, _told(waiting))
        return last, True, "" if _on_its_way(compared) else _NOTHING.of(self._session.lang)

    def _judged_again(self, compared: Any, *, at_once: bool) -> Iterator[Any]:
        """What compare says of its keys, as long as objects on their way have their time."""
        clock, still = self._session.clock, 0
        self._session.screen.begin()
        began = clock.monotonic()
        if at_once:
            compared = self._session.caller.ask("compare", {**self._scope, "again": True})
        yield compared
        while (waiting := _on_its_way(compared)) and clock.monotonic() - began < _MAX_AGAIN_SECONDS:
            clock.sleep(_AGAIN_SECONDS)
            if "failed_before" in waiting:
                self._session.caller.ask("replay", {})
            compared = self._session.caller.ask("compare", {**self._scope, "again": True})
            yield compared
            still = still + 1 if _on_its_way(compared) == waiting and not waiting.keys() & _WAIT_FOR else 0
            # In a rehearsal somebody writes all the time.
            if still == _MAX_STILL or self._plan.frozen is None:
                return

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
    """The certificate; called again while it says that the sample is not read to its end, or that replay has yet to
    read OMS's lists."""
    session.screen.say(f"{_CERTIFY.of(session.lang)} …")
    payload: dict[str, Any] = {}
    if plan.frozen:
        payload["frozen_since"] = timestamp(plan.frozen)
    if plan.sample is not None:
        payload["sample"] = plan.sample
    if plan.accept:
        payload["accept"] = dict(plan.accept)
    session.screen.begin()
    read, waited = -1, 0.0
    while True:
        document = session.caller.ask("certify", payload)
        sample, again = document["sample"] or {"read": -1}, _asking_again(document)
        # Where nothing more was read, calling again would not help.
        if "SAMPLE" in again and sample["read"] > read:
            read = sample["read"]
            session.screen.progress(_READING.of(session.lang).format(read, sample["drawn"]))
        elif "COPY_FAILED" in again and document["verdict"] != "NO-GO" and waited < _MAX_LISTS_SECONDS:
            session.screen.progress(_LISTS.of(session.lang))
            if not session.caller.let_pass(_LISTS_SECONDS):
                session.clock.sleep(_LISTS_SECONDS)
            waited += _LISTS_SECONDS
        else:
            return document


def _asking_again(document: Any) -> set[str]:
    """The checks that need nothing but another call."""
    return {
        one["id"]
        for one in document["checks"]
        if one["result"] == "not run" and one["command"].startswith("s certify invoke")
    }


def _on_its_way(answer: Any) -> dict[str, int]:
    """How many objects of each class may yet be equal."""
    found = {name: max(one[side]["objects"] for side in ("source", "destination")) for name, one in classes_of(answer)}
    return {name: found[name] for name in _ON_ITS_WAY if name in found}


def _told(waiting: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in waiting.items())
