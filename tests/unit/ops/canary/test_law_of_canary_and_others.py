"""The law of canaries: a canary changes no object of other users, and its removal deletes only objects of canaries.

The law holds after a kill at any request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from support.law import schedules
from unit.ops.canary.canary_world import shrink_parts
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.others import Others, interferences
from unit.ops.setup.setup_world import NAME

CANARIES, JOURNALS = ".oss-oms-sync-canary/", "oms_source_record/canary/"
OTHER_RUN = "20260102T000000Z-beef"


class SetUpWorld(MigrateWorld):
    """A project that was set up and deployed, and whose administrator runs canaries."""

    def _set_up(self) -> None:
        super()._set_up()
        shrink_parts(self)

    @property
    def runs(self) -> list[str]:
        """The names of all canaries of this project, the latest last."""
        journal = re.compile(rf"{JOURNALS}{NAME}/(\d{{8}}T\d{{6}}Z-\w{{4}})\.json")
        return [name[1] for request in self.sent if request.method == "PUT" and (name := journal.search(request.url))]

    def snapshot(self) -> dict[str, Any]:
        """Return all resources and objects that belong to others.

        The snapshot omits this project's canaries and their results, OMS's lists, and the times at which keys were
        used.
        """
        resources: dict[Any, Any] = {
            resource: value for resource, value in super().snapshot().items() if resource[0] != "obs"
        }
        for resource, value in resources.items():
            if resource[0] == "oss":
                resources[resource] = value[:2]
            if resource[0] == "iam users":
                value["keys"] = {key_id: {**key, "used": None} for key_id, key in value["keys"].items()}
        own_objects = {*self.own_objects(), ("log", f"oms_source_record/{self.task.task_id}/state/canary-{NAME}.json")}
        return resources | {
            (side, name): stored
            for side, name, stored in self._objects()
            if (side, name) not in own_objects and not name.startswith("oms/")
        }

    def own_objects(self) -> list[tuple[str, str]]:
        """Return the objects and uploads of this project's canaries, with their journals and records."""
        parts = [part for run in self.runs for part in (f"{CANARIES}{run}/", f"{JOURNALS}{NAME}/{run}.json")]
        uploads = self.oss.buckets[self.source_bucket].uploads.values()
        objects = [(side, name) for side, name, _ in self._objects()] + [("upload", upload.key) for upload in uploads]
        return [(side, name) for side, name in objects if any(part in name for part in parts)]

    def _objects(self) -> Iterator[tuple[str, str, Any]]:
        for side, objects in (
            ("source", self.oss.objects(self.source_bucket)),
            ("log", self.oss.objects(self.log_bucket)),
            ("OBS", self.obs.objects(self.destination_bucket)),
        ):
            yield from ((side, name, stored) for name, stored in objects.items())


class OthersWithObjects(Others):
    """Other users, who write objects next to those of canaries, and check that no command changes their objects."""

    def __init__(self, world: SetUpWorld) -> None:
        super().__init__(world)
        self._canaries, self._expected = world, world.snapshot()

    def write(self, side: str, name: str) -> None:
        """Write an object, whose name may be similar to that of the latest canary."""
        world = self._canaries
        name = name.format(run=[OTHER_RUN, *world.runs][-1], task=world.task.task_id)
        if side == "OBS":
            world.obs.put(world.destination_bucket, name, b"theirs")
        else:
            world.oss.fill(world.source_bucket if side == "source" else world.log_bucket, [name], size=6, age=60)

    def check(self) -> None:
        """Assert that all resources and objects of the other users are as these users left them."""
        now = self._canaries.snapshot()
        changed_resources = [
            resource for resource in {*now, *self._expected} if now.get(resource) != self._expected.get(resource)
        ]
        assert changed_resources == []

    def _act(self, acts: Sequence[Callable[[Others], None]]) -> None:
        self.check()
        super()._act(acts)
        self._expected = self._canaries.snapshot()


_OBJECTS = [
    *(
        (side, name)
        for side in ("source", "OBS")
        for name in (
            f"{CANARIES}theirs",
            f"{CANARIES}{OTHER_RUN}/small",
            f"{CANARIES}{{run}}-theirs",
            f"{CANARIES}{{run}}",
            ".oss-oms-sync-canary.txt",
        )
    ),
    *(
        ("log", name)
        for name in (
            f"{JOURNALS}other/{OTHER_RUN}.json",
            f"{JOURNALS}{NAME}-2/{{run}}.json",
            f"{JOURNALS}{NAME}/theirs",
            f"oms_source_record/{{task}}/success_object/{CANARIES}theirs",
            f"oms_source_record/{{task}}/failed_object/{CANARIES}{{run}}-theirs",
            f"oms_source_record/other/success_object/{CANARIES}{OTHER_RUN}/small",
        )
    ),
]
writes = st.sampled_from(_OBJECTS).map(lambda place: lambda others: others.write(*place))
acts = st.tuples(interferences, st.lists(writes, max_size=4)).map(lambda lists: lists[0] + lists[1])
ends = st.none() | st.tuples(st.sampled_from(["dies_after", "loses"]), st.integers(1, 130))
commands = st.sampled_from([("canary",), ("canary",), ("canary", "--remove")])
# An interrupted canary, then an object of others whose name has the prefix of the canary's objects.
OBJECTS_BESIDE_LEFTOVERS = [
    ([], ("canary",), ("dies_after", 60), None),
    ([lambda others: others.write("source", f"{CANARIES}{{run}}-theirs")], ("canary", "--remove"), None, None),
]


@pytest.mark.part
@pytest.mark.law
@given(steps=st.lists(st.tuples(acts, commands, ends, st.none() | st.integers(1, 130)), min_size=1, max_size=3))
@example(steps=OBJECTS_BESIDE_LEFTOVERS)
# A search for a smaller example would take minutes.
@settings(max_examples=max(8, schedules(10) // 6), phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_a_canary_changes_no_object_of_others_and_is_removed_completely(
    steps: list[tuple[list[Callable[[Others], None]], tuple[str, ...], tuple[str, int] | None, int | None]],
) -> None:
    with SetUpWorld() as world:
        other_users = OthersWithObjects(world)
        for first, command, end, interruption in steps:
            other_users.work(first, interruption)
            with world.cut_off(*(end or ("loses", 10**6))):
                world.run(*command)
            other_users.check()
        other_users.work((), None)
        assert world.run("canary", "--remove")[0] == 0
        world.advance(3600)
        other_users.check()
        assert world.own_objects() == []
