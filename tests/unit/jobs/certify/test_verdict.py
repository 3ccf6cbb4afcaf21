"""Verdicts: GO only if no check prevents it. A failed check names its objects, and the command that repairs them."""

from __future__ import annotations

import pytest

from oss_oms_sync.clock import timestamp
from sandbox.oms.copier import CopyFault
from support.certificate import check, results, verdict
from support.world import DAY, HOUR, World, oss_error


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
        f" {began} and {document['as_of']}. From the comparison to {still}, both buckets were unchanged. The project"
        f" was closed at {document['closed']['written']}; nothing was submitted more than two minutes after that, and"
        " OMS had finished. Headers were not compared."
    )


def leave_out_existing_object(world: World) -> None:
    """Write an object that is older than the project, and that the migration of existing objects did not copy."""
    world.put("old", "x", fate="lost")
    world.source.modified["old"] -= 30 * DAY
    world.get_ready()


def lose_submitted_copy(world: World) -> None:
    """Let OMS lose a key that compare submitted, as a recheck shows."""
    world.remove("b")
    world.freeze()
    world.task.copy_faults.then(CopyFault.lost())
    world.open_and_compare()
    world.recheck()


def skip_object(world: World) -> None:
    """Let OMS finish the copy of an older version of equal size after the copy of the current version."""
    world.put("a/1", "12", "form")
    world.advance(HOUR)
    world.write("a/1", "21")
    world.get_ready(deep=True)


def skip_unreadable_object(world: World) -> None:
    """Write an object twice with equal contents, so that OMS skips it; the role must not read it."""
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    for _ in range(2):
        world.put("a/1", "12", "Appendable")
        world.advance(HOUR)
    world.freeze()
    world.open_and_compare()
    world.source.fail(oss_error(403, "AccessDenied"), "get")
    world.advance(HOUR)
    world.open_and_compare(deep=True)


@pytest.mark.parametrize(
    ("cause_fault", "name", "options"),
    [
        (leave_out_existing_object, "MISSING", {"restart": True, "since": "2025-12-03T00:00:01Z"}),
        (lose_submitted_copy, "MISSING", {"restart": True}),
        (skip_object, "OVERWRITTEN", {"overwrite": True, "prefix": ["a/1"]}),
        (skip_unreadable_object, "OLDER", {"deep": True, "restart": True}),
    ],
)
def test_a_no_go_names_the_step_by_the_results_of_earlier_submissions(world, cause_fault, name, options):
    cause_fault(world)
    step = check(world.certify(), name)["step"]["options"]
    assert {option: step[option] for option in step if option != "frozen_since"} == options


def test_certify_names_the_permission_that_a_proof_needs(world):
    world.put("b", "1234", "Multipart")
    world.write("b", "4321")
    world.obs.deny("obs:object:GetObject")
    document = world.cut_over(deep=True)
    (finding,) = (check(document, name) for name in results(document))
    assert finding["next"].startswith(
        "1 object differs or is encrypted in OBS: to find out which, the IAM user of HW_AK needs"
        " obs:object:GetObject (python3 policies/show.py prints the policy). Grant the missing permission, then"
        " run the cutover again with --deep --restart. Alternatively,"
    )
    assert "accept" in finding["step"]["options"]


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
    assert "1 key in failed records or run files needs no action" in check(document, "NOTHING_WAITS")["actual"]


def test_a_no_go_requires_a_migration_if_too_many_objects_are_missing(world, mocker):
    mocker.patch("oss_oms_sync.passes.driver.max_submissions", return_value=0)
    world.put("late", "xy", fate="lost")
    world.get_ready()
    assert world.find_obstacle("MISSING")["step"] == {"job": "migrate", "options": {}}
