"""A project that was set up and deployed, with objects in the source that were there before."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ops.clouds.buckets import OssBucket, Place
from ops.clouds.keys import Keys, Secret
from sandbox.oms.group import Group
from support.migration import Here, at_once
from unit.ops.setup.setup_world import NAME, SetupWorld, well

if TYPE_CHECKING:
    from typing_extensions import Self

STATE = f"migrate-{NAME}.json"


class MigrateWorld(SetupWorld):
    """`filter_prefix`: the project's own."""

    def __init__(self, seed: int = 0, filter_prefix: str = "", filter_suffix: str = "", **options: Any) -> None:
        super().__init__(seed, **options)
        self._interrupted_at = math.inf
        self._filter = {"objectPrefix": filter_prefix, "objectSuffix": filter_suffix}

    def __enter__(self) -> Self:
        super().__enter__()
        self._patches.enter_context(patch("ops.waiting.in_background", at_once))
        self._patches.enter_context(patch.object(Here, "sleep", self._sleep))
        file = self.folder / "s.yaml"
        for name, value in self._filter.items():
            file.write_text(file.read_text().replace(f'{name}: ""', f'{name}: "{value}"'))
        well(self.setup(typed="yes\nagree\n"))
        self.task = self.oms.tasks[0]
        self.deploy_project(self.folder)
        return self

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

    def administrator_log(self) -> OssBucket:
        """The log bucket, as the administrator sees it."""
        place = Place.of(f"https://oss-{self.region}.aliyuncs.com", self.log_bucket)
        key, secret = (Secret(one) for one in self.user_credentials)
        return OssBucket(place, Keys(key, secret, Secret()), Here(self), self.region)

    @property
    def group(self) -> Group:
        """The one that there is."""
        (found,) = self.oms.groups.all()
        return found

    def copied(self) -> int:
        """How many objects there are in OBS, but for OMS's own."""
        return sum(not key.startswith("oms/") for key in self.obs.objects(self.destination_bucket))

    def written_down(self) -> list[str]:
        """What the log bucket has of migrations: those on their way, and those that are over."""
        return [name.rpartition("/")[2] for name in self.oss.objects(self.log_bucket) if "/state/migrate" in name]

    def all_oms_keys(self) -> set[str]:
        """The access keys that OMS's users have."""
        of_iam = next(one for one in self.iam.users.values() if one["told"]["user_name"] == f"{NAME}-oms")
        return {*self.ram.entities.users[f"{NAME}-oms"]["keys"], *of_iam["keys"]}

    def oms_keys(self) -> tuple[int, int]:
        """How many access keys OMS's users have: of RAM, and of IAM."""
        users = self.iam.users.values()
        of_iam = next(len(one["keys"]) for one in users if one["told"]["user_name"] == f"{NAME}-oms")
        return len(self.ram.entities.users[f"{NAME}-oms"]["keys"]), of_iam
