"""What others do to a migration while somebody follows it, is asked, or is cut off; what replay has of one that was
tried again; and what comparisons and reconcile make of the objects that it copies, meanwhile and afterwards."""

from __future__ import annotations

from collections import Counter
from itertools import count
from unittest.mock import patch

import pytest

from ops.accounts.iam_users import IamUser
from ops.migrate import preparation
from oss_oms_sync.jobs.replay.failed_copies import FailedCopies, _TimeIsUpError
from sandbox.oms.group import Status
from support.administrator import KilledError
from support.migration import MachineClock
from unit.ops.migrate.migrate_world import STATE, MigrateWorld
from unit.ops.migrate.test_migrate import FAILS, begun, failed_and_waited, keys_of_reader, over, slow, under_way
from unit.ops.setup.setup_world import NAME, ends, well


def another_begun(world):
    """Somebody follows the one that is there to its end, and begins another, which overwrites."""
    world.later(1200)
    well(world.migrate("--yes", typed=""))
    slow(world, 6000)
    world.stop_following_after(60)
    ends(world.migrate("--overwrite", "--yes", typed=""), 130)
    return under_way(world)["run"]


def is_untouched(world, run):
    """Whether it goes on, has its keys, and is the one that is written down; and what the first came to is told."""
    known = under_way(world)
    assert world.run("close")[0] != 0
    has_keys = {*known["keys"]} <= world.all_oms_keys()
    return (known["run"], world.oms_keys(), over(world)["how"], has_keys) == (run, (2, 2), "done", True)


def test_whoever_slept_does_not_end_the_next_one(world):
    world.fill(200)
    slow(world, 600)
    really, runs = world._sleep, []

    def sleep(_, seconds):
        if not runs and world.oms.groups.all() and world.group.status is Status.MONITORING:
            runs.append("")
            runs.append(another_begun(world))
        really(seconds)

    with patch.object(MachineClock, "sleep", sleep):
        well(world.migrate(), "The migration is finished")
    assert is_untouched(world, runs[-1])


def test_whoever_thinks_before_ending_one_does_not_end_the_next_one(world):
    begun(world)
    runs = []

    def confirm(*_):
        runs.append(another_begun(world))

    with patch("ops.migrate.migration.confirm", confirm):
        ends(world.migrate("--remove"), 2, "Somebody else has ended it meanwhile")
    assert is_untouched(world, runs[-1])


def test_a_key_that_comes_while_somebody_is_asked_stays(world):
    world.fill(10)
    user, ram, really = f"{NAME}-oms", world.ram.entities, preparation.confirm
    made = []

    def confirm(*asked):
        (old,) = ram.users[user]["keys"]
        made.append(ram.create_access_key(user)["AccessKey"]["AccessKeyId"])
        ram.delete_access_key(user, old)
        really(*asked)

    with patch("ops.migrate.preparation.confirm", confirm):
        well(world.migrate())
    assert keys_of_reader(world) == {*made}


def cut_off_while_its_keys_are_made(world):
    """Somebody's machine is no more after it has made one of the two keys, and named none."""
    slow(world, 6000)
    with patch.object(IamUser, "make_key", side_effect=KilledError), pytest.raises(KilledError):
        world.migrate()
    assert (world.oms_keys(), under_way(world)["keys"], world.oms.groups.all()) == ((2, 1), [], [])
    world.later(60)


@pytest.mark.long
@pytest.mark.parametrize("first", range(4))
def test_of_two_who_go_on_neither_deletes_the_keys_that_oms_has(first):
    for number in range(first, 60, 4):
        with MigrateWorld() as world:
            world.fill(50)
            cut_off_while_its_keys_are_made(world)
            others = []

            def another(world=world, others=others):
                world.stop_following_after(300)
                others.append(world.migrate("--yes", typed=""))

            world.meanwhile[world.asked + number] = another
            code, said = world.migrate("--yes", typed="")
            if not others:  # it was over before
                break
            # THEN there is one group, whose keys work until it is over
            assert (code in (0, 2), others[0][0] in (2, 130)) == (True, True), (number, said, others)
            world.later(6000)
            if STATE in world.written_down():
                world.migrate("--yes", typed="")
            ended = [(group.status, group.success) for group in world.oms.groups.all()]
            assert (ended, world.oms_keys()) == ([(Status.DONE, 50)], (1, 1)), (number, said, others)
    assert number > 20


@pytest.mark.parametrize("words", [["--overwrite"], ["--prefix", "old/"], ["--restore"]])
def test_one_with_other_options_is_not_taken_for_the_one_that_is_on_its_way(world, words):
    begun(world)
    world.later(1200)
    ends(world.migrate(*words, "--yes", typed=""), 2, "Another migration is on its way, not with these options")
    well(world.migrate("--yes", typed=""), "The migration is finished")


def test_what_was_listed_before_a_retry_hides_nothing_that_failed_in_it(world, mocker):
    # GIVEN more failures than replay takes, and after a retry fewer, whose list comes behind the long one
    mocker.patch("oss_oms_sync.answers.task_group.MAX_RESENT", 150)
    world.fill(500)
    often: Counter[str] = Counter()

    def fails(key):
        often[key] += 1
        return (often[key] == 1 and key < "old/000300") or (often[key] == 2 and "old/000250" <= key < "old/000300")

    world.oms.groups.prepare = lambda group: group.failures.add(FAILS, where=fails)
    ends(world.migrate(), 1)
    ends(world.migrate("--retry"), 1)
    # WHEN the time of each of replay's runs is over after a part of it
    checks, really = count(1), FailedCopies._check_time

    def check(this):
        if not next(checks) % 4:
            raise _TimeIsUpError
        really(this)

    mocker.patch.object(FailedCopies, "_check_time", check)
    for _ in range(9):
        world.later(60)
        world.tick("replay")
    # THEN it has the keys of all that failed, once it says so
    assert world.answer("status")[1]["old_objects"]["resent"]
    world.later(60)
    assert world.copied() == 500


def test_an_end_that_is_interrupted_forgets_nothing_of_what_there_was(world):
    failed_and_waited(world)
    for number in range(30):
        with world.cut_off("dies_after", number):
            world.migrate("--remove", "--yes")
        if world.written_down() != [STATE]:
            break
    well(world.migrate("--remove", "--yes"))
    told = over(world)
    assert [told[name] for name in ("how", "total", "copied", "failed")] == ["resent", 100, 98, 2]


DAY, SINCE = 86_400, ("--since", "1970-01-01", "--restart")


def objects(found):
    """How many there are of each class, on either side."""
    sides = {name: max(one[side]["objects"] for side in ("source", "destination")) for name, one in found.items()}
    return {name: number for name, number in sides.items() if number and name != "oms_own"}


def test_what_it_will_copy_is_left_to_it_and_what_it_copied_is_known_for_that(world):
    # GIVEN objects from long before, which a comparison does not send
    keys = [f"old/{number:03}" for number in range(100)]
    world.oss.fill(world.source_bucket, keys, size=10, age=9 * DAY)
    found = world.answer("compare")[1]
    assert (objects(found["classes"]), found["accepted"]) == ({"missing": 100}, 0)

    # WHEN a task group is on its way that takes ten minutes, and somebody wants all compared and sent
    world.oms.groups.prepare = lambda group: setattr(group, "speed", 1000 / 600)
    world.stop_following_after(300)
    assert world.migrate()[0] == 130
    found = world.answer("compare", *SINCE)[1]
    assert objects(found["classes"])["migrating"] > 10
    assert (found["accepted"], found["stop"], "missing" in objects(found["classes"])) == (0, None, False)
    assert world.answer("reconcile", *SINCE)[1]["migrating"] == 100

    # THEN all are there in the end, and what the source has deleted is known, too
    assert world.migrate()[0] == 0
    del world.oss._buckets[world.source_bucket].objects["old/000"]
    world.later(20 * 60)
    found = world.answer("compare", *SINCE)[1]
    assert objects(found["classes"]) == {"equal_contents": 99, "deleted_at_source": 1}
    found = world.answer("reconcile", *SINCE)[1]
    assert (found["migrating"], found["submitted"]) == (99, 0)
