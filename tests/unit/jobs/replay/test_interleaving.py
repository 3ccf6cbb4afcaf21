"""No key is lost to any order of whatever can happen to replays, and none is sent by a run that could know better."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import OmsSyncError
from oss_oms_sync.ledger.closing import Closing
from sandbox.inprocess.instance import Killed
from sandbox.server.faults import Fault
from support.law import SCHEDULES
from support.replay_world import UNAUTHORIZED, ReplayWorld
from support.steps import at_step
from support.world import ROOT, World, event


class Interleaving:
    """Replays among everything that can happen to them, and what OMS was last asked for of each key."""

    def __init__(self) -> None:
        World.close_all()
        self.world = ReplayWorld()
        self.versions: Counter[str] = Counter()
        self.sent: dict[str, int] = {}
        self.is_closed = False
        self.turned_at = 0.0

    def fail(self, key: str) -> None:
        self.versions[key] += 1
        self.world.fail(key)

    def replay(self, dies_at: int = 10**9) -> None:
        calls, began = len(self.world.oms.requests), self.world.clock.seconds
        with at_step(self.world, dies_at, self.world.die), contextlib.suppress(Killed):
            self.world.replay()
        if not self.world.one.alive:
            self.world.start()
        # What it knows is no older than a minute.
        may_send = not self.is_closed or began - self.turned_at < 60
        assert may_send or len(self.world.oms.requests) == calls

    def envelope(self, key: str) -> None:
        """Function Compute gave up on the event of an object, which is there."""
        self.versions[key] += 1
        self.world.source.add(StoredObject(key, b"contents"))
        with contextlib.suppress(OmsSyncError):
            self.world.replay({"requestContext": {}, "requestPayload": {"events": [event(key)]}})
            return
        self.world.fail(key)  # it would try again, until that is so

    def close(self, closed: bool) -> None:
        self.turned_at = self.world.clock.seconds if closed != self.is_closed else self.turned_at
        self.is_closed = closed
        closing = Closing(self.world.invocation())
        if closed:
            closing.close()
        else:
            closing.open()

    def close_within(self, step: int) -> None:
        """The project is closed, or opened, in the middle of a replay."""
        with at_step(self.world, step, lambda: self.close(not self.is_closed)):
            self.world.replay()

    def overlap(self, step: int) -> None:
        """A second replay runs whole in the middle of a first."""

        def meet() -> None:
            with self.world.beside():
                self.world.replay()

        with at_step(self.world, step, meet):
            self.world.replay()

    def land(self) -> None:
        """Every delete that is on its way lands."""
        self.world.later(50)

    def later(self) -> None:
        self.world.later(400)

    def deletes(self, late: str) -> None:
        """From now on those land late that delete something with such a name."""
        self.world.bucket.heal()
        if late:
            self.world.bucket.fail(Fault.lands_late(50), "delete", where=lambda name: late in name)

    def oms(self, down: bool) -> None:
        self.world.oms.faults.clear()
        if down:
            self.world.oms.faults.add(UNAUTHORIZED)

    def check(self) -> None:
        taken = list(itertools.chain.from_iterable(call.keys for call in self.world.oms.calls))
        self.sent.update({key: self.versions[key] for key in taken})
        self.world.oms.calls.clear()
        waiting = self.world.failed() | self.world.in_run_files()
        lost = [key for key, version in self.versions.items() if key not in waiting and self.sent.get(key) != version]
        assert not lost


RECORDS, RUN_FILES = "failed_object", "/replay/"
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("fail"), st.sampled_from("abc")),
        st.tuples(st.just("replay"), st.integers(0, 30)),
        st.tuples(st.just("deletes"), st.sampled_from([RECORDS, RUN_FILES, ROOT, ""])),
        st.tuples(st.just("oms"), st.booleans()),
        st.tuples(st.just("overlap"), st.integers(0, 20)),
        st.tuples(st.just("envelope"), st.sampled_from("abc")),
        st.tuples(st.just("close"), st.booleans()),
        st.tuples(st.just("close_within"), st.integers(0, 20)),
        st.tuples(st.sampled_from(["replay", "land", "later"])),
    ),
    max_size=16,
)
SOON_LATER_SOON = [
    ("fail", "a"),
    ("deletes", ROOT),
    ("oms", True),
    ("replay",),
    ("deletes", ""),
    ("replay",),
    ("land",),
]
RUN_FILES_DELETE_LATE = [
    ("fail", "a"),
    ("deletes", ROOT),
    ("oms", True),
    ("replay",),
    ("later",),
    ("replay",),
    ("replay", 6),
    ("land",),
]
# A run file is settled, and deleted late; until then the next run finds it, and dies before it sends.
A_SETTLED_RUN_FILE_IS_STILL_THERE = [
    ("fail", "a"),
    ("deletes", RECORDS),
    ("oms", True),
    ("replay",),
    ("later",),
    ("oms", False),
    ("deletes", RUN_FILES),
    ("replay",),
    ("deletes", ""),
    ("fail", "a"),
    ("replay", 4),
    ("land",),
]


@settings(max_examples=SCHEDULES // 2)
@given(happenings)
@example(SOON_LATER_SOON)
@example(RUN_FILES_DELETE_LATE)
@example(A_SETTLED_RUN_FILE_IS_STILL_THERE)
@example([("oms", True), ("envelope", "a"), ("later",), ("overlap", 0)])
def test_no_interleaving_of_replays_failures_deaths_late_deletes_and_closings_loses_a_key(count_schedule, happenings):
    tale = Interleaving()
    for what, *details in happenings:
        getattr(tale, what)(*details)
        tale.check()
    count_schedule("of replays", "every failure waits or was sent")
