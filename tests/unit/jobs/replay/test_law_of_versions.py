"""Law 1 for versions: neither the source's current version nor a version that OMS failed to copy is lost.

The law holds for any order of writes, failures, late copies, lists, runs, kills, late deletes and closes.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import OmsSyncError
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.state import JobState
from sandbox.inprocess.instance import InstanceKilled
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from support.law import schedules
from support.world import MINUTE, ROOT, UNAUTHORIZED, World, event, oss_error
from unit.jobs.replay.replay_world import CONTENTS, FOLDER, ReplayWorld, at_step

BUSY = oss_error(409, "Busy")
RECORDS, RUN_FILES = "failed_object", "/replay/"


class VersionExample:
    """A world with the random actions of an example, and with the versions that OMS has to copy.

    - `sent`: the version of each key that OMS last accepted.
    - `open`: the keys that OMS failed to copy and has not accepted since.
    """

    def __init__(self) -> None:
        World.close_all()
        self.world = ReplayWorld(OBJECT_PREFIX="mine/", PROJECT="mine")
        self.versions: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.open: set[str] = set()
        self.lines: defaultdict[str, list[str]] = defaultdict(list)
        self.names: defaultdict[str, list[str]] = defaultdict(list)
        self.listed = 0
        self.is_closed, self.turned_at = False, 0.0
        for key in KEYS:
            self.write(key, "A", True)

    # Actions of others.

    def write(self, key: str, data: str, accepted: bool) -> None:
        """Write a new version, whose event OMS accepts or refuses."""
        self.note()
        self.versions[key] += 1
        self.world.advance(1)
        etag = etag_of(data.encode())
        if accepted and not self.is_closed:
            self.world.bucket.add(StoredObject(f"{ROOT}success_object/{key}", etag.encode()))
            self.sent[key] = self.versions[key]
            self.open.discard(key)
        else:
            self.world.put_failed(key, etag=etag)
        self.world.source.add(StoredObject(key, data.encode()))

    def delete(self, key: str) -> None:
        self.world.delete(key)

    def envelope(self, key: str) -> None:
        """Let Function Compute pass replay an event that forward could not process."""
        self.note()
        self.versions[key] += 1
        self.world.upload(key, CONTENTS)
        with contextlib.suppress(OmsSyncError):
            self.world.replay(requestContext={}, requestPayload={"events": [event(key)]})
            return
        self.world.put_failed(key)  # Function Compute repeats the call until the key is recorded

    def copy(self, key: str, data: str) -> None:
        """Let OMS finish the copy of any version of the key."""
        self.world.copy(key, data=data)

    def fail(self, key: str, sub: str) -> None:
        """Let OMS fail to copy an accepted version; the method `list` later writes the line about this failure."""
        if key in self.world.source.objects:
            self.open.add(key)
            self.lines[sub].append(self.world.line(key))

    def list(self, sub: str, how: str) -> None:
        """Let OMS write the lines of new failed copies to a list.

        `how` is "new" for a new list, "late" for a new list whose name sorts first, "grows" for an existing list, or
        "broken" for a new list with an unreadable line.
        """
        lines, names = "".join(self.lines.pop(sub, [])), self.names[sub]
        if not lines:
            return
        number = 1000 + len(names) if how != "late" else 999 - len(names)
        name = names[-1] if how == "grows" and names else f"{FOLDER}{sub}/{number:04}.failed_list.txt"
        before = self.world.destination.objects[name].body if name in names else b""
        unread = b"what is this, 1\n" if how == "broken" else b""
        self.world.destination.add(StoredObject(name, before + unread + lines.encode()))
        names.append(name)
        self.listed += lines.count("\n")

    def close(self, closed: bool) -> None:
        self.turned_at = self.world.clock.seconds if closed != self.is_closed else self.turned_at
        self.is_closed = closed
        self.world.bucket.add_mark(closed=closed)

    # Runs, and what happens to them.

    def tick(self, step: int = 10**9, what: str = "die", *details: str | bool) -> None:
        """Run replay by its timer, and inject a fault at the request with the number `step`.

        `what` is "die", which stops the instance, or the name of a method of this class, called with `details`.
        """
        calls, began = len(self.world.oms.requests), self.world.clock.seconds
        happens = self.world.die if what == "die" else lambda: getattr(self, what)(*details)
        with at_step(self.world, step, happens), contextlib.suppress(InstanceKilled, OmsSyncError):
            self.world.tick("replay")
        if not self.world.call_instance.is_alive:
            self.world.start()
        # An instance trusts the mark for at most a minute.
        may_send = not self.is_closed or began - self.turned_at < 60 or what == "close"
        posts = [request for request in list(self.world.oms.requests)[calls:] if request.method == "POST"]
        assert may_send or not posts

    def by_hand(self) -> None:
        """Run replay by hand, possibly during another run."""
        with self.world.second_instance(), contextlib.suppress(OmsSyncError):
            self.world.replay()

    def run_other_project(self) -> None:
        """Run the replay of another project, which submits no key of this project."""
        calls, mine = len(self.world.oms.calls), self.world.variables
        self.world.variables = {**mine, "OBJECT_PREFIX": "other/", "PROJECT": "other"}
        with self.world.second_instance(), contextlib.suppress(OmsSyncError):
            self.world.tick("replay")
        self.world.variables = mine
        assert len(self.world.oms.calls) == calls

    def deletes(self, late: str) -> None:
        """Delay deletes of objects whose names contain `late`, or end the delay if `late` is empty."""
        self.world.bucket.heal()
        if late:
            self.world.bucket.fail(Fault.lands_late(50), "delete", where=lambda name: late in name)

    def trouble(self, bucket: str) -> None:
        for name in ("bucket", "source", "destination"):
            getattr(self.world, name).heal()
        if bucket:
            getattr(self.world, bucket).fail(BUSY)

    def oms(self, down: bool) -> None:
        self.world.oms.faults.clear()
        if down:
            self.world.oms.faults.add(UNAUTHORIZED)

    def minutes(self, number: int) -> None:
        self.world.advance(number * MINUTE)

    # The law.

    def note(self) -> None:
        """Record the current version of each key that OMS has accepted since the last call of this method."""
        for key in self.world.take_sent_keys():
            self.sent[key] = self.versions[key]
            self.open.discard(key)

    def check(self) -> None:
        self.note()
        waiting = self.world.bucket.failed_keys() | self.world.bucket.keys_in_run_files()
        assert not [key for key in self.there() if key not in waiting and self.sent[key] != self.versions[key]]

    def there(self) -> set[str]:
        return set(KEYS) & self.world.source.objects.keys()

    def end(self) -> None:
        """Write all lists, end all faults, and run replay for a day; assert that no key is left."""
        self.trouble("")
        self.oms(False)
        self.close(False)
        for sub in list(self.lines):
            self.list(sub, "new")
        for number, minutes in enumerate((6, 2, 250, 250, 250, 250)):
            self.minutes(minutes)
            self.tick()
            self.check()
            # A version that OMS has not accepted yet does not rest.
            assert not number or all(self.sent[key] == self.versions[key] for key in self.there())
        waiting = self.world.bucket.failed_keys() | self.world.bucket.keys_in_run_files()
        assert not waiting
        assert not self.open & self.there()
        positions = JobState(self.world.invocation()).load_as(ListPositions, "failed_copies") or ListPositions()
        assert sum(line_count.lines for line_count in positions.listed.values()) == self.listed


KEYS = ["mine/a", "mine/b"]
keys, subs = st.sampled_from(KEYS), st.sampled_from(["01", "02", "00"])
data, steps = st.sampled_from("AB"), st.integers(0, 40)
meanwhile = st.one_of(
    st.tuples(st.just("write"), keys, data, st.just(False)),
    st.tuples(st.just("close"), st.booleans()),
    st.tuples(st.sampled_from(["by_hand", "die", "run_other_project"])),
)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("write"), keys, data, st.booleans()),
        st.tuples(st.just("copy"), keys, data),
        st.tuples(st.just("fail"), keys, subs),
        st.tuples(st.just("list"), subs, st.sampled_from(["new", "late", "grows", "broken"])),
        st.tuples(steps, meanwhile).map(lambda drawn: ("tick", drawn[0], *drawn[1])),
        st.tuples(st.just("deletes"), st.sampled_from([RECORDS, RUN_FILES, ROOT, ""])),
        st.tuples(st.just("trouble"), st.sampled_from(["bucket", "source", "destination", ""])),
        st.tuples(st.sampled_from(["envelope", "delete"]), keys),
        st.tuples(st.sampled_from(["oms", "close"]), st.booleans()),
        st.tuples(st.just("minutes"), st.sampled_from([1, 7, 70])),
        st.tuples(st.sampled_from(["tick", "by_hand", "run_other_project"])),
    ),
    max_size=16,
)
A = "mine/a"
FAILS = [("write", A, "B", False)]
LISTED = [("fail", A, "01"), ("list", "01", "new")]
RESTS = [*LISTED, ("tick",), ("minutes", 7), *LISTED, ("tick",), ("minutes", 7), ("tick",)]
SETTLED = [("deletes", ""), *FAILS, ("tick", 8, "die"), ("minutes", 1)]
DOWN, UP = ("oms", True), ("oms", False)


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(6))
@given(happenings)
# The previous version is copied late, and looks newer than the failing version in replay's run file.
@example([*LISTED, ("tick", 14, "write", A, "B", False), ("copy", A, "A"), ("tick",)])
@example(
    [*LISTED, ("deletes", RECORDS), ("tick",), *FAILS, ("copy", A, "A"), ("minutes", 1), ("minutes", 1), ("tick",)]
)
@example([*LISTED, ("copy", A, "B"), ("tick",)])
# The failed record of a resting version overwrites the record of the next version.
@example([*RESTS, *LISTED, ("tick", 9, "write", A, "B", False)])
# A run file of one project, and a run of another project.
@example([*FAILS, ("deletes", RECORDS), DOWN, ("tick",), ("minutes", 7), UP, ("run_other_project",)])
# Late deletes of records and of run files.
@example([*FAILS, ("deletes", ROOT), DOWN, ("tick",), ("deletes", ""), ("tick",), ("minutes", 1)])
@example([*FAILS, ("deletes", ROOT), DOWN, ("tick",), ("minutes", 7), ("tick",), ("tick", 6, "die"), ("minutes", 1)])
# A run file is finished and deleted late. Until then the next run reads the file, and dies before it submits.
@example(
    [*FAILS, ("deletes", RECORDS), DOWN, ("tick",), ("minutes", 7), UP, ("deletes", RUN_FILES), ("tick",), *SETTLED]
)
@example([DOWN, ("envelope", A), ("minutes", 7), ("tick", 4, "by_hand")])
# Lists that grow, are written late, or belong to a sub-task whose name sorts first.
@example([*LISTED, ("tick",), ("fail", "mine/b", "01"), ("list", "01", "grows")])
@example([*LISTED, ("tick",), ("fail", "mine/b", "01"), ("list", "01", "late")])
@example([*LISTED, ("tick",), ("fail", "mine/b", "00"), ("list", "00", "new")])
def test_law1_replay_loses_no_version_in_any_order_of_writes_and_kills(count_schedule, happenings):
    version_example = VersionExample()
    for what, *details in happenings:
        getattr(version_example, what)(*details)
        version_example.world.advance(1)
        version_example.check()
    version_example.end()
    count_schedule("of versions", "every version waits or was sent, and all were in the end")
