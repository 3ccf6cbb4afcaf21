"""Cutovers that are interrupted or run twice at the same time, and late writes after a NO-GO."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

import pytest

from ops.clock import timestamp
from ops.cutover.cutover import Cutover, CutoverPlan
from ops.session import Session
from ops.terminal import Screen
from sandbox.server.faults import Fault
from support.law import sweep
from support.log_bucket import LogBucket
from support.migration import CONTENTS, MINUTE, Caller, MachineClock, Migration

FREEZE = 10 * MINUTE
KEYS = ("a", "b")
AT = "2026-01-02T00:16:00Z"


@contextmanager
def frozen_world(seed: int = 1) -> Iterator[Migration]:
    """Yield a world with two objects, whose source was frozen a minute ago."""
    with Migration(seed, timers=1) as world:
        for key in KEYS:
            world.write(key, CONTENTS["A"])
        world.advance(FREEZE + MINUTE)
        yield world


def cutover_words(freeze_time: datetime) -> list[str]:
    return ["cutover", "--frozen-since", timestamp(freeze_time), "--close", "--out", os.devnull]


@contextmanager
def after_each_request(call: Callable[[int], None]) -> Iterator[list[tuple[str, bytes]]]:
    """Call `call` with the number of each request of the user's commands, after a cloud has handled the request.

    Yields the list of these requests, each with its path and body.
    """
    requests: list[tuple[str, bytes]] = []
    post_request = Caller._post

    def post(caller: Caller, path: str, body: bytes = b"") -> dict[str, Any]:
        answer = post_request(caller, path, body)
        requests.append((path, body))
        call(len(requests))
        return answer

    with patch.object(Caller, "_post", post):
        yield requests


def number_steps(requests: list[tuple[str, bytes]]) -> list[int]:
    """Return the numbers of the requests, without requests that repeat the previous request."""
    return [number for number, request in enumerate(requests, 1) if number == 1 or request != requests[number - 2]]


def is_closed(world: Migration) -> bool:
    marks = [stored.data for name, stored in world.oss.objects(world.log_bucket).items() if "/closed-" in name]
    return any(json.loads(mark)["closed"] for mark in marks)


def wait_for_changes_in_obs(world: Migration) -> bool:
    """Let all timers fire and 20 minutes pass, and return True if objects in OBS have changed meanwhile."""
    before = {key: world.in_obs(key) for key in KEYS}
    world.advance(10 * MINUTE)
    world.tick_all()
    world.advance(10 * MINUTE)
    return before != {key: world.in_obs(key) for key in KEYS}


@pytest.mark.part
def test_a_repeated_cutover_completes_an_interrupted_cutover():
    # GIVEN the requests of an uninterrupted cutover
    with frozen_world() as world, after_each_request(lambda _: None) as requests:
        assert world.ops(*cutover_words(world.moment(FREEZE))).code == 0

    def kill(number: int) -> None:
        if number == last_request:
            raise KeyboardInterrupt

    for last_request in sweep(number_steps(requests)):
        with frozen_world() as world:
            # WHEN a cutover is interrupted after one of these requests, and repeated
            with after_each_request(kill):
                interrupted = world.ops(*cutover_words(world.moment(FREEZE)))
            world.advance(2 * MINUTE)
            repeated = world.ops(*cutover_words(world.moment(FREEZE)))
            # THEN it ends as the uninterrupted cutover
            assert interrupted.code == 130, (last_request, requests[last_request - 1])
            assert repeated.code == 0, (last_request, requests[last_request - 1])
            assert repeated.answer["verdict"] == "GO"
            assert not wait_for_changes_in_obs(world)


def test_two_cutovers_at_the_same_time_do_not_undo_each_other():
    with frozen_world() as world:

        def run_cutover() -> Any:
            """Run the cutover until it is a GO, at most four times."""
            for _ in range(4):
                screen = Screen(MachineClock(world), io.StringIO(), io.StringIO(), io.StringIO())
                cutover = Cutover(
                    Session(Caller(world), screen, MachineClock(world), "en"),
                    CutoverPlan(world.moment(FREEZE), close=True),
                )
                document = cutover.run()
                cutover.act_on(document)
                if document["verdict"] == "GO":
                    break
                world.advance(MINUTE)
            return document

        def run_cutover_later() -> Any:
            world.advance(90)
            return run_cutover()

        async def run_both_cutovers() -> list[Any]:
            return await asyncio.gather(
                *(world.platform.run(visitor, None) for visitor in (run_cutover, run_cutover_later))
            )

        assert [document["verdict"] for document in world.platform.call(run_both_cutovers())] == ["GO", "GO"]
        assert not wait_for_changes_in_obs(world)


def test_replay_submits_late_writes_after_a_no_go_reopened_the_project():
    with frozen_world() as world:
        records = f"oms_source_record/{world.task_id}/failed_object/"
        recorded: list[str] = []

        def write_late(_: int) -> None:
            """Write an object as soon as the project is closed, and remember its failed record."""
            if is_closed(world) and not recorded:
                world.write("b", CONTENTS["C"])
                world.advance(MINUTE)
                recorded.extend(name for name in world.oss.objects(world.log_bucket) if name.startswith(records))

        with after_each_request(write_late):
            result = world.ops(*cutover_words(world.moment(FREEZE)))
        # GIVEN a failed record of it
        assert recorded == [f"{records}b"]
        # THEN there is no GO, and it is sent, because The project is open again
        assert result.code == 1
        assert "The project is open again" in result.text
        world.advance(5 * MINUTE)
        assert world.in_obs("b") == CONTENTS["C"]


def test_a_cutover_does_not_report_an_opened_project_as_closed():
    with frozen_world() as world:
        exit_codes: list[int] = []

        def interfere(_: int) -> None:
            if is_closed(world) and b'"look"' in requests[-1][1] and not exit_codes:
                exit_codes.append(world.ops("open").code)

        with after_each_request(interfere) as requests:
            result = world.ops(*cutover_words(world.moment(FREEZE)))
        assert exit_codes == [0]
        assert "another command has opened the project" in result.text
        assert "The project stays closed" not in result.text
        assert result.answer["verdict"] != "GO"


def test_a_short_outage_of_oms_during_a_cutover_opens_no_project():
    with frozen_world() as world:
        outages: list[int] = []

        def interfere(_: int) -> None:
            _, body = requests[-1]
            # An old event comes once more after the close, and OMS is away when the certificate is made.
            if b'"close"' in body:
                LogBucket(world).add_failed_records("a", reason="CLOSED", first_failure=AT, last_failure=AT)
            if b'"standstill"' in body and not outages:
                outages.append(len(requests))
                world.oms.faults.random(1.0, [Fault.status(503)], 1)

        with after_each_request(interfere) as requests:
            result = world.ops(*cutover_words(world.moment(FREEZE)))
        assert len(outages) == 1
        assert result.answer["verdict"] == "NOT PROVEN"
        assert is_closed(world)
        world.oms.faults.clear()
        assert world.ops(*cutover_words(world.moment(FREEZE))).answer["verdict"] == "GO"
