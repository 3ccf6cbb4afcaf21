"""Tests of uploads in parts to the simulated OSS, and of copies."""

import hashlib

import oss2
import pytest


def part(number, result):
    return oss2.models.PartInfo(number, result.etag)


@pytest.fixture
def upload_id(photos):
    return photos.init_multipart_upload("big").upload_id


@pytest.mark.parametrize(("number", "etag"), [(2, hashlib.md5(b"a").hexdigest().upper()), (1, "0" * 32)])
def test_the_simulated_oss_refuses_a_missing_part_or_a_wrong_etag(photos, upload_id, catch_refusal, number, etag):
    photos.upload_part("big", upload_id, 1, b"a")
    parts = [oss2.models.PartInfo(number, etag)]
    assert catch_refusal(lambda: photos.complete_multipart_upload("big", upload_id, parts)) == (400, "InvalidPart")


def test_the_simulated_oss_refuses_parts_out_of_order(oss_requests, refusal, photos, upload_id):
    etag = photos.upload_part("big", upload_id, 1, b"a").etag
    photos.upload_part("big", upload_id, 2, b"a")
    parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number in (2, 1))
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()

    assert refusal(oss_requests.send("POST", "big", body, params={"uploadId": upload_id})) == (400, "InvalidPartOrder")


def test_the_simulated_oss_refuses_a_part_of_an_aborted_upload(photos, upload_id, catch_refusal):
    assert catch_refusal(lambda: photos.upload_part("other", upload_id, 1, b"")) == (404, "NoSuchUpload")
    assert photos.abort_multipart_upload("big", upload_id).status == 204
    assert catch_refusal(lambda: photos.abort_multipart_upload("big", upload_id)) == (404, "NoSuchUpload")


@pytest.mark.parametrize("directive", [None, "COPY", "REPLACE"])
def test_a_copy_of_an_object_onto_itself_can_replace_its_metadata(box, photos, directive):
    photos.put_object("a", b"hello", headers={"Content-Type": "text/plain", "x-oss-meta-author": "a"})
    metadata = {"x-oss-meta-editor": "b"}
    headers = {**metadata, "x-oss-metadata-directive": directive} if directive else metadata

    photos.copy_object("photos", "a", "a", headers=headers)
    copied_object = box.oss.objects("photos")["a"]
    assert copied_object.data == b"hello"
    assert copied_object.user_headers == metadata
    assert copied_object.content_type == "application/octet-stream"

    photos.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    photos.copy_object("photos", "a", "a", headers={**headers, "x-oss-meta-editor": "c"})
    assert (box.oss.objects("photos")["a"].user_headers == metadata) == (directive != "REPLACE")


def test_a_copy_of_the_simulated_oss_has_the_etag_of_its_source(photos, upload_id):
    put = photos.put_object("a", b"hello")
    part_result = photos.upload_part("big", upload_id, 1, b"hello")
    upload_result = photos.complete_multipart_upload("big", upload_id, [part(1, part_result)])

    for source, etag in (("a", put.etag), ("big", upload_result.etag)):
        copy_result = photos.copy_object("photos", source, "copy")
        head = photos.head_object("copy")
        assert copy_result.etag == etag
        assert head.etag == etag
        assert head.server_crc is None
