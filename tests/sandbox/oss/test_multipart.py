"""Uploads in parts."""

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
    last = photos.upload_part("big", upload, 2, b"lo")

    photos.complete_multipart_upload("big", upload, [part(2, last)])

    assert box.oss.objects("photos")["big"].data == b"lo"


def test_all_parts_are_joined_where_the_client_says_so(box, photos, upload, oss_requests):
    for number, data in ((2, b"lo"), (1, b"a" * SMALLEST)):
        photos.upload_part("big", upload, number, data)
    headers = {"x-oss-complete-all": "yes"}

    answer = oss_requests.send("POST", "big", b"<x/>", params={"uploadId": upload}, headers=headers)
    assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)
    photos.complete_multipart_upload("big", upload, None, headers=headers)

    assert box.oss.objects("photos")["big"].data == b"a" * SMALLEST + b"lo"


def test_a_part_other_than_the_last_that_is_too_small_is_refused(box, photos, upload):
    first = photos.upload_part("big", upload, 1, b"a" * (SMALLEST - 1))
    last = photos.upload_part("big", upload, 2, b"lo")

    with pytest.raises(oss2.exceptions.ServerError, match="EntityTooSmall"):
        photos.complete_multipart_upload("big", upload, [part(1, first), part(2, last)])

    assert "big" not in box.oss.objects("photos")


def test_a_part_that_is_missing_or_has_another_etag_is_refused(photos, upload):
    uploaded = photos.upload_part("big", upload, 1, b"a")

    for number, etag in ((2, uploaded.etag), (1, "0" * 32), (1, "")):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            photos.complete_multipart_upload("big", upload, [oss2.models.PartInfo(number, etag)])
        assert (refused.value.status, refused.value.code) == (400, "InvalidPart")


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
def test_a_part_number_out_of_bounds_is_refused(photos, upload, number):
    with pytest.raises(oss2.exceptions.InvalidArgument):
        photos.upload_part("big", upload, number, b"a")


def test_an_upload_that_was_never_begun_or_is_another_keys_is_refused(photos, upload):
    for key, upload_id in (("big", "unknown"), ("other", upload)):
        for call in (
            lambda key, upload_id: photos.upload_part(key, upload_id, 1, b""),
            lambda key, upload_id: photos.complete_multipart_upload(key, upload_id, [oss2.models.PartInfo(1, "e")]),
            photos.abort_multipart_upload,
            photos.list_parts,
        ):
            with pytest.raises(oss2.exceptions.NoSuchUpload):
                call(key, upload_id)


def test_an_upload_ends_when_it_is_completed_or_aborted(photos, upload):
    photos.complete_multipart_upload("big", upload, [part(1, photos.upload_part("big", upload, 1, b"a"))])
    other = photos.init_multipart_upload("big").upload_id
    assert photos.abort_multipart_upload("big", other).status == 204

    for ended in (upload, other):
        with pytest.raises(oss2.exceptions.NoSuchUpload):
            photos.upload_part("big", ended, 2, b"a")
    assert photos.list_multipart_uploads().upload_list == []


def test_an_upload_in_parts_can_be_forbidden_to_overwrite(box, photos, upload):
    uploaded = part(1, photos.upload_part("big", upload, 1, b"new"))
    photos.put_object("big", b"old")
    headers = {"x-oss-forbid-overwrite": "true"}

    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        photos.init_multipart_upload("big", headers=headers)
    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        photos.complete_multipart_upload("big", upload, [uploaded], headers=headers)

    assert box.oss.objects("photos")["big"].data == b"old"


def test_a_part_can_be_copied(box, photos, upload):
    photos.put_object("source", b"0123456789")

    photos.upload_part_copy("photos", "source", (2, 5), "big", upload, 1)
    whole = photos.upload_part_copy("photos", "source", None, "big", upload, 2)
    photos.complete_multipart_upload("big", upload, [part(2, whole)])

    assert box.oss.objects("photos")["big"].data == b"0123456789"


@pytest.mark.parametrize("wanted", ["bytes=5-10", "bytes=5-4", "5-6"])
def test_a_part_copied_from_beyond_its_source_is_refused(photos, upload, oss_requests, wanted):
    photos.put_object("source", b"0123456789")
    headers = {"x-oss-copy-source": "/photos/source", "x-oss-copy-source-range": wanted}

    answer = oss_requests.send("PUT", "big", params={"partNumber": "1", "uploadId": upload}, headers=headers)

    assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)


def test_the_parts_of_an_upload_are_listed_page_by_page(photos, upload):
    etags = {number: photos.upload_part("big", upload, number, b"x" * number).etag for number in (3, 1, 10, 2)}

    first = photos.list_parts("big", upload, max_parts=3)
    second = photos.list_parts("big", upload, marker=first.next_marker)

    listed = [*first.parts, *second.parts]
    assert [(one.part_number, one.etag, one.size) for one in listed] == [
        (number, etags[number], number) for number in (1, 2, 3, 10)
    ]
    assert (first.is_truncated, second.is_truncated) == (True, False)


@pytest.mark.parametrize(
    ("target", "params"),
    [
        ("parts", {"max-parts": "0"}),
        ("parts", {"max-parts": "1001"}),
        ("parts", {"part-number-marker": "x"}),
        ("uploads", {"max-uploads": "0"}),
        ("uploads", {"max-uploads": "1001"}),
        ("uploads", {"encoding-type": "base64"}),
    ],
)
def test_a_listing_out_of_bounds_is_refused(oss_requests, upload, target, params):
    key, selector = ("big", {"uploadId": upload}) if target == "parts" else ("", {"uploads": ""})

    answer = oss_requests.send("GET", key, params={**selector, **params})

    assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_uploads_are_listed_by_key_and_id_page_by_page(photos, page_size):
    begun = {(key, photos.init_multipart_upload(key).upload_id) for key in ["b", "a\tb", "a", "a", "照片"]}

    listed, markers = [], ("", "")
    while True:
        page = photos.list_multipart_uploads("", "", *markers, max_uploads=page_size)
        listed += [(one.key, one.upload_id) for one in page.upload_list]
        if not page.is_truncated:
            break
        markers = (page.next_key_marker, page.next_upload_id_marker)

    assert listed == sorted(begun)


def test_uploads_with_a_common_prefix_count_as_one(photos):
    for key in ["a/1", "a/2", "b", "c/1"]:
        photos.init_multipart_upload(key)

    page = photos.list_multipart_uploads(delimiter="/", max_uploads=2)
    rest = photos.list_multipart_uploads("", "/", page.next_key_marker, page.next_upload_id_marker)
    below = photos.list_multipart_uploads(prefix="a/")

    assert (page.prefix_list, [one.key for one in page.upload_list]) == (["a/"], ["b"])
    assert (rest.prefix_list, rest.upload_list) == (["c/"], [])
    assert [one.key for one in below.upload_list] == ["a/1", "a/2"]
