"""Replay: everything that failed goes out again, and no key is lost to a race, a crash or a lost answer."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.errors import EventError, PayloadError, StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs import replay
from oss_oms_sync.ledger.records import FailedKey, failed_record, record_name
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import Died, MemoryWorld
from support.fake_clouds import DROP_BEFORE, HANG, TASK, event
from support.law import HOSTILE, SCHEDULES

ROOT = f"oms_source_record/{TASK}/"
THROTTLED = Failure(Reason.THROTTLED, 429, "APIGW.0308", "slow down")
LOST = StorageFailure("no answer in time", answered=False)
REFUSED = StorageFailure("no", answered=True, code="AccessDenied")
FROZEN = (401, {}, '{"error_code": "APIGW.0301", "error_msg": "no"}')


class Replays(MemoryWorld):
    """A world whose log bucket is in memory."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "1000", **environment})
        self.oms.round_trip = 0.001

    def fail(self, *keys: str, failure: Failure = THROTTLED, first: str = "") -> None:
        for key in keys:
            self.bucket.add(
                failed_record(TASK, FailedKey(ObjectChange(key, etag="ABC"), first), failure, self.clock.now())
            )

    def replay(self, payload: object = None, timeout: float = 240) -> dict:
        text = json.dumps(payload) if payload is not None else ""
        return asdict(replay.run(text, self.invocation(timeout)))

    def failed(self) -> set[str]:
        return {
            json.loads(o.body)["key"] for n, o in self.bucket.objects.items() if n.startswith(f"{ROOT}failed_object")
        }

    def in_run_files(self) -> set[str]:
        files = [o for n, o in self.bucket.objects.items() if n.startswith(f"{ROOT}replay/")]
        return {entry["key"] for one in files for entry in json.loads(one.body)["keys"]}

    def succeeded(self) -> set[str]:
        short, long = f"{ROOT}success_object/", f"{ROOT}success_object_long/"
        objects = self.bucket.objects.items()
        return {n.removeprefix(short) for n, _ in objects if n.startswith(short)} | {
            o.body.decode() for n, o in objects if n.startswith(long)
        }


@pytest.fixture
def world() -> Replays:
    return Replays()


def many(number: int) -> list[str]:
    return [f"key {n:05}" for n in range(number)]


def test_nothing_to_replay_is_finished(world):
    assert world.replay() == {
        "taken": 0,
        "accepted": 0,
        "failed": 0,
        "left": 0,
        "oldest_failure": None,
        "by_reason": {},
        "finished": True,
        "stopped": None,
    }
    assert world.oms.calls == []


def test_25_000_failed_records_go_out_in_batches_and_their_cost_is_bounded():
    # GIVEN failed records of all kinds: hostile and long keys, and the empty ones of the vendor's handler
    world = Replays(OMS_RATE="20")
    keys = [*HOSTILE, *(f"{key}{number}" for number in range(100) for key in HOSTILE[:11]), *many(25_000)]
    world.fail(*keys)
    for key in many(25_000)[::50]:
        world.bucket.add(StoredObject(record_name(TASK, "failed", key), b""))
    world.bucket.calls.clear()

    # WHEN replay runs as its timer lets it
    runs = [world.replay()]
    while not runs[-1]["finished"]:
        runs.append(world.replay())

    # THEN none is left, each is accepted and recorded, and the calls are few
    assert sum(result["accepted"] for result in runs) == len(keys)
    assert world.failed() == world.in_run_files() == set()
    assert world.succeeded() == set(keys)
    assert world.oms.accepted == Counter(keys)
    assert sum(len(call) < 10 for call in world.oms.calls) <= 2 * len(runs)
    pages = len(keys) // 1000 + len(runs) + 1
    calls = world.bucket.calls
    assert calls["put"] <= len(keys) + 2 * pages + len(runs)  # records, run files written and shrunk, state
    assert calls["list"] <= pages + 3 * len(runs)
    assert calls["delete"] <= 2 * pages  # the records' and the run file's


def test_a_key_that_fails_again_keeps_its_first_failure(world):
    world.fail("a", first="2020-01-01T00:00:00Z")
    world.oms.schedule = [FROZEN]
    result = world.replay()
    body = json.loads(world.bucket.objects[f"{ROOT}failed_object/a"].body)
    assert (body["first_failure"], body["reason"], body["etag"]) == ("2020-01-01T00:00:00Z", "CREDENTIALS", "ABC")
    assert body["last_failure"] > body["first_failure"]
    assert (result["failed"], result["by_reason"], result["oldest_failure"]) == (
        1,
        {"CREDENTIALS": 1},
        "2020-01-01T00:00:00Z",
    )


def test_the_success_record_names_the_version_that_failed(world):
    world.fail("a")
    world.replay()
    assert world.bucket.objects[f"{ROOT}success_object/a"].body == b"ABC"


def test_nothing_is_deleted_before_the_run_file_stands(world):
    world.fail("a")
    world.bucket.problem = lambda kind, name: REFUSED if kind == "put" else None
    with pytest.raises(StorageError):
        world.replay()
    assert world.failed() == {"a"}


# Death and races


def steps_of(make: Callable[[], Replays]) -> int:
    """How many calls of storage and OMS a run makes."""
    world, steps = make(), []
    watch(world, lambda: steps.append(1))
    world.replay()
    return len(steps)


def watch(world: Replays, step: Callable[[], None]) -> None:
    """Calls `step` before and after every storage call and every OMS call, and nothing else any more."""
    world.bucket.before = world.bucket.after = lambda kind, names: step()
    send = type(world.oms).send

    def watched(request, **options):
        step()
        response = send(world.oms, request, **options)
        step()
        return response

    world.oms.send = watched


def dying_at(step: int) -> Callable[[], None]:
    """A step that kills the process at the given one."""
    countdown = [step]

    def die() -> None:
        countdown[0] -= 1
        if countdown[0] < 0:
            raise Died

    return die


def busy_world() -> Replays:
    world = Replays()
    world.fail(*many(23), "k" * 1000)
    world.oms.refused = {"key 00004"}
    world.oms.schedule = ["ok", 404]
    return world


@pytest.mark.parametrize("step", range(steps_of(busy_world)))
def test_a_run_killed_at_any_step_loses_no_key_and_the_next_ones_finish_it(step):
    # GIVEN a run that dies at this step
    world = busy_world()
    keys = world.failed()
    watch(world, dying_at(step))
    with pytest.raises(Died):
        world.replay()

    # THEN every key still stands somewhere
    assert keys <= world.failed() | world.in_run_files() | world.succeeded() | world.oms.accepted.keys()

    # AND once it is long dead, a run or two send everything
    watch(world, lambda: None)
    world.oms.schedule.clear()
    world.oms.refused.clear()
    world.clock.sleep(600)
    world.replay()
    assert world.failed() == world.in_run_files() == set()
    assert world.succeeded() == world.oms.accepted.keys() == keys


@pytest.mark.parametrize("step", range(steps_of(busy_world)))
@pytest.mark.parametrize("key", ["key 00000", "key 00015", "key 00004", "new"])
def test_a_failure_recorded_at_any_step_survives_or_is_covered_by_a_later_send(step, key):
    # GIVEN a new version of a key that fails, and is recorded, at this step of a run
    world = busy_world()
    countdown, sent_before = [step], []

    def record():
        countdown[0] -= 1
        if countdown[0] == -1:
            world.fail(key)
            sent_before.append(len(world.oms.calls))

    watch(world, record)
    world.replay()
    watch(world, lambda: None)

    # THEN its record stands, or OMS was asked for the key after it was written
    sent_after = {name for call in world.oms.calls[sent_before[0] :] for name in call}
    waiting = world.failed() | world.in_run_files()
    assert key in waiting or key.replace(" ", "%20") in sent_after


def test_a_delete_that_may_still_land_holds_its_key_until_a_later_delete_is_answered(world):
    # GIVEN a delete whose answer never comes, and a key that fails again
    world.fail("a", "b")
    world.bucket.problem = lambda kind, name: LOST if kind == "delete" and "failed_object" in name else None
    world.oms.schedule = [FROZEN]
    world.replay()

    # WHEN it lands after the run
    world.bucket.problem = lambda kind, name: None
    world.bucket.land_late_deletes()

    # THEN the keys are in the run file, which a run within the minute sends and does not touch
    assert world.in_run_files() == {"a", "b"}
    assert world.replay()["accepted"] == 2
    assert world.in_run_files() == {"a", "b"}

    # AND a later one, whose deletes are answered, settles
    world.clock.sleep(61)
    assert world.replay()["accepted"] == 2
    assert world.failed() == world.in_run_files() == set()


def test_records_that_cannot_be_deleted_are_told_and_never_stop_a_run(world, caplog):
    world.fail(*many(2100))
    world.bucket.problem = lambda kind, name: REFUSED if kind == "delete" and "failed_object" in name else None
    assert world.replay()["accepted"] == 2100
    told = {"problem": "no"}
    assert [record.msg for record in caplog.records] == [
        {**told, "records_not_deleted": number} for number in (1000, 1000, 100)
    ]
    assert len(world.failed()) == 2100
    assert world.in_run_files() == set()


def test_another_runs_file_is_sent_at_once_but_not_touched_while_that_run_may_live(world):
    # GIVEN a run that was killed just now
    world.fail("a")
    world.oms.send = lambda *_, **__: (_ for _ in ()).throw(Died)
    with pytest.raises(Died):
        world.replay()
    del world.oms.send

    # WHEN another starts beside what may be a slow owner
    assert world.replay()["accepted"] == 1

    # THEN the file stands until the owner's time is up and a minute more
    assert world.in_run_files() == {"a"}
    world.clock.sleep(240 + 61)
    world.replay()
    assert world.in_run_files() == set()


def test_an_unreadable_run_file_is_reported_and_skipped(world, caplog):
    for number, body in enumerate([b"not json", b"[]", b'{"busy_until": "", "keys": [{}]}', b'{"keys": 5}']):
        world.bucket.add(StoredObject(f"{ROOT}replay/{number}.json", body))
    world.fail("a")
    assert world.replay()["accepted"] == 1
    assert len([record for record in caplog.records if "unreadable" in str(record.msg)]) == 4
    assert len(world.bucket.names(f"{ROOT}replay/")) == 4


def free_run_file(*keys: str, **entry: object) -> StoredObject:
    """Of a run that is over."""
    fields = dict.fromkeys(("event_name", "event_time", "etag", "first_failure", "reason"), "")
    entries = [{"key": key, **fields, "held": False, **entry} for key in keys]
    return StoredObject(f"{ROOT}replay/1.json", json.dumps({"busy_until": "", "keys": entries}).encode())


def meeting_world() -> Replays:
    """A run file that is free, and an OMS that refuses everybody."""
    world = Replays()
    world.bucket.add(free_run_file("k", in_doubt=True))
    world.fail("k")
    world.oms.schedule = [FROZEN] * 10
    return world


@pytest.mark.parametrize("meeting", range(steps_of(meeting_world)))
def test_two_runs_that_take_the_same_run_file_lose_nothing_wherever_they_meet_and_one_dies(meeting):
    for death in range(steps_of(meeting_world)):
        # GIVEN a run file that both find free
        world = meeting_world()
        countdown = [meeting]

        # WHEN a second run takes it in the middle of the first, and dies
        def meet(world=world, countdown=countdown, death=death):
            countdown[0] -= 1
            if countdown[0] == -1:
                watch(world, dying_at(death))
                with contextlib.suppress(Died):
                    world.replay()
                watch(world, lambda: None)

        watch(world, meet)
        world.replay()

        # THEN the key still stands somewhere
        assert "k" in world.failed() | world.in_run_files(), (meeting, death)


class Interleaving:
    """Replays among everything that can happen to them, and what OMS was last asked for of each key."""

    def __init__(self) -> None:
        self.world = Replays()
        self.versions: Counter[str] = Counter()
        self.sent: dict[str, int] = {}
        work = self.world.oms.work

        def note(request):
            self.sent.update({key: self.versions[key] for key in self.world.oms.calls[-1]})
            return work(request)

        self.world.oms.work = note

    def fail(self, key: str) -> None:
        self.versions[key] += 1
        self.world.fail(key)

    def replay(self, dies_at: int = 10**9) -> None:
        watch(self.world, dying_at(dies_at))
        with contextlib.suppress(Died):
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
        self.world.oms.schedule = [FROZEN] * 100 if down else []

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
def test_no_interleaving_of_replays_failures_deaths_and_late_deletes_loses_a_key(count_schedule, happenings):
    tale = Interleaving()
    for what, *details in happenings:
        getattr(tale, what)(*details)
        tale.check()
    count_schedule("of replays", "every failure waits or was sent")


# Stopping and pace


def test_five_batches_of_which_nothing_is_taken_end_a_run_and_the_next_goes_on_after_them(world):
    # GIVEN a thousand bad keys at the front
    bad, good = many(1000), [f"later {n}" for n in range(10)]
    world.fail(*bad, *good)
    world.oms.refused = set(bad)

    # WHEN runs follow each other
    first = world.replay()
    assert first["failed"] == 50
    assert not first["finished"]
    assert len(world.oms.calls) <= 19 + 4
    for _ in range(25):
        world.replay()

    # THEN the good ones behind them have gone out, and nothing was marked REJECTED
    assert set(good) <= world.oms.accepted.keys()
    reasons = {json.loads(o.body)["reason"] for n, o in world.bucket.objects.items() if "/failed_object/" in n}
    assert reasons <= {"REFUSED", "THROTTLED"}


def test_a_refused_account_ends_a_run_at_once(world):
    world.fail(*many(100))
    world.oms.schedule = [FROZEN] * 100
    result = world.replay()
    assert len(world.oms.calls) == 1
    assert (result["failed"], result["left"], result["finished"]) == (10, 90, False)
    world.oms.schedule = []
    assert world.replay()["accepted"] == 100
    assert world.failed() == set()


def test_the_reason_that_stopped_a_run_is_told_and_not_the_first_one_seen(world):
    # GIVEN a batch of which OMS refuses the first half, and before the second the account
    world.fail(*many(20))
    refused = (400, {}, '{"error_code": "OMS.0001", "error_msg": "bad key"}')
    world.oms.schedule = [refused] * 10 + [FROZEN]

    # WHEN it is replayed, THEN the account is named
    result = world.replay()
    assert result["by_reason"]["REFUSED"] > 0
    assert result["stopped"].startswith("OMS refuses every key: CREDENTIALS. Check HW_AK and HW_SK")


def test_why_a_run_went_no_further_is_told(world):
    world.fail(*many(100))
    world.oms.schedule = [500] * 25
    assert world.replay()["stopped"] == "OMS took nothing of 5 batches in a row, the last: UNAVAILABLE"
    world.oms.schedule = [HANG] * 1000
    assert world.replay(timeout=60)["stopped"] == "the time is up"
    world.oms.schedule = [FROZEN]
    assert "OMS refuses every key: CREDENTIALS" in world.replay()["stopped"]
    world.oms.schedule = []
    world.clock.sleep(600)
    assert world.replay()["stopped"] is None


def test_a_throttled_run_halves_its_rate_and_still_makes_progress():
    world = Replays()
    world.settings = dataclasses.replace(world.settings, oms_rate=8.0)
    world.fail(*many(200))
    world.oms.schedule = [429, "ok"] * 2
    result = world.replay()
    assert result["accepted"] == 200
    # Two throttled calls make 8 a second into 2: eighteen more batches take nine seconds.
    assert 8 <= world.clock.seconds <= 14


def test_the_time_that_is_up_leaves_the_rest_in_the_run_file(world):
    world.fail(*many(500))
    world.oms.schedule = [HANG] * 1000
    result = world.replay(timeout=60)
    assert world.clock.seconds <= 60
    assert result["left"] == len(world.in_run_files()) > 0
    assert world.failed() | world.in_run_files() == set(many(500))


def test_a_rejected_key_is_tried_once_a_day(world):
    world.fail("bad", "good")
    world.oms.refused = {"bad"}
    world.replay()
    calls = len(world.oms.calls)
    assert json.loads(world.bucket.objects[f"{ROOT}failed_object/bad"].body)["reason"] == "REJECTED"
    for hours in (0, 12, 11.99):
        world.clock.ahead += timedelta(hours=hours)
        world.replay()
        assert len(world.oms.calls) == calls
    world.clock.ahead += timedelta(hours=0.01)
    world.replay()
    assert len(world.oms.calls) > calls


def test_what_is_remembered_of_a_rejected_key_is_short_however_long_the_key(world):
    # Ten thousand of them have to fit into what is read of one object.
    long = "海" * 300
    world.fail(long, "good")
    world.oms.refused = {long}
    world.replay()
    (state,) = world.bucket.names(f"{ROOT}state/replay")
    ((name, _),) = json.loads(world.bucket.objects[state].body)["rejected"].items()
    assert len(name) == 32


def test_of_more_rejected_keys_than_are_kept_in_mind_the_latest_rest(world, mocker):
    # GIVEN room for two, and four that were rejected, two an hour after the others
    mocker.patch("oss_oms_sync.jobs.replay.MAX_REJECTED_KEPT", 2)
    world.oms.refused = {"a1", "a2", "z1", "z2"}
    for keys in (("z1", "z2", "good"), ("a1", "a2", "good")):
        world.fail(*keys)
        world.replay()
        world.clock.ahead += timedelta(hours=1)

    # WHEN the next run comes, THEN it tries the older ones only
    world.oms.calls.clear()
    world.replay()
    assert {key for call in world.oms.calls for key in call} == {"z1", "z2"}


def test_rejected_keys_rest_again_when_they_stand_among_their_like(world):
    # GIVEN sixty keys that OMS refuses alone, and no good ones left among them a day later
    bad = [f"bad {number:02}" for number in range(60)]
    world.fail(*[f"{key}{kind}" for key in bad for kind in ("", " good")])
    world.oms.refused = set(bad)
    assert world.replay()["by_reason"] == {"REJECTED": 60}
    world.clock.ahead += timedelta(hours=25)

    # WHEN they are tried again
    again = world.replay()

    # THEN that is no reason to stop, and they rest for another day
    assert (again["by_reason"], again["finished"]) == ({"REJECTED": 60}, True)
    calls = len(world.oms.calls)
    world.replay()
    assert len(world.oms.calls) == calls


def test_a_new_failure_of_a_rejected_key_is_tried_at_once(world):
    world.fail("bad", "good")
    world.oms.refused = {"bad"}
    world.replay()
    world.oms.refused = set()
    world.fail("bad")
    assert world.replay()["accepted"] == 1


# What it is asked for


def test_keys_asked_for_are_sent_records_or_not(world):
    world.fail("a", "b")
    result = world.replay({"keys": ["a", "unrecorded", "a"]})
    assert (result["taken"], result["accepted"]) == (2, 2)
    assert world.failed() == {"b"}
    assert world.oms.accepted.keys() == {"a", "unrecorded"}


def test_keys_asked_for_keep_what_their_records_tell_of_their_first_failure(world):
    world.fail("a", first="2020-01-01T00:00:00Z")
    world.oms.schedule = [FROZEN]
    assert world.replay({"keys": ["a", "b"]})["oldest_failure"] == "2020-01-01T00:00:00Z"
    first = {name[-1]: json.loads(one.body)["first_failure"] for name, one in world.bucket.objects.items()}
    assert first == {"a": "2020-01-01T00:00:00Z", "b": "2026-01-02T00:00:00Z"}


def test_an_envelopes_version_is_newer_than_the_one_that_a_record_tells_of(world):
    world.fail("a")
    world.replay({"requestContext": {}, "requestPayload": {"events": [event("a", etag="DEF")]}})
    assert world.bucket.objects[f"{ROOT}success_object/a"].body == b"DEF"
    assert world.failed() == set()


def test_any_number_of_keys_can_be_asked_for(world, mocker):
    mocker.patch("oss_oms_sync.jobs.replay.PAGE_SIZE", 7)
    world.fail(*many(20)[::2])
    world.fail("other")
    assert world.replay({"keys": many(20)})["accepted"] == 20
    assert world.failed() == {"other"}


def test_prefix_reason_and_limit_choose(world):
    world.fail("x/1", "x/2", "x/" + "k" * 1000, "y/1")
    world.fail("x/3", failure=Failure(Reason.NO_TASK))
    assert world.replay({"prefix": "x/", "reason": "NO_TASK"})["accepted"] == 1
    assert world.replay({"prefix": "x/", "limit": 1})["accepted"] == 1
    assert world.replay({"prefix": "x/"})["accepted"] == 2
    assert world.failed() == {"y/1"}


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("limit", range(5))
@pytest.mark.parametrize("third", ["x/3", "x/" + "k" * 1000], ids=["in one listing", "in two listings"])
def test_with_a_limit_it_is_finished_only_when_nothing_that_was_asked_for_is_left(world, third, limit, dry):
    # GIVEN three failures of one folder, and others around them
    world.fail("w", "x/1", "x/2", third, "y")

    # WHEN at most so many are sent
    result = world.replay({"prefix": "x/", "limit": limit, "dry_run": dry})

    # THEN the rest is no secret
    assert (result["taken"], result["finished"]) == (min(limit, 3), limit >= 3)
    assert len(world.failed()) == (5 if dry else 5 - result["taken"])


def test_a_limit_holds_across_pages_and_nothing_is_listed_beyond_it(world):
    world.fail(*many(3500))
    world.bucket.calls.clear()
    assert world.replay({"limit": 1500})["taken"] == 1500
    assert world.bucket.calls["list"] <= 3
    assert len(world.failed()) == 2000


@pytest.mark.parametrize("length", [953, 954, 955, 956, 960, 2000])
def test_a_prefix_too_long_for_a_records_name_lists_only_what_can_be(world, length):
    # GIVEN prefixes around the longest that OSS lists records by, and keys that begin so
    prefix = "k" * length
    keys = {prefix[:1023], f"{prefix}k"[:1023]} if length <= 1023 else set()
    world.fail(*keys, "k", "other " + "k" * 1000)

    # WHEN just these are asked for, THEN just these are sent, and no listing was refused
    assert world.replay({"prefix": prefix})["finished"]
    assert world.succeeded() == keys


def test_the_objects_that_consoles_make_of_folders_are_neither_records_nor_run_files(world, caplog):
    for folder in ("failed_object/", "failed_object_long/", "replay/"):
        world.bucket.add(StoredObject(f"{ROOT}{folder}", b""))
    world.fail("a")
    for payload in (None, {}, {"limit": 5}):
        assert world.replay(payload)["finished"]
    assert world.oms.accepted.keys() == {"a"}
    assert caplog.records == []


def test_a_failed_folder_of_the_source_bucket_is_a_record_like_any_other(world):
    world.fail("photos/")
    world.replay()
    assert world.oms.accepted.keys() == {"photos/"}


@pytest.mark.parametrize("by_prefix", [True, False])
def test_a_dry_run_tells_the_oldest_failure_of_what_it_would_take(world, by_prefix):
    # GIVEN failures of different ages in records and a run file, and one of the vendor's that has none
    world.fail("x/1", first="2024-01-01T00:00:00Z")
    world.fail("x/2", first="2023-01-01T00:00:00Z")
    world.fail("x/3", first="2025-01-01T00:00:00Z")
    world.fail("y", first="2022-01-01T00:00:00Z")
    world.bucket.add(StoredObject(record_name(TASK, "failed", "x/0"), b""))
    world.bucket.add(free_run_file("in hand", first_failure="2021-01-01T00:00:00Z", reason="TIMEOUT"))

    # WHEN all or some of them are asked for
    result = world.replay({"dry_run": True, **({"prefix": "x/"} if by_prefix else {})})

    # THEN the oldest of just these is told
    assert result["oldest_failure"] == ("2023-01-01T00:00:00Z" if by_prefix else "2021-01-01T00:00:00Z")
    assert result["taken"] == (4 if by_prefix else 6)
    some, others = {"THROTTLED": 3, "UNKNOWN": 1}, {"THROTTLED": 4, "UNKNOWN": 1, "TIMEOUT": 1}
    assert result["by_reason"] == (some if by_prefix else others)


def test_the_oldest_failure_is_of_what_failed_again_and_of_what_is_left(world):
    # GIVEN thirty failures, the oldest of which is one of those sent last
    for number in range(30):
        world.fail(f"{number:02}", first=f"{1996 if number == 22 else 2000 + number}-01-01T00:00:00Z")

    # WHEN the account is refused at the first batch, THEN that one is left and told
    world.oms.schedule = [FROZEN]
    assert world.replay()["oldest_failure"] == "1996-01-01T00:00:00Z"

    # AND once all is sent there is none
    world.oms.schedule = []
    assert world.replay()["oldest_failure"] is None


def test_a_dry_run_changes_nothing_and_counts(world):
    world.fail(*many(1500), first="2020-01-01T00:00:00Z")
    before = dict(world.bucket.objects)
    result = world.replay({"dry_run": True})
    assert (result["taken"], result["by_reason"]) == (1500, {"THROTTLED": 1500})
    assert result["oldest_failure"] == "2020-01-01T00:00:00Z"
    assert world.bucket.objects == before
    assert world.oms.calls == []


@pytest.mark.parametrize(
    "payload", [{"keys": [], "limit": 5}, {"keys": [1]}, {"keys": [""]}, {"what": 1}, {"limit": "5"}]
)
def test_a_payload_that_makes_no_sense_is_refused(world, payload):
    world.fail("a")
    with pytest.raises(PayloadError):
        world.replay(payload)
    assert world.failed() == {"a"}


def test_keys_and_something_else_cannot_be_asked_for_together(world):
    with pytest.raises(PayloadError) as raised:
        world.replay({"keys": ["a"], "limit": 5})
    assert str(raised.value) == "The payload asks for keys and for something else: keys are sent as they are"


@pytest.mark.parametrize("keys", [[1], [""]])
def test_keys_that_are_none_are_told_with_some_that_are(world, keys):
    with pytest.raises(PayloadError) as raised:
        world.replay({"keys": keys})
    assert str(raised.value) == 'The payload\'s keys are no list of object keys such as ["a/b.txt"]'


def test_nothing_outside_the_triggers_filter_is_ever_sent():
    world = Replays(OBJECT_PREFIX="in/")
    world.fail("in/a", "out/a")
    assert world.replay()["accepted"] == 1
    assert world.failed() == {"out/a"}
    with pytest.raises(PayloadError, match="outside"):
        world.replay({"keys": ["out/a"]})


def test_an_envelopes_keys_are_sent_through_a_run_file(world):
    envelope = {"requestContext": {}, "requestPayload": json.dumps({"events": [event("a"), event("b")]})}
    world.oms.schedule = [FROZEN]
    assert world.replay(envelope)["failed"] == 2
    assert world.failed() == {"a", "b"}
    world.oms.schedule = []
    assert world.replay(envelope)["accepted"] == 2
    assert world.failed() == set()


def test_an_envelope_that_is_partly_unreadable_raises_once_the_rest_is_sent(world):
    envelope = {"requestContext": {}, "requestPayload": {"events": [event("a"), {}]}}
    with pytest.raises(EventError):
        world.replay(envelope)
    assert world.oms.accepted.keys() == {"a"}


def test_an_envelope_whose_run_file_cannot_be_written_raises_so_that_function_compute_keeps_it(world):
    world.bucket.problem = lambda kind, name: REFUSED if kind == "put" else None
    with pytest.raises(StorageError):
        world.replay({"requestContext": {}, "requestPayload": {"events": [event("a")]}})


# The log bucket's troubles


def test_a_failed_record_that_cannot_be_written_back_stays_in_the_run_file(world):
    world.fail("a", "b")
    world.oms.schedule = [FROZEN]
    world.bucket.problem = lambda kind, name: REFUSED if kind == "put" and name.endswith("failed_object/a") else None
    world.replay()
    assert world.failed() == {"b"}
    assert world.in_run_files() == {"a"}


def test_a_record_that_cannot_be_read_is_left_where_it_is(world, caplog):
    world.fail("a", "b")
    world.bucket.problem = lambda kind, name: REFUSED if kind == "get" and name.endswith("/a") else None
    result = world.replay()
    assert (result["accepted"], result["finished"]) == (1, False)
    assert world.failed() == {"a"}
    assert {"record": f"{ROOT}failed_object/a", "problem": "no"} in [record.msg for record in caplog.records]


def test_a_long_record_that_names_no_key_is_reported_and_left(world, caplog):
    name = f"{ROOT}failed_object_long/{'0' * 64}"
    world.bucket.add(StoredObject(name, b"?"))
    world.replay()
    problem = "names no key: look at it, and delete it when done"
    assert [record.msg for record in caplog.records] == [{"record": name, "problem": problem}]
    assert world.bucket.names(name)


def test_a_run_keeps_how_it_ended_for_status_to_tell(world):
    world.fail("a")
    result = world.replay()
    state = json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)
    assert state == {"after": "", "rejected": {}, "last": {"at": "2026-01-02T00:00:00Z", "result": result}}


def test_state_that_cannot_be_stored_or_read_costs_no_key(world, caplog):
    world.bucket.add(StoredObject(f"{ROOT}state/replay.json", b"?"))
    world.bucket.problem = lambda kind, name: REFUSED if kind == "put" and "/state/" in name else None
    world.fail("a")
    assert world.replay()["accepted"] == 1
    assert [record.msg for record in caplog.records] == [
        {"state": "replay", "problem": "unreadable, so it begins anew"},
        {"state": "not stored", "problem": "no"},
    ]


def test_the_next_run_goes_on_behind_the_last_one_and_comes_round(world):
    # GIVEN a run whose time ends after its first page
    world.fail(*many(1500), "z" * 1000)
    world.oms.round_trip = 0.9
    world.replay(timeout=110)
    state = json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)
    assert state["after"] == f"{ROOT}failed_object/{many(1000)[-1]}"

    # WHEN a record comes before that place and one at it, and the next run has time
    world.fail("a first", many(1000)[-1])
    world.oms.round_trip = 0.001
    world.replay()

    # THEN both sides of it have gone out
    assert world.failed() == world.in_run_files() == set()
    assert json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)["after"] == ""


@pytest.mark.parametrize(
    ("timeout", "left", "begun"), [(60, 15.5, True), (60, 14.5, False), (240, 31, True), (240, 29, False)]
)
def test_no_further_page_is_begun_with_half_a_minute_or_a_quarter_of_the_time_left(world, mocker, timeout, left, begun):
    # GIVEN two pages, of which the first takes so long
    mocker.patch("support.fake_bucket.PAGE_SIZE", 10)
    world.fail(*many(15))

    def slow(kind: str, names: object) -> None:
        if kind == "delete":
            world.bucket.after = lambda kind, names: None
            world.clock.sleep(timeout - left)

    world.bucket.after = slow

    # WHEN it is done, THEN the second is begun only while there is time for it
    result = world.replay(timeout=timeout)
    assert (result["accepted"], result["finished"]) == ((15, True) if begun else (10, False))


@pytest.mark.parametrize("payload", [None, {"dry_run": True}, {"keys": ["a"]}, {"limit": 1}])
def test_every_run_logs_what_it_returns(world, caplog, payload):
    caplog.set_level("INFO", "oss_oms_sync")
    world.fail("a", "b")
    result = world.replay(payload)
    told = [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")]
    assert told == [result]


def test_dropped_connections_are_no_reason_to_stop(world):
    world.fail(*many(100))
    world.oms.schedule = [DROP_BEFORE, "ok"] * 20
    assert world.replay()["accepted"] == 100


def test_a_success_record_that_cannot_be_written_is_an_error_in_the_log_only(world, caplog):
    world.fail("a")
    world.bucket.problem = lambda kind, name: REFUSED if kind == "put" and "success_object" in name else None
    assert world.replay()["accepted"] == 1
    assert world.failed() == world.in_run_files() == set()
    assert any(record.levelname == "ERROR" for record in caplog.records)


def test_a_run_whose_time_is_up_before_it_begins_leaves_everything(world):
    world.fail("a")
    with pytest.raises(StorageError, match="time was up"):
        world.replay(timeout=0.05)
    assert world.failed() == {"a"}


def test_a_slow_rate_ends_with_the_time_not_in_the_middle_of_a_wait():
    world = Replays()
    world.settings = dataclasses.replace(world.settings, oms_rate=0.02)
    world.fail(*many(40))
    result = world.replay(timeout=120)
    assert (result["accepted"], result["left"]) == (30, 10)
    assert world.clock.seconds <= 120


def test_a_run_file_that_cannot_be_deleted_is_told(world, caplog):
    world.bucket.add(StoredObject(f"{ROOT}replay/1.json", b'{"busy_until": "", "keys": []}'))
    world.bucket.problem = lambda kind, name: REFUSED if kind == "delete" and "/replay/" in name else None
    world.replay()
    assert any("run_file" in str(record.msg) for record in caplog.records)


def test_a_run_file_that_cannot_be_written_shorter_is_told_and_stays(world, caplog):
    world.fail(*many(30))
    world.oms.schedule = [FROZEN]
    run_file_puts = []

    def problem(kind, name):
        run_file_puts.extend([name] if kind == "put" and "/replay/" in name else [])
        return REFUSED if len(run_file_puts) == 2 and kind == "put" and "/replay/" in name else None

    world.bucket.problem = problem
    world.replay()
    assert world.in_run_files() == set(many(30))
    assert any("run_file" in str(record.msg) for record in caplog.records)


def test_a_run_file_that_vanished_meanwhile_is_no_trouble(world):
    world.fail("a")
    world.oms.schedule = [FROZEN]
    world.bucket.add(StoredObject(f"{ROOT}replay/x.json", b"{}"))
    gone = StorageFailure("there is none", answered=True, code="NoSuchKey")
    world.bucket.problem = lambda kind, name: gone if kind == "get" and "/replay/" in name else None
    assert world.replay()["failed"] == 1


def test_a_run_file_that_cannot_be_shrunk_stays_as_it_was(world):
    world.fail("a")
    world.bucket.problem = lambda kind, name: REFUSED if kind == "delete" and "/replay/" in name else None
    assert world.replay()["accepted"] == 1
    assert world.in_run_files() == {"a"}


def test_a_record_that_another_run_took_meanwhile_is_no_trouble(world):
    world.fail("a", "b")
    gone = StorageFailure("there is none", answered=True, code="NoSuchKey")
    world.bucket.problem = lambda kind, name: gone if kind == "get" and name.endswith("/a") else None
    result = world.replay()
    assert (result["accepted"], result["finished"]) == (1, True)


def test_what_failed_again_is_not_sent_twice_by_the_same_run(world):
    world.fail("a")
    world.oms.schedule = [HANG] * 30
    world.replay(timeout=60)
    world.oms.schedule = [404] * 30
    result = world.replay()
    assert (result["taken"], result["failed"]) == (1, 1)


def test_a_run_file_that_cannot_be_read_now_is_told_and_not_called_finished(world):
    world.fail("a")
    world.bucket.problem = lambda kind, name: REFUSED if kind == "put" and "success" in name else None
    world.bucket.add(StoredObject(f"{ROOT}replay/1.json", b"{}"))
    world.bucket.problem = lambda kind, name: LOST if kind == "get" and "/replay/" in name else None
    assert world.replay()["finished"] is False


def test_a_stopped_run_touches_no_further_run_file_and_counts_them_as_left(world):
    # GIVEN many run files of which nothing was sent
    for number in range(5):
        world.fail(*[f"{number} {key}" for key in range(20)])
        world.oms.schedule = [FROZEN]
        world.replay({"prefix": f"{number} "})
    files = len(world.bucket.names(f"{ROOT}replay/"))
    assert files == 5

    # WHEN the account is still refused
    world.bucket.calls.clear()
    world.oms.schedule = [FROZEN]
    result = world.replay()

    # THEN one batch was sent, and the rest stays where it is
    assert (result["taken"], result["failed"], result["left"]) == (10, 10, 40)
    assert world.bucket.calls["put"] <= 2 + 10 + 1


def test_a_choice_does_not_take_up_run_files_and_a_dry_run_counts_them(world):
    world.fail(*many(50))
    world.oms.schedule = [FROZEN]
    world.replay()
    world.fail("x/1")
    assert world.replay({"dry_run": True})["taken"] == 51
    assert world.replay({"prefix": "x/", "limit": 1})["accepted"] == 1
    assert world.oms.accepted.keys() == {"x/1"}


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ({"prefix": "key 00"}, ["key%2000"]),
        ({"limit": 3}, ["key%2000"]),
        ({"reason": "THROTTLED"}, ["key%2000"]),
        ({"keys": ["z"]}, ["z"]),
        ({"dry_run": True}, []),
    ],
)
def test_a_run_of_some_keys_begins_at_the_front_and_moves_no_position(world, asked, first):
    # GIVEN a whole run that did not get further than its first page, and a failure before that place
    world.fail(*many(1500))
    world.oms.round_trip = 0.9
    world.replay(timeout=110)
    state = world.bucket.objects[f"{ROOT}state/replay.json"]
    assert json.loads(state.body)["after"].endswith(many(1000)[-1])
    world.fail("key 00")
    world.oms.calls.clear()

    # WHEN a part is asked for
    world.clock.sleep(1)
    world.oms.round_trip = 0.001
    world.replay(asked)

    # THEN it begins with that one, and the next whole run where it would have
    assert [call[0] for call in world.oms.calls[:1]] == first
    assert world.bucket.objects[f"{ROOT}state/replay.json"] == state


def test_a_long_record_that_names_another_key_is_reported_and_left(world):
    world.bucket.add(StoredObject(f"{ROOT}failed_object_long/{'0' * 64}", b'{"key": "other"}'))
    assert world.replay()["taken"] == 0
