"""What OSS gives back of an object: ranges, conditions, stored headers."""

from email.utils import formatdate

import pytest

ETAG = "5D41402ABC4B2A76B9719D911017C592"


@pytest.fixture
def hello(box):
    return box.oss.put("photos", "a", b"hello")


def ago(obj, seconds):
    return formatdate(obj.last_modified - seconds, usegmt=True)


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

    assert headers.items() >= {**given, "x-oss-storage-class": "Standard"}.items()
    assert "x-oss-version-id" not in headers


def test_the_meta_of_an_object_is_its_etag_size_and_time(photos):
    photos.put_object("a", b"hello", headers={"x-oss-meta-author": "somebody"})

    meta = photos.get_object_meta("a")

    assert (meta.etag, meta.content_length) == (ETAG, 5)
    assert meta.last_modified
    assert "x-oss-meta-author" not in meta.headers


STANDARD = {"x-oss-range-behavior": "standard"}
NOT_WHOLLY_IN_IT = ("byte=0-1", "bytes=-", "bytes=3-2", "bytes=0-5", "bytes=5-6", "bytes=5-", "bytes=-6", "bytes=-0")


@pytest.mark.parametrize(
    ("wanted", "more", "status", "body", "content_range"),
    [
        ("bytes=0-1", {}, 206, b"he", "bytes 0-1/5"),
        ("bytes=1-", {}, 206, b"ello", "bytes 1-4/5"),
        ("bytes=-2", {}, 206, b"lo", "bytes 3-4/5"),
        ("bytes=4-4", {}, 206, b"o", "bytes 4-4/5"),
        ("bytes=0-0,2-3", {}, 206, b"h", "bytes 0-0/5"),
        *[(wanted, {}, 200, b"hello", None) for wanted in (*NOT_WHOLLY_IN_IT, "bytes=a-b")],
        ("bytes=3-9", STANDARD, 206, b"lo", "bytes 3-4/5"),
        ("bytes=-9", STANDARD, 206, b"hello", "bytes 0-4/5"),
        ("bytes=1-2", STANDARD, 206, b"el", "bytes 1-2/5"),
        ("bytes=5-6", STANDARD, 416, b"<Code>InvalidRange</Code>", None),
        ("bytes=5-", STANDARD, 416, b"<Code>InvalidRange</Code>", None),
    ],
)
def test_a_range_is_answered_with_its_bytes_or_all_of_them_or_refused(
    hello, oss_requests, wanted, more, status, body, content_range
):
    answer = oss_requests.send("GET", "a", headers={"Range": wanted, **more})
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, content_range)
    assert answer.content == body or (status == 416 and body in answer.content)
    assert answer.headers.get("ETag") == (f'"{ETAG}"' if status != 416 else None)


# Conditions, and the one that does not hold. Times are seconds before the object's own.
CONDITIONS = [
    ({"If-Match": ETAG}, 200, ""),
    ({"If-Match": f'"{ETAG}"'}, 200, ""),
    ({"If-Unmodified-Since": 0}, 200, ""),
    ({"If-None-Match": "0" * 32}, 200, ""),
    ({"If-Modified-Since": 1}, 200, ""),
    ({"If-Modified-Since": "yesterday", "If-Unmodified-Since": "yesterday"}, 200, ""),
    ({"If-Unmodified-Since": "Thu, 01 Jan 1998 00:00:00"}, 200, ""),  # of no zone, so no time
    ({"If-None-Match": ETAG}, 304, ""),
    ({"If-None-Match": f'"{ETAG}"'}, 304, ""),
    ({"If-Modified-Since": 0}, 304, ""),
    ({"If-Modified-Since": -1, "If-None-Match": "0" * 32}, 304, ""),
    ({"If-Match": "0" * 32}, 412, "If-Match"),
    ({"If-Match": ETAG.lower()}, 412, "If-Match"),
    ({"If-Unmodified-Since": 1}, 412, "If-Unmodified-Since"),
    ({"If-Unmodified-Since": 1, "If-Match": ETAG}, 412, "If-Unmodified-Since"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("given", "status", "named"), CONDITIONS)
def test_conditions_decide_whether_an_object_is_sent_and_one_that_does_not_hold_is_named(
    hello, oss_requests, method, given, status, named
):
    headers = {name: ago(hello, value) if isinstance(value, int) else value for name, value in given.items()}
    answer = oss_requests.send(method, "a", headers=headers)
    assert answer.status_code == status
    assert status == 412 or answer.headers["ETag"] == f'"{ETAG}"'
    if method == "GET" and named:
        assert "<Code>PreconditionFailed</Code>" in answer.text
        assert f"<Condition>{named}</Condition>" in answer.text


def test_an_archived_object_is_told_of_and_not_read(box, photos, refused):
    box.oss.fill("photos", ["a"], 5, storage_class="Archive")
    assert photos.head_object("a").headers["x-oss-storage-class"] == "Archive"
    assert [one.storage_class for one in photos.list_objects().object_list] == ["Archive"]
    assert refused(lambda: photos.get_object("a")) == (403, "InvalidObjectState")
