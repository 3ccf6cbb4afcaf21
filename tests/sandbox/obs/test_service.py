"""What OBS answers beside what was asked for: addresses, rights, limits, listings, and what is in a bucket."""

import hashlib
import re
from xml.etree import ElementTree

import pytest

BUCKET = "photos-obs"
NAMESPACE = "{http://obs.cn-north-4.myhuaweicloud.com/doc/2015-06-30/}"


def keys(answer):
    return [element.text for element in ElementTree.fromstring(answer.content).iter(f"{NAMESPACE}Key")]


def test_the_bucket_has_to_be_in_the_host_name(obs_requests, refusal):
    answer = obs_requests.send(host="obs.cn-north-4.myhuaweicloud.com", path=f"/{BUCKET}/a")
    assert refusal(answer) == (403, "VirtualHostDomainRequired")


def test_a_bucket_of_another_region_is_redirected_to(box, obs_requests, refusal):
    box.obs.create_bucket(BUCKET, region="cn-east-3")
    answer = obs_requests.send()
    assert refusal(answer) == (307, "TemporaryRedirect")
    assert answer.headers["Location"].startswith(f"https://{BUCKET}.obs.cn-east-3.myhuaweicloud.com/")


LACKING = [
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "x-obs-request-payer",
    "x-obs-unknown",
]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        *[
            ({"method": method, "key": key, "params": params}, 501, "ServiceNotImplemented")
            for method, key, params in [
                ("GET", "", {"list-type": "2"}),
                ("GET", "a", {"versionId": "1"}),
                ("GET", "", {"notification": ""}),
                ("GET", "", {"uploads": ""}),
                ("HEAD", "", {"prefix": "a"}),
                ("GET", "a", {"prefix": "a"}),
                ("PUT", "a", {}),
                ("PUT", "a", {"versionId": "1"}),
            ]
        ],
        *[
            ({"key": key, "headers": {name: "x"}}, 501, "ServiceNotImplemented")
            for key in ("", "a")
            for name in LACKING
        ],
        *[
            ({"host": host, "path": "/"}, 501, "ServiceNotImplemented")
            for host in ("obs.cn-north-4.myhuaweicloud.com", "127.0.0.1")
        ],
        *[
            ({"params": params}, 400, "InvalidArgument")
            for params in ({"max-keys": "many"}, {"max-keys": "-1"}, {"encoding-type": "base64"})
        ],
    ],
    ids=str,
)
def test_what_the_sandbox_lacks_or_makes_no_sense_is_refused(box, obs_requests, refusal, asked, status, code):
    box.obs.put(BUCKET, "a", b"hello")
    answer = obs_requests.send(**asked)
    assert answer.status_code == status if asked.get("method") == "HEAD" else refusal(answer) == (status, code)


def test_more_than_a_thousand_keys_never_come_in_a_page(box, obs_requests):
    box.obs.fill(BUCKET, (f"{number:04}" for number in range(1001)))
    assert len(keys(obs_requests.send(params={"max-keys": "5000"}))) == 1000


def test_a_listing_has_milliseconds_lower_case_etags_and_a_namespace(box, obs_requests):
    box.obs.put(BUCKET, "a b+c", b"hello")
    root = ElementTree.fromstring(obs_requests.send(params={"encoding-type": "url"}).content)
    told = {element.tag.removeprefix(NAMESPACE): element.text for element in root.iter()}
    entry = told["Key"], told["EncodingType"], told["ETag"]
    assert entry == ("a+b%2Bc", "url", f'"{hashlib.md5(b"hello").hexdigest()}"')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["LastModified"])
    assert "Type" not in told


@pytest.mark.parametrize(("size", "parts"), [(8, 0), (9, 3), (12, 3), (13, 4)])
def test_the_etag_of_what_came_in_parts_ends_in_their_number(box, size, parts):
    stored = box.obs.put(BUCKET, "a", b"x" * size, part_size=4 if parts else 8)
    assert stored.etag.partition("-")[2] == (str(parts) if parts else "")


def test_the_etag_of_parts_is_the_md5_of_their_md5s(box):
    stored = box.obs.put(BUCKET, "a", b"aaaabb", part_size=4)
    md5s = hashlib.md5(b"aaaa").digest() + hashlib.md5(b"bb").digest()
    assert stored.etag == f"{hashlib.md5(md5s).hexdigest()}-2"


def test_a_name_of_over_1024_bytes_is_not_stored(box):
    box.obs.put(BUCKET, "k" * 1024, b"")
    with pytest.raises(ValueError, match="1024"):
        box.obs.put(BUCKET, "k" * 1025, b"")


@pytest.mark.parametrize("data", [b"", b"hello"])
def test_head_tells_the_length_without_the_contents(box, obs_requests, data):
    box.obs.put(BUCKET, "a", data)
    answer = obs_requests.send("HEAD", "a")
    assert (answer.headers["Content-Length"], answer.content) == (str(len(data)), b"")


def test_requests_beyond_the_rate_get_429(box, obs_requests):
    box.obs.throttle(0.001, burst=2)
    assert [obs_requests.send().status_code for _ in range(3)] == [200, 200, 429]
    box.obs.throttle(None)
    assert obs_requests.send().status_code == 200


def test_delayed_requests_say_how_long_they_waited(box, obs_requests):
    box.obs.delay(30)
    answer = obs_requests.send()
    assert answer.headers["x-obs-qos-delay-time"] == "30"
    assert answer.elapsed.total_seconds() >= 0.03
