"""What came after the freeze, and what nobody has looked at, is never a GO: the check says so, and what ends it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from ops.check import doubts
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs.certify import evidence
from support.certify_world import CertifyWorld, check, verdict
from support.world import DAY, HOUR, MINUTE


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
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"FROZEN": "failed"})
    assert check(document, "FROZEN")["keys"] == ["late"]
    assert document["last_written"][0]["key"] == "late"

    # WHEN that is said, and compared, THEN it is a go
    world.frozen = check(document, "FROZEN")["step"]["options"]["frozen_since"]
    world.prove()
    assert world.is_go()


def test_a_write_within_a_minute_of_the_freeze_may_be_the_clocks(world):
    world.freeze(rest=MINUTE - 1)
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
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"NOTHING_WAITS": "not run"})
    assert check(document, "NOTHING_WAITS")["waits"]
    world.tick_replay()
    assert world.is_go()


def test_what_replay_reads_after_a_certificate_has_looked_at_what_waits_is_not_told_of_it(world, mocker):
    world.freeze()
    world.prove()
    seen, really = check(world.certify(), "NOTHING_WAITS")["seen"], evidence.what_waits

    def looked(*asked, **how):
        found = really(*asked, **how)
        with world.beside():
            world.later(61)
            world.tick_replay()
        return found

    mocker.patch.object(evidence, "what_waits", looked)
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
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"PROOF_IMPOSSIBLE": "not proven"})
    assert check(document, "PROOF_IMPOSSIBLE")["keys"] == [key]
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
    document = ready.certify()
    assert verdict(document) == ("NO-GO", {"SAMPLE": "failed"})
    assert check(document, "SAMPLE")["keys"] == meanwhile[:1]


def test_however_many_records_another_project_has_they_hide_none_and_keep_nothing_from_a_go(mocker):
    # GIVEN two projects of one task that differ in their suffixes, and more that one failed to send than is looked at
    mocker.patch("oss_oms_sync.jobs.certify.evidence._MOST_RECORDS", 10)
    world = CertifyWorld("z.jpg", OBJECT_SUFFIX=".jpg")
    world.fail(*(f"{number:04}.tmp" for number in range(11)))
    world.get_ready()

    # WHEN the other is judged, THEN it is a go
    assert world.is_go()

    # AND what it failed to send itself is found behind all of them
    world.remove("z.jpg")
    world.fail("z.jpg")
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"NOTHING_WAITS": "failed"})
    assert check(document, "NOTHING_WAITS")["keys"] == ["z.jpg"]


def test_of_more_records_than_can_be_listed_it_is_not_known_that_none_waits(mocker):
    world = CertifyWorld("z.jpg", OBJECT_SUFFIX=".jpg")
    world.fail(*(f"{number:04}.tmp" for number in range(11)))
    world.get_ready()
    mocker.patch("oss_oms_sync.ledger.waiting._MOST_LISTED", 10)
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"NOTHING_WAITS": "not run"})
    # A closed project sends nothing again, and no step of a certificate opens it.
    assert check(document, "NOTHING_WAITS")["step"] is None
    assert "python3 ops.py open" in check(document, "NOTHING_WAITS")["next"]
    assert doubts(document) == []
    world.call(open=True)
    assert check(world.certify(), "NOTHING_WAITS")["step"] == {"job": "replay", "options": {}}


@pytest.mark.parametrize("keys", [[], ["a.jpg"]])
def test_nothing_in_scope_is_not_proven(keys):
    world = CertifyWorld(*keys, OBJECT_SUFFIX=".typo")
    world.get_ready()
    document = world.certify(sample=10)
    assert (document["verdict"], check(document, "SCOPE")["result"]) == ("NOT PROVEN", "not proven")
    assert check(document, "SCOPE")["step"] == {"job": "deploy", "options": {}}


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
