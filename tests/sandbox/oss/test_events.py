"""The events that OSS hands to a function."""

import contextlib
import json

import oss2
import pytest

CREATED = [
    "PutObject",
    "PostObject",
    "CopyObject",
    "AppendObject",
    "InitiateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
]


@pytest.fixture
def delivered(box):
    """Everything that a trigger for all event names was handed."""
    payloads = []
    box.oss.add_trigger("all", "photos", [f"oss:ObjectCreated:{name}" for name in CREATED], "", "", payloads.append)
    return payloads


def names_and_keys(payloads):
    events = [json.loads(payload)["events"] for payload in payloads]
    return [(event["eventName"], event["oss"]["object"]["key"]) for [event] in events]


def test_an_event_says_what_happened(box, photos, delivered):
    result = photos.put_object("a b/照片%.jpg", b"hello")

    [event] = json.loads(delivered[0])["events"]
    assert event["eventName"] == "ObjectCreated:PutObject"
    assert event["eventSource"] == "acs:oss"
    assert event["region"] == "cn-hangzhou"
    assert event["oss"]["bucket"]["name"] == "photos"
    assert event["oss"]["object"]["key"] == "a b/照片%.jpg"
    assert event["oss"]["object"]["eTag"] == "5D41402ABC4B2A76B9719D911017C592"
    assert event["oss"]["object"]["size"] == 5
    assert event["responseElements"]["requestId"] == result.request_id
    assert "照片".encode() in delivered[0], "the key is raw UTF-8"


def test_each_way_of_uploading_has_its_own_event(photos, delivered):
    photos.put_object("put", b"")
    photos.copy_object("photos", "put", "copied")
    photos.append_object("appended", 0, b"")
    upload = photos.init_multipart_upload("big").upload_id
    etag = photos.upload_part("big", upload, 1, b"part").etag
    photos.complete_multipart_upload("big", upload, [oss2.models.PartInfo(1, etag)])

    assert names_and_keys(delivered) == [
        ("ObjectCreated:PutObject", "put"),
        ("ObjectCreated:CopyObject", "copied"),
        ("ObjectCreated:AppendObject", "appended"),
        ("ObjectCreated:InitiateMultipartUpload", "big"),
        ("ObjectCreated:UploadPart", "big"),
        ("ObjectCreated:CompleteMultipartUpload", "big"),
    ]


def test_an_upload_from_the_console_posts(box, delivered):
    box.oss.put("photos", "a", b"", event="ObjectCreated:PostObject")

    assert names_and_keys(delivered) == [("ObjectCreated:PostObject", "a")]


def test_a_trigger_is_told_of_its_events_prefix_and_suffix_only(box):
    payloads = []
    box.oss.add_trigger("some", "photos", ["oss:ObjectCreated:PutObject"], "in/", ".jpg", payloads.append)

    for key in ["in/a.jpg", "in/a.png", "out/a.jpg"]:
        box.oss.put("photos", key, b"")
    box.oss.put("photos", "in/b.jpg", b"", event="ObjectCreated:PostObject")
    box.oss.put("photos-oms-log", "in/a.jpg", b"")

    assert names_and_keys(payloads) == [("ObjectCreated:PutObject", "in/a.jpg")]


def test_neither_a_refused_upload_nor_a_deletion_is_an_event(photos, delivered):
    with pytest.raises(oss2.exceptions.NoSuchKey):
        photos.copy_object("photos", "never was", "copied")
    photos.delete_object("a")

    assert delivered == []


@pytest.mark.parametrize(
    ("prefix", "suffix", "events", "refused"),
    [
        ("in/a/", ".jpg", ["PutObject"], True),
        ("", "", ["PutObject", "PostObject"], True),
        ("out/", "", ["PutObject"], False),
        ("in/", ".png", ["PutObject"], False),
        ("in/", ".jpg", ["PostObject"], False),
    ],
)
def test_triggers_that_overlap_in_events_prefix_and_suffix_are_refused(box, prefix, suffix, events, refused):
    box.oss.add_trigger("first", "photos", ["oss:ObjectCreated:PutObject"], "in/", ".jpg", print)
    expected = pytest.raises(ValueError, match="second overlaps with first") if refused else contextlib.nullcontext()
    with expected:
        box.oss.add_trigger("second", "photos", [f"oss:ObjectCreated:{name}" for name in events], prefix, suffix, print)


def test_a_bucket_takes_ten_triggers(box):
    for number in range(10):
        box.oss.add_trigger(str(number), "photos", ["oss:ObjectCreated:PutObject"], f"{number}/", "", print)
    with pytest.raises(ValueError, match="has 10 triggers"):
        box.oss.add_trigger("10", "photos", ["oss:ObjectCreated:PutObject"], "10/", "", print)


def test_a_trigger_can_be_replaced_and_removed(box):
    payloads = []
    for prefix in ("a/", "b/"):
        box.oss.add_trigger("one", "photos", ["oss:ObjectCreated:PutObject"], prefix, "", payloads.append)
    for key in ("a/1", "b/1"):
        box.oss.put("photos", key, b"")
    box.oss.remove_trigger("one")
    box.oss.put("photos", "b/2", b"")
    assert names_and_keys(payloads) == [("ObjectCreated:PutObject", "b/1")]
