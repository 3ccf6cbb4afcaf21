"""What OSS can do and the sandbox cannot is refused with NotImplemented, and never ignored."""

import base64
import hashlib

import oss2
import pytest


@pytest.fixture(autouse=True)
def stored(box):
    """An object that no refused request may change."""
    box.oss.put("photos", "a", b"first")
    yield
    assert box.oss.objects("photos")["a"].data == b"first"
    assert list(box.oss.objects("photos")) == ["a"]


def is_refused(answer):
    return (answer.status_code, "<Code>NotImplemented</Code>" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "header",
    [
        "x-oss-storage-class",
        "x-oss-server-side-encryption",
        "x-oss-server-side-encryption-key-id",
        "x-oss-tagging",
        "x-oss-object-acl",
        "x-oss-acl",
        "x-oss-callback",
        "x-oss-callback-var",
        "x-oss-traffic-limit",
        "x-oss-request-payer",
        "x-oss-never-heard-of",
        "If-None-Match",
        "Range",
    ],
)
def test_a_header_that_asks_for_more_is_refused_with_any_upload(photos, refused, header):
    for call in (
        lambda headers: photos.put_object("a", b"second", headers=headers),
        lambda headers: photos.append_object("b", 0, b"second", headers=headers),
        lambda headers: photos.copy_object("photos", "a", "b", headers=headers),
        lambda headers: photos.init_multipart_upload("b", headers=headers),
    ):
        assert refused(lambda call=call: call({header: "x"})) == (400, "NotImplemented")


@pytest.mark.parametrize(
    ("method", "key", "params", "headers"),
    [
        ("PUT", "a", {}, {"x-oss-metadata-directive": "REPLACE"}),
        ("PUT", "a", {}, {"x-oss-copy-source-if-match": "x"}),
        ("GET", "a", {}, {"x-oss-process": "x"}),
        ("HEAD", "a", {}, {"Range": "bytes=0-1"}),
        ("HEAD", "a", {"objectMeta": ""}, {"If-Match": "x"}),
        ("DELETE", "a", {}, {"If-Match": "x"}),
        ("GET", "", {}, {"x-oss-optional-attributes": "x"}),
    ],
    ids=str,
)
def test_a_header_that_is_another_operations_is_refused(oss_requests, method, key, params, headers):
    answer = oss_requests.send(method, key, params=params, headers=headers)

    assert answer.status_code == 400 if method == "HEAD" else is_refused(answer)


@pytest.mark.parametrize(
    ("method", "key", "params"),
    [
        *[(method, "a", {"versionId": "null"}) for method in ("GET", "PUT")],
        ("POST", "a", {"append": "", "position": "5", "versionId": "null"}),
        ("GET", "", {"versions": "", "delimiter": "/"}),
        ("GET", "", {"inventory": ""}),
        ("GET", "a", {"acl": ""}),
        ("GET", "a", {"tagging": ""}),
        ("GET", "a", {"x-oss-process": "image/resize,w_100"}),
        ("GET", "", {"uploads": "", "delimiter": "/"}),
        ("GET", "", {"list-type": "3"}),
        ("PUT", "a", {"symlink": ""}),
        ("GET", "", {"start-after": "a"}),
        ("GET", "", {"list-type": "2", "marker": "a"}),
        ("GET", "a", {"prefix": "a"}),
        ("PUT", "a", {"response-content-type": "x"}),
        ("PUT", "a", {"tagging": ""}),
        ("PUT", "a", {"x-oss-expires": "60"}),
        ("PUT", "a", {"callback": "x"}),
        ("POST", "a", {}),
        ("OPTIONS", "a", {}),
    ],
    ids=str,
)
def test_a_parameter_that_is_another_operations_is_refused(oss_requests, method, key, params):
    assert is_refused(oss_requests.send(method, key, b"", params=params))


def test_a_version_is_not_deleted_with_many_keys(photos, refused):
    one = oss2.models.BatchDeleteObjectVersionList([oss2.models.BatchDeleteObjectVersion("a", "null")])
    assert refused(lambda: photos.delete_object_versions(one)) == (400, "NotImplemented")


def test_metadata_of_over_eight_kilobytes_is_refused_by_oss_itself(photos):
    name = "x-oss-meta-a"
    most = "v" * (8192 - len(name))
    for call in (
        lambda headers: photos.put_object("b", b"", headers=headers),
        lambda headers: photos.copy_object(
            "photos", "a", "b", headers={**headers, "x-oss-metadata-directive": "REPLACE"}
        ),
        lambda headers: photos.init_multipart_upload("b", headers=headers),
    ):
        with pytest.raises(oss2.exceptions.InvalidArgument) as error:
            call({name: most + "v"})
        assert error.value.ec == "0011-00000002"
    photos.put_object("b", b"", headers={name: most})
    photos.delete_object("b")


DELETION = b"<Delete><Object><Key>a</Key></Object></Delete>"
VERSIONING = {"versioning": ""}
COPY = {"x-oss-copy-source": "/photos/a"}


def md5_of(body: bytes) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


@pytest.mark.parametrize(
    ("method", "key", "params", "headers", "body", "code"),
    [
        *[
            ("POST", "", {"delete": ""}, md5_of(body), body, "MalformedXML")
            for body in (
                b"",
                b"<Delete>",
                b"<Delete></Delete>",
                b"<Remove><Object><Key>a</Key></Object></Remove>",
                b"<Delete><Object></Object></Delete>",
                b"<Delete><Quiet>perhaps</Quiet><Object><Key>a</Key></Object></Delete>",
            )
        ],
        ("POST", "", {"delete": ""}, {}, DELETION, "MissingArgument"),
        ("POST", "", {"delete": ""}, md5_of(b""), DELETION, "InvalidDigest"),
        ("PUT", "b", {}, md5_of(b"other"), b"body", "InvalidDigest"),
        *[
            ("POST", "b", {"append": "", "position": position}, {}, b"x", "MissingArgument")
            for position in ("", "one", "-1")
        ],
        ("PUT", "", VERSIONING, {}, b"", "MalformedXML"),
        ("PUT", "", VERSIONING, {}, b"<VersioningConfiguration/>", "MalformedXML"),
        (
            "PUT",
            "",
            VERSIONING,
            {},
            b"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
            "MalformedXML",
        ),
        ("PUT", "", VERSIONING, {}, b"<Versioning><Status>Enabled</Status></Versioning>", "MalformedXML"),
        ("PUT", "b", {}, {**COPY, "x-oss-metadata-directive": "MERGE"}, b"", "InvalidArgument"),
        *[("PUT", key, {}, {}, b"", "InvalidObjectName") for key in ("k" * 1024, "照" * 342, "/a", "\\a")],
        *[("GET", "", {"max-keys": limit}, {}, b"", "InvalidArgument") for limit in ("0", "1001", "-1", "many")],
        *[
            ("GET", "", {"list-type": "2", **more}, {}, b"", "InvalidArgument")
            for more in (
                {"max-keys": "0"},
                {"max-keys": "1001"},
                {"encoding-type": "base64"},
                {"continuation-token": "made up"},
                {"continuation-token": "bm8ga2luZA=="},
            )
        ],
    ],
)
def test_what_makes_no_sense_is_refused_by_oss_itself(oss_requests, method, key, params, headers, body, code):
    answer = oss_requests.send(method, key, body, params=params, headers=headers)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (400, True), answer.text
