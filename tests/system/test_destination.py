"""Listing and reading the destination, over sockets."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
from oss_oms_sync.clouds.obs_answers import ObsError
from oss_oms_sync.clouds.pool import CallPool
from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.instance import Instance
from support.law import HOSTILE

# No key in OSS begins with a slash, but in OBS it may.
KEYS = [*HOSTILE, "/lead", "//lead", "a//b/", "a/./b", "..", "~"]


@pytest.fixture
def bucket(box: Sandbox) -> ObsBucket:
    return Instance(box).destination()


@pytest.fixture
def named_bucket(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ObsBucket:
    """The same bucket at its host name, which leads to this machine."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *details, **more: resolve("127.0.0.1", *details, **more))
    endpoint = f"http://obs.cn-north-4.myhuaweicloud.com:{urlsplit(box.obs.endpoint).port}"
    client = ObsClient(Instance(box).settings, CallPool(), Clock())
    return ObsBucket(client, box.destination_bucket, endpoint, Deadline(60, Clock()))


@pytest.fixture(params=["bucket", "named_bucket"])
def either(request: pytest.FixtureRequest) -> ObsBucket:
    """At an IP address and at its host name."""
    return request.getfixturevalue(request.param)


def test_every_object_is_listed_once_in_byte_order_page_by_page(box, either):
    names = {f"p/{number:04}" for number in range(2003)} | {f"p/{key[:300]}" for key in KEYS}
    box.obs.fill(box.destination_bucket, [*names, "outside"])

    with either.pages("p/") as pages:
        found = [page.objects for page in pages]

    assert [len(objects) for objects in found] == [1000, 1000, len(names) - 2000]
    assert [one.name for objects in found for one in objects] == sorted(names, key=str.encode)


def test_a_listing_begins_after_a_name_that_need_not_exist(box, either):
    box.obs.fill(box.destination_bucket, ["a", "b", "d"])
    assert [one.name for one in either.list_page("", "c").objects] == ["d"]


def test_an_object_of_any_key_is_read(box, either):
    for key in KEYS:
        stored = box.obs.put(box.destination_bucket, key, b"hello")

        head, part = either.head(key), either.read(key, 1, 3)

        assert (head.size, head.etag, head.modified) == (5, stored.etag.upper(), int(stored.last_modified))
        assert (part.body, part.head) == (b"ell", head)
        assert either.head(f"{key}x") is None


def test_a_listing_tells_the_same_as_head(box, bucket):
    bucket_of_box = box.obs.bucket(box.destination_bucket)
    box.obs.put(box.destination_bucket, "parts", b"x" * 9, part_size=4)
    bucket_of_box.encrypted = True
    bucket_of_box.crc64_header = "x-obs-checksum-crc64ecma"
    box.obs.put(box.destination_bucket, "whole", b"hello")

    objects = list(bucket.iter_objects(""))
    heads = bucket.try_head_all([one.name for one in objects])

    told = [(head.etag, head.size, head.modified) for head in heads]
    assert told == [(one.etag, one.size, one.modified) for one in objects]
    assert objects[0].etag.endswith("-3")
    assert [head.encryption for head in heads] == ["", "kms"]
    assert all(head.crc64 for head in heads)


def test_an_empty_object_is_read(box, bucket):
    box.obs.put(box.destination_bucket, "empty", b"")
    assert bucket.read("empty").body == b""


def test_temporary_keys_are_accepted(box):
    box.obs.add_credentials("TEMPORARY", "secret", "token")
    box.oms.add_credentials("TEMPORARY", "secret", "token")
    box.huawei_credentials = ("TEMPORARY", "secret")
    instance = Instance(box, HW_SECURITY_TOKEN="token")
    assert instance.destination().list_page("", "").objects == []


def test_each_refusal_says_what_to_do(box, bucket):
    def code(call):
        with pytest.raises(ObsError) as caught:
            call()
        return caught.value.code

    box.obs.deny("obs:bucket:ListBucket")
    assert code(lambda: bucket.list_page("", "")) == "AccessDenied"
    box.obs.clock_offset = 3600
    assert code(lambda: bucket.list_page("", "")) == "RequestTimeTooSkewed"
    box.obs.clock_offset = 0
    box.obs.create_bucket(box.destination_bucket, region="cn-east-3")
    assert code(lambda: bucket.list_page("", "")) == "Redirect"
    box.obs.remove_credentials(box.huawei_credentials[0])
    assert code(lambda: bucket.list_page("", "")) == "InvalidAccessKeyId"


def test_a_listing_that_repeats_itself_for_ever_ends_with_an_error(box, bucket):
    box.obs.fill(box.destination_bucket, (f"{number:04}" for number in range(1001)))
    box.obs.repeats_pages = True
    with pytest.raises(ObsError, match="repeats itself or is not sorted"):
        list(bucket.iter_objects(""))
    assert len(box.obs.requests) <= 4


def test_throttling_by_delay_and_by_429_is_sat_out(box, bucket):
    box.obs.fill(box.destination_bucket, ["a"])
    box.obs.delay(50)
    box.obs.faults.add(Fault.status(429), times=1)
    assert [one.name for one in bucket.iter_objects("")] == ["a"]


@pytest.mark.parametrize("fault", [Fault.hang(), Fault.drip(), Fault.drop_before()], ids=lambda fault: fault.kind)
def test_an_obs_that_never_answers_is_given_up_in_time(box, fault):
    destination = Instance(box).destination(seconds=0.5)
    box.obs.faults.add(fault)
    with pytest.raises(ObsError) as caught:
        destination.list_page("", "")
    assert caught.value.code == "Network"


@pytest.mark.parametrize("fault", [Fault.drop_before(), Fault.drop_after()], ids=lambda fault: fault.kind)
def test_a_lost_connection_is_made_again(box, bucket, fault):
    box.obs.fill(box.destination_bucket, ["a"])
    box.obs.faults.add(fault, times=1)
    assert [one.name for one in bucket.iter_objects("")] == ["a"]


def test_the_next_call_goes_over_the_same_connection(box, bucket):
    box.obs.put(box.destination_bucket, "a", b"hello")
    for _ in range(3):
        bucket.head("a")
        bucket.head("missing")
        bucket.read("a")
        bucket.list_page("", "")
    assert box.obs.connections == 1
