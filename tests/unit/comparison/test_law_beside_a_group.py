"""The law of task groups: in any state of a group, no key is dropped, and the printed steps resolve all differences.

The oracle reads both buckets and the copies of the group, and calls no code of the function.
"""

from __future__ import annotations

import random
from unittest.mock import patch

import pytest

from oss_oms_sync.clock import timestamp
from support.law import EXTRAS, choose_seeds
from support.passes import classes
from support.task_group import COPYING, DONE, FAILED, PAUSED, begin_migration
from support.world import DAY, HOUR, MINUTE, World

KEYS = [f"k{number}" for number in range(8)]
SINCE = {"since": "1970-01-01", "restart": True}
DIFFERS = {"overwritten", "suspicious", "equal_version", "equal_size"}


class GroupWorld(World):
    """Simulated clouds with an OMS task group, which copies its objects in turn or fails to copy them."""

    def __init__(self, seed: int) -> None:
        super().__init__(OMS_RATE="1000")
        self.install()
        self.hold_copies()
        self.dice = random.Random(seed)
        self.left: list[str] | None = None
        self.has_failed = False
        self.began = ""
        for key in KEYS[:6]:
            self.upload(key, data=self.dice.choice(["A", "B", "CC"]), minutes_ago=1500)

    def put_object(self) -> None:
        key, data = self.dice.choice(KEYS), self.dice.choice(["A", "B", "CC"])
        self.put(key, data, fate=self.dice.choice(["lost", "pending", "accepted", "copied", "refused"]))

    def begin_group(self) -> None:
        if self.left is None:
            self.left, self.has_failed = [key for key in KEYS if self.has_source(key)], False
            self.began = timestamp(self.clock.now())
            begin_migration(self, COPYING, begun=self.began)

    def copy_object(self) -> None:
        """Let the task group copy an object, perhaps over a newer object."""
        if self.left:
            key = self.left.pop(0)
            if self.dice.random() < 0.2:
                self.has_failed = True
            elif self.has_source(key):
                self.write(key, self.read_source(key))

    def change_state(self) -> None:
        """Set the task group to a random state: copying, paused, failed, done, or ended by the user."""
        if self.left is None:
            return
        status = self.dice.choice([COPYING, PAUSED, FAILED if self.has_failed else COPYING, None])
        if not self.left and not self.has_failed and self.dice.random() < 0.7:
            status = DONE
        if status is None:
            self.end()
        else:
            begin_migration(self, status, begun=self.began)

    def end(self) -> None:
        if self.left is not None:
            how = "removed" if self.left or self.has_failed else "done"
            self.bucket.add_ended_migration(how, run=f"{self.dice.randrange(16**6):x}", begun=self.began)
            self.left = None

    def ask_job(self) -> None:
        answer = self.invoke(self.dice.choice(["compare", "reconcile"]), SINCE)
        assert answer["finished"]
        assert answer["stop"] != "too_many" or answer["step"]["job"] == "migrate"

    def has_source(self, key: str) -> bool:
        return key in self.source.objects

    def read_source(self, key: str) -> str:
        return self.source.objects[key].body.decode()

    def settle(self) -> None:
        """Deliver all events, resend failed objects, and let OMS finish the accepted objects."""
        while self.pending_events:
            self.deliver()
        self.advance(HOUR)
        self.replay()
        self.copy_all()
        self.advance(HOUR)


@pytest.mark.part
@pytest.mark.law
@pytest.mark.parametrize("seed", choose_seeds(0, 240 if EXTRAS else 12))
def test_compare_and_reconcile_drop_no_key_during_or_after_a_task_group(seed):
    world = GroupWorld(seed)
    dice, most = world.dice, [0, float("inf")][seed // 4 % 2]
    happenings = [
        world.put_object,
        world.begin_group,
        world.copy_object,
        world.copy_object,
        world.change_state,
        world.ask_job,
    ]
    with patch("oss_oms_sync.passes.driver.max_submissions", return_value=most):
        for _ in range(30):
            dice.choice(happenings)()
            world.advance(dice.choice([1, MINUTE, 20 * MINUTE]))
        # WHEN the group is finished, no object is written any more, and the user follows the printed steps
        job = dice.choice(["compare", "reconcile"])
        world.end()
        for _ in range(4):
            world.settle()
            world.advance(DAY)
            answer = world.invoke(job, SINCE)
            if answer["stop"] == "too_many":
                step = answer["all_the_same"]
                world.invoke(step["job"], {**step["options"], "since": "1970-01-01"})
        world.settle()
        object_classes = classes(world.compare(**SINCE, dry_run=True))

    # THEN each object is in OBS, or is reported as not proven, and none waits for the group
    class_by_key = {key: name for name, keys in object_classes.items() for key in keys}
    for key in filter(world.has_source, KEYS):
        there = world.destination.objects.get(key)
        is_there = there is not None and there.body.decode() == world.read_source(key)
        possible = {*DIFFERS, "equal_contents"} if is_there else DIFFERS
        assert class_by_key[key] in possible, (key, class_by_key[key])
