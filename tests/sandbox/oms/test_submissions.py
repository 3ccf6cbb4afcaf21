"""Which keys OMS accepts, and which it refuses."""

import pytest

from sandbox.oms.task import SourceObject

JSON = {"Content-Type": "application/json"}


def test_ten_keys_that_are_signed_and_encoded_are_accepted(box, huawei):
    answer = huawei.submit(*[f"photo%20{number}%2F%E7%85%A7" for number in range(10)])

    assert (answer.status_code, answer.content) == (200, b"")
    [call] = box.oms.calls
    assert call.sent[9] == "photo%209%2F%E7%85%A7"
    assert call.keys[9] == "photo 9/照"
    assert call.status == 200
    assert box.oms.accepted == {f"photo {number}/照": 1 for number in range(10)}


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
def test_a_key_that_is_not_url_encoded_is_refused_and_its_neighbour_with_it(box, huawei, key, assert_refused):
    assert_refused(huawei.submit("good", key), 400, "OMS.0001")
    assert not box.oms.accepted


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'"a"', b"{", b'{"object_keys": []}', b'{"object_keys": "a"}', b"\xff"]
)
def test_a_body_that_is_not_a_list_of_keys_is_refused(box, huawei, body, assert_refused):
    assert_refused(huawei.call("POST", box.task.sync_url, body, headers=JSON), 400, "OMS.0001")


def test_a_content_type_other_than_json_is_refused(huawei, assert_refused):
    assert_refused(huawei.submit("a", headers={"Content-Type": "text/plain"}), 400, "OMS.0001")


def test_a_task_that_wants_raw_keys_takes_them_as_they_are(box, huawei):
    source = {"a b/照片+100%.jpg": SourceObject(b"data", "", 0)}
    box.task = box.oms.create_task("project", "raw", source.get, box.obs.create_bucket("copies"), key_encoding="raw")

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


def test_a_stopped_task_takes_nothing(box, huawei, assert_refused):
    box.task.status = "STOPPED"

    assert_refused(huawei.submit("a"), 400, "OMS.0001")


def test_a_call_with_a_refused_key_is_refused_as_a_whole(box, huawei, assert_refused):
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
