"""Tests of the simulated gateway of OMS, which checks the signature, the date, the rate and the path."""

import time
from email.utils import parsedate_to_datetime

import pytest

from sandbox import Sandbox

JSON, BODY = {"Content-Type": "application/json"}, b'{"object_keys": ["a"]}'


def test_each_response_of_the_simulated_oms_has_the_date_of_its_clock(box, huawei):
    box.oms.clock_offset = 3600
    date = parsedate_to_datetime(huawei.submit("a").headers["Date"])
    assert abs(date.timestamp() - box.oms.now()) < 60


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic YTpi",
        "SDK-HMAC-SHA256 Access=SANDBOXHWAK000000001, SignedHeaders=host",
        "SDK-HMAC-SHA256 Access=SANDBOXHWAK000000001, SignedHeaders=content-type;host;x-sdk-date, Signature="
        + "0" * 64,
    ],
)
def test_the_simulated_oms_refuses_a_call_without_a_signature(box, http, authorization, assert_refused):
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(box.oms.now()))
    headers = {**JSON, "X-Sdk-Date": now, "Authorization": authorization}

    assert_refused(http.post(box.task.sync_url, headers=headers, data=BODY), 401, "APIGW.0301")
    assert not box.oms.accepted


AK, _ = Sandbox.huawei_credentials
TEMPORARY = ("SANDBOXTEMPORARY", "secret")


@pytest.mark.parametrize(
    "details",
    [
        {"credentials": ("SANDBOXNOBODY", "secret")},
        {"credentials": (AK, "wrong")},
        {"headers": {}, "unsigned_headers": JSON},
        {"headers": {**JSON, "X-Sdk-Content-Sha256": "0" * 64}},
        {"unsigned_headers": {"X-Sdk-Date": "yesterday"}},
        {"headers": {**JSON, "X-Security-Token": "surplus"}},
        {"unsigned_headers": {"X-Security-Token": "right"}, "credentials": TEMPORARY},
        {"credentials": TEMPORARY},
        {"headers": {**JSON, "X-Security-Token": "wrong"}, "credentials": TEMPORARY},
    ],
    ids=[
        "unknown key",
        "wrong secret",
        "content type outside of the signature",
        "hash of another body",
        "unreadable date",
        "token of a key without a token",
        "token outside of the signature",
        "missing token",
        "wrong token",
    ],
)
def test_the_simulated_oms_refuses_a_wrong_signature(box, huawei, assert_refused, details):
    box.oms.add_credentials(*TEMPORARY, "right")

    assert_refused(huawei.submit("a", **details), 401, "APIGW.0301")


@pytest.mark.parametrize("sign", [1, -1])
def test_the_simulated_oms_accepts_a_date_up_to_15_minutes_off(box, huawei, sign, assert_refused):
    box.oms.clock_offset = sign * 14 * 60
    assert huawei.submit("a").status_code == 200

    box.oms.clock_offset = sign * 16 * 60
    assert_refused(huawei.submit("a"), 401, "APIGW.0301")


@pytest.mark.parametrize("name", ["content-type", "host", "x-sdk-date"])
def test_the_simulated_oms_refuses_an_unsigned_header_that_must_be_signed(box, huawei, http, name, assert_refused):
    headers = huawei.headers("POST", box.task.sync_url, BODY, JSON, box.huawei_credentials)
    names = headers["Authorization"].split("SignedHeaders=")[1].split(",")[0]
    remaining_names = ";".join(part for part in names.split(";") if part != name)
    headers["Authorization"] = headers["Authorization"].replace(names, remaining_names)

    answer = http.post(box.task.sync_url, headers=headers, data=BODY)

    assert_refused(answer, 401, "APIGW.0301")
    assert name in answer.json()["error_msg"]


@pytest.mark.parametrize(
    ("extra_headers", "body"), [({"X-Project-Id": "p"}, BODY), ({}, b'{"object_keys": ["b"]}')], ids=["header", "body"]
)
def test_the_simulated_oms_refuses_a_body_that_differs_from_the_signed(
    box, huawei, http, assert_refused, extra_headers, body
):
    headers = huawei.headers("POST", box.task.sync_url, BODY, {**JSON, **extra_headers}, box.huawei_credentials)
    sent_headers = {name: value for name, value in headers.items() if name not in extra_headers}

    assert_refused(http.post(box.task.sync_url, headers=sent_headers, data=body), 401, "APIGW.0301")


def test_the_simulated_oms_throttles_calls_beyond_its_rate(box, huawei, assert_refused):
    box.oms.throttle(0.001, burst=2)

    assert_refused([huawei.submit("a") for _ in range(3)][-1], 429, "APIGW.0308")
    box.oms.throttle(None)
    assert huawei.submit("a").status_code == 200
    assert [call.status for call in box.oms.calls] == [200, 200, 429, 200]
