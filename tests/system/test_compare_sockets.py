"""Compare over sockets, in many processes, with objects of every object class."""

from __future__ import annotations

import hashlib
import json
import runpy
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox import Sandbox
from sandbox.obs.objects import ObsObject
from sandbox.oss.objects import OssObject, etag_of
from sandbox.server.faults import Fault
from support.names import obs_server, redirect_huawei_hosts

MINUTE, HOUR = 60, 3600
A, B = etag_of(b"A"), etag_of(b"B")
PARTS, OTHER_PARTS = f"{A}-2", f"{B}-3"
# An ETag that is not the MD5 of contents: of an upload by form, of a copy, of an encrypted object.
NO_MD5 = etag_of(b"a form")
APPENDED = A[:16]
# Ages: of the source's object, of the copy, of the record; in the future of each listing.
OLD, LATER, RECORDED, FUTURE = 4 * HOUR, 3 * HOUR, 2 * HOUR, -10 * MINUTE
JUST = 3 * MINUTE


class Version(NamedTuple):
    """A version of an object: ETag, size in bytes, age in seconds, and OSS's type of object."""

    etag: str = A
    size: int = 5
    age: float = OLD
    type: str = "Normal"


class Row(NamedTuple):
    """A row of the table ROWS: an object class, and the objects and records of a key that has this class.

    `accepted` is the success record's ETag and age, and `failed` the age of the failed record.
    """

    name: str
    source: Version | None = None
    copy: Version | None = None
    accepted: tuple[str, float] | None = None
    failed: float | None = None


COPY = Version(age=LATER)
WANTED = (A, RECORDED)
ROWS = [
    Row("equal_contents", Version(), COPY, WANTED),
    Row("equal_contents", Version(size=0), Version(size=0, age=LATER)),
    Row("equal_contents", Version(), COPY, WANTED, failed=RECORDED),  # replay has not looked at it yet
    Row("equal_contents", Version(), COPY, failed=FUTURE),
    Row("equal_contents", Version(), Version(age=OLD + HOUR), WANTED),  # OBS's clock, or the migration before
    Row("impossible", Version(type="Symlink")),
    Row("impossible", Version(type="Symlink", age=JUST), COPY, failed=RECORDED),
    Row("moving", Version(age=JUST)),
    Row("moving", Version(age=JUST), Version(age=JUST), (A, JUST)),
    Row("moving", Version(), None, (A, FUTURE)),
    Row("failed_before", Version(), None, None, failed=FUTURE),
    Row("moving", Version(), Version(B, 6, FUTURE), WANTED),
    Row("failed_before", Version(), None, None, failed=RECORDED),
    Row("failed_before", Version(), COPY._replace(size=6), WANTED, failed=RECORDED),
    Row("failed_before", Version(PARTS), Version(B, age=LATER), (PARTS, RECORDED), failed=OLD),  # the same second
    Row("in_flight", Version(), None, (A, JUST)),
    Row("in_flight", Version(), Version(B, 6, OLD + HOUR), (f"{A} again", JUST)),
    Row("missing", Version()),
    Row("missing", Version(), None, WANTED),
    Row("missing", Version(), None, (B, JUST)),  # another version was accepted
    Row("missing", Version(), None, (A, OLD + HOUR)),  # A, B, A: it was the first A that was accepted
    Row("missing", Version(), None, None, failed=OLD + HOUR),
    Row("missing", Version(APPENDED, type="Appendable"), None, (APPENDED, RECORDED)),
    Row("older", Version(), Version(B, age=OLD + HOUR)),
    Row("older", Version(B), Version(A, age=OLD + HOUR), (A, OLD + MINUTE)),  # the same size
    Row("older", Version(size=9), Version(A, age=OLD + HOUR), (A, RECORDED)),
    Row("older", Version(PARTS), Version(OTHER_PARTS, age=OLD + HOUR)),
    Row("overwritten", Version(), Version(B, 6, LATER), WANTED),
    Row("overwritten", Version(), Version(A, 0, LATER)),
    Row("suspicious", Version(), Version(B, age=LATER), WANTED),
    Row("suspicious", Version(NO_MD5), COPY, (NO_MD5, RECORDED)),  # by form, or a copy
    Row("suspicious", Version(), Version(NO_MD5, age=LATER), WANTED),  # encrypted in OBS
    Row("equal_version", Version(PARTS, type="Multipart"), COPY, (PARTS, RECORDED)),
    Row("equal_version", Version(APPENDED, type="Appendable"), COPY, (f"{APPENDED} again", RECORDED)),
    Row("equal_version", Version(PARTS, type="Multipart"), Version(PARTS, age=LATER), (PARTS, RECORDED)),
    Row("equal_version", Version(), Version(OTHER_PARTS, age=LATER), WANTED),
    Row("equal_size", Version(PARTS, type="Multipart"), COPY),
    Row("equal_size", Version(), Version(OTHER_PARTS, age=LATER), (A, OLD + HOUR)),
    Row("equal_size", Version(PARTS), Version(OTHER_PARTS, age=OLD), (B, RECORDED)),  # the same second
    Row("arriving", None, Version(age=JUST)),
    Row("arriving", None, Version(age=JUST), WANTED),
    Row("deleted_at_source", None, COPY, (A, RECORDED)),
    Row("deleted_at_source", None, COPY, (A, RECORDED), failed=RECORDED),
    Row("unknown", None, COPY),
    Row("unknown", None, COPY, failed=RECORDED),
    Row("orphan_records", None, None, WANTED),
    Row("orphan_records", None, None, None, failed=RECORDED),
    Row("orphan_records", None, None, WANTED, failed=RECORDED),
]
# Names that broke other tools; the number of the row makes each key unique.
SPECIAL = [
    "a b+{0}",
    "100%{0}%2F",
    "a&b=c?d#e{0}",
    "'\"`<>\\{0}",
    '"{0}',
    "tab\tline\nreturn\r\x01\x7f{0}",
    "山海/照片{0}.jpg",
    "\ufffd{0}",
    "\U0001f389{0}",  # after \ufffd, but before it in UTF-16
    "../..//./x{0}",
    f"{'海' * 320}{{0}}",
    f"{'k' * 1000}{{0}}",
    "oms/{0}",
    "oms/sync_task/{0}",
]
DUE = {"missing", "older"}


def class_of(key: str, row: Row) -> str:
    """Return the object class of a row's key; for one of OMS's own lists that is only in OBS, return oms_own."""
    is_own = row.name in ("arriving", "deleted_at_source", "unknown") and key.startswith("oms/sync_task/")
    return "oms_own" if is_own else row.name


def fill_buckets(box: Sandbox, number: int) -> dict[str, str]:
    """Fill the buckets with `number` keys, most of them with equal objects; return the class of each key."""
    classes = _put_milliseconds(box)
    for place, row in enumerate(ROWS):
        keys = [special.format(f"{place:02}") for special in SPECIAL]
        keys += [f"photos/{index:03}/{place:02}.jpg" for index in range(number // 400)]
        for key in keys:
            _put(box, key, row)
            classes[key] = class_of(key, row)
    in_step = [f"photos/{index // 700:03}/{index:06}.jpg" for index in range(number - len(classes))]
    box.oss.fill(box.source_bucket, in_step, 5, A, OLD)
    box.obs.fill(box.destination_bucket, in_step, 5, A.lower(), LATER)
    records = (f"oms_source_record/{box.task_id}/success_object/{key}" for key in in_step)
    box.oss.fill(box.log_bucket, records, 32, etag_of(A.encode()), RECORDED)
    classes.update(dict.fromkeys(in_step, "equal_contents"))
    return {key: name for key, name in classes.items() if name != "orphan_records"}


def _put(box: Sandbox, key: str, row: Row) -> None:
    now = box.oss.now()
    if row.source:
        etag, size, age, kind = row.source
        box.oss.buckets[box.source_bucket].objects[key] = OssObject(bytes(size), etag, int(now - age), {}, kind)
    if row.copy:
        etag, size, age, _ = row.copy
        box.obs.bucket(box.destination_bucket).objects[key] = ObsObject(bytes(size), etag.lower(), now - age)
    if row.accepted:
        _record(box, "success", key, row.accepted[0], now - row.accepted[1])
    if row.failed is not None:
        _record(box, "failed", key, json.dumps({"key": key, "reason": "UNAVAILABLE"}), now - row.failed)


def _record(box: Sandbox, kind: str, key: str, body: str, at: float) -> None:
    """Store the record of a key; a hash replaces a key that is too long for the record's name."""
    name, headers = f"oms_source_record/{box.task_id}/{kind}_object/{key}", {}
    if len(name.encode()) > 1023:
        name = f"oms_source_record/{box.task_id}/{kind}_object_long/{hashlib.sha256(key.encode()).hexdigest()}"
        if kind == "success":
            body, headers = key, {"x-oss-meta-etag": body}
    box.oss.buckets[box.log_bucket].objects[name] = OssObject(body.encode(), etag_of(body.encode()), int(at), headers)


def _put_milliseconds(box: Sandbox) -> dict[str, str]:
    """Store objects whose times differ by milliseconds, which OBS reports and OSS does not."""
    second = int(box.oss.now() - OLD)
    for key, at in (("millisecond later", second + 0.001), ("millisecond earlier", second - 0.001)):
        box.oss.buckets[box.source_bucket].objects[key] = OssObject(b"12345", PARTS, second)
        box.obs.bucket(box.destination_bucket).objects[key] = ObsObject(b"12345", A.lower(), at)
    return {"millisecond later": "equal_size", "millisecond earlier": "older"}


class CountCheck(NamedTuple):
    """The number, bytes and digest of objects in a bucket, computed without the project's code."""

    objects: int = 0
    bytes: int = 0
    digest: str = f"{0:064x}"

    @classmethod
    def of(cls, sizes: dict[str, int]) -> CountCheck:
        """Compute the counts of these keys and their sizes."""
        digests = (hashlib.sha256(key.encode() + b"\0" + str(size).encode()).digest() for key, size in sizes.items())
        total = sum(int.from_bytes(digest, "big") for digest in digests) % 2**256
        return cls(len(sizes), sum(sizes.values()), f"{total:064x}")


def sums(box: Sandbox, classes: dict[str, str]) -> dict[str, tuple[CountCheck, CountCheck, list[str]]]:
    """Return the counts of each class in the source and in OBS, and the first keys of each class."""
    sides = [
        {key: stored.size for key, stored in objects.items()}
        for objects in (box.oss.objects(box.source_bucket), box.obs.objects(box.destination_bucket))
    ]
    keys = sorted({*sides[0], *sides[1]}, key=lambda key: (classes[key], key))
    return {
        name: (*(CountCheck.of({key: side[key] for key in some if key in side}) for side in sides), some[:20])  # type: ignore[misc]
        for name, some in ((name, list(same)) for name, same in groupby(keys, classes.__getitem__))
    }


pytest.importorskip("obs", reason="esdk-obs-python is not installed")
TIMEOUT = 300
OMS_LISTS = "oms/sync_task/"
DIGESTS = Path(__file__).parents[2] / "template" / "digests.py"


def look(box: Sandbox, **options: Any) -> dict[str, Any]:
    answer = box.fc.invoke("compare", json.dumps({"look": True, **options}).encode())
    assert answer.outcome == "returned", answer
    return answer.value


@pytest.fixture
def vendor_digests(box, monkeypatch, capsys):
    """Return a function that runs digests.py, which lists a bucket by a vendor's SDK, and returns its output lines."""
    places = {"oss": (box.oss.endpoint, box.source_bucket), "obs": (obs_server(box), box.destination_bucket)}
    names = ("OSS_AK", "OSS_SK", "OBS_AK", "OBS_SK", "OSS_REGION")
    values = (*box.user_credentials, *box.huawei_credentials, box.region)

    def run(cloud: str, *words: str) -> list[str]:
        for name, value in zip(names, values, strict=True):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["digests.py", cloud, *places[cloud], *words])
        redirect_huawei_hosts(monkeypatch)
        runpy.run_path(str(DIGESTS), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run


def summary(totals: dict[str, Any]) -> str:
    return f"{totals['objects']} objects, {totals['bytes']} bytes, {totals['digest']}"


def test_the_count_script_counts_the_objects_of_a_certificate(box, vendor_digests):
    for key in ("a.jpg", "b.tmp", "oms_source_record/x/success_object/a.jpg"):
        box.obs.put(box.destination_bucket, key, b"x")
        box.oss.put(box.source_bucket, key, b"x")
    nothing, only = (summary(CountCheck.of(sizes)._asdict()) for sizes in ({}, {"a.jpg": 1}))
    of_obs = vendor_digests("obs", "--suffix", ".jpg")
    assert of_obs == [only, f"OMS's own lists: {nothing}", f"other objects: {only}"]
    assert vendor_digests("oss", "a", "--suffix=.jpg") == [only]
    box.obs.faults.add(Fault.status(403))
    with pytest.raises(SystemExit, match="photos-obs: 403 "):
        vendor_digests("obs")
    box.obs.faults.clear()
    box.obs.faults.add(Fault.status(200, b"<html><body>Please log in</body></html>"))
    with pytest.raises(SystemExit, match="not the page after ''"):
        vendor_digests("obs")


@pytest.mark.long
def test_compare_submits_each_object_whose_class_requires_it_over_sockets(box, deploy_lanes, vendor_digests):
    # GIVEN objects of every class, with every combination that matches several rows of the table
    classes = fill_buckets(box, 16_000)
    expected = sums(box, classes)
    copies = box.obs.objects(box.destination_bucket)
    in_lists = CountCheck.of({key: stored.size for key, stored in copies.items() if key.startswith(OMS_LISTS)})
    elsewhere = CountCheck.of({key: stored.size for key, stored in copies.items() if not key.startswith(OMS_LISTS)})
    (of_source,), of_destination = vendor_digests("oss"), vendor_digests("obs")
    deploy_lanes(4)
    box.task.lists.is_withheld = True  # or OMS would write lists while OBS is listed
    # A first pass splits a range after three seconds: three such pages on any machine, and one page ahead.
    box.obs.faults.add(Fault.slow(1), times=20)

    # WHEN a pass runs to its end
    box.tick("compare")
    box.wait_idle(TIMEOUT)
    answer = look(box)

    # THEN each object is in its class, with the sums and digests of a plain loop
    assert answer["finished"]
    classes_of_answer = {name: counts for name, counts in answer["classes"].items() if counts["keys"]}
    assert expected == {
        name: (
            *(CountCheck(**counts[side], digest=counts["digests"][side]) for side in ("source", "destination")),
            counts["keys"],
        )
        for name, counts in classes_of_answer.items()
    }
    assert answer["adds_up"]
    # AND the vendors' SDKs report the same digests of both buckets
    assert of_source == summary(answer["source"])
    assert of_destination == [
        summary(answer["destination"]),
        f"OMS's own lists: {summary(in_lists._asdict())}",
        f"other objects: {summary(elsewhere._asdict())}",
    ]
    # AND exactly the due objects are submitted, once
    due = {key for key, name in classes.items() if name in DUE}
    assert box.oms.accepted == Counter(due)
    assert answer["submitted"] == len(due)
    assert answer["accepted"] == len(due)
    assert answer["failed"] == 0
    # AND many workers took part: a range of over four such pages splits while a lane is free, and three splits use
    # at most twelve of the 15 or more pages
    assert answer["ranges"]["done"] >= 4
