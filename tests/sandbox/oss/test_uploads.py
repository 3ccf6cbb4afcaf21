"""Ways to upload beside PutObject: in parts, by appending, and by copying."""

import hashlib

import oss2
import pytest

SMALLEST = 100 * 1024


def part(number, result):
    return oss2.models.PartInfo(number, result.etag)


@pytest.fixture
def upload(photos):
    return photos.init_multipart_upload("big").upload_id


def test_a_large_object_is_put_together_from_parts(box, photos):
    headers = {"Content-Type": "video/mp4", "x-oss-meta-author": "somebody"}
    upload = photos.init_multipart_upload("big", headers=headers).upload_id
    first = photos.upload_part("big", upload, 1, b"a" * SMALLEST)
    last = photos.upload_part("big", upload, 5, b"lo")

    done = photos.complete_multipart_upload("big", upload, [part(1, first), part(5, last)])

    stored = box.oss.objects("photos")["big"]
    assert (stored.data, stored.content_type, stored.type) == (b"a" * SMALLEST + b"lo", "video/mp4", "Multipart")
    assert stored.meta == {"x-oss-meta-author": "somebody"}
    assert done.etag == stored.etag
    assert stored.etag.endswith("-2")
    assert f'<ETag>"{stored.etag}"</ETag>'.encode() in done.resp.response.content
    assert b"<Key>big</Key>" in done.resp.response.content


def test_only_the_parts_that_are_named_become_the_object(box, photos, upload):
    photos.upload_part("big", upload, 1, b"a" * SMALLEST)
    photos.complete_multipart_upload("big", upload, [part(2, photos.upload_part("big", upload, 2, b"lo"))])

    assert box.oss.objects("photos")["big"].data == b"lo"


@pytest.mark.parametrize(("number", "etag"), [(2, hashlib.md5(b"a").hexdigest().upper()), (1, "0" * 32), (1, "")])
def test_a_part_that_is_missing_or_has_another_etag_is_refused(photos, upload, refused, number, etag):
    assert photos.upload_part("big", upload, 1, b"a").etag == hashlib.md5(b"a").hexdigest().upper()
    wrong = [oss2.models.PartInfo(number, etag)]
    assert refused(lambda: photos.complete_multipart_upload("big", upload, wrong)) == (400, "InvalidPart")


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1)])
def test_parts_out_of_order_are_refused(oss_requests, photos, upload, numbers):
    etag = photos.upload_part("big", upload, 1, b"a").etag
    photos.upload_part("big", upload, 2, b"a")
    parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number in numbers)
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()

    answer = oss_requests.send("POST", "big", body, params={"uploadId": upload})

    assert (answer.status_code, "<Code>InvalidPartOrder</Code>" in answer.text) == (400, True)
    assert "<EC>0042-00000209</EC>" in answer.text


@pytest.mark.parametrize("body", [b"", b"<CompleteMultipartUpload/>", b"<Part/>"])
def test_a_list_of_parts_that_does_not_follow_the_schema_is_refused(oss_requests, upload, body):
    answer = oss_requests.send("POST", "big", body, params={"uploadId": upload})

    assert (answer.status_code, "<Code>MalformedXML</Code>" in answer.text) == (400, True)


@pytest.mark.parametrize("number", ["0", "10001", "one"])
def test_a_part_number_out_of_bounds_is_refused(photos, upload, refused, number):
    assert refused(lambda: photos.upload_part("big", upload, number, b"a")) == (400, "InvalidArgument")


def test_an_upload_that_is_another_keys_was_never_begun_was_completed_or_aborted_is_refused(photos, upload, refused):
    completed, aborted = (photos.init_multipart_upload("big").upload_id for _ in range(2))
    photos.complete_multipart_upload("big", completed, [part(1, photos.upload_part("big", completed, 1, b"a"))])
    assert photos.abort_multipart_upload("big", aborted).status == 204

    for one in (("other", upload), ("big", "unknown"), ("big", completed), ("big", aborted)):
        for call in (
            lambda key, upload_id: photos.upload_part(key, upload_id, 1, b""),
            lambda key, upload_id: photos.complete_multipart_upload(key, upload_id, [oss2.models.PartInfo(1, "e")]),
            photos.abort_multipart_upload,
        ):
            assert refused(lambda one=one, call=call: call(*one)) == (404, "NoSuchUpload")


@pytest.mark.parametrize(
    "write",
    [
        lambda photos, upload, uploaded, headers: photos.init_multipart_upload("big", headers=headers),
        lambda photos, upload, uploaded, headers: photos.complete_multipart_upload(
            "big", upload, [uploaded], headers=headers
        ),
        lambda photos, upload, uploaded, headers: photos.copy_object("photos", "a", "big", headers=headers),
    ],
    ids=["begun in parts", "completed", "copied"],
)
def test_an_upload_in_parts_and_a_copy_can_be_forbidden_to_overwrite(box, photos, upload, refused, write):
    uploaded = part(1, photos.upload_part("big", upload, 1, b"new"))
    for key, data in (("a", b"new"), ("big", b"old")):
        photos.put_object(key, data)

    told = refused(lambda: write(photos, upload, uploaded, {"x-oss-forbid-overwrite": "true"}))

    assert (told, box.oss.objects("photos")["big"].data) == ((409, "FileAlreadyExists"), b"old")


def test_an_appended_objects_etag_is_no_md5_and_its_first_headers_stay(photos):
    first = photos.append_object("a", 0, b"hel", headers={"Content-Type": "text/plain"})
    photos.append_object("a", first.next_position, b"lo", headers={"Content-Type": "text/html"})

    got = photos.get_object("a")

    assert (got.object_type, got.content_type) == ("Appendable", "text/plain")
    assert got.etag not in (first.etag, hashlib.md5(b"hello").hexdigest().upper())
    assert got.headers["x-oss-next-append-position"] == "5"


def test_appending_at_a_wrong_position_or_to_a_normal_object_is_refused(photos, refused):
    photos.put_object("normal", b"")
    photos.append_object("a", 0, b"hel")

    assert refused(lambda: photos.append_object("normal", 0, b"")) == (409, "ObjectNotAppendable")
    assert refused(lambda: photos.append_object("a", 1, b"lo")) == (409, "PositionNotEqualToLength")


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


def test_a_copy_has_its_sources_etag_and_no_crc(photos, upload):
    put = photos.put_object("a", b"hello")
    completed = photos.complete_multipart_upload(
        "big", upload, [part(1, photos.upload_part("big", upload, 1, b"hello"))]
    )

    for source, etag in (("a", put.etag), ("big", completed.etag)):
        copied = photos.copy_object("photos", source, "copy")
        assert f'<ETag>"{etag}"</ETag>'.encode() in copied.resp.response.content
        head = photos.head_object("copy")
        assert (copied.etag, head.etag, head.server_crc) == (etag, etag, None)


def test_a_copy_whose_source_does_not_meet_the_condition_is_refused(box, photos, refused):
    etag = photos.put_object("a", b"hello").etag

    def copy(to, condition, value):
        return photos.copy_object("photos", "a", to, headers={f"x-oss-copy-source-if-{condition}": value})

    assert refused(lambda: copy("b", "match", "0" * 32)) == (412, "PreconditionFailed")
    assert refused(lambda: copy("b", "none-match", etag))[0] == 304
    copy("c", "match", etag)

    assert list(box.oss.objects("photos")) == ["a", "c"]


@pytest.mark.parametrize(("bucket", "code"), [("photos", "NoSuchKey"), ("no-such-bucket", "NoSuchBucket")])
def test_a_copy_of_nothing_is_refused(photos, refused, bucket, code):
    assert refused(lambda: photos.copy_object(bucket, "a", "b")) == (404, code)
