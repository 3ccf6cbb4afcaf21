"""What OSS gives back of an object: ranges, conditions, stored headers."""

from email.utils import formatdate

import oss2
import pytest

ETAG = "5D41402ABC4B2A76B9719D911017C592"


@pytest.fixture
def hello(box):
    return box.oss.put("photos", "a", b"hello")


@pytest.mark.parametrize(
    ("wanted", "data", "content_range"),
    [
        ("bytes=0-1", b"he", "bytes 0-1/5"),
        ("bytes=1-", b"ello", "bytes 1-4/5"),
        ("bytes=-2", b"lo", "bytes 3-4/5"),
        ("bytes=4-4", b"o", "bytes 4-4/5"),
        ("bytes=0-0,2-3", b"h", "bytes 0-0/5"),
    ],
)
def test_a_range_is_answered_with_its_bytes(hello, oss_requests, wanted, data, content_range):
    answer = oss_requests.send("GET", "a", headers={"Range": wanted})

    assert (answer.status_code, answer.content) == (206, data)
    assert answer.headers["Content-Range"] == content_range
    assert answer.headers["ETag"] == f'"{ETAG}"'


@pytest.mark.parametrize(
    "wanted",
    ["byte=0-1", "bytes=-", "bytes=3-2", "bytes=0-5", "bytes=5-6", "bytes=5-", "bytes=-6", "bytes=-0", "bytes=a-b"],
)
def test_a_range_that_is_not_wholly_in_the_object_is_answered_with_all_of_it(hello, oss_requests, wanted):
    answer = oss_requests.send("GET", "a", headers={"Range": wanted})

    assert (answer.status_code, answer.content) == (200, b"hello")
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize(("wanted", "data"), [("bytes=3-9", b"lo"), ("bytes=-9", b"hello"), ("bytes=1-2", b"el")])
def test_the_standard_behaviour_cuts_off_an_end_that_is_too_far(hello, oss_requests, wanted, data):
    headers = {"Range": wanted, "x-oss-range-behavior": "standard"}

    answer = oss_requests.send("GET", "a", headers=headers)

    assert (answer.status_code, answer.content) == (206, data)


@pytest.mark.parametrize("wanted", ["bytes=5-6", "bytes=5-"])
def test_the_standard_behaviour_refuses_a_beginning_that_is_too_far(hello, oss_requests, wanted):
    answer = oss_requests.send("GET", "a", headers={"Range": wanted, "x-oss-range-behavior": "standard"})

    assert (answer.status_code, "<Code>InvalidRange</Code>" in answer.text) == (416, True)


def ago(obj, seconds):
    return formatdate(obj.last_modified - seconds, usegmt=True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_condition_that_holds_changes_nothing(hello, oss_requests, method):
    for headers in (
        {"If-Match": ETAG},
        {"If-Match": f'"{ETAG}"'},
        {"If-Unmodified-Since": ago(hello, 0)},
        {"If-None-Match": "0" * 32},
        {"If-Modified-Since": ago(hello, 1)},
        {"If-Modified-Since": "yesterday", "If-Unmodified-Since": "yesterday"},
    ):
        assert oss_requests.send(method, "a", headers=headers).status_code == 200, headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_already_has_is_not_sent_again(hello, oss_requests, method):
    for headers in (
        {"If-None-Match": ETAG},
        {"If-None-Match": f'"{ETAG}"'},
        {"If-Modified-Since": ago(hello, 0)},
        {"If-Modified-Since": ago(hello, -1), "If-None-Match": "0" * 32},
    ):
        answer = oss_requests.send(method, "a", headers=headers)
        assert (answer.status_code, answer.content) == (304, b""), headers
        assert answer.headers["ETag"] == f'"{ETAG}"'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_precondition_that_does_not_hold_is_named(hello, oss_requests, method):
    for headers in (
        {"If-Match": "0" * 32},
        {"If-Match": ETAG.lower()},
        {"If-Unmodified-Since": ago(hello, 1)},
        {"If-Unmodified-Since": ago(hello, 1), "If-Match": ETAG},
    ):
        answer = oss_requests.send(method, "a", headers=headers)
        assert answer.status_code == 412, headers
        if method == "GET":
            assert "<Code>PreconditionFailed</Code>" in answer.text
            assert f"<Condition>{next(iter(headers))}</Condition>" in answer.text


def test_a_condition_on_nothing_is_no_condition(oss_requests):
    assert oss_requests.send("GET", "a", headers={"If-None-Match": ETAG}).status_code == 404


@pytest.mark.parametrize("read", ["get_object", "head_object"])
def test_the_headers_of_an_upload_come_back_with_it(photos, read):
    given = {
        "Content-Type": "text/plain",
        "Content-Disposition": "attachment; filename=a.txt",
        "Content-Encoding": "identity",
        "Content-Language": "zh-CN",
        "Cache-Control": "no-cache",
        "Expires": "Wed, 08 Jul 2026 16:57:01 GMT",
        "x-oss-meta-author": "somebody",
    }
    photos.put_object("a", b"hello", headers=given)

    headers = getattr(photos, read)("a").headers

    assert {name: headers[name] for name in given} == given
    assert headers["x-oss-storage-class"] == "Standard"
    assert "x-oss-version-id" not in headers


def test_whether_an_object_exists_can_be_asked(hello, box, photos):
    assert photos.object_exists("a")
    assert not photos.object_exists("b")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        box.bucket("no-such-bucket").object_exists("a")


def test_the_meta_of_an_object_is_its_etag_size_and_time(photos):
    photos.put_object("a", b"hello", headers={"x-oss-meta-author": "somebody"})

    meta = photos.get_object_meta("a")

    assert (meta.etag, meta.content_length) == (ETAG, 5)
    assert meta.last_modified
    assert "x-oss-meta-author" not in meta.headers
