"""Tests of events that the simulated OSS sends to functions: their form, triggers, losses and delays."""

import contextlib
import json

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
