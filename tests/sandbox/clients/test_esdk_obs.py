"""The vendor's client, esdk-obs-python, as an independent judge of the simulated OBS at a bucket's host name."""

import hashlib
import re
from contextlib import ExitStack, closing
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from obs import GetObjectHeader, GetObjectRequest, ObsClient, SetObjectMetadataHeader
from obs.model import Versions

from support.law import HOSTILE
from support.names import lead_huawei_here

BUCKET = "photos-obs"


@pytest.fixture
def make_client(box, monkeypatch):
    """Return a function that creates a client with these credentials; the clients are closed after the test."""
    lead_huawei_here(monkeypatch)
    server = f"http://obs.cn-north-4.myhuaweicloud.com:{urlsplit(box.obs.endpoint).port}"
    with ExitStack() as opened:

        def make(access_key, secret, token=None):
            once = {"max_retry_count": 0, "timeout": 10}
            return opened.enter_context(
                closing(ObsClient(access_key, secret, server=server, security_token=token, **once))
            )

        yield make


@pytest.fixture
def client(box, make_client):
    return make_client(*box.huawei_credentials)


def pages(client, **details):
    """Yield all pages of a listing, in the loop that the vendor's documents show."""
    marker, is_truncated = None, True
    while is_truncated:
        answer = client.listObjects(BUCKET, marker=marker, **details)
        assert answer.status == 200, answer.errorMessage
        yield answer.body.contents
        marker, is_truncated = answer.body.next_marker, answer.body.is_truncated


def test_the_client_signs_by_the_scheme_that_the_sandbox_checks(box, client):
    assert client.listObjects(BUCKET).status == 200
    assert dict(box.obs.requests[-1].headers)["authorization"].startswith("OBS ")


def test_pages_of_a_thousand_keys_contain_each_key_once(box, client):
    keys = [f"{number:05}" for number in range(2001)]
    box.obs.fill(BUCKET, reversed(keys))

    listed = [[entry.key for entry in page] for page in pages(client)]

    assert [len(page) for page in listed] == [1000, 1000, 1]
    assert [key for page in listed for key in page] == keys


@pytest.mark.parametrize("page_size", [1, 3, 1000])
def test_hostile_keys_are_listed_in_byte_order(box, client, page_size):
    for key in HOSTILE:
        box.obs.put(BUCKET, key, key.encode())

    listed = [entry.key for page in pages(client, max_keys=page_size, encoding_type="url") for entry in page]

    assert listed == sorted(HOSTILE, key=str.encode)


@pytest.mark.parametrize("key", ["/leading", "a//b", "a/./b", "..", *HOSTILE], ids=ascii)
def test_an_object_with_a_hostile_key_is_read(box, client, key):
    box.obs.put(BUCKET, key, b"hello")

    answer = client.getObject(BUCKET, key, loadStreamInMemory=True)

    assert answer.status == 200
    assert answer.body.buffer == b"hello"
    assert client.getObjectMetadata(BUCKET, key).status == 200


def test_a_listing_and_head_describe_an_object_alike(box, client):
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
def test_archived_objects_are_listed_but_not_read_or_changed(box, client, storage_class, status):
    box.obs.bucket(BUCKET).put("a", b"hello", storage_class=storage_class)

    [entry] = client.listObjects(BUCKET).body.contents
    read = client.getObject(BUCKET, "a", loadStreamInMemory=True)
    changed = client.setObjectMetadata(BUCKET, "a", headers=SetObjectMetadataHeader(contentType="text/html"))

    assert entry.storageClass == storage_class
    assert client.getObjectMetadata(BUCKET, "a").status == 200
    assert (read.status, changed.status) == (status, status)
    if status == 403:
        assert (read.errorCode, changed.errorCode) == ("InvalidObjectState", "InvalidObjectState")


def test_prefixes_and_common_prefixes_are_listed(box, client):
    box.obs.fill(BUCKET, ["a/1", "a/2", "b", "c/d/e"])

    def listed(**details):
        body = client.listObjects(BUCKET, **details).body
        return [content.key for content in body.contents], [commonPrefix.prefix for commonPrefix in body.commonPrefixs]

    assert listed(prefix="a/") == (["a/1", "a/2"], [])
    assert listed(delimiter="/") == (["b"], ["a/", "c/"])
    assert listed(delimiter="/", marker="a/") == (["b"], ["c/"])
    assert listed(prefix="c/", delimiter="/") == ([], ["c/d/"])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("0-1", (206, None, b"he")),
        ("3-", (206, None, b"lo")),
        ("-2", (206, None, b"lo")),
        ("2-99", (206, None, b"llo")),
        ("5-9", (416, "InvalidRange", None)),
    ],
)
def test_a_range_is_cut_at_the_end_and_refused_if_it_begins_behind_it(box, client, wanted, expected):
    box.obs.put(BUCKET, "a", b"hello")

    answer = client.getObject(BUCKET, "a", headers=GetObjectHeader(range=wanted), loadStreamInMemory=True)

    assert (answer.status, answer.errorCode, getattr(answer.body, "buffer", None)) == expected


def test_errors_have_the_codes_of_obs(box, client, make_client):
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


def test_an_unsupported_feature_is_refused(box, client, http):
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
    # A change of the storage class, and a header that the page of that call does not name.
    for headers in (SetObjectMetadataHeader(storageClass="WARM"), SetObjectMetadataHeader(location="/b")):
        answer = client.setObjectMetadata(BUCKET, "a", headers=headers)
        assert (answer.status, answer.errorCode) == (501, "ServiceNotImplemented")


def headers_of(client, key):
    """Return an object's time, ETag, and other headers."""
    metadata = client.getObjectMetadata(BUCKET, key)
    return (metadata.body.lastModified, metadata.body.etag), dict(metadata.header)


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("has_versions", [False, True])
def test_only_named_headers_change_in_place(box, client, moves, has_versions):
    bucket = box.obs.bucket(BUCKET)
    bucket.headers_move_time, bucket.has_versions = moves, has_versions
    bucket.put(
        "a b", b"hello", headers={"content-type": "text/plain", "cache-control": "no-cache", "x-obs-meta-old": "1"}
    )
    (time, etag), _ = headers_of(client, "a b")
    box.obs.clock_offset = 10

    changed = SetObjectMetadataHeader(contentType="text/html")
    assert client.setObjectMetadata(BUCKET, "a b", {"new": "2"}, changed).status == 200

    (time_after, etag_after), after = headers_of(client, "a b")
    values = {name: after.get(name) for name in ("content-type", "cache-control", "old", "new")}
    assert values == {"content-type": "text/html", "cache-control": "no-cache", "old": None, "new": "2"}
    assert etag_after == etag
    assert (time_after != time) is moves
    assert client.setObjectMetadata(BUCKET, "gone", headers=changed).errorCode == "NoSuchKey"
    box.obs.deny("obs:object:ModifyObjectMetaData")
    assert client.setObjectMetadata(BUCKET, "a b", headers=changed).errorCode == "AccessDenied"


def test_replace_removes_the_unnamed_headers_of_the_given_version(box, client, http):
    bucket = box.obs.bucket(BUCKET)
    bucket.has_versions = True
    old = {"content-type": "text/plain", "cache-control": "no-cache", "x-obs-meta-old": "1"}
    first, second = (bucket.put("a b", body, headers=old) for body in (b"1", b"2"))
    sent = {"x-obs-metadata-directive": "REPLACE", "Content-Type": "text/html"}
    made = client.createSignedUrl("PUT", BUCKET, "a b", "metadata", 60, sent, {"versionId": first.version_id})

    assert http.put(made.signedUrl, headers=made.actualSignedRequestHeaders).status_code == 200

    assert bucket.version("a b", first.version_id).headers == {"content-type": "text/html"}
    assert (bucket.objects["a b"].version_id, bucket.objects["a b"].headers) == (second.version_id, old)


def signed(client, key, expires, **headers):
    """Return the URL and the headers of a signed change of headers; the URL expires after `expires` seconds."""
    sent = {"x-obs-metadata-directive": "REPLACE_NEW", **headers}
    made = client.createSignedUrl("PUT", BUCKET, key, "metadata", expires, sent)
    return made.signedUrl, made.actualSignedRequestHeaders


@pytest.mark.parametrize("credentials", [None, ("TEMPORARY", "secret", "token+/=")])
def test_a_signed_url_changes_headers_until_it_expires(box, make_client, http, credentials):
    if credentials:
        box.obs.add_credentials(*credentials)
    client = make_client(*(credentials or box.huawei_credentials))
    box.obs.put(BUCKET, "a b+é", b"hello")
    url, headers = signed(client, "a b+é", 60, **{"Content-Type": "text/html"})
    assert http.put(url, headers=headers).status_code == 200
    assert headers_of(client, "a b+é")[1]["content-type"] == "text/html"

    def refusal(url, **more):
        answer = http.put(url, headers={**headers, **more})
        return answer.status_code, ElementTree.fromstring(answer.content).findtext("Code")

    # It is refused for another header, object, expiry or key, or beside another signature.
    assert refusal(url, **{"Content-Type": "text/plain"}) == (403, "SignatureDoesNotMatch")
    assert refusal(url.replace("%20", "")) == (403, "SignatureDoesNotMatch")
    assert refusal(re.sub(r"Expires=(\d+)", r"Expires=9\1", url)) == (403, "SignatureDoesNotMatch")
    assert refusal(url.replace("AccessKeyId=", "AccessKeyId=X")) == (403, "InvalidAccessKeyId")
    assert refusal(re.sub(r"Expires=\d+", "Expires=soon", url)) == (403, "AccessDenied")
    assert refusal(re.sub(r"&?Expires=\d+", "", url)) == (403, "AccessDenied")
    assert refusal(url, Authorization="OBS a:b") == (403, "AccessDenied")
    box.obs.clock_offset = 61
    assert refusal(url) == (403, "AccessDenied")


def test_temporary_credentials_work_with_their_token_only(box, make_client):
    box.obs.add_credentials("TEMPORARY", "secret", "token+/=")

    for token, status in (("token+/=", 200), ("another", 403), (None, 403)):
        assert make_client("TEMPORARY", "secret", token).listObjects(BUCKET).status == status


def test_an_encrypted_object_has_the_header(box, client):
    box.obs.bucket(BUCKET).is_encrypted = True
    box.obs.put(BUCKET, "a", b"hello")

    body = client.getObjectMetadata(BUCKET, "a").body

    assert body.sseKms == "kms"
    assert body.etag != f'"{hashlib.md5(b"hello").hexdigest()}"'


def test_versions_are_listed_and_deleted_by_their_ids(box, client):
    assert not client.getBucketVersioning(BUCKET).body
    box.obs.bucket(BUCKET).has_versions = True
    assert client.getBucketVersioning(BUCKET).body == "Enabled"
    for body in (b"1", b"2"):
        box.obs.put(BUCKET, "a b", body)
    assert client.deleteObject(BUCKET, "a b").body.deleteMarker
    listed = client.listVersions(BUCKET, Versions(max_keys=2)).body
    assert [(marker.key, marker.isLatest) for marker in listed.markers] == [("a b", True)]
    assert [(version.key, version.size, version.isLatest) for version in listed.versions] == [("a b", 1, False)]
    assert listed.head.isTruncated
    following = Versions(key_marker=listed.head.nextKeyMarker, version_id_marker=listed.head.nextVersionIdMarker)
    listed.versions += client.listVersions(BUCKET, following).body.versions
    for version in [*listed.markers, *listed.versions]:
        assert client.deleteObject(BUCKET, version.key, versionId=version.versionId).status == 204
    assert not client.listVersions(BUCKET).body.versions


def test_a_retention_rule_is_reported_and_keeps_objects(box, client):
    box.obs.put(BUCKET, "a", b"hello")
    assert client.getBucketObjectLock(BUCKET).status == 404
    box.obs.bucket(BUCKET).has_retention = True
    assert client.getBucketObjectLock(BUCKET).status == 200
    assert client.deleteObject(BUCKET, "a").errorCode == "AccessDenied"
    assert "a" in box.obs.objects(BUCKET)
