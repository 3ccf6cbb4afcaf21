"""What OMS and the gateway before it accept, and what they refuse."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime

import pytest

from sandbox.oms.service import SourceObject

JSON = {"Content-Type": "application/json"}


def assert_refused(answer, status, code):
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["error_msg"]


def test_ten_keys_that_are_signed_and_encoded_are_accepted(box, huawei):
    answer = huawei.submit(*[f"photo%20{number}%2F%E7%85%A7" for number in range(10)])

    assert (answer.status_code, answer.content) == (200, b"")
    [call] = box.oms.calls
    assert call.sent[9] == "photo%209%2F%E7%85%A7"
    assert call.keys[9] == "photo 9/照"
    assert call.status == 200
    assert box.oms.accepted == {f"photo {number}/照": 1 for number in range(10)}


def test_every_answer_carries_the_date_of_the_servers_clock(box, huawei):
    box.oms.clock_offset = 3600

    answer = huawei.submit("a")

    assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - box.oms.now()) < 60


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic YTpi",
        "SDK-HMAC-SHA256 Access=SANDBOXHWAK000000001, SignedHeaders=host",
        "SDK-HMAC-SHA256 Access=SANDBOXHWAK000000001, SignedHeaders=content-type;host;x-sdk-date, Signature="
        + "0" * 64,
    ],
)
def test_a_call_without_a_signature_is_refused(box, http, authorization):
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {**JSON, "X-Sdk-Date": now, "Authorization": authorization}

    answer = http.post(box.task.sync_url, headers=headers, data=b'{"object_keys": ["a"]}')

    assert_refused(answer, 401, "APIGW.0301")
    assert not box.oms.accepted


def test_an_unknown_access_key_is_refused(huawei):
    assert_refused(huawei.submit("a", credentials=("SANDBOXNOBODY", "secret")), 401, "APIGW.0301")


def test_removed_credentials_are_refused(box, huawei):
    box.oms.remove_credentials(box.huawei_credentials[0])

    assert_refused(huawei.submit("a"), 401, "APIGW.0301")


def test_a_wrong_secret_key_is_refused(box, huawei):
    assert_refused(huawei.submit("a", credentials=(box.huawei_credentials[0], "wrong")), 401, "APIGW.0301")


@pytest.mark.parametrize("name", ["content-type", "host", "x-sdk-date"])
def test_a_header_that_must_be_signed_and_is_not_is_refused(box, huawei, http, name):
    body = b'{"object_keys": ["a"]}'
    headers = huawei.headers("POST", box.task.sync_url, body, JSON, box.huawei_credentials)
    names = headers["Authorization"].split("SignedHeaders=")[1].split(",")[0]
    fewer = ";".join(one for one in names.split(";") if one != name)
    headers["Authorization"] = headers["Authorization"].replace(names, fewer)

    answer = http.post(box.task.sync_url, headers=headers, data=body)

    assert_refused(answer, 401, "APIGW.0301")
    assert name in answer.json()["error_msg"]


def test_a_content_type_outside_a_signature_that_is_right_otherwise_is_refused(huawei):
    assert_refused(huawei.submit("a", headers={}, unsigned=JSON), 401, "APIGW.0301")


def test_a_signed_header_that_was_not_sent_is_refused(box, huawei, http):
    body = b'{"object_keys": ["a"]}'
    headers = huawei.headers("POST", box.task.sync_url, body, {**JSON, "X-Project-Id": "p"}, box.huawei_credentials)
    del headers["X-Project-Id"]

    assert_refused(http.post(box.task.sync_url, headers=headers, data=body), 401, "APIGW.0301")


def test_a_further_signed_header_passes(huawei):
    assert huawei.submit("a", headers={**JSON, "X-Project-Id": "p"}).status_code == 200


def test_a_body_that_was_not_signed_is_refused(box, huawei, http):
    headers = huawei.headers("POST", box.task.sync_url, b'{"object_keys": ["a"]}', JSON, box.huawei_credentials)

    answer = http.post(box.task.sync_url, headers=headers, data=b'{"object_keys": ["b"]}')

    assert_refused(answer, 401, "APIGW.0301")


def test_a_content_hash_that_is_not_the_bodys_is_refused_though_it_is_signed(huawei):
    answer = huawei.submit("a", headers={**JSON, "X-Sdk-Content-Sha256": "0" * 64})

    assert_refused(answer, 401, "APIGW.0301")


@pytest.mark.parametrize("skew", [16 * 60, -16 * 60])
def test_a_clock_that_is_sixteen_minutes_off_is_refused(box, huawei, skew):
    box.oms.clock_offset = skew

    assert_refused(huawei.submit("a"), 401, "APIGW.0301")


@pytest.mark.parametrize("skew", [14 * 60, -14 * 60])
def test_a_clock_that_is_fourteen_minutes_off_passes(box, huawei, skew):
    box.oms.clock_offset = skew

    assert huawei.submit("a").status_code == 200


def test_an_unreadable_date_is_refused(huawei):
    answer = huawei.submit("a", unsigned={"X-Sdk-Date": "yesterday"})

    assert_refused(answer, 401, "APIGW.0301")


@pytest.mark.parametrize(
    ("token", "status"), [({}, 401), ({"X-Security-Token": "wrong"}, 401), ({"X-Security-Token": "right"}, 200)]
)
def test_a_temporary_key_needs_its_token(box, huawei, token, status):
    box.oms.add_credentials("SANDBOXTEMPORARY", "secret", "right")

    answer = huawei.submit("a", headers={**JSON, **token}, credentials=("SANDBOXTEMPORARY", "secret"))

    assert answer.status_code == status


def test_a_token_that_is_not_signed_is_refused(box, huawei):
    box.oms.add_credentials("SANDBOXTEMPORARY", "secret", "right")

    answer = huawei.submit("a", unsigned={"X-Security-Token": "right"}, credentials=("SANDBOXTEMPORARY", "secret"))

    assert_refused(answer, 401, "APIGW.0301")


def test_a_token_with_a_key_that_has_none_is_refused(huawei):
    assert_refused(huawei.submit("a", headers={**JSON, "X-Security-Token": "surplus"}), 401, "APIGW.0301")


def test_eleven_keys_are_refused(box, huawei):
    assert_refused(huawei.submit(*"abcdefghijk"), 400, "OMS.0001")
    assert not box.oms.accepted


@pytest.mark.parametrize(
    "key",
    [
        "a/b",
        "a b",
        "a+b",
        "照片",
        "100%",
        "%e7%85%a7",
        "%41",
        "%FF",
        "a&b",
        "",
        None,
        7,
    ],
)
def test_a_key_that_is_not_url_encoded_is_refused_and_its_neighbour_with_it(box, huawei, key):
    assert_refused(huawei.submit("good", key), 400, "OMS.0001")
    assert not box.oms.accepted


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'"a"', b"{", b'{"object_keys": []}', b'{"object_keys": "a"}', b"\xff"]
)
def test_a_body_that_is_not_a_list_of_keys_is_refused(box, huawei, body):
    assert_refused(huawei.call("POST", box.task.sync_url, body, headers=JSON), 400, "OMS.0001")


def test_a_content_type_other_than_json_is_refused(huawei):
    assert_refused(huawei.submit("a", headers={"Content-Type": "text/plain"}), 400, "OMS.0001")


def test_a_task_that_wants_raw_keys_takes_them_as_they_are(box, huawei):
    source = {"a b/照片+100%.jpg": SourceObject(b"data", "", 0)}
    box.task = box.oms.create_task("project", "raw", source.get, key_encoding="raw")

    assert huawei.submit(*source).status_code == 200

    box.oms.wait_copied(10)
    assert box.task.destination.keys() == source.keys()


def test_an_unknown_task_is_not_found(box, huawei):
    for url in (
        box.task.sync_url.replace(box.task_id, "another"),
        box.task.sync_url.replace(box.project_id, "another"),
    ):
        answer = huawei.call("POST", url, b'{"object_keys": ["a"]}')
        assert answer.status_code == 404


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("POST", "/more"), ("PUT", ""), ("DELETE", "")])
def test_an_unknown_api_is_not_found(box, huawei, method, tail):
    assert_refused(huawei.call(method, box.task.sync_url + tail), 404, "APIGW.0101")


def test_a_stopped_task_takes_nothing(box, huawei):
    box.task.status = "STOPPED"

    assert_refused(huawei.submit("a"), 400, "OMS.0001")


def test_what_is_faster_than_the_limit_is_throttled(box, huawei):
    box.oms.throttle(0.001, burst=2)

    answers = [huawei.submit("a") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert_refused(answers[2], 429, "APIGW.0308")
    box.oms.throttle(None)
    assert huawei.submit("a").status_code == 200
    assert [call.status for call in box.oms.calls] == [200, 200, 429, 200]


def test_a_call_with_a_refused_key_is_refused_as_a_whole(box, huawei):
    box.oms.refuse(lambda key: key.endswith(".tmp"))

    assert_refused(huawei.submit("a.jpg", "b.tmp"), 400, "OMS.0001")
    assert huawei.submit("a.jpg").status_code == 200
    assert box.oms.accepted == {"a.jpg": 1}


def test_calls_tell_on_which_connection_they_came(box, huawei):
    huawei.submit("a")
    huawei.submit("b")
    box.oms.reset_connections()
    huawei.submit("c")

    first, second, third = (call.connection for call in box.oms.calls)
    assert first == second != third
    assert box.oms.connections == 2


def test_an_accepted_object_is_copied_soon_after(box, huawei):
    box.oss.put("photos", "a b", b"hello")

    huawei.submit("a%20b")
    box.oms.wait_copied(10)

    assert box.task.destination["a b"].data == b"hello"
    assert (box.task.acceptance_request, box.task.success_object, box.task.size) == (1, 1, 5)


def test_an_object_that_is_gone_by_then_counts_as_failure(box, huawei):
    huawei.submit("never%20was")
    box.oms.wait_copied(10)

    assert (box.task.failure_object, box.task.success_object) == (1, 0)


def test_waiting_for_copies_ends(box, huawei):
    with box.oms.lock:
        box.task.pending += 1

    with pytest.raises(TimeoutError):
        box.oms.wait_copied(0.01)


@pytest.mark.parametrize(
    ("mode", "second", "overwritten"),
    [
        ("SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", SourceObject(b"same size", "", 0), False),
        ("SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", SourceObject(b"other size", "", 0), True),
        ("SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", SourceObject(b"same size", "", 9e9), True),
        ("CRC64_COMPARISON_OVERWRITE", SourceObject(b"same size", "", 0), True),
        ("CRC64_COMPARISON_OVERWRITE", SourceObject(b"the first", "", 9e9), False),
        ("FULL_OVERWRITE", SourceObject(b"the first", "", 0), True),
        ("NO_OVERWRITE", SourceObject(b"other size", "", 9e9), False),
    ],
)
def test_the_overwrite_mode_decides_whether_a_key_is_copied_again(box, huawei, mode, second, overwritten):
    source = {"a": SourceObject(b"the first", "", 0)}
    box.task = box.oms.create_task("project", "task", source.get, overwrite_mode=mode)
    huawei.submit("a")
    box.oms.wait_copied(10)

    source["a"] = second
    huawei.submit("a")
    box.oms.wait_copied(10)

    assert (box.task.success_object, box.task.skip_object) == ((2, 0) if overwritten else (1, 1))
    assert box.task.destination["a"].data == (second.data if overwritten else b"the first")


def task_url(box, tail):
    return box.task.sync_url.removesuffix("/events") + tail


def now_ms(box):
    return int(box.oms.now() * 1000)


def test_a_task_tells_what_it_is_and_has_done(box, huawei):
    box.oss.put("photos", "a", b"hello")
    huawei.submit("a", "missing")
    huawei.submit("a")
    box.oms.wait_copied(10)

    answer = huawei.call("GET", task_url(box, f"?query_time={now_ms(box)}"))

    task = answer.json()
    assert answer.status_code == 200
    assert (task["src_bucket"], task["src_region"]) == ("photos", "cn-hangzhou")
    assert (task["status"], task["object_overwrite_mode"]) == (
        "SYNCHRONIZING",
        "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
    )
    assert task["monthly_acceptance_request"] == 3, "objects, not calls"
    assert task["monthly_success_object"] == 1
    assert task["monthly_failure_object"] == 1
    assert task["monthly_skip_object"] == 1
    assert task["monthly_size"] == 5


@pytest.mark.parametrize("query", ["", "?query_time=", "?query_time=now", "?query_time=1700000000"])
def test_a_task_asked_without_its_time_in_milliseconds_is_refused(box, huawei, query):
    assert_refused(huawei.call("GET", task_url(box, query)), 400, "OMS.0001")


def test_statistics_come_in_buckets_of_five_minutes(box, huawei):
    box.oss.put("photos", "a", b"hello")
    huawei.submit("a", "missing")
    box.oms.wait_copied(10)
    start, end = now_ms(box) - 600_000, now_ms(box)

    answer = huawei.call(
        "GET",
        task_url(box, f"/statistics?data_type=REQUEST,SUCCESS,FAILURE,SKIP,SIZE&start_time={start}&end_time={end}"),
    )

    statistics = answer.json()
    assert statistics["statistic_time_type"] == "FIVE_MINUTES"
    sums = {
        one["data_type"]: sum(point["statistic_num"] for point in one["data"]) for one in statistics["statistic_datas"]
    }
    assert sums == {"REQUEST": 2, "SUCCESS": 1, "FAILURE": 1, "SKIP": 0, "SIZE": 5}
    stamps = [point["time_stamp"] for one in statistics["statistic_datas"] for point in one["data"]]
    assert all(stamp % 300_000 == 0 for stamp in stamps)


def test_statistics_leave_out_what_is_not_asked_for_and_list_steps_in_which_nothing_was(box, huawei):
    huawei.submit("a")
    start = now_ms(box) - 7_200_000

    answer = huawei.call(
        "GET", task_url(box, f"/statistics?data_type=REQUEST&start_time={start}&end_time={start + 3_600_000}")
    )

    (requests,) = answer.json()["statistic_datas"]
    assert requests["data_type"] == "REQUEST"
    first = start - start % 300_000
    assert [point["time_stamp"] for point in requests["data"]] == [first + step * 300_000 for step in range(13)]
    assert {point["statistic_num"] for point in requests["data"]} == {0}


def test_a_months_counters_are_of_that_month(box, huawei):
    huawei.submit("a")
    now = now_ms(box)
    of_now, of_long_ago = (
        huawei.call("GET", task_url(box, f"?query_time={time}")).json()["monthly_acceptance_request"]
        for time in (now, now - 40 * 24 * 3_600_000)
    )
    assert (of_now, of_long_ago) == (1, 0)


@pytest.mark.parametrize(
    "query",
    [
        "data_type=REQUEST&start_time=1700000000000",
        "data_type=REQUEST&end_time=1700000000000",
        "data_type=EVERYTHING&start_time=1700000000000&end_time=1700000000001",
        "start_time=1700000000000&end_time=1700000000001",
        "data_type=REQUEST&start_time=1700000000001&end_time=1700000000000",
    ],
)
def test_statistics_asked_for_wrongly_are_refused(box, huawei, query):
    assert_refused(huawei.call("GET", task_url(box, f"/statistics?{query}")), 400, "OMS.0001")


def test_reading_needs_a_signature_too(box, http, huawei):
    url = task_url(box, f"?query_time={now_ms(box)}")

    assert_refused(http.get(url), 401, "APIGW.0301")
    assert_refused(huawei.call("GET", url, credentials=(box.huawei_credentials[0], "wrong")), 401, "APIGW.0301")
    assert json.loads(huawei.call("GET", url, headers={}).text)["status"] == "SYNCHRONIZING"
