"""What would make a GO untrue, or keep one from ever being given, on handlers, payloads and buckets alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import PayloadError
from sandbox.oms.task import CopyFault
from support.world import ROOT, World, payload

MINUTE = 60
TICK = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "period", "payload": "{}"}


class Handlers(World):
    """A world whose jobs are called as Function Compute calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket.add(StoredObject(f"{ROOT}state/installed.json", b'{"at": "2026-01-01T23:00:00Z"}'))

    def ask(self, job: str, **asked: object) -> dict[str, Any]:
        handler = getattr(self.one.module(), f"{job}_handler")
        self.later(1)
        return self.within(lambda: handler(json.dumps(asked).encode(), self.one.context()))

    def put(self, key: str, data: str) -> None:
        self.source.add(StoredObject(key, data.encode()))
        self.send(key)

    def send(self, key: str) -> None:
        """Its event comes, perhaps once more."""
        self.forward(payload(key, etag=self.oss.objects(self.source.name)[key].etag))
        self.later(1)

    def judged(self, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """All that a certificate needs, done an hour after the last write; something may happen after the comparison
        has looked."""
        frozen = timestamp(self.clock.now())
        self.later(60 * MINUTE)
        self.ask("compare", restart=True)
        self.ask("certify", close=True)
        self.later(15 * MINUTE)
        meanwhile()
        self.look_last()
        return self.ask("certify", frozen_since=frozen)

    def look_last(self) -> None:
        self.ask("replay", **TICK)
        try:
            self.ask("compare", standstill=True)
        except PayloadError:  # before there were such passes
            self.ask("certify", open=True)
            self.ask("reconcile", restart=True)
            self.ask("replay", **TICK)


def class_of(answer: dict[str, Any], key: str) -> str:
    return next(name for name, found in answer["classes"].items() if key in found["keys"])


def test_there_is_no_go_while_oms_still_holds_what_it_accepted():
    # GIVEN an object that is equal, and its event that came twice, which OMS has yet to get to
    world = Handlers()
    world.put("a", "of the source")
    world.task.copies.then(CopyFault.held())
    world.send("a")

    # WHEN all was looked at, THEN it is no GO: OMS would overwrite what applications write there
    document = world.judged()
    assert document["verdict"] != "GO"
    assert [one["id"] for one in document["checks"] if one["result"] != "passed" and one["gates"]] == ["OMS_FINISHED"]


def test_a_copy_that_oms_began_earlier_and_that_lands_after_the_comparison_looked_is_no_go():
    # GIVEN a copy of an old version on its way, and the new version, which is in OBS
    world = Handlers()
    world.task.copies.then(CopyFault.held())
    world.put("a", "old")
    held = list(world.task.held)
    world.task.begin(*held)
    world.later(MINUTE)
    world.put("a", "new")

    # WHEN the old one lands after both buckets were compared
    document = world.judged(meanwhile=lambda: world.task.end(*held))

    # THEN that is noticed
    assert world.there.objects["a"].body == b"old"
    assert document["verdict"] == "NO-GO"


def test_a_go_does_not_claim_that_the_source_stood_still_for_longer_than_was_looked():
    # GIVEN somebody who writes what the last pass has walked past, before it ends
    world, written = Handlers(), []
    world.put("a", "x")

    def write(kind: str, names: Sequence[str]) -> None:
        if kind == "put" and names[0].endswith("/r/0000") and "/passes/" in names[0] and not written:
            written.append(world.clock.now())
            world.source.add(StoredObject("a behind", b"x"))
            world.later(5)

    document = world.judged(meanwhile=lambda: setattr(world.bucket, "before", write))

    # THEN nothing is said of the time after
    assert document["verdict"] == "GO", document["text"]
    seen = next(one["seen"] for one in document["checks"] if one["id"] == "STOOD_STILL")
    assert all(parse_time(one) <= written[0] for one in re.findall(r"\d{4}-\S+?Z", seen)), seen


def test_a_key_that_oms_accepted_and_lost_is_sent_again_after_half_an_hour_and_not_after_a_day():
    # GIVEN an object that OMS accepted, and lost
    world = Handlers()
    world.task.copies.then(CopyFault.lost())
    world.put("lost", "contents")
    world.later(40 * MINUTE)

    # WHEN both buckets are compared, THEN it is missing, and sent
    assert class_of(world.ask("compare", restart=True), "lost") == "missing"
    world.later(20 * MINUTE)
    assert class_of(world.ask("compare", again=True), "lost") == "equal_contents"
