"""What would make a GO untrue, or keep one from ever being given."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from oss_oms_sync.clock import parse_time
from sandbox.oms.task import CopyFault
from support.certify_world import CertifyWorld, check, results
from support.world import MINUTE


@pytest.fixture
def world() -> CertifyWorld:
    """No objects."""
    return CertifyWorld()


def judged(world: CertifyWorld, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """All that a certificate needs, done an hour after the last write; something may happen after the comparison has
    looked."""
    world.freeze()
    world.compare()
    world.call(close=True)
    world.later(15 * MINUTE)
    meanwhile()
    world.tick_replay()
    world.compare(standstill=True)
    return world.certify()


def class_of(answer: dict[str, Any], key: str) -> str:
    return next(name for name, found in answer["classes"].items() if key in found["keys"])


def test_there_is_no_go_while_oms_still_holds_what_it_accepted(world):
    # GIVEN an object that is equal, and its event that came twice, which OMS has yet to get to
    world.put("a", "v1")
    world.send("a", "accepted")

    # WHEN all was looked at, THEN it is no GO: OMS would overwrite what applications write there
    document = judged(world)
    assert document["verdict"] != "GO"
    assert [*results(document)] == ["OMS_FINISHED"]


def test_a_copy_that_oms_began_earlier_and_that_lands_after_the_comparison_looked_is_no_go(world):
    # GIVEN a copy of an old version on its way, and the new version, which is in OBS
    world.put("a", "v1", fate="accepted")
    held = list(world.task.held)
    world.task.begin(*held)
    world.later(MINUTE)
    world.put("a", "v2")

    # WHEN the old one lands after both buckets were compared
    document = judged(world, lambda: world.task.end(*held))

    # THEN that is noticed
    assert world.there.objects["a"].body == b"v1"
    assert document["verdict"] == "NO-GO"


def test_a_go_does_not_claim_that_the_source_stood_still_for_longer_than_was_looked(world):
    # GIVEN somebody who writes what the last pass has walked past, before it ends
    written = []
    world.put("a", "x")

    def write(kind: str, names: Sequence[str]) -> None:
        if kind == "put" and names[0].endswith("/r/0000") and "/passes/" in names[0] and not written:
            written.append(world.clock.now())
            world.upload("a behind", "x")
            world.later(5)

    document = judged(world, lambda: setattr(world.bucket, "before", write))

    # THEN nothing is said of the time after
    assert document["verdict"] == "GO", document["text"]
    seen = check(document, "STOOD_STILL")["seen"]
    assert all(parse_time(one) <= written[0] for one in re.findall(r"\d{4}-\S+?Z", seen)), seen


def test_a_key_that_oms_accepted_and_lost_is_sent_again_after_half_an_hour_and_not_after_a_day(world):
    # GIVEN an object that OMS accepted, and lost
    world.task.copies.then(CopyFault.lost())
    world.put("lost", "v1")
    world.later(40 * MINUTE)

    # WHEN both buckets are compared, THEN it is missing, and sent
    assert class_of(world.compare(), "lost") == "missing"
    world.later(20 * MINUTE)
    assert class_of(world.compare(again=True), "lost") == "equal_contents"
