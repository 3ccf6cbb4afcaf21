"""Listing and reading the destination, over sockets."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
from oss_oms_sync.clouds.pool import CallPool
from sandbox import Sandbox
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
