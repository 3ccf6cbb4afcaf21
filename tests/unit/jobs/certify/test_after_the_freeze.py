"""Changes after the freeze, and objects that no comparison checked: certify issues no GO, and names the objects."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from ops.certificate.check import find_false_claims
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs.certify import gathering
from support.certificate import check, verdict
from support.world import HOUR, World


def test_a_write_after_the_freeze_prevents_a_go_until_a_later_freeze(world):
    # GIVEN a freeze, and a later write by an application
    world.freeze()
    world.put("late", "x", fate="lost")
    world.advance(HOUR)

    # WHEN all objects are compared, and a recheck finds the missing object in OBS
    world.prove()
    world.recheck()

    # THEN it is a NO-GO, which names the object and the earliest possible freeze
    finding = world.find_obstacle("FROZEN")
    assert finding["keys"] == ["late"] == [world.certify()["last_written"][0]["key"]]

    # WHEN the freeze is corrected, and the objects are compared again, THEN it is a GO
    world.frozen = finding["step"]["options"]["frozen_since"]
    world.prove()
    assert world.is_go()


def test_certify_ignores_oms_lists_read_before_the_comparison_ended(world, mocker):
    # GIVEN OMS's lists, which replay last read at the freeze
    world.freeze()

    # WHEN all objects are compared, and a standstill pass is made
    mocker.patch.object(world, "tick")
    world.prove()
    mocker.stopall()

    # THEN the certificate is not GO until replay's timer fires again
    assert world.find_obstacle("NOTHING_WAITS", "not run")["waits"]
    world.tick("replay")
    assert world.is_go()


def test_certify_ignores_oms_lists_read_after_it_listed_waiting_keys(world, mocker):
    world.get_ready()
    sentence, really = check(world.certify(), "NOTHING_WAITS")["actual"], gathering.list_waiting_keys

    def looked(*arguments, **options):
        waiting_keys = really(*arguments, **options)
        with world.second_instance():
            world.advance(61)
            world.tick("replay")
        return waiting_keys

    mocker.patch.object(gathering, "list_waiting_keys", looked)
    assert check(world.certify(), "NOTHING_WAITS")["actual"] == sentence
    mocker.stopall()
    assert check(world.certify(), "NOTHING_WAITS")["actual"] > sentence


def test_certify_counts_and_names_source_objects_named_like_records(world):
    # GIVEN a source object named like a record, which is never submitted
    key = "oms_source_record/another/success_object/x"
    world.put(key, "x", fate="lost")
    world.freeze()
    compared = world.open_and_compare()
    assert compared["classes"]["impossible"]["keys"] == [key]
    assert compared["source"]["objects"] == 4
    assert compared["adds_up"] is True
    world.prove()

    # WHEN the cutover is judged, THEN it is not proven until accepted by name
    assert world.find_obstacle("PROOF_IMPOSSIBLE", "not proven")["keys"] == [key]
    assert world.is_go(accept={"impossible": "ops: old records"})

    # An object of such a name that only OBS has belongs to no class.
    world.delete(key)
    world.write(key, "x")
    world.advance(HOUR)
    world.prove()
    assert world.is_go()


def test_concurrent_certify_calls_keep_each_others_sampled_differences(ready):
    # GIVEN a sample of one object, while it is read
    meanwhile: list[str] = []

    def reading(kind: str, names: list[str]) -> None:
        # WHEN another sample detects a different object at the same time
        if kind == "get" and not meanwhile:
            key = next(key for key in ("a/1", "b") if key != names[0])
            meanwhile.append(key)
            ready.destination.add(StoredObject(key, b"?" * len(key[:2])))
            with ready.second_instance():
                meanwhile.append(ready.certify(sample=3)["verdict"])

    ready.source.before = reading
    ready.certify(sample=1)
    assert meanwhile[1] == "NO-GO"

    # THEN the next certificate has the difference
    assert ready.find_obstacle("SAMPLE")["keys"] == meanwhile[:1]


def test_many_records_of_another_project_do_not_prevent_a_go(mocker):
    # GIVEN two projects of a task with different suffixes, and more failed records of the first than are checked
    mocker.patch("oss_oms_sync.jobs.certify.gathering.MAX_RECORDS", 10)
    world = World.installed("z.jpg", OBJECT_SUFFIX=".jpg")
    world.bucket.add_failed_records(*(f"{number:04}.tmp" for number in range(11)), reason="REJECTED")
    world.get_ready()

    # WHEN the other project is judged, THEN it is a GO
    assert world.is_go()

    # AND its own failed key is found after all these records
    world.remove("z.jpg")
    world.bucket.add_failed_records("z.jpg", reason="REJECTED")
    assert world.find_obstacle("NOTHING_WAITS")["keys"] == ["z.jpg"]


def test_a_certificate_is_not_proven_if_records_exceed_the_list_limit(mocker):
    world = World.installed("z.jpg", OBJECT_SUFFIX=".jpg")
    world.bucket.add_failed_records(*(f"{number:04}.tmp" for number in range(11)), reason="REJECTED")
    world.get_ready()
    mocker.patch("oss_oms_sync.ledger.waiting._MAX_LISTED", 10)
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"NOTHING_WAITS": "not run"})
    # A closed project sends nothing again, and no step of a certificate opens it.
    finding = check(document, "NOTHING_WAITS")
    assert finding["step"] is None
    assert "python3 ops.py open" in finding["next"]
    assert find_false_claims(document) == []
    world.open_project()
    assert check(world.certify(), "NOTHING_WAITS")["step"] == {"job": "replay", "options": {}}


def test_a_go_claims_an_unchanged_source_only_until_the_last_listing():
    # GIVEN a write before the position of the last pass, while the pass is running
    empty, written = World.installed(), []
    empty.put("a", "x")

    def write(kind: str, names: Sequence[str]) -> None:
        if kind == "put" and names[0].endswith("/r/0000") and "/passes/" in names[0] and not written:
            written.append(empty.clock.now())
            empty.upload("a behind", "x")
            empty.advance(5)

    empty.freeze()
    empty.open_and_compare()
    empty.bucket.before = write
    empty.stand_still()

    # THEN the certificate makes no claim about the time after the write
    document = empty.certify()
    assert document["verdict"] == "GO", document["text"]
    assert len(written) == 1, document["text"]
    sentence = check(document, "STOOD_STILL")["actual"]
    assert all(parse_time(time) <= written[0] for time in re.findall(r"\d{4}-\S+?Z", sentence)), sentence


def write_with_early_time(world: World) -> None:
    """Write an object whose time is the start of its upload, as OSS records the time of an upload in parts."""
    world.put("a/late", "x")
    world.source.modified["a/late"] = world.source.modified["b"]


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda world: world.delete("b"), ""),
        (write_with_early_time, ""),
        (lambda world: world.write("b", "?"), "changed in OBS"),
    ],
    ids=["deleted", "written with an old time", "written in OBS"],
)
def test_a_change_after_the_comparison_makes_the_certificate_no_go(world, change, phrase):
    world.freeze()
    world.open_and_compare()
    change(world)
    world.stand_still()
    finding = world.find_obstacle("STOOD_STILL")
    assert finding["step"]["options"] == {"frozen_since": world.frozen}
    assert phrase in finding["actual"]
    if not phrase:
        world.freeze()  # the freeze includes the write at the source
        world.prove()
        assert world.is_go()


def test_certify_ignores_a_comparison_of_a_part_of_the_scope(world):
    world.get_ready(prefix="a/")
    finding = check(world.certify(), "SCOPE")
    assert finding["result"] == "not run"
    assert "No comparison of the whole scope" in finding["actual"]
