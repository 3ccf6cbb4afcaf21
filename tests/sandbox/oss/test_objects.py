"""Tests of requests about objects of the simulated OSS."""

import pytest


@pytest.mark.parametrize("character", ["\x01", "\uffff"])
def test_the_simulated_oss_refuses_a_deletion_of_a_key_xml_cannot_carry(box, photos, catch_refusal, character):
    box.oss.put("photos", "good", b"")

    assert catch_refusal(lambda: photos.batch_delete_objects(["good", f"bad{character}"])) == (400, "MalformedXML")
    assert "good" in box.oss.objects("photos")


def test_the_simulated_oss_deletes_no_key_with_a_carriage_return_by_xml(box, photos):
    box.oss.put("photos", "a\rb", b"")

    photos.batch_delete_objects(["a\rb"])

    assert "a\rb" in box.oss.objects("photos")


def test_the_simulated_oss_deletes_at_most_a_thousand_keys_at_once(photos, catch_refusal):
    keys = [f"{number:04}" for number in range(1001)]

    assert len(photos.batch_delete_objects(keys[:1000]).deleted_keys) == 1000
    assert catch_refusal(lambda: photos.batch_delete_objects(keys)) == (400, "MalformedXML")


def test_the_simulated_oss_can_deny_a_permission_for_some_keys(box, photos, catch_refusal):
    keys = ["open/a", "shut/b", "open/c"]
    for key in keys:
        photos.put_object(key, b"")
    for action in ("oss:PutObject", "oss:GetObject", "oss:DeleteObject"):
        box.oss.deny(action, "photos", where=lambda key: key.startswith("shut/"))

    for call in (
        photos.get_object,
        photos.delete_object,
        lambda key: photos.put_object(key, b""),
        lambda key: photos.copy_object("photos", key, "open/d"),
    ):
        assert catch_refusal(lambda call=call: call("shut/b")) == (403, "AccessDenied")
    assert photos.batch_delete_objects(keys).deleted_keys == ["open/a", "open/c"]

    assert list(box.oss.objects("photos")) == ["shut/b"]
    assert ("oss:DeleteObject", "photos", "shut/b", 403) in box.oss.actions
    assert box.bucket("photos-oms-log").put_object("shut/b", b"").status == 200
