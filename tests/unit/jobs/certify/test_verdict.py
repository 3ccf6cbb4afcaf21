"""GO only where nothing speaks against it; what does is named by its check, with the command that mends it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from unittest.mock import patch

import pytest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs import certify
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.runs import RunFiles
from oss_oms_sync.passes.names import differences_prefix
from support.certify_world import CertifyWorld, check, results
from support.compare_world import DAY, HOUR, MINUTE, PART
from support.world import TASK

NO_RIGHT = StorageFailure("no right", answered=True, code="AccessDenied")


def go(world: CertifyWorld, **asked: object) -> None:
    document = world.certify(**asked)
    assert (document["verdict"], results(document)) == ("GO", {}), document["text"]


def test_a_healthy_migration_is_a_go(world):
    world.freeze()
    world.prove()
    go(world)


def test_a_go_claims_of_obs_no_more_than_was_looked_at(world):
    # GIVEN an object that comes late, so that it is judged again
    world.put("c", "x", fate="lost")
    world.freeze()
    began = timestamp(world.clock.now())
    world.prove()
    world.copy_all()

    # WHEN another one is deleted in OBS before that, which nobody sees
    world.remove("b")
    world.later(HOUR)
    world.compare({"again": True})
    world.later(1)
    world.reconcile({"restart": True})

    # THEN the document says when each was looked at, and not that all were there at the end
    document = world.certify()
    assert document["passes"]["compare"]["started"] == began < document["as_of"]
    assert document["text"] == (
        "GO: each object of the source (4 objects, 6 bytes) was in OBS when it was looked at, between"
        f" {began} and {document['as_of']}, and the source stood still."
    )


def test_a_go_excepts_what_was_accepted_only_if_there_is_any(world):
    world.freeze()
    world.prove()
    assert "accepted" not in world.certify(accept={"equal_size": "the owner: a cache"})["text"]


def test_before_anything_was_looked_at_nothing_is_proven(world):
    world.freeze()
    document = world.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert results(document)["SCOPE"] == results(document)["STOOD_STILL"] == results(document)["MISSING"] == "not run"
    assert check(document, "SCOPE")["command"] == """s compare invoke -e '{"restart": true}'"""
    assert document["classes"] is None
    assert document["as_of"] is None


# What is wrong, the check that says so, its result, and the command that it tells.
AGAIN = """s compare invoke -e '{"again": true}'"""
RESTART = """s compare invoke -e '{"restart": true}'"""
REPLAY = "s replay invoke -e '{}'"
DEEP = """s compare invoke -e '{"deep": true, "restart": true}'"""


def removed(world: CertifyWorld) -> None:
    world.remove("b")


def older(world: CertifyWorld) -> None:
    world.put("b", "xy", fate="lost")


def overwritten(world: CertifyWorld) -> None:
    world.later(HOUR)
    world.write("b", "longer than it was")


@pytest.mark.parametrize(
    ("harm", "name", "following"),
    [(removed, "MISSING", AGAIN), (older, "OLDER", AGAIN)],
)
def test_what_obs_lacks_is_a_no_go_and_judging_it_again_mends_it(world, harm, name, following):
    # GIVEN what is not in OBS
    harm(world)
    world.freeze()
    world.prove()

    # WHEN the cutover is judged, THEN the check names it
    document = world.certify()
    assert (document["verdict"], results(document)) == ("NO-GO", {name: "failed"})
    assert check(document, name)["keys"] == ["b"]
    assert check(document, name)["command"] == following

    # WHEN OMS has copied what compare sent, and it is judged again, and reconcile shows that nothing moved
    world.copy_all()
    world.later(HOUR)
    world.compare({"again": True})
    assert results(world.certify()) == {"STOOD_STILL": "not run", "COPY_FAILED": "not run"}
    world.reconcile({"restart": True})
    go(world)


def test_what_is_newer_in_obs_is_a_no_go_until_somebody_decides(world):
    world.freeze()
    overwritten(world)
    world.later(HOUR)
    world.prove()
    document = world.certify()
    assert results(document) == {"OVERWRITTEN": "failed"}
    assert check(document, "OVERWRITTEN")["command"] == (
        """s compare invoke -e '{"overwrite": true, "restart": true}'"""
    )

    # The command sends it; OMS, which copies where sizes differ, makes it good.
    world.compare({"overwrite": True, "restart": True})
    world.copy_all()
    world.write("b", "b")  # as OMS does
    world.later(HOUR)
    world.prove()
    go(world)


def follow(world: CertifyWorld, document: dict, name: str) -> None:
    """Do what the check says, give OMS its time, and show that the source stood still."""
    command = check(document, name)["command"]
    found = re.fullmatch(r"s compare invoke -e '(.*)'", command)
    assert found, command
    world.compare(json.loads(found[1]))
    world.copy_all()
    world.later(HOUR)
    world.compare({**json.loads(found[1]), "restart": False, "again": True})
    world.later(1)
    world.reconcile({"restart": True})


def test_what_is_older_than_the_project_and_missing_is_sent_by_the_command(world):
    # GIVEN an object that the migration of the old ones has left out
    world.put("old", "x", fate="lost")
    world.source.modified["old"] -= 30 * DAY
    world.freeze()
    world.prove()
    document = world.certify()
    assert (results(document), check(document, "MISSING")["keys"]) == ({"MISSING": "failed"}, ["old"])
    assert "some are older" in check(document, "MISSING")["next"]

    # WHEN its command is followed, THEN it is a go
    follow(world, document, "MISSING")
    go(world)


@pytest.mark.parametrize("harm", [removed, older])
def test_what_oms_took_and_never_copied_is_sent_again_by_the_command(world, harm):
    # GIVEN what compare has sent, and OMS has lost, as judging it again shows a day later
    harm(world)
    world.freeze()
    world.prove()
    world.oms.waiting.clear()
    world.later(DAY - 2 * HOUR)
    world.oms.history.clear()
    world.compare({"again": True})
    world.later(1)
    world.reconcile({"restart": True})
    document = world.certify()
    (name,) = results(document)
    assert check(document, name)["command"] == RESTART

    # WHEN the command is followed, THEN it is a go
    follow(world, document, name)
    go(world)


@pytest.mark.parametrize(("size", "told"), [("21", "delete it in OBS"), ("123", "send these again")])
def test_what_differs_and_is_newer_in_obs_is_mended_by_what_the_check_says(world, size, told):
    # GIVEN somebody wrote to OBS, perhaps in the same size, which OMS would skip
    world.put("b", "12", "form", fate="copied")
    world.later(HOUR)
    world.write("b", size)
    world.freeze()
    world.prove(deep=True)
    document = world.certify()
    assert results(document) == {"OVERWRITTEN": "failed"}
    assert told in check(document, "OVERWRITTEN")["next"]

    # WHEN that is done, THEN it is a go
    if "delete" in told:
        world.remove("b")
    follow(world, document, "OVERWRITTEN")
    go(world)


def test_after_compare_has_sent_what_was_overwritten_it_is_judged_again(world):
    world.freeze()
    overwritten(world)
    world.later(HOUR)
    world.prove(overwrite=True)
    document = world.certify()
    assert check(document, "OVERWRITTEN")["command"] == ("""s compare invoke -e '{"overwrite": true, "again": true}'""")
    world.copy_all()
    follow(world, document, "OVERWRITTEN")
    go(world)


@pytest.mark.parametrize(("harm", "name"), [(older, "OLDER"), (overwritten, "OVERWRITTEN")])
def test_where_oms_overwrites_nothing_the_check_says_to_delete_in_obs(world, harm, name):
    harm(world)
    world.freeze()
    world.oms.overwrite_mode = "NO_OVERWRITE"
    world.later(HOUR)
    world.prove()
    document = world.certify()
    assert results(document)[name] == "failed"
    assert "delete each in OBS" in check(document, name)["next"]
    while world.oms.waiting:
        world.oms.waiting.pop()
        world.oms.note("SKIP")
    world.remove("b")
    world.later(HOUR)
    follow(world, document, name)
    go(world)


def test_no_other_command_than_that_of_overwritten_objects_overwrites_what_is_newer_in_obs(world):
    # GIVEN a pass from before the freeze that was asked to overwrite
    world.compare({"overwrite": True, "restart": True})
    world.later(HOUR)
    world.freeze()
    overwritten(world)

    # WHEN the cutover is judged, THEN no check tells to overwrite what was written in OBS since
    commands = [one["command"] for one in world.certify()["checks"]]
    assert RESTART in commands
    assert not any("overwrite" in one for one in commands)


@pytest.mark.parametrize(("kind", "data"), [("form", "12"), ("Appendable", "12"), ("Multipart", "1234")])
def test_what_is_of_equal_size_is_not_proven_until_it_is_read_or_accepted(world, mocker, kind, data):
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    world.put("b", data, kind, fate="copied")
    world.freeze()
    world.prove()
    document = world.certify()
    assert document["verdict"] == "NOT PROVEN"
    (name,) = results(document)
    assert name in ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION")
    assert check(document, name)["keys"] == ["b"]
    assert check(document, name)["command"] == DEEP

    # WHEN it is accepted by name, THEN it is a go that says so
    title = name.removeprefix("PROOF_").lower()
    go(world, accept={title: "the owner, because the upload is of a cache"})
    document = world.certify(accept={title: "the owner: a cache"})
    assert document["accepted"] == {title: "the owner: a cache"}
    assert "the owner: a cache" in check(document, name)["seen"]

    # Or it is read.
    world.prove(deep=True)
    go(world)


def test_what_reading_does_not_prove_can_only_be_accepted(world):
    world.put("b", "1234", "Multipart", fate="copied")
    world.encrypt(True)
    world.write("b", "1234")
    world.freeze()
    world.prove(deep=True)
    document = world.certify()
    (name,) = results(document)
    assert "<who, why>" in check(document, name)["command"]
    assert world.frozen in check(document, name)["command"]


def test_a_symbolic_link_is_accepted_by_name(world):
    world.put("link", "x", "Symlink")
    world.freeze()
    world.prove()
    document = world.certify()
    assert (document["verdict"], results(document)) == ("NOT PROVEN", {"PROOF_IMPOSSIBLE": "not proven"})
    go(world, accept={"impossible": "ops: it is created by hand"})
    # It stays so where somebody has copied what is behind it, as the check says.
    world.write("link", "x")
    world.later(HOUR)
    world.prove()
    document = world.certify()
    assert results(document) == {"PROOF_IMPOSSIBLE": "not proven"}
    assert check(document, "PROOF_IMPOSSIBLE")["next"] == "Copy by hand what is needed, and accept these by name"


def test_what_is_only_in_obs_and_was_never_sent_is_unknown(world):
    world.write("stranger", "x")
    world.freeze()
    world.prove()
    assert results(world.certify()) == {"UNKNOWN": "not proven"}
    go(world, accept={"unknown": "ops: a test file"})


def test_what_was_deleted_at_the_source_is_reported_and_keeps_nothing_from_a_go(world):
    world.delete("b")
    world.freeze()
    world.prove()
    go(world)
    assert world.certify()["shown"]["deleted_at_source"] == {"objects": 1, "bytes": 1}


def test_a_temporary_file_that_was_deleted_before_oms_came_keeps_nothing_from_a_go(world):
    world.put("tmp", "x", fate="refused")
    world.delete("tmp")
    world.freeze()
    world.prove()
    go(world)
    world.fail("gone too")
    document = world.certify()
    assert document["verdict"] == "GO"
    assert "1 others" in check(document, "BACKLOG")["seen"]


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.put("new", "x", fate="copied"),
        lambda world: world.delete("b"),
        lambda world: world.put("b", "xy", fate="copied"),
    ],
    ids=["written", "deleted", "overwritten"],
)
def test_what_happens_at_the_source_after_the_comparison_is_a_no_go(world, change):
    world.freeze()
    world.compare({"restart": True})
    change(world)
    world.later(MINUTE)
    world.reconcile({"restart": True})
    document = world.certify()
    assert (document["verdict"], results(document)) == ("NO-GO", {"STOOD_STILL": "failed"})
    assert check(document, "STOOD_STILL")["command"] == RESTART
    world.copy_all()
    world.freeze()  # what was written belongs to it
    world.prove()
    go(world)


def test_a_multipart_upload_that_ends_late_with_an_old_time_is_a_no_go(world):
    world.freeze()
    world.compare({"restart": True})
    world.source.add(StoredObject("a/late", b"x"))
    world.source.modified["a/late"] = world.source.modified["b"]
    world.later(MINUTE)
    world.reconcile({"restart": True})
    assert results(world.certify()) == {"STOOD_STILL": "failed"}


def test_a_reconcile_pass_from_before_the_comparison_shows_nothing(world):
    world.freeze()
    world.reconcile({"restart": True})
    world.later(MINUTE)
    world.compare({"restart": True})
    document = world.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert results(document) == {"STOOD_STILL": "not run", "COPY_FAILED": "not run"}
    assert check(document, "STOOD_STILL")["command"] == """s reconcile invoke -e '{"restart": true}'"""


def test_a_comparison_from_before_the_freeze_does_not_count(world):
    world.later(HOUR)
    world.compare()
    world.freeze()
    world.reconcile({"restart": True})
    document = world.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert "before the freeze" in check(document, "SCOPE")["seen"]


def test_a_comparison_of_a_part_does_not_count(world):
    world.freeze()
    world.prove(prefix="a/")
    document = world.certify()
    assert (document["verdict"], results(document)["SCOPE"]) == ("NOT PROVEN", "not run")
    assert check(document, "SCOPE")["command"] == RESTART


def test_a_comparison_that_is_over_a_day_old_does_not_count(world):
    world.freeze()
    world.prove()
    world.later(DAY)
    assert "too long ago" in check(world.certify(), "SCOPE")["seen"]


def test_what_is_moving_is_a_no_go_until_a_quarter_of_an_hour_has_passed(world):
    world.put("b", "xy", fate="copied")
    world.later(1)
    world.freeze()
    world.clock.seconds -= HOUR - MINUTE  # certified at once
    world.prove()
    document = world.certify()
    assert results(document)["MOVING"] == "failed"
    assert check(document, "MOVING")["command"] == AGAIN
    world.later(HOUR)
    world.compare({"again": True})
    world.later(1)
    world.reconcile({"restart": True})
    go(world)


def test_what_oms_has_accepted_and_not_copied_is_a_no_go(world):
    world.later(HOUR)
    world.put("b", "xy", fate="accepted")
    world.tick_replay()
    world.later(20 * MINUTE)
    world.frozen = "2026-01-02T01:15:00Z"
    world.prove()
    document = world.certify()
    assert results(document) == {"IN_FLIGHT": "failed"}
    world.copy_all()
    world.compare({"again": True})
    world.later(1)
    world.reconcile({"restart": True})
    go(world)


def test_a_failed_record_is_a_no_go_until_replay_has_sent_it(world):
    world.put("b", "xy", fate="refused")
    world.later(1)
    world.oms.refuses = True
    world.freeze()
    world.prove()
    document = world.certify()
    assert results(document) == {"FAILED": "failed", "BACKLOG": "failed"}
    assert check(document, "BACKLOG")["command"] == REPLAY == check(document, "FAILED")["command"]
    assert check(document, "BACKLOG")["keys"] == ["b"]
    assert "ACCOUNT" in check(document, "BACKLOG")["seen"]

    world.oms.refuses = False
    world.replay()
    world.copy_all()
    world.later(HOUR)
    world.compare({"again": True})
    world.later(1)
    world.reconcile({"restart": True})
    go(world)


def test_a_run_file_of_replay_is_a_no_go_until_a_run_has_taken_it_over(world):
    world.freeze()
    world.prove()
    world.fail("b")
    key = certify.evidence.what_waits(world.invocation(), None).failed[0]
    world.bucket.objects.pop(next(name for name in world.bucket.objects if name.endswith("failed_object/b")))
    RunFiles(world.invocation()).new([key], [], 60)
    document = world.certify()
    assert results(document) == {"BACKLOG": "failed"}
    assert "1 run files with 1 keys" in check(document, "BACKLOG")["seen"]
    world.later(10 * MINUTE)
    world.replay()
    go(world)


def test_what_oms_failed_to_copy_and_waits_to_be_sent_again_is_a_no_go(world):
    world.freeze()
    world.prove()
    record = next(
        iter([StoredObject(f"oms_source_record/{TASK}/failed_object/b", b'{"key": "b", "reason": "COPY_FAILED"}')])
    )
    world.bucket.add(record)
    world.remove("b")
    document = world.certify()
    assert results(document) == {"COPY_FAILED": "failed"}
    assert check(document, "COPY_FAILED")["keys"] == ["b"]
    world.replay()
    world.copy_all()
    go(world)


def failed_record(key: str, reason: str) -> StoredObject:
    body = {
        "key": key,
        "reason": reason,
        "first_failure": "2026-01-01T00:00:00Z",
        "last_failure": "2026-01-01T12:00:00Z",
    }
    return StoredObject(f"oms_source_record/{TASK}/failed_object/{key}", json.dumps(body).encode())


def by_hand(world: CertifyWorld) -> None:
    world.put("odd", "x", fate="lost")
    world.later(1)
    world.write("odd", "x")


def a_link(world: CertifyWorld) -> None:
    world.put("odd", "x", "Symlink")


def in_no_folder(world: CertifyWorld) -> None:
    world.there.is_file_system = True
    world.put("odd//", "x", fate="lost")


@pytest.mark.parametrize("reason", ["REJECTED", "COPY_FAILED"])
@pytest.mark.parametrize(
    ("happened", "key", "accepted"), [(by_hand, "odd", False), (a_link, "odd", True), (in_no_folder, "odd//", True)]
)
def test_the_record_of_what_is_equal_or_impossible_keeps_nothing_from_a_go(world, happened, key, accepted, reason):
    # GIVEN what OMS cannot copy, which somebody has copied by hand, or which is accepted by name
    happened(world)
    world.later(1)
    world.bucket.add(failed_record(key, reason))
    world.freeze()
    world.prove()

    # WHEN replay records it once more, THEN it is a go: it would be for ever
    world.bucket.add(failed_record(key, reason))
    go(world, accept={"impossible": "ops: not needed"} if accepted else {})


def test_where_obs_does_not_tell_each_failed_record_counts(world):
    world.freeze()
    world.prove()
    world.bucket.add(failed_record("b", "REJECTED"))
    world.there.problem = lambda kind, name: NO_RIGHT if name == "b" else None
    assert results(world.certify()) == {"BACKLOG": "failed"}


def test_keys_of_another_project_in_a_run_file_do_not_count():
    # GIVEN two projects on one task
    world = CertifyWorld(OBJECT_PREFIX="a/")
    with patch("oss_oms_sync.jobs.certify.evidence.date_at", world.date_at):
        world.put("a/1", "x", fate="copied")
        world.freeze()
        world.prove()
        runs = RunFiles(world.invocation())

        # WHEN replay of the other has keys in hand, THEN this one is a go
        runs.new([FailedKey(ObjectChange("b/1"))], [], 60)
        go(world)

        # But not where one of its own is among them.
        runs.new([FailedKey(ObjectChange("b/1")), FailedKey(ObjectChange("a/1"))], [], 60)
        document = world.certify()
    assert results(document) == {"BACKLOG": "failed"}
    assert "1 run files with 1 keys" in check(document, "BACKLOG")["seen"]


def test_without_the_right_to_read_oms_lists_nothing_is_proven(world):
    world.there.problem = lambda kind, name: NO_RIGHT if name.startswith("oms/") else None
    world.freeze()
    world.prove()
    document = world.certify()
    assert (document["verdict"], results(document)) == ("NOT PROVEN", {"COPY_FAILED": "not run"})


def test_a_stopped_task_is_a_no_go(world):
    world.freeze()
    world.prove()
    world.oms.status = "STOPPED"
    document = world.certify()
    assert (document["verdict"], results(document)) == ("NO-GO", {"TASK": "failed"})
    assert "OMS console" in check(document, "TASK")["next"]
    world.oms.status = "SYNCHRONIZING"
    go(world)


def test_the_task_of_another_bucket_is_a_no_go(world):
    world.freeze()
    world.prove()
    world.oms.source = "another"
    assert results(world.certify()) == {"TASK": "failed"}


def test_where_oms_does_not_tell_nothing_is_proven(world):
    world.freeze()
    world.prove()
    world.oms.schedule = [403] * 20
    document = world.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert results(document)["TASK"] == results(document)["SCOPE"] == "not run"
    assert "oms:synctask:get" in check(document, "TASK")["next"]
    assert document["destination_bucket"] is None


@pytest.mark.parametrize(
    ("skew", "expected"),
    [(timedelta(seconds=59), "GO"), (timedelta(seconds=-61), "NO-GO"), (None, "NOT PROVEN")],
)
@pytest.mark.parametrize("host", ["oms.", "oss-", "obs"])
def test_clocks_that_are_off_or_not_told(world, host, skew, expected):
    world.freeze()
    world.prove()
    world.skews[host] = skew
    document = world.certify()
    assert document["verdict"] == expected
    assert expected == "GO" or set(results(document)) == {"CLOCK"}


def test_a_comparison_that_does_not_add_up_is_a_no_go(world):
    world.freeze()
    world.prove()
    (name,) = [name for name in world.bucket.objects if "-compare/" in name and name.endswith("/total")]
    total = world.bucket.objects[name]
    harmed = re.sub(rb'("equal_contents": ?{"source": ?{"objects": ?)3', rb"\g<1>2", total.body)
    assert harmed != total.body
    world.bucket.objects[name] = StoredObject(name, harmed)
    document = world.certify()
    assert (document["verdict"], results(document)) == ("NO-GO", {"SUMS": "failed"})
    assert "equal_contents" in check(document, "SUMS")["seen"]
    world.prove()
    go(world)


@pytest.mark.parametrize(
    "change", [lambda world: world.delete("tmp"), lambda world: world.put("new", "x", fate="lost")]
)
def test_what_comes_and_goes_at_the_source_before_keys_are_judged_again_does_not_spoil_the_sums(world, change):
    # GIVEN a rehearsal, with an object that only OBS has and one that was just written
    world.write("new", "x")
    world.put("tmp", "x", fate="accepted")
    world.compare({"restart": True})

    # WHEN one goes, or comes, and they are judged again
    change(world)
    world.later(MINUTE)
    world.compare({"again": True})

    # THEN the sums hold all the same
    assert check(world.rehearse(), "SUMS")["result"] == "passed"


def test_nothing_that_certify_does_is_long_or_sends_anything(world):
    world.freeze()
    before = dict(world.bucket.objects)
    document = world.certify(sample=3)
    assert set(world.bucket.objects) - set(before) == {document["document"]}
    assert not any(name.startswith(differences_prefix("oss-oms-sync", "compare", TASK)) for name in before)


def test_a_failed_record_that_nobody_can_read_is_a_no_go(world):
    world.freeze()
    world.prove()
    world.bucket.add(StoredObject(f"oms_source_record/{TASK}/failed_object_long/{'0' * 64}", b"unreadable"))
    document = world.certify()
    assert results(document) == {"BACKLOG": "failed"}
    assert "1 that cannot be read" in check(document, "BACKLOG")["seen"]


def test_judging_some_keys_again_does_not_make_an_old_comparison_new(world):
    world.freeze()
    world.prove()
    world.later(DAY)
    world.compare({"again": True})
    world.later(1)
    world.reconcile({"restart": True})
    assert "too long ago" in check(world.certify(), "SCOPE")["seen"]


def test_a_total_in_a_form_that_nobody_knows_is_a_no_go(world):
    # As if another version had written it: nothing is in its classes, and nothing speaks against anything.
    world.freeze()
    world.prove()
    (name,) = [name for name in world.bucket.objects if "-compare/" in name and name.endswith("/total")]
    harmed = world.bucket.objects[name].body.replace(b'"drawn"', b'"strange"')
    world.bucket.objects[name] = StoredObject(name, harmed)
    document = world.certify()
    assert document["verdict"] == "NO-GO"
    assert results(document)["SUMS"] == "failed"
