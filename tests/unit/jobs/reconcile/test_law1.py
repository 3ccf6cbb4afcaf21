"""Law 1 for reconcile: no object key is lost, for any objects and records, even if any request kills the instance."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.inprocess.instance import InstanceKilled
from support.law import HOSTILE, schedules
from support.world import World

versions = st.sampled_from(["", "A", "B"])
objects = st.dictionaries(
    st.from_regex("[ab][ab/]{0,3}", fullmatch=True) | st.sampled_from(HOSTILE),
    st.tuples(versions, versions, versions, st.booleans()),
    max_size=30,
)


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(5))
@given(objects=objects, kills=st.lists(st.integers(0, 30), max_size=4), refused=st.booleans())
def test_law1_of_reconcile_every_object_is_covered_accepted_or_recorded(objects, kills, refused, count_schedule):
    # GIVEN any objects and records: the object's version, those of its records, and whether they are older
    World.close_all()
    world = World.installed()
    for key, (data, success, failed, older) in objects.items():
        if success:
            world.bucket.add_success_record(key, success)
        if failed:
            world.bucket.add_failed_records(key, data=failed)
        world.advance(5 * older)
        if data:
            world.upload(key, data)
    covered = {key for key, (data, success, _, older) in objects.items() if data and data == success and not older}
    bad = list(objects)[:2] if refused else []
    world.oms.refuse(lambda key: key in bad)
    world.advance()

    # WHEN timer runs are killed at some of their calls, and other runs follow
    for kill in kills:
        calls = count()

        def strike(kind: str, names: object, calls: Iterator[int] = calls, kill: int = kill) -> None:
            if next(calls) >= kill:
                world.die()

        world.source.before = world.bucket.before = world.bucket.after = strike
        with contextlib.suppress(InstanceKilled):
            world.tick("reconcile")
    world.source.before = world.bucket.before = world.bucket.after = lambda kind, names: None
    while not world.reconcile()["finished"]:
        pass

    # THEN each object is covered, was accepted, or has a failed record
    left = (
        {key for key, (data, *_) in objects.items() if data}
        - covered
        - world.accepted_keys()
        - world.bucket.failed_keys()
    )
    assert not left
    assert not covered & world.accepted_keys()
    count_schedule("of reconciles", "every object is covered, accepted or recorded")
