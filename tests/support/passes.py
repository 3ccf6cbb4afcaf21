"""Helpers of the tests of passes: early splits of ranges, small pages, refused requests, and readers of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes import work
from oss_oms_sync.passes.tally import COUNTS
from sandbox.server.faults import Fault
from support.stored import Stored
from support.world import NO_RIGHT, World

LONG = "最" * 330


@pytest.fixture(autouse=True)
def split_early(mocker):
    """Split ranges as soon as a lane is free, so that a few dozen objects are split as millions are."""
    mocker.patch.object(work, "UNKNOWN_RANGE_SECONDS", 0)
    mocker.patch.object(work, "MIN_SPLIT_OBJECTS", 0)


@contextmanager
def refusing(bucket: Stored, kind: str = "", where: Callable[[str], bool] = lambda _: True) -> Iterator[None]:
    """Make a bucket refuse requests within the context.

    `kind` is a kind of request, or empty for all kinds. `where` returns True for the names of the objects concerned.
    """
    is_over = False
    bucket.fail(NO_RIGHT, kind, lambda name: not is_over and where(name))
    yield
    is_over = True


def begin_stuck_pass(world: World, **options: object) -> None:
    """Begin a pass of reconcile by hand that makes no progress, because the source refuses all requests."""
    with refusing(world.source), pytest.raises(StorageError):
        world.reconcile(**options)


def slow_down_listings(bucket: Stored, seconds: float) -> None:
    bucket.fail(Fault.slow(seconds), "list")


def classes(answer: dict[str, Any]) -> dict[str, list[str]]:
    """Return the example keys of each class that has objects."""
    return {name: count["keys"] for name, count in answer["classes"].items() if count["keys"]}


def once(kind: str, call: Callable[[], object]) -> Callable[[str, Sequence[str]], None]:
    """Return a hook for a bucket that calls a function at the first request of a kind."""
    calls = [call]

    def hook(kind_of_request: str, _: Sequence[str]) -> None:
        if calls and kind_of_request == kind:
            calls.pop()()

    return hook


@contextmanager
def limit_pages(number: int) -> Iterator[None]:
    """Limit the pages of both clouds' listings to this number of objects within the context."""
    with (
        patch("sandbox.oss.listing._MAX_KEYS", number),
        patch("sandbox.obs.listing._MAX_KEYS", number),
        patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", number),
    ):
        yield


def counts(result: dict) -> dict:
    return {name: result[name] for name in COUNTS if result[name]}


def adds_up(result: dict) -> bool:
    parts = (result[name] for name in ("covered", "failed_before", "submitted", "pending", "migrating", "unsent"))
    return result["scanned"] == sum(parts) and result["submitted"] == result["accepted"] + result["failed"]


def make_busy_world(number: int = 60, **environment: str) -> World:
    """Return a world in which every third object is missing in OBS and every third outdated; some keys are long."""
    world = World.installed(**environment)
    for index in range(number):
        key = f"{index:02}{LONG if index % 7 == 0 else ''}"
        world.upload(key, "B")
        if index % 3:
            world.bucket.add_success_record(key, "AB"[index % 3 - 1])
    world.bucket.add_success_record("zz deleted")
    world.advance()
    return world


def missing(number: int = 60) -> set[str]:
    """Return the keys of `make_busy_world(number)` that are missing or outdated."""
    return {f"{index:02}{LONG if index % 7 == 0 else ''}" for index in range(number) if index % 3 < 2}
