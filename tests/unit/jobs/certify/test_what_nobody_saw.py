"""What came after the freeze, and what nobody has looked at, is never a GO: the check says so, and what ends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from support.certify_world import CertifyWorld, check, results
from support.compare_world import DAY, HOUR, MINUTE
from support.fake_bucket import ROOT, BucketView
from support.memory_reconcile import ReconcileWorld


def asked(command: str) -> dict:
    """The payload of a check's command."""
    found = re.search(r"-e '(.*)'", command)
    assert found, command
    return json.loads(found[1])


def world_of(*keys: str, **environment: str) -> CertifyWorld:
    """A world in which OMS has copied these."""
    world = CertifyWorld(keys, **environment)
    for key in keys:
        world.put(key, "x", fate="copied")
    world.later(1)
    return world


@pytest.fixture(autouse=True)
def clocks(world: CertifyWorld) -> Iterator[None]:
    """Those of all worlds agree."""
    with patch("oss_oms_sync.jobs.certify.evidence.date_at", lambda url, clock, pool: clock.now()):
        yield


def verdict(document: dict) -> tuple[str, dict[str, str]]:
    return document["verdict"], results(document)


@pytest.mark.parametrize("fate", ["copied", "lost"])
def test_what_was_written_after_the_freeze_is_named_until_the_freeze_is_said_to_be_later(world, fate):
    # GIVEN a freeze, and an application that wrote once more
    world.freeze()
    world.put("late", "x", fate=fate)
    written = world.source.modified["late"]
    world.later(HOUR)

    # WHEN all was compared, and what was missing is there, as judging it again shows
    world.prove()
    world.copy_all()
    world.later(HOUR)
    world.compare({"again": True})
    world.later(1)
    world.reconcile({"restart": True})

    # THEN it is a no, which names the object and when the freeze can have been
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"FROZEN": "failed"})
    assert check(document, "FROZEN")["keys"] == ["late"]
    assert document["last_written"][0]["key"] == "late"

    # WHEN that is said, and compared, THEN it is a go
    world.frozen = asked(check(document, "FROZEN")["command"])["frozen_since"]
    assert written < world.clock.now().timestamp() - HOUR
    world.prove()
    assert verdict(world.certify()) == ("GO", {})


def test_a_write_within_a_minute_of_the_freeze_may_be_the_clocks(world):
    world.freeze()
    world.clock.seconds -= HOUR - MINUTE
    world.put("a/1", "xy", fate="copied")
    world.later(HOUR)
    world.prove()
    assert verdict(world.certify()) == ("GO", {})


@pytest.mark.parametrize("source", [None, ""])
def test_a_task_that_does_not_say_whose_it_is_is_not_proven(world, source):
    world.freeze()
    world.prove()
    world.oms.source = source
    assert verdict(world.certify()) == ("NOT PROVEN", {"TASK": "not run"})


@pytest.mark.parametrize("days", [40, 0])
def test_oms_lists_that_were_read_before_the_comparison_ended_prove_nothing(world, days):
    # GIVEN replay, which has read OMS's lists at the freeze, and not since
    world.freeze()
    world.later(days * DAY)

    # WHEN all is compared, and the source stood still
    world.compare({"restart": True})
    world.later(MINUTE)
    ReconcileWorld.reconcile(world, {"restart": True})

    # THEN that is not enough until its timer strikes again
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"COPY_FAILED": "not run"})
    assert asked(check(document, "COPY_FAILED")["command"])["frozen_since"] == world.frozen
    world.tick_replay()
    assert verdict(world.certify()) == ("GO", {})


def test_oms_lists_that_were_read_days_ago_prove_nothing_in_a_rehearsal(world):
    world.prove()
    world.later(2 * DAY)
    assert check(world.rehearse(), "COPY_FAILED")["result"] == "not run"


def test_objects_of_the_source_that_are_named_like_records_are_counted_and_named(world):
    # GIVEN one, which is never sent
    key = "oms_source_record/another/success_object/x"
    world.put(key, "x", fate="lost")
    world.freeze()
    compared = world.compare({"restart": True})
    assert compared["classes"]["impossible"]["keys"] == [key]
    assert (compared["source"]["objects"], compared["adds_up"]) == (4, True)
    world.prove()

    # WHEN the cutover is judged, THEN it is not proven until somebody accepts it by name
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"PROOF_IMPOSSIBLE": "not proven"})
    assert check(document, "PROOF_IMPOSSIBLE")["keys"] == [key]
    assert world.certify(accept={"impossible": "ops: old records"})["verdict"] == "GO"

    # What only OBS has under such a name is nobody's.
    world.delete(key)
    world.write(key, "x")
    world.later(HOUR)
    world.prove()
    assert verdict(world.certify()) == ("GO", {})


def test_of_two_samples_at_once_neither_loses_the_difference_that_the_other_found(world):
    # GIVEN a sample that is being read, of one object
    world.freeze()
    world.prove()
    real, meanwhile = BucketView.iter_contents, []

    def reading(self: BucketView, one: ObjectSummary) -> Iterator[bytes]:
        # WHEN another one finds at the same time that another object differs
        if not meanwhile:
            key = next(key for key in world.keys if key != one.name)
            world.there.objects[key] = StoredObject(key, b"?" * len(key[:2]), world.there.objects[key].headers)
            meanwhile.append(key)
            meanwhile.append(world.certify(sample=3)["verdict"])
        yield from real(self, one)

    with patch.object(BucketView, "iter_contents", reading):
        world.certify(sample=1)
    assert meanwhile[1] == "NO-GO"

    # THEN that is known from now on
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"SAMPLE": "failed"})
    assert check(document, "SAMPLE")["keys"] == meanwhile[:1]


def fail(world: CertifyWorld, *keys: str) -> None:
    for key in keys:
        world.bucket.add(StoredObject(f"{ROOT}failed_object/{key}", b'{"reason": "REJECTED"}'))


def test_however_many_records_another_project_has_they_hide_none_and_keep_nothing_from_a_go():
    # GIVEN two projects of one task that differ in their suffixes, and what one failed to send
    world = world_of("z.jpg", OBJECT_SUFFIX=".jpg")
    fail(world, *(f"{number:04}.tmp" for number in range(1001)))
    world.freeze()
    world.prove()

    # WHEN the other is judged, THEN it is a go
    assert verdict(world.certify()) == ("GO", {})

    # AND what it failed to send itself is found behind all of them
    world.remove("z.jpg")
    fail(world, "z.jpg")
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"BACKLOG": "failed"})
    assert check(document, "BACKLOG")["keys"] == ["z.jpg"]


def test_of_more_records_than_can_be_listed_it_is_not_known_that_none_waits(mocker):
    world = world_of("z.jpg", OBJECT_SUFFIX=".jpg")
    fail(world, *(f"{number:04}.tmp" for number in range(11)))
    world.freeze()
    world.prove()
    mocker.patch("oss_oms_sync.ledger.failed_records._MOST_LISTED", 10)
    assert verdict(world.certify()) == ("NOT PROVEN", {"BACKLOG": "not run"})


@pytest.mark.parametrize("keys", [[], ["a.jpg"]])
def test_nothing_in_scope_is_not_proven(keys):
    world = world_of(*keys, OBJECT_SUFFIX=".typo")
    world.freeze()
    world.prove()
    document = world.certify(sample=10)
    assert document["verdict"] == "NOT PROVEN"
    assert check(document, "SCOPE")["result"] == "not proven"
    assert check(document, "SCOPE")["command"] == "s deploy -y"
