"""CopyObject: what a copy has of its source, and when it is refused."""

import oss2
import pytest


def test_a_copy_is_another_object_with_the_same_content(box, photos):
    photos.put_object("a b", b"hello", headers={"x-oss-meta-author": "somebody"})

    box.bucket("photos-oms-log").copy_object("photos", "a b", "c")

    copied = box.oss.objects("photos-oms-log")["c"]
    assert (copied.data, copied.meta) == (b"hello", {"x-oss-meta-author": "somebody"})
    assert ("oss:GetObject", "photos", "a b", 200) in box.oss.actions


@pytest.mark.parametrize("directive", [None, "COPY", "REPLACE"])
def test_what_is_copied_onto_itself_takes_the_new_metadata_unless_there_are_versions(box, photos, directive):
    photos.put_object("a", b"hello", headers={"Content-Type": "text/plain", "x-oss-meta-author": "somebody"})
    new = {"x-oss-meta-editor": "another"}
    headers = {**new, "x-oss-metadata-directive": directive} if directive else new

    photos.copy_object("photos", "a", "a", headers=headers)
    copied = box.oss.objects("photos")["a"]
    assert (copied.data, copied.meta, copied.content_type) == (b"hello", new, "application/octet-stream")

    photos.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    photos.copy_object("photos", "a", "a", headers={**headers, "x-oss-meta-editor": "a third"})
    assert (box.oss.objects("photos")["a"].meta == new) == (directive != "REPLACE")


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


def test_a_copy_can_be_forbidden_to_overwrite(box, photos):
    photos.put_object("a", b"new")
    photos.put_object("b", b"old")

    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        photos.copy_object("photos", "a", "b", headers={"x-oss-forbid-overwrite": "true"})

    assert box.oss.objects("photos")["b"].data == b"old"


def test_a_copy_of_nothing_is_refused(photos):
    with pytest.raises(oss2.exceptions.NoSuchKey):
        photos.copy_object("photos", "a", "b")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        photos.copy_object("no-such-bucket", "a", "b")
