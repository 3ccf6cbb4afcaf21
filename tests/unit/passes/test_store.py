"""The passes that the log bucket keeps."""

from __future__ import annotations

import logging

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.scope import Scope
from support.remembers import NO_RIGHT, Remembers


@pytest.fixture
def world() -> Remembers:
    return Remembers()


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, "oss_oms_sync")
    return lambda: [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")]


def test_a_pass_that_is_unreadable_is_told(world, lines):
    begun = world.begin()
    world.bucket.add(StoredObject(begun.name, b"{}"))
    assert world.passes.all() == []
    assert lines() == [{"pass": begun.name, "problem": "unreadable, so another begins"}]


def test_a_pass_is_kept_as_it_is_and_its_end_clears_away_those_before_it_alone(world):
    # GIVEN three passes of one scope, and one of another
    other = world.begin(Scope(KeyFilter("a"), None, everything=True), limited=True)
    first, second, third = (world.begin() for _ in range(3))

    # WHEN the second ends, THEN the first is gone
    world.passes.finish(second)
    kept = {one.name: one for one in world.passes.all()}
    assert kept.keys() == {other.name, second.name, third.name}
    assert kept[other.name] == other
    assert kept[third.name] == third
    assert kept[second.name].ended == "2026-01-02T00:00:04Z"
    assert first.started < second.started


def test_passes_that_cannot_be_cleared_away_are_told(world, lines):
    old, one = world.begin(), world.begin()
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "delete" else None
    world.passes.finish(one)
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "list" else None
    world.passes.finish(one)
    assert lines() == [{"pass": old.name, "problem": "no"}, {"passes": "not cleared away", "problem": "no"}]
