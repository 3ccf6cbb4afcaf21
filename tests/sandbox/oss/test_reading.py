"""Tests of the simulated OSS's responses about an object: ranges, stored headers and storage classes."""

from dataclasses import replace

import pytest

ETAG = "5D41402ABC4B2A76B9719D911017C592"


@pytest.mark.parametrize(
    ("byte_range", "status", "body", "content_range"),
    [
        ("bytes=0-1", 206, b"he", "bytes 0-1/5"),
        ("bytes=1-", 206, b"ello", "bytes 1-4/5"),
        ("bytes=3-9", 200, b"hello", None),
        ("bytes=5-6", 200, b"hello", None),
    ],
)
def test_the_simulated_oss_returns_the_whole_object_for_a_wrong_range(
    box, oss_requests, byte_range, status, body, content_range
):
    box.oss.put("photos", "a", b"hello")
    answer = oss_requests.send("GET", "a", headers={"Range": byte_range})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("Content-Range") == content_range
    assert answer.headers["ETag"] == f'"{ETAG}"'


def test_the_simulated_oss_shows_the_number_of_tags_only_with_permission(box, photos):
    objects = box.oss.buckets["photos"].objects
    box.oss.put("photos", "a", b"hello")
    assert "x-oss-tagging-count" not in photos.head_object("a").headers
    objects["a"] = replace(objects["a"], tag_count=2)
    assert [request("a").headers["x-oss-tagging-count"] for request in (photos.head_object, photos.get_object)] == [
        "2",
        "2",
    ]
    box.oss.deny("oss:GetObjectTagging", "photos")
    assert "x-oss-tagging-count" not in photos.head_object("a").headers


def test_the_simulated_oss_lists_and_does_not_return_an_archived_object(box, photos, catch_refusal):
    box.oss.fill("photos", ["a"], 5, storage_class="Archive")
    assert photos.head_object("a").headers["x-oss-storage-class"] == "Archive"
    assert [entry.storage_class for entry in photos.list_objects().object_list] == ["Archive"]
    assert catch_refusal(lambda: photos.get_object("a")) == (403, "InvalidObjectState")
