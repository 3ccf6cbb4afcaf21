"""What came after the freeze, and what nobody has looked at, is never a GO: the check says so, and what ends it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from ops.certificate.check import doubts
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs.certify import gathering
from support.certify_world import CertifyWorld, check, verdict
from support.task_group import begin_migration, end_migration
from support.world import DAY, HOUR, MINUTE
from unit.jobs.certify.mending import RESTART, asked, is_mended


@pytest.mark.parametrize("fate", ["copied", "lost"])
def test_what_was_written_after_the_freeze_is_named_until_the_freeze_is_said_to_be_later(world, fate):
    # GIVEN a freeze, and an application that wrote once more
    world.freeze()
    world.put("late", "x", fate=fate)
    world.later(HOUR)

    # WHEN all was compared, and what was missing is there, as judging it again shows
    world.prove()
    world.judge_again()

    # THEN it is a no, which names the object and when the freeze can have been
    found = world.stopped_by("FROZEN")
    assert found["keys"] == ["late"] == [world.certify()["last_written"][0]["key"]]

    # WHEN that is said, and compared, THEN it is a go
    world.frozen = found["step"]["options"]["frozen_since"]
    world.prove()
    assert world.is_go()


def test_a_write_within_a_minute_of_the_freeze_may_be_the_clocks(world):
    world.freeze(wait=MINUTE - 1)
    world.put("a/1", "xy")
    world.later(HOUR)
    world.prove()
    assert world.is_go()


@pytest.mark.parametrize("days", [40, 0])
def test_oms_lists_that_were_read_before_the_comparison_ended_prove_nothing(world, days, mocker):
    # GIVEN replay, which has read OMS's lists at the freeze, and not since
    world.freeze()
    world.later(days * DAY)

    # WHEN all is compared, and the source stood still
    mocker.patch.object(world, "tick_replay")
    world.prove()
    mocker.stopall()

    # THEN that is not enough until its timer strikes again
    assert world.stopped_by("NOTHING_WAITS", "not run")["waits"]
    world.tick_replay()
    assert world.is_go()


def test_what_replay_reads_after_a_certificate_has_looked_at_what_waits_is_not_told_of_it(world, mocker):
    world.get_ready()
    seen, really = check(world.certify(), "NOTHING_WAITS")["seen"], gathering.list_waiting_keys

    def looked(*asked, **how):
        waiting_keys = really(*asked, **how)
        with world.beside():
            world.later(61)
            world.tick_replay()
        return waiting_keys

    mocker.patch.object(gathering, "list_waiting_keys", looked)
    assert check(world.certify(), "NOTHING_WAITS")["seen"] == seen
    mocker.stopall()
    assert check(world.certify(), "NOTHING_WAITS")["seen"] > seen


def test_oms_lists_that_were_read_days_ago_prove_nothing_in_a_rehearsal(world):
    world.prove()
    world.later(2 * DAY)
    assert check(world.rehearse(), "NOTHING_WAITS")["result"] == "not run"


def test_objects_of_the_source_that_are_named_like_records_are_counted_and_named(world):
    # GIVEN one, which is never sent
    key = "oms_source_record/another/success_object/x"
    world.put(key, "x", fate="lost")
    world.freeze()
    compared = world.compare()
    assert compared["classes"]["impossible"]["keys"] == [key]
    assert (compared["source"]["objects"], compared["adds_up"]) == (4, True)
    world.prove()

    # WHEN the cutover is judged, THEN it is not proven until somebody accepts it by name
    assert world.stopped_by("PROOF_IMPOSSIBLE", "not proven")["keys"] == [key]
    assert world.is_go(accept={"impossible": "ops: old records"})

    # What only OBS has under such a name is nobody's.
    world.delete(key)
    world.write(key, "x")
    world.later(HOUR)
    world.prove()
    assert world.is_go()


def test_of_two_samples_at_once_neither_loses_the_difference_that_the_other_found(ready):
    # GIVEN a sample that is being read, of one object
    meanwhile: list[str] = []

    def reading(kind: str, names: list[str]) -> None:
        # WHEN another one finds at the same time that another object differs
        if kind == "get" and not meanwhile:
            key = next(key for key in ("a/1", "b") if key != names[0])
            meanwhile.append(key)
            ready.there.add(StoredObject(key, b"?" * len(key[:2])))
            with ready.beside():
                meanwhile.append(ready.certify(sample=3)["verdict"])

    ready.source.before = reading
    ready.certify(sample=1)
    assert meanwhile[1] == "NO-GO"

    # THEN that is known from now on
    assert ready.stopped_by("SAMPLE")["keys"] == meanwhile[:1]


def test_however_many_records_another_project_has_they_hide_none_and_keep_nothing_from_a_go(mocker):
    # GIVEN two projects of one task that differ in their suffixes, and more that one failed to send than is looked at
    mocker.patch("oss_oms_sync.jobs.certify.gathering.MAX_RECORDS", 10)
    world = CertifyWorld("z.jpg", OBJECT_SUFFIX=".jpg")
    world.fail(*(f"{number:04}.tmp" for number in range(11)))
    world.get_ready()

    # WHEN the other is judged, THEN it is a go
    assert world.is_go()

    # AND what it failed to send itself is found behind all of them
    world.remove("z.jpg")
    world.fail("z.jpg")
    assert world.stopped_by("NOTHING_WAITS")["keys"] == ["z.jpg"]


def test_of_more_records_than_can_be_listed_it_is_not_known_that_none_waits(mocker):
    world = CertifyWorld("z.jpg", OBJECT_SUFFIX=".jpg")
    world.fail(*(f"{number:04}.tmp" for number in range(11)))
    world.get_ready()
    mocker.patch("oss_oms_sync.ledger.waiting._MAX_LISTED", 10)
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"NOTHING_WAITS": "not run"})
    # A closed project sends nothing again, and no step of a certificate opens it.
    found = check(document, "NOTHING_WAITS")
    assert (found["step"], "python3 ops.py open" in found["next"], doubts(document)) == (None, True, [])
    world.call(open=True)
    assert check(world.certify(), "NOTHING_WAITS")["step"] == {"job": "replay", "options": {}}


@pytest.mark.parametrize("keys", [[], ["a.jpg"]])
def test_nothing_in_scope_is_not_proven(keys):
    world = CertifyWorld(*keys, OBJECT_SUFFIX=".typo")
    world.get_ready()
    document = world.certify(sample=10)
    found = check(document, "SCOPE")
    assert (document["verdict"], found["result"]) == ("NOT PROVEN", "not proven")
    assert found["step"] == {"job": "deploy", "options": {}}


def test_a_go_does_not_claim_that_the_source_stood_still_for_longer_than_was_looked():
    # GIVEN somebody who writes what the last pass has walked past, before it ends
    empty, written = CertifyWorld(), []
    empty.put("a", "x")

    def write(kind: str, names: Sequence[str]) -> None:
        if kind == "put" and names[0].endswith("/r/0000") and "/passes/" in names[0] and not written:
            written.append(empty.clock.now())
            empty.upload("a behind", "x")
            empty.later(5)

    empty.freeze()
    empty.compare()
    empty.bucket.before = write
    empty.stand_still()

    # THEN nothing is said of the time after
    document = empty.certify()
    assert (document["verdict"], len(written)) == ("GO", 1), document["text"]
    seen = check(document, "STOOD_STILL")["seen"]
    assert all(parse_time(one) <= written[0] for one in re.findall(r"\d{4}-\S+?Z", seen)), seen


def ends_late(world: CertifyWorld) -> None:
    """An upload in parts has the time of its beginning."""
    world.put("a/late", "x")
    world.source.modified["a/late"] = world.source.modified["b"]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda world: world.put("new", "x"), ""),
        (lambda world: world.delete("b"), ""),
        (lambda world: world.put("b", "xy"), ""),
        (ends_late, ""),
        (lambda world: world.write("b", "?"), "changed in OBS"),
    ],
    ids=["written", "deleted", "overwritten", "of an old time", "written in OBS"],
)
def test_what_happens_after_the_comparison_is_a_no_go(world, change, seen):
    world.freeze()
    world.compare()
    change(world)
    world.stand_still()
    found = world.stopped_by("STOOD_STILL")
    assert (asked(found), seen in found["seen"]) == ({}, True)
    if not seen:
        world.freeze()  # what was written at the source belongs to it
        world.prove()
        assert world.is_go()


def test_a_standstill_pass_from_before_the_comparison_shows_nothing(world):
    world.freeze()
    world.stand_still()
    world.later(MINUTE)
    world.compare()
    world.call(close=True)
    world.later(15 * MINUTE)
    world.tick_replay()
    assert asked(world.stopped_by("STOOD_STILL", "not run", "CLOSED")) == {}


def before_the_freeze(world: CertifyWorld) -> None:
    world.later(HOUR)
    world.compare()
    world.freeze()


def of_a_part(world: CertifyWorld) -> None:
    world.get_ready(prefix="a/")


def long_ago(world: CertifyWorld) -> None:
    world.get_ready()
    world.later(DAY)
    # Judging some keys again does not make it new.
    world.compare(again=True)


@pytest.mark.parametrize(
    ("compared", "seen"),
    [
        (before_the_freeze, "before the freeze"),
        (of_a_part, "No comparison of the whole scope"),
        (long_ago, "over 24 hours ago"),
    ],
)
def test_a_comparison_that_does_not_show_how_all_of_it_is_now_does_not_count(world, compared, seen):
    compared(world)
    world.stand_still()
    document = world.certify()
    found = check(document, "SCOPE")
    assert (document["verdict"], found["result"], asked(found)) == ("NOT PROVEN", "not run", RESTART)
    assert seen in found["seen"]


def test_what_is_moving_is_a_no_go_until_it_is_judged_again_later(world):
    world.put("b", "xy")
    found = check(world.cut_over(wait=MINUTE), "MOVING")
    assert (found["result"], asked(found), found["next"]) == ("failed", {}, "Continue the cutover")
    assert check(world.rehearse(), "MOVING")["step"]["job"] == "compare"
    world.judge_again()
    assert world.is_go()


def test_what_oms_has_accepted_and_not_copied_is_a_no_go(world):
    world.later(HOUR)
    world.put("b", "xy", fate="accepted")
    world.get_ready(wait=20 * MINUTE)
    world.stopped_by("IN_FLIGHT", "failed", "OMS_FINISHED")
    world.copy_all()
    world.judge_again()
    assert world.is_go()


def test_what_was_left_to_a_migration_is_a_no_go_until_it_is_compared_again(world):
    world.put("b", "xy", fate="lost")
    world.later(2 * HOUR)
    begin_migration(world)
    world.freeze()
    world.compare()
    end_migration(world, "removed")
    world.stand_still()
    found = world.stopped_by("MIGRATING")
    assert (asked(found), check(world.rehearse(), "MIGRATING")["result"]) == (RESTART, "failed")
    assert is_mended(world, found)
