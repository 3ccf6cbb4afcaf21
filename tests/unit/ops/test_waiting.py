"""Waiting for a pass: it is called until it has ended, others look meanwhile, and what rests is not waited for."""

from __future__ import annotations

import threading

import pytest

from ops import waiting
from ops.errors import OpsError, ToolError
from ops.waiting import duration, run_pass
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.step import Stop
from oss_oms_sync.answers.text import Text
from support.ops import NASTY, OPS, FakeCaller, Seen, a_pass, compared, open_compare, open_pass

BROKEN = ToolError(Text("broken", "坏了"), Text("mend it", "修复"))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(waiting, "_REDRAW_SECONDS", 0.001)


def test_a_pass_that_ends_in_the_first_call_is_called_once():
    seen = Seen(FakeCaller(reconcile=a_pass()))
    assert to_json(run_pass(seen.session, "reconcile", {"restart": True, "prefix": "a"})) == a_pass()
    assert seen.session.caller.asked == [("reconcile", {"restart": True, "prefix": "a"})]
    assert seen.said == ""


def test_it_is_called_again_until_it_has_ended_and_begun_anew_only_once():
    seen = Seen(FakeCaller(compare=[open_compare()] * 7 + [compared()]))
    assert run_pass(seen.session, "compare", {"restart": True, "deep": True}).finished
    first, *others = seen.session.caller.payloads("compare")
    assert first == {"restart": True, "deep": True}
    assert others == [{"deep": True}] * 7
    assert seen.clock.slept == []


def test_what_rests_is_tried_again_after_a_pause_and_given_up_then():
    answer = open_pass(stop="refused", stopped="OMS refuses every key: ACCOUNT. Pay")
    seen = Seen(FakeCaller(reconcile=answer))
    assert to_json(run_pass(seen.session, "reconcile", {})) == answer
    assert len(seen.session.caller.asked) == 3
    assert seen.clock.slept == [30.0, 30.0]
    assert seen.said.splitlines()[0] == (
        "reconcile rests: OMS refuses every key: ACCOUNT. Pay. It is tried again in 30 seconds"
    )


def test_what_moves_in_between_has_its_tries_anew():
    rests = open_pass(stop="storage", stopped="the log bucket refuses")
    seen = Seen(FakeCaller(reconcile=[rests, rests, open_pass(), rests, rests, a_pass()]))
    assert run_pass(seen.session, "reconcile", {}).finished


def test_an_open_pass_that_says_no_reason_is_not_called_for_ever():
    seen = Seen(FakeCaller(reconcile=open_pass(stop=None, stopped=None, next="The pass has 10000 pieces")))
    assert not run_pass(seen.session, "reconcile", {}).finished
    assert "reconcile rests: The pass has 10000 pieces." in seen.said


SUPERSEDED = open_compare(stop="superseded", stopped="a newer pass of these keys has begun")


def test_what_somebody_begins_anew_is_waited_for_after_a_pause():
    seen = Seen(FakeCaller(compare=[SUPERSEDED, open_compare(), SUPERSEDED, compared()]))
    assert run_pass(seen.session, "compare", {"deep": True}).finished
    assert seen.clock.slept == [30.0, 30.0]
    assert "compare rests: a newer pass of these keys has begun. It is tried again" in seen.said


def test_two_who_wish_different_things_do_not_supersede_each_other_for_ever():
    seen = Seen(FakeCaller(compare=[SUPERSEDED, open_compare(), open_compare()] * 9 + [compared()]))
    assert run_pass(seen.session, "compare", {"deep": True}).stop is Stop.SUPERSEDED
    assert len(seen.session.caller.asked) == 7


@pytest.mark.parametrize("stop", ["closed", "too_large"])
def test_what_no_other_call_would_change_is_said_at_once(stop):
    seen = Seen(FakeCaller(reconcile=open_pass(stop=stop, stopped="it says why")))
    assert not run_pass(seen.session, "reconcile", {}).finished
    assert (len(seen.session.caller.asked), seen.clock.slept) == (1, [])


class Working:
    """A caller whose work lasts until it was looked at so often."""

    def __init__(self, *looks: object) -> None:
        self.looks = list(looks)
        self.payloads: list[dict] = []
        self._looked = threading.Event()

    def ask(self, job, payload):
        if "look" not in payload:
            assert self._looked.wait(30)
            return compared()
        self.payloads.append(payload)
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if len(self.looks) == 1:
            self._looked.set()
        if isinstance(look, OpsError):
            raise look
        return look


def passing(seen: Seen) -> None:
    """A second goes by whenever somebody looks at the clock."""

    def monotonic() -> float:
        seen.clock.seconds += 1
        return seen.clock.seconds

    seen.clock.monotonic = monotonic


def test_meanwhile_it_says_how_far_the_pass_is(monkeypatch):
    # GIVEN a terminal, and a pass at which somebody looks: the first time it is the one before, then one fails
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    caller = Working(a_pass(), BROKEN, open_pass(), open_pass(share=0.5))
    seen = Seen(caller, typed="")
    passing(seen)

    # WHEN somebody waits for it
    run_pass(seen.session, "compare", {"restart": True, "prefix": "a/"})

    # THEN the looks are about the same scope, and the line has share, rate, time left, and time gone
    assert len(caller.payloads) >= 3
    assert all(payload == {"prefix": "a/", "look": True} for payload in caller.payloads)
    assert "begins" in seen.said
    assert "34%, 1,000 objects, 100 objects a minute, 12 min left" in seen.said
    assert "\n" not in seen.said


def test_without_a_terminal_it_is_a_line_a_minute():
    caller = Working(*[open_pass()] * 20)
    seen = Seen(caller, lang="zh")
    passing(seen)
    run_pass(seen.session, "compare", {})
    lines = seen.said.splitlines()
    assert len(lines) == pytest.approx(seen.clock.seconds / 60, abs=2)
    assert lines[-1].endswith("：34%、1,000 个对象、每分钟 100 个对象、预计还需 12 分钟")


def test_what_the_call_raises_is_raised():
    with pytest.raises(ToolError, match="broken"):
        run_pass(Seen(FakeCaller(compare=BROKEN)).session, "compare", {})


def test_whoever_interrupts_is_told_how_to_look_at_this_pass():
    def interrupt(job):
        raise KeyboardInterrupt

    seen = Seen(FakeCaller(compare=compared()))
    seen.session.caller.meanwhile = interrupt
    with pytest.raises(KeyboardInterrupt):
        run_pass(seen.session, "compare", {"restart": True, "deep": True, "prefix": f"a {NASTY}"})
    assert seen.session.hint is not None
    assert seen.session.hint.en.startswith(
        f"compare goes on in the cloud. See how far it is: {OPS} compare --deep --prefix 'a <script>"
    )
    assert seen.session.hint.en.endswith(" --look")
    assert seen.session.hint.zh.endswith(" --look")


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (75.9, "1:15"), (3600, "1:00:00"), (36_605, "10:10:05")])
def test_durations_are_as_on_a_stop_watch(seconds, shown):
    assert duration(seconds) == shown
