"""Requests that the function sends to OMS, and the meaning of each response."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.task import MonthCounts, Statistics, TaskInfo
from oss_oms_sync.delivery.batches import Submission, submit
from oss_oms_sync.errors import Failure, Reason
from sandbox.inprocess.network import Adapter
from sandbox.server.faults import Fault
from support.world import DRIP, DROP_BEFORE, HANG, TASK, World, oms_error

TASK_PATH = f"/v2/{World.project_id}/sync-tasks/{TASK}"
NOON = datetime(2026, 2, 3, 12, tzinfo=timezone.utc)


def send(world: World, *keys: str, seconds: float = 60) -> Submission:
    return submit(world.invocation(), keys, Deadline(seconds, world.clock))


def submit_key(world: World) -> Failure | None:
    """Submit a key; return its failure, or None if OMS accepted it."""
    return send(world, "a").outcomes["a"]


def request_task(world: World, seconds: float = 60) -> TaskInfo | Failure:
    return world.invocation().oms.query_task(Deadline(seconds, world.clock))


def test_a_submission_to_oms_posts_its_keys_as_signed_json(world):
    assert send(world, "a b").outcomes == {"a b": None}
    (request,) = world.oms.requests
    request_parts = request.method, request.raw_path, request.body
    assert request_parts == ("POST", f"{TASK_PATH}/events", b'{"object_keys": ["a%20b"]}')
    headers = dict(request.headers)
    assert headers.pop("authorization").startswith(f"SDK-HMAC-SHA256 Access={world.huawei_credentials[0]}, ")
    assert headers == {
        "content-type": "application/json",
        "content-length": "26",
        "host": "oms.cn-north-4.myhuaweicloud.com",
        "x-sdk-date": "20260102T000000Z",
    }


# The task in an empty response: every field is None.
EMPTY = TaskInfo(
    *[None] * 6,
    MonthCounts(*[None] * 5),
    None,
    enable_restore=None,
    enable_metadata_migration=None,
    dst_storage_policy=None,
)
RUNNING = dataclasses.replace(EMPTY, status="SYNCHRONIZING")


@pytest.mark.parametrize(
    ("ask", "query", "answer"),
    [
        (lambda oms, deadline: oms.query_task(deadline), "query_time=1767312000000", RUNNING),
        (lambda oms, deadline: oms.query_task(deadline, NOON), "query_time=1770120000000", RUNNING),
        (
            lambda oms, deadline: oms.query_statistics(("SKIP", "SIZE"), NOON, NOON + timedelta(hours=1), deadline),
            "data_type=SKIP%2CSIZE&start_time=1770120000000&end_time=1770123600000",
            Statistics(NOON, "None", {"SKIP": [], "SIZE": []}, 2),
        ),
    ],
)
def test_a_query_to_oms_has_its_parameters_in_the_url(world, ask, query, answer):
    world.oms.faults.then(Fault.status(200, b'{"status": "SYNCHRONIZING"}'))
    assert ask(world.invocation().oms, Deadline(60, world.clock)) == answer
    (request,) = world.oms.requests
    path = f"{TASK_PATH}/statistics" if isinstance(answer, Statistics) else TASK_PATH
    assert request.method == "GET"
    assert request.raw_path == path
    assert request.raw_query == query
    assert request.body == b""
    assert "content-length" not in request.headers


def test_requests_to_oms_use_proxies_and_certificates_of_the_environment(monkeypatch, mocker, tmp_path):
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    world, sent_requests = World(), mocker.spy(Adapter, "send")
    send(world, "a")
    options = sent_requests.call_args.kwargs
    assert options["proxies"]["https"] == "http://proxy.example.com:3128"
    assert options["verify"] == str(tmp_path)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        *((body, EMPTY) for body in ("{}", '{"status": null, "src_bucket": null, "monthly_size": null}')),
        ("<html>log in</html>", Failure(Reason.UNEXPECTED, 200, None, "<html>log in</html>")),
        ("", Failure(Reason.UNEXPECTED, 200, None, "")),
        ('{"error_code": "OMS.0202", "error_msg": "frozen"}', Failure(Reason.ACCOUNT, 200, "OMS.0202", "frozen")),
        ('{"error_code": "OMS.0072"}', Failure(Reason.FORBIDDEN, 200, "OMS.0072", "")),
        ('{"error_code": "OMS.1"}', Failure(Reason.UNEXPECTED, 200, "OMS.1", "")),
    ],
)
def test_a_query_to_oms_reads_missing_fields_as_none_and_detects_errors(world, answer, expected):
    world.oms.faults.then(Fault.status(200, answer.encode()))
    assert request_task(world) == expected


@pytest.mark.parametrize("ask", [request_task, submit_key])
def test_a_failure_quotes_a_response_of_oms_that_is_not_text(world, ask):
    world.oms.faults.then(Fault.status(404, b"\xff no"))
    assert ask(world).message == "\ufffd no"


def test_each_key_fails_without_a_request_to_oms_after_the_deadline(world):
    assert request_task(world, seconds=0.05) == Failure(
        Reason.DEADLINE, message="not asked: the time limit was reached"
    )
    if_not_attempted = Failure(Reason.DEADLINE, message="not submitted: the time limit of the invocation was reached")
    assert send(world, "a", "b", seconds=0.05).outcomes == {"a": if_not_attempted, "b": if_not_attempted}
    assert not world.oms.requests


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (DROP_BEFORE, Failure(Reason.UNREACHABLE, message="Connection aborted.")),
        (HANG, Failure(Reason.TIMEOUT, message="Read timed out.")),
        (DRIP, Failure(Reason.TIMEOUT, message="no complete answer within 15.0 s")),
        (oms_error(503), Failure(Reason.UNAVAILABLE, 503)),
        (oms_error(400, "OMS.0001", ""), Failure(Reason.REFUSED, 400, "OMS.0001")),
    ],
)
def test_a_failed_submission_names_the_cause_in_the_response_of_oms(world, fault, failure):
    world.oms.faults.add(fault)
    assert submit_key(world) == failure


@pytest.mark.parametrize(
    ("schedule", "throttled"), [([oms_error(429), oms_error(429)], 2), ([oms_error(503), DROP_BEFORE], 0)]
)
def test_a_submission_counts_its_throttled_calls(world, schedule, throttled):
    world.oms.faults.then(*schedule)
    submission = send(world, "a")
    assert submission.calls == 3
    assert submission.throttled_calls == throttled
    assert submission.outcomes == {"a": None}
