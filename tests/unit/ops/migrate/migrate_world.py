"""A project that was set up and deployed, with objects in the source that were there before."""

from __future__ import annotations

import json
import math
from typing import Any
from unittest.mock import patch

from ops.clouds.buckets import OssBucketClient, Place
from ops.clouds.keys import Keys, Secret
from sandbox.oms.group import Group
from support.migration import MachineClock, call_now
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, well

STATE = f"migrate-{NAME}.json"


class MigrateWorld(SetupWorld):
    _interrupted_at = math.inf

    def _set_up(self) -> None:
        super()._set_up()
        self._patches.enter_context(patch("ops.session.in_background", call_now))
        self._patches.enter_context(patch.object(MachineClock, "sleep", self._sleep))
        well(self.setup(typed=YES))
        self.task = self.oms.tasks[0]
        self.deploy_project(self.folder)

    def _sleep(self, seconds: float) -> None:
        self.ground.sleep(seconds)
        if self.ground.loop.time() >= self._interrupted_at:
            self._interrupted_at = math.inf
            raise KeyboardInterrupt

    def fill(self, number: int, prefix: str = "old/", size: int = 10, storage_class: str = "Standard") -> None:
        """Objects of before, which no event tells of."""
        keys = [f"{prefix}{n:06}" for n in range(number)]
        self.oss.fill(self.source_bucket, keys, size=size, age=86_400, storage_class=storage_class)

    def migrate(self, *words: str, typed: str = "yes\n") -> tuple[int, str]:
        return self.run("migrate", *words, typed=typed)

    def answer(self, *words: str) -> tuple[int, Any]:
        """What a command answers."""
        code, said = self.run(*words, "--json", typed="")
        answers = [line for line in said.splitlines() if line.startswith("{")]
        return code, json.loads(answers[-1]) if answers else said

    def stop_following_after(self, seconds: float) -> None:
        """Let the next command that waits be interrupted, once so many seconds have gone by."""
        self._interrupted_at = self.ground.loop.time() + seconds

    def administrator_log(self) -> OssBucketClient:
        """The log bucket, as the administrator sees it."""
        place = Place.of(f"https://oss-{self.region}.aliyuncs.com", self.log_bucket)
        return OssBucketClient(place, Keys(*map(Secret, self.user_credentials)), MachineClock(self), self.region)

    @property
    def group(self) -> Group:
        """The one that there is."""
        (group,) = self.oms.groups.all()
        return group

    def copied(self) -> int:
        """How many objects there are in OBS, but for OMS's own."""
        return sum(not key.startswith("oms/") for key in self.obs.objects(self.destination_bucket))

    def written_down(self) -> list[str]:
        """What the log bucket has of migrations: those on their way, and those that are over."""
        return [name.rpartition("/")[2] for name in self.oss.objects(self.log_bucket) if "/state/migrate" in name]

    def all_oms_keys(self) -> set[str]:
        """The access keys that OMS's users have."""
        return {*self.ram.entities.users[f"{NAME}-oms"]["keys"], *self.iam_user("oms")["keys"]}

    def oms_keys(self) -> tuple[int, int]:
        """How many access keys OMS's users have: of RAM, and of IAM."""
        return len(self.ram.entities.users[f"{NAME}-oms"]["keys"]), len(self.iam_user("oms")["keys"])
