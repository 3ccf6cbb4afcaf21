"""`ops.py migrate`: from the old objects in the source to OBS, and every way there and back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from unittest.mock import patch

import pytest

from ops.functions import tool_output
from ops.intention import Intention, Intentions
from ops.migrate.messages import how_far, plan
from oss_oms_sync.answers.task_group import TaskGroup
from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.oms.group import Status
from sandbox.server.faults import Fault
from support.law import EXTRAS
from support.migration import Caller
from support.ops import DOCTOR_OK, OPS, compare_answer, sides
from unit.ops.migrate.migrate_world import STATE, MigrateWorld
from unit.ops.setup.setup_world import NAME, YES, ends, to, well

FAILS = CopyFailure("GET_SRC_OBJ_FAILURE", "com.aliyun.oss.ClientException: Connection reset")


def requests_of(block: int, blocks: int, end: int) -> Sequence[int]:
    """One of so many parts of the numbers of requests, up to `end`: of all of them, or of each third."""
    each = 1 if EXTRAS else 3
    return range(each * block, end, each * blocks)


def slow(world, seconds):
    """Let new groups take about so long for what `fill` has made."""
    size = sum(stored.size for stored in world.oss.objects(world.source_bucket).values())

    def prepare(group):
        group.speed, group.at_once = size / seconds, 1

    world.oms.groups.prepare = prepare


def begun(world, objects=200, seconds=600):
    """One that is on its way, and that nobody follows."""
    world.fill(objects)
    slow(world, seconds)
    world.stop_following_after(60)
    return ends(world.migrate(), 130)


def done(world):
    """One that is done, which nobody has followed to its end: its keys are there still."""
    begun(world, seconds=300)
    world.later(3600)


def two_fail(world, objects=100, *told):
    """One that has ended, of whose objects two failed; they will not fail again."""
    world.fill(objects)
    world.oms.groups.prepare = lambda group: group.failures.add(FAILS, times=2)
    ends(world.migrate(), 1, *told)


def is_over(world):
    """Nothing is left of it but what it copied, and what is known of it."""
    return world.oms_keys() == (1, 1) and STATE not in world.written_down()


def test_what_was_there_before_is_copied_and_no_key_is_left(world):
    world.oss.put(world.source_bucket, "new", b"live")
    world.wait_idle(60)
    world.fill(1000)
    done = "The migration is finished\n  100.0 % of 1,001 objects: 1,000 copied, 1 skipped, 0 failed;"
    well(world.migrate(), done, "python3 ops.py compare --deep")
    assert (world.copied(), is_over(world)) == (1001, True)
    told, group = over(world), world.group
    assert (told["how"], told["group"], told["prefixes"]) == ("done", group.group_id, [""])
    assert told["begun"] < told["ended"]
    assert (group.order.src_bucket, group.bucket.name, group.metadata) == ("photos", "photos-obs", True)
    note = f"oss-oms-sync:{NAME}:photos:{told['run']}"
    assert (group.order.records_failures, group.order.note) == (True, note)


def archived(world, *words, typed="", may=True):
    """What becomes of three objects of which one is archived: the exit code, what is said, and how many come."""
    world.fill(2)
    world.fill(1, prefix="cold/", storage_class="Archive")
    if may:
        place, ram = f"acs:oss:*:*:{world.source_bucket}/*", world.ram.entities
        allowed = {"Effect": "Allow", "Action": "oss:RestoreObject", "Resource": place}
        ram.create_policy("restore", json.dumps({"Version": "1", "Statement": [allowed]}))
        ram.attach_policy_to_user("Custom", "restore", f"{NAME}-oms")
        world.later(60)
    code, said = world.migrate(*words, typed=typed)
    return code, said, world.copied()


@pytest.mark.parametrize(("words", "typed"), [([], "yes\ny\n"), (["--restore"], "yes\n"), (["--yes", "--restore"], "")])
def test_archived_objects_are_restored_and_copied_where_somebody_says_so(world, words, typed):
    code, said, copied = archived(world, *words, typed=typed)
    assert (code, copied, "costs about 0.009 dollars a GB" in said) == (0, 3, True), said


@pytest.mark.parametrize(("words", "typed"), [([], "yes\n\n"), ([], "yes\n"), ([], "yes\nno\n"), (["--yes"], "")])
def test_else_they_fail_and_are_not_restored(world, words, typed):
    code, said, copied = archived(world, *words, typed=typed)
    assert (code, copied, "2 copied, 0 skipped, 1 failed" in said) == (1, 2, True), said
    assert ("user photos-sync-oms needs oss:RestoreObject" in said) == (words == [])


def test_without_the_right_to_restore_them_they_fail_too(world):
    assert archived(world, "--restore", "--yes", may=False)[::2] == (1, 2)
    (lines,) = [stored.data for key, stored in world.obs.objects("photos-obs").items() if key.startswith("oms/")]
    assert b"oss:RestoreObject" in lines


def test_whoever_goes_on_with_one_that_was_not_begun_keeps_to_what_was_said_of_archived_objects(world):
    with patch("ops.clouds.oms.TaskGroups.create", side_effect=KeyboardInterrupt):
        assert world.migrate("--restore")[0] == 130
    assert archived(world, "--yes")[::2] == (0, 3)


@pytest.mark.parametrize(
    ("words", "code", "told", "copied"),
    [
        ([], 0, "Only what begins with old/", 30),
        (["--prefix", "ol"], 0, "Only what begins with old/", 30),
        (["--prefix", "old/a/", "--prefix", "old/b/"], 0, "The migration is finished", 20),
        (["--prefix", "other/"], 2, "The project covers nothing that begins with other/", 0),
    ],
    ids=["the project's prefix", "a shorter one", "two below it", "another"],
)
def test_of_what_the_project_covers_what_begins_with_the_prefixes_asked_for_is_copied(world, words, code, told, copied):
    to(world, objectPrefix="old/")
    world.deploy_project(world.folder)
    for prefix in ("old/a/", "old/b/", "old/c/", "other/"):
        world.fill(10, prefix=prefix)
    ends(world.migrate(*words), code, told)
    assert (len(world.oms.groups.all()), world.copied()) == (1 if copied else 0, copied)


USER = f"{NAME}-oms"
# By what is in the way: how it comes to be so, what is typed, and what is said.
REFUSED = {
    "yes, not in full": (lambda _: None, "y\n", ["Nothing was changed", "type yes in full"]),
    "nobody at a terminal": (lambda _: None, "", ["Nothing was changed", "Without a terminal, pass --yes"]),
    "a closed project": (lambda world: world.run("close"), "yes\n", ["The project is closed"]),
    "no room for another key": (
        lambda world: world.ram.entities.create_access_key(USER),
        "yes\n",
        [f"{USER} has 2 access keys"],
    ),
    "what setup has not made": (
        lambda world: world.ram.entities.detach_policy_from_user("Custom", USER, USER),
        "yes\n",
        [f"{OPS} setup"],
    ),
    # The backfill is offered.
    "a suffix": (
        lambda world: to(world, objectSuffix=".jpg"),
        "yes\n",
        ["no suffix such as .jpg", f"{OPS} reconcile --since 1970-01-01"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_is_begun_that_could_not_end_or_that_nobody_wants(world, name):
    prepare, typed, told = REFUSED[name]
    prepare(world)
    world.fill(10)
    keys = world.all_oms_keys()
    ends(world.migrate(typed=typed), 2, *told)
    assert (world.oms.groups.all(), world.all_oms_keys(), world.written_down()) == ([], keys, [])


def test_what_is_not_set_up_right_is_mended_first(world):
    wrong = {**DOCTOR_OK, "ok": False}
    with patch.object(Caller, "ask", lambda self, job, payload: wrong if job == "doctor" else CALL(self, job, payload)):
        ends(world.migrate(), 1, "The migration does not begin")
    assert world.oms.groups.all() == []


CALL = Caller.ask


def test_a_project_that_is_closed_meanwhile_is_left_alone(world):
    """Whoever closes looks for a migration before and after, and it looks whether the project is closed after it was
    written down: here the closing comes between the first look and the writing down."""
    world.fill(10)
    asked = []

    def ask(self, job, payload):
        answer = CALL(self, job, payload)
        if job == "certify" and not asked:
            asked.append(payload)
            CALL(self, "certify", {"close": True})
        return answer

    with patch.object(Caller, "ask", ask):
        ends(world.migrate(), 2, "The project is closed")
    assert (world.oms.groups.all(), is_over(world)) == ([], True)


def test_no_project_is_closed_while_old_objects_are_on_their_way(world):
    begun(world)
    ends(world.run("close"), 1, "the migration of the existing objects is not finished", f"{OPS} migrate --look")
    assert CALL(Caller(world), "certify", {"look": True})["closed"] is None

    well(world.migrate())
    well(world.run("close"))


def under_way(world, name=STATE):
    """What is known of the migration that is on its way, or of another one whose name begins so."""
    (found,) = [stored for key, stored in world.oss.objects(world.log_bucket).items() if f"/state/{name}" in key]
    return json.loads(found.data)


def over(world):
    """What is known of the one that is over."""
    return under_way(world, "migrated-")


def keys_of_reader(world):
    return set(world.ram.entities.users[f"{NAME}-oms"]["keys"])


def test_a_key_that_somebody_gives_oms_meanwhile_is_not_taken_for_the_migration_s(world):
    # GIVEN a migration on its way, and a sync task that gets new keys by hand, instead of those that it had
    begun(world)
    ram, user = world.ram.entities, f"{NAME}-oms"
    (old,) = keys_of_reader(world) - {*under_way(world)["keys"]}
    ram.delete_access_key(user, old)
    new = ram.create_access_key(user)["AccessKey"]["AccessKeyId"]

    # WHEN it is ended THEN its own keys are gone, and that is there
    well(world.migrate("--remove"))
    assert (keys_of_reader(world), world.oms_keys()) == ({new}, (1, 1))


def test_without_a_sync_task_the_migration_s_keys_are_not_taken_for_those_that_nobody_has(world):
    # GIVEN a migration on its way, and no sync task any more, which OMS's list would show by now
    begun(world)
    world.later(300)
    world.oms._tasks.clear()
    address, keys = world.variables()["SYNC_URL"], world.oms_keys()
    to(world, SYNC_URL="")

    # WHEN it is set up again THEN its keys are not taken for those that nobody has, and how to end it is said
    ends(world.setup(typed=YES), 1, "stop: sync task: the migration of the existing objects, begun with another sync task")
    assert world.oms_keys() == keys
    to(world, SYNC_URL=address)
    well(world.migrate("--remove"))
    to(world, SYNC_URL="")
    well(world.setup(typed=YES))
    assert world.oms_keys() == (1, 1)


def test_setup_does_not_remove_what_a_migration_works_with(world):
    begun(world)
    address, told = world.variables()["SYNC_URL"], "migration of the existing objects: not finished"
    ends(world.setup("--remove", typed="yes\n"), 1, told, "End the migration first: python3 ops.py migrate --remove")
    ends(world.setup("--remove", "--only", "huawei", typed="yes\n"), 1, told)
    # Whoever has Alibaba Cloud alone has no SYNC_URL.
    to(world, SYNC_URL="")
    ends(world.setup("--remove", "--only", "alibaba", typed="yes\n"), 1, told)
    to(world, SYNC_URL=address)
    well(world.migrate("--remove"))
    well(world.setup("--remove", typed="yes\n"))


def test_who_stops_following_leaves_it_running_and_may_come_back(world):
    assert f"The migration goes on at OMS. See how far it is: {OPS} migrate --look" in begun(world)
    well(world.migrate("--look"), "The migration is running", "to go (an estimate)")
    world.later(1200)
    well(world.migrate("--look"), "Delete its access keys:")
    assert (world.group.status, world.oms_keys()) == (Status.DONE, (2, 2))
    well(world.migrate(typed=""))
    assert (is_over(world), len(world.oms.groups.all())) == (True, 1)


def test_status_says_how_far_it_is_until_it_is_over(world):
    begun(world)
    seen, group = world.answer("status")[1], world.group
    told = {"id": group.group_id, "state": "copying", "total": 200, "copied": group.success}
    assert told.items() <= seen["old_objects"].items()
    # AND so do programs hear of it that look
    look = json.loads(well(world.migrate("--look", "--json")))
    assert told.items() <= look.items()
    assert (seen["migration"]["group"], 0 < group.success < 200) == (group.group_id, True)
    ends(world.run("status"), 1, f"{group.success / 2:.1f} % of 200 objects: ", f"{OPS} migrate --look")
    well(world.migrate())
    seen = world.answer("status")[1]
    assert (seen["migration"], seen["old_objects"]) == (None, None)


def test_what_failed_is_named_by_status_where_it_is_listed_and_tried_again_with_new_keys(world):
    retry, listed = f"{OPS} migrate --retry", "What failed is listed in OBS, below oms/task_group/"
    ended, failed = "The migration has ended with failures", "98 copied, 0 skipped, 2 failed"
    two_fail(world, 100, ended, failed, listed, retry)
    assert (world.oms_keys(), world.run("close")[0]) == ((2, 2), 1)
    lists = f"{listed}{world.group.group_id}/failed_object_lists/"
    ends(world.run("status", "--all"), 1, failed, "Of 100 old objects 2 failed.", lists, retry)
    ends(world.run("status", "--all", "--lang", "zh"), 1, "已复制 98，跳过 0，失败 2")
    before = keys_of_reader(world)

    well(world.migrate("--retry"))
    assert (world.copied(), is_over(world), keys_of_reader(world) < before) == (100, True, True)
    assert retry not in world.run("status")[1]


def test_the_keys_of_one_that_was_done_a_day_ago_are_named_and_status_is_behind(world):
    done(world)
    keys = {*under_way(world)["keys"]}
    seen = world.answer("status")[1]
    assert (seen["old_objects"]["state"], {*seen["migration"]["keys"]}) == ("done", keys)
    assert "was done over a day ago" not in str(seen["verdict"]["text"])
    ends(world.run("status"), 1, *keys)

    # AND so does setup, for which somebody has administrators' keys at hand
    well(world.setup("--plan"), *keys, f"To follow it to its end and delete the keys: {OPS} migrate")

    world.later(86_400)
    verdict = world.answer("status")[1]["verdict"]
    assert (verdict["state"], verdict["step"]) == ("behind", {"job": "migrate", "options": {}})
    assert all(key in str(verdict["text"]) for key in keys)
    well(world.migrate(typed=""))
    assert is_over(world)


@pytest.mark.parametrize("command", ["setup", "canary"])
def test_who_has_administrators_keys_may_end_one_that_is_done_or_gone(world, command, mocker):
    mocker.patch("ops.canary.run._Run.fly", return_value=0)
    done(world)
    # Whoever says no leaves it, AND nobody is asked who only looks
    well(world.run(command, typed="n\n"), "End it and delete the keys now? [y/N]")
    assert "End it" not in world.setup("--plan", typed="y\n")[1]
    assert not is_over(world)

    well(world.run(command, typed="y\n"), "The migration is ended, and its access keys are deleted")
    assert (is_over(world), over(world)["how"], over(world)["copied"]) == (True, "done", 200)

    # AND the same where somebody has deleted the group
    begun(world)
    world.oms.groups._known.clear()
    well(world.run(command, typed="y\n"))
    assert is_over(world)


@pytest.mark.parametrize("state", ["copying", "paused", "failed"])
def test_the_keys_of_one_that_goes_on_or_can_be_retried_are_not_offered(world, state):
    if state == "failed":
        two_fail(world)
    else:
        begun(world)
        assert state == "copying" or world.migrate("--pause")[0] == 0
    _, said = world.setup(typed="y\ny\n")
    assert ("OMS has the access keys" in said, "End it and delete the keys now" in said) == (True, False)
    assert world.oms_keys() == (2, 2)


def test_where_nobody_is_asked_the_plan_s_hash_says_yes_to_it(world):
    done(world)
    said = well(world.setup("--json", "--plan"))
    plan = json.loads(next(line for line in said.splitlines() if line.startswith("{")))["plan"]
    well(world.setup("--yes", plan, typed=""))
    assert is_over(world)


def test_the_hash_of_another_plan_says_yes_to_nothing(world):
    done(world)
    to(world, readObjects="off")
    ends(world.setup("--yes", "00000000"), 2, "The plan has changed")
    assert (is_over(world), world.oms_keys()) == (False, (2, 2))


def test_who_may_not_delete_them_is_told_and_goes_on(world):
    done(world)
    refused = Fault.status(403, b'{"Code": "NoPermission", "Message": "You are not authorized"}')
    world.ram.faults.add(refused, where=lambda request: request.headers.get("x-acs-action") == "DeleteAccessKey")
    well(world.setup(typed="y\n"), "The keys are not deleted:")
    assert not is_over(world)


def test_a_certificate_says_what_was_migrated_and_one_that_is_not_over_gates_it(world):
    def finished():
        document = CALL(Caller(world), "certify", {})
        (one,) = [check for check in document["checks"] if check["id"] == "OMS_FINISHED"]
        return one["result"], one["seen"], one["step"], document["shown"]["migrations"]

    two_fail(world)
    seen = "The migration has ended with failures: 100 existing objects, 98 copied, 0 skipped, 2 failed"
    assert finished() == ("not run", seen, {"job": "migrate", "options": {"retry": True}}, [])

    well(world.migrate("--retry"))
    result, seen, _, (migrated,) = finished()
    assert (result, "migration" in seen) == ("not run", False)
    assert {"how": "done", "total": 100, "copied": 100, "skipped": 0, "failed": 0}.items() <= migrated.items()


def failed_and_waited(world):
    """A migration of which some failed, and replay's timer has had its time."""
    two_fail(world)
    world.start_timers()
    world.later(300)
    return world.answer("status")[1]


def test_what_failed_is_resent_by_replay_and_then_the_migration_is_to_be_ended(world):
    seen = failed_and_waited(world)
    assert (seen["old_objects"]["resent"], world.copied()) == (True, 100)
    assert seen["verdict"]["step"] == {"job": "migrate", "options": {"remove": True}}
    keys = {key for call in world.oms.calls for key in call.keys}
    assert len(keys) == 2, "the group's failures, and nothing else"
    step = f"-> End the migration:\n   {OPS} migrate --remove\n"
    ends(world.migrate("--look"), 1, "Replay has the keys of all that failed, and resends them.", step)
    # The sync task failed nothing.
    assert seen["copying"]["failures"]["counted"] == 0
    well(world.migrate("--remove"))
    assert (is_over(world), over(world)["how"], world.answer("status")[1]["old_objects"]) == (True, "resent", None)

    # AND what it copied is not sent again
    world.later(3600)
    _, answer = world.answer("reconcile", "--since", "2020-01-01")
    assert (answer["migrating"], answer["covered"], answer["submitted"]) == (98, 2, 0)


def test_what_the_group_fails_for_ever_is_left_to_replay_and_the_next_step_is_the_end(world):
    world.fill(100)
    world.oms.groups.prepare = lambda group: group.failures.add(FAILS, where=lambda key: key == "old/000007")
    world.start_timers()
    said = ends(world.migrate(), 1)
    assert re.findall(r"ops\.py migrate (--\w+)", said)[-1:] == ["--remove"]

    # AND who tries it again by hand begins nothing
    before = world.oms_keys()
    ends(world.migrate("--retry"), 2)
    assert world.oms_keys() == before, "keys for what replay has"
    well(world.migrate("--remove"))
    assert (world.copied(), over(world)["how"], is_over(world)) == (100, "resent", True)


def test_one_that_is_ended_before_replay_has_what_failed_is_no_more_than_removed(world):
    two_fail(world)
    well(world.migrate("--remove"))
    assert over(world)["how"] == "removed"


def test_one_that_has_not_told_of_all_objects_is_not_resent(world):
    failed_and_waited(world)
    # GIVEN a task of the group that failed as a whole, so that OMS tells nothing of its objects
    world.group.success -= 10
    assert not world.answer("status")[1]["old_objects"]["resent"]
    well(world.migrate("--remove"))
    assert over(world)["how"] == "removed"


def test_too_many_for_replay_are_to_be_tried_again_by_the_migration(world, mocker):
    mocker.patch("oss_oms_sync.answers.task_group.MAX_RESENT", 1)
    seen = failed_and_waited(world)
    assert seen["verdict"]["step"] == {"job": "migrate", "options": {"retry": True}}
    assert (seen["old_objects"]["resent"], world.copied(), world.oms.calls) == (False, 98, [])


def test_lists_from_long_before_the_end_are_read_too_and_once(world):
    # GIVEN a group that lists what failed when it pauses, and ends hours later
    begun(world)
    world.group.failures.add(FAILS, times=1)
    world.later(60)
    world.migrate("--pause")
    world.tick("replay")
    world.later(5 * 3600)
    world.tick("replay")

    # WHEN it has ended
    ends(world.migrate("--go-on"), 1)
    read = world.tick("replay").value["copies"]

    # THEN what it listed then is resent, AND also after days it is read no second time
    assert (read["lists"], read["recorded"]) == (1, 1)
    for _ in range(3):
        world.later(40 * 3600)
        assert world.tick("replay").value["copies"]["lists"] == 0
    assert (world.copied(), world.answer("status")[1]["old_objects"]["resent"]) == (200, True)


def test_an_estimate_comes_true(world):
    begun(world, 400, 3600)
    world.later(1000)
    left = 60 * int(re.search(r"; about (\d+) min to go", world.migrate("--look")[1])[1])
    assert left == pytest.approx(3600 - 1060, abs=120)


def test_a_pause_and_going_on(world):
    begun(world)
    well(world.migrate("--pause"), "Access keys that are kept for it")
    before = world.copied()
    world.later(3600)
    # It does not go on by itself, and nothing failed that could be tried again.
    for words, code in ((["--look"], 3), ([], 3), (["--yes"], 3), (["--retry"], 2)):
        ends(world.migrate(*words), code)
    assert (world.group.status, world.copied()) == (Status.PAUSED, before)

    well(world.migrate("--go-on"))
    assert (world.copied(), world.group.success, is_over(world)) == (200, 200, True)


def test_the_end_of_one_that_runs_leaves_what_it_copied(world):
    begun(world)
    ends(world.migrate("--remove", typed="no\n"), 2)
    assert world.group.status is Status.MONITORING
    well(world.migrate("--remove"))
    assert (world.oms.groups.all(), is_over(world), 0 < world.copied() < 200) == ([], True, True)
    # AND the certificate counts what was copied while it came to rest, too
    assert over(world)["copied"] == world.copied()
    # AND another one begins anew
    well(world.migrate())
    assert world.copied() == 200


def test_a_group_that_could_not_be_created_is_ended(world):
    world.fill(10)

    def prepare(_):
        for key in [*world.ram.entities.users[f"{NAME}-oms"]["keys"]][1:]:
            world.ram.entities.delete_access_key(f"{NAME}-oms", key)

    world.oms.groups.prepare = prepare
    ends(world.migrate(), 1, "OMS could not begin the migration", "InvalidAccessKeyId", f"{OPS} migrate --remove")
    well(world.migrate("--remove"))
    assert is_over(world)


def test_nothing_there_to_copy_is_said_and_ended(world):
    ends(world.migrate(), 1, "TRF.0012", f"{OPS} migrate --remove")
    assert "OMS lists the source" not in ends(world.run("status"), 1, "Nothing was copied")
    well(world.migrate("--remove"))


def test_a_group_that_somebody_deleted_is_said_to_be_gone(world):
    begun(world)
    world.oms.groups._known.clear()
    for word in ("--look", "--pause", "--retry"):
        ends(world.migrate(word), 2, "somebody has deleted it", "migrate --remove")
    well(world.migrate("--remove"))
    assert is_over(world)


def test_without_one_each_command_says_so(world):
    assert world.migrate("--look") == (0, "No migration of the old objects is on its way.\n")
    assert world.migrate("--remove") == (0, "No migration of the old objects is on its way.\n")
    for word in ("--pause", "--go-on", "--retry"):
        ends(world.migrate(word), 2, f"Begin one: {OPS} migrate")


def test_a_comparison_says_how_much_is_missing_and_what_that_costs(world):
    world.fill(1000, size=10**4)
    world.later(86_400)
    assert world.run("compare", "--since", "2020-01-01", "--dry-run")[0] in (0, 1)
    assert world.run("compare")[0] in (0, 1)
    ends(world.migrate(typed="no\n"), 2, "it copies 1,000 objects, 10.0 MB", "(an estimate)", "OMS")


@pytest.mark.parametrize(
    ("prefix", "own", "others", "said"),
    [
        ("", "", 8, "it copies 15 objects, 150 bytes. "),
        ("a/", "", 8, "it copies 1 object, 10 bytes. "),
        ("a/x", "", 8, "it copies 1 object, 10 bytes, at most"),
        ("d/", "", 8, "it copies 0 objects, 0 bytes. "),
        ("a/x/", "a/x/", 8, "it copies 15 objects, 150 bytes. "),
        # In no folder; and in one of those that are counted together, if there are any.
        ("r", "", 8, "is not known"),
        ("r", "", 0, "it copies 2 objects, 20 bytes, at most"),
        ("c/", "", 8, "is not known"),
        ("c/", "", 0, "it copies 0 objects, 0 bytes. "),
    ],
)
def test_the_plan_counts_what_begins_with_the_prefix_as_far_as_that_is_known(prefix, own, others, said):
    def missing(number: int) -> dict[str, list[int]]:
        return {"missing": [number, 10 * number, 0, 0], "equal_contents": [9, 90, 9, 90]}

    folders = {"": missing(2), "a/": missing(1), "b/": missing(4), "d/": missing(0)}
    if others:
        folders["*"] = missing(8)
    answer = tool_output.of_compare(compare_answer({"missing": sides(7 + others, 0)}, folders=folders))
    intention = Intention("", "", "source", "destination", [prefix], [])
    assert said in "\n".join(map(str, plan(intention, answer, own, "en")))


@pytest.mark.parametrize(("copied", "share"), [(99_999, "99.9 %"), (100_000, "100.0 %"), (25_000, "25.0 %")])
def test_only_all_of_the_old_objects_are_100_percent(copied, share):
    group = TaskGroup.of({"group_id": "g", "status": 2, "total_num": 100_000, "success_num": copied})
    assert str(how_far(group)).startswith(f"{share} of 100,000 objects")


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize("fate", ["dies_after", "loses"])
@pytest.mark.parametrize("block", range(8))
def test_interrupted_at_a_request_and_begun_again_all_is_copied_and_nothing_left(fate, block):
    for number in requests_of(block, 8, 48):
        with MigrateWorld() as world:
            world.fill(50)
            with world.cut_off(fate, number, away=0):
                world.migrate()
            world.later(60)
            well(world.migrate())
            assert (world.copied(), is_over(world)) == (50, True), number


def stands(world):
    """How the one that there is stands; "none" if there is none."""
    code, answer = world.answer("migrate", "--look")
    return f"{code}: {answer}" if isinstance(answer, str) else answer["state"]


def follow(world, pause, end=None):
    """Run the command that leads on, or the one that ends it, until there is none."""
    following = {"paused": "--go-on", "failed": "--retry"}
    for _ in range(6):
        if (found := stands(world)) == "none":
            break
        world.later(pause)
        world.migrate(*filter(None, [end or following.get(found), "--yes"]))


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize("fate", ["dies_after", "loses"])
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
def test_each_command_that_is_interrupted_leaves_a_state_from_which_the_printed_ones_lead_on(state, command, fate):
    for number in range(3, 60, 5 if EXTRAS else 15):
        with MigrateWorld() as world:
            if state == "failed":
                two_fail(world, 50)
            else:
                begun(world, 50)
                assert state == "copying" or world.migrate("--pause")[0] == 0
            last = world.asked + number
            with world.cut_off(fate, number, away=0):
                world.migrate(command, "--yes")
            is_reached = world.asked >= last
            follow(world, 60, "--remove" if command == "--remove" else None)
            assert (stands(world), is_over(world)) == ("none", True), number
            assert command == "--remove" or world.copied() == 50
        if not is_reached:  # it was over before
            break


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize("block", range(4))
def test_two_people_at_once_make_one_group_and_leave_no_key(block):
    for number in requests_of(block, 4, 44):
        with MigrateWorld() as world:
            world.fill(50)
            others = []
            world.meanwhile[world.asked + number] = lambda: others.append(world.migrate("--yes", typed=""))  # noqa: B023
            code, said = world.migrate()
            if not others:  # it was over before
                break
            assert {code, others[0][0]} <= {0, 2}, (number, said, others)
            well(world.migrate("--look"))
            assert (world.copied(), is_over(world)) == (50, True), number
            runs = [group.order.note for group in world.oms.groups.all()]
            assert len({*runs}) == len(runs), "two groups of one migration"
    assert number > 30


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize("command", ["--go-on", "--retry"])
def test_two_people_at_once_who_go_on_leave_no_key_that_nobody_names(command):
    for number in range(3, 60, 3 if EXTRAS else 9):
        with MigrateWorld() as world:
            before = world.all_oms_keys()
            begun(world, 50)
            if command == "--go-on":
                well(world.migrate("--pause"))
            else:
                world.group.failures.add(FAILS, times=2)
                assert world.migrate()[0] == 1

            def go_on_too(world=world):
                world.stop_following_after(0)
                world.migrate(command, typed="")

            at = world.asked + number
            world.meanwhile[at] = go_on_too
            world.migrate(command, typed="")
            is_over_before = at in world.meanwhile
            left = world.all_oms_keys() - before
            # While none are named, whatever was not there before is the migration's.
            assert not left or left <= ({*under_way(world)["keys"]} or left), number
            follow(world, 600)
            assert (stands(world), is_over(world), world.copied()) == ("none", True, 50), number
        if is_over_before:
            break


def test_of_two_who_begin_at_once_one_does(world):
    log = world.administrator_log()
    intentions, other = (Intentions(log, world.task.sync_url, NAME) for _ in range(2))
    made = [Intention(run, "2026-01-02T00:00:00Z", "photos", "photos-obs", [""], []) for run in ("a", "b")]
    assert (intentions.begin(made[0]), other.begin(made[1])) == (True, False)
    assert other.read() == made[0]
    intentions.end(made[0], [], datetime(2026, 1, 3, tzinfo=timezone.utc), "done")
    assert other.begin(made[1])


def test_a_copy_that_landed_late_is_found_by_the_comparison(world):
    """A version that was written while it ran, and lost its place to the older one, which is just as long."""
    world.fill(1, size=7)
    world.oms.groups.prepare = lambda group: group.copies.add(CopyFault.late(0, 120))
    world.stop_following_after(30)
    ends(world.migrate(), 130)
    world.oss.put(world.source_bucket, "old/000000", b"renewed")
    for seconds, contents in ((20, b"renewed"), (300, bytes(7))):
        world.later(seconds)
        assert world.obs.objects(world.destination_bucket)["old/000000"].data == contents
    well(world.migrate(typed=""))
    world.later(7200)
    ends(world.run("compare", "--deep"), 1, "overwritten", "old/000000")
