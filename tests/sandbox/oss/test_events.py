"""Tests of events that the simulated OSS sends to functions: their form, triggers, losses and delays."""

import contextlib
import json

import oss2
import pytest

from sandbox.oss.deliveries import EventFault

EVENT_NAMES = [
    "PutObject",
    "PostObject",
    "CopyObject",
    "InitiateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
]


@pytest.fixture
def delivered_payloads(box):
    """Return a list to which a trigger for all events appends the payloads that it receives."""
    payloads = []
    box.oss.add_trigger("all", "photos", [f"oss:ObjectCreated:{name}" for name in EVENT_NAMES], "", "", payloads.append)
    return payloads


def parse_events(payloads):
    events = [json.loads(payload)["events"] for payload in payloads]
    return [(event["eventName"], event["oss"]["object"]["key"]) for [event] in events]


def test_an_event_of_the_simulated_oss_names_the_object_and_the_request(box, photos, delivered_payloads):
    result = photos.put_object("a b/照片%.jpg", b"hello")

    [event] = json.loads(delivered_payloads[0])["events"]
    origin = event["eventName"], event["eventSource"], event["region"], event["oss"]["bucket"]["name"]
    assert origin == ("ObjectCreated:PutObject", "acs:oss", "cn-hangzhou", "photos")
    expected_fields = {"key": "a b/照片%.jpg", "eTag": "5D41402ABC4B2A76B9719D911017C592", "size": 5}
    assert event["oss"]["object"].items() >= expected_fields.items()
    assert event["responseElements"]["requestId"] == result.request_id
    assert "照片".encode() in delivered_payloads[0], "the key is raw UTF-8"


def test_the_simulated_oss_sends_another_event_for_each_way_of_uploading(photos, delivered_payloads):
    photos.put_object("put", b"")
    photos.copy_object("photos", "put", "copied")
    upload = photos.init_multipart_upload("big").upload_id
    etag = photos.upload_part("big", upload, 1, b"part").etag
    photos.complete_multipart_upload("big", upload, [oss2.models.PartInfo(1, etag)])

    assert parse_events(delivered_payloads) == [
        ("ObjectCreated:PutObject", "put"),
        ("ObjectCreated:CopyObject", "copied"),
        ("ObjectCreated:InitiateMultipartUpload", "big"),
        ("ObjectCreated:UploadPart", "big"),
        ("ObjectCreated:CompleteMultipartUpload", "big"),
    ]


def test_a_trigger_of_the_simulated_oss_gets_only_its_prefix_and_suffix(box):
    payloads = []
    box.oss.add_trigger("some", "photos", ["oss:ObjectCreated:PutObject"], "in/", ".jpg", payloads.append)

    for key in ["in/a.jpg", "in/a.png", "out/a.jpg"]:
        box.oss.put("photos", key, b"")
    box.oss.put("photos", "in/b.jpg", b"", event="ObjectCreated:PostObject")
    box.oss.put("photos-oms-log", "in/a.jpg", b"")

    assert parse_events(payloads) == [("ObjectCreated:PutObject", "in/a.jpg")]


def test_the_simulated_oss_sends_no_event_for_refused_uploads(photos, delivered_payloads, catch_refusal):
    assert catch_refusal(lambda: photos.copy_object("photos", "never was", "copied")) == (404, "NoSuchKey")
    photos.delete_object("a")

    assert delivered_payloads == []


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
def test_the_simulated_oss_refuses_triggers_that_overlap(box, prefix, suffix, events, refused):
    box.oss.add_trigger("first", "photos", ["oss:ObjectCreated:PutObject"], "in/", ".jpg", print)
    with pytest.raises(ValueError, match="second overlaps with first") if refused else contextlib.nullcontext():
        box.oss.add_trigger("second", "photos", [f"oss:ObjectCreated:{name}" for name in events], prefix, suffix, print)


def test_the_simulated_oss_allows_ten_triggers_a_bucket(box):
    for number in range(10):
        box.oss.add_trigger(str(number), "photos", ["oss:ObjectCreated:PutObject"], f"{number}/", "", print)
    with pytest.raises(ValueError, match="has 10 triggers"):
        box.oss.add_trigger("10", "photos", ["oss:ObjectCreated:PutObject"], "10/", "", print)


def test_a_trigger_of_the_simulated_oss_can_be_replaced_and_removed(box):
    payloads = []
    for prefix in ("a/", "b/"):
        box.oss.add_trigger("some", "photos", ["oss:ObjectCreated:PutObject"], prefix, "", payloads.append)
    for key in ("a/1", "b/1"):
        box.oss.put("photos", key, b"")
    box.oss.remove_trigger("some")
    box.oss.put("photos", "b/2", b"")
    assert parse_events(payloads) == [("ObjectCreated:PutObject", "b/1")]


TIMEOUT = 60


@pytest.fixture
def list_delivered_keys(delivered_payloads):
    """Return a function that lists the keys of all delivered events."""
    return lambda: [key for _, key in parse_events(delivered_payloads)]


@pytest.fixture
def deliveries(box):
    return box.oss.deliveries("photos")


@pytest.mark.parametrize("by_request", [True, False], ids=["by a request", "by the test"])
def test_the_sandboxs_method_wait_idle_waits_for_a_late_event(box, photos, deliveries, list_delivered_keys, by_request):
    deliveries.add(EventFault.late(1), times=1)

    for key in ("late", "next"):
        photos.put_object(key, b"") if by_request else box.oss.put("photos", key, b"")
    assert list_delivered_keys() == ["next"]
    box.wait_idle(TIMEOUT)

    assert list_delivered_keys() == ["next", "late"]


def test_an_event_fault_of_a_bucket_loses_no_event_of_another_bucket(box, list_delivered_keys):
    box.oss.deliveries("photos-oms-log").add(EventFault.lost())

    box.oss.put("photos", "a", b"")

    assert list_delivered_keys() == ["a"]


RELAY = """
import json, os
import oss2

def handler(event, context):
    key = json.loads(event)["events"][0]["oss"]["object"]["key"]
    auth = oss2.StsAuth(*(os.environ["ALIBABA_CLOUD_" + name] for name in (
        "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")), auth_version="v4")
    photos = oss2.Bucket(auth, os.environ["OSS_ENDPOINT"], "photos", region=os.environ["FC_REGION"])
    if len(key) < 4:
        photos.put_object(key + "a", b"")
"""


def test_the_sandboxs_method_wait_idle_waits_for_a_chain_of_late_events(box, deliveries, tmp_path):
    (tmp_path / "index.py").write_text(RELAY)
    box.deploy(tmp_path)
    deliveries.add(EventFault.late(0.1))

    box.oss.put("photos", "a", b"")
    box.wait_idle(TIMEOUT)

    assert [invocation.outcome for invocation in box.fc.invocations] == ["returned"] * 4
    assert list(box.oss.objects("photos")) == ["a", "aa", "aaa", "aaaa"]
