"""Tests of the simulated OSS with the vendor's newer SDK, alibabacloud-oss-v2."""

import io
import json
import os

import alibabacloud_oss_v2 as oss
import pytest

from support.law import HOSTILE

PART = 100 * 1024
LARGE = os.urandom(3 * PART + 17)
# The SDK's HTTP library normalizes a path after the signature.
NORMALIZED_KEY = "../..//./x"
SENDABLE = [key for key in HOSTILE if key != NORMALIZED_KEY]


def put(v2, key, body=b"hello", **details):
    return v2.put_object(oss.PutObjectRequest(bucket="photos", key=key, body=body, **details))


def get(v2, key, **details):
    return v2.get_object(oss.GetObjectRequest(bucket="photos", key=key, **details))


def catch_error(call):
    """Make a call that OSS must refuse; return the error."""
    with pytest.raises(oss.exceptions.OperationError) as error_info:
        call()
    return error_info.value.unwrap()


def list_pages(v2, limit, **details):
    """Yield the pages of the bucket's listing by both versions of the listing call."""
    for paginator, request in (
        (v2.list_objects_paginator, oss.ListObjectsRequest),
        (v2.list_objects_v2_paginator, oss.ListObjectsV2Request),
    ):
        yield list(paginator(limit=limit).iter_page(request(bucket="photos", **details)))


def test_the_simulated_oss_stores_hostile_keys_and_deletes_them(box, v2):
    for key in SENDABLE:
        put(v2, key, key.encode())

    for pages in list_pages(v2, limit=4):
        assert [content.key for page in pages for content in page.contents or []] == sorted(SENDABLE)
    assert all(get(v2, key).body.read() == key.encode() for key in SENDABLE)
    writable = [key for key in SENDABLE if "\x01" not in key and "\r" not in key]
    response = v2.delete_multiple_objects(
        oss.DeleteMultipleObjectsRequest(bucket="photos", objects=[oss.DeleteObject(key=key) for key in writable])
    )
    assert [deleted_object.key for deleted_object in response.deleted_objects] == writable
    for key in set(SENDABLE) - set(writable):  # XML cannot carry them
        assert v2.delete_object(oss.DeleteObjectRequest(bucket="photos", key=key)).status_code == 204
    assert not box.oss.objects("photos")


def test_the_simulated_oss_refuses_a_path_normalized_after_its_signature(box, v2):
    assert catch_error(lambda: put(v2, NORMALIZED_KEY)).code == "SignatureDoesNotMatch"
    assert not box.oss.objects("photos")


def test_the_simulated_oss_lists_folders_as_common_prefixes(v2):
    for key in ["a", "b/1", "b/2", "c"]:
        put(v2, key)

    for pages in list_pages(v2, limit=1, delimiter="/"):
        assert [content.key for page in pages for content in page.contents or []] == ["a", "c"]
        assert [common_prefix.prefix for page in pages for common_prefix in page.common_prefixes or []] == ["b/"]


def test_the_simulated_oss_transfers_a_large_object_in_parts(v2, tmp_path):
    v2.uploader(part_size=PART, parallel_num=2).upload_from(
        oss.PutObjectRequest(bucket="photos", key="big"), io.BytesIO(LARGE)
    )
    v2.downloader(part_size=PART, parallel_num=2).download_file(
        oss.GetObjectRequest(bucket="photos", key="big"), str(tmp_path / "down")
    )

    assert (tmp_path / "down").read_bytes() == LARGE
    assert v2.head_object(oss.HeadObjectRequest(bucket="photos", key="big")).etag.endswith('-4"')


def test_the_simulated_oss_answers_ranges_and_conditions_as_documented(v2):
    etag = put(v2, "a").etag

    part = get(v2, "a", range_header="bytes=1-3", range_behavior="standard")

    assert part.status_code == 206
    assert part.content_range == "bytes 1-3/5"
    assert part.body.read() == b"ell"
    assert catch_error(lambda: get(v2, "a", range_header="bytes=9-", range_behavior="standard")).code == "InvalidRange"
    assert catch_error(lambda: get(v2, "a", if_none_match=etag)).status_code == 304
    assert catch_error(lambda: get(v2, "a", if_match='"0"')).code == "PreconditionFailed"
    assert get(v2, "a", if_match=etag).body.read() == b"hello"


def test_the_simulated_oss_returns_copies_and_replaces_metadata(v2):
    put(v2, "a", metadata={"a": "1", "a-b": "2"}, content_type="text/plain", cache_control="no-cache")
    source = {"bucket": "photos", "source_bucket": "photos", "source_key": "a"}
    v2.copy_object(oss.CopyObjectRequest(key="kept", **source))
    v2.copy_object(oss.CopyObjectRequest(key="replaced", metadata_directive="REPLACE", metadata={"c": "3"}, **source))

    def properties(key):
        head = v2.head_object(oss.HeadObjectRequest(bucket="photos", key=key))
        return head.metadata, head.content_type, head.cache_control, head.etag

    *metadata, etag = properties("a")
    assert metadata == [{"a": "1", "a-b": "2"}, "text/plain", "no-cache"]
    assert properties("kept") == (*metadata, etag)
    assert properties("replaced") == ({"c": "3"}, "application/octet-stream", None, etag)


@pytest.mark.parametrize("event", ["ObjectCreated:CopyObject", "ObjectModified:UpdateObjectMeta", ""])
def test_a_copy_of_an_object_onto_itself_changes_its_headers(box, v2, event):
    put(v2, "a", content_type="text/plain", cache_control="no-cache")
    payloads, names = [], ["ObjectCreated:CopyObject", "ObjectModified:UpdateObjectMeta"]
    box.oss.add_trigger("all", "photos", [f"oss:{name}" for name in names], "", "", payloads.append)
    box.oss.header_event = event

    def copy(key):
        source = {"bucket": "photos", "source_bucket": "photos", "source_key": "a"}
        v2.copy_object(
            oss.CopyObjectRequest(key=key, metadata_directive="REPLACE", cache_control="max-age=61", **source)
        )
        return [json.loads(payload)["events"][0]["eventName"] for payload in payloads]

    assert copy("a") == [event] * bool(event)
    head = v2.head_object(oss.HeadObjectRequest(bucket="photos", key="a"))
    assert (head.cache_control, head.content_type) == ("max-age=61", "application/octet-stream")
    # A copy to another key has its own event.
    assert copy("b")[-1] == "ObjectCreated:CopyObject"


def test_a_header_prevents_the_simulated_oss_from_overwriting_an_object(box, v2):
    put(v2, "a", forbid_overwrite=True)

    assert not v2.is_bucket_exist("no-such-bucket")
    error = catch_error(lambda: put(v2, "a", b"second", forbid_overwrite=True))
    assert error.status_code == 409
    assert error.code == "FileAlreadyExists"
    assert error.ec == "0026-00000002"
    assert box.oss.objects("photos")["a"].data == b"hello"


def test_the_simulated_oss_lists_and_describes_buckets_with_versioning(v2):
    pages = v2.list_buckets_paginator(limit=1).iter_page(oss.ListBucketsRequest())
    assert [bucket.name for page in pages for bucket in page.buckets] == ["photos", "photos-oms-log"]
    assert v2.get_bucket_location(oss.GetBucketLocationRequest(bucket="photos")).location == "oss-cn-hangzhou"

    enabled = oss.VersioningConfiguration(status="Enabled")
    v2.put_bucket_versioning(oss.PutBucketVersioningRequest(bucket="photos", versioning_configuration=enabled))

    assert v2.get_bucket_versioning(oss.GetBucketVersioningRequest(bucket="photos")).version_status == "Enabled"
    info = v2.get_bucket_info(oss.GetBucketInfoRequest(bucket="photos")).bucket_info
    assert (info.name, info.versioning) == ("photos", "Enabled")
    assert put(v2, "a").version_id == get(v2, "a").version_id


def test_the_simulated_oss_refuses_an_unsupported_feature(v2):
    put(v2, "a")
    version = oss.DeleteObject(key="a", version_id="null")
    for call in (
        lambda: put(v2, "a", b"", storage_class="IA"),
        lambda: put(v2, "a", b"", server_side_encryption="AES256"),
        lambda: put(v2, "a", b"", tagging="k=v"),
        lambda: put(v2, "a", b"", acl="public-read"),
        lambda: put(v2, "a", b"", callback="e30="),
        lambda: get(v2, "a", version_id="null"),
        lambda: v2.delete_multiple_objects(oss.DeleteMultipleObjectsRequest(bucket="photos", objects=[version])),
        lambda: v2.copy_object(
            oss.CopyObjectRequest(bucket="photos", key="b", source_key="a", source_version_id="null")
        ),
    ):
        assert catch_error(call).code == "NotImplemented"
    assert get(v2, "a").body.read() == b"hello"


def test_the_simulated_oss_lists_and_deletes_versions_by_their_ids(box, v2):
    box.oss.buckets["photos"].versioning = "Enabled"
    for body in (b"1", b"2"):
        put(v2, "a b", body)

    def delete(version=None):
        v2.delete_object(oss.DeleteObjectRequest(bucket="photos", key="a b", version_id=version))

    delete()
    pages = list(v2.list_object_versions_paginator(limit=2).iter_page(oss.ListObjectVersionsRequest(bucket="photos")))
    [marker] = [version for page in pages for version in page.delete_marker or []]
    versions = [version for page in pages for version in page.version or []]
    assert marker.key == "a b"
    assert marker.is_latest is True
    assert [(version.key, version.size) for version in versions] == [("a b", 1), ("a b", 1)]
    # WHEN the delete marker is deleted THEN the object can be read again
    delete(marker.version_id)
    assert get(v2, "a b").body.read() == b"2"
    for version in versions:
        delete(version.version_id)
    assert not v2.list_object_versions(oss.ListObjectVersionsRequest(bucket="photos")).version


def test_the_simulated_oss_keeps_objects_under_a_retention_rule(box, v2):
    put(v2, "a")
    request, delete = oss.GetBucketWormRequest(bucket="photos"), oss.DeleteObjectRequest(bucket="photos", key="a")
    assert catch_error(lambda: v2.get_bucket_worm(request)).status_code == 404
    box.oss.buckets["photos"].has_retention = True
    assert v2.get_bucket_worm(request).worm_configuration.state == "Locked"
    assert catch_error(lambda: v2.delete_object(delete)).code == "FileImmutable"


def test_the_simulated_oss_lists_unfinished_uploads_by_prefix(v2):
    upload_ids = {
        key: v2.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket="photos", key=key)).upload_id
        for key in ("b", "a b", "a/é")
    }
    request = oss.ListMultipartUploadsRequest(bucket="photos", prefix="a", encoding_type="url")
    response = v2.list_multipart_uploads(request)
    assert [(upload.key, upload.upload_id) for upload in response.uploads] == [
        (key, upload_ids[key]) for key in ("a b", "a/é")
    ]
