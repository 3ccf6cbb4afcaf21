"""Tests that the simulated OSS answers NotImplemented to requests with a part that it does not support."""

import base64
import hashlib

import oss2
import pytest


@pytest.fixture(autouse=True)
def check_unchanged(box):
    """Store an object before the test, and check after the test that no refused request changed the bucket."""
    box.oss.put("photos", "a", b"first")
    yield
    assert box.oss.objects("photos")["a"].data == b"first"
    assert list(box.oss.objects("photos")) == ["a"]


@pytest.mark.parametrize(
    ("method", "key", "params", "headers"),
    [
        ("PUT", "a", {}, {"x-oss-metadata-directive": "REPLACE"}),
        ("PUT", "a", {}, {"x-oss-copy-source": "/photos/a", "x-oss-copy-source-if-match": "x"}),
        ("PUT", "a", {}, {"x-oss-copy-source": "/photos/a", "x-oss-forbid-overwrite": "true"}),
        ("GET", "a", {}, {"If-Modified-Since": "x"}),
        ("GET", "a", {}, {"Range": "bytes=-2"}),
        ("GET", "a", {}, {"Range": "bytes=0-0,2-3"}),
        ("GET", "a", {"versionId": "null"}, {}),
        ("GET", "a", {"x-oss-process": "image/resize,w_100"}, {}),
        ("GET", "", {"inventory": ""}, {}),
        ("GET", "", {"list-type": "3"}, {}),
        ("GET", "", {"list-type": "2", "marker": "a"}, {}),
        ("PUT", "a", {"symlink": ""}, {}),
        ("POST", "a", {}, {}),
    ],
    ids=str,
)
def test_the_simulated_oss_refuses_an_undocumented_header_or_parameter(
    oss_requests, refusal, method, key, params, headers
):
    assert refusal(oss_requests.send(method, key, params=params, headers=headers)) == (400, "NotImplemented")


def test_the_simulated_oss_refuses_metadata_of_over_eight_kilobytes(photos):
    name = "x-oss-meta-a"
    longest_value = "v" * (8192 - len(name))
    with pytest.raises(oss2.exceptions.InvalidArgument) as error_info:
        photos.put_object("b", b"", headers={name: longest_value + "v"})
    assert error_info.value.ec == "0011-00000002"
    photos.put_object("b", b"", headers={name: longest_value})
    photos.delete_object("b")


DELETION = b"<Delete><Object><Key>a</Key></Object></Delete>"


def md5_of(body: bytes) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


@pytest.mark.parametrize(
    ("method", "key", "params", "headers", "body", "code"),
    [
        *[
            ("POST", "", {"delete": ""}, md5_of(body), body, "MalformedXML")
            for body in (b"<Delete>", b"<Remove><Object><Key>a</Key></Object></Remove>", b"<Delete><Object/></Delete>")
        ],
        ("POST", "", {"delete": ""}, {}, DELETION, "MissingArgument"),
        ("PUT", "b", {}, md5_of(b"other"), b"body", "InvalidDigest"),
        *[("PUT", key, {}, {}, b"", "InvalidObjectName") for key in ("k" * 1024, "照" * 342, "/a", "\\a")],
        *[("GET", "", {"max-keys": limit}, {}, b"", "InvalidArgument") for limit in ("1001", "many")],
        ("GET", "", {"encoding-type": "base64"}, {}, b"", "InvalidArgument"),
        ("GET", "", {"list-type": "2", "continuation-token": "made up"}, {}, b"", "InvalidArgument"),
    ],
)
def test_the_simulated_oss_answers_a_malformed_request_like_oss(
    oss_requests, refusal, method, key, params, headers, body, code
):
    assert refusal(oss_requests.send(method, key, body, params=params, headers=headers)) == (400, code)
