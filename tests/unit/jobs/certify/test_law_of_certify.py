"""The law of certify: after any history, a GO means that the buckets are equal.

The test compares the contents of all objects itself. If an object is not proven equal, a user has to accept its class,
and the object needs only an equal size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ops.certificate.check import find_false_claims
from oss_oms_sync.errors import StorageError
from sandbox.oms.copier import CopyFailure
from support.law import schedules
from support.world import DAY, HOUR, ROOT, World, oss_error

BUSY = oss_error(409, "Busy")
ACCEPTED = ("suspicious", "equal_version", "equal_size", "impossible", "unknown")
# No name of a file, OMS's own folder, and a key without room for its record.
KEYS = ["a b", "oms/sync_task/x", "🎉", "海" * 330]

keys = st.sampled_from(KEYS)
data = st.sampled_from(["", "A", "AB", "BA", "AAAA", "AABB"])
kinds = st.sampled_from(["md5", "md5", "md5", "form", "Multipart", "Appendable", "Symlink"])
fates = st.sampled_from(["copied", "copied", "accepted", "refused", "lost"])
puts = st.tuples(st.just("put"), keys, data, kinds, fates)
of_users = st.one_of(puts, st.tuples(st.just("delete"), keys))
lived = st.one_of(
    puts,
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("write"), keys, data),
    st.tuples(st.just("remove"), keys),
    st.tuples(st.just("advance"), st.sampled_from([1, 70, 1000, 4000, DAY])),
    st.sampled_from([("encrypt",), ("fail_copy",), ("copy_all",), ("open_and_replay",), ("open_and_compare",)]),
)
# Steps of the day of a cutover; each can be forgotten, or run in another order.
steps = st.sampled_from(["open_and_compare", "recheck", "deep", "stand_still", "tick_replay", "copy_all"])


def play(world: World, happenings: Sequence[tuple[Any, ...]]) -> None:
    for what, *details in happenings:
        match what, details:
            case "deep", _:
                world.open_and_compare(deep=True)
            case "compare", [wishes]:
                world.open_and_compare(**wishes)
            case "stops", [wishes]:
                world.source.fail(BUSY, "list")
                with contextlib.suppress(StorageError):
                    world.open_and_compare(**wishes)
                world.source.heal()
            case "tick_replay", _:
                world.tick("replay")
            case "encrypt", _:
                world.obs.bucket(world.destination.name).is_encrypted = True
            case "fail_copy", _:
                world.task.failures.then(CopyFailure("UPLOAD_DST_OBJ_FAILURE"))
            case _:
                getattr(world, what)(*details)


def read_versions(world: World) -> dict[str, tuple[str, int]]:
    """Return the ETag and the time of each source object."""
    return {key: (stored.etag, stored.last_modified) for key, stored in world.oss.objects(world.source.name).items()}


def is_equal(world: World, key: str, document: dict[str, Any]) -> bool:
    """Return True if an object is equal on both sides, or if the document accepts its class and the sizes are equal."""
    source, there = world.oss.objects(world.source.name).get(key), world.destination.objects.get(key)
    object_class = next((name for name, count in document["classes"].items() if key in count["keys"]), None)
    if source is None:
        records = world.bucket.names(f"{ROOT}success_object")
        was_sent = any(name.endswith(f"/{key}") or world.bucket.objects[name].body == key.encode() for name in records)
        return there is None or key.startswith("oms/sync_task/") or was_sent or object_class in document["accepted"]
    if there and there.body == source.data:
        return True
    has_room_for_doubt = source.type == "Symlink" or (there is not None and len(there.body) == source.size)
    return has_room_for_doubt and object_class in document["accepted"]


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(6))
@given(
    before=st.lists(lived, min_size=2, max_size=9),
    during=st.lists(of_users, max_size=2),
    day=st.lists(steps, max_size=3),
    late=st.sampled_from([(), (), ()]) | st.lists(of_users, min_size=1, max_size=2),
    accepted=st.sets(st.sampled_from(ACCEPTED)) | st.just(set(ACCEPTED)),
    sample=st.sampled_from([0, 0, 3]),
)
def test_law1_a_go_means_that_the_buckets_are_equal(before, during, day, late, accepted, sample, count_schedule):
    World.close_all()
    world = World.installed()
    play(world, before)
    world.oms.faults.clear()
    world.copy_all()
    world.freeze()
    # WHEN all is compared during late writes
    meanwhile = list(during)
    world.source.before = lambda kind, _: play(world, [meanwhile.pop(0)]) if kind == "list" and meanwhile else None
    world.open_and_compare()
    # Users' changes that are left over would undo later writes without a trace.
    meanwhile.clear()
    world.copy_all()
    world.advance(HOUR)
    play(world, [(step,) for step in day])
    # AND users write after that
    compared = read_versions(world)
    play(world, late)
    changed = read_versions(world) != compared
    # Keys that OMS should refuse were never submitted, if the project was closed.
    world.oms.faults.clear()
    world.stand_still()

    # THEN the check of the document finds nothing wrong, for each verdict
    document = world.certify(accept=dict.fromkeys(accepted, "a test: proven otherwise"), sample=sample)
    event(document["verdict"])
    assert find_false_claims(document) == []
    if document["verdict"] == "GO":
        assert not changed
        different = [key for key in {*world.source.objects, *KEYS} if not is_equal(world, key, document)]
        assert not different, document["text"]
    count_schedule("of certify", "a GO is true")


@pytest.mark.parametrize(
    "happenings",
    [
        [("compare", {}), ("stops", {})],
        [("compare", {}), ("compare", {"since": "2026-01-01"})],
        [("compare", {"cutover": True}), ("advance", DAY), ("compare", {"deep": True}), ("stand_still",)],
    ],
    ids=["a failed pass", "a pass with another start", "a deep pass a day later"],
)
def test_certify_judges_the_comparison_that_was_rechecked_last(happenings):
    world = World.installed(*KEYS)
    play(world, [("freeze",), *happenings])
    judged = world.certify()["passes"]["compare"]["pass"]
    assert world.open_and_compare(again=True, frozen_since=world.frozen)["pass"] == judged
