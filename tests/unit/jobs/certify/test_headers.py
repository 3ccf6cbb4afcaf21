"""Headers of sampled objects: certify reports each lost or different header, and whether OMS documents the loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from ops.certificate.check import find_false_claims
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.passes import digests
from support.certificate import check, verdict
from support.world import World, oss_error

# Ten kinds of headers; OMS copies all but NEVER if the task migrates metadata.
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


def upload(world: World, key: str, headers: dict[str, str], *, migrated: bool = True) -> None:
    """Upload an object and let OMS copy it; only if `migrated` is True, OMS copies its headers as well."""
    world.source.add(StoredObject(key, key[:2].encode(), headers))
    world.task.copies_metadata = migrated
    world.send_event_again(key, "copied")


def change_headers(world: World, key: str, headers: dict[str, str]) -> None:
    """Change the headers of an object in OBS."""
    objects = world.obs.bucket(world.destination.name).objects
    objects[key] = replace(objects[key], headers=headers)


def list_folders(keys: Iterable[str]) -> set[str]:
    return {key[: key.find("/") + 1] for key in keys}


def list_compared_keys(document: dict[str, Any]) -> list[str]:
    return [*document["sample"]["keys"], *document["headers"]["more"]]


def count_losses(document: dict[str, Any], kind: str) -> dict[str, int]:
    return {name: loss["objects"] for name, loss in document["headers"][kind].items()}


@pytest.mark.parametrize("migrated", [True, False])
def test_certify_names_each_lost_header_for_ten_kinds_of_headers(world, migrated):
    # GIVEN an object for each kind, in a folder of its own, and OMS that migrates metadata or not
    for number, (name, value) in enumerate(KINDS.items()):
        upload(world, f"{number}/x", {name: value}, migrated=migrated)
    world.get_ready()
    # WHEN one object is drawn
    document = world.certify(sample=1)
    finding = check(document, "METADATA")
    # THEN all folders are checked, and headers missing in OBS are named
    assert list_folders(list_compared_keys(document)) == list_folders(world.source.objects)
    assert document["headers"]["drawn"] == 1
    assert len(list_compared_keys(document)) == len(KINDS) + 2
    assert f"headers of 1 object drawn at random, and of {len(KINDS) + 1} more" in finding["actual"]
    expected = NEVER if migrated else {name.lower().removeprefix("x-oss-") for name in KINDS} - {"content-type"}
    assert count_losses(document, "documented") == dict.fromkeys(expected, 1)
    assert count_losses(document, "unexpected") == {}
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not proven"})
    assert find_false_claims(document) == []
    assert not [name for name in expected if name not in finding["actual"]]
    # AND an acceptance by name leads to a GO that names it
    document = world.certify(sample=1, accept={"metadata": "the owner: nobody reads them"})
    assert verdict(document) == ("GO", {})
    assert find_false_claims(document) == []
    assert "not all are equal in OBS (accepted by name)" in document["text"]


def test_a_go_needs_a_sample_if_oms_does_not_report_its_metadata_option(ready):
    # GIVEN a description of the sync task without the option to copy metadata
    summary = ready.task.summarize
    ready.task.summarize = lambda: {
        name: setting for name, setting in summary().items() if name != "enable_metadata_migration"
    }
    document = ready.certify()
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not run"})
    assert find_false_claims(document) == []
    # WHEN headers are compared, as the step says, THEN their comparison counts
    document = ready.certify(sample=100)
    assert verdict(document) == ("GO", {})
    assert find_false_claims(document) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "text/html", "cache-control": "no-store"},
        {"content-type": "text/html", "cache-control": "no-cache", "x-obs-meta-more": "1"},
    ],
)
def test_an_unexpected_header_prevents_a_go_until_accepted_or_undone(world, headers):
    # GIVEN an object whose headers were changed in OBS, or lost by a task without metadata
    upload(world, "web/index.html", {"Content-Type": "text/html", "Cache-Control": "no-cache"})
    change_headers(world, "web/index.html", headers)
    world.get_ready()
    document = world.certify(sample=4)
    assert verdict(document) == ("NO-GO", {"METADATA": "failed"})
    finding = check(document, "METADATA")
    assert finding["keys"] == ["web/index.html"]
    assert count_losses(document, "documented") == {}
    assert find_false_claims(document) == []
    # WHEN the headers are the original headers again, THEN there is nothing to accept
    change_headers(world, "web/index.html", {"content-type": "text/html", "cache-control": "no-cache"})
    document = world.certify(sample=4)
    assert document["verdict"] == "GO"
    assert count_losses(document, "unexpected") == {}
    assert "The headers of 4 objects were compared: all are equal in OBS." in document["text"]


def test_a_certificate_counts_folders_over_the_maximum_as_one_folder(world, monkeypatch):
    # GIVEN more folders than are listed by name; a folder has only OMS's own lists
    monkeypatch.setattr(digests, "MAX_FOLDERS", 3)
    for folder in ("b", "p", "q"):
        world.put(f"{folder}/x", "1")
    world.write("oms/sync_task/t/1.txt", "x")
    world.get_ready()
    # THEN a GO is sound with each sample
    for number in range(1, 6):
        document = world.certify(sample=number)
        assert document["verdict"] == "GO"
        assert find_false_claims(document) == []


@pytest.mark.parametrize("bucket", ["source", "destination"])
def test_certify_judges_no_headers_if_a_bucket_does_not_answer(ready, bucket):
    side = getattr(ready, bucket)
    side.fail(oss_error(403), "head")
    document = ready.certify(sample=3)
    assert verdict(document) == ("NOT PROVEN", {"METADATA": "not run"})
    assert find_false_claims(document) == []
    finding = check(document, "METADATA")
    assert "AccessDenied" in finding["actual"]
    assert "python3 ops.py setup" in finding["next"]
    assert finding["step"]["job"] == "cutover"
    side.heal()
    assert ready.is_go(sample=3)


def test_a_sample_skips_and_names_objects_that_were_deleted_meanwhile(ready):
    ready.destination.fail(oss_error(404, "NoSuchKey"), "head", lambda name: name == "b")
    document = ready.certify(sample=3)
    assert document["headers"]["gone"] == ["b"]
    assert document["headers"]["drawn"] == 2
    assert find_false_claims(document) == []


def test_certify_reads_no_headers_of_objects_that_obs_does_not_list(ready):
    # GIVEN a drawn object that is missing in OBS: with a back-to-source rule, a HEAD request would create it
    ready.remove("b")
    asked: list[str] = []
    ready.destination.before = lambda kind, names: asked.extend(names if kind in ("head", "get") else ())
    document = ready.certify(sample=3)
    assert document["headers"]["gone"] == ["b"]
    assert "b" not in asked
    assert "a/1" in asked
