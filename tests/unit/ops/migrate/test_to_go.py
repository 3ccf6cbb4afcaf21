"""Old objects, a task group that copies them, and applications that write all the time: whoever follows what is printed
comes to a GO at which none differs.

A copy that the group began before an object was written anew may land after the new version. That is found, and mended.
With 200,000 old objects it takes a minute and a half of computing (EXTRAS=1).
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.server.faults import Fault
from support.migration import CONTENTS, MINUTE, MODES
from test_law_of_liveness import printed
from unit.ops.migrate.migrate_world import MigrateWorld

OLD, WRITES, LATE = 60, 200, "old/000"
WRITTEN_FOR = 25 * MINUTE
# A cutover, and what each of its checks may want first.
MOST = 8


class Busy(MigrateWorld):
    """While the group copies, applications write new objects and new versions of old ones, of the same size or not.

    `bulk`: so many others are there that nobody writes again. `rewritten`: the keys that somebody does.
    """

    def begin(self, mode: str, seed: int, bulk: int) -> None:
        self.dice = self._dice
        self.task.overwrite_mode = mode
        dice = self.dice
        keys = [f"old/{number:03}" for number in range(OLD)]
        for key in keys:
            self.oss.put(self.source_bucket, key, CONTENTS["A" if key == LATE else dice.choice("ABCD")])
        # What is there was there before: no event told of it.
        self.wait_idle(600)
        self.obs.bucket(self.destination_bucket).objects.clear()
        for name in list(self.oss.objects(self.log_bucket)):
            if "/success_object/" in name:
                del self.oss._buckets[self.log_bucket].objects[name]
        # From long before the installation: no pass of reconcile sends them.
        self.oss.fill(self.source_bucket, [f"photos/{n:06}" for n in range(bulk)], size=10, age=30 * 86_400)
        self.start_timers()
        self.later(20 * MINUTE)
        self.rewritten = {LATE}
        self.pace = (500, bulk * 10 / WRITTEN_FOR) if bulk else (5, 1.5)
        # One whose older version lands after the newer one, which is as long, and has no CRC64.
        self.ground.loop.call_at(self.ground.loop.time() + 300, self._write_late)
        for _ in range(WRITES):
            key = dice.choice([*keys[1:], f"new/{dice.randrange(20)}"])
            self.rewritten.add(key)
            when = self.ground.loop.time() + dice.uniform(0, WRITTEN_FOR)
            contents = CONTENTS[dice.choice("ABCD")]
            self.ground.loop.call_at(when, self.oss.put, self.source_bucket, key, contents)
        self.oms.faults.random(0.05, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], seed)
        self.oms.groups.prepare = self._prepare

    def _write_late(self) -> None:
        stored = self.oss.put(self.source_bucket, LATE, CONTENTS["B"])
        self.oss._buckets[self.source_bucket].objects[LATE] = replace(stored, has_crc64=False)

    def _prepare(self, group: object) -> None:
        dice = self.dice
        group.at_once, group.speed = self.pace
        group.copies.add(CopyFault.late(0, 900), times=1, where=lambda key: key == LATE)
        group.copies.random(0.5, [CopyFault.late(0, dice.uniform(60, 900)) for _ in range(9)], dice.randrange(99))
        group.failures.add(CopyFailure("X"), times=dice.choice([0, 1, 5]), where=lambda key: key != LATE)

    def behind(self) -> list[str]:
        """The keys of which OBS has not what the source has."""
        there = self.obs.objects(self.destination_bucket)
        return [
            key
            for key, stored in self.oss.objects(self.source_bucket).items()
            if key not in there or there[key].data != stored.data
        ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "seed", "bulk"),
    [
        *((mode, seed, 0) for seed, mode in enumerate(MODES)),
        pytest.param(MODES[0], 0, 200_000, marks=pytest.mark.extras),
    ],
)
def test_who_follows_what_is_printed_comes_to_go_and_none_differs(mode, seed, bulk):
    with Busy(seed) as world:
        world.begin(mode, seed, bulk)
        expect_exit: list[str] = []
        for _ in range(10):
            code, said = world.answer("migrate", "--yes", *expect_exit)
            if code == 0:
                break
            # Where OMS did not answer, the same once more.
            if isinstance(said, dict):
                expect_exit = [] if code != 1 else ["--remove" if said.get("resent") else "--retry"]
        assert code == 0, said
        world.later(WRITTEN_FOR)
        world.oms.faults.clear()
        world.oms.groups.prepare = lambda _: None
        world.later(20 * MINUTE)

        # WHEN late copies are looked for, THEN none counts as equal, AND the printed step mends them: a migration, or a
        # comparison that submits them, if the sync task overwrites in any case
        behind = world.behind()
        assert LATE in behind
        assert world.rewritten >= {*behind}, "what nobody writes meanwhile arrives"
        _, compared = world.answer("compare", "--deep")
        classes = {name: one["source"]["objects"] for name, one in compared["classes"].items()}
        equal = sum(number for name, number in classes.items() if name.startswith("equal"))
        assert sum(classes.values()) - equal >= len(behind)
        is_resubmitted = mode == "FULL_OVERWRITE"
        wanted = r"compare --deep --overwrite" if is_resubmitted else r"migrate --overwrite[^)]*"
        command = re.search(rf"python3 ops\.py ({wanted})", str(compared["remedies"]))
        assert command, compared["remedies"]
        world.later(MINUTE)  # passes are named after their moment
        code, said = world.answer(*command[1].split(), *([] if is_resubmitted else ["--yes"]))
        assert said["accepted"] > 0 if is_resubmitted else code == 0, said
        world.later(5 * MINUTE)
        assert LATE not in world.behind()
        frozen = datetime.fromtimestamp(world.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        words = cutover = ["cutover", "--frozen-since", frozen, "--close", "--out", os.devnull]
        for _ in range(MOST):
            code, said = world.answer(*words)
            if words is cutover and code == 0:
                break
            step = printed(said) if words is cutover else []
            assert "--accept" not in step, step
            words = step if step and step[0] != "cutover" else cutover
            world.later(30)
        assert (code, said["verdict"]) == (0, "GO"), said
        assert world.behind() == []
