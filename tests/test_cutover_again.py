"""Cutovers that are interrupted or run twice at once, and late writes after a NO-GO."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from support.migration import CONTENTS, MINUTE, Caller, MachineClock, Migration

FREEZE = 10 * MINUTE
KEYS = ("a", "b")
AT = "2026-01-02T00:16:00Z"
# More requests than a cutover makes, rehearsed or real.
MAX_REQUESTS = 40


@contextmanager
def frozen_world(seed: int = 1) -> Iterator[Migration]:
    """Yield a world with two objects, and a freeze that began a minute ago."""
    with Migration(seed, timers=1) as world:
        for key in KEYS:
            world.write(key, CONTENTS["A"])
        world.advance(FREEZE + MINUTE)
        yield world


def words(frozen: datetime, *, rehearsed: bool = False) -> list[str]:
    asked = ["--rehearse"] if rehearsed else ["--frozen-since", timestamp(frozen), "--close"]
    return ["cutover", *asked, "--out", os.devnull]


@contextmanager
def after_each_request(call: Callable[[int], None]) -> Iterator[list[tuple[str, bytes]]]:
    """Call `call` with the number of each request of the user, after the cloud has handled it."""
    asked: list[tuple[str, bytes]] = []
    really = Caller._post

    def post(caller: Caller, path: str, body: bytes = b"") -> dict[str, Any]:
        answer = really(caller, path, body)
        asked.append((path, body))
        call(len(asked))
        return answer

    with patch.object(Caller, "_post", post):
        yield asked


def steps_of(asked: list[tuple[str, bytes]]) -> list[int]:
    """Return the numbers of the requests, without requests that repeat the previous one."""
    return [number for number, request in enumerate(asked, 1) if number == 1 or request != asked[number - 2]]


def is_closed(world: Migration) -> bool:
    marks = [stored.data for name, stored in world.oss.objects(world.log_bucket).items() if "/closed-" in name]
    return any(json.loads(mark)["closed"] for mark in marks)


def changes_in_obs(world: Migration) -> bool:
    """Return True if OBS changes within the next hour."""
    before = {key: world.in_obs(key) for key in KEYS}
    world.advance(60 * MINUTE)
    return before != {key: world.in_obs(key) for key in KEYS}


@pytest.mark.part
@pytest.mark.parametrize("rehearsed", [True, False])
def test_a_cutover_interrupted_at_any_request_ends_the_same_when_repeated(rehearsed):
    # GIVEN the requests of an uninterrupted cutover
    with frozen_world() as world, after_each_request(lambda _: None) as asked:
        whole = world.ops(*words(world.moment(FREEZE), rehearsed=rehearsed))
    assert whole.code == 0 if not rehearsed else whole.answer["verdict"] == "REHEARSAL"

    def kill(number: int) -> None:
        if number == at:
            raise KeyboardInterrupt

    for at in sweep(steps_of(asked)):
        with frozen_world() as world:
            # WHEN a cutover is interrupted after one of these requests, and repeated
            with after_each_request(kill):
                killed = world.ops(*words(world.moment(FREEZE), rehearsed=rehearsed))
            world.advance(2 * MINUTE)
            again = world.ops(*words(world.moment(FREEZE), rehearsed=rehearsed))
            # THEN it ends as the uninterrupted cutover
            assert killed.code == 130, (at, asked[at - 1])
            assert again.code == whole.code, (at, asked[at - 1])
            assert again.answer["verdict"] == whole.answer["verdict"]
            assert rehearsed or not changes_in_obs(world)


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
        assert not changes_in_obs(world)


def test_late_writes_are_submitted_after_a_no_go_opens_the_project():
    with frozen_world() as world:
        records = f"oms_source_record/{world.task_id}/failed_object/"
        recorded: list[str] = []

        def straggle(_: int) -> None:
            """Write an object as soon as the project is closed."""
            if is_closed(world) and not recorded:
                world.write("b", CONTENTS["C"])
                world.advance(MINUTE)
                recorded.extend(name for name in world.oss.objects(world.log_bucket) if name.startswith(records))

        with after_each_request(straggle):
            result = world.ops(*words(world.moment(FREEZE)))
        # GIVEN a failed record of it
        assert recorded == [f"{records}b"]
        # THEN there is no GO, and it is sent, because The project is open again
        assert result.code == 1
        assert "The project is open again" in result.text
        world.advance(5 * MINUTE)
        assert world.in_obs("b") == CONTENTS["C"]


def test_a_no_go_ends_the_earlier_go_and_a_larger_sample_is_read():
    with frozen_world() as world:
        # GIVEN a GO with unread objects accepted by name, of which OBS has other bytes of the same size
        there = world.obs.bucket(world.destination_bucket).objects
        world.write("a", CONTENTS["A"], parts=True)
        world.advance(FREEZE)
        there["a"] = replace(there["a"], data=b"Z" * len(CONTENTS["A"]))
        accepted = [f"--accept={name}=tester, unread" for name in ("equal_version", "equal_size", "suspicious")]
        asked = [*words(world.moment()), *accepted]
        assert world.ops(*asked).answer["verdict"] == "GO"
        # WHEN the user requires reading, THEN the GO is not enough, AND it no longer stands
        assert world.ops(*asked, "--sample", "2").answer["verdict"] == "NO-GO"
        assert world.ops(*asked).answer["verdict"] == "NO-GO"


def test_a_project_opened_during_a_cutover_is_not_reported_closed():
    with frozen_world() as world:
        opened: list[int] = []

        def meddle(_: int) -> None:
            if is_closed(world) and b'"look"' in asked[-1][1] and not opened:
                opened.append(world.ops("open").code)

        with after_each_request(meddle) as asked:
            result = world.ops(*words(world.moment(FREEZE)))
        assert opened == [0]
        assert "the project was opened" in result.text
        assert "The project stays closed" not in result.text
        assert result.answer["verdict"] != "GO"


@pytest.mark.parametrize("cloud", ["oms", "obs"])
def test_a_short_outage_of_a_cloud_opens_no_project(cloud):
    with frozen_world() as world:
        name = f"oms_source_record/{world.task_id}/failed_object/a"
        late = {"key": "a", "reason": "CLOSED", "etag": "", "first_failure": AT, "last_failure": AT}
        broken: list[str] = []

        def meddle(_: int) -> None:
            _, body = asked[-1]
            # An old event comes once more after the close, and a cloud is away when the certificate is made.
            if b'"close"' in body:
                world.oss.put(world.log_bucket, name, json.dumps(late).encode())
            if b'"standstill"' in body and not broken:
                broken.append(cloud)
                getattr(world, cloud).faults.random(1.0, [Fault.status(503)], 1)

        with after_each_request(meddle) as asked:
            result = world.ops(*words(world.moment(FREEZE)))
        assert broken == [cloud]
        assert result.answer["verdict"] == "NOT PROVEN"
        assert is_closed(world)
        getattr(world, cloud).faults.clear()
        assert world.ops(*words(world.moment(FREEZE))).answer["verdict"] == "GO"
