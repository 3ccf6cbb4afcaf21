"""Which keys OMS accepts, and which it refuses."""

import pytest

from sandbox.oms.task import SourceObject

JSON = {"Content-Type": "application/json"}


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
