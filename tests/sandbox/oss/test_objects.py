"""What OSS does with objects, and what it refuses to do."""

import contextlib
import hashlib
import http.client
from urllib.parse import urlsplit

import oss2
import pytest

from sandbox.oss.errors import OssError
from sandbox.oss.objects import object_name


def send_headers_only(request):
    """A PUT whose headers end without a Content-Length."""
    parts = urlsplit(request.url)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)) as connection:
        connection.putrequest("PUT", parts.path, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_the_checksum_is_the_one_that_the_client_compares(photos):
    assert photos.put_object("a", b"hello" * 1000).crc == photos.get_object("a").server_crc is not None


def test_an_object_may_be_put_in_chunks(photos):
    photos.put_object("a", iter([b"hel", b"lo"]))

    assert photos.get_object("a").read() == b"hello"


@pytest.mark.parametrize(
    "call",
    [
        lambda bucket: bucket.put_object("a", b""),
        lambda bucket: bucket.get_object("a"),
        lambda bucket: bucket.list_objects_v2(),
        lambda bucket: bucket.batch_delete_objects(["a"]),
        lambda bucket: bucket.get_bucket_location(),
    ],
)
def test_a_bucket_that_never_was_or_was_removed_is_not_found(box, photos, refused, call):
    box.oss.remove_bucket("photos")

    for bucket in (box.bucket("no-such-bucket"), photos):
        assert refused(lambda bucket=bucket: call(bucket)) == (404, "NoSuchBucket")


@pytest.mark.parametrize("key", ["k" * 1023, "照" * 341, " ", "a" * 100])
def test_a_name_of_up_to_1023_bytes_is_taken(box, photos, key):
    photos.put_object(key, b"")

    assert key in box.oss.objects("photos")


@pytest.mark.parametrize("key", ["k" * 1024, "/a", "\\a"])
def test_a_bad_name_is_refused_in_the_server_side_upload_too(box, key):
    with pytest.raises(OssError, match="InvalidObjectName"):
        box.oss.put("photos", key, b"")


def test_a_name_that_is_not_utf8_is_refused():
    with pytest.raises(OssError, match="InvalidObjectName"):
        object_name("%FF")


def test_a_body_of_unknown_length_is_refused(oss_requests):
    status, body = send_headers_only(oss_requests.signed("PUT", "a"))

    assert (status, b"<Code>MissingContentLength</Code>" in body) == (411, True)


def test_an_error_says_its_exact_cause_in_body_and_header(photos, oss_requests):
    answer = oss_requests.send("GET", "a")
    assert "<EC>0026-00000001</EC>" in answer.text
    assert answer.headers["x-oss-ec"] == "0026-00000001"

    with pytest.raises(oss2.exceptions.NoSuchKey) as refused:
        photos.head_object("a")
    assert refused.value.ec == "0026-00000001"


def test_every_call_is_recorded_as_the_action_that_a_policy_must_allow(box, photos, refused):
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


def test_an_object_that_is_encrypted_with_kms_says_so_and_its_etag_is_no_md5(box):
    box.oss.encrypt(box.log_bucket)
    bucket = box.bucket(box.log_bucket)
    for answer in (bucket.put_object("a", b"a"), bucket.get_object("a")):
        assert answer.headers["x-oss-server-side-encryption"] == "KMS"
        assert answer.etag != hashlib.md5(b"a").hexdigest().upper()


def test_a_quiet_deletion_answers_nothing(box, oss_requests):
    box.oss.put("photos", "a", b"")
    body = b"<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>"

    answer = oss_requests.send("POST", "", body, params={"delete": ""}, headers=oss_requests.md5_header(body))

    assert (answer.status_code, answer.content) == (200, b"")
    assert not box.oss.objects("photos")


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_a_key_that_xml_cannot_carry_makes_the_whole_deletion_malformed(box, photos, refused, character):
    box.oss.put("photos", "good", b"")

    assert refused(lambda: photos.batch_delete_objects(["good", f"bad{character}"])) == (400, "MalformedXML")
    assert "good" in box.oss.objects("photos")


def test_a_carriage_return_does_not_survive_xml(box, photos):
    box.oss.put("photos", "a\rb", b"")

    photos.batch_delete_objects(["a\rb"])

    assert "a\rb" in box.oss.objects("photos")


def test_a_thousand_keys_are_deleted_at_once_but_not_one_more(photos, refused):
    keys = [f"{number:04}" for number in range(1001)]

    assert len(photos.batch_delete_objects(keys[:1000]).deleted_keys) == 1000
    assert refused(lambda: photos.batch_delete_objects(keys)) == (400, "MalformedXML")


def test_a_right_can_be_taken_away_for_some_keys(box, photos, refused):
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


def test_without_the_right_for_the_whole_bucket_nothing_of_many_is_deleted(box, photos, refused):
    photos.put_object("a", b"")
    box.oss.deny("oss:DeleteObject", "photos")

    assert refused(lambda: photos.batch_delete_objects(["a"])) == (403, "AccessDenied")
    assert list(box.oss.objects("photos")) == ["a"]
