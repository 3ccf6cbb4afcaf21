"""Requests to a bucket of OBS: the address, the retries and their limits, and the errors that callers receive."""

from __future__ import annotations

import re

import pytest
import requests

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import HeaderChange, ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObjectPart, ObsError
from oss_oms_sync.clouds.task import TaskInfo
from sandbox.inprocess.network import Adapter, Body
from sandbox.server.faults import Fault
from support.listing import NEW_YEAR, obs_listing
from support.world import DRIP, DROP_AFTER, DROP_BEFORE, HANG, PAGE, REDIRECTS, World

BEGAN = 1_767_312_000
HELLO = ObjectHead(5, "5D41402ABC4B2A76B9719D911017C592", BEGAN, "")
LISTED = ObjectSummary("a", HELLO.etag, 5, BEGAN, storage_class="STANDARD")
# The responses to HEAD and GET of an object of five bytes.
HEAD = {"ETag": f'"{HELLO.etag.lower()}"', "Last-Modified": "Fri, 02 Jan 2026 00:00:00 GMT", "Content-Length": "5"}


@pytest.fixture
def world() -> World:
    """Return simulated clouds with one object in the destination bucket."""
    world = World()
    world.destination.add(StoredObject("a", b"hello"))
    return world


def bucket(world: World, seconds: float = 30, region: str = "cn-north-4", name: str = "photos-obs") -> ObsBucket:
    """Return the destination bucket of a task, in a new invocation that ends after `seconds`."""
    task = TaskInfo.parse({"dst_region": region, "dst_bucket": name})
    return world.invocation().obs().bucket(task, Deadline(seconds, world.clock))


def error_of(call) -> ObsError:
    with pytest.raises(ObsError) as caught:
        call()
    return caught.value


def names(world: World) -> list[str]:
    return [listed_object.name for listed_object in bucket(world).iter_objects("")]


def refusal(status: int, code: str, message: str = "no") -> Fault:
    """Return a fault in which OBS refuses the request with this status and code."""
    return Fault.status(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


# The address of the bucket


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
def test_a_request_to_obs_has_its_bucket_in_the_host_name_or_the_path(mocker, endpoint, region, url):
    world, sent_requests = (
        World(OBS_ENDPOINT=endpoint),
        mocker.patch.object(Adapter, "send", side_effect=requests.Timeout),
    )
    error_of(lambda: bucket(world, region=region).list_page("", ""))
    assert sent_requests.call_args.args[0].url.partition("?")[0] == url


@pytest.mark.parametrize(
    "destination",
    [
        *(
            {"region": region}
            for region in ("", "cn-north-4.evil.example/", "cn_north", "CN-NORTH-4", "x@evil.example")
        ),
        *({"name": name} for name in ("", "a", "UPPER", "a/b", "evil.example/", "a@b.c", "-abc")),
    ],
    ids=str,
)
def test_an_obs_client_refuses_an_invalid_region_or_bucket_name(world, destination):
    error = error_of(lambda: bucket(world, **destination))
    assert str(error).startswith("Check the destination of the sync task")
    assert error.fix.zh.startswith("请在 OMS 控制台检查同步任务的目的端")


def test_an_obs_client_refuses_a_bucket_whose_name_has_a_period(world):
    assert "Use a destination bucket without a period" in str(error_of(lambda: bucket(world, name="photos.obs")))


@pytest.mark.parametrize("key", ["/lead", "a//b", "../..//./x", "a b+c%2F~", "山/🎉", "?x#y"])
def test_a_hostile_object_key_reaches_obs_unchanged(world, key):
    world.destination.add(StoredObject(key, b"hello"))
    assert bucket(world).head(key) == HELLO
    assert world.obs.actions[-1].key == key
    assert re.fullmatch(r"[A-Za-z0-9/~._%-]+", world.obs.requests[0].raw_path)


def test_an_obs_client_requests_listings_with_url_encoded_keys(world):
    bucket(world).list_page("p/", "p/a b")
    (request,) = world.obs.requests
    assert request.params == {"prefix": "p/", "marker": "p/a b", "max-keys": "1000", "encoding-type": "url"}
    assert "marker=p%2Fa%20b" in request.raw_query, "no plus, which some take for itself"


def test_an_obs_client_sends_the_token_of_temporary_access_keys():
    world = World(HW_SECURITY_TOKEN="FAKETOKEN")
    world.obs.add_credentials(*world.huawei_credentials, "FAKETOKEN")
    assert bucket(world).list_page("", "").objects == []


# Listing


def test_each_listing_page_of_obs_begins_after_the_last_decoded_key(world):
    keys = [f"b +%é {number:04}" for number in range(2500)]
    world.obs.fill(world.destination_bucket, keys)
    assert names(world) == ["a", *keys]
    assert [request.params["marker"] for request in world.obs.requests] == ["", keys[998], keys[1998]]


def test_a_listed_object_of_obs_has_its_etag_in_the_form_of_oss(world):
    world.advance(0.987)
    world.destination.add(StoredObject("a", b"hello"))
    assert list(bucket(world).iter_objects("")) == [LISTED]


def test_find_all_returns_none_for_a_missing_object(world):
    world.destination.add(StoredObject("bb", b""))
    assert bucket(world).find_all(["a", "b"]) == [LISTED, None]
    assert [request.params["max-keys"] for request in world.obs.requests] == ["1", "1"]


def obs_answer(*names: str, more: bool = False) -> Fault:
    """Return a fault in which OBS answers with a page of these objects."""
    return Fault.status(200, obs_listing([ObjectSummary(name, "AB", 1, NEW_YEAR) for name in names], more).encode())


@pytest.mark.parametrize(
    "pages",
    [
        [obs_answer("b", "a")],
        [obs_answer("a", "a")],
        [obs_answer("🎉", "\ufffd")],  # in the order of UTF-16
        [obs_answer("a", more=True), obs_answer(more=True)],
        [obs_answer(more=True)],
        [obs_answer("b", more=True), obs_answer("a")],
    ],
    ids=["a falling order", "a repeated key", "utf-16", "empty", "empty at once", "a page before the marker"],
)
def test_an_obs_client_refuses_a_listing_that_is_out_of_order(world, pages):
    world.obs.faults.then(*pages[:-1])
    world.obs.faults.add(pages[-1])
    error = error_of(lambda: names(world))
    assert error.code == "OutOfOrder"
    # The observed order of parallel file systems.
    assert "repeats itself or is not sorted" in error.fix.en
    assert "并行文件系统" in error.fix.zh
    assert len(world.obs.requests) <= 5
    assert error_of(lambda: bucket(world).list_page("", "b")).code == "OutOfOrder"


@pytest.mark.parametrize(
    "nonsense", [PAGE, Fault.status(200), Fault.status(200, b"<ListBucketResult/>"), refusal(200, "a")]
)
def test_an_obs_client_retries_a_malformed_response_and_then_raises(world, nonsense):
    for list_objects in (lambda: bucket(world).iter_objects(""), lambda: bucket(world).list_page("", "").objects):
        world.obs.faults.then(nonsense)
        assert [listed_object.name for listed_object in list_objects()] == ["a"]
    world.obs.faults.add(nonsense)
    assert "another service answered instead of OBS" in str(error_of(lambda: names(world)))


def test_an_obs_client_reads_a_huge_response_only_up_to_a_limit(world, mocker):
    read = mocker.spy(Body, "read")
    for status, most in ((200, 16 * 1024 * 1024), (403, 64 * 1024)):
        world.obs.faults.add(Fault.status(status, b"x" * 20_000_000))
        error_of(lambda: bucket(world).list_page("", ""))
        assert read.call_args.args[1] == most + 1
        world.obs.faults.clear()


# Retries


@pytest.mark.parametrize(
    "fault", [*map(Fault.status, (408, 409, 429, 500, 502, 503, 504)), DROP_BEFORE, DROP_AFTER, HANG]
)
def test_an_obs_client_retries_a_request_after_a_temporary_fault(world, fault):
    for ask, answer in ((names, ["a"]), (lambda world: bucket(world).head("a"), HELLO)):
        world.obs.faults.then(fault)
        assert ask(world) == answer


@pytest.mark.parametrize(
    ("fault", "code", "fix"),
    [
        (Fault.status(429), "Throttled", "OBS received too many requests"),
        (Fault.status(503), "Throttled", "OBS received too many requests"),
        (Fault.status(500), "Unavailable", "OBS returned a server error"),
        (HANG, "Network", "the function's internet access"),
        (DRIP, "Network", "the function's internet access"),
        (DROP_BEFORE, "Network", "the function's internet access"),
    ],
)
def test_an_obs_client_retries_a_failure_only_until_the_deadline(world, fault, code, fix):
    world.obs.faults.add(fault)
    error = error_of(lambda: bucket(world, seconds=7).list_page("", ""))
    assert error.code == code
    assert fix in str(error)
    assert world.clock.seconds <= 7


def test_an_obs_client_limits_the_times_to_connect_and_to_read(world, mocker):
    sent_requests = mocker.spy(Adapter, "send")
    for seconds in (30, 2):
        bucket(world, seconds=seconds).head("a")
    assert [call.kwargs["timeout"] for call in sent_requests.call_args_list] == [(3.0, 10.0), (2.0, 2.0)]


def test_an_obs_client_waits_as_long_as_a_throttling_response_says(world):
    world.obs.faults.then(Fault.status(429, headers={"Retry-After": "2"}))
    assert names(world) == ["a"]
    assert world.clock.seconds >= 2


# Refusals


def _other_secret(world: World) -> None:
    world.obs.add_credentials(world.huawei_credentials[0], "another")


@pytest.mark.parametrize(
    ("status", "code", "refuse", "fix", "fix_zh"),
    [
        (
            403,
            "AccessDenied",
            lambda world: world.obs.deny("obs:bucket:ListBucket"),
            "obs:bucket:ListBucket on the bucket photos-obs",
            "obs:bucket:ListBucket",
        ),
        (
            403,
            "InvalidAccessKeyId",
            lambda world: world.obs.remove_credentials(world.huawei_credentials[0]),
            "Check HW_AK and HW_SK",
            "HW_AK",
        ),
        (403, "SignatureDoesNotMatch", _other_secret, "Check HW_AK and HW_SK", "HW_AK"),
        (
            403,
            "RequestTimeTooSkewed",
            lambda world: setattr(world.call_instance, "skew", 1000),
            "The function instance's clock",
            "系统时钟",
        ),
        (
            403,
            "VirtualHostDomainRequired",
            lambda world: world.obs.faults.then(refusal(403, "VirtualHostDomainRequired")),
            "Set OBS_ENDPOINT",
            "OBS_ENDPOINT",
        ),
        (
            404,
            "NoSuchBucket",
            lambda world: world.obs.remove_bucket("photos-obs"),
            "OBS has no bucket photos-obs in the task's region",
            "没有桶 photos-obs",
        ),
        (
            400,
            "SomethingNew",
            lambda world: world.obs.faults.then(refusal(400, "SomethingNew")),
            "Look up OBS's error code",
            "错误码",
        ),
    ],
)
def test_an_obs_client_does_not_retry_a_refused_request(world, status, code, refuse, fix, fix_zh):
    refuse(world)
    error = error_of(lambda: bucket(world).list_page("", ""))
    assert error.code == code
    assert len(world.obs.requests) == 1
    assert fix in error.fix.en
    assert str(error).startswith(error.fix.en)
    assert f"OBS answered {status} {code}: " in str(error)
    assert fix_zh in error.fix.zh


@pytest.mark.parametrize(
    ("right", "call"),
    [
        ("obs:object:GetObject", lambda bucket: bucket.read("a")),
        ("obs:object:GetObject", lambda bucket: bucket.head("a")),
        ("obs:bucket:HeadBucket", lambda bucket: bucket.is_file_system()),
    ],
)
def test_an_obs_client_names_the_permission_of_a_denied_request(world, right, call):
    world.obs.deny(right)
    assert f"{right} on the bucket photos-obs" in error_of(lambda: call(bucket(world))).fix.en


def test_an_obs_client_refuses_a_redirect_to_another_region(world):
    world.obs.create_bucket("photos-obs", "cn-east-3")
    error = error_of(lambda: bucket(world).list_page("", ""))
    assert "is in the destination region of the sync task" in error.fix.en
    assert str(error).endswith("a redirect to https://photos-obs.obs.cn-east-3.myhuaweicloud.com/)")
    assert len(world.obs.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_obs_client_does_not_attribute_an_unusual_refusal_to_obs(world, status):
    world.obs.faults.add(Fault.status(status, PAGE.body))
    for call in (lambda: bucket(world).list_page("", ""), lambda: bucket(world).head("a")):
        assert error_of(call).code == "NotObs"
    world.obs.faults.clear()
    world.obs.faults.then(Fault.status(status, PAGE.body))
    assert bucket(world).head("a") == HELLO


@pytest.mark.parametrize("redirect", [*REDIRECTS, Fault.status(304, headers={"Location": ""})])
def test_an_obs_client_follows_no_redirect_and_names_its_address(world, redirect):
    world.obs.faults.add(redirect)
    error = error_of(lambda: bucket(world).list_page("", ""))
    assert error.code == "Redirect"
    assert len(world.obs.requests) == 1
    assert "OBS_ENDPOINT" in error.fix.en
    assert redirect.headers["Location"] in str(error)


def test_the_errors_of_an_obs_client_show_no_secret():
    world = World(HW_SECURITY_TOKEN="FAKETOKEN")
    world.obs.faults.then(refusal(403, "X", f"x-obs-security-token: FAKETOKEN, {world.huawei_credentials[1]}"))
    assert "x-obs-security-token: ***, ***" in str(error_of(lambda: bucket(world).list_page("", "")))


# The bucket itself


@pytest.mark.parametrize("is_file_system", [True, False])
def test_an_obs_client_distinguishes_a_parallel_file_system_from_a_bucket(world, is_file_system):
    world.obs.bucket("photos-obs").is_file_system = is_file_system
    assert bucket(world).is_file_system() is is_file_system


# Single objects


def test_the_method_head_reads_the_properties_of_an_obs_object(world):
    obs_bucket = world.obs.bucket("photos-obs")
    obs_bucket.is_encrypted = obs_bucket.has_versions = True
    world.destination.add(StoredObject("kept", b"hello"))
    object_head = bucket(world).head("kept")
    assert object_head == ObjectHead(5, obs_bucket.objects["kept"].etag.upper(), BEGAN, "kms", object_head.version)
    assert object_head.version


def test_try_head_all_returns_a_result_for_each_object(world):
    world.obs.round_trip = 1.0
    world.obs.deny("obs:object:GetObject", "c".__eq__)
    head, *failures = bucket(world).try_head_all(["a", "b", "c"])
    assert head == HELLO
    assert [failure.code for failure in failures] == ["NoSuchKey", "AccessDenied"]
    assert world.clock.seconds == 1.0


def test_the_method_head_returns_none_for_a_missing_obs_object(world):
    assert bucket(world).head("b") is bucket(world).read("b") is None


@pytest.mark.parametrize("lacks", HEAD)
def test_an_obs_client_refuses_an_incomplete_head_response(world, lacks):
    world.obs.faults.add(Fault.status(200, headers={**HEAD, lacks: ""}))
    assert error_of(lambda: bucket(world).head("a")).code == "NotObs"


def part(content_range: str, body: bytes) -> Fault:
    return Fault.status(206, body, {**HEAD, "Content-Length": str(len(body)), "Content-Range": content_range})


@pytest.mark.parametrize(("start", "length", "body"), [(1, 3, b"ell"), (3, 100, b"lo"), (0, 5, b"hello")])
def test_the_method_read_reads_a_range_up_to_the_end_of_an_obs_object(world, start, length, body):
    assert bucket(world).read("a", start, length) == ObjectPart(HELLO, start, body)
    assert world.obs.requests[0].headers["range"] == f"bytes={start}-{start + length - 1}"


def test_an_obs_client_reads_only_the_requested_part_of_a_whole_response(world, mocker):
    read = mocker.spy(Body, "read")
    world.obs.faults.then(Fault.status(200, b"x" * 1_000_000, {**HEAD, "Content-Length": "1000000"}))
    object_part = bucket(world).read("a", 0, 10)
    assert object_part.body == b"x" * 10
    assert object_part.head.size == 1_000_000
    assert read.call_args.args[1] <= 11


@pytest.mark.parametrize(
    "answer",
    [
        part("bytes 0-2/5", b"hel"),
        part("bytes 1-2/5", b"el"),
        part("bytes 1-3/*", b"ell"),
        part("", b"ell"),
        Fault.status(200, b"hello", HEAD),
        Fault.status(206, b"hello", HEAD),
    ],
    ids=range(6),
)
def test_an_obs_client_refuses_a_response_with_another_range(world, answer):
    world.obs.faults.add(answer)
    assert error_of(lambda: bucket(world).read("a", 1, 3)).code == "NotObs"


def test_an_obs_client_reads_a_range_again_that_was_cut_off(world):
    world.obs.faults.then(Fault.status(206, b"el", {**HEAD, "Content-Length": "3", "Content-Range": "bytes 1-3/5"}))
    assert bucket(world).read("a", 1, 3) == ObjectPart(HELLO, 1, b"ell")


def test_an_obs_client_reads_an_empty_object(world):
    world.destination.add(StoredObject("empty", b""))
    assert bucket(world).read("empty") == ObjectPart(bucket(world).head("empty"), 0, b"")


def test_iter_contents_reads_an_obs_object_in_parts_of_one_version(world, mocker):
    mocker.patch("oss_oms_sync.clouds.bucket._PART_BYTES", 2)
    assert list(bucket(world).iter_contents(LISTED)) == [b"he", b"ll", b"o"]

    parts = bucket(world).iter_contents(LISTED)
    assert next(parts) == b"he"
    world.destination.add(StoredObject("a", b"hallo"))
    assert error_of(lambda: list(parts)).code == "PreconditionFailed"

    world.obs.delete("photos-obs", "a")
    assert error_of(lambda: list(bucket(world).iter_contents(LISTED))).code == "NoSuchKey"


# Changing headers


def change(world: World, seconds: int = 5, **details) -> bool | ObsError:
    """Change a header of the object by a URL that expires after `seconds`; return True, or the error."""
    expires = int(world.obs.now()) + seconds
    header_change = HeaderChange(
        **{"name": "a", "headers": {"Cache-Control": "no-cache"}, "expires": expires, **details}
    )
    (outcome,) = bucket(world).try_change_all([header_change])
    return outcome


def test_an_obs_client_changes_headers_by_a_url_that_expires(world):
    assert change(world) is True
    head = bucket(world).head("a")
    assert head == HELLO
    assert head.metadata["cache-control"] == "no-cache"
    assert head.at == int(world.obs.now())
    expired_change = change(world, -1, headers={"Cache-Control": "no-store"})
    assert (expired_change.code, bucket(world).head("a").metadata["cache-control"]) == ("AccessDenied", "no-cache")


def test_an_obs_client_changes_the_headers_of_the_named_version(world):
    obs_bucket = world.obs.bucket(world.destination_bucket)
    obs_bucket.has_versions = True
    first_version, _ = (obs_bucket.put("a", body, headers={"x-obs-meta-old": "1"}) for body in (b"hello", b"later"))
    assert change(world, version=first_version.version_id, replaces=True) is True
    assert obs_bucket.find_version("a", first_version.version_id).headers == {"cache-control": "no-cache"}
    assert obs_bucket.objects["a"].data == b"later"
    assert obs_bucket.objects["a"].headers == {"x-obs-meta-old": "1"}


@pytest.mark.parametrize(
    "fault",
    [DROP_BEFORE, DROP_AFTER, HANG, *REDIRECTS, PAGE, Fault.status(503), refusal(403, "SignatureDoesNotMatch")],
    ids=str,
)
def test_an_obs_client_sends_a_signed_url_once_and_logs_it_nowhere(world, caplog, fault):
    caplog.set_level(0)
    world.obs.faults.add(fault)
    error = world.within(lambda: change(world))
    (request,) = world.obs.requests
    assert isinstance(error, ObsError)
    shown_text = f"{error!r} {error} {error.fix.en} {caplog.text}"
    for name in ("Signature", "AccessKeyId", "Expires"):
        assert request.params[name] not in shown_text
