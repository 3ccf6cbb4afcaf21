"""Verdicts: GO only if no check prevents it. A failed check names its objects, and the command that repairs them."""

from __future__ import annotations

import pytest

from ops.shell import command
from oss_oms_sync.answers.step import Step
from oss_oms_sync.clock import timestamp
from sandbox.oms.copier import CopyFault
from support.certificate import check, results, verdict
from support.world import DAY, HOUR, PART, World, oss_error
from unit.jobs.certify.mending import DEEP, RESTART, is_mended, step_options

OVERWRITING = {"job": "migrate", "options": {"overwrite": True, "prefix": ["a/1"]}}
# Checks that need a closed project.
NOT_YET = ("CLOSED", "OMS_FINISHED", "STOOD_STILL", "NOTHING_WAITS")


def test_a_go_of_a_healthy_migration_has_no_exceptions(ready):
    assert ready.is_go()
    assert "accepted" not in ready.certify(accept={"equal_size": "the owner: a cache"})["text"]


def test_a_go_claims_equality_only_for_checked_times_and_objects(world):
    # GIVEN a late object, so that it is rechecked
    world.put("c", "x", fate="lost")
    world.freeze()
    began = timestamp(world.clock.now())
    world.open_and_compare()
    world.recheck()

    # THEN the document has the time of each check, and the last time without a change
    document = world.certify()
    still = document["passes"]["standstill"]["began"]
    assert document["passes"]["compare"]["started"] == began < document["as_of"] < still < document["made"]
    assert document["text"] == (
        "GO. Each source object (4 objects, 6 bytes) was in OBS with equal contents when checked, between"
        f" {began} and {document['as_of']}. Both buckets were unchanged at {still}. The project was closed at"
        f" {document['closed']['written']}; nothing was submitted more than two minutes after that, and OMS had"
        " finished. Headers were not compared."
    )


def test_certify_proves_nothing_before_the_first_comparison(world):
    world.freeze()
    document = world.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert document["classes"] is None
    assert document["as_of"] is None
    assert results(document)["SCOPE"] == results(document)["STOOD_STILL"] == results(document)["MISSING"] == "not run"
    assert step_options(check(document, "SCOPE")) == RESTART


def remove_copy(world: World) -> None:
    world.remove("b")


def lose_copy_of_new_version(world: World) -> None:
    world.put("b", "xy", fate="lost")


def overwrite_copy(world: World) -> None:
    world.advance(HOUR)
    world.write("b", "longer than it was")
    world.advance(HOUR)


def leave_out_existing_object(world: World) -> None:
    """Write an object that is older than the project, and that the migration of existing objects did not copy."""
    world.put("old", "x", fate="lost")
    world.source.modified["old"] -= 30 * DAY


@pytest.mark.parametrize(("cause_fault", "name"), [(remove_copy, "MISSING"), (lose_copy_of_new_version, "OLDER")])
def test_an_object_that_obs_lacks_prevents_a_go_until_its_recheck(world, cause_fault, name):
    # GIVEN an object that OBS lacks
    cause_fault(world)
    world.freeze()
    world.open_and_compare()

    # WHEN the cutover is judged, THEN the check names it
    finding = world.find_obstacle(name, "failed", *NOT_YET)
    assert finding["keys"] == ["b"]
    assert step_options(finding) == {}

    # WHEN OMS has copied the submitted key, a recheck follows, and nothing changes after it
    world.advance(HOUR)
    world.open_and_compare(again=True)
    assert results(world.certify()) == dict.fromkeys(NOT_YET, "not run")
    world.stand_still()
    assert world.is_go()


@pytest.mark.parametrize(
    ("cause_fault", "compare_options", "name", "words"),
    [
        (leave_out_existing_object, {}, "MISSING", "some of these objects are older"),
        # It is newer in OBS, in another size.
        (overwrite_copy, {"deep": True}, "OVERWRITTEN", "resend the objects"),
    ],
)
def test_the_command_of_a_no_go_submits_objects_that_compare_did_not(world, cause_fault, compare_options, name, words):
    cause_fault(world)
    world.get_ready(**compare_options)
    finding = world.find_obstacle(name)
    assert words in finding["next"]
    assert is_mended(world, finding)


@pytest.mark.parametrize(("cause_fault", "name"), [(remove_copy, "MISSING"), (lose_copy_of_new_version, "OLDER")])
def test_the_command_of_a_no_go_resends_an_object_that_oms_lost(world, cause_fault, name):
    # GIVEN a key that compare submitted and OMS lost, as a recheck shows
    cause_fault(world)
    world.freeze()
    world.task.copy_faults.then(CopyFault.lost())
    world.open_and_compare()
    world.advance(HOUR)
    world.open_and_compare(again=True)
    finding = world.find_obstacle(name, "failed", *NOT_YET)
    assert step_options(finding) == RESTART

    # WHEN the command is run, THEN it is a GO except for the copy that OMS never finishes
    world.open_and_compare()
    world.recheck()
    assert results(world.certify()) == {"OMS_FINISHED": "not proven"}
    assert world.is_go(accept={"oms_unfinished": "the owner: it was lost"})


def finish_older_version_late(world: World, key: str) -> None:
    """Let OMS finish the copy of an older version of equal size after the copy of the current version."""
    world.put(key, "12", "form")
    world.advance(HOUR)
    world.write(key, "21")


def test_the_command_of_a_no_go_overwrites_an_object_that_oms_skips(world):
    finish_older_version_late(world, "a/1")
    world.get_ready(deep=True)
    finding = world.find_obstacle("OVERWRITTEN")
    assert finding["step"] == OVERWRITING
    assert command(Step(**OVERWRITING)).partition("ops.py ")[2] in finding["next"]
    # WHEN a task group has overwritten it, THEN it is a go
    world.write("a/1", "12")
    world.recheck(deep=True)
    assert world.is_go()


def test_the_overwriting_command_of_a_no_go_mends_older_objects_too(world):
    finish_older_version_late(world, "a/1")
    world.put("b/1", "1")
    world.advance(HOUR)
    world.put("b/1", "12", fate="lost")
    world.task.copy_faults.then(CopyFault.lost())
    document = world.cut_over(deep=True)
    assert [name for name, result in results(document).items() if result == "failed"] == ["OVERWRITTEN", "OLDER"]
    assert check(document, "OVERWRITTEN")["step"]["options"] == {"overwrite": True, "prefix": ["a/1", "b/1"]}


def test_a_no_go_with_a_suffix_filter_asks_to_delete_skipped_objects():
    world = World.installed("a.jpg", OBJECT_SUFFIX=".jpg")
    finish_older_version_late(world, "a.jpg")
    world.get_ready(deep=True)
    finding = world.find_obstacle("OVERWRITTEN")
    assert "so delete each object in OBS" in finding["next"]
    world.remove("a.jpg")
    assert is_mended(world, finding)


@pytest.fixture
def skipping_world(world: World) -> World:
    """Return a world in which an object was written twice with equal contents, and OMS skipped the second version."""
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    for _ in range(2):
        world.put("a/1", "12", "Appendable")
        world.advance(HOUR)
    world.freeze()
    world.open_and_compare()
    return world


def test_the_command_of_a_no_go_overwrites_a_skipped_archived_object(skipping_world):
    # GIVEN that the object is archived
    skipping_world.source.fail(oss_error(403, "InvalidObjectState"), "get")
    skipping_world.advance(HOUR)
    skipping_world.open_and_compare(deep=True)
    assert check(skipping_world.certify(), "OLDER")["step"] == OVERWRITING


def test_a_no_go_does_not_overwrite_a_skipped_object_that_is_unreadable(skipping_world):
    # GIVEN a role without the permission to read objects, as usual roles have
    skipping_world.source.fail(oss_error(403, "AccessDenied"), "get")
    # WHEN a cutover compares and reads, THEN the permission comes first, until the object was read
    for asked_for in ({"cutover": True}, {"deep": True}):
        skipping_world.advance(HOUR)
        skipping_world.open_and_compare(**asked_for)
        finding = check(skipping_world.certify(), "OLDER")
        assert step_options(finding) == DEEP
        assert "lacks oss:GetObject on the source bucket" in finding["next"]


def test_a_lost_newer_object_is_resent_if_oms_overwrites_always(world):
    world.task.overwrite_mode = "FULL_OVERWRITE"
    finish_older_version_late(world, "b")
    world.freeze()
    world.task.copy_faults.then(CopyFault.lost())
    world.open_and_compare(deep=True, overwrite=True)
    world.advance(HOUR)
    world.open_and_compare(deep=True)
    assert step_options(check(world.certify(), "OVERWRITTEN")) == {"overwrite": True, **DEEP}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_newer_object_in_obs_prevents_a_go_until_it_is_overwritten(world, overwrite):
    world.freeze()
    overwrite_copy(world)
    world.open_and_compare(overwrite=overwrite)
    finding = world.find_obstacle("OVERWRITTEN", "failed", *NOT_YET)
    # If compare submitted the key, it only needs a recheck.
    assert step_options(finding) == {"overwrite": True, "again" if overwrite else "restart": True}
    assert is_mended(world, finding)


@pytest.mark.parametrize(
    ("cause_fault", "name"), [(lose_copy_of_new_version, "OLDER"), (overwrite_copy, "OVERWRITTEN")]
)
def test_a_no_go_requires_deletion_in_obs_if_oms_never_overwrites(world, cause_fault, name):
    cause_fault(world)
    world.task.overwrite_mode = "NO_OVERWRITE"
    world.get_ready()
    finding = check(world.certify(), name)
    assert finding["result"] == "failed"
    assert "delete each object in OBS" in finding["next"]
    world.advance(HOUR)
    world.remove("b")
    assert is_mended(world, finding)


def test_only_the_check_overwritten_recommends_the_option_overwrite(world):
    # GIVEN a pass from before the freeze that was asked to overwrite
    world.open_and_compare(overwrite=True)
    world.advance(HOUR)
    world.freeze()
    overwrite_copy(world)

    # WHEN the cutover is judged, THEN no check says to overwrite later writes in OBS
    steps = [finding["step"]["options"] for finding in world.certify()["checks"] if finding["step"]]
    assert {"frozen_since": world.frozen, **RESTART} in steps
    assert not any("overwrite" in step for step in steps)


@pytest.mark.parametrize(("kind", "data"), [("form", "12"), ("Appendable", "12"), ("Multipart", "1234")])
def test_an_object_of_equal_size_prevents_a_go_until_read_or_accepted(world, mocker, kind, data):
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    world.put("b", data, kind)
    (name,) = results(world.cut_over())
    assert name in ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION")
    finding = world.find_obstacle(name, "not proven")
    assert finding["keys"] == ["b"]
    assert step_options(finding) == DEEP

    # WHEN it is accepted by name, THEN it is a go that says so
    accepted = {name.removeprefix("PROOF_").lower(): "the owner: a cache"}
    document = world.certify(accept=accepted)
    assert document["verdict"] == "GO"
    assert document["accepted"] == accepted
    assert "the owner: a cache" in check(document, name)["actual"]

    # AND reading the object leads to a GO as well.
    world.prove(deep=True)
    assert world.is_go()


def test_a_single_command_accepts_all_object_classes_without_a_proof(world):
    world.put("link", "x", "Symlink")
    world.put("b", "1234", "Multipart")
    world.obs.bucket(world.destination.name).is_encrypted = True
    world.write("b", "1234")
    # Before reading, a command accepts only the class without another remedy.
    step = check(world.cut_over(), "PROOF_IMPOSSIBLE")["step"]
    assert step["options"]["accept"] == {"impossible": "<who, why>"}
    world.prove(deep=True)
    document = world.certify()
    findings = [check(document, name) for name in results(document)]
    accepted = {finding["id"].removeprefix("PROOF_").lower(): "<who, why>" for finding in findings}
    assert accepted.keys() > {"impossible"}
    step = {"job": "cutover", "options": {"frozen_since": world.frozen, "accept": accepted}}
    assert [finding["step"] for finding in findings] == [step] * 2
    assert not [finding for finding in findings if "policies/show.py" in finding["next"]]


def test_certify_names_the_permission_that_a_proof_needs(world):
    world.put("b", "1234", "Multipart")
    world.write("b", "4321")
    world.obs.deny("obs:object:GetObject")
    document = world.cut_over(deep=True)
    (finding,) = (check(document, name) for name in results(document))
    assert finding["next"].startswith(
        "1 object differs or is encrypted in OBS: to find out which, the IAM user of HW_AK needs"
        " obs:object:GetObject (python3 policies/show.py prints the policy). Grant the missing permission, then"
        " start over with --deep --restart. Alternatively,"
    )
    assert "accept" in finding["step"]["options"]


def test_a_symbolic_link_prevents_a_go_until_it_is_accepted(world):
    world.put("link", "x", "Symlink")
    world.get_ready()
    world.find_obstacle("PROOF_IMPOSSIBLE", "not proven")
    assert world.is_go(accept={"impossible": "ops: it is created by hand"})
    # The verdict stays after a copy of the target by hand, as the check says.
    world.write("link", "x")
    world.advance(HOUR)
    world.prove()
    says = world.find_obstacle("PROOF_IMPOSSIBLE", "not proven")["next"]
    assert says == "Copy by hand the objects that OBS needs, then accept the class by name"


def test_an_object_in_obs_that_was_never_submitted_prevents_a_go(world):
    world.write("stranger", "x")
    assert results(world.cut_over()) == {"UNKNOWN": "not proven"}
    assert world.is_go(accept={"unknown": "ops: a test file"})


def test_certify_reports_objects_deleted_at_the_source_and_issues_a_go(world):
    world.delete("b")
    # GIVEN a temporary file as well, which was deleted before it was accepted
    world.put("tmp", "x", fate="refused")
    world.delete("tmp")
    world.get_ready()
    world.bucket.add_failed_records("gone too", reason="REJECTED")
    document = world.certify()
    assert verdict(document) == ("GO", {})
    assert document["classes"]["deleted_at_source"]["destination"] == {"objects": 1, "bytes": 1}
    assert "1 key that needs no action" in check(document, "NOTHING_WAITS")["actual"]


def test_a_no_go_requires_a_migration_if_too_many_objects_are_missing(world, mocker):
    mocker.patch("oss_oms_sync.passes.driver.max_submissions", return_value=0)
    world.put("late", "xy", fate="lost")
    world.get_ready()
    assert world.find_obstacle("MISSING")["step"] == {"job": "migrate", "options": {}}
