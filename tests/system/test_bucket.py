"""Reading, listing and deleting in a bucket, over sockets and through oss2."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.oss import OssBucket
from sandbox import Sandbox
from support.instance import Instance
from support.law import HOSTILE


@pytest.fixture
def bucket(box: Sandbox) -> OssBucket:
    return Instance(box).invocation().log_bucket


def test_what_is_written_is_read_back_with_its_headers(bucket):
    bucket.put(StoredObject("a b", b"body", {"x-oss-meta-etag": "ABC"}))
    (found,) = bucket.try_get_all(["a b"])
    assert (found.name, found.body, found.headers["x-oss-meta-etag"]) == ("a b", b"body", "ABC")
    assert bucket.get("a b") == b"body"


def test_pages_hold_a_thousand_names_in_byte_order_whatever_the_names(bucket, box):
    names = [f"p/{number:04}" for number in range(1003 - len(HOSTILE))] + [f"p/{key[:300]}" for key in HOSTILE]
    for name in [*names, "outside"]:
        box.oss.put(box.log_bucket, name, b"x")
    first = bucket.list_page("p/", "")
    second = bucket.list_page("p/", first.objects[-1].name)
    assert (len(first.objects), first.more, second.more) == (1000, True, False)
    assert [one.name for one in first.objects + second.objects] == sorted(names, key=str.encode)
    stored = box.oss.objects(box.log_bucket)["p/0000"]
    assert ObjectSummary("p/0000", stored.etag, 1, stored.last_modified) in first.objects


def test_deleting_takes_one_call_a_thousand_and_one_for_each_name_not_fit_for_xml(bucket, box):
    # GIVEN names that XML carries, and some that it does not: control characters, a carriage return, U+FFFE
    plain, single = [f"k{number}" for number in range(1500)], ["a\x01", "b\rc", "d\ufffe"]
    for name in [*plain, *single, "a\x01not"]:
        box.oss.put(box.log_bucket, name, b"x")
    box.oss.requests.clear()

    # WHEN all but one are deleted
    results = bucket.try_delete_all([*plain, *single])

    # THEN they are gone, in two calls and three
    assert set(results.values()) == {None}
    assert list(box.oss.objects(box.log_bucket)) == ["a\x01not"]
    assert [request.method for request in box.oss.requests].count("POST") == 2
    assert [request.method for request in box.oss.requests].count("DELETE") == 3
