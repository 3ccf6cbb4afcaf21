"""The object class of canaries: comparisons count its objects, and leave them out of digests, lags and verdicts."""

import json

import pytest

from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.server.faults import Fault
from support.migration import CONTENTS
from unit.ops.canary.canary_world import CanaryWorld, expect_exit, is_key_of


@pytest.fixture
def busy_world():
    """Yield a world with objects that an application wrote half an hour ago."""
    with CanaryWorld() as world:
        for name, contents in CONTENTS.items():
            world.write(name, contents)
        world.advance(1800)
        yield world


@pytest.fixture
def world(busy_world):
    """Return the world with the objects of a canary that was killed half an hour ago."""
    busy_world.cut_short()
    busy_world.advance(1800)
    assert len(busy_world.oss.objects(busy_world.source_bucket)) == len(CONTENTS) + 8
    return busy_world


def compare(world):
    return world.ops("compare", "--restart").answer


def class_counts(answer, name):
    """Return the numbers of objects of a class in the source and in OBS."""
    return [answer["classes"][name][side]["objects"] for side in ("source", "destination")]


def test_a_comparison_counts_canary_objects_in_a_class_of_their_own(world):
    answer = compare(world)
    assert (answer["finished"], answer["adds_up"]) == (True, True)
    assert class_counts(answer, "canary") == [8, 8]
    assert class_counts(answer, "equal_contents") == [len(CONTENTS)] * 2
    # The digests leave them out.
    expect_exit(world.canary("--remove"), 0)
    later_answer = compare(world)
    assert "canary" not in later_answer["classes"] or class_counts(later_answer, "canary")[0] == 0
    assert (later_answer["state"], later_answer["twin"]) == (answer["state"], answer["twin"])


def test_compare_neither_measures_nor_submits_canary_objects(world):
    for key in list(world.task.destination):
        if "canary" in key:
            world.obs.delete(world.destination_bucket, key)
    accept_request = world.task.acceptance_request
    answer = compare(world)
    assert class_counts(answer, "canary")[1] == 0
    assert answer["lag"]["copied"]["not_yet"] == 0
    assert answer["submitted"] == 0
    assert world.task.acceptance_request == accept_request


def test_check_accepts_a_go_that_was_issued_during_a_canary(world, tmp_path):
    file = tmp_path / "certificate.json"
    words = ("--frozen-since", "2026-01-02T00:10:00Z", "--close", "--out", str(file), "--deep")
    document = expect_exit(world.ops("cutover", *words), 0)
    assert document["verdict"] == "GO"
    assert class_counts(document, "canary") == [8, 8]
    assert document["source"]["objects"] == len(CONTENTS)
    # The listings of both buckets contain the canary.
    for side, objects in (
        ("source", world.oss.objects(world.source_bucket)),
        ("destination", world.obs.objects(world.destination_bucket)),
    ):
        lines = (json.dumps({"key": key, "size": stored_object.size}) for key, stored_object in objects.items())
        (tmp_path / side).write_text("\n".join([*lines, ""]))
    listings = ("--source", str(tmp_path / "source"), "--destination", str(tmp_path / "destination"))
    assert world.ops("check", str(file), *listings).code == 0
    # The canary is removed although the project is closed.
    assert world.canary("--remove").code == 0
    assert world.leftovers() == []


def test_the_sums_of_a_comparison_add_up_during_a_canary(busy_world):
    earlier_answer, looks = compare(busy_world), []
    busy_world.meanwhile = dict.fromkeys((20, 60), lambda: looks.append(compare(busy_world)))
    expect_exit(busy_world.canary(), 0)
    assert [(look["adds_up"], look["state"], look["twin"]) for look in looks] == [
        (True, earlier_answer["state"], earlier_answer["twin"])
    ] * 2


def test_reconcile_does_not_count_lost_events_of_canary_objects(busy_world):
    # GIVEN a canary that lost all its events, and was cut off
    busy_world.oss.lose_events(lambda key: "canary" in key)
    busy_world.cut_short()
    busy_world.advance(1800)
    accept_request = busy_world.task.acceptance_request
    # WHEN a pass looks for lost events THEN it finds none, and submits no object
    reconciliation = busy_world.ops("reconcile", "--restart").answer
    counts = [reconciliation[name] for name in ("finished", "scanned", "submitted", "orphans")]
    assert counts == [True, len(CONTENTS), 0, 0]
    assert busy_world.task.acceptance_request == accept_request
    assert busy_world.ops("status").answer["verdict"]["state"] in ("in step", "unknown")
    key = next(key for key in busy_world.oss.objects(busy_world.source_bucket) if key.endswith("/between"))
    assert busy_world.ops("story", key).answer["story"].startswith("This is a canary object")


@pytest.mark.parametrize(
    ("fault", "canary_code", "unfinished", "cutover_code"),
    [
        (lambda task: task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), 1, is_key_of("between")), 0, 0, 0),
        # The certificate is strict: OMS may still write the object.
        (lambda task: task.copy_faults.add(CopyFault.lost(), where=is_key_of("between")), 3, 1, 3),
    ],
    ids=["a failed copy", "a lost copy"],
)
def test_a_canary_with_a_failed_or_lost_copy_keeps_status_in_step(
    busy_world, fault, canary_code, unfinished, cutover_code
):
    fault(busy_world.task)
    assert expect_exit(busy_world.canary(), canary_code)["unfinished"] == unfinished
    busy_world.advance(3600)
    busy_world.ops("reconcile", "--restart")
    status = busy_world.ops("status").answer
    assert status["verdict"]["state"] == "in step"
    failures = status["copying"]["failures"]
    assert (failures["counted"], failures["done"], failures["unknown"]) == (1 - unfinished, 1 - unfinished, 0)
    file = str(busy_world.folder / "certificate.json")
    words = ("--frozen-since", "2026-01-02T01:00:00Z", "--close", "--out", file, "--deep")
    results = {
        check["id"]: check["result"] for check in expect_exit(busy_world.ops("cutover", *words), cutover_code)["checks"]
    }
    assert results["OMS_FINISHED"] == ("not proven" if unfinished else "passed")


def test_status_does_not_count_failed_records_of_a_canary_as_waiting(busy_world):
    busy_world.oms.faults.add(Fault.status(401), where=lambda request: request.raw_path.endswith("/events"))
    looks = []
    busy_world.meanwhile = dict.fromkeys((40, 60, 80), lambda: looks.append(busy_world.ops("status").answer["backlog"]))
    assert busy_world.canary().answer["missing"]["accepted"]
    backlogs = [[look[name] for name in ("failed", "in_run_files", "oldest", "keys")] for look in looks]
    assert backlogs == [[0, 0, None, []]] * 3
