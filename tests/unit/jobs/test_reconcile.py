"""Reconcile: what no event ever told is found, exactly that is sent, and a pass killed anywhere goes on."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject, etag_of
from oss_oms_sync.errors import PayloadError, SettingsError, StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.ledger.records import (
    MAX_NAME_BYTES,
    FailedKey,
    failed_record,
    is_long,
    record_name,
    record_prefix,
    success_record,
)
from oss_oms_sync.passes.store import Passes
from oss_oms_sync.passes.tally import COUNTS
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import Died, MemoryBucket, MemoryWorld
from support.fake_clouds import TASK
from support.law import HOSTILE, SCHEDULES

ROOT = f"oms_source_record/{TASK}/"
LONG = "最" * 330
HOUR = 3600.0
NO_RIGHT = StorageFailure("no", answered=True, code="AccessDenied")
FROZEN = (400, {}, '{"error_code": "OMS.0202", "error_msg": "frozen"}')
BUSY = Failure(Reason.UNAVAILABLE, 503)


class Reconciles(MemoryWorld):
    """A world whose buckets are in memory; it was installed an hour before the clock's beginning."""

    def __init__(self, **environment: str) -> None:
        super().__init__(OMS_RATE="1000", **environment)
        self.oms.round_trip = 0.001
        self.bucket.add(StoredObject(f"{ROOT}state/installed.json", b'{"at": "2026-01-01T23:00:00Z"}'))

    def upload(self, key: str, data: str = "A", minutes_ago: int = 0) -> None:
        self.source.add(StoredObject(key, data.encode()))
        self.source.modified[key] -= minutes_ago * 60

    def accept(self, key: str, data: str = "A") -> None:
        self.bucket.add(success_record(TASK, ObjectChange(key, etag=etag_of(data))))

    def fail(self, key: str, data: str = "A") -> None:
        self.bucket.add(failed_record(TASK, FailedKey(ObjectChange(key, etag=etag_of(data))), BUSY, self.clock.now()))

    def in_step(self, *keys: str) -> None:
        for key in keys:
            self.upload(key)
            self.accept(key)

    def later(self, seconds: float = HOUR) -> None:
        self.clock.seconds += seconds

    def reconcile(self, payload: object = None, timeout: float = 570) -> dict:
        text = json.dumps(payload) if payload is not None else ""
        self.later(0.001)
        return reconcile.run(text, self.invocation(timeout)).to_json()

    def begin(self, **asked: object) -> None:
        """Begins a pass by hand that does not get beyond its first listing."""
        self.source.problem = lambda kind, name: NO_RIGHT
        with pytest.raises(StorageError):
            self.reconcile(asked)
        self.source.problem = lambda kind, name: None

    def tick(self, payload: str = "{}", timeout: float = 570) -> dict:
        event = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": payload}
        return self.reconcile(event, timeout)

    def until_finished(self, payload: object = None) -> dict:
        for _ in range(1000):
            result = self.reconcile(payload)
            if result["finished"]:
                return result
        raise AssertionError("it does not come to an end")

    def sent(self) -> set[str]:
        return set(self.oms.accepted)

    def failed(self) -> set[str]:
        records = [o for n, o in self.bucket.objects.items() if n.startswith(f"{ROOT}failed_object")]
        return {json.loads(one.body)["key"] for one in records}


@pytest.fixture
def world() -> Reconciles:
    return Reconciles()


@pytest.fixture
def small_pages(mocker):
    """Pages of seven objects, so that a few dozen take as many turns as ten thousand."""
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    mocker.patch("oss_oms_sync.jobs.reconcile._SAVE_INTERVAL_SECONDS", 4)
    # A page takes a second, so that time goes by.
    init = MemoryBucket.__init__

    def slow(self: MemoryBucket, clock: object) -> None:
        init(self, clock)
        self.seconds_a_page = 1.0

    mocker.patch.object(MemoryBucket, "__init__", slow)


def counts(result: dict) -> dict:
    """Only what is not zero."""
    return {name: result[name] for name in COUNTS if result[name]}


def adds_up(result: dict) -> bool:
    parts = (result[name] for name in ("covered", "failed_before", "submitted", "pending"))
    return result["scanned"] == sum(parts) and result["submitted"] == result["accepted"] + result["failed"]


def test_an_empty_bucket_is_finished_at_once(world):
    nothing = dict.fromkeys(COUNTS, 0)
    assert world.reconcile() == {**nothing, "finished": True, "next": None, "stopped": None}


def no_record(world: Reconciles, key: str) -> None:
    world.upload(key)


def in_step(world: Reconciles, key: str) -> None:
    world.in_step(key)


def overwritten(world: Reconciles, key: str) -> None:
    world.in_step(key)
    world.later()
    world.upload(key, "B")


def overwritten_in_the_second_of_the_record(world: Reconciles, key: str) -> None:
    world.in_step(key)
    world.upload(key, "B")


def overwritten_and_restored(world: Reconciles, key: str) -> None:
    world.in_step(key)
    world.later()
    world.upload(key, "B")
    world.upload(key, "A")


def recorded_by_the_vendors_handler(world: Reconciles, key: str) -> None:
    world.upload(key)
    world.bucket.add(StoredObject(record_name(TASK, "success", key), b""))


def recorded_without_an_etag(world: Reconciles, key: str) -> None:
    world.upload(key)
    world.bucket.add(success_record(TASK, ObjectChange(key)))


def failed(world: Reconciles, key: str) -> None:
    world.upload(key)
    world.fail(key)


def overwritten_after_it_failed(world: Reconciles, key: str) -> None:
    failed(world, key)
    world.later()
    world.upload(key, "B")


def failed_in_an_event_told_twice(world: Reconciles, key: str) -> None:
    world.in_step(key)
    world.fail(key)


def just_uploaded(world: Reconciles, key: str) -> None:
    world.later()
    world.upload(key)
    world.later(-HOUR + 60)


def migrated_before(world: Reconciles, key: str) -> None:
    world.later(-80 * HOUR)
    world.upload(key)
    world.later(80 * HOUR)


def a_symbolic_link(world: Reconciles, key: str) -> None:
    world.source.add(StoredObject(key, b"A", {"x-oss-object-type": "Symlink"}))


SENT = ["scanned", "submitted", "accepted"]
CASES = [
    (no_record, SENT),
    (in_step, ["scanned", "covered"]),
    (overwritten, SENT),
    (overwritten_in_the_second_of_the_record, SENT),
    (overwritten_and_restored, SENT),
    (recorded_by_the_vendors_handler, SENT),
    (recorded_without_an_etag, SENT),
    (failed, ["scanned", "failed_before"]),
    (overwritten_after_it_failed, SENT),
    (failed_in_an_event_told_twice, ["scanned", "covered"]),
    (just_uploaded, ["scanned", "pending"]),
    (migrated_before, []),
    (a_symbolic_link, []),
]


@pytest.mark.parametrize("key", ["a/b", LONG], ids=["plain", "long"])
@pytest.mark.parametrize(("case", "verdict"), CASES, ids=lambda one: getattr(one, "__name__", ""))
def test_just_what_is_missing_or_stale_is_sent(world, case, verdict, key):
    # GIVEN one object among others that are in step, whose names begin alike
    others = ["a", "a/", "a/b/c", "ab", "最"]
    world.in_step(*others)
    world.later()
    case(world, key)
    if case is not just_uploaded:
        world.later()

    # WHEN a pass is done
    result = world.reconcile()

    # THEN it is counted as what it is, and sent only where it has to be
    expected = {"scanned": len(others), "covered": len(others)}
    for name in verdict:
        expected[name] = expected.get(name, 0) + 1
    assert counts(result) == expected
    assert adds_up(result)
    assert result["finished"]
    assert world.sent() == ({key} if "submitted" in verdict else set())

    # AND the next pass has nothing to send
    assert world.reconcile()["submitted"] == 0


def test_records_of_deleted_objects_are_counted_and_not_sent(world):
    world.accept("deleted long ago")
    world.later()
    world.accept("deleted just now")  # or uploaded just now, behind the page that was listed
    assert counts(world.reconcile()) == {"orphans": 1}
    assert world.oms.calls == []


def test_nothing_outside_prefix_and_suffix_is_sent_or_counted():
    world = Reconciles(OBJECT_PREFIX="photos/", OBJECT_SUFFIX=".jpg")
    for key in ("photos/a.jpg", "photos/a.png", "photos", "videos/a.jpg", "photos/b.jpg"):
        world.upload(key)
        world.accept(f"{key}.deleted")
    world.later()
    assert counts(world.reconcile()) == {"scanned": 2, "submitted": 2, "accepted": 2}
    assert world.sent() == {"photos/a.jpg", "photos/b.jpg"}


def test_hostile_keys_are_told_apart(world):
    world.in_step(*HOSTILE[::2])
    for key in HOSTILE[1::2]:
        world.upload(key)
    world.later()
    world.reconcile()
    assert world.sent() == set(HOSTILE[1::2])


def test_what_it_sends_is_recorded_with_the_version_it_saw(world):
    world.upload("a", "B")
    world.later()
    world.reconcile()
    assert world.bucket.objects[f"{ROOT}success_object/a"].body == etag_of("B").encode()


def test_batches_fill_across_pages(world, small_pages):
    for number in range(40):
        world.upload(f"{number:02}/missing")
        world.in_step(f"{number:02}/there")
    world.later()
    assert world.reconcile()["accepted"] == 40
    assert sum(len(call) < 10 for call in world.oms.calls) <= 6  # one for each time that the position was kept


def test_what_was_written_since_the_last_pass_and_has_no_record_is_kept_count_of(world):
    # GIVEN lost objects on both sides of what the last pass left to their events, and of what this one leaves
    world.later(72 * HOUR)
    world.reconcile()
    world.later(24 * HOUR)
    last, settled = 24 * 60 + 15, 15
    for minutes in (last + 1, last - 1, settled + 1, settled - 1):
        world.upload(f"{minutes} lost", minutes_ago=minutes)

    # WHEN a pass is done, THEN those between are counted
    world.reconcile()
    *_, one = passes(world)
    assert (one["counts"]["new"], one["counts"]["new_missing"]) == (2, 2)


def test_what_was_written_before_the_installation_counts_for_nothing_new(world):
    world.upload("before", minutes_ago=61)
    world.upload("since", minutes_ago=59)
    world.reconcile()
    (one,) = passes(world)
    assert (one["counts"]["submitted"], one["counts"]["new"]) == (2, 1)


def test_payload_prefix_since_and_all_choose(world):
    world.later(-30 * 24 * HOUR)
    world.upload("a/old")
    world.later(30 * 24 * HOUR)
    world.in_step("a/new", "b/new")
    world.upload("b/missing")
    world.later()
    assert counts(world.reconcile({"prefix": "a/"})) == {"scanned": 1, "covered": 1}
    assert world.reconcile({"since": "2026-01-01"})["submitted"] == 1
    assert world.sent() == {"b/missing"}
    assert world.reconcile({"since": "1970-01-01", "prefix": "b/"})["submitted"] == 0
    assert world.reconcile({"since": "1970-01-01T00:00:00Z"})["submitted"] == 1
    assert world.sent() == {"b/missing", "a/old"}
    world.oms.accepted.clear()
    assert counts(world.reconcile({"all": True, "prefix": "a/"})) == {"scanned": 2, "submitted": 2, "accepted": 2}
    assert world.sent() == {"a/old", "a/new"}
    assert world.reconcile({"all": True, "since": "2026-01-01", "prefix": "a/"})["submitted"] == 1


def test_an_object_of_the_very_second_that_since_names_is_looked_at(world):
    world.upload("a")
    world.later(1)
    world.upload("b")
    world.later()
    assert world.reconcile({"since": "2026-01-02T00:00:01Z", "dry_run": True})["missing"] == ["b"]


def test_all_is_all_however_old(world):
    world.upload("a")
    world.source.modified["a"] = 0
    assert world.reconcile({"all": True})["accepted"] == 1


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"since": "yesterday"}, "such as 2026-01-31"),
        ({"since": ""}, "such as 2026-01-31"),
        ({"prefix": "videos/"}, "outside OBJECT_PREFIX 'photos/': nothing there is ever sent$"),
        ({"all": "yes"}, "no true or false"),
        ({"dryrun": True}, "It takes prefix"),
        ({"limit": -1}, "no whole number"),
        ({"prefix": "photos/\ud800"}, "no text"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "such as 2026-01-31"),
    ],
)
def test_a_payload_that_cannot_be_used_says_what_can(payload, says):
    world = Reconciles(OBJECT_PREFIX="photos/")
    with pytest.raises(PayloadError, match=says):
        world.reconcile(payload)
    assert world.oms.calls == []


def test_without_a_source_bucket_it_says_so():
    with pytest.raises(SettingsError, match=r"^SOURCE_BUCKET is empty\. Name .* records$"):
        Reconciles(SOURCE_BUCKET="").reconcile()


def test_a_dry_run_names_the_first_hundred_missing_and_changes_nothing(world):
    for number in range(120):
        world.upload(f"{number:03}")
    world.in_step("covered")
    world.later()
    world.bucket.objects.pop(f"{ROOT}state/installed.json")
    before = dict(world.bucket.objects)
    result = world.reconcile({"dry_run": True})
    assert result.pop("missing") == [f"{number:03}" for number in range(100)]
    assert counts(result) == {"scanned": 121, "covered": 1, "submitted": 120}
    assert (result["finished"], world.oms.calls, dict(world.bucket.objects)) == (True, [], before)


def test_a_dry_run_that_takes_long_keeps_nothing_either(world, small_pages):
    world = busy_world()
    before = dict(world.bucket.objects)
    assert world.reconcile({"dry_run": True})["submitted"] == len(MISSING)
    assert dict(world.bucket.objects) == before


def test_limit_bounds_one_call_and_the_next_goes_on_behind_it(world):
    for number in range(25):
        world.upload(f"{number:02}")
    world.later()
    first = world.reconcile({"limit": 13})
    assert (first["submitted"], first["finished"], first["next"]) == (13, False, "12")
    second = world.reconcile()
    assert (second["submitted"], second["finished"]) == (25, True)
    assert max(world.oms.accepted.values()) == 1


def test_the_installation_is_noted_once_and_bounds_what_is_judged(world):
    world.bucket.objects.clear()
    world.later(-73 * HOUR)
    world.upload("before")
    world.later(2 * HOUR)
    world.upload("within three days before")
    world.later(71 * HOUR)
    world.tick()
    world.later(240 * HOUR)
    world.tick()
    assert world.sent() == {"within three days before"}
    note = json.loads(world.bucket.objects[f"{ROOT}state/installed.json"].body)
    assert note == {"at": "2026-01-02T00:00:00Z", "prefix": "", "suffix": ""}


OTHER_FILTERS = [
    ({"OBJECT_PREFIX": "a/"}, {"OBJECT_PREFIX": "b/"}),
    ({"OBJECT_SUFFIX": ".jpg"}, {"OBJECT_SUFFIX": ".png"}),
    ({"OBJECT_PREFIX": "a/", "OBJECT_SUFFIX": ".jpg"}, {"OBJECT_PREFIX": "a/b/", "OBJECT_SUFFIX": ".png"}),
]


@pytest.mark.parametrize("filters", OTHER_FILTERS)
def test_a_second_project_for_the_task_sends_nothing_from_before_its_own_installation(filters):
    # GIVEN a project that was installed for a part of the bucket, and objects in all parts
    first = Reconciles(**filters[0])
    second = beside(first, **filters[1])
    first.bucket.objects.clear()
    first.tick()
    keys = [f"{folder}/{name}{end}" for folder in ("a", "a/b", "b") for name in "12" for end in (".jpg", ".png")]
    for key in keys:
        first.upload(key)
    first.later(80 * HOUR)

    # WHEN a second is installed for another part, long after
    second.tick()

    # THEN the first sends what is its own, the second nothing that is so old
    assert first.sent() == set()
    first.tick()
    assert first.sent() == {key for key in keys if first.settings.key_filter.matches(key)}
    new = next(key for key in keys if second.settings.key_filter.matches(key)).replace("1", "new")
    first.upload(new)
    first.later(25 * HOUR)
    second.tick()
    assert first.sent() == {*filter(first.settings.key_filter.matches, keys), new}


@pytest.mark.parametrize(
    "filters",
    [
        ({"OBJECT_PREFIX": "a/"}, {}),
        ({"OBJECT_PREFIX": "a/"}, {"OBJECT_PREFIX": "a"}),
        ({}, {"OBJECT_PREFIX": "a/"}),
        ({"OBJECT_SUFFIX": "/key"}, {"OBJECT_SUFFIX": "y"}),
        ({"OBJECT_SUFFIX": "y"}, {"OBJECT_PREFIX": "a/", "OBJECT_SUFFIX": "/key"}),
    ],
)
def test_after_its_filter_was_changed_a_project_was_installed_when_it_was(filters):
    # GIVEN an installed project, and an object whose event is lost
    before = Reconciles(**filters[0])
    after = beside(before, **filters[1])
    before.bucket.objects.clear()
    before.tick()
    before.upload("a/key")

    # WHEN its filter is changed before a pass finds it, THEN a later one does
    before.later(80 * HOUR)
    after.tick()
    assert before.sent() == {"a/key"}


@pytest.mark.parametrize("environment", [{}, {"OBJECT_PREFIX": "a/"}, {"OBJECT_SUFFIX": ".jpg"}])
def test_after_an_upgrade_a_project_was_installed_when_the_note_says_that_was_one_for_all(environment):
    # GIVEN the note of an older version, and an object whose event was lost after it
    world = Reconciles(**environment)
    world.upload("a/1.jpg")
    world.later(1000 * HOUR)

    # WHEN the newer version runs for the first time, and when that note is gone, THEN it counts
    assert world.reconcile({"dry_run": True})["submitted"] == 1
    assert world.tick()["accepted"] == 1
    if environment:
        del world.bucket.objects[f"{ROOT}state/installed.json"]
    world.oms.accepted.clear()
    world.bucket.objects.pop(f"{ROOT}success_object/a/1.jpg")
    assert world.reconcile()["submitted"] == 1


def test_of_several_notes_of_a_project_the_earliest_counts():
    world = Reconciles()
    world.bucket.objects.clear()
    for day, prefix in ((9, "a/"), (3, "b/"), (6, "c/")):
        note = json.dumps({"at": f"2025-12-0{day}T00:00:00Z", "prefix": prefix, "suffix": ""})
        world.bucket.add(StoredObject(f"{ROOT}state/installed-{prefix[0]}.json", note.encode()))
    world.upload("too old", minutes_ago=34 * 24 * 60)
    world.upload("since", minutes_ago=32 * 24 * 60)
    world.tick()
    assert world.sent() == {"since"}


@pytest.mark.parametrize("body", [b"", b'{"at": "some day", "prefix": "b/", "suffix": ""}'])
def test_an_unreadable_note_that_may_be_the_projects_own_is_an_error(body):
    world = Reconciles(OBJECT_PREFIX="a/")
    world.bucket.add(StoredObject(f"{ROOT}state/installed-x.json", body))
    with pytest.raises(StorageError, match=r"installed-x\.json in the log bucket is unreadable"):
        world.tick()


def test_an_installation_in_the_first_year_is_no_trouble(world):
    world.bucket.add(StoredObject(f"{ROOT}state/installed.json", b'{"at": "0001-01-01"}'))
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1


@pytest.mark.parametrize("body", [b"", b"{}", b'{"at": "some day"}'])
def test_an_unreadable_installation_is_an_error_and_not_a_new_one(world, body):
    world.bucket.add(StoredObject(f"{ROOT}state/installed.json", body))
    with pytest.raises(StorageError, match=r"installed\.json in the log bucket is unreadable"):
        world.tick()
    assert world.bucket.objects[f"{ROOT}state/installed.json"].body == body


@pytest.mark.parametrize("unanswered", ["get", "list"])
def test_a_log_bucket_that_does_not_answer_is_an_error_and_not_an_empty_one(world, unanswered):
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == unanswered else None
    with pytest.raises(StorageError):
        world.tick()
    assert world.bucket.calls["put"] == 0


def test_a_tick_begins_a_pass_only_when_the_last_began_a_period_ago(world):
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1
    lists = world.source.calls["list"]
    world.upload("b")
    world.later(22 * HOUR)
    idle = world.tick()
    assert (idle["accepted"], idle["finished"], idle["stopped"]) == (1, True, None)
    assert world.source.calls["list"] == lists
    world.later(2 * HOUR)
    assert world.tick()["accepted"] == 1
    assert world.sent() == {"a", "b"}


def test_by_hand_a_pass_begins_at_once(world):
    world.later()
    world.tick()
    world.upload("a")
    world.later()
    assert world.reconcile()["accepted"] == 1


def test_with_the_period_off_a_tick_only_goes_on_with_what_was_begun_by_hand():
    world = Reconciles(RECONCILE_PERIOD="off")
    for number in range(25):
        world.upload(f"{number:02}")
    world.later()
    idle = world.tick()
    assert (counts(idle), idle["finished"], idle["next"]) == ({}, False, None)
    assert idle["stopped"] == "RECONCILE_PERIOD is off, and no pass was begun by hand"
    world.begin()
    assert (world.tick()["accepted"], world.tick()["accepted"]) == (25, 25)
    world.upload("new")
    world.later(100 * HOUR)
    world.tick()
    assert "new" not in world.sent()


def test_when_the_time_is_up_it_stops_early_enough_and_the_next_tick_goes_on(world):
    for number in range(2000):
        world.upload(f"{number:04}")
    world.later()
    world.oms.round_trip = 1.0
    result = world.tick(timeout=60)
    assert not result["finished"]
    assert 300 < result["accepted"] < 600
    assert world.clock.seconds - HOUR < 60
    while not result["finished"]:
        result = world.tick(timeout=60)
    assert (result["accepted"], max(world.oms.accepted.values())) == (2000, 1)


def test_while_oms_refuses_the_account_it_stops_after_a_call_and_goes_on_behind_it(world):
    for number in range(30):
        world.upload(f"{number:02}")
    world.later()
    world.oms.schedule = [FROZEN, FROZEN]
    first = world.tick()
    assert (first["submitted"], first["failed"], first["finished"], first["next"]) == (10, 10, False, "09")
    assert len(world.oms.calls) == 1
    world.tick()
    last = world.tick()
    assert (last["accepted"], last["failed"], last["finished"]) == (10, 20, True)
    assert adds_up(last)
    assert world.sent() | world.failed() == {f"{number:02}" for number in range(30)}


@pytest.mark.parametrize("bad", [0, 3, 9, 10, 24])
def test_a_key_that_is_neither_accepted_nor_recorded_holds_the_pass_back(world, bad):
    # GIVEN an OMS that refuses one key, of which the log bucket takes no failed record
    for one in range(25):
        world.upload(f"{one:02}")
        world.in_step(f"{one:02} covered")
    world.later()
    key = f"{bad:02}"
    world.oms.refused = {key}
    world.bucket.problem = lambda kind, name: NO_RIGHT if name == f"{ROOT}failed_object/{key}" else None

    # WHEN ticks come, THEN the pass is kept before that key, and says why
    for _ in range(3):
        result = world.tick()
        assert not result["finished"]
        assert result["next"] < key
        assert result["stopped"] == "the log bucket takes no record of some keys"
        assert adds_up(result)
    world.bucket.problem = lambda kind, name: None
    last = world.tick()
    assert last["finished"]
    assert adds_up(last)
    assert last["scanned"] == 50
    assert world.failed() == {key}


@pytest.mark.parametrize("everything", [False, True])
def test_what_was_done_before_a_listing_failed_is_kept(world, everything):
    # GIVEN a source bucket whose third page cannot be listed
    for one in range(2500):
        world.upload(f"{one:04}")
    world.later()
    seen = []

    def third(kind: str, name: str) -> StorageFailure | None:
        seen.append(kind)
        return NO_RIGHT if len(seen) % 3 == 0 else None

    world.source.problem = third

    # WHEN it is tried until it goes well, THEN it goes on where it was, and nothing is sent twice
    with pytest.raises(StorageError):
        world.reconcile({"all": everything})
    assert len(world.sent()) > 1900
    assert world.reconcile({"all": everything})["finished"]
    assert max(world.oms.accepted.values()) == 1


@pytest.mark.parametrize("seconds", [5, 25])  # longer no listing is tried
def test_however_slow_the_listings_every_tick_gets_further(world, mocker, seconds):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    for one in range(200):
        (world.upload if one % 20 == 0 else world.in_step)(f"{one:03}")
    world.later()
    world.source.seconds_a_page = world.bucket.seconds_a_page = float(seconds)
    for _ in range(200):
        with contextlib.suppress(StorageError):
            if world.tick()["finished"]:
                break
    assert len(world.sent()) == 10
    assert max(world.oms.accepted.values()) == 1


def test_a_source_bucket_that_cannot_be_listed_is_an_error(world):
    world.source.problem = lambda kind, name: NO_RIGHT
    with pytest.raises(StorageError):
        world.tick()


def test_long_records_that_cannot_be_read_are_an_error_and_not_missing(world):
    world.in_step(LONG)
    world.later()
    world.bucket.problem = lambda kind, name: NO_RIGHT if "success_object_long" in name else None
    with pytest.raises(StorageError):
        world.tick()
    assert world.oms.calls == []


def busy_world(number: int = 60) -> Reconciles:
    """Every third object missing, every third stale, long keys among them."""
    world = Reconciles()
    for one in range(number):
        key = f"{one:02}{LONG if one % 7 == 0 else ''}"
        world.upload(key, "B")
        if one % 3:
            world.accept(key, "AB"[one % 3 - 1])
    world.accept("zz deleted")
    world.later()
    return world


MISSING = {f"{one:02}{LONG if one % 7 == 0 else ''}" for one in range(60) if one % 3 < 2}


@pytest.mark.parametrize("hook", ["before", "after"])
def test_killed_at_any_call_the_next_ticks_cover_every_key(small_pages, hook):
    step, killed = 0, True
    while killed:
        # GIVEN a tick that is killed at this one of its calls
        world, seen = busy_world(), []

        def strike(kind: str, names: object, step: int = step, seen: list[str] = seen) -> None:
            seen.append(kind)
            if len(seen) == step + 1:
                raise Died

        for bucket in (world.bucket, world.source):
            setattr(bucket, hook, strike)
        try:
            world.tick()
            killed = False
        except Died:
            step += 1
        for bucket in (world.bucket, world.source):
            setattr(bucket, hook, lambda kind, names: None)

        # WHEN the next ones come
        result = world.until_finished()

        # THEN all that was missing is in OMS, and the counts are of one whole pass
        assert world.sent() == MISSING
        assert result["scanned"] == 60
        assert adds_up(result)
    assert step > 60


def test_a_restart_beside_a_running_tick_is_not_ended_by_it(world, small_pages):
    # GIVEN a tick in the midst of which a restarted pass is begun, and an object appears behind the old one
    for number in range(40):
        world.in_step(f"{number:02}")
    world.later()
    begun = []

    def restart(kind: str, names: object) -> None:
        if len(world.oms.calls) == 0 and world.source.calls["list"] == 4 and not begun:
            world.source.before = lambda kind, names: None
            world.upload("10 late", minutes_ago=30)
            world.begin(restart=True)
            begun.append(kind)

    world.source.before = restart

    # WHEN the old tick comes to its end
    old = world.tick()

    # THEN the new pass goes on from its own place and finds that object
    assert begun
    assert old["finished"]
    assert "10 late" not in world.sent()
    assert world.tick()["finished"]
    assert world.sent() == {"10 late"}


def test_restart_begins_an_open_pass_anew(world):
    for number in range(15):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})
    world.upload("00 new", minutes_ago=30)
    assert world.reconcile({"restart": True})["submitted"] == 6
    assert "00 new" in world.sent()


def test_passes_of_different_payloads_do_not_disturb_each_other(world, small_pages):
    world.upload("a/old", minutes_ago=60 * 24 * 30)
    keys = {f"{folder}/{number:02}" for folder in "ab" for number in range(30)}
    for key in keys:
        world.upload(key)
    world.later()
    payloads = [{}, {"prefix": "a/"}, {"prefix": "b/"}, {"all": True}, {"since": "1970-01-01"}]
    scanned = {}
    while len(scanned) < len(payloads):
        for number, payload in enumerate(payloads):
            result = world.reconcile({**payload, "limit": 7})
            assert adds_up(result)
            if result["finished"]:
                scanned.setdefault(number, result["scanned"])
    assert world.sent() == keys | {"a/old"}
    assert scanned == {0: 60, 1: 30, 2: 30, 3: 61, 4: 61}


@pytest.mark.parametrize("since", ["1970-01-01", "0001-01-01", "0999-12-31T23:59:59.9Z"])
def test_a_backfill_begun_by_hand_goes_on_by_the_timer(world, since):
    for number in range(3000):
        world.upload(f"{number:04}", minutes_ago=60 * 24 * 30)
    world.later()
    world.oms.round_trip = 1.0
    assert not world.reconcile({"since": since}, timeout=60)["finished"]
    for _ in range(20):
        world.tick(timeout=60)
    assert len(world.sent()) == 3000


@pytest.mark.parametrize("first", [1970, 1971])
def test_of_two_open_backfills_the_timer_goes_on_with_the_older_one(world, first):
    # GIVEN two that were begun one after the other
    second = 1970 + 1971 - first
    for year in (first, second):
        world.begin(since=f"{year}-01-01")
        world.later()

    # WHEN the timer has no pass of its own to do, THEN it is the older one's turn
    world.tick()
    world.tick()
    assert [one["scope"]["since"][:4] for one in passes(world) if one["scope"]["since"] and one["ended"]] == [
        str(first)
    ]


def test_a_pass_is_kept_twice_and_every_half_minute_between(world, small_pages):
    world.in_step(*(f"{number:03}" for number in range(100)))
    world.source.seconds_a_page = 0.0
    world.later()
    kept = []
    world.bucket.after = lambda kind, names: kept.append(names) if kind == "put" else None
    world.reconcile()
    assert len(kept) == 2
    world.source.seconds_a_page = 4.5  # the fixture makes the half minute four seconds
    kept.clear()
    world.reconcile()
    assert len(kept) == 2 + 15  # pages


def test_a_trial_with_a_limit_does_not_go_on_by_the_timer(world):
    for number in range(60):
        world.upload(f"{number:02}", minutes_ago=60 * 24 * 30)
    world.later()
    world.reconcile({"since": "1970-01-01", "limit": 10})
    for _ in range(3):
        world.tick()
    assert len(world.sent()) == 10
    # Gone on with by hand without a limit, it is the timer's too.
    world.oms.round_trip = 20.0
    world.reconcile({"since": "1970-01-01"}, timeout=60)
    assert len(world.sent()) < 60
    for _ in range(3):
        world.tick()
    assert len(world.sent()) == 60


def beside(world: Reconciles, **environment: str) -> Reconciles:
    """Another project for the same task and buckets, with a filter of its own."""
    other = Reconciles(**environment)
    other.bucket, other.source, other.oms, other.clock = world.bucket, world.source, world.oms, world.clock
    other.client = world.client
    return other


@pytest.mark.parametrize(
    "filters",
    [({"OBJECT_PREFIX": "a/"}, {"OBJECT_PREFIX": "b/"}), ({"OBJECT_SUFFIX": ".jpg"}, {"OBJECT_SUFFIX": ".png"})],
)
def test_the_timer_does_not_go_on_with_the_open_pass_of_another_project(filters):
    # GIVEN two projects for one task, and an open pass of the second
    first = Reconciles(**filters[0])
    second = beside(first, **filters[1])
    keys = [f"{folder}/{number:02}{end}" for folder in "ab" for number in range(15) for end in (".jpg", ".png")]
    for key in keys:
        first.upload(key)
    first.later()
    second.oms.round_trip = 20.0
    assert second.tick(timeout=60)["finished"] is False
    second.oms.round_trip = 0.001

    # WHEN the first one's timer strikes until it has nothing more to do
    for _ in range(3):
        first.tick()

    # THEN the second's pass is where it was, and finds all of its objects
    assert first.sent() < set(keys)
    second.tick()
    assert second.sent() == {
        key for key in keys if first.settings.key_filter.matches(key) or second.settings.key_filter.matches(key)
    }


def test_after_the_prefix_was_widened_the_next_tick_looks_at_what_is_new(world):
    narrow = beside(world, OBJECT_PREFIX="a/")
    for key in ("a/1", "b/1"):
        world.upload(key)
    world.later()
    narrow.tick()
    assert world.sent() == {"a/1"}
    world.tick()
    assert world.sent() == {"a/1", "b/1"}


def test_a_pass_kept_with_a_year_that_is_not_padded_is_no_whole_pass(world, caplog):
    # GIVEN what an older version kept of a backfill since the year 1
    world.reconcile({"since": "0001-01-01"})
    (name,) = world.bucket.names(f"{ROOT}reconcile/")
    old = world.bucket.objects[name].body.replace(b"0001-", b"1-")
    world.bucket.add(StoredObject(name, old))

    # WHEN the timer strikes, THEN that is told and counts for nothing
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1
    assert "unreadable, so another begins" in caplog.text


@pytest.mark.parametrize("asked", [{}, {"since": "1970-01-01"}])
def test_after_another_source_bucket_was_named_no_position_in_the_old_one_holds(world, asked):
    # GIVEN an open pass through another bucket
    mistaken = beside(world, SOURCE_BUCKET="another")
    mistaken.source = MemoryBucket(world.clock)
    for number in range(30):
        world.upload(f"{number:02}")
        mistaken.upload(f"{number:02} mistaken")
    world.later()
    mistaken.reconcile({**asked, "limit": 25})
    world.oms.accepted.clear()

    # WHEN the bucket's name is corrected, THEN a pass through this one begins at the front
    assert world.reconcile(asked)["scanned"] == 30
    assert world.sent() == {f"{number:02}" for number in range(30)}


def test_a_pass_that_ended_in_another_source_bucket_is_no_reason_to_wait(world):
    beside(world, SOURCE_BUCKET="another").tick()
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1


def kept_by_an_older_version(world: Reconciles, **changes: object) -> None:
    """The passes as they were before they named a bucket."""
    for name in world.bucket.names(f"{ROOT}reconcile/"):
        body = json.loads(world.bucket.objects[name].body)
        del body["source_bucket"]
        world.bucket.add(StoredObject(name, json.dumps({**body, **changes}).encode()))


def test_a_backfill_that_an_older_version_began_is_gone_on_with_from_the_front(world):
    # GIVEN an open backfill that got half through what may have been another bucket
    for number in range(60):
        world.upload(f"{number:02}", minutes_ago=60 * 24 * 30)
    world.reconcile({"since": "1970-01-01", "limit": 30})
    kept_by_an_older_version(world, limited=False)
    for name in world.bucket.names(f"{ROOT}success_object/"):
        del world.bucket.objects[name]
    world.oms.accepted.clear()

    # WHEN the timer strikes after the upgrade, THEN nothing of it is left out
    for _ in range(2):
        world.tick()
    assert len(world.sent()) == 60
    assert sorted(one["counts"].get("scanned", 0) for one in passes(world)) == [0, 60]
    assert {one["source_bucket"] for one in passes(world)} == {"photos"}


def test_a_pass_that_an_older_version_ended_counts_for_none(world):
    world.reconcile()
    kept_by_an_older_version(world)
    world.upload("a")
    world.later()
    assert world.tick()["accepted"] == 1


@pytest.mark.parametrize(("period", "days"), [("1d", 2), ("12h", 1.5), ("30d", 31), ("off", 31)])
def test_a_pass_is_late_a_day_after_the_next_was_due(period, days):
    world = Reconciles(RECONCILE_PERIOD=period)
    world.reconcile()
    (one,) = Passes(world.invocation()).all()
    world.later(days * 24 * HOUR - 90)
    assert not one.is_late(world.settings, world.clock.now())
    world.later(100)
    assert one.is_late(world.settings, world.clock.now())


def test_the_object_that_consoles_make_of_a_folder_is_no_pass(world, caplog):
    world.bucket.add(StoredObject(f"{ROOT}reconcile/", b""))
    assert world.reconcile()["finished"]
    assert f"{ROOT}reconcile/" in world.bucket.objects
    assert caplog.records == []


def test_the_timer_does_not_go_on_with_a_trial_of_the_usual_scope():
    # GIVEN no timer's pass, and a trial by hand
    world = Reconciles(RECONCILE_PERIOD="off")
    for number in range(60):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})

    # WHEN the timer strikes, THEN nothing more is sent, until somebody goes on by hand
    world.tick()
    assert len(world.sent()) == 10
    world.reconcile({})
    assert len(world.sent()) == 60


def test_beside_a_trial_the_timer_begins_its_own_pass(world):
    for number in range(60):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})
    assert world.tick()["scanned"] == 60
    assert len(world.sent()) == 60


def test_a_timer_whose_payload_has_a_limit_goes_on_where_it_was(world):
    for number in range(60):
        world.upload(f"{number:02}")
    world.later()
    for sent in (10, 20, 30):
        world.tick('{"all": true, "limit": 10}')
        assert len(world.sent()) == sent
    assert len(passes(world)) == 1


def test_a_moment_between_two_seconds_is_gone_on_with(world):
    for number in range(30):
        world.upload(f"{number:02}")
    world.later()
    for _ in range(3):
        world.reconcile({"since": "2026-01-01T00:00:00.5Z", "limit": 10})
    assert len(world.sent()) == 30


def test_what_came_while_the_log_bucket_could_not_be_used_yet_is_found(world):
    # GIVEN a log bucket that cannot be used until Function Compute has given the first events up, after two days
    del world.bucket.objects[f"{ROOT}state/installed.json"]
    world.upload("first")
    world.later(49 * HOUR)
    world.upload("before the project", minutes_ago=60 * 24 * 5)

    # WHEN reconcile runs for the first time
    world.tick()

    # THEN it finds them
    assert world.sent() == {"first"}


def passes(world: Reconciles) -> list[dict]:
    return [json.loads(o.body) for n, o in world.bucket.objects.items() if n.startswith(f"{ROOT}reconcile/")]


def test_of_each_payload_the_last_pass_is_kept_and_forgotten_ones_expire(world):
    world.upload("a")
    world.later()
    for _ in range(3):
        world.reconcile()
    world.reconcile({"prefix": "a"})
    world.reconcile({"prefix": "b", "limit": 0})
    assert [one["scope"]["prefix"] for one in passes(world)].count("") == 1
    assert len(passes(world)) == 3
    world.later(31 * 24 * HOUR)
    world.reconcile()
    assert [(one["scope"]["prefix"], one["counts"]["scanned"]) for one in passes(world)] == [("", 1)]


@pytest.mark.parametrize(("days", "found"), [(29, False), (31, True)])
def test_a_forgotten_open_pass_is_not_gone_on_with(world, days, found):
    for number in range(15):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})
    world.later(days * 24 * HOUR)
    world.upload("00 new", minutes_ago=30)
    world.reconcile()
    assert ("00 new" in world.sent()) == found


def test_an_unreadable_position_begins_anew(world):
    for number in range(15):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})
    (name,) = world.bucket.names(f"{ROOT}reconcile/")
    world.bucket.add(StoredObject(name, b"{"))
    world.upload("00 new", minutes_ago=30)
    assert world.reconcile()["scanned"] == 16


def test_a_position_that_cannot_be_read_is_an_error(world):
    world.reconcile({"limit": 0})
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "get" and "/reconcile/" in name else None
    with pytest.raises(StorageError):
        world.reconcile()


def test_a_pass_that_is_cleared_away_meanwhile_is_begun_anew(world):
    world.reconcile({"limit": 0})
    world.bucket.before = lambda kind, names: (
        world.bucket.objects.pop(names[0], None) if kind == "get" and "/reconcile/" in names[0] else None
    )
    assert world.reconcile()["finished"]


def test_old_passes_that_cannot_be_deleted_are_told_and_stop_nothing(world, caplog):
    world.reconcile()
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "delete" else None
    assert world.reconcile()["finished"]
    assert "'problem': 'no'" in caplog.text


def test_passes_that_cannot_be_listed_for_clearing_away_stop_nothing(world, caplog):
    lists = []

    def second(kind: str, name: str) -> StorageFailure | None:
        lists.append(name) if kind == "list" and name.endswith("/reconcile/") else None
        return NO_RIGHT if len(lists) == 2 else None

    world.bucket.problem = second
    assert world.reconcile()["finished"]
    assert "not cleared away" in caplog.text


def test_more_passes_than_a_page_are_all_looked_at(world, mocker):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 2)
    for name in "abcdef":
        world.upload(f"{name}/1")
        world.upload(f"{name}/2")
    world.later()
    for name in "abcdef":
        world.reconcile({"prefix": f"{name}/", "limit": 1})
    results = [world.reconcile({"prefix": f"{name}/"}) for name in "abcdef"]
    assert [result["scanned"] for result in results] == [2] * 6
    assert max(world.oms.accepted.values()) == 1


def boundary_key(room_for: str) -> str:
    """A key whose record of this state just fits."""
    return "k" * (MAX_NAME_BYTES - len(record_prefix(TASK, room_for)))


def test_a_key_that_is_long_for_one_record_only_is_judged_by_both(world):
    covered, waiting, missing = (boundary_key("failed")[1:] + last for last in "abc")
    assert is_long(TASK, "success", covered)
    assert not is_long(TASK, "failed", covered)
    world.in_step(covered)
    world.upload(waiting)
    world.fail(waiting)
    world.upload(missing)
    world.later()
    assert counts(world.reconcile()) == dict.fromkeys(["covered", "failed_before", "submitted", "accepted"], 1) | {
        "scanned": 3
    }


def test_a_prefix_of_the_longest_name_that_a_record_can_have_finds_its_record(world):
    key = boundary_key("success")
    world.in_step(key)
    world.later()
    assert counts(world.reconcile({"prefix": key})) == {"scanned": 1, "covered": 1}


def test_long_keys_cost_a_get_where_they_are_covered_two_where_not_and_none_where_no_record_matters(world):
    # GIVEN long keys of every kind
    covered, missing, young, link = (f"{LONG}{number}" for number in range(4))
    world.in_step(covered)
    world.upload(missing)
    a_symbolic_link(world, link)
    world.later()
    world.upload(young)

    # WHEN their records are looked at, THEN just so often
    world.bucket.calls.clear()
    world.reconcile({"dry_run": True})
    installed, per_key = 1, {covered: 1, missing: 2, young: 0, link: 0}
    assert world.bucket.calls["get"] == installed + sum(per_key.values())
    world.bucket.calls.clear()
    world.reconcile({"dry_run": True, "all": True})
    assert world.bucket.calls["get"] == installed


def test_each_page_of_a_listing_is_asked_for_once(world, mocker):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    for number in range(21):
        world.in_step(f"{number:02}")
    world.later()
    world.source.calls.clear()
    world.reconcile()
    assert world.source.calls["list"] == 3


def test_behind_a_long_key_it_goes_on_without_a_name_too_long_for_oss(world):
    keys = [f"{LONG}{number:02}" for number in range(12)] + [boundary_key("success")[2:] + "最", "z"]
    for key in keys:
        world.upload(key)
    world.accept(
        boundary_key("success")[2:] + "a"
    )  # an orphan before the key within whose last character the cut falls
    world.later()
    result = world.reconcile({"limit": 1})
    while not result["finished"]:
        result = world.reconcile({"limit": 1})
    assert (result["orphans"], result["accepted"]) == (1, len(keys))
    assert max(world.oms.accepted.values()) == 1
    assert world.reconcile({"prefix": LONG})["covered"] == 12


def test_a_long_record_without_a_time_covers_nothing(world, mocker):
    world.in_step(LONG)
    world.later()
    mocker.patch("support.fake_bucket.formatdate", lambda seconds: "")
    world.reconcile()
    assert world.sent() == {LONG}


def test_records_that_stand_in_the_source_bucket_are_never_sent(world):
    world.upload("oms_source_record/x/success_object/a")
    world.later()
    assert counts(world.reconcile()) == {}


@pytest.mark.parametrize(("minutes", "pending"), [(14, 1), (16, 0)])
def test_objects_younger_than_a_quarter_of_an_hour_are_left_for_the_next_pass(world, minutes, pending):
    world.later()
    world.upload("a", minutes_ago=minutes)
    assert world.reconcile()["pending"] == pending


def account_refused(world: Reconciles) -> None:
    world.oms.schedule = [FROZEN]


def records_refused(world: Reconciles) -> None:
    world.oms.schedule = [404]
    world.bucket.problem = lambda kind, name: NO_RIGHT if "failed_object" in name and kind == "put" else None


def time_used_up(world: Reconciles) -> None:
    world.source.seconds_a_page = 550.0


@pytest.mark.parametrize(
    ("cause", "asked", "told"),
    [
        (account_refused, {}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (records_refused, {}, f"OMS refuses every key: NO_TASK. {Reason.NO_TASK.fix.en}"),
        (time_used_up, {"dry_run": True}, "the time is up"),
        (account_refused, {"limit": 10}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (lambda world: None, {"limit": 10}, "the limit is reached"),
    ],
)
def test_why_it_stopped_is_told_and_nothing_more_is_listed(world, mocker, cause, asked, told):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    for number in range(100):
        world.upload(f"{number:03}")
    world.later()
    cause(world)
    result = world.reconcile(asked)
    assert (result["stopped"], result["finished"]) == (told, False)
    assert world.source.calls["list"] <= 3  # one page ahead


@pytest.mark.parametrize("asked", [{}, {"limit": 5}, {"dry_run": True}])
def test_every_call_logs_what_it_returns(world, caplog, asked):
    caplog.set_level("INFO", "oss_oms_sync")
    for number in range(10):
        world.upload(f"{number:02}")
    world.later()
    result = world.reconcile(asked)
    result.pop("missing", None)
    assert [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")] == [result]


def test_a_period_counts_from_the_beginning_of_the_last_pass(world):
    for number in range(20):
        world.upload(f"{number:02}")
    world.later()
    world.begin()
    world.later(20 * HOUR)
    world.tick()
    world.upload("new", minutes_ago=30)
    world.later(5 * HOUR)
    world.tick()
    assert "new" in world.sent()


def test_a_prefix_narrows_what_is_listed(world, mocker):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    for number in range(200):
        world.in_step(f"a/{number:03}")
    world.in_step("b/1")
    world.later()
    world.source.calls.clear()
    assert world.reconcile({"prefix": "b/"})["covered"] == 1
    assert world.source.calls["list"] == 1


versions = st.sampled_from(["", "A", "B"])
objects = st.dictionaries(
    st.text("ab/", min_size=1, max_size=4) | st.sampled_from(HOSTILE),
    st.tuples(versions, versions, versions, st.booleans()),
    max_size=30,
)


@settings(max_examples=SCHEDULES // 2)
@given(objects=objects, kills=st.lists(st.integers(0, 30), max_size=4), refused=st.booleans())
def test_law1_of_reconcile_every_object_is_covered_accepted_or_recorded(objects, kills, refused, count_schedule):
    # GIVEN any objects and records: the object's version, those of its records, and whether they are older
    world = Reconciles()
    for key, (data, success, failed, older) in objects.items():
        if success:
            world.accept(key, success)
        if failed:
            world.fail(key, failed)
        world.later(5 * older)
        if data:
            world.upload(key, data)
    covered = {key for key, (data, success, _, older) in objects.items() if data and data == success and not older}
    world.oms.refused = set(list(objects)[:2]) if refused else set()
    world.later()

    # WHEN ticks are killed at some of their calls, and others follow
    for kill in kills:
        countdown = [kill]

        def strike(kind: str, names: object, countdown: list[int] = countdown) -> None:
            countdown[0] -= 1
            if countdown[0] < 0:
                raise Died

        world.source.before = world.bucket.before = world.bucket.after = strike
        with contextlib.suppress(Died):
            world.tick()
    nothing: Callable[[str, object], None] = lambda kind, names: None  # noqa: E731
    world.source.before = world.bucket.before = world.bucket.after = nothing
    world.until_finished()

    # THEN each object is covered, was accepted, or stands in a failed record
    left = {key for key, (data, *_) in objects.items() if data} - covered - world.sent() - world.failed()
    assert not left
    assert not covered & world.sent()
    count_schedule("of reconciles", "every object is covered, accepted or recorded")
