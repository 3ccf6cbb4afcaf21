"""Events that do not arrive at once and once: lost, twice, late, held back."""

import json

import pytest

from sandbox.oss.deliveries import Deliveries, EventFault

PATIENCE = 20


@pytest.fixture
def delivered(box):
    """The keys of the events that a trigger of the bucket `photos` was handed."""
    keys = []

    def deliver(payload):
        [event] = json.loads(payload)["events"]
        keys.append(event["oss"]["object"]["key"])

    box.oss.add_trigger("all", "photos", ["oss:ObjectCreated:PutObject"], "", "", deliver)
    return keys


@pytest.fixture
def events(box):
    return box.oss.deliveries("photos")


@pytest.mark.parametrize("by_request", [True, False], ids=["by a request", "by the test"])
def test_a_late_event_is_overtaken_and_waited_for(box, photos, events, delivered, by_request):
    events.add(EventFault.late(1), times=1)

    for key in ("late", "next"):
        photos.put_object(key, b"") if by_request else box.oss.put("photos", key, b"")
    assert delivered == ["next"]
    box.wait_idle(PATIENCE)

    assert delivered == ["next", "late"]


def test_an_event_is_held_back_until_it_is_released(box, photos, events, delivered):
    events.add(EventFault.held(), where=lambda key: key.startswith("held"))
    for key in ("held/1", "told", "held/2", "held/3"):
        photos.put_object(key, b"")

    box.wait_idle(PATIENCE)
    assert (delivered, events.held) == (["told"], ["held/1", "held/2", "held/3"])

    events.release(lambda key: key.endswith("2"))
    assert (delivered, events.held) == (["told", "held/2"], ["held/1", "held/3"])

    events.release()
    assert (delivered, events.held) == (["told", "held/2", "held/1", "held/3"], [])
    events.release()
    assert len(delivered) == 4, "nothing is released twice"


def test_the_events_of_another_bucket_arrive(box, delivered):
    box.oss.deliveries("photos-oms-log").add(EventFault.lost())

    box.oss.put("photos", "a", b"")

    assert delivered == ["a"]


def test_a_random_share_of_some_events_goes_wrong_by_the_seed():
    def lost(seed):
        delivered, deliveries = [], Deliveries()
        deliveries.random(0.3, [EventFault.lost()], seed, where=lambda key: key.startswith("a"))
        for number in range(200):
            for key in (f"a{number}", f"b{number}"):
                deliveries.send(key, lambda key=key: delivered.append(key), print)
        return {f"{kind}{number}" for kind in "ab" for number in range(200)} - set(delivered)

    assert lost(7) == lost(7)
    assert lost(7) != lost(8)
    assert 30 < len(lost(7)) < 90
    assert {key[0] for key in lost(7)} == {"a"}


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


def test_a_chain_of_late_events_that_functions_cause_is_waited_for_to_its_end(box, events, tmp_path):
    (tmp_path / "index.py").write_text(RELAY)
    box.deploy(tmp_path)
    events.add(EventFault.late(0.1))

    box.oss.put("photos", "a", b"")
    box.wait_idle(PATIENCE)

    assert [one.outcome for one in box.fc.invocations] == ["returned"] * 4
    assert list(box.oss.objects("photos")) == ["a", "aa", "aaa", "aaaa"]
