"""What doctor says of OSS, both buckets and the role."""

import pytest

from sandbox.server.faults import Fault
from support.doctor import states, the_check


def test_a_function_without_a_role_is_told_so(box, handler):
    assert states(handler(box, box.environment(), ("", "", "")), "fault") == ["role"]


def test_a_service_that_is_down_is_not_called_a_wrong_bucket(box, handler):
    box.oss.faults.add(Fault.status(503, headers={"Retry-After": "60"}), where=lambda r: "authorization" in r.headers)
    assert states(handler(box, box.environment()), "fault") == ["OSS answers"]


def test_without_a_source_bucket_reconciles_checks_are_skipped(box, handler):
    report = handler(box, {**box.environment(), "SOURCE_BUCKET": ""})
    assert report["ok"]
    assert states(report, "unknown") == []
    assert {"source bucket", "right to list source bucket", "records flow"} <= set(states(report, "skipped"))


RECORDS = "oms_source_record/"
# Which objects the project is about, what is in the source bucket, and what doctor says of it.
SOURCE = {
    "nothing": ({}, [], "ok"),
    "objects that look like records": ({}, [f"{RECORDS}a"], "fault"),
    "more of them than a page": ({}, [f"{RECORDS}{number}" for number in range(1001)], "fault"),
    "a prefix of theirs": ({"OBJECT_PREFIX": "oms_"}, [f"{RECORDS}a"], "fault"),
    "a prefix among them": ({"OBJECT_PREFIX": f"{RECORDS}a"}, [f"{RECORDS}ab"], "fault"),
    "another prefix": ({"OBJECT_PREFIX": "photos/"}, [f"{RECORDS}a"], "ok"),
    "another suffix": ({"OBJECT_SUFFIX": ".jpg"}, [f"{RECORDS}a"], "ok"),
    "a suffix that the first thousand do not have": (
        {"OBJECT_SUFFIX": ".jpg"},
        [f"{RECORDS}{number}" for number in range(1001)],
        "unknown",
    ),
}


@pytest.mark.parametrize("what", SOURCE)
def test_objects_of_the_source_that_are_never_forwarded_are_a_fault(box, handler, what):
    environment, keys, state = SOURCE[what]
    box.oss.fill(box.source_bucket, keys)
    report = handler(box, {**box.environment(), **environment})
    assert states(report, "fault", "unknown") == (["source names"] if state != "ok" else [])
    check = the_check(report, "source names")
    assert (check["state"], "vars.objectPrefix" in check["fix"]) == (state, state != "ok")


@pytest.mark.parametrize("prefix", ["", "photos/"])
@pytest.mark.parametrize(("age", "state"), [(3600, "ok"), (90_000, "fault")])
def test_what_a_canary_has_left_for_over_a_day_is_a_fault(box, handler, prefix, age, state):
    box.oss.fill(box.source_bucket, [f"{prefix}.oss-oms-sync-canary/run/small"], age=age)
    report = handler(box, {**box.environment(), "OBJECT_PREFIX": prefix})
    check = the_check(report, "canaries")
    assert (check["state"], "ops.py canary --remove" in check["fix"]) == (state, state == "fault")


def test_a_log_bucket_that_fails_between_is_told_as_what_it_says(box, handler):
    box.oss.faults.add(Fault.status(500), where=lambda request: request.method == "PUT")
    report = handler(box, box.environment())
    assert states(report, "fault") == ["right to write records"]


def test_a_log_bucket_whose_etags_are_not_md5_is_named(box, handler):
    box.oss.encrypt(box.log_bucket)
    report = handler(box, box.environment())
    assert states(report, "fault") == ["record ETag"]


def test_a_listing_that_lacks_what_was_just_written_is_not_taken_for_a_right_one(box, handler):
    empty = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
    answer = Fault.status(200, empty, {"x-oss-request-id": "5D12"})
    box.oss.faults.add(answer, where=lambda request: "/doctor/" in request.params.get("prefix", ""))
    report = handler(box, box.environment())
    assert not report["ok"]
    assert states(report, "unknown") == ["record ETag"]
