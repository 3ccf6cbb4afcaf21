"""What became of the headers of the objects that were drawn: all are the same, or each loss is named, what OMS's
documents say apart from what nobody expects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from ops.certificate.check import doubts
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.passes import digests
from support.certify_world import CertifyWorld, check, verdict
from support.law import EXTRAS, SCHEDULES
from support.world import oss_error

# Ten kinds, and which of them OMS carries if it is asked to.
KINDS = {
    "Content-Type": "text/html",
    "Content-Disposition": "attachment",
    "Content-Encoding": "gzip",
    "Content-Language": "zh-CN",
    "Cache-Control": "no-cache",
    "Expires": "Fri, 01 Jan 2027 00:00:00 GMT",
    "x-oss-meta-plain": "canary-1",
    "x-oss-meta-chinese": "照片",
    "x-oss-meta-odd": 'a=b "c"',
    "x-oss-meta-mail": "somebody@example.com",
}
NEVER = {"expires", "meta-odd", "meta-mail"}


def upload(world: CertifyWorld, key: str, headers: dict[str, str], *, migrated: bool = True) -> None:
    """A user writes an object with these headers, and OMS copies it by a task that migrates metadata, or not."""
    world.source.add(StoredObject(key, key[:2].encode(), headers))
    world.task.metadata = migrated
    world.send(key, "copied")


def change(world: CertifyWorld, key: str, headers: dict[str, str]) -> None:
    """In OBS an object has other headers from now on."""
    objects = world.obs.bucket(world.there.name).objects
    objects[key] = replace(objects[key], headers=headers)


def folders(keys: Iterable[str]) -> set[str]:
    return {key[: key.find("/") + 1] for key in keys}


def seen(document: dict[str, Any]) -> list[str]:
    """The keys whose headers were compared."""
    return [*document["sample"]["keys"], *document["headers"]["more"]]


def lost(document: dict[str, Any], kind: str) -> dict[str, int]:
    return {name: one["objects"] for name, one in document["headers"][kind].items()}


@pytest.mark.parametrize("migrated", [True, False])
def test_ten_kinds_of_headers_and_each_loss_is_named(world, migrated):
    # GIVEN an object for each kind, in a folder of its own, and OMS that migrates metadata or not
    for number, (name, value) in enumerate(KINDS.items()):
        upload(world, f"{number}/x", {name: value}, migrated=migrated)
    world.get_ready()
    # WHEN one object is drawn
    document = world.certify(sample=1)
    found = check(document, "METADATA")
    # THEN all folders are looked at, and what is not in OBS is named
    assert folders(seen(document)) == folders(world.source.objects)
    assert (document["headers"]["drawn"], len(seen(document))) == (1, len(KINDS) + 2)
    assert f"headers of 1 object drawn at random, and of {len(KINDS) + 1} more" in found["seen"]
    expected = NEVER if migrated else {name.lower().removeprefix("x-oss-") for name in KINDS} - {"content-type"}
    assert (lost(document, "documented"), lost(document, "unexpected")) == (dict.fromkeys(expected, 1), {})
    assert (verdict(document), doubts(document)) == (("NOT PROVEN", {"METADATA": "not proven"}), [])
    assert not [name for name in expected if name not in found["seen"]]
    assert "no headers differ" not in found["seen"]
    assert found["step"]["options"]["accept"] == {"metadata": "<who, why>"}
    # AND whoever accepts that by name comes to a GO that says so
    document = world.certify(sample=1, accept={"metadata": "the owner: nobody reads them"})
    assert (verdict(document), doubts(document)) == (("GO", {}), [])
    assert "not all are equal in OBS (accepted by name)" in document["text"]


def test_a_task_that_migrates_no_metadata_has_to_be_accepted_whether_there_is_a_sample_or_not(ready):
    ready.task.metadata = False
    for sample in (0, 3):
        document = ready.certify(sample=sample)
        assert (verdict(document), doubts(document)) == (("NOT PROVEN", {"METADATA": "not proven"}), [])
        assert "all 3 objects (5 bytes) again" in check(document, "METADATA")["next"]
        assert ready.is_go(sample=sample, accept={"metadata": "the owner: Content-Type is all we use"})


def unreported(world: CertifyWorld) -> None:
    """OMS does not say whether the task migrates metadata."""
    summary = world.task.summary
    world.task.summary = lambda: {name: told for name, told in summary().items() if name != "enable_metadata_migration"}


def test_a_task_that_does_not_report_metadata_is_unknown_until_a_sample_or_by_name(ready):
    unreported(ready)
    document = ready.certify()
    assert (verdict(document), doubts(document)) == (("NOT PROVEN", {"METADATA": "not run"}), [])
    found = check(document, "METADATA")
    assert ("does not report whether" in found["seen"], "only Content-Type" in found["seen"]) == (True, False)
    # WHEN headers are compared, as it says, THEN what they show counts
    document = ready.certify(sample=found["step"]["options"]["sample"])
    assert (verdict(document), doubts(document)) == (("GO", {}), [])
    # AND so does who accepts it
    document = ready.certify(accept={"metadata": "the owner: Content-Type is all we use"})
    assert (verdict(document), doubts(document)) == (("GO", {}), [])


@pytest.mark.parametrize("value", ["no-cache", "max-age=60"])
def test_a_header_that_is_lost_where_metadata_is_unknown_is_not_proven(world, value):
    upload(world, "x", {"Cache-Control": value}, migrated=False)
    unreported(world)
    world.get_ready()
    document = world.certify(sample=9)
    assert (verdict(document), doubts(document)) == (("NOT PROVEN", {"METADATA": "not proven"}), [])
    assert world.is_go(sample=9, accept={"metadata": "the owner: nobody reads them"})


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "text/html", "cache-control": "no-store"},
        {"content-type": "text/html", "cache-control": "no-cache", "x-obs-meta-more": "1"},
    ],
)
def test_what_no_document_explains_is_a_no_go_that_a_copy_with_metadata_mends(world, headers):
    # GIVEN an object of which somebody has changed the headers in OBS, or which a task without metadata has copied
    upload(world, "web/index.html", {"Content-Type": "text/html", "Cache-Control": "no-cache"})
    change(world, "web/index.html", headers)
    world.get_ready()
    document = world.certify(sample=4)
    assert verdict(document) == ("NO-GO", {"METADATA": "failed"})
    found = check(document, "METADATA")
    assert (found["keys"], found["step"]) == (["web/index.html"], {"job": "migrate", "options": {"overwrite": True}})
    assert (lost(document, "documented"), doubts(document)) == ({}, [])
    # WHEN somebody accepts it all the same, THEN it is a GO that says so
    assert world.is_go(sample=4, accept={"metadata": "the owner: set by hand"})
    # AND as it was, there is nothing to accept
    change(world, "web/index.html", {"content-type": "text/html", "cache-control": "no-cache"})
    document = world.certify(sample=4)
    assert (document["verdict"], lost(document, "unexpected")) == ("GO", {})
    assert "The headers of 4 objects were compared: all are equal in OBS." in document["text"]


@pytest.mark.parametrize(
    ("value", "there", "is_same"),
    [
        ("照片", "%E7%85%A7%E7%89%87", True),
        ("50%20off", "50%20off", True),
        ("50 off", "50%20off", True),
        ("50%20off", "50 off", False),
    ],
)
def test_percent_encoding_is_the_same_only_where_the_sdk_of_obs_may_have_written_it(world, value, there, is_same):
    upload(world, "x", {"x-oss-meta-a": value})
    change(world, "x", {"content-type": "application/octet-stream", "x-obs-meta-a": there})
    world.get_ready()
    assert lost(world.certify(sample=9), "unexpected") == ({} if is_same else {"meta-a": 1})


def test_folders_that_are_not_told_one_by_one_are_seen_as_one(world, monkeypatch):
    # GIVEN more folders than are told by name, one of which has only OMS's own lists
    monkeypatch.setattr(digests, "MAX_FOLDERS", 3)
    for folder in ("b", "p", "q"):
        world.put(f"{folder}/x", "1")
    world.write("oms/sync_task/t/1.txt", "x")
    world.get_ready()
    # THEN a GO is sound, whichever of them the sample is of
    for number in range(1, 6):
        document = world.certify(sample=number)
        assert (document["verdict"], doubts(document)) == ("GO", [])


@pytest.mark.parametrize("bucket", ["source", "there"])
def test_without_an_answer_nothing_is_known_of_headers(ready, bucket):
    side = getattr(ready, bucket)
    side.fail(oss_error(403), "head")
    document = ready.certify(sample=3)
    assert (verdict(document), doubts(document)) == (("NOT PROVEN", {"METADATA": "not run"}), [])
    found = check(document, "METADATA")
    assert ("AccessDenied" in found["seen"], "python3 ops.py setup" in found["next"], found["step"]["job"]) == (
        True,
        True,
        "cutover",
    )
    side.heal()
    assert ready.is_go(sample=3)


def test_what_is_gone_by_now_is_passed_over_and_named(ready):
    ready.there.fail(oss_error(404, "NoSuchKey"), "head", lambda name: name == "b")
    document = ready.certify(sample=3)
    assert (document["headers"]["gone"], document["headers"]["drawn"], doubts(document)) == (["b"], 2, [])


def test_no_object_that_obs_does_not_list_is_asked_for_its_headers(ready):
    # GIVEN an object that was drawn, and is gone in OBS: by a back-to-source rule, HEAD would create it
    ready.remove("b")
    asked: list[str] = []
    ready.there.before = lambda kind, names: asked.extend(names if kind in ("head", "get") else ())
    document = ready.certify(sample=3)
    assert (document["headers"]["gone"], "b" in asked, "a/1" in asked) == (["b"], False, True)


# All two hundred with `make fuzz`.
SEEDS = SCHEDULES // 30 if EXTRAS or SCHEDULES > 600 else 4


@pytest.mark.part
@pytest.mark.law
def test_what_is_lost_of_a_share_is_found_as_often_as_is_claimed_and_each_folder_is_seen(world):
    # A sample of 20 without a loss says "fewer than 15 %". Of 60 objects 9 have lost a header, all in one folder: none
    # of them is drawn with a probability of 40/60 * 39/59 * ... * 32/52, which is 0.018.
    for number in range(57):
        upload(world, f"{number % 3}/{number}", {"Cache-Control": "no-cache"})
    for number in range(0, 27, 3):
        change(world, f"0/{number}", {"content-type": "application/octet-stream"})
    world.later(1200)
    missed = 0
    for _ in range(SEEDS):
        world.compare()
        document = world.rehearse(sample=20)
        assert folders(seen(document)) == {"", "a/", "0/", "1/", "2/"}
        of_drawn = [key for one in document["headers"]["unexpected"].values() for key in one["keys"]]
        missed += not {*of_drawn}.intersection(document["sample"]["keys"])
    assert missed <= max(2, 0.05 * SEEDS)
