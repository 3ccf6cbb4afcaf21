"""No key is lost to any order of whatever can happen to replays, and none is sent by a run that could know better."""

from __future__ import annotations

import contextlib
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import OmsSyncError
from oss_oms_sync.ledger.closing import Closing
from support.fake_bucket import Died
from support.fake_clouds import event
from support.law import SCHEDULES
from support.replay_world import LOST, UNAUTHORIZED, ReplayWorld
from support.steps import dying_at, watch


class Interleaving:
    """Replays among everything that can happen to them, and what OMS was last asked for of each key."""

    def __init__(self) -> None:
        self.world = ReplayWorld()
        self.versions: Counter[str] = Counter()
        self.sent: dict[str, int] = {}
        self.is_closed = False
        self.turned_at = 0.0
        work = self.world.oms.work

        def note(request):
            self.sent.update({key: self.versions[key] for key in self.world.oms.calls[-1]})
            return work(request)

        self.world.oms.work = note

    def fail(self, key: str) -> None:
        self.versions[key] += 1
        self.world.fail(key)

    def replay(self, dies_at: int = 10**9) -> None:
        calls, began = len(self.world.oms.calls), self.world.clock.seconds
        watch(self.world, dying_at(dies_at))
        with contextlib.suppress(Died):
            self.world.replay()
        watch(self.world, lambda: None)
        # What it knows is no older than a minute.
        may_send = not self.is_closed or began - self.turned_at < 60
        assert may_send or len(self.world.oms.calls) == calls

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
        countdown = [step]

        def turn() -> None:
            countdown[0] -= 1
            if countdown[0] == -1:
                self.close(not self.is_closed)

        watch(self.world, turn)
        self.world.replay()
        watch(self.world, lambda: None)

    def overlap(self, step: int) -> None:
        """A second replay runs whole in the middle of a first."""
        countdown = [step]

        def meet() -> None:
            countdown[0] -= 1
            if countdown[0] == -1:
                self.world.replay()

        watch(self.world, meet)
        self.world.replay()
        watch(self.world, lambda: None)

    def land(self) -> None:
        self.world.bucket.land_late_deletes()

    def later(self) -> None:
        """Time goes by, in which every delete that was on its way has landed."""
        self.land()
        self.world.clock.sleep(400)

    def deletes(self, lost: bool) -> None:
        self.world.bucket.problem = lambda kind, name: LOST if lost and kind == "delete" else None

    def oms(self, down: bool) -> None:
        self.world.oms.schedule = [UNAUTHORIZED] * 100 if down else []

    def check(self) -> None:
        waiting = self.world.failed() | self.world.in_run_files()
        lost = [key for key, version in self.versions.items() if key not in waiting and self.sent.get(key) != version]
        assert not lost


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("fail"), st.sampled_from("abc")),
        st.tuples(st.just("replay"), st.integers(0, 60)),
        st.tuples(st.just("deletes"), st.booleans()),
        st.tuples(st.just("oms"), st.booleans()),
        st.tuples(st.just("overlap"), st.integers(0, 40)),
        st.tuples(st.just("envelope"), st.sampled_from("abc")),
        st.tuples(st.just("close"), st.booleans()),
        st.tuples(st.just("close_within"), st.integers(0, 40)),
        st.tuples(st.sampled_from(["replay", "land", "later"])),
    ),
    max_size=16,
)
SOON_LATER_SOON = [
    ("fail", "a"),
    ("deletes", True),
    ("oms", True),
    ("replay",),
    ("deletes", False),
    ("replay",),
    ("land",),
]
RUN_FILES_DELETE_LATE = [
    ("fail", "a"),
    ("deletes", True),
    ("oms", True),
    ("replay",),
    ("later",),
    ("replay",),
    ("replay", 12),
    ("land",),
]


@settings(max_examples=SCHEDULES // 2)
@given(happenings)
@example(SOON_LATER_SOON)
@example(RUN_FILES_DELETE_LATE)
@example([("oms", True), ("envelope", "a"), ("later",), ("overlap", 0)])
def test_no_interleaving_of_replays_failures_deaths_late_deletes_and_closings_loses_a_key(count_schedule, happenings):
    tale = Interleaving()
    for what, *details in happenings:
        getattr(tale, what)(*details)
        tale.check()
    count_schedule("of replays", "every failure waits or was sent")
