"""Tests of operations on objects of OSS, and of requests that OSS refuses."""

import pytest


@pytest.mark.parametrize("character", ["\x01", "\uffff"])
def test_a_key_that_xml_cannot_carry_makes_the_whole_deletion_malformed(box, photos, catch_refusal, character):
    box.oss.put("photos", "good", b"")

    assert catch_refusal(lambda: photos.batch_delete_objects(["good", f"bad{character}"])) == (400, "MalformedXML")
    assert "good" in box.oss.objects("photos")


def test_a_deletion_in_xml_cannot_name_a_carriage_return(box, photos):
    box.oss.put("photos", "a\rb", b"")

    photos.batch_delete_objects(["a\rb"])

    assert "a\rb" in box.oss.objects("photos")


def test_at_most_a_thousand_keys_are_deleted_at_once(photos, catch_refusal):
    keys = [f"{number:04}" for number in range(1001)]

    assert len(photos.batch_delete_objects(keys[:1000]).deleted_keys) == 1000
    assert catch_refusal(lambda: photos.batch_delete_objects(keys)) == (400, "MalformedXML")


def test_a_permission_can_be_denied_for_some_keys(box, photos, catch_refusal):
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


def test_a_listing_continues_after_a_page_whose_last_key_was_deleted(box, photos):
    for key in ["a", "b", "c"]:
        box.oss.put("photos", key, b"")
    page = photos.list_objects_v2(max_keys=2)
    photos.batch_delete_objects(["a", "b"])

    next_page = photos.list_objects_v2(continuation_token=page.next_continuation_token)

    assert [entry.key for entry in next_page.object_list] == ["c"]
