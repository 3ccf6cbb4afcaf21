"""Reading, listing and deleting in a bucket, over sockets and through oss2."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure, StoredObject
from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.errors import StorageError
from sandbox import Sandbox
from sandbox.server.faults import Fault
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


def test_what_does_not_exist_is_none_and_any_other_answer_an_error(bucket, box):
    assert bucket.get("nothing") is None
    box.oss.faults.add(Fault.status(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"))
    with pytest.raises(StorageError, match="lacks oss:GetObject on photos-oms-log"):
        bucket.get("nothing")
    with pytest.raises(StorageError, match="lacks oss:ListObjects"):
        bucket.list_page("", "")
    with pytest.raises(StorageError, match="lacks oss:PutObject"):
        bucket.put(StoredObject("a", b""))


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


def test_the_first_name_after_another_is_all_that_is_asked_for(bucket, box):
    for name in ("p/a", "p/b\r", "q"):
        box.oss.put(box.log_bucket, name, b"x")
    assert [bucket.first_name("p/", after) for after in ("", "p/a", "p/b\r")] == ["p/a", "p/b\r", ""]
    assert {request.params["max-keys"] for request in box.oss.requests} == {"1"}


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


def test_a_delete_whose_answer_is_lost_is_not_retried_and_differs_from_a_refused_one(bucket, box):
    box.oss.put(box.log_bucket, "a", b"x")
    box.oss.faults.add(Fault.drop_after(), times=1)
    assert not bucket.try_delete_all(["a"])["a"].answered
    assert len(box.oss.requests) == 1
    refusal = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    box.oss.faults.add(Fault.status(403, refusal, {"x-oss-request-id": "5D12"}), times=1)
    assert bucket.try_delete_all(["a"])["a"].answered


def test_a_name_that_oss_does_not_confirm_is_not_taken_for_deleted(bucket, box):
    body = b"<DeleteResult><Deleted><Key>other</Key></Deleted></DeleteResult>"
    box.oss.faults.add(Fault.status(200, body, {"x-oss-request-id": "5D12"}), times=1)
    assert bucket.try_delete_all(["a"])["a"] == StorageFailure("OSS did not confirm it", answered=False)


@pytest.mark.parametrize(("status", "calls"), [(500, 1), (502, 1), (503, 1), (504, 1), (429, 2)])
def test_a_delete_is_not_repeated_after_an_answer_that_leaves_open_whether_it_lands(bucket, box, status, calls):
    box.oss.put(box.log_bucket, "a", b"x")
    box.oss.faults.add(Fault.status(status), times=1)
    problem = bucket.try_delete_all(["a"])["a"]
    assert len(box.oss.requests) == calls
    assert (problem is None) == (status == 429)
    assert problem is None or not problem.answered
