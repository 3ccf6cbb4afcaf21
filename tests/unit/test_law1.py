"""Law 1 (no object key is lost) under generated fault schedules, in virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.errors import OmsSyncError
from sandbox.server.faults import Fault
from support.law import check, object_keys, schedules
from support.world import (
    DRIP,
    DROP_AFTER,
    DROP_BEFORE,
    HANG,
    OK,
    OSS_HEADERS,
    PAGE,
    REDIRECTS,
    TASK,
    World,
    oms_error,
    oss_error,
    payload,
    reads_mark,
)

OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
statuses = [202, 302, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504]
network = [OK, OK, DROP_BEFORE, DROP_AFTER, HANG, DRIP, PAGE, *REDIRECTS]
coded = [
    oms_error(400, "OMS.0202", "frozen"),
    oms_error(400, "APIGW.0308", "slow down"),
    oms_error(429, Retry_After="1"),
    oms_error(503, Retry_After="9999"),
]
# Responses with status 200 for work that the cloud has not done. OK is the correct response.
cut_off = Fault.status(200, headers={"Content-Length": "60"})
not_earned = [
    cut_off,
    Fault.status(200, b"<html></html>", OSS_HEADERS),
    Fault.status(200, headers={**OSS_HEADERS, "ETag": '"D41D"'}),
]
oms_faults = st.lists(st.sampled_from([*network, cut_off, *map(oms_error, statuses), *coded]), max_size=40)
look_faults = st.lists(st.sampled_from([*network, *not_earned, *map(oss_error, (403, 404, 500))]), max_size=6)
oss_errors = map(oss_error, (400, 403, 404, 429, 500, 503))
oss_faults = st.lists(st.sampled_from([*network, *not_earned, *oss_errors]), max_size=60)


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(1))
@given(
    keys=object_keys,
    refused=st.sets(st.integers(0, 24), max_size=4),
    oms=oms_faults,
    oss=oss_faults,
    looks=look_faults,
    waited=st.booleans(),
    timeout=st.sampled_from([1, 3, 10, 60, 600]),
    round_trip=st.sampled_from([0.01, 0.1, 2.0]),
)
def test_forward_drops_no_key_for_any_fault_and_ends_within_its_timeout(
    count_schedule, keys, refused, oms, oss, looks, waited, timeout, round_trip
):
    # GIVEN two clouds that fail by a schedule, and some keys that OMS never takes
    World.close_all()
    world = World()
    world.oms.faults.then(*oms)
    world.oss.faults.then(*looks, where=reads_mark)
    world.oss.faults.then(*oss, where=lambda request: not reads_mark(request))
    taken = {key for number, key in enumerate(keys) if number not in refused}
    world.oms.refuse(lambda key: key not in taken)
    world.oms.round_trip = world.oss.round_trip = round_trip

    # WHEN an event of all keys is handled, which may have waited in a queue
    try:
        outcome = world.forward(payload(*keys, time=OLD if waited else NEW), timeout)
    except OmsSyncError:
        outcome = None

    # THEN each key is accepted, recorded or still in the event, within the timeout
    state = check(
        outcome, keys, world.oms.accepted, lambda state, key: record_name(TASK, state, key) in world.bucket.objects
    )
    assert world.clock.seconds <= timeout
    count_schedule("in virtual time", state)
