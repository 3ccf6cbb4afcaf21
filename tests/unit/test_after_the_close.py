"""Closed projects: no call to OMS begins over two minutes after the close, and no late write opens the project."""

from __future__ import annotations

import json

from support.world import ROOT, World, oms_error, payload

MARK = f"{ROOT}state/closed-oss-oms-sync.json"
TIMER = b'{"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "replay", "payload": ""}'


def call(world: World, handler: str, event: bytes) -> dict:
    return world.within(
        lambda: getattr(world.call_instance.load_module(), handler)(event, world.call_instance.context())
    )


def is_closed(world: World) -> bool:
    return json.loads(world.bucket.objects[MARK].body)["closed"]


def test_a_frozen_instance_submits_no_key_after_a_close_when_it_resumes(world):
    # GIVEN a call that OMS cannot answer, after which the project is closed and the instance is frozen for minutes
    def close_and_freeze(request):
        if "/events" in request.url:
            world.platform.network.after_response = lambda _: None
            world.bucket.add_mark(closed=True)
            world.call_instance.freeze()
            world.platform.loop.call_later(180, world.call_instance.thaw)

    world.oms.faults.then(oms_error(503))
    world.platform.network.after_response = close_and_freeze

    # WHEN the instance continues, THEN it makes no retry, and records the key
    assert call(world, "handler", payload("a")) is False
    assert [call.keys for call in world.oms.calls] == []
    assert json.loads(world.bucket.record_body("failed", "a"))["reason"] == "CLOSED"


def test_replay_never_overwrites_a_closed_mark_that_was_set_meanwhile(world):
    # GIVEN a project without a mark, which is closed while replay writes the first mark
    def close_first(kind, names):
        if kind == "put" and names == [MARK]:
            world.bucket.add_mark(closed=True)

    # THEN the project stays closed
    world.bucket.before = close_first
    call(world, "replay_handler", TIMER)
    assert is_closed(world)

    # AND without this close, the mark says that the project is open
    world.bucket.before = lambda *_: None
    world.bucket.objects.remove(MARK)
    world.start()
    call(world, "replay_handler", TIMER)
    assert not is_closed(world)
