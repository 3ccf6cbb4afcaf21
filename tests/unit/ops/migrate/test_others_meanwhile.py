"""Migrations while another administrator, replay, reconcile or compare works, and after a command was killed."""

from __future__ import annotations

from collections import Counter
from itertools import count
from unittest.mock import patch

import pytest

from ops.accounts.iam_users import IamUser
from ops.intention import Intentions
from ops.migrate import preparation
from oss_oms_sync.jobs.replay.failed_copies import FailedCopies, _TimeIsUpError
from sandbox.oms.group import Status
from support.administrator import KilledError, draw_requests
from support.law import EXTRAS
from support.migration import MachineClock
from unit.ops.migrate.migrate_world import FAILURE, STATE, MigrateWorld
from unit.ops.setup.setup_world import NAME, expect_exit, expect_success, is_change


def begin_another(world):
    """Let the running migration finish, and begin another that overwrites objects; return the id of its run."""
    world.advance(1200)
    expect_success(world.migrate("--yes", typed=""))
    world.slow_groups(6000)
    world.stop_following_after(60)
    expect_exit(world.migrate("--overwrite", "--yes", typed=""), 130)
    return world.read_intention()["run"]


def is_untouched(world, run):
    """Return True if the migration `run` continues with its access keys, and the first is recorded as done."""
    intention = world.read_intention()
    assert world.run("close")[0] != 0
    has_keys = {*intention["keys"]} <= world.all_oms_keys()
    return (intention["run"], world.count_oms_keys(), world.read_outcome()["how"], has_keys) == (
        run,
        (2, 2),
        "done",
        True,
    )


def test_a_suspended_migrate_command_does_not_end_a_later_migration(world):
    world.fill(200)
    world.slow_groups(600)
    really, runs = world._sleep, []

    def sleep(_, seconds):
        if not runs and world.oms.groups.list_all() and world.group.status is Status.MONITORING:
            runs.append("")
            runs.append(begin_another(world))
        really(seconds)

    with patch.object(MachineClock, "sleep", sleep):
        expect_success(world.migrate(), "The migration is finished")
    assert is_untouched(world, runs[-1])


def test_migrate_with_remove_ends_no_migration_begun_during_its_prompt(world):
    world.begin_migration()
    runs = []

    def confirm(*_):
        runs.append(begin_another(world))

    with patch("ops.migrate.migration.confirm", confirm):
        expect_exit(world.migrate("--remove"), 2, "Another command has ended the migration")
    assert is_untouched(world, runs[-1])


def test_migrate_keeps_an_access_key_that_was_created_during_its_prompt(world):
    world.fill(10)
    user, ram, really = f"{NAME}-oms", world.ram.entities, preparation.confirm
    new_keys = []

    def confirm(*asked):
        (old,) = ram.users[user]["keys"]
        new_keys.append(ram.create_access_key(user)["AccessKey"]["AccessKeyId"])
        ram.delete_access_key(user, old)
        really(*asked)

    with patch("ops.migrate.preparation.confirm", confirm):
        expect_success(world.migrate())
    assert world.reader_keys() == {*new_keys}


def kill_between_keys(world):
    """Kill a command that has created one of two access keys, and has not recorded it yet."""
    world.slow_groups(900)
    with patch.object(IamUser, "make_key", side_effect=KilledError), pytest.raises(KilledError):
        world.migrate()
    assert world.count_oms_keys() == (2, 1)
    assert world.read_intention()["keys"] == []
    assert world.oms.groups.list_all() == []
    world.advance(60)


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("is_killed", [False, True], ids=["two new commands", "two continuing commands"])
def test_two_continuing_migrate_commands_delete_no_access_key_in_use(quarter, is_killed):
    for number in draw_requests(range(60 if is_killed else 44), 1 if EXTRAS else 3)[quarter::4]:
        with MigrateWorld() as world:
            world.fill(50)
            if is_killed:
                kill_between_keys(world)
            others = []

            def another(world=world, others=others):
                world.stop_following_after(300)
                others.append(world.migrate("--yes", typed=""))

            world.meanwhile[world.asked + number] = another
            code, output = world.migrate("--yes", typed="")
            if not others:  # the command ended before this request
                break
            # THEN each migration has a single group, whose keys work until it is finished
            assert code in (0, 2), (number, output, others)
            assert others[0][0] in (0, 2, 130), (number, output, others)
            world.advance(1200)
            if STATE in world.migration_files():
                world.migrate("--yes", typed="")
            groups = world.oms.groups.list_all()
            assert {group.status for group in groups} == {Status.DONE}, (number, output, others)
            assert len({group.settings.description for group in groups}) == len(groups), (number, output, others)
            assert len(groups) == 1 or not is_killed, (number, output, others)
            assert (world.count_copies(), world.is_finished()) == (50, True), (number, output, others)
    assert number > 20


def test_two_migrate_commands_leave_no_access_key_behind(world):
    # GIVEN a paused migration, which another command continues between this command's read of the record and its write
    world.begin_migration(50)
    expect_success(world.migrate("--pause"))
    others, really = [], Intentions.write

    def write(this, intention):
        if not others:
            world.stop_following_after(0)
            others.append(None)
            others[0] = world.migrate("--go-on", typed="")
        really(this, intention)

    # WHEN this command writes its older record THEN the end of the migration still deletes the newer keys
    with patch.object(Intentions, "write", write):
        expect_success(world.migrate("--go-on", typed=""), "The migration is finished")
    assert others[0][0] == 130
    assert world.is_finished()


@pytest.mark.parametrize("number", [1, 2], ids=["before OMS's state is read", "before access keys are created"])
def test_a_migrate_command_changes_nothing_after_another_takes_over(world, number):
    # GIVEN a paused migration, which another command continues after this command's first or second write
    world.begin_migration(50)
    expect_success(world.migrate("--pause"))
    really, numbers, requests_before = Intentions.write, count(1), []

    def write(this, intention):
        really(this, intention)
        if next(numbers) == number:
            world.stop_following_after(200)
            expect_exit(world.migrate("--go-on", typed=""), 130)
            requests_before.append(len(world.sent))

    # WHEN this command continues THEN it keeps its promise to change nothing
    with patch.object(Intentions, "write", write):
        expect_exit(world.migrate("--go-on", typed=""), 2, "Another command has taken over this migration")
    assert [request for request in world.sent[requests_before[0] :] if is_change(request)] == []


@pytest.mark.parametrize("words", [["--overwrite"], ["--prefix", "old/"], ["--restore"], ["--keep-storage-class"]])
def test_migrate_refuses_other_options_than_those_of_a_running_migration(world, words):
    world.begin_migration()
    world.advance(1200)
    expect_exit(world.migrate(*words, "--yes", typed=""), 2, "A migration with other options is running")
    expect_success(world.migrate("--yes", typed=""), "The migration is finished")


def test_lists_older_than_a_retry_hide_no_failed_object_of_the_retry(world, mocker):
    # GIVEN more failures than replay takes, and fewer after a retry, whose list comes after the long list
    mocker.patch("oss_oms_sync.answers.task_group.MAX_RESENT_OBJECTS", 150)
    world.fill(500)
    often: Counter[str] = Counter()

    def fails(key):
        often[key] += 1
        return (often[key] == 1 and key < "old/000300") or (often[key] == 2 and "old/000250" <= key < "old/000300")

    world.oms.groups.prepare = lambda group: group.failures.add(FAILURE, where=fails)
    expect_exit(world.migrate(), 1)
    expect_exit(world.migrate("--retry"), 1)
    # WHEN the time of each run of replay ends after a part of the lists
    checks, really = count(1), FailedCopies._check_time

    def check(this):
        if not next(checks) % 4:
            raise _TimeIsUpError
        really(this)

    mocker.patch.object(FailedCopies, "_check_time", check)
    for _ in range(9):
        world.advance(60)
        world.tick("replay")
    # THEN replay has the keys of all failures once status says so
    assert world.answer("status")[1]["old_objects"]["resent"]
    world.advance(60)
    assert world.count_copies() == 500


def test_an_interrupted_end_of_a_migration_keeps_its_counts(world):
    world.fail_two_and_wait()
    for number in draw_requests(range(30)):
        with world.cut_off("dies_after", number, away=60):
            world.migrate("--remove", "--yes")
        if world.migration_files() != [STATE]:
            break
    expect_success(world.migrate("--remove", "--yes"))
    outcome = world.read_outcome()
    assert [outcome[name] for name in ("how", "total", "copied", "failed")] == ["resent", 100, 98, 2]
