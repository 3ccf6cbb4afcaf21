"""Tests of uploads in parts to the simulated OSS, and of copies."""

import hashlib

import oss2
import pytest


@pytest.fixture
def upload_id(photos):
    return photos.init_multipart_upload("big").upload_id


@pytest.mark.parametrize(("number", "etag"), [(2, hashlib.md5(b"a").hexdigest().upper()), (1, "0" * 32)])
def test_the_simulated_oss_refuses_a_missing_part_or_a_wrong_etag(photos, upload_id, catch_refusal, number, etag):
    photos.upload_part("big", upload_id, 1, b"a")
    parts = [oss2.models.PartInfo(number, etag)]
    assert catch_refusal(lambda: photos.complete_multipart_upload("big", upload_id, parts)) == (400, "InvalidPart")


def test_the_simulated_oss_refuses_a_part_of_an_aborted_upload(photos, upload_id, catch_refusal):
    assert catch_refusal(lambda: photos.upload_part("other", upload_id, 1, b"")) == (404, "NoSuchUpload")
    assert photos.abort_multipart_upload("big", upload_id).status == 204
    assert catch_refusal(lambda: photos.abort_multipart_upload("big", upload_id)) == (404, "NoSuchUpload")
