"""Migrations while applications write: the steps that the commands print lead to a GO.

A copy of an older version may arrive after the new version. A comparison then detects it, and the printed step resends
the key.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from ops.report import findings
from ops.report.words import Translator
from oss_oms_sync.answers.certificate import Certificate
from oss_oms_sync.answers.codec import from_json
from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.server.faults import Fault
from support.migration import CONTENTS, MINUTE, MODES
from unit.ops.migrate.migrate_world import MigrateWorld

OLD_OBJECTS, WRITE_COUNT, LATE_KEY = 60, 80, "old/000"
WRITING_SECONDS = 25 * MINUTE
# Maximum number of steps: a cutover, and a step for each of its checks.
MAX_STEPS = 8


class BusyWorld(MigrateWorld):
    """A world in which applications write new objects and new versions while a task group copies.

    A new version can have the same size. `bulk` is the number of objects that no application changes, and `rewritten`
    are the keys of the others.
    """

    def begin(self, mode: str, seed: int, bulk: int) -> None:
        self.dice = self._generator
        self.task.overwrite_mode = mode
        dice = self.dice
        keys = [f"old/{number:03}" for number in range(OLD_OBJECTS)]
        for key in keys:
            self.oss.put(self.source_bucket, key, CONTENTS["A" if key == LATE_KEY else dice.choice("ABCD")])
        # The objects existed before the project, so it received no events of them.
        self.wait_idle(600)
        self.obs.bucket(self.destination_bucket).objects.clear()
        for name in list(self.oss.objects(self.log_bucket)):
            if "/success_object/" in name:
                del self.oss._buckets[self.log_bucket].objects[name]
        # Too old for a pass of reconcile to submit.
        self.oss.fill(self.source_bucket, [f"photos/{n:06}" for n in range(bulk)], size=10, age=30 * 86_400)
        self.start_timers(0.2)
        self.advance(20 * MINUTE)
        self.rewritten = {LATE_KEY}
        self.pace = (500, bulk * 10 / WRITING_SECONDS) if bulk else (5, 1.5)
        # An object whose older version lands after the newer version of equal size without CRC64.
        self.platform.loop.call_at(self.platform.loop.time() + 300, self._write_late)
        for _ in range(WRITE_COUNT):
            key = dice.choice([*keys[1:], f"new/{dice.randrange(20)}"])
            self.rewritten.add(key)
            write_time = self.platform.loop.time() + dice.uniform(0, WRITING_SECONDS)
            contents = CONTENTS[dice.choice("ABCD")]
            self.platform.loop.call_at(write_time, self.oss.put, self.source_bucket, key, contents)
        self.oms.faults.random(0.05, [Fault.status(503), Fault.drop_before(), Fault.drop_after()], seed)
        self.oms.groups.prepare = self._prepare

    def _write_late(self) -> None:
        written_object = self.oss.put(self.source_bucket, LATE_KEY, CONTENTS["B"])
        self.oss._buckets[self.source_bucket].objects[LATE_KEY] = replace(written_object, has_crc64=False)

    def _prepare(self, group: object) -> None:
        dice = self.dice
        group.parallel_copies, group.speed = self.pace
        group.copy_faults.add(CopyFault.late(0, 900), times=1, where=lambda key: key == LATE_KEY)
        group.copy_faults.random(0.5, [CopyFault.late(0, dice.uniform(60, 900)) for _ in range(9)], dice.randrange(99))
        group.failures.add(CopyFailure("X"), times=dice.choice([0, 1, 5]), where=lambda key: key != LATE_KEY)

    def late_keys(self) -> list[str]:
        """Return the keys of objects that OBS lacks, or whose contents differ from the source."""
        copies = self.obs.objects(self.destination_bucket)
        return [
            key
            for key, source_object in self.oss.objects(self.source_bucket).items()
            if key not in copies or copies[key].data != source_object.data
        ]


def printed_words(document):
    """Return the words of the certificate's next command, without the option that closes the project."""
    step = findings.next_step(from_json(Certificate, document), Translator("en"))
    return [word for word in shlex.split(step.command)[2:] if word != "--close"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "seed", "bulk"),
    [
        *((mode, seed, 0) for seed, mode in enumerate(MODES)),
        pytest.param(MODES[0], 0, 50_000, marks=pytest.mark.extras),
    ],
)
def test_the_steps_that_migrate_and_cutover_print_lead_to_a_go(mode, seed, bulk):
    with BusyWorld(seed) as world:
        world.begin(mode, seed, bulk)
        options: list[str] = []
        for _ in range(10):
            code, answer = world.answer("migrate", "--yes", *options)
            if code == 0:
                break
            # If OMS did not answer, the command runs again.
            if isinstance(answer, dict):
                options = [] if code != 1 else ["--remove" if answer.get("resent") else "--retry"]
        assert code == 0, answer
        world.advance(WRITING_SECONDS)
        world.oms.faults.clear()
        world.oms.groups.prepare = lambda _: None
        world.advance(20 * MINUTE)

        # WHEN a comparison looks for late copies THEN none counts as equal, AND the printed step replaces them: a
        # migration, or a comparison that submits them if the sync task always overwrites
        late_keys = world.late_keys()
        assert LATE_KEY in late_keys
        assert world.rewritten >= {*late_keys}, "what nobody writes meanwhile arrives"
        _, comparison = world.answer("compare", "--deep")
        classes = {name: counts["source"]["objects"] for name, counts in comparison["classes"].items()}
        equal_count = sum(number for name, number in classes.items() if name.startswith("equal"))
        assert sum(classes.values()) - equal_count >= len(late_keys)
        is_resubmitted = mode == "FULL_OVERWRITE"
        expected_command = r"compare --deep --overwrite" if is_resubmitted else r"migrate --overwrite[^)]*"
        command = re.search(rf"python3 ops\.py ({expected_command})", str(comparison["remedies"]))
        assert command, comparison["remedies"]
        world.advance(MINUTE)  # passes are named after their moment
        code, answer = world.answer(*command[1].split(), *([] if is_resubmitted else ["--yes"]))
        assert answer["accepted"] > 0 if is_resubmitted else code == 0, answer
        world.advance(5 * MINUTE)
        assert LATE_KEY not in world.late_keys()
        frozen = datetime.fromtimestamp(world.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        words = cutover = ["cutover", "--frozen-since", frozen, "--close", "--out", os.devnull]
        for _ in range(MAX_STEPS):
            code, answer = world.answer(*words)
            if words is cutover and code == 0:
                break
            step = printed_words(answer) if words is cutover else []
            assert "--accept" not in step, step
            words = step if step and step[0] != "cutover" else cutover
            world.advance(30)
        assert (code, answer["verdict"]) == (0, "GO"), answer
        assert world.late_keys() == []
