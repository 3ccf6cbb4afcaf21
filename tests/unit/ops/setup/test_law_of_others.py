"""The law of setup: setup changes no resource of other users.

Such a resource may have a name or mark of the project. The other users create it before, between or during commands of
setup, which may be killed at any request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
Thing = tuple[str, str]


class Others:
    """Users of both accounts who create resources beside the project.

    At most the name or the mark of such a resource is that of the project. The mark is the text with which setup marks
    the resources that it creates.
    """

    def __init__(self, world: SetupWorld) -> None:
        self.world = world
        # The state of each resource after its creation, by kind and name.
        self.things: dict[Thing, Any] = {}
        self.replaces = True

    def make(self, kind: str, name: str, mark: str) -> None:
        """Create a resource that replaces any resource with this name. A user gets an access key."""
        world, ram = self.world, self.world.ram.entities
        if (kind, name) in self.things or not self._delete_by_hand(kind, name):
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
        self._store_state(kind, name)

    def work(self, acts: Sequence[Callable[[Others], None]], late: int | None) -> None:
        """Perform the acts now, or after the next command has received `late` responses.

        Late acts replace no resource: clouds identify resources by name, so no command could notice a replacement
        between its check and its change.
        """
        self.replaces = late is None
        self.world.meanwhile = {}
        if late is None:
            self._act(acts)
        else:
            self.world.meanwhile[self.world.asked + late] = lambda: self._act(acts)

    def check(self) -> None:
        """Assert that the resources of the other users are unchanged in both accounts."""
        now = self.world.snapshot()
        for resource, expected_state in self.things.items():
            assert now.get(resource) == expected_state, resource

    def _act(self, acts: Sequence[Callable[[Others], None]]) -> None:
        for act in acts:
            act(self)

    def _store_state(self, kind: str, name: str) -> None:
        self.things[kind, name] = self.world.snapshot()[kind, name]

    def _delete_by_hand(self, kind: str, name: str) -> bool:
        """Delete the project's resource; return False if an attachment prevents this."""
        world = self.world
        if not self.replaces:
            return (kind, name) not in world.snapshot()
        resources_by_kind: Any = {
            **world.ram.entities.state,
            "iam users": world.iam.users,
            "iam policies": world.iam.policies,
        }
        for resource_id, resource in [*resources_by_kind.get(kind, {}).items()]:
            fields = resource["fields"]
            if name in (fields.get("user_name"), fields.get("policy_name"), resource_id):
                holders = [*world.ram.entities.roles.values(), *world.ram.entities.users.values()]
                holders += world.iam.users.values()
                if resource.get("attached") or any(resource_id in holder["attached"] for holder in holders):
                    return False
                del resources_by_kind[kind][resource_id]
        return True

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
creations = st.sampled_from(RESOURCES).map(lambda thing: lambda others: others.make(*thing))
interferences = st.lists(creations, max_size=5)
ends = st.none() | st.tuples(st.sampled_from(["dies_after", "loses"]), st.integers(1, 90))
_HALVES = [("--only", "alibaba"), ("--remove", "--only", "huawei")]
commands = st.sampled_from([(), (), ("--new-key",), ("--remove",), *_HALVES])


@pytest.mark.part
@pytest.mark.law
@given(steps=st.lists(st.tuples(interferences, commands, ends, st.none() | st.integers(1, 90)), min_size=1, max_size=4))
@settings(max_examples=max(5, schedules(10) // 2))
def test_setup_changes_no_resource_of_others(
    steps: list[tuple[list[Callable[[Others], None]], tuple[str, ...], tuple[str, int] | None, int | None]],
) -> None:
    with SetupWorld() as world:
        other_users = Others(world)
        for acts, command, end, interruption in steps:
            other_users.work(acts, interruption)
            with world.cut_off(*(end or ("loses", 10**6))):
                world.setup(*command, typed="yes\nagree\n")
            other_users.check()
        other_users.work((), None)
        world.setup("--remove", typed="yes\n")
        other_users.check()
