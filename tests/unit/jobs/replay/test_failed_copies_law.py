"""No failure to copy is lost to a death, a failure or any order of lists."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import Killed
from support.copies_world import FOLDER, MINUTE, CopiesWorld
from support.law import SCHEDULES
from support.steps import at_each_step, at_step
from support.world import ROOT, World, oss_error

BUSY = oss_error(409, "Busy")


def busy_world() -> CopiesWorld:
    """Two sub-tasks, a key in two lists, one that is gone, one that OBS has, and a list that was read half."""
    world = CopiesWorld()
    world.upload("a", "b", "c", "there", "k" * 1000)
    world.copy("there")
    world.list_failed("a", "gone", name="1")
    world.list_failed("there", "b", "a", "k" * 1000, name="2")
    world.list_failed("c", sub="00")
    return world


DUE = {"a", "b", "c", "k" * 1000}


def test_a_run_killed_at_any_step_loses_no_failure_to_copy_and_the_next_ones_send_it():
    # GIVEN a run that dies at some step
    for step, world in at_each_step(busy_world, CopiesWorld.tick, CopiesWorld.die):
        # THEN every failure is sent by a run or two, once the dead one's time is up
        world.later(10 * MINUTE)
        world.tick()
        assert world.oms.accepted.keys() == DUE, step
        assert world.failed() == world.in_run_files() == set(), step


@pytest.mark.parametrize("trouble", ["bucket", "source", "there"])
def test_a_bucket_that_fails_from_any_step_on_loses_no_failure_to_copy(trouble):
    def run(world: CopiesWorld) -> None:
        with contextlib.suppress(StorageError):
            world.tick()

    for step, world in at_each_step(busy_world, run, lambda world: getattr(world, trouble).fail(BUSY)):
        getattr(world, trouble).heal()
        for _ in range(2):
            world.later(10 * MINUTE)
            world.tick()
        assert world.oms.accepted.keys() >= DUE, step
        assert world.failed() == world.in_run_files() == set(), step


class Tale:
    """What happens to objects, lists and runs; `open`: keys that OMS failed to copy and that were not sent since."""

    def __init__(self) -> None:
        World.close_all()
        self.world = CopiesWorld()
        self.open: set[str] = set()
        self.lines: defaultdict[str, list[str]] = defaultdict(list)
        self.names: defaultdict[str, list[str]] = defaultdict(list)
        self.versions = self.listed = 0
        for key in "abc":
            self.upload(key)

    def upload(self, key: str) -> None:
        """A new version, which OMS accepts."""
        self.versions += 1
        self.world.upload(key, data=b"x" * self.versions)
        self.world.source.modified[key] += 180
        self.open.discard(key)

    def delete(self, key: str) -> None:
        if key in self.world.source.objects:
            del self.world.source.objects[key]
        self.open.discard(key)

    def copy(self, key: str) -> None:
        if key in self.world.source.objects:
            self.world.later(1)
            self.world.copy(key)
            self.open.discard(key)

    def fail(self, key: str, sub: str) -> None:
        """OMS fails to copy what it accepted; its list comes later."""
        source, there = self.world.source, self.world.there
        if key in source.objects and not (key in there.objects and there.modified[key] >= source.modified[key]):
            self.open.add(key)
            self.lines[sub].append(self.world.line(key))

    def list(self, sub: str, how: str) -> None:
        """A list comes: a new one, one whose name is before the others', more lines in one that is there, or one with a
        line that nobody can read."""
        lines, names = "".join(self.lines.pop(sub, [])), self.names[sub]
        if not lines:
            return
        number = 1000 + len(names) if how != "late" else 999 - len(names)
        name = names[-1] if how == "grows" and names else f"{FOLDER}{sub}/{number:04}.failed_list.txt"
        there = self.world.there
        before = there.objects[name].body if name in there.objects else b""
        unread = b"what is this, 1\n" if how == "broken" else b""
        there.add(StoredObject(name, before + unread + lines.encode()))
        names.append(name)
        self.listed += lines.count("\n")

    def read(self) -> int:
        """How many lines the runs have counted in OMS's lists."""
        state = json.loads(self.world.bucket.objects[f"{ROOT}state/failed_copies.json"].body)
        return sum(lines for lines, _ in state["listed"].values())

    def tick(self, dies_at: int = 10**9) -> None:
        with at_step(self.world, dies_at, self.world.die), contextlib.suppress(Killed, StorageError):
            self.world.tick()
        if not self.world.one.alive:
            self.world.start()
        self.open.difference_update(self.world.sent())

    def trouble(self, bucket: str) -> None:
        for name in ("bucket", "source", "there"):
            getattr(self.world, name).heal()
        if bucket:
            getattr(self.world, bucket).fail(BUSY)

    def minutes(self, number: int) -> None:
        self.world.later(number * MINUTE)

    def end(self) -> None:
        """All lists come, all is well again, and runs go on for some hours."""
        self.trouble("")
        for sub in list(self.lines):
            self.list(sub, "new")
        for _ in range(3):
            self.minutes(90)
            self.tick()


keys, subs = st.sampled_from("abc"), st.sampled_from(["01", "02", "00"])
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("fail"), keys, subs),
        st.tuples(st.just("list"), subs, st.sampled_from(["new", "late", "grows", "broken"])),
        st.tuples(st.just("tick"), st.integers(0, 40)),
        st.tuples(st.sampled_from(["upload", "delete", "copy"]), keys),
        st.tuples(st.just("trouble"), st.sampled_from(["bucket", "source", "there", ""])),
        st.tuples(st.just("minutes"), st.sampled_from([1, 5, 70])),
        st.tuples(st.just("tick")),
    ),
    max_size=25,
)


@settings(max_examples=SCHEDULES // 4)
@given(happenings)
@example([("fail", "a", "01"), ("list", "01", "new"), ("tick",), ("fail", "b", "01"), ("list", "01", "grows")])
@example([("fail", "a", "01"), ("list", "01", "new"), ("tick",), ("fail", "b", "01"), ("list", "01", "late")])
@example([("fail", "a", "02"), ("list", "02", "new"), ("tick",), ("fail", "b", "00"), ("list", "00", "new")])
def test_law1_no_order_of_failures_lists_runs_and_deaths_loses_a_failure_to_copy(count_schedule, happenings):
    tale = Tale()
    for what, *details in happenings:
        getattr(tale, what)(*details)
        tale.world.later(1)
    tale.end()
    waiting = tale.world.failed() | tale.world.in_run_files()
    assert tale.open <= waiting
    assert tale.read() == tale.listed
    count_schedule("of lists", "every failure to copy was sent again or waits")
