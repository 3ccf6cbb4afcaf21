"""The command `ops.py migrate`: the existing objects of the source arrive in OBS, also after an interruption."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from unittest.mock import patch

import pytest

from ops.clouds.bucket_client import BucketAddress
from ops.clouds.buckets import OssBucketClient
from ops.clouds.keys import Keys, Secret
from ops.cost.prices import Prices
from ops.functions import tool_output
from ops.intention import Intention, Intentions
from ops.migrate.messages import plan, progress_line
from oss_oms_sync.answers.task_group import TaskGroup
from sandbox.oms.copier import CopyFault
from sandbox.oms.group import Status
from sandbox.server.faults import Fault
from support.administrator import draw_interruptions
from support.law import EXTRAS
from support.migration import Caller, MachineClock
from support.ops import DOCTOR_OK, OPS, compare_answer, make_class_counts
from unit.ops.migrate.migrate_world import FAILURE, MigrateWorld
from unit.ops.setup.setup_world import NAME, YES, expect_exit, expect_success, set_variables


def test_migrate_copies_all_existing_objects_and_leaves_no_access_key(world):
    world.oss.put(world.source_bucket, "new", b"live")
    world.wait_idle(60)
    world.fill(1000)
    result_text = "The migration is finished\n  100.0% of 1,001 objects: 1,000 copied, 1 skipped, 0 failed;"
    expect_success(world.migrate(), result_text, "python3 ops.py compare --deep")
    assert world.count_copies() == 1001
    assert world.is_finished() is True
    outcome, group = world.read_outcome(), world.group
    assert outcome["how"] == "done"
    assert outcome["group"] == group.group_id
    assert outcome["prefixes"] == [""]
    assert outcome["begun"] < outcome["ended"]
    assert group.settings.src_bucket == "photos"
    assert group.bucket.name == "photos-obs"
    assert group.copies_metadata is True
    note = f"oss-oms-sync:{NAME}:photos:{outcome['run']}"
    assert group.settings.records_failures is True
    assert group.settings.description == note


def migrate_archived(world, *words, typed=""):
    """Migrate three objects, one of them archived; return the exit code, the output and the number of copies."""
    world.fill(2)
    world.fill(1, prefix="cold/", storage_class="Archive")
    resource, ram = f"acs:oss:*:*:{world.source_bucket}/*", world.ram.entities
    statement = {"Effect": "Allow", "Action": "oss:RestoreObject", "Resource": resource}
    ram.create_policy("restore", json.dumps({"Version": "1", "Statement": [statement]}))
    ram.attach_policy_to_user("Custom", "restore", f"{NAME}-oms")
    world.advance(60)
    code, output = world.migrate(*words, typed=typed)
    return code, output, world.count_copies()


@pytest.mark.parametrize(("words", "typed"), [([], "yes\ny\n"), (["--restore"], "yes\n"), (["--yes", "--restore"], "")])
def test_migrate_restores_and_copies_archived_objects_after_a_yes(world, words, typed):
    code, output, copied_keys = migrate_archived(world, *words, typed=typed)
    assert "about 0.009 dollars per GB and 0.43 dollars per 10,000 objects" in output, output
    assert (code, copied_keys) == (0, 3), output


@pytest.mark.parametrize(("words", "typed"), [([], "yes\n\n"), ([], "yes\n"), (["--yes"], "")])
def test_migrate_restores_no_archived_object_without_a_yes(world, words, typed):
    code, output, copied_keys = migrate_archived(world, *words, typed=typed)
    assert "2 copied, 0 skipped, 1 failed" in output, output
    assert (code, copied_keys) == (1, 2), output
    assert ("user photos-sync-oms needs the permission oss:RestoreObject" in output) == (words == [])


@pytest.mark.parametrize(
    ("words", "policy", "classes", "line"),
    [
        ((), "STANDARD", {"STANDARD"}, "Storage class in OBS: Standard, even for source objects of another class."),
        (("--keep-storage-class",), "SRC_STORAGE_MAPPING", {"STANDARD", "WARM"}, "bills IA objects for at least 30"),
    ],
)
def test_copies_of_a_migration_have_the_storage_class_of_its_plan(world, words, policy, classes, line):
    world.fill(2)
    world.fill(1, prefix="ia/", storage_class="IA")
    expect_success(world.migrate(*words), line)
    assert {stored.storage_class for stored in world.obs.objects("photos-obs").values()} == classes
    (request,) = [json.loads(sent.body) for sent in world.sent if sent.method == "POST" and "/taskgroups" in sent.url]
    assert request.get("dst_storage_policy", "STANDARD") == policy
    # Without the option no byte of the request differs from earlier requests.
    assert ("dst_storage_policy" in request) == bool(words)


def test_the_plan_of_a_migration_counts_objects_missing_in_obs(world):
    world.fill(2, size=500)
    world.fill(1, prefix="ia/", size=3_000, storage_class="IA")
    world.advance(86_400)
    for words in (["--since", "2020-01-01", "--dry-run"], []):
        assert world.run("compare", *words)[0] in (0, 1)
    by_class = "1 object, 3.00 kB: IA at the source, not in OBS"
    size = "the migration will copy 3 objects (4.00 kB)"
    expect_exit(world.migrate(typed="no\n"), 2, size, "this will take about", "OMS", by_class)


def test_an_interrupted_migration_keeps_its_choices_of_storage_classes(world):
    with patch("ops.clouds.oms.TaskGroups.create", side_effect=KeyboardInterrupt):
        expect_exit(world.migrate("--restore", "--keep-storage-class"), 130)
    assert migrate_archived(world, "--yes")[::2] == (0, 3)
    assert {stored.storage_class for stored in world.obs.objects("photos-obs").values()} == {"STANDARD", "COLD"}


@pytest.mark.parametrize(
    ("words", "code", "phrase", "copied"),
    [
        ([], 0, "Only objects with the prefix old/ are copied", 30),
        (["--prefix", "ol"], 0, "Only objects with the prefix old/ are copied", 30),
        (["--prefix", "old/a/", "--prefix", "old/b/"], 0, "The migration is finished", 20),
        (["--prefix", "other/"], 2, "The project does not cover keys with the prefix other/", 0),
    ],
    ids=["the project's prefix", "a shorter prefix", "two prefixes below the project's", "another prefix"],
)
def test_a_migration_copies_only_the_projects_objects_with_its_prefixes(world, words, code, phrase, copied):
    set_variables(world, objectPrefix="old/")
    world.deploy_project(world.folder)
    for prefix in ("old/a/", "old/b/", "old/c/", "other/"):
        world.fill(10, prefix=prefix)
    expect_exit(world.migrate(*words), code, phrase)
    assert len(world.oms.groups.list_all()) == (1 if copied else 0)
    assert world.count_copies() == copied


USER = f"{NAME}-oms"
# For each obstacle: the call that causes it, the input, and phrases of the output.
REFUSALS = {
    "a yes that is not written in full": (lambda _: None, "y\n", ["Nothing was changed", "type yes in full"]),
    "no terminal": (lambda _: None, "", ["Nothing was changed", "Without a terminal, pass --yes"]),
    "a closed project": (lambda world: world.run("close"), "yes\n", ["The project is closed"]),
    "a user with two access keys": (
        lambda world: world.ram.entities.create_access_key(USER),
        "yes\n",
        [f"{USER} already has 2 access keys"],
    ),
    "a missing policy of setup": (
        lambda world: world.ram.entities.detach_policy_from_user("Custom", USER, USER),
        "yes\n",
        [f"{OPS} setup"],
    ),
    # The output names the command that copies existing objects.
    "a suffix": (
        lambda world: set_variables(world, objectSuffix=".jpg"),
        "yes\n",
        ["not by suffix (.jpg)", f"{OPS} reconcile --since 1970-01-01"],
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_migrate_changes_no_resource_if_it_refuses_to_begin(world, name):
    prepare, typed, phrases = REFUSALS[name]
    prepare(world)
    world.fill(10)
    keys = world.all_oms_keys()
    expect_exit(world.migrate(typed=typed), 2, *phrases)
    assert world.oms.groups.list_all() == []
    assert world.all_oms_keys() == keys
    assert world.migration_files() == []


def test_migrate_begins_no_migration_before_doctor_passes(world):
    with patch.dict(DOCTOR_OK, ok=False):
        expect_exit(world.migrate(), 1, "The migration did not start")
    assert world.oms.groups.list_all() == []


def test_migrate_begins_no_migration_if_the_project_is_closed_meanwhile(world):
    world.fill(10)
    with patch("ops.migrate.preparation.confirm", lambda *_: world.run("close")):
        expect_exit(world.migrate(), 2, "The project is closed")
    assert world.oms.groups.list_all() == []
    assert world.is_finished() is True


def test_the_end_of_a_migration_keeps_an_access_key_created_by_hand(world):
    # GIVEN a running migration, and a sync task that gets new keys by hand, instead of its first keys
    world.begin_migration()
    ram, user = world.ram.entities, f"{NAME}-oms"
    (old_key,) = world.reader_keys() - {*world.read_intention()["keys"]}
    ram.delete_access_key(user, old_key)
    new_key = ram.create_access_key(user)["AccessKey"]["AccessKeyId"]

    # WHEN the migration is ended THEN its own keys are gone, and the new key is there
    expect_success(world.migrate("--remove"))
    assert world.reader_keys() == {new_key}
    assert world.count_oms_keys() == (1, 1)


def test_migrate_keeps_its_access_keys_if_the_sync_task_was_deleted(world):
    # GIVEN a running migration, and a deleted sync task, which OMS's list would show by now
    world.begin_migration()
    world.advance(300)
    world.oms._tasks.clear()
    keys = world.count_oms_keys()
    set_variables(world, SYNC_URL="")

    # WHEN setup runs again THEN it deletes no key of the migration, and prints the way to end it
    expect_exit(
        world.setup(typed=YES),
        1,
        "stop: sync task: the migration of the existing objects began with the previous sync task",
    )
    assert world.count_oms_keys() == keys


def test_setup_removes_nothing_during_a_migration(world):
    world.begin_migration()
    reason = "migration of the existing objects: not finished"
    expect_exit(
        world.setup("--remove", typed="yes\n"), 1, reason, "End the migration first: python3 ops.py migrate --remove"
    )
    expect_exit(world.setup("--remove", "--only", "huawei", typed="yes\n"), 1, reason)
    # An administrator of Alibaba Cloud alone has no SYNC_URL.
    set_variables(world, SYNC_URL="")
    expect_exit(world.setup("--remove", "--only", "alibaba", typed="yes\n"), 1, reason)


def test_oms_continues_a_migration_after_the_command_has_ended(world):
    assert f"The migration continues at OMS. To follow its progress: {OPS} migrate --look" in world.begin_migration()
    output = expect_success(world.migrate("--look"), "The migration is running", " left (estimate)")
    assert int(re.search(r"; about (\d+) min left", output)[1]) == pytest.approx((600 - 60) / 60, abs=1)
    world.advance(1200)
    expect_success(
        world.migrate("--look"), "The existing objects have been copied. Delete the access keys of the migration:"
    )
    assert world.group.status == Status.DONE
    assert world.count_oms_keys() == (2, 2)
    expect_success(world.migrate(typed=""))
    assert world.is_finished() is True
    assert len(world.oms.groups.list_all()) == 1


def test_migrate_retries_failed_objects_with_new_access_keys(world):
    retry_command, list_text = f"{OPS} migrate --retry", "Failed objects are listed in OBS, below oms/task_group/"
    end_text, counts_text = "The migration has ended with failures", "98 copied, 0 skipped, 2 failed"
    world.fail_two(100, end_text, counts_text, list_text, retry_command)
    assert world.count_oms_keys() == (2, 2)
    lists = f"{list_text}{world.group.group_id}/failed_object_lists/"
    expect_exit(world.run("status", "--all"), 1, counts_text, "2 of 100 existing objects failed.", lists, retry_command)
    earlier_keys = world.reader_keys()

    expect_success(world.migrate("--retry"))
    assert world.is_finished()
    assert world.reader_keys() < earlier_keys
    assert world.count_copies() == 100


def test_status_is_behind_if_a_migrations_access_keys_remain_for_a_day(world):
    world.leave_done()
    keys = {*world.read_intention()["keys"]}
    assert world.answer("status")[1]["verdict"]["state"] != "behind"
    expect_exit(world.run("status"), 1, *keys)

    # AND setup names them, because it has administrators' keys
    instruction = f"To follow the migration to its end and delete the access keys: {OPS} migrate"
    expect_success(world.setup("--plan"), *keys, instruction)

    world.advance(86_400)
    verdict = world.answer("status")[1]["verdict"]
    assert verdict["state"] == "behind"
    assert verdict["step"] == {"job": "migrate", "options": {}}
    assert all(key in str(verdict["text"]) for key in keys)
    expect_success(world.migrate(typed=""))
    assert world.is_finished()


@pytest.mark.parametrize("command", ["setup", "canary"])
def test_setup_and_canary_offer_to_end_a_finished_or_deleted_migration(world, command, mocker):
    mocker.patch("ops.canary.run._Run.run_canary", return_value=0)
    world.leave_done()
    # A no leaves the migration, AND a plan does not ask
    expect_success(world.run(command, typed="n\n"), "End the migration and delete its access keys now? [y/N]")
    assert "End it" not in world.setup("--plan", typed="y\n")[1]
    assert not world.is_finished()

    expect_success(world.run(command, typed="y\n"), "The migration has ended, and its access keys have been deleted")
    assert world.is_finished() is True
    assert world.read_outcome()["how"] == "done"
    assert world.read_outcome()["copied"] == 200

    # AND both end a migration whose group was deleted
    world.begin_migration()
    world.oms.groups._groups.clear()
    expect_success(world.run(command, typed="y\n"))
    assert world.is_finished()


@pytest.mark.parametrize("state", ["copying", "paused", "failed"])
def test_setup_does_not_offer_to_end_a_resumable_migration(world, state):
    if state == "failed":
        world.fail_two()
    else:
        world.begin_migration()
        assert state == "copying" or world.migrate("--pause")[0] == 0
    _, output = world.setup(typed="y\ny\n")
    assert "OMS still has the access keys" in output
    assert "End the migration and delete its access keys now" not in output
    assert world.count_oms_keys() == (2, 2)


def test_setup_ends_a_finished_migration_only_if_the_plans_hash_is_given(world):
    world.leave_done()
    set_variables(world, readObjects="off")
    expect_exit(world.setup("--yes", "00000000"), 2, "Setup's plan has changed")
    assert world.count_oms_keys() == (2, 2)
    output = expect_success(world.setup("--json", "--plan"))
    plan = json.loads(next(line for line in output.splitlines() if line.startswith("{")))["plan"]
    expect_success(world.setup("--yes", plan, typed=""))
    assert world.is_finished()


def test_setup_continues_if_it_cannot_delete_a_migrations_access_keys(world):
    world.leave_done()
    refused = Fault.status(403, b'{"Code": "NoPermission", "Message": "You are not authorized"}')
    world.ram.faults.add(refused, where=lambda request: request.headers.get("x-acs-action") == "DeleteAccessKey")
    expect_success(world.setup(typed="y\n"), "The migration's access keys were not deleted:")
    assert not world.is_finished()


def test_certify_issues_no_go_during_an_unfinished_migration(world):
    def judge_oms():
        document = Caller(world).ask("certify", {})
        (oms_check,) = [check for check in document["checks"] if check["id"] == "OMS_FINISHED"]
        return oms_check["result"], oms_check["actual"], oms_check["step"], document["shown"]["migrations"]

    world.fail_two()
    fact = "The migration has ended with failures: 100 existing objects, 98 copied, 0 skipped, 2 failed"
    assert judge_oms() == ("not run", fact, {"job": "migrate", "options": {"retry": True}}, [])

    expect_success(world.migrate("--retry"))
    result, fact, _, (migrated,) = judge_oms()
    assert "migration" not in fact
    assert result == "not run"
    assert {"how": "done", "total": 100, "copied": 100, "skipped": 0, "failed": 0}.items() <= migrated.items()


def test_replay_resends_failures_of_a_migration_and_status_names_its_end(world):
    status = world.fail_two_and_wait()
    assert status["old_objects"]["resent"] is True
    assert world.count_copies() == 100
    assert status["verdict"]["step"] == {"job": "migrate", "options": {"remove": True}}
    keys = {key for call in world.oms.calls for key in call.keys}
    assert len(keys) == 2, "the group's failures, and nothing else"
    step = f"-> End the migration:\n   {OPS} migrate --remove\n"
    expect_exit(
        world.migrate("--look"),
        1,
        "Replay has read the keys of all failed objects, and is resending the objects.",
        step,
    )
    # The sync task has no failure.
    assert status["copying"]["failures"]["counted"] == 0
    expect_success(world.migrate("--remove"))
    assert world.is_finished() is True
    assert world.read_outcome()["how"] == "resent"
    assert world.answer("status")[1]["old_objects"] is None


def test_migrate_leaves_permanent_failures_to_replay(world):
    world.fill(100)
    world.oms.groups.prepare = lambda group: group.failures.add(FAILURE, where=lambda key: key == "old/000007")
    world.start_timers()
    output = expect_exit(world.migrate(), 1)
    assert re.findall(r"ops\.py migrate (--\w+)", output)[-1:] == ["--remove"]

    # AND a manual retry starts no group
    earlier_key_count = world.count_oms_keys()
    expect_exit(world.migrate("--retry"), 2)
    assert world.count_oms_keys() == earlier_key_count, "keys for what replay has"
    expect_success(world.migrate("--remove"))
    assert world.count_copies() == 100
    assert world.read_outcome()["how"] == "resent"
    assert world.is_finished() is True


def test_status_requires_a_retry_of_a_migration_with_many_failures(world, mocker):
    mocker.patch("oss_oms_sync.answers.task_group.MAX_RESENT_OBJECTS", 1)
    status = world.fail_two_and_wait()
    assert status["verdict"]["step"] == {"job": "migrate", "options": {"retry": True}}
    assert status["old_objects"]["resent"] is False
    assert world.count_copies() == 98
    assert world.oms.calls == []


def test_a_paused_migration_continues_only_on_command(world):
    world.begin_migration()
    expect_success(world.migrate("--pause"), "Access keys kept for the migration")
    earlier_copies = world.count_copies()
    world.advance(3600)
    # It does not continue by itself, and has no failures to retry.
    for words, code in ((["--look"], 3), ([], 3), (["--yes"], 3), (["--retry"], 2)):
        expect_exit(world.migrate(*words), code)
    assert (world.group.status, world.count_copies()) == (Status.PAUSED, earlier_copies)

    expect_success(world.migrate("--go-on"))
    assert world.count_copies() == 200
    assert world.group.success_count == 200
    assert world.is_finished() is True


def test_the_removal_of_a_running_migration_keeps_its_copies(world):
    world.begin_migration()
    expect_exit(world.migrate("--remove", typed="no\n"), 2)
    assert world.group.status is Status.MONITORING
    expect_success(world.migrate("--remove"))
    assert world.is_finished()
    assert 0 < world.count_copies() < 200
    assert world.oms.groups.list_all() == []
    # AND the outcome counts the copies that ended while the group stopped
    outcome = world.read_outcome()
    assert (outcome["how"], outcome["copied"]) == ("removed", world.count_copies())
    # AND another migration starts over
    expect_success(world.migrate())
    assert world.count_copies() == 200


def test_migrate_ends_a_task_group_that_oms_failed_to_create(world):
    world.fill(10)

    def prepare(_):
        for key in [*world.ram.entities.users[f"{NAME}-oms"]["keys"]][1:]:
            world.ram.entities.delete_access_key(f"{NAME}-oms", key)

    world.oms.groups.prepare = prepare
    expect_exit(
        world.migrate(), 1, "OMS could not start the migration", "InvalidAccessKeyId", f"{OPS} migrate --remove"
    )
    expect_success(world.migrate("--remove"))
    assert world.is_finished()


def test_migrate_refuses_to_choose_between_two_groups_of_a_migration(world):
    # GIVEN a gateway that repeats the request to create the group, and a lost response
    world.fill(10)
    create = world.oms.groups.create

    def create_twice(request, project):
        create(request, project)
        return create(request, project)

    world.oms.faults.add(
        Fault.drop_after(), 1, where=lambda request: (request.method, request.raw_path[-11:]) == ("POST", "/taskgroups")
    )
    with patch.object(world.oms.groups, "create", create_twice):
        result = world.migrate()
    first, second = (group.group_id for group in world.oms.groups.list_all())
    expect_exit(result, 2, f"OMS has several task groups for this migration: {first}, {second}", "migrate --remove")
    # WHEN the user ends the migration THEN both groups are gone
    expect_success(world.migrate("--remove"))
    assert world.is_finished()
    assert world.oms.groups.list_all() == []


def test_status_asks_to_end_a_migration_that_found_no_objects(world):
    expect_exit(world.migrate(), 1, "TRF.0012", f"{OPS} migrate --remove")
    assert "OMS is listing the source" not in expect_exit(world.run("status"), 1, "No objects were copied")
    expect_success(world.migrate("--remove"))


def test_migrate_reports_that_its_task_group_was_deleted_in_oms(world):
    world.begin_migration()
    world.oms.groups._groups.clear()
    for word in ("--look", "--pause", "--retry"):
        expect_exit(world.migrate(word), 2, "was deleted in OMS", "migrate --remove")
    expect_success(world.migrate("--remove"))
    assert world.is_finished()


NO_MIGRATION_TEXT = "No migration of existing objects is running.\n"
# The options that continue a migration, by its state.
NEXT_OPTIONS = {"paused": "--go-on", "failed": "--retry"}


def test_migrate_says_that_no_migration_is_running(world):
    assert world.migrate("--look") == (0, NO_MIGRATION_TEXT)
    assert world.migrate("--remove") == (0, NO_MIGRATION_TEXT)
    for word in ("--pause", "--go-on", "--retry"):
        expect_exit(world.migrate(word), 2, f"Begin a migration: {OPS} migrate")


def test_migrate_finds_no_migration_if_the_log_bucket_is_missing(world):
    world.oss.remove_bucket(world.log_bucket)
    assert world.migrate("--look") == (0, NO_MIGRATION_TEXT)


def test_migrate_reports_that_oss_refused_the_record_of_a_migration(world):
    world.begin_migration()
    world.oss.deny("oss:GetObject", world.log_bucket)
    expect_exit(world.migrate("--look"), 1, "refused oss:GetObject: 403 AccessDenied")


@pytest.mark.parametrize(
    ("prefix", "own", "others", "phrase"),
    [
        ("", "", 8, "the migration will copy 15 objects (150 bytes). "),
        ("a/", "", 8, "the migration will copy 1 object (10 bytes). "),
        ("a/x", "", 8, "will copy at most 1 object (10 bytes). "),
        ("d/", "", 8, "the migration will copy 0 objects (0 bytes). "),
        ("a/x/", "a/x/", 8, "the migration will copy 15 objects (150 bytes). "),
        # In no folder; and in a folder that may be counted together with others.
        ("r", "", 8, "is unknown: "),
        ("r", "", 0, "will copy at most 2 objects (20 bytes). "),
        ("c/", "", 8, "is unknown: "),
        ("c/", "", 0, "the migration will copy 0 objects (0 bytes). "),
    ],
)
def test_the_plan_of_a_migration_counts_objects_below_its_prefixes(prefix, own, others, phrase):
    def missing_counts(number: int) -> dict[str, list[int]]:
        return {"missing": [number, 10 * number, 0, 0], "equal_contents": [9, 90, 9, 90]}

    folders = {"": missing_counts(2), "a/": missing_counts(1), "b/": missing_counts(4), "d/": missing_counts(0)}
    if others:
        folders["*"] = missing_counts(8)
    answer = tool_output.convert_compare_answer(
        compare_answer({"missing": make_class_counts(7 + others, 0)}, folders=folders)
    )
    intention = Intention("", "", "source", "destination", [prefix], [])
    assert phrase in "\n".join(map(str, plan(intention, answer, own, Prices(), "en")))


@pytest.mark.parametrize(("copied", "share"), [(99_999, "99.9%"), (100_000, "100.0%"), (25_000, "25.0%")])
def test_migrate_shows_100_percent_only_after_all_objects_are_copied(copied, share):
    group = TaskGroup.from_response({"group_id": "g", "status": 2, "total_num": 100_000, "success_num": copied})
    assert str(progress_line(group)).startswith(f"{share} of 100,000 objects")


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize("block", range(4))
def test_an_interrupted_migration_that_is_run_again_copies_all_objects(block):
    for fate, number in draw_interruptions(range(48), 1 if EXTRAS else 3)[block::4]:
        with MigrateWorld() as world:
            world.fill(50)
            with world.cut_off(fate, number, away=0):
                world.migrate()
            world.advance(60)
            expect_success(world.migrate())
            assert (world.count_copies(), world.is_finished()) == (50, True), (fate, number)


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("copying", "--pause"),
        ("paused", "--go-on"),
        ("failed", "--retry"),
        ("copying", "--remove"),
        ("failed", "--remove"),
    ],
)
def test_the_printed_commands_complete_an_interrupted_migration(state, command):
    for fate, number in draw_interruptions(range(1, 60), 5 if EXTRAS else 15):
        with MigrateWorld() as world:
            if state == "failed":
                world.fail_two(50)
            else:
                world.begin_migration(50, 300)
                assert state == "copying" or world.migrate("--pause")[0] == 0
            last_request = world.asked + number
            with world.cut_off(fate, number, away=0):
                world.migrate(command, "--yes")
            is_reached = world.asked >= last_request
            for _ in range(6):
                code, look = world.answer("migrate", "--look")
                if look == {"state": "none"}:
                    break
                world.advance(60)
                following = NEXT_OPTIONS.get(look["state"], "--yes") if isinstance(look, dict) else "--yes"
                world.migrate("--remove" if command == "--remove" else following, "--yes")
            assert (code, look, world.is_finished()) == (0, {"state": "none"}, True), (fate, number)
            assert command == "--remove" or world.count_copies() == 50
        if not is_reached:  # the command ended before this request
            break


def test_two_simultaneous_migrate_commands_begin_one_migration(world):
    place = BucketAddress.at_endpoint(f"https://oss-{world.region}.aliyuncs.com", world.log_bucket)
    log = OssBucketClient(place, Keys(*map(Secret, world.user_credentials)), MachineClock(world), world.region)
    intentions, other_intentions = (Intentions(log, world.task.sync_url, NAME) for _ in range(2))
    migrations = [Intention(run, "2026-01-02T00:00:00Z", "photos", "photos-obs", [""], []) for run in ("a", "b")]
    assert intentions.begin(migrations[0]) is True
    assert other_intentions.begin(migrations[1]) is False
    assert other_intentions.read() == migrations[0]
    intentions.end(migrations[0], [], datetime(2026, 1, 3, tzinfo=timezone.utc), "done")
    assert other_intentions.begin(migrations[1])


def test_a_deep_comparison_detects_and_overwrites_a_late_older_copy(world):
    world.fill(1, size=7)
    world.oms.groups.prepare = lambda group: group.copy_faults.add(CopyFault.late(0, 120))
    world.stop_following_after(30)
    expect_exit(world.migrate(), 130)
    world.oss.put(world.source_bucket, "old/000000", b"renewed")
    for seconds, contents in ((20, b"renewed"), (300, bytes(7))):
        world.advance(seconds)
        assert world.obs.objects(world.destination_bucket)["old/000000"].data == contents
    expect_success(world.migrate(typed=""))
    world.advance(7200)
    expect_exit(world.run("compare", "--deep"), 1, "overwritten", "old/000000", f"{OPS} migrate --overwrite")

    # WHEN the printed step is done THEN the contents are equal
    expect_success(world.migrate("--overwrite"), "Objects that OBS already has are overwritten, even if they are equal")
    world.advance(60)
    expect_success(world.run("compare", "--deep"))
