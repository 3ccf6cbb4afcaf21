"""What goes over the wire to OMS, and what each of its answers says."""

from __future__ import annotations

import dataclasses
import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
import urllib3

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.counters import MonthCounts, Statistics
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.delivery.batches import submit
from oss_oms_sync.reasons import Failure, Reason
from support.fake_clouds import DROP_BEFORE, ENVIRONMENT, HANG, World

TASK_URL = ENVIRONMENT["SYNC_URL"].removesuffix("/events")
NOON = datetime(2026, 2, 3, 12, tzinfo=timezone.utc)


class Recorded(World):
    """A world that keeps each request as it was sent, and how."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**environment)
        self.sent: list[requests.PreparedRequest] = []
        self.options: list[dict[str, Any]] = []
        send = self.oms.send

        def keep(request: requests.PreparedRequest, **options: Any) -> requests.Response:
            self.sent.append(request)
            self.options.append(options)
            return send(request, **options)

        self.oms.send = keep

    def deadline(self, seconds: float = 60) -> Deadline:
        return Deadline(seconds, self.clock)

    def submit(self, *keys: str, seconds: float = 60):
        return submit(self.invocation(), keys, self.deadline(seconds))

    def failure(self, key: str = "a") -> Failure:
        """What became of one key."""
        return self.submit(key).outcomes[key]


@pytest.fixture
def world() -> Recorded:
    return Recorded()


def test_keys_are_posted_as_json_and_signed(world):
    world.submit("a b")
    (request,) = world.sent
    assert (request.method, request.url) == ("POST", f"{TASK_URL}/events")
    assert request.body == b'{"object_keys": ["a%20b"]}'
    headers = dict(request.headers)
    assert headers.pop("Authorization").startswith(f"SDK-HMAC-SHA256 Access={ENVIRONMENT['HW_AK']}, ")
    assert headers == {
        "Content-Type": "application/json",
        "Content-Length": "26",
        "Host": "oms.cn-north-4.myhuaweicloud.com",
        "X-Sdk-Date": "20260102T000000Z",
    }


# What an empty answer tells: nothing.
EMPTY = TaskInfo(None, None, None, None, None, None, None, False, False, MonthCounts(None, None, None, None, None))
RUNNING = dataclasses.replace(EMPTY, status="SYNCHRONIZING")


@pytest.mark.parametrize(
    ("ask", "query", "answer"),
    [
        (lambda oms, deadline: oms.task(deadline), "?query_time=1767312000000", RUNNING),
        (lambda oms, deadline: oms.task(deadline, NOON), "?query_time=1770120000000", RUNNING),
        (
            lambda oms, deadline: oms.statistics(NOON, NOON + timedelta(hours=1), deadline),
            "/statistics?data_type=REQUEST%2CSUCCESS%2CFAILURE%2CSKIP%2CSIZE"
            "&start_time=1770120000000&end_time=1770123600000",
            Statistics(NOON, "None", {"REQUEST": [], "SUCCESS": [], "FAILURE": [], "SKIP": [], "SIZE": []}, 5),
        ),
    ],
)
def test_what_is_asked_stands_in_the_url_and_there_is_no_body(world, ask, query, answer):
    world.oms.schedule = [(200, {}, '{"status": "SYNCHRONIZING"}')]
    assert ask(world.client, world.deadline()) == answer
    (request,) = world.sent
    assert (request.method, request.url, request.body) == ("GET", f"{TASK_URL}{query}", None)
    assert "Content-Length" not in request.headers


def test_proxies_and_certificates_of_the_environment_are_used(monkeypatch, tmp_path):
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    world = Recorded()
    world.submit("a")
    assert world.options[0]["proxies"]["https"] == "http://proxy.example.com:3128"
    assert world.options[0]["verify"] == str(tmp_path)


def asked(world: Recorded, seconds: float = 60) -> TaskInfo | Failure:
    return world.client.task(world.deadline(seconds))


def test_a_question_is_asked_again_on_a_new_connection(world):
    world.oms.schedule = [DROP_BEFORE, 503, (200, {}, "{}")]
    assert asked(world) == EMPTY
    assert (len(world.sent), world.oms.closed) == (3, 1)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("<html>log in</html>", Failure(Reason.UNEXPECTED, 200, None, "<html>log in</html>")),
        ("", Failure(Reason.UNEXPECTED, 200, None, "")),
        ('{"error_code": "OMS.0202", "error_msg": "frozen"}', Failure(Reason.ACCOUNT, 200, "OMS.0202", "frozen")),
        ('{"error_code": "OMS.0072"}', Failure(Reason.FORBIDDEN, 200, "OMS.0072", "")),
        ('{"error_code": "OMS.1"}', Failure(Reason.UNEXPECTED, 200, "OMS.1", "")),
    ],
)
def test_a_200_that_tells_nothing_of_the_task_is_a_failure(world, answer, failure):
    world.oms.schedule = [(200, {}, answer)]
    assert asked(world) == failure


@pytest.mark.parametrize("method", [asked, Recorded.failure])
def test_what_is_no_text_is_shown_all_the_same(world, mocker, method):
    answer = world.oms.answer

    def bytes_only(*about: Any) -> requests.Response:
        response = answer(*about)
        response.raw = urllib3.HTTPResponse(io.BytesIO(b"\xff no"), preload_content=False)
        return response

    mocker.patch.object(world.oms, "answer", bytes_only)
    world.oms.schedule = [(404, {}, "")]
    assert method(world).message == "\ufffd no"


def test_once_the_time_is_up_nothing_is_sent_and_each_key_says_so(world):
    assert asked(world, seconds=0.05) == Failure(Reason.DEADLINE, message="not asked: the time was up")
    if_not_attempted = Failure(Reason.DEADLINE, message="not sent: the invocation's time was up")
    assert world.submit("a", "b", seconds=0.05).outcomes == {"a": if_not_attempted, "b": if_not_attempted}
    assert world.sent == []


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (DROP_BEFORE, Failure(Reason.UNREACHABLE, message="Connection aborted.")),
        (HANG, Failure(Reason.TIMEOUT, message="Read timed out.")),
        (503, Failure(Reason.UNAVAILABLE, 503)),
        ((400, {}, '{"error_code": "OMS.0001"}'), Failure(Reason.REFUSED, 400, "OMS.0001")),
    ],
)
def test_a_failure_tells_what_happened(world, fault, failure):
    world.oms.schedule = [fault] * 5
    assert world.failure() == failure


def test_a_call_that_does_not_return_in_time_says_how_long_that_was(world):
    world.oms.round_trip = 16.0
    assert world.failure().message == "no whole answer within 15.0 s"


def test_a_redirect_is_named_without_what_stands_behind_its_question_mark(world):
    world.oms.schedule = [(302, {"Location": "https://elsewhere.example.com/a?what=was&sent"}, "")]
    assert world.failure().message == "a redirect to https://elsewhere.example.com/a, which is never followed"


def test_retry_after_may_be_a_date(world):
    world.oms.schedule = [(503, {"Retry-After": "Fri, 02 Jan 2026 00:00:03 GMT"}, "")]
    world.submit("a")
    assert 2.9 <= world.clock.seconds <= 3.5


@pytest.mark.parametrize(("minutes", "reason"), [(13, Reason.CREDENTIALS), (15, Reason.CLOCK), (-15, Reason.CLOCK)])
def test_a_clock_further_off_than_huawei_lets_pass_is_the_reason(world, minutes, reason):
    world.clock.ahead = timedelta(minutes=minutes)
    world.oms.schedule = [(401, {"Date": "Fri, 02 Jan 2026 00:00:00 GMT"}, "")]
    assert world.failure().reason is reason


@pytest.mark.parametrize(("schedule", "throttled"), [([429, 429, "ok"], 2), ([503, DROP_BEFORE, "ok"], 0)])
def test_the_throttled_calls_are_counted(world, schedule, throttled):
    world.oms.schedule = list(schedule)
    submission = world.submit("a")
    assert (submission.calls, submission.throttled, submission.outcomes) == (3, throttled, {"a": None})


@pytest.mark.parametrize("answer", ["{}", '{"status": null, "src_bucket": null, "monthly_size": null}'])
def test_what_oms_does_not_say_of_the_task_is_none(world, answer):
    world.oms.schedule = [(200, {}, answer)]
    assert asked(world) == EMPTY
