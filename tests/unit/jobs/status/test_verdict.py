"""Verdicts: the most important fact comes first, an unknown fact is never green, and waiting keys are counted."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import PayloadError, Reason
from sandbox.server.faults import Fault
from support.status import BEHIND, IN_STEP, change_description, make_status_world, read_verdict, shows_verdict
from support.world import DAY, DROP_BEFORE, ROOT, USUAL


@pytest.mark.parametrize(("status", "reason"), [(401, "CREDENTIALS"), (403, "FORBIDDEN"), (404, "NO_TASK")])
def test_an_account_that_oms_refuses_makes_the_verdict_broken(world, status, reason):
    # GIVEN a task that OMS does not report. Keys are refused as well, unless only the permission to query is missing
    world.oms.faults.add(Fault.status(status))
    broken = ("broken", f"{reason}: {Reason[reason].fix.en}")
    assert (read_verdict(world) == broken) == (reason != "FORBIDDEN")

    # AND a key that OMS refused for a permanent reason, after another key with a temporary reason
    world.bucket.add_failed_records("b", reason="DEADLINE")
    world.bucket.add_failed_records("a", reason=reason)
    assert read_verdict(world) == broken
    assert world.status()["fixes"][reason]["en"] == Reason[reason].fix.en

    # WHEN OMS reports the task again, THEN the backlog still has the reason
    world.oms.faults.clear()
    assert read_verdict(world) == broken


def test_the_verdict_names_a_failure_of_the_sync_task_first(world):
    world.bucket.add_failed_records("a", reason="ACCOUNT")
    world.oms.faults.add(Fault.status(401))
    assert read_verdict(world) == ("broken", f"CREDENTIALS: {Reason.CREDENTIALS.fix.en}")


def test_the_verdict_lists_problems_in_order_and_the_step_of_the_first():
    # GIVEN a project without a reconcile pass, whose last comparison is too old
    world = make_status_world()
    world.bucket.add_comparison(equal_contents=3)
    world.advance(9 * DAY)
    verdict = world.status()["verdict"]
    gaps = ("no full reconcile pass has finished recently", " Also: the last comparison began at ")
    assert [text for text in gaps if text not in verdict["text"]] == []
    assert verdict["text"].index(gaps[0]) < verdict["text"].index(gaps[1])
    assert verdict["step"]["job"] == "reconcile"


def test_a_stopped_sync_task_makes_the_verdict_broken(world):
    world.task.status = "STOPPED"
    assert shows_verdict(world, "broken", "STOPPED")


@pytest.mark.parametrize(
    ("fault", "problem"),
    [(Fault.status(503, headers={"Retry-After": "60"}), "UNAVAILABLE"), (DROP_BEFORE, "UNREACHABLE")],
)
def test_status_without_oms_shows_the_log_bucket_and_is_not_green(world, fault, problem):
    world.oms.faults.add(fault)
    assert shows_verdict(world, BEHIND, "does not report")
    world.bucket.add_failed_records("b", reason="UNAVAILABLE")
    report = world.status()
    silence = report["oms_failure"]
    assert report["backlog"]["failed"] == 1
    assert report["oms"] is None
    assert bool(silence["fix"])
    assert silence["problem"] == report["statistics_failure"]["problem"] == problem


def test_a_missing_permission_to_read_the_task_makes_the_verdict_behind(world):
    world.oms.deny("oms:synctask:get")
    assert shows_verdict(world, BEHIND, "oms:synctask:get")


def test_a_prefix_without_objects_makes_the_verdict_unknown():
    # GIVEN objects, and a project whose prefix has a typo
    world = make_status_world(OBJECT_PREFIX="phots/")
    world.put_accepted("photos/1", data="photos/1", minutes_ago=60)

    # WHEN a pass has found no object in scope, THEN the verdict is not in step
    world.reconcile()
    assert shows_verdict(world, "unknown", "found no object in scope (prefix 'phots/', suffix '')")


def test_status_reports_failures_of_the_last_day_in_a_new_month(world):
    world.count_objects(60, REQUEST=1, FAILURE=1)
    change_description(world, monthly_failure_object=0, monthly_acceptance_request=0)
    assert "OMS failed to copy 1 object that" in read_verdict(world)[1]


def test_an_unreadable_run_file_prevents_the_verdict_in_step(world):
    name = f"{ROOT}replay/oss-oms-sync/1.json"
    world.bucket.add(StoredObject(name, b"?"))
    nowhere = f"cannot read run files whose keys are recorded nowhere else: {name}."
    assert shows_verdict(world, "behind", nowhere, "python3 ops.py compare")
    assert world.status()["verdict"]["step"]["job"] == "compare"


@pytest.mark.parametrize(
    "options", [{"key": "a", "hours": 1}, {"acknowledge": 1}, {"keys": ["a"]}, {"hours": 0}, {"hours": 10**9}]
)
def test_status_refuses_an_invalid_payload(world, options):
    with pytest.raises(PayloadError):
        world.status(**options)


def test_status_quotes_the_message_of_oms_about_a_refused_key(world):
    world.bucket.add_failed_records("a", reason="REFUSED", message="the key is invalid")
    (waiting,) = world.status()["backlog"]["keys"]
    assert waiting == {**waiting, "key": "a", "reason": "REFUSED", "message": "the key is invalid"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"begun": "2026-03-06T00:00:00Z", "group": "g", "run": "r"}, ("2026-03-06T00:00:00Z", "g")),
        ({"something": "else"}, ("", "")),
    ],
)
def test_status_names_a_migration_even_if_its_record_is_unreadable(world, written, expected):
    world.bucket.add_json(f"state/migrate-{world.settings.project}.json", written)
    migration = world.status()["migration"]
    assert (migration["begun"], migration["group"]) == expected
    # OMS has no such group, or the group is unknown.
    assert read_verdict(world)[0] in (BEHIND, "unknown")


# Keys that wait in the log bucket.

LONG = "最" * 330


@pytest.mark.parametrize("prefix", ["", "a/"])
def test_status_counts_no_folder_marker_as_a_failed_record(prefix):
    # GIVEN the objects that consoles make for folders
    world = make_status_world(OBJECT_PREFIX=prefix)
    world.bucket.add_pass({**USUAL, "prefix": prefix}, scanned=7)
    for name in ("failed_object/", "failed_object_long/"):
        world.bucket.add(StoredObject(f"{ROOT}{name}", b""))

    # WHEN status reports, THEN no key waits
    report = world.status()
    assert report["backlog"]["failed"] == 0
    assert report["backlog"]["outside"] == 0
    assert report["verdict"]["state"] == IN_STEP


def test_status_names_no_oldest_key_if_its_listing_is_incomplete(mocker):
    mocker.patch("oss_oms_sync.ledger.waiting._MAX_LISTED", 1)
    world = make_status_world(OBJECT_SUFFIX=".png")
    for name in "ab":
        world.bucket.add_json(f"failed_object/{name}", "")
    assert read_verdict(world) == (
        BEHIND,
        "at least 0 objects are waiting to be resent. Replay resends failed objects automatically.",
    )


def test_status_reports_the_terms_of_a_sum_that_does_not_hold():
    world = make_status_world()
    world.bucket.add_pass(scanned=5, covered=4)
    world.count_objects(0, REQUEST=12, SUCCESS=8, FAILURE=1, SKIP=2)
    first, *_, total = world.status()["sums"]
    assert (first["holds"], first["left"], sum(first["right"])) == (False, 5, 4)
    assert "but no object was missed" in first["meaning"]
    assert total["claim"] == "objects that OMS accepted this month <= copied + failed + skipped"
    assert total["left"] == 12
    assert total["right"] == [8, 1, 2]
    assert total["holds"] is False


def test_the_verdict_says_at_least_if_a_count_is_incomplete(world, mocker):
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_RECORDS_COUNTED", 5)
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_RECORDS_READ", 3)
    for number in range(7):
        world.bucket.add_failed_records(str(number), reason="THROTTLED")
    backlog = world.status()["backlog"]
    assert backlog["failed"] == 5
    assert backlog["read"] == 3
    assert backlog["at_least"] is True
    assert "at least 5 objects have been waiting" in read_verdict(world)[1]


def test_status_counts_failed_records_outside_the_filter_separately(mocker):
    # GIVEN a project for a part of the bucket, and many failures outside this part
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_RECORDS_COUNTED", 4)
    world = make_status_world(OBJECT_PREFIX="b/")
    for key in ("a/1", "a/2", f"a/{LONG}", "b/1", f"b/{LONG}", "c/1"):
        world.bucket.add_failed_records(key, reason="REFUSED")

    # WHEN status reports, THEN the project's own keys wait, and the others are only counted
    report = world.status()
    backlog, state = report["backlog"], report["verdict"]["state"]
    assert backlog["failed"] == 2
    assert backlog["outside"] == 4
    assert state == BEHIND
    assert {waiting_key["key"] for waiting_key in backlog["keys"]} == {"b/1", f"b/{LONG}"}


def test_status_ignores_the_pass_and_the_replay_of_another_project():
    # GIVEN another project for the same task that has ended a pass and a replay
    world = make_status_world(OBJECT_PREFIX="a/")
    for job in ("reconcile", "replay"):
        world.invoke(job)
    assert world.status()["replay"]

    # WHEN this project reports, THEN it does not count the other project's pass and replay
    world.variables = {**world.variables, "OBJECT_PREFIX": "b/"}
    world.start()
    report = world.status()
    assert report["reconcile"] == {"last": None, "open": []}
    assert report["replay"] is None


def test_status_counts_keys_in_run_files_as_waiting(world):
    world.bucket.add_run_file("a", first_failure="2020-01-01T00:00:00Z")
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/x.json", b"unreadable"))
    backlog = world.status()["backlog"]
    assert backlog["run_files"] == 2
    assert backlog["in_run_files"] == 1
    assert backlog["oldest"] == "2020-01-01T00:00:00Z"


def test_status_reports_run_files_of_a_project_idle_for_a_day(world):
    # GIVEN another project of the task with a run file and an active timer
    of_another = f"{ROOT}replay/thumbnails/20260310T115000Z.json"
    world.bucket.add(StoredObject(of_another, b"[]"))
    timer = StoredObject(f"{ROOT}state/reconcile-timer-thumbnails.json", b"{}")
    world.bucket.add(timer)

    # WHEN the other project's timer has fired within the day, THEN its keys are not left behind
    world.advance(20 * 60 * 60)
    world.bucket.add(timer)
    world.advance(23 * 60 * 60)
    assert world.status()["backlog"]["left_behind"] == []

    # WHEN the timer fired longer ago, THEN no project resends the keys
    world.advance(2 * 60 * 60)
    report = world.status()
    (left,) = report["backlog"]["left_behind"]
    folder, last = f"{ROOT}replay/thumbnails/", "2026-03-11T08:00:00Z"
    assert left == {**left, "project": "thumbnails", "run_files": 1, "folder": folder, "last_run": last}
    assert (
        f"no project resends the objects in these files: thumbnails (1 run file below {folder})"
        in report["verdict"]["text"]
    )
