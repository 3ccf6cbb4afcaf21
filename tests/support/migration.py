"""A whole migration in process: applications that write to both clouds, an OMS with faults, and a user of `ops.py`.

The user knows only the printed text. Tests read results from the buckets and from OMS's calls.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import random
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple
from unittest.mock import patch

from ops.clock import WallClock as OpsClock
from ops.command_line import cli
from ops.functions import call
from ops.shell import command
from oss_oms_sync.answers.step import Step
from sandbox.control import run_command
from sandbox.inprocess import VirtualSandbox
from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.server.faults import Fault
from support.ops import DOCTOR_OK
from tools.render import render

MINUTE = 60
# Two contents of each size, because comparisons of sizes do not detect their difference.
CONTENTS = {name: bytes([ord(name)]) * size for name, size in (("A", 10), ("B", 10), ("C", 20), ("D", 20))}
MODES = ["SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", "FULL_OVERWRITE", "CRC64_COMPARISON_OVERWRITE"]


@cache
def project() -> Path:
    """Return the folder of a rendered project that all worlds share."""
    folder = Path(mkdtemp(prefix="migration-"))
    atexit.register(shutil.rmtree, folder)
    with VirtualSandbox() as box:
        render(box.answers(), folder)
    return folder


class MachineClock(OpsClock):
    """The clock of the user's machine."""

    def __init__(self, box: VirtualSandbox) -> None:
        self._platform = box.platform

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self._platform.now()), timezone.utc)

    def monotonic(self) -> float:
        return self._platform.loop.time()

    def sleep(self, seconds: float) -> None:
        self._platform.sleep(seconds)


class Caller(call.Sandbox):
    """A caller of the sandbox's functions, without HTTP."""

    def __init__(self, box: VirtualSandbox) -> None:
        super().__init__("")
        self._box = box

    def ask(self, job: str, payload: Mapping[str, Any]) -> Any:
        if job == "doctor":  # doctor checks host names and sockets, which do not exist in process
            return DOCTOR_OK
        return super().ask(job, payload)

    def skip_time(self, seconds: float) -> bool:
        return False

    def _post(self, path: str, body: bytes = b"") -> dict[str, Any]:
        return run_command(self._box, path.split("/"), body)


def call_now(ask: Callable[[], Any]) -> Future[Any]:
    """Make a call at once instead of in the background, because nothing else happens meanwhile in virtual time."""
    call = Future[Any]()
    call.set_result(ask())
    return call


class _TimedOutput(io.StringIO):
    """The messages of a command, with the duration of each numbered step."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._steps: list[tuple[float, str]] = [(now(), "")]

    def write(self, text: str) -> int:
        if step := re.match(r"(?:\d+\. )?(\w.*) …$", text.strip()):
            self._steps.append((self._now(), step[1]))
        return super().write(text)

    def minutes(self) -> Mapping[str, float]:
        ends = [*(when for when, _ in self._steps[1:]), self._now()]
        spent: Counter[str] = Counter()
        for (begin, step), end in zip(self._steps, ends, strict=True):
            spent[step] += (end - begin) / MINUTE  # type: ignore[assignment]
        return spent


class CommandResult(NamedTuple):
    """The result of a command; `minutes` has the duration of each numbered step, by its title."""

    code: int
    answer: Any
    text: str
    minutes: Mapping[str, float]


@dataclass
class CutoverOptions:
    """The options of a cutover, to which the printed steps of a certificate can add more.

    `accept` has names of object classes.
    """

    frozen_since: str
    deep: bool = False
    restart: bool = False
    accept: set[str] = field(default_factory=set)

    def words(self) -> list[str]:
        words = ["cutover", "--frozen-since", self.frozen_since, "--close", "--out", os.devnull]
        words += [f"--{name}" for name in ("deep", "restart") if getattr(self, name)]
        for name in sorted(self.accept):
            words += ["--accept", f"{name}=tester, because"]
        return words


class Migration(VirtualSandbox):
    """A world with both clouds, a deployed project, and the project's timers."""

    def __init__(self, seed: int, *, timers: float = 0.2, mode: str = MODES[0]) -> None:
        super().__init__(seed=seed, overwrite_mode=mode)
        self.dice = random.Random(seed)
        self._has_early_steps = seed % 8 == 0
        self._timer_speed = timers
        self.story: list[str] = []
        # The source's history: key -> [(seconds, contents, or None for a deletion)].
        self.written: dict[str, list[tuple[float, bytes | None]]] = {}

    def _set_up(self) -> None:
        super()._set_up()
        self.oms.round_trip = self.oss.round_trip = self.obs.round_trip = 0.02
        # With early steps, each of OMS's responses has thousands of intervals without an object.
        self.task.has_early_steps = self._has_early_steps
        self._patches.enter_context(patch("ops.functions.call.caller", lambda *_: Caller(self)))
        self._patches.enter_context(patch("ops.session.start_call", call_now))
        self.deploy_project(self.project(), instances=4)
        self.start_timers(self._timer_speed)

    def project(self) -> Path:
        return project()

    @property
    def seconds(self) -> float:
        return self.platform.loop.time()

    def moment(self, seconds: float | None = None) -> datetime:
        """Return the time `seconds` after the world's start, by default now, rounded down to a second."""
        return datetime.fromtimestamp(
            int(self.platform.EPOCH + (self.seconds if seconds is None else seconds)), timezone.utc
        )

    def log(self, *words: object) -> None:
        self.story.append(f"{self.seconds / MINUTE:8.2f} " + " ".join(map(str, words)))

    def at(self, seconds: float, call: Callable[..., object], *arguments: Any) -> None:
        """Schedule a call for the time `seconds` after the world's start."""
        self.platform.loop.call_at(max(seconds, self.seconds), call, *arguments)

    # Actions of applications.

    def write(self, key: str, contents: bytes, *, parts: bool = False, crc64: bool = True) -> None:
        self.log("source", key, contents[:1].decode(), "in parts" if parts else "", "" if crc64 else "without CRC64")
        stored: Any = self.oss.put(self.source_bucket, key, contents)
        bucket: Any = self.oss._buckets[self.source_bucket]
        etag = f"{stored.etag[:30]}-2" if parts else stored.etag
        bucket.objects[key] = replace(stored, etag=etag, has_crc64=crc64)
        self.written.setdefault(key, []).append((self.seconds, contents))

    def remove(self, key: str) -> None:
        self.log("source", key, "deleted")
        bucket: Any = self.oss._buckets[self.source_bucket]
        if bucket.objects.pop(key, None):
            self.written[key].append((self.seconds, None))

    def in_source(self, key: str) -> bytes | None:
        return getattr(self.oss.objects(self.source_bucket).get(key), "data", None)

    def in_obs(self, key: str) -> bytes | None:
        return getattr(self.task.destination.get(key), "data", None)

    # Actions of the user.

    def ops(self, *words: str) -> CommandResult:
        """Run a command of `ops.py`; the result has its JSON answer, if it prints one."""
        out, err = io.StringIO(), _TimedOutput(lambda: self.seconds)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patch("sys.stdin", io.StringIO()):
            code = cli.main([*words, "--json"], MachineClock(self))
        printed = out.getvalue().strip().splitlines()
        answer = json.loads(printed[-1]) if printed else None
        result = CommandResult(code, answer, err.getvalue(), err.minutes())
        self.log("ops.py", *words, "->", code, _verdict(answer))
        return result

    def cut_over(
        self,
        options: CutoverOptions,
        *,
        runs_step: Callable[[Any], bool] = lambda check: check["step"]["job"] == "compare" and check["step"]["options"],
        on_check: Callable[[Any], object] = lambda check: None,
    ) -> list[CommandResult]:
        """Run cutovers and the steps that they print until a GO; return the results of at most twelve cutovers.

        - `runs_step` is called for a check with a step, and returns True if the user runs this step as a command.
        - `on_check` is called for each check of a certificate that is no GO.
        """
        results: list[CommandResult] = []
        for _ in range(12):
            results.append(self.ops(*options.words()))
            if results[-1].code == 0:
                break
            options.restart = False
            for check in results[-1].answer["checks"] if results[-1].answer else []:
                if check["result"] != "passed" and check["step"]:
                    if runs_step(check):
                        self.ops(*shlex.split(command(Step(**check["step"])))[2:])
                    self._follow(check, options)
                on_check(check)
            self.advance(self.dice.uniform(30, 600))
        return results

    @staticmethod
    def _follow(check: Any, options: CutoverOptions) -> None:
        step = check["step"]
        if check["id"] == "FROZEN" and check["result"] == "failed":
            options.frozen_since = step["options"]["frozen_since"]
        options.restart |= "restart" in step["options"]
        # Unproven objects are read first, and accepted only then.
        if options.deep or check["id"] in ("OMS_FINISHED", "METADATA"):
            options.accept |= set(step["options"].get("accept", {}))
        options.deep |= "deep" in step["options"]


def _verdict(answer: Any) -> str:
    if not isinstance(answer, dict) or "checks" not in answer:
        return ""
    return " ".join([str(answer.get("verdict")), *(c["id"] for c in answer["checks"] if c["result"] != "passed")])


def add_service_faults(world: Migration, until: float) -> None:
    dice = world.dice
    if dice.random() < 0.5:
        faults = [Fault.status(503), Fault.drop_before(), Fault.drop_after(), Fault.slow(2)]
        world.oms.faults.random(dice.choice([0.05, 0.3]), faults, dice.randrange(9999))
        world.at(until, world.oms.faults.clear)


def set_copy_behaviour(world: Migration, until: float, *, loses: bool) -> None:
    """Give OMS's copies random delays, losses and failures until the time `until`."""
    dice, task = world.dice, world.task
    # Some copies write their contents long after later copies have begun.
    is_slow = dice.random() < 0.15

    def fault(_: str) -> CopyFault | None:
        if is_slow and dice.random() < 0.4:
            return CopyFault.late(dice.uniform(0, 30), dice.uniform(600, 1500))
        if world.seconds > until:
            return CopyFault.late(dice.uniform(1, 60))
        kind = dice.random()
        if kind < 0.4:
            return CopyFault.late(dice.uniform(0, 180), dice.choice([0, 0, dice.uniform(0, 120)]))
        if kind < 0.5:
            return CopyFault.late(dice.uniform(0, 2400), dice.choice([0, dice.uniform(0, 1800)]))
        return CopyFault.lost() if loses and kind < 0.55 else None

    task.copy_faults.next = fault  # type: ignore[method-assign]
    failing = dice.random() < 0.3

    def failure(_: str) -> CopyFailure | None:
        is_failing = failing and world.seconds < until and dice.random() < 0.2
        return CopyFailure("UPLOAD_DST_OBJ_FAILURE", "x") if is_failing else None

    task.failures.next = failure  # type: ignore[method-assign]
    task.merges_copies = dice.random() < 0.1
    task.lag = dice.choice([0, 60, 300, 600, 900, 1200])
    if dice.random() < 0.07:
        task.step = "ONE_HOUR"
