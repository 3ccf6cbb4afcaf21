"""Tests of keys that the simulated OMS accepts: their copies, and the counters of the sync task."""

import pytest

from sandbox.oms.copier import SourceObject


@pytest.mark.parametrize(
    "key",
    [
        "a/b",
        "照片",
        "100%",
        "%e7%85%a7",
        "%41",
        "",
        7,
    ],
)
def test_the_simulated_oms_refuses_a_call_with_a_key_not_url_encoded(box, huawei, key, assert_refused):
    assert_refused(huawei.submit("good", key), 400, "OMS.0001")
    assert not box.oms.accepted


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        *((body, "application/json") for body in (b"", b"{}", b"[]", b'{"object_keys": []}', b'{"object_keys": "a"}')),
        (b'{"object_keys": ["a"]}', "text/plain"),
    ],
)
def test_the_simulated_oms_refuses_a_body_without_a_list_of_keys(box, huawei, assert_refused, body, content_type):
    headers = {"Content-Type": content_type}
    assert_refused(huawei.call("POST", box.task.sync_url, body, headers=headers), 400, "OMS.0001")


def test_the_simulated_oms_answers_404_for_an_unknown_task(box, huawei):
    for name in (box.task_id, box.project_id):
        url = box.task.sync_url.replace(name, "another")
        assert huawei.call("POST", url, b'{"object_keys": ["a"]}').status_code == 404


def now_ms(box):
    return int(box.oms.now() * 1000)


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
def test_the_simulated_oms_copies_a_key_again_by_its_overwrite_mode(box, huawei, mode, second, overwritten):
    source = {"a": SourceObject(b"the first", "", 0)}
    box.task = box.oms.create_task("project", "task", source.get, box.obs.create_bucket("copies"), overwrite_mode=mode)
    huawei.submit("a")
    box.oms.wait_until_copied(10)

    source["a"] = second
    huawei.submit("a")
    box.oms.wait_until_copied(10)

    assert (box.task.success_object, box.task.skip_object) == ((2, 0) if overwritten else (1, 1))
    assert box.task.destination["a"].data == (second.data if overwritten else b"the first")


def test_the_simulated_oms_returns_the_requested_types_of_statistics(box, huawei, task_url):
    huawei.submit("a")
    start = now_ms(box) - 7_200_000

    answer = huawei.call(
        "GET", task_url(f"/statistics?data_type=REQUEST&start_time={start}&end_time={start + 3_600_000}")
    )

    first_step = start - start % 300_000
    steps = [{"time_stamp": first_step + step * 300_000, "statistic_num": 0} for step in range(13)]
    assert answer.json()["statistic_datas"] == [{"data_type": "REQUEST", "data": steps}]


@pytest.mark.parametrize(
    "tail",
    [
        *("", "?query_time=", "?query_time=now", "?query_time=1700000000"),  # without its time in milliseconds
        "/statistics?data_type=REQUEST&start_time=1700000000000",
        "/statistics?data_type=REQUEST&end_time=1700000000000",
        "/statistics?data_type=EVERYTHING&start_time=1700000000000&end_time=1700000000001",
        "/statistics?start_time=1700000000000&end_time=1700000000001",
        "/statistics?data_type=REQUEST&start_time=1700000000001&end_time=1700000000000",
    ],
)
def test_the_simulated_oms_refuses_wrong_times_or_types_of_statistics(huawei, tail, assert_refused, task_url):
    assert_refused(huawei.call("GET", task_url(tail)), 400, "OMS.0001")
