"""A world for the tests of migrations: setup has made the project, and the source has existing objects."""

from __future__ import annotations

import json
import math
from typing import Any
from unittest.mock import patch

from sandbox.oms.copier import CopyFailure
from sandbox.oms.group import Group
from support.migration import MachineClock, call_now
from unit.ops.setup.setup_world import NAME, SetupWorld, expect_exit

STATE = f"migrate-{NAME}.json"
FAILURE = CopyFailure("GET_SRC_OBJ_FAILURE", "com.aliyun.oss.ClientException: Connection reset")


class MigrateWorld(SetupWorld):
    _interrupted_at = math.inf

    def _set_up(self) -> None:
        super()._set_up()
        self._patches.enter_context(patch("ops.session.start_call", call_now))
        self._patches.enter_context(patch.object(MachineClock, "sleep", self._sleep))
        self.set_up()
        self.task = self.oms.tasks[0]
        self.deploy_project(self.folder)

    def _sleep(self, seconds: float) -> None:
        self.platform.sleep(seconds)
        if self.platform.loop.time() >= self._interrupted_at:
            self._interrupted_at = math.inf
            raise KeyboardInterrupt

    def fill(self, number: int, prefix: str = "old/", size: int = 10, storage_class: str = "Standard") -> None:
        """Write existing objects, without events."""
        keys = [f"{prefix}{n:06}" for n in range(number)]
        self.oss.fill(self.source_bucket, keys, size=size, age=86_400, storage_class=storage_class)

    def migrate(self, *words: str, typed: str = "yes\n") -> tuple[int, str]:
        return self.run("migrate", *words, typed=typed)

    def answer(self, *words: str) -> tuple[int, Any]:
        """Run a command with `--json`; return the exit code and the answer, or the output if there is no answer."""
        code, output = self.run(*words, "--json", typed="")
        answers = [line for line in output.splitlines() if line.startswith("{")]
        return code, json.loads(answers[-1]) if answers else output

    def stop_following_after(self, seconds: float) -> None:
        """Interrupt the next command that waits for a migration, after `seconds`."""
        self._interrupted_at = self.platform.loop.time() + seconds

    @property
    def group(self) -> Group:
        """The only task group at OMS, which copies the existing objects."""
        (group,) = self.oms.groups.list_all()
        return group

    def count_copies(self) -> int:
        """Return the number of objects in OBS, without OMS's own lists."""
        return sum(not key.startswith("oms/") for key in self.obs.objects(self.destination_bucket))

    def migration_files(self) -> list[str]:
        """Return the names of the files in the log bucket about running and finished migrations."""
        return [name.rpartition("/")[2] for name in self.oss.objects(self.log_bucket) if "/state/migrate" in name]

    def all_oms_keys(self) -> set[str]:
        """Return the access keys of OMS's users in both clouds."""
        return {*self.ram.entities.users[f"{NAME}-oms"]["keys"], *self.iam_user("oms")["keys"]}

    def count_oms_keys(self) -> tuple[int, int]:
        """Return the numbers of access keys of OMS's users in RAM and in IAM."""
        return len(self.ram.entities.users[f"{NAME}-oms"]["keys"]), len(self.iam_user("oms")["keys"])

    def reader_keys(self) -> set[str]:
        """Return the access keys with which OMS reads the source."""
        return set(self.ram.entities.users[f"{NAME}-oms"]["keys"])

    def slow_groups(self, seconds: float) -> None:
        """Let each new task group take about `seconds` to copy the objects of `fill`."""
        size = sum(stored.size for stored in self.oss.objects(self.source_bucket).values())

        def prepare(group: Group) -> None:
            group.speed, group.parallel_copies = size / seconds, 1

        self.oms.groups.prepare = prepare

    def begin_migration(self, objects: int = 200, seconds: float = 600, *words: str) -> str:
        """Begin a migration that takes `seconds`, and interrupt the command while it waits; return the output."""
        self.fill(objects)
        self.slow_groups(seconds)
        self.stop_following_after(60)
        return expect_exit(self.migrate(*words), 130)

    def leave_done(self) -> None:
        """Let a migration finish while no command waits for it, so that its access keys remain."""
        self.begin_migration(seconds=300)
        self.advance(3600)

    def fail_two(self, objects: int = 100, *phrases: str) -> None:
        """Run a migration in which the first copy of two objects fails."""
        self.fill(objects)
        self.oms.groups.prepare = lambda group: group.failures.add(FAILURE, times=2)
        expect_exit(self.migrate(), 1, *phrases)

    def fail_two_and_wait(self) -> Any:
        """Run a migration in which two objects fail, run replay five times, and return the answer of status."""
        self.fail_two()
        for _ in range(5):
            self.advance(60)
            self.tick("replay")
        return self.answer("status")[1]

    def is_finished(self) -> bool:
        """Return True if a migration left neither an access key nor an intention.

        An intention is the file in the log bucket that describes a running migration.
        """
        return self.count_oms_keys() == (1, 1) and STATE not in self.migration_files()

    def read_intention(self, name: str = STATE) -> Any:
        """Return the file about the running migration, or the file whose name begins with `name`."""
        (intention,) = [stored for key, stored in self.oss.objects(self.log_bucket).items() if f"/state/{name}" in key]
        return json.loads(intention.data)

    def read_outcome(self) -> Any:
        """Return the stored outcome of the finished migration."""
        return self.read_intention("migrated-")
