"""Passes that ops.py waits for: it invokes the job until the pass ends, shows the progress, and pauses after a stop."""

from __future__ import annotations

import threading

import pytest

from ops import session
from ops.errors import OpsError, ToolError
from ops.session import format_duration, run_pass
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.text import Text
from support.ops import (
    NASTY,
    Console,
    FakeCaller,
    compare_answer,
    missing_parts,
    open_compare_answer,
    open_pass_answer,
    pass_answer,
)

BROKEN_ERROR = ToolError(Text("broken", chinese="坏了"), Text("mend it", chinese="修复"))


@pytest.fixture(autouse=True)
def short_intervals(monkeypatch):
    monkeypatch.setattr(session, "_REDRAW_SECONDS", 0.001)


STORAGE_STOP = open_pass_answer(stop="storage", stopped="the log bucket refuses")
REFUSED_STOP = open_pass_answer(stop="refused", stopped="OMS refuses every key: ACCOUNT. Pay")
STOP_WITHOUT_REASON = open_pass_answer(stop=None, stopped=None, next="The pass has 10000 pieces")
SUPERSEDED_STOP = open_compare_answer(stop="superseded", stopped="a newer pass of these keys has begun")


@pytest.mark.parametrize(
    ("job", "answers", "pauses", "message"),
    [
        ("reconcile", [pass_answer()], 0, ""),
        ("compare", [*[open_compare_answer()] * 7, compare_answer()], 0, ""),
        ("reconcile", [REFUSED_STOP] * 3, 2, "reconcile pauses: OMS refuses every key: ACCOUNT. Pay."),
        (
            "reconcile",
            [STORAGE_STOP, STORAGE_STOP, open_pass_answer(), STORAGE_STOP, STORAGE_STOP, pass_answer()],
            4,
            "reconcile pauses: the log bucket refuses.",
        ),
        ("reconcile", [STOP_WITHOUT_REASON] * 3, 2, "reconcile pauses: The pass has 10000 pieces."),
        (
            "compare",
            [SUPERSEDED_STOP, open_compare_answer(), SUPERSEDED_STOP, compare_answer()],
            2,
            "compare pauses: a newer pass of these keys has begun.",
        ),
        (
            "compare",
            [*[SUPERSEDED_STOP, open_compare_answer(), open_compare_answer()] * 2, SUPERSEDED_STOP],
            2,
            "compare pauses: a newer pass of these keys has begun.",
        ),
        ("reconcile", [open_pass_answer(stop="closed", stopped="it says why")], 0, ""),
        ("reconcile", [open_pass_answer(stop="too_large", stopped="it says why")], 0, ""),
    ],
    ids=[
        *(
            "the pass ends in the first call",
            "the pass is restarted only once",
            "a pass without progress is given up",
            "a pass with progress is continued",
        ),
        *(
            "the stop has no reason",
            "another caller restarted the pass",
            "two callers restart the pass in turn",
            "the project is closed",
            "the pass is too large",
        ),
    ],
)
def test_ops_invokes_a_pass_until_its_end_and_gives_up_after_some_stops(job, answers, pauses, message):
    # GIVEN these answers; a further call would end the pass as well
    console = Console(FakeCaller(**{job: [*answers, pass_answer() if job == "reconcile" else compare_answer()]}))
    answer = to_json(run_pass(console.session, job, {"restart": True, "prefix": "a"}))
    # A comparison has more fields than the answer that is compared.
    assert answer == {name: answers[-1][name] for name in (answer if job == "compare" else answers[-1])}
    assert console.caller.payloads(job) == [{"restart": True, "prefix": "a"}, *[{"prefix": "a"}] * (len(answers) - 1)]
    assert console.clock.slept == [30.0] * pauses
    assert console.messages.splitlines()[:1] == [f"{message} Next attempt in 30 seconds"] * bool(message)


class CallerOfLongPass:
    """A caller whose pass ends after the requests for progress received all of `progress_answers`.

    If one of these answers is an error, the request raises it.
    """

    def __init__(self, *progress_answers: object) -> None:
        self.progress_answers = list(progress_answers)
        self.payloads: list[dict] = []
        self._has_progress = threading.Event()

    def ask(self, job, payload):
        if "look" not in payload:
            assert self._has_progress.wait(30)
            return compare_answer()
        self.payloads.append(payload)
        look = self.progress_answers.pop(0) if len(self.progress_answers) > 1 else self.progress_answers[0]
        if len(self.progress_answers) == 1:
            self._has_progress.set()
        if isinstance(look, OpsError):
            raise look
        return look


def advance_clock_at_each_reading(console: Console) -> None:
    """Let each reading of the console's clock advance the clock by a second."""

    def monotonic() -> float:
        console.clock.seconds += 1
        return console.clock.seconds

    console.clock.monotonic = monotonic


def test_ops_shows_the_progress_of_a_pass_during_the_call():
    # GIVEN a terminal, and a pass whose first progress is an older pass, and whose second is an error
    caller = CallerOfLongPass(pass_answer(), BROKEN_ERROR, open_pass_answer(), open_pass_answer(share=0.5))
    console = Console(caller, typed="")
    advance_clock_at_each_reading(console)

    # WHEN the command waits for the pass
    run_pass(console.session, "compare", {"restart": True, "prefix": "a/"})

    # THEN the requests have the same scope, and the line has share, rate, time left and elapsed time
    assert len(caller.payloads) >= 3
    assert all(payload == {"prefix": "a/", "look": True} for payload in caller.payloads)
    expected_phrases = ("starting", "34%, 1,000 objects, 100 objects per minute, 12 min left")
    assert missing_parts(console.messages, *expected_phrases, "\n") == ["\n"]


def test_ops_prints_the_progress_of_a_pass_each_minute_without_a_terminal():
    caller = CallerOfLongPass(*[open_pass_answer()] * 20)
    console = Console(caller, lang="zh")
    advance_clock_at_each_reading(console)
    run_pass(console.session, "compare", {})
    lines = console.messages.splitlines()
    assert len(lines) == pytest.approx(console.clock.seconds / 60, abs=2)
    assert lines[-1].endswith("：34%、1,000 个对象、每分钟 100 个对象、预计还需 12 分钟")


def test_ops_prints_the_look_command_of_an_interrupted_pass():
    console = Console(FakeCaller(compare=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run_pass(console.session, "compare", {"restart": True, "deep": True, "prefix": f"a {NASTY}"})
    hint, sentence = console.session.hint, "compare continues in the cloud. To follow its progress:"
    assert hint.en.startswith(f"{sentence} python3 ops.py compare --deep --prefix 'a <script>")
    assert [text.rpartition(" ")[2] for text in (hint.en, hint.zh)] == ["--look", "--look"]


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (75.9, "1:15"), (3600, "1:00:00"), (36_605, "10:10:05")])
def test_ops_formats_durations_like_a_stopwatch(seconds, shown):
    assert format_duration(seconds) == shown
