"""Passes of headers: the headers of objects with equal contents are compared, changed in OBS, recorded and restored."""

from __future__ import annotations

import contextlib
import json
import random

import pytest

from ops.cost.effort import HEADERS_SECONDS
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import InstanceKilled
from sandbox.server.faults import Fault
from support.world import DROP_AFTER, DROP_BEFORE, World, event, oss_error, record_name

SOURCE = {"Content-Type": "text/html", "Cache-Control": "max-age=60", "x-oss-meta-team": "a b"}
LOST = {"Content-Type": "text/html"}
WANTED = {"content-type": "text/html", "cache-control": "max-age=60", "x-obs-meta-team": "a b"}


def make_world(*, moves: bool = False, replaces: bool = True) -> World:
    """Return a world after a canary, which measures what a change of headers in OBS does.

    `moves` is True if a change updates LastModified, and `replaces` is True if a change removes all other headers.
    """
    world = World.installed()
    world.obs.round_trip = 0.001
    world.measure_headers(moves=moves, replaces=replaces)
    return world


def put_in_both(world: World, key: str, source: dict[str, str], in_obs: dict[str, str]) -> None:
    """Write the same contents to both buckets: with the headers `source` in OSS, and the headers `in_obs` in OBS."""
    world.source.add(StoredObject(key, b"A", source))
    world.obs_bucket.put(key, b"A", headers={name.lower(): value for name, value in in_obs.items()})


def headers_in_obs(world: World, key: str) -> dict[str, str]:
    return dict(world.obs_bucket.objects[key].headers)


def mended_record(world: World, key: str) -> StoredObject | None:
    return world.bucket.objects.get(record_name("mended", key))


def count_changes(world: World) -> int:
    """Return the number of changes of headers that OBS has accepted."""
    accepted = ("obs:object:ModifyObjectMetaData", 200)
    return sum((name, status) == accepted for name, _, _, status in world.obs.actions)


@pytest.fixture
def world(request) -> World:
    """Return a world with an object whose headers were lost, and an object with equal headers.

    A change of headers updates LastModified in OBS, unless the test has the parameter False.
    """
    world = make_world(moves=getattr(request, "param", True))
    put_in_both(world, "a/lost", SOURCE, LOST)
    put_in_both(world, "b/equal", SOURCE, WANTED)
    world.advance()
    return world


@pytest.mark.parametrize("world", [False, True], indirect=True)
def test_a_headers_pass_mends_lost_headers_once_and_then_writes_nothing(world):
    answer = world.headers()
    assert answer["finished"] is True
    assert answer["outcomes"] == {"equal": 1, "mended": 1}
    assert answer["headers"] == {"cache-control": 1, "meta-team": 1}
    assert answer["folders"] == {"a/": {"mended": 1}, "b/": {"equal": 1}}
    assert headers_in_obs(world, "a/lost") == headers_in_obs(world, "b/equal") == WANTED
    made = world.obs.actions[:]
    world.advance()
    assert world.headers()["outcomes"] == {"recorded": 2}
    assert {name for name, *_ in world.obs.actions[len(made) :]} == {"obs:bucket:ListBucket"}


def test_a_headers_pass_with_look_records_equal_and_counts_other_objects(world):
    answer = world.headers("look")
    assert (answer["outcomes"], answer["examples"]) == ({"equal": 1, "differs": 1}, {"differs": ["a/lost"]})
    assert count_changes(world) == 0
    assert mended_record(world, "a/lost") is None
    assert mended_record(world, "b/equal")


def test_a_headers_pass_counts_and_names_source_objects_with_tags(world):
    for key in ("c/changed", "c/equal"):
        put_in_both(world, key, {**SOURCE, "x-oss-tagging-count": "2"}, LOST if key == "c/changed" else WANTED)
    world.advance()
    answer = world.headers("look")
    assert (answer["tagged"], answer["tagged_examples"]) == (2, ["c/changed", "c/equal"])
    assert answer["outcomes"] == {"equal": 2, "differs": 2}
    # WHEN OSS shows no tags to the role
    world.oss.deny("oss:GetObjectTagging", world.source_bucket)
    world.source.add(StoredObject("c/equal", b"A", {**SOURCE, "x-oss-tagging-count": "2"}))
    world.advance()
    answer = world.headers("look", restart=True)
    assert (answer["tagged"], answer["tagged_examples"], answer["outcomes"]["equal"]) == (0, [], 1)


def test_a_headers_pass_with_undo_restores_the_original_headers(world):
    world.headers()
    world.source.add(StoredObject("a/lost", b"A", {**SOURCE, "Cache-Control": "no-store"}))
    world.advance()
    world.headers()
    assert headers_in_obs(world, "a/lost") == {**WANTED, "cache-control": "no-store"}
    assert world.headers("undo")["outcomes"] == {"restored": 1, "untouched": 1}
    assert headers_in_obs(world, "a/lost") == {"content-type": "text/html"}
    assert mended_record(world, "a/lost") is None


def test_a_headers_pass_copies_a_header_changed_at_the_source_without_oms(world):
    world.headers()
    # WHEN the headers change, and forward gets the event of this change
    world.source.add(StoredObject("a/lost", b"A", {**SOURCE, "Cache-Control": "no-store"}))
    record = mended_record(world, "a/lost")
    body = json.dumps({"events": [event("a/lost", "ObjectModified:UpdateObjectMeta")]})
    assert world.forward(body.encode())
    # THEN the key keeps its state, and the next run finds the object by its time
    assert not world.oms.accepted
    assert (world.bucket.failed_keys(), mended_record(world, "a/lost")) == (set(), record)
    world.advance()
    assert world.headers()["outcomes"] == {"recorded": 1, "mended": 1}
    assert headers_in_obs(world, "a/lost") == {**WANTED, "cache-control": "no-store"}


@pytest.mark.parametrize(
    ("measured", "step"),
    [
        ({}, {"job": "canary", "options": {}}),
        (
            {"url": "no", "expired_url": "not seen", "moves_etag": "no", "moves_time": "no"},
            {"job": "canary", "options": {}},
        ),
        ({"url": "yes", "expired_url": "no", "moves_etag": "yes", "moves_time": "no"}, None),
        ({"url": "yes", "expired_url": "yes", "moves_etag": "no", "moves_time": "no"}, None),
        ({"url": "no", "expired_url": "no", "moves_etag": "no", "moves_time": "no"}, None),
    ],
)
def test_a_headers_pass_changes_no_header_unless_a_canary_found_it_safe(measured, step):
    world = make_world()
    world.bucket.add_canary_result({"in_place": measured})
    put_in_both(world, "a", SOURCE, LOST)
    world.advance()
    for work in ("mend", "undo"):
        answer = world.headers(work)
        assert answer["stop"] == "headers"
        # Another canary would measure the same.
        assert answer["step"] == step
        assert count_changes(world) == 0
    answer = world.headers("look")
    assert (answer["outcomes"], answer["step"]) == ({"differs": 1}, step)


def test_a_refused_headers_pass_names_the_step_before_a_cutover(world):
    dry_run, cutover = {"job": "headers", "options": {"dry_run": True}}, {"job": "cutover", "options": {}}
    assert world.headers(cutover=False)["step"] == dry_run
    # A pass over a part of the keys does not make a cutover change headers.
    assert world.headers("look", prefix="a/", cutover=False)["step"] == dry_run
    assert world.headers(cutover=False)["step"] == dry_run
    assert world.headers("look", cutover=False)["step"] == cutover
    assert world.headers(cutover=False)["step"] == cutover
    # No step permits an undo.
    answer = world.headers("undo", cutover=False)
    assert (answer["stop"], answer["step"]) == ("headers", None)
    assert "cannot be restored" in answer["stopped"]
    assert count_changes(world) == 0


def test_a_headers_pass_changes_nothing_in_a_closed_project_until_it_opens(world):
    world.bucket.add_mark(closed=True)
    answer = world.headers()
    assert answer["stop"] == "closed"
    assert count_changes(world) == 0
    assert world.headers("look")["outcomes"]["differs"] == 1
    world.bucket.add_mark(closed=False)
    assert world.headers()["outcomes"] == {"recorded": 1, "mended": 1}


def test_a_headers_pass_stops_and_names_the_missing_permission(world):
    world.obs.deny("obs:object:ModifyObjectMetaData")
    with pytest.raises(StorageError, match="ModifyObjectMetaData"):
        world.headers()
    assert world.headers("look")["stop"] is None


@pytest.mark.parametrize("replaces", [False, True])
def test_a_headers_pass_removes_a_header_only_if_obs_can_replace_all(replaces):
    world = make_world(replaces=replaces)
    put_in_both(world, "a", SOURCE, {**WANTED, "content-language": "de"})
    world.advance()
    answer = world.headers()
    assert answer["outcomes"] == ({"mended": 1} if replaces else {"removal": 1})
    assert answer["headers"] == {"content-language": 1}
    assert (headers_in_obs(world, "a") == WANTED) == replaces


def test_a_headers_pass_names_refused_objects_and_mends_the_others(world):
    odd = {"x-oss-meta-a": "山", "Content-Type": "text/html"}
    put_in_both(world, "c/chinese", odd, LOST)
    put_in_both(world, "c/archived", SOURCE, {**LOST, "x-obs-storage-class": "COLD"})
    put_in_both(world, "c/old", SOURCE, {"x-obs-meta-a": "x" * 8190})
    put_in_both(world, "c/refused", SOURCE, LOST)
    world.advance()
    world.destination.fail(oss_error(400, "InvalidArgument"), "put", lambda key: key == "c/refused")
    answer = world.headers()
    assert answer["examples"] == {
        "archived": ["c/archived"],
        "not_ascii": ["c/chinese"],
        "refused": ["c/refused"],
        "too_large": ["c/old"],
    }
    assert answer["outcomes"]["mended"] == 1


@pytest.mark.parametrize("key", ["最" * 330, "k" * 1000])
def test_a_headers_pass_finds_the_record_of_a_long_key_again(world, key):
    put_in_both(world, key, SOURCE, LOST)
    world.advance()
    world.headers()
    made = count_changes(world)
    assert world.headers()["outcomes"] == {"recorded": 3}
    assert count_changes(world) == made
    assert world.headers("undo")["outcomes"]["restored"] == 2


def test_a_headers_pass_names_the_version_to_change_in_a_versioned_bucket(world):
    world.obs_bucket.has_versions = True
    first = world.obs_bucket.put("v", b"A", headers={"content-type": "text/html"})
    world.source.add(StoredObject("v", b"A", SOURCE))
    world.advance()
    world.headers()
    assert (headers_in_obs(world, "v"), world.obs_bucket.objects["v"].version_id) == (WANTED, first.version_id)


@pytest.mark.parametrize("world", [False, True], indirect=True)
def test_a_headers_pass_makes_no_request_for_a_recorded_object(world):
    for number in range(20):
        put_in_both(world, f"c/{number}", SOURCE, LOST)
    world.advance()

    def requests(**options) -> dict[str, int]:
        buckets = {"source": world.source, "log": world.bucket, "obs": world.destination}
        before = {(name, kind): bucket.calls[kind] for name, bucket in buckets.items() for kind in ("head", "put")}
        world.headers(restart=True, **options)
        made = {
            f"{name} {kind}": bucket.calls[kind] - before[name, kind]
            for name, bucket in buckets.items()
            for kind in ("head", "put")
        }
        return {name: number for name, number in made.items() if number}

    # One object is equal: it takes a HEAD on either side, and a record.
    first, passes = requests(), requests()["log put"]
    assert first == {
        "source head": 22,
        "obs head": 22 + 21 * (2 if world.obs_bucket.headers_update_time else 1),
        "obs put": 21,
        "log put": 1 + 2 * 21 + passes,
    }
    assert requests() == {"log put": passes}


@pytest.mark.long
@pytest.mark.parametrize("moves", [False, True])
def test_a_headers_pass_is_as_fast_as_the_cost_estimate_assumes(moves):
    world = make_world(moves=moves)
    world.oss.round_trip, world.obs.round_trip = 0.01, 0.04

    def pass_seconds() -> float:
        began = world.clock.seconds
        world.headers(restart=True)
        return world.clock.seconds - began

    without_objects = pass_seconds()
    for number in range(400):
        put_in_both(world, f"{number:04}", SOURCE, LOST)
    world.advance()
    changed, recorded = ((pass_seconds() - without_objects) / 400 for _ in range(2))
    # Half of the time is left for computing, which takes no virtual time.
    assert 0.5 < changed / HEADERS_SECONDS["moves" if moves else "stays"] < 1
    assert recorded < 3 * HEADERS_SECONDS["recorded"]


# Forty kinds of headers: standard and users', plain and hostile, at the limits, and names in any case.
VALUES = [
    "max-age=60",
    'attachment; filename="a b.pdf"',
    "a+b%20c",
    "'\"`<>\\",
    "=?utf-8?q?x?=",
    "a, b;c",
    "x" * 4000,
    "0",
    "%E5%B1%B1",
    "multipart/form-data",
]
KINDS = [
    *({"Content-Type": "text/html", "Cache-Control": value} for value in VALUES),
    *({"Content-Type": value, "Expires": "Thu, 01 Jan 2026 00:00:00 GMT"} for value in VALUES),
    *({"x-oss-meta-Value": value, "X-Oss-Meta-value2": value[:1]} for value in VALUES),
    *({"Content-Disposition": value, "Content-Language": "de", "x-oss-meta-n": value} for value in VALUES[:6]),
    {"x-oss-meta-a": "x" * 8100},
    {"x-oss-meta-chinese": "山海"},
    {"Content-Encoding": ""},
    {},
]


@pytest.mark.long
@pytest.mark.parametrize("moves", [False, True])
def test_a_headers_pass_makes_all_headers_equal_despite_faults_and_kills(moves):
    world, dice = make_world(moves=moves), random.Random(0)
    assert len(KINDS) == 40
    for number in range(200):
        key, kind = f"{number % 7}/{number:04}", KINDS[number % 40]
        carried = {name: value for name, value in kind.items() if value.isalnum() and value.isascii()}
        there = {f"x-obs-{name[6:]}" if name.lower().startswith("x-oss-") else name: v for name, v in carried.items()}
        put_in_both(world, key, {"Content-Type": "text/plain", **kind}, {"content-type": "text/plain", **there})
    before = {key: headers_in_obs(world, key) for key in world.destination.objects}
    world.advance()
    steps = iter(range(10**9))

    def strike(*_: object) -> None:
        if next(steps) % 401 == 400:
            world.die()

    world.destination.before = world.bucket.before = strike
    faults = [DROP_BEFORE, DROP_AFTER, oss_error(503), Fault.lands_late(3)]
    world.obs.faults.random(0.04, faults, 1)
    world.oss.faults.random(0.008, faults[:3], 2)
    for _ in range(20):
        with contextlib.suppress(StorageError, InstanceKilled):
            if world.headers(restart=dice.random() < 0.5)["finished"]:
                break
    world.destination.before = world.bucket.before = lambda *_: None
    world.obs.faults.clear()
    world.oss.faults.clear()
    answer = world.headers(restart=True)
    assert answer["finished"]
    assert answer["outcomes"].get("not_ascii") == 5
    assert sum(answer["outcomes"].get(name, 0) for name in ("recorded", "equal", "mended")) == 195
    made = count_changes(world)
    assert world.headers(restart=True)["outcomes"] == {"recorded": 195, "not_ascii": 5}
    assert count_changes(world) == made
    undone = world.headers("undo")
    assert undone["outcomes"].get("restored", 0) > 100
    assert {key: headers_in_obs(world, key) for key in world.destination.objects} == before
