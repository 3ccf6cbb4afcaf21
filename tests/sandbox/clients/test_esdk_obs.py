"""Tests of the simulated OBS, at a bucket's host name, with the vendor's client, esdk-obs-python."""

import hashlib
import re
from contextlib import ExitStack, closing
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from obs import GetObjectHeader, GetObjectRequest, ObsClient, SetObjectMetadataHeader
from obs.model import Versions

from support.law import HOSTILE
from support.names import redirect_huawei_hosts

BUCKET = "photos-obs"


@pytest.fixture
def make_client(box, monkeypatch):
    """Return a function that creates a client from an access key; all clients are closed after the test."""
    redirect_huawei_hosts(monkeypatch)
    server = f"http://obs.cn-north-4.myhuaweicloud.com:{urlsplit(box.obs.endpoint).port}"
    with ExitStack() as open_clients:

        def make(access_key, secret, token=None):
            options = {"max_retry_count": 0, "timeout": 10}
            return open_clients.enter_context(
                closing(ObsClient(access_key, secret, server=server, security_token=token, **options))
            )

        yield make


@pytest.fixture
def client(box, make_client):
    return make_client(*box.huawei_credentials)


def list_pages(client, **details):
    """Yield all pages of a listing, by the loop in the vendor's documents."""
    marker, is_truncated = None, True
    while is_truncated:
        answer = client.listObjects(BUCKET, marker=marker, **details)
        assert answer.status == 200, answer.errorMessage
        yield answer.body.contents
        marker, is_truncated = answer.body.next_marker, answer.body.is_truncated


def test_the_obs_sdk_signs_by_the_scheme_that_the_sandbox_checks(box, client):
    assert client.listObjects(BUCKET).status == 200
    assert dict(box.obs.requests[-1].headers)["authorization"].startswith("OBS ")


def test_the_simulated_obs_lists_each_key_once_in_pages_of_a_thousand(box, client):
    keys = [f"{number:05}" for number in range(2001)]
    box.obs.fill(BUCKET, reversed(keys))

    key_pages = [[entry.key for entry in page] for page in list_pages(client)]

    assert [len(page) for page in key_pages] == [1000, 1000, 1]
    assert [key for page in key_pages for key in page] == keys


@pytest.mark.parametrize("page_size", [1, 3, 1000])
def test_the_simulated_obs_lists_hostile_keys_in_byte_order(box, client, page_size):
    for key in HOSTILE:
        box.obs.put(BUCKET, key, key.encode())

    keys = [entry.key for page in list_pages(client, max_keys=page_size, encoding_type="url") for entry in page]

    assert keys == sorted(HOSTILE, key=str.encode)


@pytest.mark.parametrize("key", ["/leading", "a//b", "a/./b", "..", *HOSTILE], ids=ascii)
def test_the_simulated_obs_returns_an_object_with_a_hostile_key(box, client, key):
    box.obs.put(BUCKET, key, b"hello")

    answer = client.getObject(BUCKET, key, loadStreamInMemory=True)

    assert answer.status == 200
    assert answer.body.buffer == b"hello"
    assert client.getObjectMetadata(BUCKET, key).status == 200


def test_the_simulated_obs_describes_an_object_alike_in_listing_and_head(box, client):
    box.obs.bucket(BUCKET).put("a", b"hello", headers={"content-type": "text/plain", "x-obs-meta-note": "x-1"})

    [entry] = client.listObjects(BUCKET).body.contents
    metadata = client.getObjectMetadata(BUCKET, "a")

    md5 = f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert entry.key == "a"
    assert entry.size == 5
    assert entry.etag == md5
    assert entry.storageClass == "STANDARD"
    assert not entry.isAppendable
    assert (metadata.body.contentLength, metadata.body.etag) == (5, md5)
    assert {("content-type", "text/plain"), ("note", "x-1")} <= set(metadata.header)


@pytest.mark.parametrize(
    ("storage_class", "status"), [("STANDARD", 200), ("WARM", 200), ("COLD", 403), ("DEEP_ARCHIVE", 403)]
)
def test_the_simulated_obs_lists_and_does_not_return_archived_objects(box, client, storage_class, status):
    box.obs.bucket(BUCKET).put("a", b"hello", storage_class=storage_class)

    [entry] = client.listObjects(BUCKET).body.contents
    read_answer = client.getObject(BUCKET, "a", loadStreamInMemory=True)
    change_answer = client.setObjectMetadata(BUCKET, "a", headers=SetObjectMetadataHeader(contentType="text/html"))

    assert entry.storageClass == storage_class
    assert client.getObjectMetadata(BUCKET, "a").status == 200
    assert (read_answer.status, change_answer.status) == (status, status)
    if status == 403:
        assert (read_answer.errorCode, change_answer.errorCode) == ("InvalidObjectState", "InvalidObjectState")


def test_the_simulated_obs_lists_keys_by_prefix_and_common_prefix(box, client):
    box.obs.fill(BUCKET, ["a/1", "a/2", "b", "c/d/e"])

    def list_keys(**details):
        body = client.listObjects(BUCKET, **details).body
        return [content.key for content in body.contents], [
            common_prefix.prefix for common_prefix in body.commonPrefixs
        ]

    assert list_keys(prefix="a/") == (["a/1", "a/2"], [])
    assert list_keys(delimiter="/") == (["b"], ["a/", "c/"])
    assert list_keys(delimiter="/", marker="a/") == (["b"], ["c/"])
    assert list_keys(prefix="c/", delimiter="/") == ([], ["c/d/"])


@pytest.mark.parametrize(
    ("requested_range", "expected"),
    [
        ("0-1", (206, None, b"he")),
        ("3-", (206, None, b"lo")),
        ("-2", (206, None, b"lo")),
        ("2-99", (206, None, b"llo")),
        ("5-9", (416, "InvalidRange", None)),
    ],
)
def test_the_simulated_obs_cuts_a_range_at_the_end_of_the_object(box, client, requested_range, expected):
    box.obs.put(BUCKET, "a", b"hello")

    answer = client.getObject(BUCKET, "a", headers=GetObjectHeader(range=requested_range), loadStreamInMemory=True)

    assert (answer.status, answer.errorCode, getattr(answer.body, "buffer", None)) == expected


def test_the_errors_of_the_simulated_obs_have_the_codes_of_obs(box, client, make_client):
    def refusal(answer):
        return answer.status, answer.errorCode

    assert refusal(client.listObjects("nowhere")) == (404, "NoSuchBucket")
    assert refusal(client.getObject(BUCKET, "a")) == (404, "NoSuchKey")
    assert client.getObjectMetadata(BUCKET, "a").status == 404
    assert refusal(make_client(box.huawei_credentials[0], "wrong").listObjects(BUCKET)) == (
        403,
        "SignatureDoesNotMatch",
    )
    assert refusal(make_client("NOBODY", "x").listObjects(BUCKET)) == (403, "InvalidAccessKeyId")
    box.obs.deny("obs:bucket:ListBucket")
    assert refusal(client.listObjects(BUCKET)) == (403, "AccessDenied")


def test_the_simulated_obs_refuses_an_unsupported_feature(box, client, http):
    box.obs.put(BUCKET, "a", b"hello")
    conditions = [{"if_match": "x"}, {"if_none_match": "x"}, {"if_modified_since": "x"}, {"if_unmodified_since": "x"}]
    for answer in (
        client.getBucketStorageInfo(BUCKET),
        client.listVersions(BUCKET, Versions(delimiter="/")),
        client.listMultipartUploads(BUCKET),
        client.listBuckets(),
        client.putContent(BUCKET, "a", "x"),
        client.deleteObjectTagging(BUCKET, "a"),
        client.getObject(BUCKET, "a", getObjectRequest=GetObjectRequest(content_type="text/plain")),
        client.getObject(BUCKET, "a", getObjectRequest=GetObjectRequest(versionId="null")),
        *[client.getObject(BUCKET, "a", headers=GetObjectHeader(**condition)) for condition in conditions],
        client.getObjectMetadata(BUCKET, "a", origin="x", extensionHeaders={"x-obs-never-heard-of": "x"}),
    ):
        assert answer.status == 501
        assert (answer.errorCode or "ServiceNotImplemented") == "ServiceNotImplemented"
    # OBS refuses a change of the storage class, and a header that the page of the call does not name.
    for headers in (SetObjectMetadataHeader(storageClass="WARM"), SetObjectMetadataHeader(location="/b")):
        answer = client.setObjectMetadata(BUCKET, "a", headers=headers)
        assert (answer.status, answer.errorCode) == (501, "ServiceNotImplemented")


def read_headers(client, key):
    """Return an object's modification time and ETag, and a dict of its other headers."""
    metadata = client.getObjectMetadata(BUCKET, key)
    return (metadata.body.lastModified, metadata.body.etag), dict(metadata.header)


@pytest.mark.parametrize("moves_time", [False, True])
@pytest.mark.parametrize("has_versions", [False, True])
def test_the_simulated_obs_keeps_headers_that_a_change_does_not_name(box, client, moves_time, has_versions):
    bucket = box.obs.bucket(BUCKET)
    bucket.headers_update_time, bucket.has_versions = moves_time, has_versions
    bucket.put(
        "a b", b"hello", headers={"content-type": "text/plain", "cache-control": "no-cache", "x-obs-meta-old": "1"}
    )
    (time, etag), _ = read_headers(client, "a b")
    box.obs.clock_offset = 10

    new_headers = SetObjectMetadataHeader(contentType="text/html")
    assert client.setObjectMetadata(BUCKET, "a b", {"new": "2"}, new_headers).status == 200

    (time_after, etag_after), headers_after = read_headers(client, "a b")
    values = {name: headers_after.get(name) for name in ("content-type", "cache-control", "old", "new")}
    assert values == {"content-type": "text/html", "cache-control": "no-cache", "old": None, "new": "2"}
    assert etag_after == etag
    assert (time_after != time) is moves_time
    assert client.setObjectMetadata(BUCKET, "gone", headers=new_headers).errorCode == "NoSuchKey"
    box.obs.deny("obs:object:ModifyObjectMetaData")
    assert client.setObjectMetadata(BUCKET, "a b", headers=new_headers).errorCode == "AccessDenied"


def test_the_directive_replace_removes_headers_that_it_does_not_name(box, client, http):
    bucket = box.obs.bucket(BUCKET)
    bucket.has_versions = True
    old_headers = {"content-type": "text/plain", "cache-control": "no-cache", "x-obs-meta-old": "1"}
    first_version, second_version = (bucket.put("a b", body, headers=old_headers) for body in (b"1", b"2"))
    headers_to_sign = {"x-obs-metadata-directive": "REPLACE", "Content-Type": "text/html"}
    signed_url = client.createSignedUrl(
        "PUT", BUCKET, "a b", "metadata", 60, headers_to_sign, {"versionId": first_version.version_id}
    )

    assert http.put(signed_url.signedUrl, headers=signed_url.actualSignedRequestHeaders).status_code == 200

    assert bucket.find_version("a b", first_version.version_id).headers == {"content-type": "text/html"}
    assert (bucket.objects["a b"].version_id, bucket.objects["a b"].headers) == (second_version.version_id, old_headers)


def sign_url(client, key, expires, **headers):
    """Return the signed URL and the headers of a request that changes `headers` of an object.

    The URL expires after `expires` seconds.
    """
    headers_to_sign = {"x-obs-metadata-directive": "REPLACE_NEW", **headers}
    signed_url = client.createSignedUrl("PUT", BUCKET, key, "metadata", expires, headers_to_sign)
    return signed_url.signedUrl, signed_url.actualSignedRequestHeaders


@pytest.mark.parametrize("credentials", [None, ("TEMPORARY", "secret", "token+/=")])
def test_the_simulated_obs_accepts_a_signed_url_until_it_expires(box, make_client, http, credentials):
    if credentials:
        box.obs.add_credentials(*credentials)
    client = make_client(*(credentials or box.huawei_credentials))
    box.obs.put(BUCKET, "a b+é", b"hello")
    url, headers = sign_url(client, "a b+é", 60, **{"Content-Type": "text/html"})
    assert http.put(url, headers=headers).status_code == 200
    assert read_headers(client, "a b+é")[1]["content-type"] == "text/html"

    def refusal(url, **more):
        answer = http.put(url, headers={**headers, **more})
        return answer.status_code, ElementTree.fromstring(answer.content).findtext("Code")

    # OBS refuses the URL for another header, object, expiry or access key, and beside another signature.
    assert refusal(url, **{"Content-Type": "text/plain"}) == (403, "SignatureDoesNotMatch")
    assert refusal(url.replace("%20", "")) == (403, "SignatureDoesNotMatch")
    assert refusal(re.sub(r"Expires=(\d+)", r"Expires=9\1", url)) == (403, "SignatureDoesNotMatch")
    assert refusal(url.replace("AccessKeyId=", "AccessKeyId=X")) == (403, "InvalidAccessKeyId")
    assert refusal(re.sub(r"Expires=\d+", "Expires=soon", url)) == (403, "AccessDenied")
    assert refusal(re.sub(r"&?Expires=\d+", "", url)) == (403, "AccessDenied")
    assert refusal(url, Authorization="OBS a:b") == (403, "AccessDenied")
    box.obs.clock_offset = 61
    assert refusal(url) == (403, "AccessDenied")


def test_the_simulated_obs_accepts_temporary_keys_only_with_their_token(box, make_client):
    box.obs.add_credentials("TEMPORARY", "secret", "token+/=")

    for token, status in (("token+/=", 200), ("another", 403), (None, 403)):
        assert make_client("TEMPORARY", "secret", token).listObjects(BUCKET).status == status


def test_the_simulated_obs_reports_the_encryption_of_an_object(box, client):
    box.obs.bucket(BUCKET).is_encrypted = True
    box.obs.put(BUCKET, "a", b"hello")

    body = client.getObjectMetadata(BUCKET, "a").body

    assert body.sseKms == "kms"
    assert body.etag != f'"{hashlib.md5(b"hello").hexdigest()}"'


def test_the_simulated_obs_lists_and_deletes_versions_by_their_ids(box, client):
    assert not client.getBucketVersioning(BUCKET).body
    box.obs.bucket(BUCKET).has_versions = True
    assert client.getBucketVersioning(BUCKET).body == "Enabled"
    for body in (b"1", b"2"):
        box.obs.put(BUCKET, "a b", body)
    assert client.deleteObject(BUCKET, "a b").body.deleteMarker
    first_page = client.listVersions(BUCKET, Versions(max_keys=2)).body
    assert [(marker.key, marker.isLatest) for marker in first_page.markers] == [("a b", True)]
    assert [(version.key, version.size, version.isLatest) for version in first_page.versions] == [("a b", 1, False)]
    assert first_page.head.isTruncated
    next_page = Versions(
        key_marker=first_page.head.nextKeyMarker, version_id_marker=first_page.head.nextVersionIdMarker
    )
    first_page.versions += client.listVersions(BUCKET, next_page).body.versions
    for version in [*first_page.markers, *first_page.versions]:
        assert client.deleteObject(BUCKET, version.key, versionId=version.versionId).status == 204
    assert not client.listVersions(BUCKET).body.versions


def test_the_simulated_obs_keeps_objects_under_a_retention_rule(box, client):
    box.obs.put(BUCKET, "a", b"hello")
    assert client.getBucketObjectLock(BUCKET).status == 404
    box.obs.bucket(BUCKET).has_retention = True
    assert client.getBucketObjectLock(BUCKET).status == 200
    assert client.deleteObject(BUCKET, "a").errorCode == "AccessDenied"
    assert "a" in box.obs.objects(BUCKET)
