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


@pytest.mark.parametrize("fault", [Fault.hang(), Fault.drip()], ids=lambda fault: fault.kind)
def test_an_obs_that_never_answers_is_given_up_in_time(box, fault):
    destination = Instance(box).destination(seconds=0.5)
    box.obs.faults.add(fault)
    with pytest.raises(ObsError) as caught:
        destination.list_page("", "")
    assert caught.value.code == "Network"


def test_the_next_call_goes_over_the_same_connection(box, bucket):
    box.obs.put(box.destination_bucket, "a", b"hello")
    for _ in range(3):
        bucket.head("a")
        bucket.head("missing")
        bucket.read("a")
        bucket.list_page("", "")
    assert box.obs.connections == 1
