"""Waiting for a pass: it is called until it has ended, others look meanwhile, and what rests is not waited for."""

from __future__ import annotations

import threading

import pytest

from ops import session
from ops.errors import OpsError, ToolError
from ops.session import duration, run_pass
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.text import Text
from support.ops import NASTY, OPS, FakeCaller, Seen, a_pass, compared, lacks, open_compare, open_pass

BROKEN = ToolError(Text("broken", "坏了"), Text("mend it", "修复"))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(session, "_REDRAW_SECONDS", 0.001)


RESTS = open_pass(stop="storage", stopped="the log bucket refuses")
REFUSED = open_pass(stop="refused", stopped="OMS refuses every key: ACCOUNT. Pay")
NO_REASON = open_pass(stop=None, stopped=None, next="The pass has 10000 pieces")
SUPERSEDED = open_compare(stop="superseded", stopped="a newer pass of these keys has begun")


@pytest.mark.parametrize(
    ("job", "answers", "pauses", "told"),
    [
        ("reconcile", [a_pass()], 0, ""),
        ("compare", [*[open_compare()] * 7, compared()], 0, ""),
        ("reconcile", [REFUSED] * 3, 2, "reconcile rests: OMS refuses every key: ACCOUNT. Pay."),
        (
            "reconcile",
            [RESTS, RESTS, open_pass(), RESTS, RESTS, a_pass()],
            4,
            "reconcile rests: the log bucket refuses.",
        ),
        ("reconcile", [NO_REASON] * 3, 2, "reconcile rests: The pass has 10000 pieces."),
        (
            "compare",
            [SUPERSEDED, open_compare(), SUPERSEDED, compared()],
            2,
            "compare rests: a newer pass of these keys has begun.",
        ),
        (
            "compare",
            [*[SUPERSEDED, open_compare(), open_compare()] * 2, SUPERSEDED],
            2,
            "compare rests: a newer pass of these keys has begun.",
        ),
        ("reconcile", [open_pass(stop="closed", stopped="it says why")], 0, ""),
        ("reconcile", [open_pass(stop="too_large", stopped="it says why")], 0, ""),
    ],
    ids=[
        *(
            "it ends in the first call",
            "it is begun anew only once",
            "what rests is given up",
            "tries anew if it moves",
        ),
        *("it says no reason", "somebody has begun it anew", "two who wish different things", "closed", "too large"),
    ],
)
def test_it_is_called_until_it_has_ended_and_what_rests_after_a_pause_and_not_for_ever(job, answers, pauses, told):
    # GIVEN answers, after which another one would be an end of it as well
    seen = Seen(FakeCaller(**{job: [*answers, a_pass() if job == "reconcile" else compared()]}))
    found = to_json(run_pass(seen.session, job, {"restart": True, "prefix": "a"}))
    # What is asked of a comparison is not all that it answers.
    assert found == {name: answers[-1][name] for name in (found if job == "compare" else answers[-1])}
    assert seen.caller.payloads(job) == [{"restart": True, "prefix": "a"}, *[{"prefix": "a"}] * (len(answers) - 1)]
    assert seen.clock.slept == [30.0] * pauses
    assert seen.said.splitlines()[:1] == [f"{told} It is tried again in 30 seconds"] * bool(told)


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


def test_meanwhile_it_says_how_far_the_pass_is():
    # GIVEN a terminal, and a pass at which somebody looks: the first time it is the one before, then one fails
    caller = Working(a_pass(), BROKEN, open_pass(), open_pass(share=0.5))
    seen = Seen(caller, typed="")
    passing(seen)

    # WHEN somebody waits for it
    run_pass(seen.session, "compare", {"restart": True, "prefix": "a/"})

    # THEN the looks are about the same scope, and the line has share, rate, time left, and time gone
    assert len(caller.payloads) >= 3
    assert all(payload == {"prefix": "a/", "look": True} for payload in caller.payloads)
    told = ("begins", "34%, 1,000 objects, 100 objects a minute, 12 min left")
    assert lacks(seen.said, *told, "\n") == ["\n"]


def test_without_a_terminal_it_is_a_line_a_minute():
    caller = Working(*[open_pass()] * 20)
    seen = Seen(caller, lang="zh")
    passing(seen)
    run_pass(seen.session, "compare", {})
    lines = seen.said.splitlines()
    assert len(lines) == pytest.approx(seen.clock.seconds / 60, abs=2)
    assert lines[-1].endswith("：34%、1,000 个对象、每分钟 100 个对象、预计还需 12 分钟")


def test_whoever_interrupts_is_told_how_to_look_at_this_pass():
    seen = Seen(FakeCaller(compare=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run_pass(seen.session, "compare", {"restart": True, "deep": True, "prefix": f"a {NASTY}"})
    hint, told = seen.session.hint, "compare goes on in the cloud. See how far it is:"
    assert hint.en.startswith(f"{told} {OPS} compare --deep --prefix 'a <script>")
    assert [text.rpartition(" ")[2] for text in (hint.en, hint.zh)] == ["--look", "--look"]


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (75.9, "1:15"), (3600, "1:00:00"), (36_605, "10:10:05")])
def test_durations_are_as_on_a_stop_watch(seconds, shown):
    assert duration(seconds) == shown
