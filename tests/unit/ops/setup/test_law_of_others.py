"""The law of setup: setup changes no resource of other users.

Such a resource may have a name or mark of the project. The other users create it before, between or during commands of
setup, which may be killed at any request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.iam.identities import Arguments
from support.law import schedules
from unit.ops.setup.setup_world import NAME, OTHER, SetupWorld, trust_policy

MARK = f"oss-oms-sync:{NAME}:photos"
# Marks for another source bucket, for another purpose, and none.
OTHER_MARKS = (f"oss-oms-sync:{NAME}:videos", "mine", "")
_OTHER_IN_IAM = json.dumps({**OTHER, "Version": "5.0"})
Resource = tuple[str, str, str]


class Others:
    """Users of both accounts who create resources beside the project.

    At most the name or the mark of such a resource is that of the project. The mark is the text with which setup marks
    the resources that it creates.
    """

    def __init__(self, world: SetupWorld) -> None:
        self.world = world
        # The state of each resource after its creation, by kind and name.
        self.states: dict[tuple[str, str], Any] = {}

    def create(self, kind: str, name: str, mark: str) -> None:
        """Create a resource, unless a resource has this name. A user gets an access key."""
        world, ram = self.world, self.world.ram.entities
        if (kind, name) in world.snapshot():
            return
        {
            "roles": lambda: ram.create_role(name, trust_policy("ecs"), mark),
            "policies": lambda: ram.create_policy(name, json.dumps(OTHER), mark),
            "users": lambda: (ram.create_user(name, comments=mark), ram.create_access_key(name)),
            "iam users": lambda: self._make_iam_user(name, mark),
            "iam policies": lambda: world.iam.create_policy(
                Arguments((), {"policy_name": name, "policy_document": _OTHER_IN_IAM, "description": mark}, {})
            ),
            "tasks": lambda: self._make_task(name, mark),
            "secrets": lambda: world.secrets.update({name: mark}),
        }[kind]()
        self.states[kind, name] = world.snapshot()[kind, name]

    def work(self, resources: Sequence[Resource], late: int | None) -> None:
        """Create the resources now, or after the next command has received `late` responses."""

        def create_all() -> None:
            for resource in resources:
                self.create(*resource)

        self.world.meanwhile = {}
        if late is None:
            create_all()
        else:
            self.world.meanwhile[self.world.asked + late] = create_all

    def check(self) -> None:
        """Assert that the resources of the other users are unchanged in both accounts."""
        now = self.world.snapshot()
        for resource, expected_state in self.states.items():
            assert now.get(resource) == expected_state, resource

    def _make_iam_user(self, name: str, mark: str) -> None:
        user = self.world.iam.create_user(Arguments((), {"name": name, "description": mark}, {}))
        self.world.iam.create_key(Arguments((user["user"]["user_id"],), {}, {}))  # type: ignore[index]

    def _make_task(self, name: str, mark: str) -> None:
        """Create a sync task that does not belong to setup.

        The task has the project's mark and other buckets, or the project's buckets and another mark.
        """
        world = self.world
        source, target = ("videos", "videos-obs") if mark == MARK else (world.source_bucket, world.destination_bucket)
        bucket = world.obs.bucket(target) if world.obs.has_bucket(target) else world.obs.create_bucket(target)
        world.oms.create_task(world.project_id, name, lambda _: None, bucket, src_bucket=source).description = mark


_NAMES = {
    "roles": (f"{NAME}-function", f"{NAME}-trigger"),
    "policies": (f"{NAME}-function", f"{NAME}-trigger", f"{NAME}-oms"),
    "users": (f"{NAME}-oms",),
    "iam users": (f"{NAME}-oms", f"{NAME}-functions"),
    "iam policies": (f"{NAME}-oms", f"{NAME}-functions"),
    "tasks": ("task",),
    "secrets": ("other",),
}
# Resources with a name of the project and another mark, or with another name and the project's mark.
RESOURCES = [
    *((kind, name, mark) for kind, names in _NAMES.items() for name in names for mark in OTHER_MARKS),
    *((kind, "theirs", MARK) for kind in _NAMES),
]
interferences = st.lists(st.sampled_from(RESOURCES), max_size=5)
ends = st.none() | st.tuples(st.sampled_from(["dies_after", "loses"]), st.integers(1, 90))
_HALVES = [("--only", "alibaba"), ("--remove", "--only", "huawei")]
commands = st.sampled_from([(), (), ("--new-key",), ("--remove",), *_HALVES])


@pytest.mark.part
@pytest.mark.law
@given(steps=st.lists(st.tuples(interferences, commands, ends, st.none() | st.integers(1, 90)), min_size=1, max_size=4))
@settings(max_examples=max(5, schedules(10) // 2))
def test_setup_changes_no_resource_of_others(
    steps: list[tuple[list[Resource], tuple[str, ...], tuple[str, int] | None, int | None]],
) -> None:
    with SetupWorld() as world:
        other_users = Others(world)
        for resources, command, end, interruption in steps:
            other_users.work(resources, interruption)
            with world.cut_off(*(end or ("loses", 10**6))):
                world.setup(*command, typed="yes\nagree\n")
            other_users.check()
        other_users.work((), None)
        world.setup("--remove", typed="yes\n")
        other_users.check()
