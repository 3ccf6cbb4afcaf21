"""What a canary wrote is a class of its own: counted, and in nothing that anybody goes by."""

import json

import pytest

from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.server.faults import Fault
from support.migration import CONTENTS
from unit.ops.canary.canary_world import CanaryWorld, ends, of


@pytest.fixture
def busy():
    """With objects of an application, for half an hour."""
    with CanaryWorld() as world:
        for name, contents in CONTENTS.items():
            world.write(name, contents)
        world.later(1800)
        yield world


@pytest.fixture
def world(busy):
    """With those of a canary that was cut off while it waited, for half an hour."""
    busy.cut_short()
    busy.later(1800)
    assert len(busy.oss.objects(busy.source_bucket)) == len(CONTENTS) + 7
    return busy


def compared(world):
    return world.ops("compare", "--restart").answer


def counted(answer, name):
    """Return the numbers of objects of a class on both sides."""
    return [answer["classes"][name][side]["objects"] for side in ("source", "destination")]


def test_a_comparison_counts_it_on_both_sides_and_it_adds_up(world):
    answer = compared(world)
    assert (answer["finished"], answer["adds_up"]) == (True, True)
    assert (counted(answer, "canary"), counted(answer, "equal_contents")) == ([7, 7], [len(CONTENTS)] * 2)


def test_no_digest_changes_with_it(world):
    before = compared(world)
    ends(world.canary("--remove"), 0)
    after = compared(world)
    assert "canary" not in after["classes"] or counted(after, "canary")[0] == 0
    assert (before["state"], before["twin"]) == (after["state"], after["twin"])


def test_no_lag_is_told_of_it_and_nothing_is_sent_for_it(world):
    for key in list(world.task.destination):
        if "canary" in key:
            world.obs.delete(world.destination_bucket, key)
    accepted = world.task.acceptance_request
    answer = compared(world)
    assert (counted(answer, "canary")[1], answer["lag"]["copied"]["not_yet"]) == (0, 0)
    assert (answer["submitted"], world.task.acceptance_request) == (0, accepted)


def test_a_go_is_given_beside_it_and_its_document_is_sound(world, tmp_path):
    file = tmp_path / "certificate.json"
    said = world.ops("cutover", "--frozen-since", "2026-01-02T00:10:00Z", "--close", "--out", str(file), "--deep")
    assert said.code == 0, [(one["id"], one["seen"]) for one in said.answer["checks"] if one["result"] != "passed"]
    document = json.loads(file.read_text())
    assert (document["verdict"], counted(document, "canary")) == ("GO", [7, 7])
    assert document["source"]["objects"] == len(CONTENTS)
    # A stranger lists both buckets, canaries and all.
    listings = []
    for side, objects in (
        ("source", world.oss.objects(world.source_bucket)),
        ("destination", world.obs.objects(world.destination_bucket)),
    ):
        listing = tmp_path / side
        listing.write_text(
            "".join(json.dumps({"key": key, "size": stored.size}) + "\n" for key, stored in objects.items())
        )
        listings += [f"--{side}", str(listing)]
    assert world.ops("check", str(file), *listings).code == 0
    # And it is removed although the project is closed.
    assert (world.canary("--remove").code, world.left()) == (0, [])


def test_a_canary_beside_a_comparison_disturbs_it_not(busy):
    before, looks = compared(busy), []
    busy.meanwhile = dict.fromkeys((20, 60), lambda: looks.append(compared(busy)))
    ends(busy.canary(), 0)
    assert [(look["adds_up"], look["state"], look["twin"]) for look in looks] == [
        (True, before["state"], before["twin"])
    ] * 2


def test_an_event_of_it_that_is_lost_is_the_canarys_to_tell(busy):
    # GIVEN a canary whose events are all lost, and which is cut off
    busy.oss.lose_events(lambda key: "canary" in key)
    busy.cut_short()
    busy.later(1800)
    accepted = busy.task.acceptance_request
    # WHEN a pass looks for lost events THEN it finds none, and sends nothing
    found = busy.ops("reconcile", "--restart").answer
    told = [found[name] for name in ("finished", "scanned", "submitted", "orphans")]
    assert (told, busy.task.acceptance_request) == ([True, len(CONTENTS), 0, 0], accepted)
    assert busy.ops("status").answer["verdict"]["state"] in ("in step", "unknown")
    key = next(key for key in busy.oss.objects(busy.source_bucket) if key.endswith("/between"))
    assert busy.ops("story", key).answer["story"].startswith("It is a canary's")


def fly_and_cut_over(world):
    """A canary, and an hour later a cutover."""
    flown = world.canary()
    world.later(3600)
    world.ops("reconcile", "--restart")
    status = world.ops("status").answer
    return flown, status, cut_over(world, "--deep")


def cut_over(world, *words):
    file = str(world.folder / "certificate.json")
    return world.ops("cutover", "--frozen-since", "2026-01-02T01:00:00Z", "--close", "--out", file, *words)


def test_after_a_canary_that_came_back_nothing_of_it_is_told_or_left(busy):
    flown, status, said = fly_and_cut_over(busy)
    assert ends(flown, 0)["unfinished"] == 0
    assert status["verdict"]["state"] == "in step"
    assert (status["copying"]["failed"], status["copying"]["unfinished"]["objects"]) == (0, 0)
    assert ends(said, 0)["verdict"] == "GO"


def test_what_oms_failed_to_copy_of_it_is_nobodys_fault_any_more(busy):
    busy.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), 1, of("between"))
    flown, status, said = fly_and_cut_over(busy)
    failures = status["copying"]["failures"]
    assert (failures["counted"], failures["done"], failures["unknown"]) == (1, 1, 0)
    assert (flown.answer["unfinished"], status["verdict"]["state"], said.code) == (0, "in step", 0)


def test_what_oms_fails_to_copy_again_and_again_is_finished_for_it(busy):
    busy.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), where=of("between"))
    assert ends(busy.canary(), 3)["unfinished"] == 0


def test_what_oms_lost_of_it_is_said_by_the_canary_because_nobody_can_tell_it_apart_later(busy):
    busy.task.copies.add(CopyFault.lost(), where=of("between"))
    flown, status, said = fly_and_cut_over(busy)
    assert ends(flown, 3)["unfinished"] == 1
    # A comparison that proves all there is closes it for status. The certificate is right about OMS: it may write.
    assert status["verdict"]["state"] == "in step"
    results = {one["id"]: one["result"] for one in ends(said, 3)["checks"]}
    assert results["OMS_FINISHED"] == "not proven"
    ends(cut_over(busy, "--accept", "oms_unfinished=tester: it was a canary's"), 0)


def test_what_fails_of_it_is_not_told_as_a_backlog(busy):
    busy.oms.faults.add(Fault.status(401), where=lambda request: request.raw_path.endswith("/events"))
    looks = []
    busy.meanwhile = dict.fromkeys((40, 60, 80), lambda: looks.append(busy.ops("status").answer["backlog"]))
    assert busy.canary().answer["missing"]["accepted"]
    told = [[look[name] for name in ("failed", "in_run_files", "oldest", "keys")] for look in looks]
    assert told == [[0, 0, None, []]] * 3
