"""The law of GO: after a GO, neither the project nor OMS changes OBS, and the buckets are equal.

Each object in scope equals its source, as far as the certificate claims it. The law does not apply to a GO in which
`oms_unfinished` was accepted. The oracle reads only the buckets, and calls no code of the function.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import requests

from ops.clock import timestamp
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from support.law import EXTRAS, PlayedMigration, choose_seeds, play_migrations
from support.migration import CONTENTS, MINUTE, MODES, CutoverOptions, Migration, add_service_faults, set_copy_behaviour
from support.world import oss_error

LAW = "a GO stays true"
# Each is a whole migration, and takes as long as dozens of other schedules.
MIGRATIONS = int(os.environ.get("SCHEDULES", "300" if EXTRAS else "120")) // 10


# The mark that replay's first run writes.
FIRST_MARK = b'{"closed": false}'
# The text that a command prints of each mark.
TEXTS = {"opened again": "The project is open again", "closed before": "the project is already closed"}


def play(seed: int) -> PlayedMigration:
    with Migration(seed, mode=MODES[seed % 3]) as world:
        played, dice = PlayedMigration(world.story, []), world.dice
        keys = [f"k{number}" for number in range(dice.choice([1, 1, 2, 3]))]
        parts = {key: dice.random() < 0.3 for key in keys}
        freeze = dice.uniform(20, 30) * MINUTE
        last_fault_time = freeze + dice.choice([-1800, -300, 0, 600, 2400])
        add_service_faults(world, last_fault_time)
        set_copy_behaviour(world, last_fault_time, loses=dice.random() < 0.15)
        loses_events = dice.random() < 0.2
        if dice.random() < 0.2:
            delay_first_mark(world, freeze)

        def write(key: str) -> None:
            bucket = world.oss._buckets[world.source_bucket]
            triggers = bucket.triggers
            if loses_events and dice.random() < 0.5:
                bucket.triggers = {}
                world.log("the next event is lost")
            world.write(key, CONTENTS[dice.choice("ABCD")], parts=parts[key])
            bucket.triggers = triggers

        for key in keys:
            for _ in range(dice.choice([1, 1, 2, 3])):
                world.at(dice.uniform(0, freeze), write, key)
        if dice.random() < 0.2:
            world.at(freeze + dice.uniform(0, 3600), write, dice.choice(keys))
        if dice.random() < 0.2:
            options = dice.choice([{"deep": True}, {"since": "2026-01-01"}, {}])
            world.at(freeze + dice.uniform(-60, 600), world.fc.submit, "compare", json.dumps(options).encode())
        if dice.random() < 0.45:
            call_when_closed(world, lambda: world.at(world.seconds + dice.uniform(1, 600), write, dice.choice(keys)))
        if dice.random() < 0.1:
            world.at(dice.uniform(0, freeze + 1200), world.remove, dice.choice(keys))
        add_tampering(world, seed, 0.9 * freeze, keys[0])
        world.task.copies_metadata = seed % 10 != 7
        world.advance(freeze + dice.uniform(1, 120))
        document = cut_over(world, played, timestamp(world.moment(freeze)))
        if document is None:
            if any(world.in_source(key) is not None for key in keys):  # GO of nothing is none
                played.wrong.append("DEAD END: no GO in twelve commands")
            return played
        check_after_go(world, played, document, keys)
    return played


def add_tampering(world: Migration, seed: int, when: float, key: str) -> None:
    """In one of eight worlds, let a user write other contents of the same size to OBS."""

    def tamper() -> None:
        if source := world.in_source(key):
            world.log("a user writes to OBS", key)
            other = next(content for content in CONTENTS.values() if content != source and len(content) == len(source))
            world.obs.put(world.destination_bucket, key, other)

    if seed % 8 == 4:
        world.at(when, tamper)


def delay_first_mark(world: Migration, freeze: float) -> None:
    """Let the first write of an open mark by replay take effect minutes later.

    In some worlds, OSS refuses this write until the freeze.
    """
    grant_time = world.dice.choice([0, freeze])
    is_refused = lambda request: world.seconds < grant_time and writes_the_first_mark(request)  # noqa: E731
    world.oss.faults.add(oss_error(403), where=is_refused)
    world.oss.faults.add(Fault.lands_late(world.dice.uniform(500, 880)), where=writes_the_first_mark)


def writes_the_first_mark(request: Request) -> bool:
    return request.method == "PUT" and "closed-" in request.raw_path and request.body == FIRST_MARK


def call_when_closed(world: Migration, call: Callable[[], object]) -> None:
    """Arrange that `call` runs once, immediately after the project is closed for the first time."""
    network = world.platform.network

    def after(request: requests.PreparedRequest) -> None:
        if request.method == "PUT" and "closed-" in str(request.url) and '"closed": true' in str(request.body):
            network.after_response = lambda _: None
            call()

    network.after_response = after


def cut_over(world: Migration, played: PlayedMigration, frozen: str) -> Any:
    """Follow the printed steps like a user; return the certificate, or None without a GO."""
    options = CutoverOptions(frozen, deep=world.dice.random() < 0.3)
    if world.dice.random() < 0.2:
        options.accept |= {"equal_size", "equal_version", "suspicious"}

    def delete_overwritten(check: Any) -> None:
        """Delete the objects in OBS that OMS would skip, as the check recommends, and compare again."""
        if check["id"] == "OVERWRITTEN" and world.task.overwrite_mode == MODES[0]:
            for key in check["keys"]:
                world.obs.delete(world.destination_bucket, key)
                options.restart = True

    results = world.cut_over(options, on_check=delete_overwritten)
    played.marks |= {mark for mark, text in TEXTS.items() if any(text in result.text for result in results)}
    if results[-1].code != 0:
        return None
    document, apart = results[-1].answer, {"oms_unfinished", "metadata"}
    played.marks |= {"amended"} if document["passes"]["compare"]["amended"] else set()
    played.marks |= apart & options.accept | {"go"}
    played.marks |= {mark for mark, true in (("accepted", options.accept - apart), ("deep", options.deep)) if true}
    return document


def check_after_go(world: Migration, played: PlayedMigration, document: Any, keys: list[str]) -> None:
    dice = world.dice
    if not world.task.copies_metadata and "metadata" not in played.marks:
        played.wrong.append("LIE: the loss of headers is not in the document")
    if "oms_unfinished" in played.marks:  # OMS may still write, as the certificate says
        return
    # Objects that were read are proven equal, or differ: then no acceptance excuses them.
    exempt = "accepted" in played.marks and "deep" not in played.marks
    for key in keys:
        source, copy = world.in_source(key), world.in_obs(key)
        if source is not None and source != copy and not (exempt and copy and len(source) == len(copy)):
            played.wrong.append(f"LIE: {key} differs: {source[:1]!r} {copy and copy[:1]!r}")
    application_objects: dict[str, bytes] = {}

    def write_there(key: str) -> None:
        application_objects[key] = CONTENTS[dice.choice("ABCD")] + b"app"
        world.log("an application writes to OBS", key)
        world.obs.put(world.destination_bucket, key, application_objects[key])

    objects_before = {key: world.in_obs(key) for key in keys}
    calls_before = len(world.oms.calls)
    for key in keys:
        world.at(world.seconds + dice.uniform(1, 600), write_there, key)
    if dice.random() < 0.5:
        world.at(world.seconds + dice.uniform(1, 600), world.write, dice.choice(keys), CONTENTS["A"])
    world.advance(30 * MINUTE)
    world.tick_all()
    world.advance(30 * MINUTE)
    if accepted_keys := [call.keys for call in world.oms.calls[calls_before:] if call.status == 200]:
        played.wrong.append(f"AFTER GO: sent {accepted_keys}")
    (mark,) = (stored for name, stored in world.oss.objects(world.log_bucket).items() if "/closed-" in name)
    if not json.loads(mark.data)["closed"]:
        played.wrong.append("AFTER GO: the project is open")
    overwritten_keys = [key for key in keys if world.in_obs(key) != application_objects.get(key, objects_before[key])]
    played.wrong += [f"AFTER GO: OMS overwrites {key}" for key in overwritten_keys]


@pytest.mark.part
@pytest.mark.law
@pytest.mark.parametrize("block", range(4))
def test_the_buckets_stay_equal_after_a_go(block, count):
    play_migrations(play, choose_seeds(block, MIGRATIONS), partial(count, LAW))
