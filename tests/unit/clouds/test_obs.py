"""OBS's bucket: where it is, what is retried, how long, and what the caller hears."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObjectPart
from oss_oms_sync.clouds.obs_errors import ObsError
from support.fake_clouds import DRIP, DROP_AFTER, DROP_BEFORE, ENVIRONMENT, HANG, PAGE, REDIRECTS
from support.fake_obs import HEAD, NEW_YEAR, ObsWorld, page, refusal

HELLO = ObjectHead(5, "5D41402ABC4B2A76B9719D911017C592", NEW_YEAR, None, "")


@pytest.fixture
def world() -> ObsWorld:
    return ObsWorld()


def error_of(call) -> ObsError:
    with pytest.raises(ObsError) as caught:
        call()
    return caught.value


def names(world: ObsWorld) -> list[str]:
    return [one.name for one in world.bucket().iter_objects("")]


def markers(world: ObsWorld) -> list[str]:
    """After which names pages were asked for."""
    return [parse_qs(urlsplit(url).query, keep_blank_values=True)["marker"][0] for url in world.obs.urls]


# Where the bucket is


@pytest.mark.parametrize(
    ("endpoint", "region", "url"),
    [
        ("", "cn-north-4", "https://photos-obs.obs.cn-north-4.myhuaweicloud.com/"),
        ("", "cn-east-3", "https://photos-obs.obs.cn-east-3.myhuaweicloud.com/"),
        ("https://obs.example.com", "cn-north-4", "https://photos-obs.obs.example.com/"),
        ("obs.example.com:8443", "", "https://photos-obs.obs.example.com:8443/"),
        ("http://127.0.0.1:9000", "", "http://127.0.0.1:9000/photos-obs"),
    ],
)
def test_the_bucket_is_in_the_host_name_or_at_an_ip_address_in_the_path(endpoint, region, url):
    world = ObsWorld(OBS_ENDPOINT=endpoint)
    world.bucket(region=region).list_page("", "")
    assert world.obs.urls[0].partition("?")[0] == url


@pytest.mark.parametrize("region", ["", "cn-north-4.evil.example/", "cn_north", "CN-NORTH-4", "x@evil.example"])
def test_a_region_that_is_none_is_no_host(world, region):
    error = error_of(lambda: world.bucket(region=region))
    assert "Check the destination of the sync task" in str(error)
    assert error.fix.zh.startswith("请在 OMS 控制台检查同步任务的目的端")


@pytest.mark.parametrize("name", ["", "a", "UPPER", "a/b", "evil.example/", "a@b.c", "-abc"])
def test_a_bucket_name_that_is_none_is_no_host(world, name):
    assert error_of(lambda: world.bucket(name=name)).code == "NoDestination"


@pytest.mark.parametrize("key", ["/lead", "a//b", "../..//./x", "a b+c%2F~", "山/🎉", "?x#y"])
def test_a_hostile_key_stays_as_it_is_in_the_url(world, key):
    world.obs.schedule = [(200, HEAD, "")]
    assert world.bucket().head(key) == HELLO
    path = world.obs.urls[0].removeprefix("https://photos-obs.obs.cn-north-4.myhuaweicloud.com/")
    assert re.fullmatch(r"[A-Za-z0-9/~._%-]+", path)
    assert unquote(path) == key


def test_a_page_asks_for_keys_behind_a_name_in_url_encoding(world):
    world.bucket().list_page("p/", "p/a b")
    query = parse_qs(urlsplit(world.obs.urls[0]).query)
    assert query == {"prefix": ["p/"], "marker": ["p/a b"], "max-keys": ["1000"], "encoding-type": ["url"]}
    assert "marker=p%2Fa%20b" in world.obs.urls[0], "no plus, which some take for itself"


def test_temporary_keys_are_sent_with_their_token():
    world = ObsWorld(HW_SECURITY_TOKEN="FAKETOKEN")
    world.bucket().list_page("", "")
    headers = world.obs.requests[0].headers
    assert headers["x-obs-security-token"] == "FAKETOKEN"
    assert headers["Authorization"].startswith(f"OBS {ENVIRONMENT['HW_AK']}:")


# Listing


def test_pages_are_listed_by_the_last_decoded_key(world):
    world.obs.schedule = [page("a", "b +%é", more=True), page("c", more=True), page("d")]
    assert names(world) == ["a", "b +%é", "c", "d"]
    assert markers(world) == ["", "b +%é", "c"]


def test_an_object_in_a_listing_has_its_etag_in_the_form_of_oss_and_whole_seconds(world):
    world.obs.schedule = [page("a")]
    assert list(world.bucket().iter_objects("")) == [ObjectSummary("a", "AB", 1, NEW_YEAR, "Normal")]


@pytest.mark.parametrize(
    "pages",
    [
        [page("a", "b", more=True)] * 9,  # as parallel file systems were seen to do
        [page("b", "a")],
        [page("a", "a")],
        [page("🎉", "\ufffd")],  # in the order of UTF-16
        [page("a", more=True), page(more=True)],
        [page(more=True)],
        [page("b", more=True), page("a")],
    ],
    ids=["for ever", "falling", "twice", "utf-16", "empty", "empty at once", "back"],
)
def test_a_listing_that_does_not_go_on_in_order_is_an_error_that_says_so(world, pages):
    world.obs.schedule = [*pages, *([pages[-1]] * 9)]
    error = error_of(lambda: names(world))
    assert error.code == "OutOfOrder"
    assert "repeats itself or is not sorted" in error.fix.en
    assert "并行文件系统" in error.fix.zh
    assert len(world.obs.urls) <= 5
    world.obs.schedule = [pages[-1]] * 9
    assert error_of(lambda: world.bucket().list_page("", "b")).code == "OutOfOrder"


@pytest.mark.parametrize("nonsense", [PAGE, (200, {}, ""), (200, {}, "<ListBucketResult/>"), refusal(200, "a")])
def test_nonsense_is_tried_again_and_then_an_error(world, nonsense):
    world.obs.schedule = [nonsense, page("a")]
    assert names(world) == ["a"]
    world.obs.schedule = [nonsense] * 20
    error = error_of(lambda: names(world))
    assert error.code == "NotObs"
    assert "something other than OBS answered" in str(error)


def test_of_a_huge_answer_no_more_is_read_than_of_the_longest_page(world):
    world.obs.schedule = [(200, {}, "x" * 20_000_000)] * 20
    error_of(lambda: world.bucket().list_page("", ""))
    world.obs.schedule = [(403, {}, "x" * 1_000_000)]
    error_of(lambda: world.bucket().list_page("", ""))
    *long, short = [body.tell() for body in world.obs.bodies]
    assert max(long) <= 16 * 1024 * 1024 + 1
    assert short <= 64 * 1024 + 1


# What is retried


@pytest.mark.parametrize("fault", [408, 409, 429, 500, 502, 503, 504, DROP_BEFORE, DROP_AFTER, HANG])
def test_a_passing_fault_is_retried(world, fault):
    world.obs.schedule = [fault, page("a")]
    assert names(world) == ["a"]
    world.obs.schedule = [fault, (200, HEAD, "")]
    assert world.bucket().head("a") == HELLO


@pytest.mark.parametrize(
    ("fault", "code", "fix"),
    [
        (429, "Throttled", "OBS received too many requests"),
        (503, "Throttled", "OBS received too many requests"),
        (500, "Unavailable", "OBS returned a server error"),
        (HANG, "Network", "the function's internet access"),
        (DRIP, "Network", "the function's internet access"),
        (DROP_BEFORE, "Network", "the function's internet access"),
    ],
)
def test_what_lasts_ends_by_the_deadline_and_says_what_to_do(world, fault, code, fix):
    world.obs.schedule = [fault] * 1000
    error = error_of(lambda: world.bucket(seconds=7).list_page("", ""))
    assert (error.code, fix in str(error)) == (code, True)
    assert world.clock.seconds <= 7


def test_nothing_is_asked_after_the_deadline(world):
    error = error_of(lambda: world.bucket(seconds=0).list_page("", ""))
    assert error.code == "Deadline"
    assert world.obs.urls == []


def test_a_throttled_call_waits_as_long_as_obs_asks(world):
    world.obs.schedule = [(429, {"Retry-After": "2"}, ""), page("a")]
    assert names(world) == ["a"]
    assert world.clock.seconds >= 2


def test_a_throttled_call_does_not_wait_for_long(world):
    world.obs.schedule = [(429, {"Retry-After": "10"}, ""), page("a")]
    assert error_of(lambda: names(world)).code == "Throttled"
    assert world.clock.seconds < 1


# What is refused


@pytest.mark.parametrize(
    ("status", "code", "fix", "fix_zh"),
    [
        (403, "AccessDenied", "obs:bucket:ListBucket on the bucket photos-obs", "obs:bucket:ListBucket"),
        (403, "InvalidAccessKeyId", "Check HW_AK and HW_SK", "HW_AK"),
        (403, "SignatureDoesNotMatch", "Check HW_AK and HW_SK", "HW_AK"),
        (403, "RequestTimeTooSkewed", "the clock of the function instance", "系统时钟"),
        (403, "VirtualHostDomainRequired", "Set OBS_ENDPOINT", "OBS_ENDPOINT"),
        (404, "NoSuchBucket", "OBS has no bucket photos-obs in that region", "没有桶 photos-obs"),
        (400, "SomethingNew", "See OBS's error code", "错误码"),
    ],
)
def test_a_refusal_is_not_retried_and_says_in_both_languages_what_to_do(world, status, code, fix, fix_zh):
    world.obs.schedule = [refusal(status, code)] * 9
    error = error_of(lambda: world.bucket().list_page("", ""))
    assert error.code == code
    assert fix in error.fix.en
    assert str(error).startswith(error.fix.en)
    assert f"OBS answered {status} {code}: no" in str(error)
    assert fix_zh in error.fix.zh
    assert len(world.obs.schedule) == 8


def test_the_right_that_reading_objects_takes_is_another_one(world):
    world.obs.schedule = [refusal(403, "AccessDenied"), (403, {}, "")]
    for call in (world.bucket().read, world.bucket().head):
        assert "obs:object:GetObject" in error_of(lambda call=call: call("a")).fix.en


@pytest.mark.parametrize("redirect", [*REDIRECTS, (307, {"Location": "https://b.obs.cn-east-3.example/?marker=x"}, "")])
def test_no_redirect_is_followed_and_the_error_names_it(world, redirect):
    world.obs.schedule = [redirect] * 9
    error = error_of(lambda: world.bucket().list_page("", ""))
    assert error.code == "Redirect"
    assert "OBS_ENDPOINT" in error.fix.en
    assert "marker" not in str(error)
    assert len(world.obs.urls) == 1


def test_what_is_said_shows_no_secret():
    world = ObsWorld(HW_SECURITY_TOKEN="FAKETOKEN")
    secret = ENVIRONMENT["HW_SK"]
    world.obs.schedule = [refusal(403, "X", f"x-obs-security-token: FAKETOKEN, {secret}")]
    error = error_of(lambda: world.bucket().list_page("", ""))
    assert "FAKETOKEN" not in str(error)
    assert secret not in str(error)


# Single objects


def test_head_tells_what_an_object_is(world):
    world.obs.schedule = [(200, {**HEAD, "x-obs-server-side-encryption": "kms"}, "")]
    assert world.bucket().head("a") == ObjectHead(5, HELLO.etag, NEW_YEAR, None, "kms")


@pytest.mark.parametrize("header", ["x-obs-checksum-crc64ecma", "x-obs-hash-crc64ecma"])
@pytest.mark.parametrize(("value", "crc64"), [("11051210869376104954", 11051210869376104954), ("", None), ("x", None)])
def test_a_crc64_is_read_by_either_name(world, header, value, crc64):
    world.obs.schedule = [(200, {**HEAD, header: value}, "")]
    assert world.bucket().head("a").crc64 == crc64


def test_objects_are_asked_for_side_by_side_and_each_has_its_own_answer(world):
    world.obs.schedule = [(200, HEAD, ""), (404, {}, ""), (403, {}, "")]
    found, missing, refused = world.bucket().try_head_all(["a", "b", "c"])
    assert found == HELLO
    assert isinstance(missing, StorageFailure) and missing.code == "NoSuchKey"
    assert isinstance(refused, StorageFailure) and refused.code == "AccessDenied"


def test_an_object_that_does_not_exist_is_none(world):
    world.obs.schedule = [(404, {}, ""), refusal(404, "NoSuchKey")]
    assert world.bucket().head("a") is None
    assert world.bucket().read("a") is None


@pytest.mark.parametrize("lacks", ["ETag", "Last-Modified", "Content-Length"])
def test_an_answer_to_head_that_lacks_something_is_not_of_obs(world, lacks):
    world.obs.schedule = [(200, {name: value for name, value in HEAD.items() if name != lacks}, "")] * 9
    assert error_of(lambda: world.bucket().head("a")).code == "NotObs"


def part(content_range: str, body: str) -> tuple[int, dict[str, str], str]:
    return 206, {**HEAD, "Content-Length": str(len(body)), "Content-Range": content_range}, body


def test_a_range_is_read(world):
    world.obs.schedule = [part("bytes 1-3/5", "ell")]
    assert world.bucket().read("a", 1, 3) == ObjectPart(HELLO, 1, b"ell")
    assert world.obs.requests[0].headers["Range"] == "bytes=1-3"


def test_a_range_may_end_with_the_object(world):
    world.obs.schedule = [part("bytes 3-4/5", "lo")]
    assert world.bucket().read("a", 3, 100) == ObjectPart(HELLO, 3, b"lo")


def test_where_the_range_is_ignored_only_the_beginning_is_read(world):
    world.obs.schedule = [(200, {**HEAD, "Content-Length": "1000000"}, "x" * 1_000_000)]
    found = world.bucket().read("a", 0, 10)
    assert (found.body, found.head.size) == (b"x" * 10, 1_000_000)
    assert world.obs.bodies[0].tell() <= 11


@pytest.mark.parametrize(
    "answer",
    [
        part("bytes 0-2/5", "hel"),
        part("bytes 1-2/5", "el"),
        part("bytes 1-3/*", "ell"),
        part("", "ell"),
        (200, HEAD, "hello"),
        (206, HEAD, "hello"),
    ],
    ids=range(6),
)
def test_another_range_than_was_asked_for_is_never_taken_for_it(world, answer):
    world.obs.schedule = [answer] * 9
    assert error_of(lambda: world.bucket().read("a", 1, 3)).code == "NotObs"


def test_a_range_that_is_cut_off_is_read_again(world):
    cut = (206, {**HEAD, "Content-Length": "3", "Content-Range": "bytes 1-3/5"}, "el")
    world.obs.schedule = [cut, part("bytes 1-3/5", "ell")]
    assert world.bucket().read("a", 1, 3) == ObjectPart(HELLO, 1, b"ell")


def test_an_empty_object_is_read_though_it_has_no_range(world):
    world.obs.schedule = [refusal(416, "InvalidRange"), (200, {**HEAD, "Content-Length": "0"}, "")]
    found = world.bucket().read("a")
    assert (found.head.size, found.body) == (0, b"")


def test_a_range_behind_the_end_is_an_error(world):
    world.obs.schedule = [refusal(416, "InvalidRange")]
    assert error_of(lambda: world.bucket().read("a", 9, 1)).code == "InvalidRange"


def test_the_connection_is_kept_from_one_invocation_to_the_next(world):
    for _ in range(3):
        world.bucket().list_page("", "")
    assert world.obs.closed == 0
