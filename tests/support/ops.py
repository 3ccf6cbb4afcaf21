"""Substitutes for the tests of ops.py: a clock, a caller, a console, and a program `s`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import ops
from ops.clock import WallClock, timestamp
from ops.session import Session
from ops.shell import interpreter
from ops.terminal import Screen
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.headers_answer import HeadersAnswer, HeadersOutcome
from support.answers import answer

TEMPLATE = Path(ops.__file__).parents[1]
# The beginning of printed commands, with the interpreter that runs the tests.
OPS = f"{interpreter()} ops.py"
NOW = datetime(2026, 1, 31, 9, 0, tzinfo=timezone.utc)
# Markup, quotes, a sequence that clears the screen, a character that turns the writing, line ends, an 8-bit control.
NASTY = "<script>alert(1)</script>&\"'\x1b[2J\u202egnp.exe\u2028\x9b31m\r\n\t\x07"


def run_ops(python: Sequence[str], folder: Path, environment: Mapping[str, str], *words: str) -> str:
    """Run `ops.py` in a process of its own in a project's folder, assert success, and return the output."""
    done = subprocess.run(
        [*python, TEMPLATE / "ops.py", *words, "-t", folder / "s.yaml", "--lang", "en"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class FakeClock(WallClock):
    """A clock that advances only by `sleep`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW + timedelta(seconds=int(self.seconds))

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class FakeCaller:
    """A caller with prepared answers for each job.

    The last answer of a job repeats. An exception in place of an answer is raised.
    """

    def __init__(self, **answers: Any) -> None:
        self._answers = {
            job: deque(replies if isinstance(replies, list) else [replies]) for job, replies in answers.items()
        }
        self.asked: list[tuple[str, dict[str, Any]]] = []
        # Answers to `look` by job (without an answer, no pass has begun), and the calls with `look`.
        self.passes: dict[str, Any] = {}
        self.looked: list[tuple[str, dict[str, Any]]] = []
        # The mark of a closed project, or None; and the number of calls with `look` after which a late write opens it.
        self.mark: dict[str, str] | None = None
        self.opened_late = 0
        # The unfinished migration of existing objects.
        self.migration: dict[str, str] | None = None
        # The valid GO and its name; and the checks for which a cutover waits, in the order of its calls.
        self.go: Any = None
        self.go_name = ""
        self.checks: deque[list[dict[str, Any]]] = deque([[]])
        # A function that is called before each answer of a job.
        self.meanwhile: Callable[[str], None] = lambda job: None

    def ask(self, job: str, payload: Mapping[str, Any]) -> Any:
        if "headers" in payload and "look" in payload:
            return self.passes.get("headers", headers_answer({}, pass_=None, finished=False))
        if "look" in payload and job != "certify":
            self.looked.append((job, dict(payload)))
            return self.passes.get(job, NO_PASS[job])
        self.asked.append((job, dict(payload)))
        self.meanwhile(job)
        if job == "certify" and payload.keys() & {"close", "open", "look"}:
            return self._of_the_mark(payload)
        answers = self._answers[job]
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _of_the_mark(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        run = payload.get("run", "")
        if "close" in payload:
            self.mark = {"since": timestamp(NOW), "by": "certify", "why": "", "run": run}
        elif "open" in payload and (not run or not self.mark or self.mark["run"] == run):
            if not self.go_name or "after_go" in payload:
                self.mark, self.go_name = None, ""
        elif self.mark and self.opened_late:
            self.opened_late, self.mark = self.opened_late - 1, None
        word = "closed" if self.mark else "open"
        # At its beginning and after the close, a cutover calls certify without its run.
        checks = self.checks.popleft() if len(self.checks) > 1 and run and "look" in payload else self.checks[0]
        next_step = {"next": f"It is {word}.", "next_zh": {"closed": "已关闭。", "open": "已打开。"}[word]}
        state = {
            "closed": self.mark and {"go": self.go_name, **self.mark},
            "checks": checks if self.mark else [],
            **next_step,
        }
        return {**state, "go": self.go, "migration": self.migration}

    def trigger(self, action: str, job: str, trigger: str) -> None:
        self.asked.append((action, {"trigger": trigger}))

    def skip_time(self, seconds: float) -> bool:
        return False

    def skipped_seconds(self) -> float:
        return 0.0

    def stop(self) -> None:
        pass

    def payloads(self, job: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.asked if name == job]


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


class Console:
    """A session of `ops.py` with its output; `typed` is the input at the terminal, or None without a terminal."""

    def __init__(self, caller: Any = None, lang: str = "en", typed: str | None = None) -> None:
        kind = io.StringIO if typed is None else Terminal
        self.out, self.err, self.clock = kind(), kind(), FakeClock()
        screen = Screen(self.clock, self.out, self.err, kind(typed or ""))
        self.caller, self.session = caller, Session(caller, screen, self.clock, lang)

    @property
    def messages(self) -> str:
        return self.err.getvalue()


def missing_parts(text: str, *parts: str) -> list[str]:
    return [part for part in parts if part not in text]


# The program follows plan.json, and appends its arguments to the file `calls`.
_STAND_IN = """#!{python}
import json, sys, time
from pathlib import Path
folder = Path(__file__).parent
words = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
plan = json.loads((folder / "plan.json").read_text())
for key in (" ".join(words), " ".join(words[:2]), *words[:1], "*"):
    if key in plan:
        step = plan[key]
        break
sys.stderr.write(step.get("err", ""))
sys.stderr.flush()
sys.stdout.write(step.get("before", ""))
sys.stdout.flush()
time.sleep(step.get("seconds", 0))
sys.stdout.write(step.get("out", ""))
sys.exit(step.get("code", 0))
"""


class StandInTool:
    """A program `s` with planned outputs and exit codes, which its arguments select."""

    def __init__(self, folder: Path, name: str = "s") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        program = folder / name
        program.write_text(_STAND_IN.format(python=sys.executable))
        program.chmod(0o755)
        self.plan({})

    def plan(self, steps: Mapping[str, Any]) -> None:
        """Set the plan: a step for calls that begin with "<job> invoke" or "<job>", and "*" for all other calls.

        A step has the outputs `out` and `err`, the exit `code`, and the duration in `seconds`.
        """
        (self.folder / "plan.json").write_text(json.dumps(steps))

    def answers(self, answer: Any, **more: Any) -> None:
        self.plan({"*": {"out": invoke_output(answer), **more}})

    @property
    def calls(self) -> list[list[str]]:
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def invoke_output(answer: Any, error_type: str = "", logs: str = '{"level": "INFO"}') -> str:
    """Return the fc3 component's output for a call, without colours (devsapp/fc3, src/subCommands/invoke/index.ts)."""
    error = f"Error Type: {error_type}\n" if error_type else ""
    body = answer if isinstance(answer, str) else json.dumps(answer, indent=4, sort_keys=True)
    return (
        f"========= FC invoke Logs begin =========\n{logs}\n========= FC invoke Logs end =========\n\n"
        "Invoke instanceId: c-1\nCode Checksum: 1\nQualifier: LATEST\nRequestId: 1-2\n"
        f"{error}\nInvoke Result:\n{body}\n"
    )


def failure_output(kind: str, message: str) -> str:
    return invoke_output({"errorMessage": message, "errorType": kind, "stackTrace": []}, "UnhandledInvocationError")


def report(state: str = "behind", **changes: object) -> dict[str, Any]:
    verdict = {"state": state, "alarm": False, "text": f"Now {state}.", "text_zh": f"现在 {state}。"}
    verdict["step"] = {"job": "replay", "options": {}}
    return {**answer("made/status"), "verdict": verdict, **changes}


def pass_answer(**changes: Any) -> dict[str, Any]:
    return {**answer("made/pass"), **changes}


# Fields of an unfinished pass.
_STILL: dict[str, Any] = {
    "finished": False,
    "stop": "time",
    "stopped": "the time is up",
    "ended": None,
    "next": "The pass continues by itself.",
    "share": 0.34,
    "minutes_left": 12,
}


def open_pass_answer(**changes: Any) -> dict[str, Any]:
    """Return an answer of reconcile about an unfinished pass, with these changes."""
    return pass_answer(**{**_STILL, **changes})


def open_compare_answer(**changes: Any) -> dict[str, Any]:
    """Return an answer of compare about an unfinished pass, with these changes."""
    return compare_answer(**{**_STILL, "state": None, "twin": None, **changes})


def make_class_counts(source: int, destination: int, *keys: str) -> dict[str, Any]:
    return {
        "source": {"objects": source, "bytes": 10 * source},
        "destination": {"objects": destination, "bytes": 10 * destination},
        "digests": {"source": f"{source:064x}", "destination": f"{destination:064x}"},
        "keys": list(keys),
        "proven_different": 0,
        "in_vain": 0,
    }


def compare_answer(classes: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    counts_by_class = {"equal_contents": make_class_counts(1000, 1000), **(classes or {})}
    whole = answer("made/compared")
    totals = {
        side: {
            **whole[side],
            **{unit: sum(counts[side][unit] for counts in counts_by_class.values()) for unit in ("objects", "bytes")},
        }
        for side in ("source", "destination")
    }
    return {**whole, **totals, "classes": counts_by_class, **changes}


def headers_answer(outcomes: Mapping[HeadersOutcome, int], **details: Any) -> dict[str, Any]:
    """Return an answer about a pass of headers with these outcomes, all in the folder a/."""
    fields = {
        "finished": True,
        "next": "",
        "stop": None,
        "stopped": None,
        "pass_": "p",
        "started": "2026-01-31T08:00:00Z",
        "ended": "2026-01-31T08:01:00Z",
        "objects_per_minute": 3,
        "work": "mend",
        "outcomes": outcomes,
        "headers": {"cache-control": 2} if outcomes else {},
        "folders": {"a/": outcomes},
        "examples": {outcome: ["a/1"] for outcome in outcomes if not outcome.is_settled},
        "tagged": 0,
        "tagged_examples": [],
        **details,
    }
    return dict(to_json(HeadersAnswer(**fields)))


_NONE = {
    "pass": None,
    "finished": False,
    "started": None,
    "ended": None,
    "next": "No pass over this scope has started yet.",
}
# Answers of jobs before their first pass.
NO_PASS = {"reconcile": pass_answer(**_NONE), "compare": compare_answer(**_NONE)}
STORY = {
    "key": "a b",
    "accepted": False,
    "well": False,
    "object": {"etag": "e", "size": 1234, "modified": "2026-01-31T08:00:00Z"},
    "success": {"etag": "e", "modified": "2026-01-31T08:00:04Z"},
    "in_obs": {"etag": "e", "size": 1234, "modified": "2026-01-31T08:05:00Z"},
    "in_obs_unknown": None,
    "seconds": {"accepted": 4, "copied": 300},
    "failed": None,
    "story": "OMS accepted an older version than the source's current version.",
    "story_zh": "OMS 接受的版本比源端的当前版本旧。",
    "next": "Reconcile submits it. To resend the object now:",
    "next_zh": "立即重发该对象：",
    "step": {"job": "replay", "options": {"key": "a b"}},
}
REPLAY_ANSWER = answer("made/replayed")
DOCTOR_OK = {"ok": True, "text": "Setup OK", "text_zh": "配置正确", "checks": []}
