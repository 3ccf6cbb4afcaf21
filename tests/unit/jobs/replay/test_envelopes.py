"""What Function Compute gave up on `forward`, and hands to replay."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.errors import EventError, StorageError
from support.world import NO_RIGHT, ROOT, UNAUTHORIZED, event


def test_an_envelopes_keys_are_sent_through_a_run_file(world):
    envelope = {"requestContext": {}, "requestPayload": json.dumps({"events": [event("a"), event("b")]})}
    world.oms.faults.then(UNAUTHORIZED)
    assert world.replay(envelope)["failed"] == 2
    assert world.failed() == {"a", "b"}
    world.oms.faults.clear()
    assert world.replay(envelope)["accepted"] == 2
    assert world.failed() == set()


def test_an_envelopes_version_is_newer_than_the_one_that_a_record_tells_of(world):
    world.fail("a")
    world.replay({"requestContext": {}, "requestPayload": {"events": [event("a", etag="DEF")]}})
    assert world.bucket.objects[f"{ROOT}success_object/a"].body == b"DEF"
    assert world.failed() == set()


def test_an_envelope_that_is_partly_unreadable_raises_once_the_rest_is_sent(world):
    envelope = {"requestContext": {}, "requestPayload": {"events": [event("a"), {}]}}
    with pytest.raises(EventError):
        world.replay(envelope)
    assert world.oms.accepted.keys() == {"a"}


def test_an_envelope_whose_run_file_cannot_be_written_is_left_to_function_compute(world):
    world.bucket.fail(NO_RIGHT, "put")
    with pytest.raises(StorageError):
        world.replay({"requestContext": {}, "requestPayload": {"events": [event("a")]}})
