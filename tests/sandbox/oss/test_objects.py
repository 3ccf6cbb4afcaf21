"""What OSS does with objects, and what it refuses to do."""

from __future__ import annotations

import base64
import hashlib
import http.client
from urllib.parse import urlsplit

import oss2
import pytest

from sandbox.oss.errors import OssError
from sandbox.oss.objects import object_name


def md5_of(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def send_headers_only(request):
    """A PUT whose headers end without a Content-Length."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.putrequest("PUT", parts.path, skip_accept_encoding=True)
    for name, value in request.headers.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_an_object_comes_back_as_it_was_put(box, photos):
    photos.put_object("a.txt", b"hello", headers={"Content-Type": "text/plain", "x-oss-meta-author": "somebody"})

    got = photos.get_object("a.txt")

    assert got.read() == b"hello"
    assert got.etag == "5D41402ABC4B2A76B9719D911017C592"
    assert got.headers["ETag"] == '"5D41402ABC4B2A76B9719D911017C592"'
    assert got.content_type == "text/plain"
    assert got.headers["x-oss-meta-author"] == "somebody"
    assert got.last_modified == box.oss.objects("photos")["a.txt"].last_modified
    assert got.request_id
    assert got.headers["Date"]


def test_head_tells_the_size_without_the_data(photos):
    photos.put_object("a", b"hello")

    assert photos.head_object("a").content_length == 5


def test_the_checksum_is_the_one_that_the_client_compares(photos):
    result = photos.put_object("a", b"hello" * 1000)

    assert result.crc == photos.get_object("a").server_crc is not None


def test_an_object_may_be_put_in_chunks(photos):
    photos.put_object("a", iter([b"hel", b"lo"]))

    assert photos.get_object("a").read() == b"hello"


@pytest.mark.parametrize("method", ["get_object", "head_object"])
def test_an_unknown_key_is_not_found(photos, method):
    with pytest.raises(oss2.exceptions.NoSuchKey):
        getattr(photos, method)("a")


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
def test_an_unknown_bucket_is_not_found(box, call):
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        call(box.bucket("no-such-bucket"))


def test_a_removed_bucket_is_not_found(box, photos):
    box.oss.remove_bucket("photos")

    with pytest.raises(oss2.exceptions.NoSuchBucket):
        photos.put_object("a", b"")


@pytest.mark.parametrize("key", ["k" * 1023, "照" * 341, " ", "a" * 100])
def test_a_name_of_up_to_1023_bytes_is_taken(box, photos, key):
    photos.put_object(key, b"")

    assert key in box.oss.objects("photos")


@pytest.mark.parametrize("key", ["k" * 1024, "照" * 342, "/a", "\\a"])
def test_a_bad_name_is_refused(oss_requests, key):
    answer = oss_requests.send("PUT", key)

    assert answer.status_code == 400
    assert "<Code>InvalidObjectName</Code>" in answer.text


@pytest.mark.parametrize("key", ["k" * 1024, "/a", "\\a"])
def test_a_bad_name_is_refused_in_the_server_side_upload_too(box, key):
    with pytest.raises(OssError, match="InvalidObjectName"):
        box.oss.put("photos", key, b"")


def test_a_name_that_is_not_utf8_is_refused():
    with pytest.raises(OssError, match="InvalidObjectName"):
        object_name("%FF")


def test_a_body_of_unknown_length_is_refused(oss_requests):
    status, body = send_headers_only(oss_requests.signed("PUT", "a"))

    assert status == 411
    assert b"<Code>MissingContentLength</Code>" in body


def test_a_body_that_is_not_what_its_md5_says_is_refused(oss_requests):
    answer = oss_requests.send("PUT", "a", b"body", headers={"Content-MD5": md5_of(b"other")})

    assert (answer.status_code, "<Code>InvalidDigest</Code>" in answer.text) == (400, True)


def test_an_existing_object_can_be_protected_against_overwriting(photos):
    photos.put_object("a", b"first")

    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        photos.put_object("a", b"second", headers={"x-oss-forbid-overwrite": "true"})

    assert photos.get_object("a").read() == b"first"


def test_a_copy_is_another_object_with_the_same_content(box, photos):
    photos.put_object("a b", b"hello", headers={"x-oss-meta-author": "somebody"})

    box.bucket("photos-oms-log").copy_object("photos", "a b", "c")

    copied = box.oss.objects("photos-oms-log")["c"]
    assert (copied.data, copied.meta) == (b"hello", {"x-oss-meta-author": "somebody"})
    assert ("oss:GetObject", "photos", "a b", 200) in box.oss.actions


def test_a_copy_keeps_its_sources_headers_unless_told_to_replace_them(box, photos):
    photos.put_object("a", b"hello", headers={"Content-Type": "text/plain", "x-oss-meta-author": "somebody"})
    new = {"x-oss-meta-editor": "another"}

    photos.copy_object("photos", "a", "kept", headers=new)
    photos.copy_object("photos", "a", "replaced", headers={**new, "x-oss-metadata-directive": "REPLACE"})

    objects = box.oss.objects("photos")
    assert objects["kept"].headers == objects["a"].headers
    assert (objects["replaced"].meta, objects["replaced"].content_type) == (new, "application/octet-stream")


def test_an_unknown_metadata_directive_is_refused(photos):
    photos.put_object("a", b"hello")

    with pytest.raises(oss2.exceptions.InvalidArgument):
        photos.copy_object("photos", "a", "b", headers={"x-oss-metadata-directive": "MERGE"})


def test_a_copy_has_its_sources_etag_and_no_crc(photos):
    put = photos.put_object("a", b"hello")
    upload = photos.init_multipart_upload("big").upload_id
    part = oss2.models.PartInfo(1, photos.upload_part("big", upload, 1, b"hello").etag)
    completed = photos.complete_multipart_upload("big", upload, [part])

    for source, etag in (("a", put.etag), ("big", completed.etag)):
        copied = photos.copy_object("photos", source, "copy")
        assert copied.etag == etag
        assert f'<ETag>"{etag}"</ETag>'.encode() in copied.resp.response.content
        assert photos.head_object("copy").etag == etag
        assert photos.head_object("copy").server_crc is None


def test_a_copy_whose_source_does_not_meet_the_condition_is_refused(box, photos):
    etag = photos.put_object("a", b"hello").etag

    with pytest.raises(oss2.exceptions.PreconditionFailed):
        photos.copy_object("photos", "a", "b", headers={"x-oss-copy-source-if-match": "0" * 32})
    with pytest.raises(oss2.exceptions.NotModified):
        photos.copy_object("photos", "a", "b", headers={"x-oss-copy-source-if-none-match": etag})
    photos.copy_object("photos", "a", "c", headers={"x-oss-copy-source-if-match": etag})

    assert list(box.oss.objects("photos")) == ["a", "c"]


def test_a_copy_takes_the_right_to_read_its_source(box, photos):
    photos.put_object("a", b"hello")
    box.oss.deny("oss:GetObject", "photos")

    with pytest.raises(oss2.exceptions.AccessDenied):
        photos.copy_object("photos", "a", "b")


def test_a_copy_can_be_forbidden_to_overwrite(box, photos):
    photos.put_object("a", b"new")
    photos.put_object("b", b"old")

    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        photos.copy_object("photos", "a", "b", headers={"x-oss-forbid-overwrite": "true"})

    assert box.oss.objects("photos")["b"].data == b"old"


def test_a_copy_of_a_version_is_refused(photos):
    photos.put_object("a", b"hello")

    with pytest.raises(oss2.exceptions.NotImplemented):
        photos.copy_object("photos", "a", "b", params={"versionId": "null"})


def test_a_copy_of_nothing_is_refused(photos):
    with pytest.raises(oss2.exceptions.NoSuchKey):
        photos.copy_object("photos", "a", "b")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        photos.copy_object("no-such-bucket", "a", "b")


def test_an_object_grows_by_appending(photos):
    first = photos.append_object("a", 0, b"hel")
    photos.append_object("a", first.next_position, b"lo")

    assert photos.get_object("a").read() == b"hello"


def test_an_appended_objects_etag_is_no_md5_and_its_first_headers_stay(photos):
    first = photos.append_object("a", 0, b"hel", headers={"Content-Type": "text/plain"})
    photos.append_object("a", first.next_position, b"lo", headers={"Content-Type": "text/html"})

    got = photos.get_object("a")

    assert (got.object_type, got.content_type) == ("Appendable", "text/plain")
    assert got.etag not in (first.etag, hashlib.md5(b"hello").hexdigest().upper())
    assert got.headers["x-oss-next-append-position"] == "5"


@pytest.mark.parametrize("position", ["", "one", "-1"])
def test_appending_at_no_position_is_refused(oss_requests, position):
    answer = oss_requests.send("POST", "a", b"data", params={"append": "", "position": position})

    assert (answer.status_code, "<Code>MissingArgument</Code>" in answer.text) == (400, True)


def test_appending_at_a_wrong_position_or_to_a_normal_object_is_refused(photos):
    photos.put_object("normal", b"")
    photos.append_object("a", 0, b"hel")

    with pytest.raises(oss2.exceptions.ObjectNotAppendable):
        photos.append_object("normal", 0, b"")
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength):
        photos.append_object("a", 1, b"lo")


def test_a_deleted_object_is_gone_and_deleting_nothing_is_no_error(box, photos):
    photos.put_object("a", b"")

    assert photos.delete_object("a").status == 204
    assert photos.delete_object("a").status == 204
    assert not box.oss.objects("photos")


def test_many_objects_are_deleted_at_once(box, photos):
    keys = ["a", "b c", "d&<e>", "照片", "f\tg"]
    for key in keys:
        box.oss.put("photos", key, b"")
    box.oss.put("photos", "stays", b"")

    result = photos.batch_delete_objects([*keys, "never was"])

    assert result.deleted_keys == [*keys, "never was"]
    assert list(box.oss.objects("photos")) == ["stays"]


def test_a_quiet_deletion_answers_nothing(box, oss_requests):
    box.oss.put("photos", "a", b"")
    body = b"<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>"

    answer = oss_requests.send("POST", "", body, params={"delete": ""}, headers={"Content-MD5": md5_of(body)})

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


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete>",
        b"<Delete></Delete>",
        b"<Remove><Object><Key>a</Key></Object></Remove>",
        b"<Delete><Object></Object></Delete>",
        b"<Delete><Quiet>perhaps</Quiet><Object><Key>a</Key></Object></Delete>",
    ],
)
def test_a_deletion_that_does_not_follow_the_schema_is_refused(oss_requests, body):
    answer = oss_requests.send("POST", "", body, params={"delete": ""}, headers={"Content-MD5": md5_of(body)})

    assert (answer.status_code, "<Code>MalformedXML</Code>" in answer.text) == (400, True)


def test_a_deletion_without_its_md5_is_refused(oss_requests):
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"

    answer = oss_requests.send("POST", "", body, params={"delete": ""})

    assert (answer.status_code, "<Code>MissingArgument</Code>" in answer.text) == (400, True)


def test_a_deletion_with_a_wrong_md5_is_refused(oss_requests):
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"

    answer = oss_requests.send("POST", "", body, params={"delete": ""}, headers={"Content-MD5": md5_of(b"")})

    assert (answer.status_code, "<Code>InvalidDigest</Code>" in answer.text) == (400, True)


def test_an_error_says_its_exact_cause_in_body_and_header(photos, oss_requests):
    answer = oss_requests.send("GET", "a")
    assert "<EC>0026-00000001</EC>" in answer.text
    assert answer.headers["x-oss-ec"] == "0026-00000001"

    with pytest.raises(oss2.exceptions.NoSuchKey) as refused:
        photos.head_object("a")
    assert refused.value.ec == "0026-00000001"


def test_what_the_sandbox_does_not_know_it_refuses(photos):
    for call in (
        photos.get_bucket_acl,
        lambda: photos.get_object_acl("a"),
        lambda: photos.get_object("a", params={"versionId": "null"}),
        lambda: photos.get_object("a", process="image/resize,w_100"),
    ):
        with pytest.raises(oss2.exceptions.NotImplemented):
            call()


def test_every_call_is_recorded_as_the_action_that_a_policy_must_allow(box, photos):
    photos.put_object("a", b"")
    photos.head_object("a")
    photos.list_objects_v2()
    photos.batch_delete_objects(["a", "b"])
    photos.delete_object("c")
    with pytest.raises(oss2.exceptions.NoSuchKey):
        photos.get_object("a")

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
