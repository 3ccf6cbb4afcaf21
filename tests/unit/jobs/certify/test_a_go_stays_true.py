"""What would make a GO untrue, or keep one from ever being given, on handlers, payloads and buckets alone."""

from __future__ import annotations

import json
from typing import Any

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.oms.task import CopyFault
from support.world import World, payload

MINUTE = 60


class Handlers(World):
    """A world whose jobs are called as Function Compute calls them."""

    def ask(self, job: str, **asked: object) -> dict[str, Any]:
        handler = getattr(self.one.module(), f"{job}_handler")
        self.later(1)
        return self.within(lambda: handler(json.dumps(asked).encode(), self.one.context()))

    def put(self, key: str, data: str) -> None:
        self.source.add(StoredObject(key, data.encode()))
        self.forward(payload(key, etag=self.oss.objects(self.source.name)[key].etag))


def class_of(answer: dict[str, Any], key: str) -> str:
    return next(name for name, found in answer["classes"].items() if key in found["keys"])


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
