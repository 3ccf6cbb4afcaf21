"""DeleteObject and DeleteMultipleObjects: what goes, and which requests are refused."""

import oss2
import pytest


def test_a_quiet_deletion_answers_nothing(box, oss_requests):
    box.oss.put("photos", "a", b"")
    body = b"<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>"

    answer = oss_requests.send("POST", "", body, params={"delete": ""}, headers=oss_requests.md5_header(body))

    assert (answer.status_code, answer.content) == (200, b"")
    assert not box.oss.objects("photos")


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_a_key_that_xml_cannot_carry_makes_the_whole_deletion_malformed(box, photos, character):
    box.oss.put("photos", "good", b"")

    with pytest.raises(oss2.exceptions.MalformedXml):
        photos.batch_delete_objects(["good", f"bad{character}"])

    assert "good" in box.oss.objects("photos")


def test_a_carriage_return_does_not_survive_xml(box, photos):
    box.oss.put("photos", "a\rb", b"")

    photos.batch_delete_objects(["a\rb"])

    assert "a\rb" in box.oss.objects("photos")


def test_a_thousand_keys_are_deleted_at_once_but_not_one_more(photos):
    keys = [f"{number:04}" for number in range(1001)]

    assert len(photos.batch_delete_objects(keys[:1000]).deleted_keys) == 1000
    with pytest.raises(oss2.exceptions.MalformedXml):
        photos.batch_delete_objects(keys)


def test_a_right_can_be_taken_away_for_some_keys(box, photos):
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
        with pytest.raises(oss2.exceptions.AccessDenied):
            call("shut/b")
    assert photos.batch_delete_objects(keys).deleted_keys == ["open/a", "open/c"]

    assert list(box.oss.objects("photos")) == ["shut/b"]
    assert ("oss:DeleteObject", "photos", "shut/b", 403) in box.oss.actions
    assert box.bucket("photos-oms-log").put_object("shut/b", b"").status == 200


def test_without_the_right_for_the_whole_bucket_nothing_of_many_is_deleted(box, photos):
    photos.put_object("a", b"")
    box.oss.deny("oss:DeleteObject", "photos")

    with pytest.raises(oss2.exceptions.AccessDenied):
        photos.batch_delete_objects(["a"])
    assert list(box.oss.objects("photos")) == ["a"]
