"""Other users, who create and attach resources beside the project in both accounts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from sandbox.iam.identities import Arguments
from unit.ops.setup.setup_world import NAME, OTHER, SetupWorld, trust_policy

MARK = f"oss-oms-sync:{NAME}:photos"
# Marks for another source bucket, for another purpose, and none.
OTHER_MARKS = (f"oss-oms-sync:{NAME}:videos", "mine", "")
_OTHER_IN_IAM = json.dumps({**OTHER, "Version": "5.0"})
Thing = tuple[str, str]


class Others:
    """Users of both accounts who create and attach resources beside the project.

    At most the name or the mark of such a resource is that of the project.
    """

    def __init__(self, world: SetupWorld) -> None:
        self.world = world
        # By kind and name: the state of each resource after its creation.
        self.things: dict[Thing, Any] = {}
        # Their attachments to resources of the project: kind, holder, policy.
        self.attached: list[tuple[str, str, str]] = []
        self.replaces = True

    def make(self, kind: str, name: str, mark: str) -> None:
        """Create a resource in place of the resource with this name; a user gets an access key."""
        world, ram = self.world, self.world.ram.entities
        if (kind, name) in self.things or not self._removes(kind, name):
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
        self._note(kind, name)

    def attach(self, kind: str, holder: str, policy: str) -> None:
        """Attach a policy to a role or a user, if the policy or its holder belongs to the other users."""
        holders, policies = ("iam users", "iam policies") if kind == "iam" else (kind, "policies")
        now = self.world.snapshot()
        is_theirs = {(holders, holder), (policies, policy)} & self.things.keys()
        if (holders, holder) not in now or (policies, policy) not in now or not is_theirs:
            return
        at, number = self._holder(kind, holder)["attached"], policy
        if kind == "iam":
            number = now[policies, policy]["fields"]["policy_id"]
        if number in at or len(at) >= 5:
            return
        at[number] = self.world.platform.now()
        if (holders, holder) in self.things:
            self._note(holders, holder)
        else:
            self.attached.append((kind, holder, number))

    def work(self, acts: Sequence[Callable[[Others], None]], late: int | None) -> None:
        """Perform the acts now, or after the next command has had `late` answers.

        The clouds act on names, so no command could notice that a resource was replaced between its look and its act:
        `late` acts replace nothing.
        """
        self.replaces = late is None
        self.world.meanwhile = {}
        if late is None:
            self._act(acts)
        else:
            self.world.meanwhile[self.world.asked + late] = lambda: self._act(acts)

    def check(self) -> None:
        """Compare the resources and attachments of the other users with the accounts."""
        now = self.world.snapshot()
        for thing, was in self.things.items():
            assert now.get(thing) == was, thing
        for kind, holder, policy in self.attached:
            assert policy in self._holder(kind, holder)["attached"], (kind, holder, policy)

    def _act(self, acts: Sequence[Callable[[Others], None]]) -> None:
        for act in acts:
            act(self)

    def _note(self, kind: str, name: str) -> None:
        self.things[kind, name] = self.world.snapshot()[kind, name]

    def _holder(self, kind: str, name: str) -> Any:
        if kind != "iam":
            return self.world.ram.entities.state[kind][name]
        return next(user for user in self.world.iam.users.values() if user["fields"]["user_name"] == name)

    def _removes(self, kind: str, name: str) -> bool:
        """Delete the project's resource by hand; return False if it has attachments, or is attached."""
        world = self.world
        if not self.replaces:
            return (kind, name) not in world.snapshot()
        among: Any = {**world.ram.entities.state, "iam users": world.iam.users, "iam policies": world.iam.policies}
        for number, thing in [*among.get(kind, {}).items()]:
            fields = thing["fields"]
            if name in (fields.get("user_name"), fields.get("policy_name"), number):
                holders = [*world.ram.entities.roles.values(), *world.ram.entities.users.values()]
                holders += world.iam.users.values()
                if thing.get("attached") or any(number in holder["attached"] for holder in holders):
                    return False
                del among[kind][number]
        return True

    def _make_iam_user(self, name: str, mark: str) -> None:
        user = self.world.iam.create_user(Arguments((), {"name": name, "description": mark}, {}))
        self.world.iam.create_key(Arguments((user["user"]["user_id"],), {}, {}))  # type: ignore[index]

    def _make_task(self, name: str, mark: str) -> None:
        """Create a task: with the project's mark for other buckets, or with another mark for the project's buckets."""
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
# A name of the project's with another mark, or another name with the project's mark.
THINGS = [
    *((kind, name, mark) for kind, names in _NAMES.items() for name in names for mark in OTHER_MARKS),
    *((kind, "theirs", MARK) for kind in _NAMES),
]
_HOLDERS = {"roles": _NAMES["roles"], "users": _NAMES["users"], "iam": _NAMES["iam users"]}
_POLICIES = {"roles": _NAMES["policies"], "users": _NAMES["policies"], "iam": _NAMES["iam policies"]}
_ATTACHMENTS = [
    (kind, holder, policy)
    for kind, holders in _HOLDERS.items()
    for holder in (*holders, "theirs")
    for policy in (*_POLICIES[kind], "theirs")
]
made = st.sampled_from(THINGS).map(lambda thing: lambda others: others.make(*thing))
attached = st.sampled_from(_ATTACHMENTS).map(lambda attachment: lambda others: others.attach(*attachment))
meddled = st.lists(made | attached, max_size=5)
