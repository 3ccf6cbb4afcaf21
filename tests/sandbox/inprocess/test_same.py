"""Comparison of the sandbox over sockets and in process: both answer each fault alike, and do the same work."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from datetime import datetime

import oss2
import pytest

from sandbox import Sandbox
from sandbox.inprocess import InProcess
from sandbox.oms.copier import CopyFault
from sandbox.oss.deliveries import EventFault
from sandbox.server.faults import Fault

PATIENCE = 60

# The fault, its outcome for a client, and the stored objects of an upload with it and an upload after it.
FAULTS = {
    "well": (None, 200, ["first", "second"]),
    "slow": (Fault.slow(0.3), 200, ["first", "second"]),
    "slower than the client waits": (Fault.slow(60), "ReadTimeout", ["second"]),
    "hang": (Fault.hang(), "ReadTimeout", ["second"]),
    "status": (
        Fault.status(503, b"<Error><Code>ServiceUnavailable</Code></Error>", {"x-oss-request-id": "1"}),
        (503, "ServiceUnavailable"),
        ["second"],
    ),
    "drop before": (Fault.drop_before(), "ConnectionError", ["second"]),
    "drop after": (Fault.drop_after(), "ConnectionError", ["first", "second"]),
    "silence": (Fault.silence(), "ReadTimeout", ["second"]),
}


@pytest.fixture(params=[Sandbox, InProcess])
def world(request):
    with request.param() as box:
        yield box


@functools.cache
def play(world: type[Sandbox], name: str) -> tuple[object, ...]:
    """Return the outcomes of an upload with a fault and of the next upload, and the state after them."""
    with world() as box:
        bucket = box.bucket(box.source_bucket)
        bucket.timeout = (1, 1)
        box.oss.faults.then(FAULTS[name][0])
        outcomes = [outcome(bucket, key) for key in ("first", "second")]
        kept = list(box.oss.objects(box.source_bucket))
        return outcomes, kept, len(box.oss.requests), box.oss.connections, dict(box.oss.faults.used)


def outcome(bucket: oss2.Bucket, key: str, data: bytes | None = b"data") -> object:
    """Return the outcome of an upload, or of a deletion if `data` is None."""
    try:
        return (bucket.delete_object(key) if data is None else bucket.put_object(key, data)).status
    except oss2.exceptions.RequestError as error:
        return type(error.exception).__name__
    except oss2.exceptions.OssError as error:
        return error.status, error.code


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_the_same_error_and_effect_in_both_worlds(name):
    _, first_outcome, kept = FAULTS[name]
    assert play(InProcess, name)[:2] == ([first_outcome, 200], kept)
    assert play(InProcess, name) == play(Sandbox, name)


@pytest.mark.parametrize(
    ("fault", "events"), [(EventFault.lost(), 0), (EventFault.twice(), 2), (EventFault.late(0.2), 1)]
)
def test_event_faults_are_alike_in_both_worlds(world, tmp_path, fault, events):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event\n")
    world.deploy(tmp_path)
    world.oss.deliveries(world.source_bucket).add(fault)
    world.oss.put(world.source_bucket, "a", b"")
    world.wait_idle(PATIENCE)
    assert len(world.fc.invocations) == events


@pytest.mark.parametrize(
    ("body", "outcomes"),
    [
        ("return True", ["returned"]),
        ("return False", ["returned"]),
        ("raise ValueError('no')", ["raised", "raised"]),
        ("import index", ["returned"]),
    ],
)
def test_retries_and_destinations_are_alike_in_both_worlds(world, body, outcomes, tmp_path):
    (tmp_path / "index.py").write_text(f"def handler(event, context):\n    {body}\n")
    world.deploy(tmp_path, max_retries=1)
    world.oss.put(world.source_bucket, "a", b"")
    world.wait_idle(PATIENCE)
    assert [invocation.outcome for invocation in world.fc.invocations] == outcomes
    assert len(world.fc.dropped_events) == (outcomes[-1] != "returned")


@pytest.fixture
def oms(world, huawei_of):
    """Return a function that sends OMS a request, signed by the vendor's SDK at the time of OMS's clock."""
    client = huawei_of(world)

    def call(tail="", *keys):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(world.oms.now()))
        headers = {"Content-Type": "application/json", "X-Sdk-Date": stamp}
        body = json.dumps({"object_keys": keys}).encode() if keys else b""
        url = world.task.sync_url if keys else world.task.sync_url.removesuffix("/events") + tail
        answer = client.call("POST" if keys else "GET", url, body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    return call


def contents(objects):
    return {key: stored.data for key, stored in objects.items()}


def list_copied_keys(box):
    return contents(box.task.destination)


def lists(box):
    """Return OMS's lists, oldest first: the time in the file's name, in seconds, and the columns."""
    files = [(name.rpartition("/")[2], stored) for name, stored in box.obs.objects(box.destination_bucket).items()]
    written = sorted(
        (int(name.split(".")[0]) / 1000, stored.data.decode()) for name, stored in files if "_list." in name
    )
    return [(when, body.rstrip().split(",")) for when, body in written]


def test_a_late_request_overwrites_later_writes(world):
    bucket = world.bucket(world.source_bucket)
    world.oss.put(world.source_bucket, "deleted", b"")
    world.oss.faults.then(Fault.lands_late(3), Fault.lands_late(3))

    changes = ("put", b"old"), ("deleted", None), ("put", b"new"), ("deleted", b"again")
    assert [outcome(bucket, *change) for change in changes] == ["ConnectionError", "ConnectionError", 200, 200]
    assert contents(world.oss.objects(world.source_bucket)) == {"put": b"new", "deleted": b"again"}
    world.wait_idle(PATIENCE)
    assert contents(world.oss.objects(world.source_bucket)) == {"put": b"old"}


def test_ordered_faults_occur_in_order_and_none_skips_a_request(world):
    bucket = world.bucket(world.source_bucket)
    world.oss.faults.then(Fault.status(500), None, Fault.drop_before())
    world.oss.faults.add(Fault.status(503), times=1)
    world.oss.faults.then(None)

    outcomes = [outcome(bucket, key) for key in "abcdef"]

    assert outcomes == [(500, ""), 200, "ConnectionError", (503, ""), 200, 200]
    assert list(world.oss.objects(world.source_bucket)) == ["b", "e", "f"]
    assert world.oss.faults.used == {"status": 2, "drop_before": 1}


def test_an_earlier_accepted_copy_can_end_last(world, oms):
    for key in "ab":
        world.oss.put(world.source_bucket, key, key.encode())
    world.task.copies.then(CopyFault.late(0.1, 3), None)

    for key in "ab":
        oms("", key)
    while "b" not in list_copied_keys(world):
        world._platform.call(asyncio.sleep(0.01))
    assert list_copied_keys(world) == {"b": b"b"}
    world.wait_idle(PATIENCE)

    assert list_copied_keys(world) == {"a": b"a", "b": b"b"}
    assert [line[1] for _, line in lists(world)] == ["b", "a"]


def test_withheld_copies_read_when_they_begin_and_write_when_they_end(world, oms):
    world.task.copies.add(CopyFault.withheld())
    for data in (b"old", b"newer"):
        world.oss.put(world.source_bucket, "a", data)
        oms("", "a")
        world.task.begin(world.task.withheld[-1])
    first, second = world.task.withheld
    world.wait_idle(PATIENCE)
    assert list_copied_keys(world) == {}

    for copy, data in ((second, b"newer"), (first, b"old")):
        world.task.end(copy)
        assert list_copied_keys(world) == {"a": data}
    assert world.task.withheld == []
    assert world.task.success_object == 2


def test_a_copy_compares_the_destination_when_it_begins(world, oms):
    world.oss.put(world.source_bucket, "a", b"source")
    world.obs.put(world.destination_bucket, "a", b"there!")
    world.task.copies.add(CopyFault.withheld())
    oms("", "a")
    (copy,) = world.task.withheld

    world.task.begin(copy)
    world.obs.put(world.destination_bucket, "a", b"another size")
    world.task.end(copy)

    assert list_copied_keys(world) == {"a": b"another size"}
    assert world.task.skip_object == 1


@pytest.mark.parametrize(("merges", "copies"), [(False, 3), (True, 1)])
def test_oms_can_merge_copies_of_a_key_that_have_not_begun(world, oms, merges, copies):
    world.task.merges = merges
    world.task.copies.add(CopyFault.withheld())
    oms("", "a")
    oms("", "a", "a")

    assert [copy.key for copy in world.task.withheld] == ["a"] * copies
    world.task.begin(*world.task.withheld)
    oms("", "a")

    assert len(world.task.withheld) == copies + 1
    assert world.task.acceptance_request == 4


def test_oms_can_lose_accepted_keys(world, oms):
    world.oss.put(world.source_bucket, "a", b"")
    world.task.copies.then(CopyFault.lost())
    oms("", "lost", "a")
    world.wait_idle(PATIENCE)

    assert list_copied_keys(world) == {"a": b""}
    assert [line[1] for _, line in lists(world)] == ["a"]
    assert world.task.acceptance_request == 2
    assert world.task.success_object == 1
    assert world.task.failure_object == 0


def counts(oms, when):
    """Return the sums in ShowSyncTask's answer, and the non-empty steps in ListSyncTaskStatistic's."""
    month = oms(f"?query_time={when}")
    statistics = oms(f"/statistics?data_type=REQUEST,SUCCESS&start_time={when - 7_200_000}&end_time={when}")
    steps = {
        point["time_stamp"]
        for data in statistics["statistic_datas"]
        for point in data["data"]
        if point["statistic_num"]
    }
    return (
        [month["monthly_acceptance_request"], month["monthly_success_object"]],
        statistics["statistic_time_type"],
        steps,
    )


def test_counts_can_be_delayed_and_in_steps_of_an_hour(world, oms):
    world.oss.put(world.source_bucket, "a", b"")
    world.task.lag, world.task.step = 3600, "ONE_HOUR"
    when = int(world.oms.now() * 1000)
    oms("", "a")
    world.wait_idle(PATIENCE)
    assert counts(oms, when + 60_000) == ([0, 0], "ONE_HOUR", set())

    world.oms.clock_offset = 3700

    *shown, steps = counts(oms, when + 60_000)
    assert shown == [[1, 1], "ONE_HOUR"]
    assert steps <= {moment - moment % 3_600_000 for moment in (when, when + 60_000)}


def test_each_cloud_has_its_own_clock(world, oms):
    world.oss.clock_offset, world.oms.clock_offset, world.obs.clock_offset = -36_000, 36_000, 7200
    world.oss.put(world.source_bucket, "a", b"")
    oms("", "a")
    world.wait_idle(PATIENCE)

    def near(seconds, cloud):
        return abs(seconds - cloud.now()) < PATIENCE

    assert near(world.oss.objects(world.source_bucket)["a"].last_modified, world.oss)
    assert all(near(stored.last_modified, world.obs) for stored in world.obs.objects(world.destination_bucket).values())
    ((when, (time_in_china, *_)),) = lists(world)
    assert near(when, world.oms)
    assert near(datetime.fromisoformat(f"{time_in_china}+08:00").timestamp(), world.oms)
    _, _, steps = counts(oms, int(world.oms.now() * 1000))
    assert all(abs(world.oms.now() - step / 1000) < 300 + PATIENCE for step in steps)


def test_obs_accepts_the_key_of_a_new_iam_user(world, huawei_of):
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(world.iam.now()))
    headers = {"Content-Type": "application/json", "X-Sdk-Date": stamp}

    def call(path, body=b""):
        answer = huawei_of(world).call("POST", f"{world.iam.endpoint}{path}", body, headers=headers)
        assert answer.status_code == 201
        return answer.json()

    user = call("/v5/users", b'{"name": "a"}')["user"]["user_id"]
    key = call(f"/v5/users/{user}/access-keys")["access_key"]
    assert world.obs.credential(key["access_key_id"]).secret == key["secret_access_key"]
