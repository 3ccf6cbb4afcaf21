"""Operations on objects of OSS, and requests that OSS refuses."""

import hashlib

import oss2
import pytest


@pytest.mark.parametrize(
    "call",
    [
        lambda bucket: bucket.put_object("a", b""),
        lambda bucket: bucket.list_objects_v2(),
        lambda bucket: bucket.batch_delete_objects(["a"]),
    ],
)
def test_a_bucket_that_is_missing_or_was_removed_is_not_found(box, photos, refused, call):
    box.oss.remove_bucket("photos")

    for bucket in (box.bucket("no-such-bucket"), photos):
        assert refused(lambda bucket=bucket: call(bucket)) == (404, "NoSuchBucket")


@pytest.mark.parametrize("key", ["k" * 1023, "照" * 341])
def test_a_name_of_up_to_1023_bytes_is_accepted(box, photos, key):
    photos.put_object(key, b"")

    assert key in box.oss.objects("photos")


def test_an_error_has_its_exact_cause_in_body_and_header(photos, oss_requests):
    answer = oss_requests.send("GET", "a")
    assert "<EC>0026-00000001</EC>" in answer.text
    assert answer.headers["x-oss-ec"] == "0026-00000001"

    with pytest.raises(oss2.exceptions.NoSuchKey) as refused:
        photos.head_object("a")
    assert refused.value.ec == "0026-00000001"


def test_each_call_is_recorded_as_the_action_that_a_policy_must_allow(box, photos, refused):
    photos.put_object("a", b"")
    photos.head_object("a")
    photos.list_objects_v2()
    photos.batch_delete_objects(["a", "b"])
    photos.delete_object("c")
    assert refused(lambda: photos.get_object("a")) == (404, "NoSuchKey")

    assert box.oss.actions == [
        ("oss:PutObject", "photos", "a", 200),
        ("oss:GetObject", "photos", "a", 200),
        ("oss:ListObjects", "photos", "", 200),
        ("oss:DeleteObject", "photos", "a", 200),
        ("oss:DeleteObject", "photos", "b", 200),
        ("oss:DeleteObject", "photos", "c", 204),
        ("oss:GetObject", "photos", "a", 404),
    ]


def test_the_etag_of_an_object_encrypted_with_kms_is_no_md5(box):
    box.oss.encrypt(box.log_bucket)
    bucket = box.bucket(box.log_bucket)
    for answer in (bucket.put_object("a", b"a"), bucket.get_object("a")):
        assert answer.headers["x-oss-server-side-encryption"] == "KMS"
        assert answer.etag != hashlib.md5(b"a").hexdigest().upper()


@pytest.mark.parametrize("character", ["\x01", "\uffff"])
def test_a_key_that_xml_cannot_carry_makes_the_whole_deletion_malformed(box, photos, refused, character):
    box.oss.put("photos", "good", b"")

    assert refused(lambda: photos.batch_delete_objects(["good", f"bad{character}"])) == (400, "MalformedXML")
    assert "good" in box.oss.objects("photos")


def test_a_carriage_return_does_not_survive_xml(box, photos):
    box.oss.put("photos", "a\rb", b"")

    photos.batch_delete_objects(["a\rb"])

    assert "a\rb" in box.oss.objects("photos")


def test_at_most_a_thousand_keys_are_deleted_at_once(photos, refused):
    keys = [f"{number:04}" for number in range(1001)]

    assert len(photos.batch_delete_objects(keys[:1000]).deleted_keys) == 1000
    assert refused(lambda: photos.batch_delete_objects(keys)) == (400, "MalformedXML")


def test_a_permission_can_be_denied_for_some_keys(box, photos, refused):
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
        assert refused(lambda call=call: call("shut/b")) == (403, "AccessDenied")
    assert photos.batch_delete_objects(keys).deleted_keys == ["open/a", "open/c"]

    assert list(box.oss.objects("photos")) == ["shut/b"]
    assert ("oss:DeleteObject", "photos", "shut/b", 403) in box.oss.actions
    assert box.bucket("photos-oms-log").put_object("shut/b", b"").status == 200


def test_a_deletion_of_many_keys_needs_the_permission_for_all(box, photos, refused):
    photos.put_object("a", b"")
    box.oss.deny("oss:DeleteObject", "photos")

    assert refused(lambda: photos.batch_delete_objects(["a"])) == (403, "AccessDenied")
    assert list(box.oss.objects("photos")) == ["a"]
