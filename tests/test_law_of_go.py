"""The law of GO: after a GO nothing in OBS changes by our doing or OMS's, and every object in scope equals its source,
as far as the certificate claims it. It binds every GO in which `oms_unfinished` was not accepted.

The oracle looks at the buckets only; it knows no class, and asks no code of the function.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import pytest

from ops import call, cli
from ops.clock import Clock as OpsClock
from sandbox.asking import answer_to
from sandbox.inprocess import InProcess
from sandbox.oms.task import CopyFailure, CopyFault
from sandbox.server.faults import Fault
from tools.render import render

if TYPE_CHECKING:
    from typing_extensions import Self


MINUTE = 60
# Two of each size: what differs only in its bytes is what comparisons of sizes do not see.
CONTENTS = {name: bytes([ord(name)]) * size for name, size in (("A", 10), ("B", 10), ("C", 20), ("D", 20))}
MODES = ["SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", "FULL_OVERWRITE", "CRC64_COMPARISON_OVERWRITE"]


@cache
def project() -> Path:
    """A rendered project, the same for all worlds."""
    folder = Path(mkdtemp(prefix="migration-"))
    atexit.register(shutil.rmtree, folder)
    with InProcess() as box:
        render(box.answers(), folder)
    return folder


class Here(OpsClock):
    """The clock of the person's machine."""

    def __init__(self, box: InProcess) -> None:
        self._ground = box.ground

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self._ground.now()), timezone.utc)

    def monotonic(self) -> float:
        return self._ground.loop.time()

    def sleep(self, seconds: float) -> None:
        self._ground.sleep(seconds)


class _Caller(call.Sandbox):
    """Asks the sandbox, but for HTTP."""

    def __init__(self, box: InProcess) -> None:
        super().__init__("")
        self._box = box

    def ask(self, job: str, payload: Mapping[str, Any]) -> Any:
        if job == "doctor":  # it looks at names and sockets, of which there are none here
            return {"ok": True}
        return super().ask(job, payload)

    def let_pass(self, seconds: float) -> bool:
        return False

    def _post(self, path: str, body: bytes) -> dict[str, Any]:
        return answer_to(self._box, path.split("/"), body)


class _AtOnce:
    """In the place of a call in the background: in virtual time nobody has anything else to do meanwhile."""

    def __init__(self, caller: _Caller, job: str, payload: Mapping[str, Any]) -> None:
        self._ask = lambda: caller.ask(job, payload)

    def wait(self, seconds: float) -> bool:
        return True

    def result(self) -> Any:
        return self._ask()


class Said(NamedTuple):
    """What a command ended with."""

    code: int
    answer: Any
    text: str


class Migration(InProcess):
    """Both clouds, the deployed project, and its timers."""

    def __init__(self, seed: int, *, timers: float = 0.2, mode: str = MODES[0]) -> None:
        super().__init__(seed=seed, overwrite_mode=mode)
        self.dice = random.Random(seed)
        self._often = timers
        self.story: list[str] = []
        # What is in the source, and was: key -> [(when, contents, or None once it is deleted)].
        self.written: dict[str, list[tuple[float, bytes | None]]] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self.oms.round_trip = self.oss.round_trip = self.obs.round_trip = 0.02
        self._patches.enter_context(patch("ops.call.caller", lambda *_: _Caller(self)))
        self._patches.enter_context(patch("ops.waiting.InBackground", _AtOnce))
        self.deploy_project(project(), instances=4)
        self.start_timers(self._often)
        return self

    @property
    def seconds(self) -> float:
        return self.ground.loop.time()

    def say(self, *words: object) -> None:
        self.story.append(f"{self.seconds / MINUTE:8.2f} " + " ".join(map(str, words)))

    def at(self, seconds: float, call: Callable[..., object], *arguments: Any) -> None:
        """Let this happen then."""
        self.ground.loop.call_at(max(seconds, self.seconds), call, *arguments)

    # -- what applications do

    def write(self, key: str, contents: bytes, *, parts: bool = False) -> None:
        self.say("source", key, contents[:1].decode(), "in parts" if parts else "")
        stored: Any = self.oss.put(self.source_bucket, key, contents)
        if parts:
            bucket: Any = self.oss._buckets[self.source_bucket]
            bucket.objects[key] = replace(stored, etag=f"{stored.etag[:30]}-2")
        self.written.setdefault(key, []).append((self.seconds, contents))

    def remove(self, key: str) -> None:
        self.say("source", key, "deleted")
        bucket: Any = self.oss._buckets[self.source_bucket]
        if bucket.objects.pop(key, None):
            self.written[key].append((self.seconds, None))

    def in_source(self, key: str) -> bytes | None:
        found = self.oss.objects(self.source_bucket).get(key)
        return found.data if found else None

    def in_obs(self, key: str) -> bytes | None:
        found = self.task.destination.get(key)
        return found.data if found else None

    # -- what the person does

    def ops(self, *words: str) -> Said:
        """Run a command of `ops.py`; its answer, where it has one in JSON."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patch("sys.stdin", io.StringIO()):
            code = cli.main([*words, "--json"], Here(self))
        found = out.getvalue().strip().splitlines()
        answer = json.loads(found[-1]) if found else None
        said = Said(code, answer, err.getvalue())
        self.say("ops.py", *words, "->", code, _verdict(answer))
        return said


def _verdict(answer: Any) -> str:
    if not isinstance(answer, dict) or "checks" not in answer:
        return ""
    return " ".join([str(answer.get("verdict")), *(c["id"] for c in answer["checks"] if c["result"] != "passed")])


def storms(world: Migration, until: float) -> None:
    """Moods of OMS and of OSS until a moment, drawn."""
    dice = world.dice
    if dice.random() < 0.5:
        faults = [Fault.status(503), Fault.drop_before(), Fault.drop_after(), Fault.slow(2)]
        world.oms.faults.random(dice.choice([0.05, 0.3]), faults, dice.randrange(9999))
        world.at(until, world.oms.faults.clear)


def copies(world: Migration, until: float, *, loses: bool) -> None:
    """What OMS does with the keys that it accepts until a moment."""
    dice = world.dice
    task = world.task

    def fault(_: str) -> CopyFault | None:
        if world.seconds > until:
            return CopyFault.late(dice.uniform(1, 60))
        kind = dice.random()
        if kind < 0.4:
            return CopyFault.late(dice.uniform(0, 180), dice.choice([0, 0, dice.uniform(0, 120)]))
        if kind < 0.5:
            return CopyFault.late(dice.uniform(0, 2400), dice.choice([0, dice.uniform(0, 1800)]))
        return CopyFault.lost() if loses and kind < 0.55 else None

    task.copies.next = fault  # type: ignore[method-assign]
    failing = dice.random() < 0.3

    def failure(_: str) -> CopyFailure | None:
        return (
            CopyFailure("UPLOAD_DST_OBJ_FAILURE", "x")
            if failing and world.seconds < until and dice.random() < 0.2
            else None
        )

    task.failures.next = failure  # type: ignore[method-assign]
    task.merges = dice.random() < 0.15
    task.lag = dice.choice([0, 60, 300, 600, 900, 1200])
    if dice.random() < 0.1:
        task.step = "ONE_HOUR"


# Each is a whole migration, and takes as long as dozens of other schedules.
MIGRATIONS = int(os.environ.get("SCHEDULES", "1000")) // 10


class Played:
    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.marks: set[str] = set()
        self.commands = 0
        self.story: list[str] = []


def play(seed: int) -> Played:
    played = Played()
    mode = MODES[seed % 3]
    with Migration(seed, mode=mode) as world:
        dice = world.dice
        played.story = world.story
        keys = [f"k{number}" for number in range(dice.choice([1, 1, 2, 3]))]
        parts = {key: dice.random() < 0.3 for key in keys}
        freeze = dice.uniform(20, 30) * MINUTE
        calm = freeze + dice.choice([-1800, -300, 0, 600, 2400])
        storms(world, calm)
        copies(world, calm, loses=dice.random() < 0.2)
        deaf = dice.random() < 0.2

        def write(key: str) -> None:
            bucket = world.oss._buckets[world.source_bucket]
            triggers = bucket.triggers
            if deaf and dice.random() < 0.5:
                bucket.triggers = {}
                world.say("the next event is lost")
            world.write(key, CONTENTS[dice.choice("ABCD")], parts=parts[key])
            bucket.triggers = triggers

        for key in keys:
            for _ in range(dice.choice([1, 1, 2, 3])):
                world.at(dice.uniform(0, freeze), write, key)
        if dice.random() < 0.2:
            world.at(freeze + dice.uniform(0, 3600), write, dice.choice(keys))
        if dice.random() < 0.1:
            world.at(dice.uniform(0, freeze + 1200), world.remove, dice.choice(keys))
        world.later(freeze + dice.uniform(1, 120))
        frozen = datetime.fromtimestamp(int(world.ground.EPOCH + freeze), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = cut_over(world, played, frozen)
        if said is None:
            if any(world.in_source(key) is not None for key in keys):  # GO of nothing is none
                played.wrong.append("DEAD END: no GO in eight commands")
            return played
        after_go(world, played, said, keys)
    return played


def cut_over(world: Migration, played: Played, frozen: str) -> Any:
    """What a person does who follows the steps that are printed; the certificate in the end, None if there is no GO."""
    dice, options = world.dice, {"frozen_since": frozen, "deep": world.dice.random() < 0.3, "restart": False}
    accept = {"equal_size", "equal_version"} if dice.random() < 0.2 else set()
    for _ in range(8):
        played.commands += 1
        words = ["cutover", "--frozen-since", options["frozen_since"], "--close", "--out", os.devnull]
        words += [f"--{name}" for name in ("deep", "restart") if options[name]]
        for name in sorted(accept):
            words += ["--accept", f"{name}=tester, because"]
        said = world.ops(*words)
        if said.code == 0:
            by_name = {"oms_unfinished"} & accept | ({"accepted"} if accept - {"oms_unfinished"} else set())
            played.marks |= {"go", *by_name, *(["deep"] if options["deep"] else [])}
            return said.answer
        options["restart"] = False
        for one in said.answer["checks"] if said.answer else []:
            step = one["step"]["options"] if one["result"] != "passed" and one["step"] else {}
            if one["id"] == "FROZEN" and one["result"] == "failed":
                options["frozen_since"] = step["frozen_since"]
            options["restart"] |= "restart" in step
            # What nothing proves is read first, and accepted only then.
            accept |= set(step.get("accept", {})) if options["deep"] or one["id"] == "OMS_FINISHED" else set()
            options["deep"] |= "deep" in step
        world.later(dice.uniform(30, 600))
    return None


def after_go(world: Migration, played: Played, document: Any, keys: list[str]) -> None:
    dice = world.dice
    if "oms_unfinished" in played.marks:  # OMS may still write, as the certificate says
        return
    exempt = "accepted" in played.marks
    for key in keys:
        source, there = world.in_source(key), world.in_obs(key)
        if source is not None and source != there and not (exempt and there and len(source) == len(there)):
            played.wrong.append(f"LIE: {key} differs: {source[:1]!r} {there and there[:1]!r}")
    app: dict[str, bytes] = {}

    def write_there(key: str) -> None:
        app[key] = CONTENTS[dice.choice("ABCD")] + b"app"
        world.say("an application writes to OBS", key)
        world.obs.put(world.destination_bucket, key, app[key])

    before = {key: world.in_obs(key) for key in keys}
    calls = len(world.oms.calls)
    for key in keys:
        world.at(world.seconds + dice.uniform(1, 600), write_there, key)
    if dice.random() < 0.5:
        world.at(world.seconds + dice.uniform(1, 600), world.write, dice.choice(keys), CONTENTS["A"])
    world.later(60 * MINUTE)
    accepted = [one for one in world.oms.calls[calls:] if one.status == 200]
    if accepted:
        played.wrong.append(f"AFTER GO: sent {[one.keys for one in accepted]}")
    for key in keys:
        now = world.in_obs(key)
        if now != app.get(key, before[key]):
            played.wrong.append(f"AFTER GO: OMS overwrites {key}")


@pytest.mark.parametrize("block", range(4))
def test_a_go_stays_true(block):
    found: Counter[str] = Counter()
    for seed in range(block, MIGRATIONS, 4):
        played = play(seed)
        assert not played.wrong, f"seed {seed}: {played.wrong}\n" + "\n".join(played.story)
        found.update(played.marks or {"never"})
    assert found["go"] > 0.5 * MIGRATIONS // 4
