"""What a canary wrote is a class of its own: counted, and in nothing that anybody goes by."""

import json

import pytest

from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.server.faults import Fault
from support.migration import CONTENTS
from unit.ops.canary.canary_world import CanaryWorld


@pytest.fixture
def world():
    """With objects of an application, and those of a canary that was cut off while it waited, for half an hour."""
    with CanaryWorld() as world:
        for name, contents in CONTENTS.items():
            world.write(name, contents)
        world.cut_short()
        world.later(1800)
        assert len(world.oss.objects(world.source_bucket)) == len(CONTENTS) + 7
        yield world


def compared(world):
    said = world.ops("compare", "--restart")
    return said.answer


def test_a_comparison_counts_it_on_both_sides_and_it_adds_up(world):
    answer = compared(world)
    assert answer["finished"]
    assert answer["adds_up"]
    one = answer["classes"]["canary"]
    assert (one["source"]["objects"], one["destination"]["objects"]) == (7, 7)
    assert answer["classes"]["equal_contents"]["source"]["objects"] == len(CONTENTS)


def test_no_digest_changes_with_it(world):
    before = compared(world)
    assert world.canary("--remove").code == 0
    after = compared(world)
    assert "canary" not in after["classes"] or after["classes"]["canary"]["source"]["objects"] == 0
    for name in ("state", "twin"):
        assert before[name] == after[name]


def test_no_lag_is_told_of_it_and_nothing_is_sent_for_it(world):
    for key in list(world.task.destination):
        if "canary" in key:
            world.obs.delete(world.destination_bucket, key)
    accepted = world.task.acceptance_request
    answer = compared(world)
    assert answer["classes"]["canary"]["destination"]["objects"] == 0
    assert (answer["submitted"], world.task.acceptance_request) == (0, accepted)
    assert answer["lag"]["copied"]["not_yet"] == 0


def test_a_go_is_given_beside_it_and_its_document_is_sound(world, tmp_path):
    file = tmp_path / "certificate.json"
    said = world.ops("cutover", "--frozen-since", "2026-01-02T00:10:00Z", "--close", "--out", str(file), "--deep")
    assert said.code == 0, [(one["id"], one["seen"]) for one in said.answer["checks"] if one["result"] != "passed"]
    document = json.loads(file.read_text())
    assert document["verdict"] == "GO"
    assert document["classes"]["canary"]["source"]["objects"] == 7
    assert document["source"]["objects"] == len(CONTENTS)
    # A stranger lists both buckets, canaries and all.
    listings = []
    for side, objects in (
        ("source", world.oss.objects(world.source_bucket)),
        ("destination", world.obs.objects(world.destination_bucket)),
    ):
        listing = tmp_path / side
        listing.write_text("".join(json.dumps({"key": key, "size": one.size}) + "\n" for key, one in objects.items()))
        listings += [f"--{side}", str(listing)]
    assert world.ops("check", str(file), *listings).code == 0
    # And it is removed although the project is closed.
    assert world.canary("--remove").code == 0
    assert world.left() == []


def test_a_canary_beside_a_comparison_disturbs_it_not():
    with CanaryWorld(3) as world:
        for name, contents in CONTENTS.items():
            world.write(name, contents)
        world.later(1800)
        before = compared(world)
        looks = []

        def look(number):
            if number in (20, 60):
                looks.append(compared(world))

        world.meanwhile = look
        assert world.canary().code == 0
        assert len(looks) == 2
        for answer in looks:
            assert answer["adds_up"]
            assert (answer["state"], answer["twin"]) == (before["state"], before["twin"])


def test_an_event_of_it_that_is_lost_is_the_canarys_to_tell():
    with CanaryWorld(5) as world:
        for name, contents in CONTENTS.items():
            world.write(name, contents)
        world.later(1200)
        # GIVEN a canary whose events are all lost, and which is cut off
        world.oss.lose_events(lambda key: "canary" in key)
        world.cut_short()
        world.later(1800)
        accepted = world.task.acceptance_request
        # WHEN a pass looks for lost events THEN it finds none, and sends nothing
        found = world.ops("reconcile", "--restart").answer
        assert found["finished"]
        assert (found["scanned"], found["submitted"], found["orphans"]) == (len(CONTENTS), 0, 0)
        assert world.task.acceptance_request == accepted
        assert world.ops("status").answer["verdict"]["state"] in ("in step", "not known")
        key = next(key for key in world.oss.objects(world.source_bucket) if key.endswith("/between"))
        assert world.ops("story", key).answer["story"].startswith("It is a canary's")


def fly_and_cut_over(world):
    """A canary, and an hour later a cutover."""
    for name, contents in CONTENTS.items():
        world.write(name, contents)
    world.later(1800)
    flown = world.canary()
    world.later(3600)
    world.ops("reconcile", "--restart")
    status = world.ops("status").answer
    return flown, status, cut_over(world, "--deep")


def cut_over(world, *words):
    file = str(world.folder / "certificate.json")
    return world.ops("cutover", "--frozen-since", "2026-01-02T01:00:00Z", "--close", "--out", file, *words)


def test_after_a_canary_that_came_back_nothing_of_it_is_told_or_left():
    with CanaryWorld(6) as world:
        flown, status, said = fly_and_cut_over(world)
        assert (flown.code, flown.answer["unfinished"]) == (0, 0)
        assert status["verdict"]["state"] == "in step"
        assert (status["copying"]["failed"], status["copying"]["unfinished"]["objects"]) == (0, 0)
        assert (said.code, said.answer["verdict"]) == (0, "GO")


def test_what_oms_failed_to_copy_of_it_is_nobodys_fault_any_more():
    with CanaryWorld(7) as world:
        world.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), 1, lambda key: key.endswith("/between"))
        flown, status, said = fly_and_cut_over(world)
        assert flown.answer["unfinished"] == 0
        failures = status["copying"]["failures"]
        assert (failures["counted"], failures["done"], failures["unknown"]) == (1, 1, 0)
        assert status["verdict"]["state"] == "in step"
        assert said.code == 0


def test_what_oms_fails_to_copy_again_and_again_is_finished_for_it():
    with CanaryWorld(7) as world:
        world.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), where=lambda key: key.endswith("/between"))
        flown = world.canary()
        assert (flown.code, flown.answer["unfinished"]) == (3, 0)


def test_what_oms_lost_of_it_is_said_by_the_canary_because_nobody_can_tell_it_apart_later():
    with CanaryWorld(8) as world:
        world.task.copies.add(CopyFault.lost(), where=lambda key: key.endswith("/between"))
        flown, status, said = fly_and_cut_over(world)
        assert (flown.code, flown.answer["unfinished"]) == (3, 1)
        # A comparison that proves all there is closes it for status. The certificate is right about OMS: it may write.
        assert status["verdict"]["state"] == "in step"
        (check,) = (one for one in said.answer["checks"] if one["id"] == "OMS_FINISHED")
        assert (said.code, check["result"]) == (3, "not proven")
        assert cut_over(world, "--accept", "oms_unfinished=tester: it was a canary's").code == 0


def test_what_fails_of_it_is_not_told_as_a_backlog():
    with CanaryWorld(4) as world:
        world.oms.faults.add(Fault.status(401), where=lambda request: request.raw_path.endswith("/events"))
        looks = []

        def look(number):
            if number in (40, 60, 80):
                looks.append(world.ops("status").answer["backlog"])

        world.meanwhile = look
        said = world.canary()
        assert said.answer["missing"]["accepted"]
        assert len(looks) == 3
        for backlog in looks:
            assert (backlog["failed"], backlog["in_run_files"], backlog["oldest"], backlog["keys"]) == (0, 0, None, [])
