"""Tests of responses of the simulated OBS: addresses, refusals, limits, listings and objects."""

import hashlib
import re
from xml.etree import ElementTree

import pytest

BUCKET = "photos-obs"
NAMESPACE = "{http://obs.cn-north-4.myhuaweicloud.com/doc/2015-06-30/}"


def test_the_simulated_obs_requires_the_bucket_in_the_host_name(obs_requests, refusal):
    answer = obs_requests.send(host="obs.cn-north-4.myhuaweicloud.com", path=f"/{BUCKET}/a")
    assert refusal(answer) == (403, "VirtualHostDomainRequired")


def test_the_simulated_obs_redirects_a_request_for_another_regions_bucket(box, obs_requests, refusal):
    box.obs.create_bucket(BUCKET, region="cn-east-3")
    answer = obs_requests.send()
    assert refusal(answer) == (307, "TemporaryRedirect")
    assert answer.headers["Location"].startswith(f"https://{BUCKET}.obs.cn-east-3.myhuaweicloud.com/")


@pytest.mark.parametrize(
    ("details", "status", "code"),
    [
        *[
            ({"method": method, "key": key, "params": params}, 501, "ServiceNotImplemented")
            for method, key, params in [
                ("GET", "", {"list-type": "2"}),
                ("GET", "a", {"versionId": "1"}),
                ("GET", "", {"notification": ""}),
                ("GET", "a", {"prefix": "a"}),
                ("PUT", "a", {}),
            ]
        ],
        *[
            ({"key": "a", "headers": {name: "x"}}, 501, "ServiceNotImplemented")
            for name in ("If-Match", "If-Modified-Since", "x-obs-unknown")
        ],
        ({"host": "127.0.0.1", "path": "/"}, 501, "ServiceNotImplemented"),
        *[({"params": params}, 400, "InvalidArgument") for params in ({"max-keys": "-1"}, {"encoding-type": "base64"})],
    ],
    ids=str,
)
def test_the_simulated_obs_refuses_an_unsupported_or_malformed_request(
    box, obs_requests, refusal, details, status, code
):
    box.obs.put(BUCKET, "a", b"hello")
    assert refusal(obs_requests.send(**details)) == (status, code)


def test_the_simulated_obs_lists_milliseconds_and_lower_case_etags(box, obs_requests):
    box.obs.put(BUCKET, "a b+c", b"hello")
    root = ElementTree.fromstring(obs_requests.send(params={"encoding-type": "url"}).content)
    texts = {element.tag.removeprefix(NAMESPACE): element.text for element in root.iter()}
    entry = texts["Key"], texts["EncodingType"], texts["ETag"]
    assert entry == ("a+b%2Bc", "url", f'"{hashlib.md5(b"hello").hexdigest()}"')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", texts["LastModified"])
    assert "Type" not in texts


@pytest.mark.parametrize(("size", "parts"), [(4, 0), (5, 2), (8, 2), (9, 3)])
def test_the_simulated_obs_computes_the_etag_of_an_upload_in_parts(box, size, parts):
    data = bytes(range(size))
    md5s = b"".join(hashlib.md5(data[start : start + 4]).digest() for start in range(0, size, 4))
    expected = f"{hashlib.md5(md5s).hexdigest()}-{parts}" if parts else hashlib.md5(data).hexdigest()
    assert box.obs.put(BUCKET, "a", data, part_size=4).etag == expected
