"""The law of deletions: certify lists a key exactly if the key meets all conditions.

A listed key has not existed at the source since the listed time, and no other user wrote its object to OBS. Certify
counts each other key by the reason for its omission.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from support.deletions_world import DeletionsWorld, find_omission_reason
from support.law import EXTRAS, choose_seeds
from support.world import DAY, HOUR, MINUTE, PART

KEYS = ["a", "a/b", "c", "d/e", " odd"]
WORLDS = int(os.environ.get("SCHEDULES", "400" if EXTRAS else "25"))


@pytest.fixture(autouse=True)
def tiny_parts_and_runs(mocker):
    """Set the size of parts of objects to two bytes instead of 50 MB, and of runs of keys to one key instead of 16."""
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    mocker.patch("oss_oms_sync.passes.listing.MIN_RUN_KEYS", 1)


def play_beginning(world: DeletionsWorld, dice: Random) -> None:
    """Write the first objects. OMS copies most of them; a migration or other users wrote some before the project."""
    if dice.random() < 0.25:
        at = world.clock.now().timestamp()
        world.migrated = (at, at + HOUR)
        world.bucket.add_json(
            f"state/migrated-{world.settings.project}-ab12.json",
            {
                "begun": format_time(at),
                "ended": format_time(at + HOUR),
                "prefixes": [""],
                "digest_without_extra": "x",
                "how": "done",
            },
        )
        for key in world.keys:
            if dice.random() < 0.4:
                world.write_source(key, dice.choice(["AB", "BA"]), fate="lost")
                world.write(key, "AB")
        world.advance(2 * HOUR)
    for key in world.keys:
        data = dice.choice(["AB", "BA", "CCCC"])
        if dice.random() < 0.15:
            world.write_foreign(key, data)
            world.destination.modified[key] -= dice.choice([0, 5 * DAY])
            world.others.add((key, world.find_copy(key)))
        world.advance(2)
        kind = dice.choice(["md5", "md5", "Multipart"])
        if dice.random() < 0.9:
            world.write_source(key, data, kind, dice.choice(["copied", "copied", "copied", "accepted", "lost"]))
    world.advance(HOUR)
    if dice.random() < 0.5:
        world.run_comparison(deep=True)
        world.advance(HOUR)
    for key in world.keys:
        if dice.random() < 0.7:
            world.delete_source(key)
    world.run_comparison()
    world.advance(dice.choice([DAY / 2, DAY, 1.5 * DAY]))


def format_time(seconds: float) -> str:
    return timestamp(from_epoch(int(seconds)))


def play_move(world: DeletionsWorld, dice: Random) -> None:
    key = dice.choice(world.keys)
    match dice.choice(["write", "delete", "delete", "foreign", "remove", "copy", "replay", "deliver", "lose", "brief"]):
        case "write":
            fate = dice.choice(["copied", "accepted", "refused", "pending", "lost"])
            world.write_source(key, dice.choice(["AB", "BA", "CCCC"]), fate=fate)
        case "delete":
            world.delete_source(key)
        case "brief":
            # The key exists for a moment.
            world.write_source(key, "AB", fate=dice.choice(["copied", "accepted", "refused", "lost"]))
            world.advance(dice.choice([2, 10, 20 * MINUTE]))
            world.delete_source(key)
        case "foreign":
            world.write_foreign(key, dice.choice(["AB", "BA", "ZZ"]))
        case "remove":
            world.remove(key)
        case "copy":
            world.copy_all()
        case "replay":
            world.replay()
        case "deliver":
            world.deliver(dice.randrange(4), again=dice.random() < 0.3)
        case "lose":
            world.lose(dice.randrange(4))


def play_day(world: DeletionsWorld, dice: Random) -> None:
    """Let a day of events pass, and compare. The comparison may fail, miss keys, or have a prefix."""
    for _ in range(dice.choice([0, 0, 1, 2])):
        play_move(world, dice)
        world.advance(dice.choice([2, 40, 20 * MINUTE, 5 * HOUR]))
    chance = dice.random()
    if chance < 0.1:
        world.run_comparison(fails=True)
    elif chance < 0.2:
        world.hide_keys(dice.choice([0.3, 1.0]), dice, is_proxy=dice.random() < 0.5)
        world.run_comparison()
        if dice.random() < 0.5:
            world.heal()
    else:
        world.run_comparison(scope="a" if chance < 0.3 else "", deep=dice.random() < 0.2)
    world.advance(dice.choice([HOUR, DAY / 2, DAY, DAY, 1.5 * DAY]))


def play(seed: int) -> Counter[str]:
    DeletionsWorld.close_all()
    dice = Random(seed)
    world = DeletionsWorld(KEYS[: dice.choice([1, 2, 5])])
    play_beginning(world, dice)
    for _ in range(dice.choice([0, 1, 1, 2, 3])):
        play_day(world, dice)
    if dice.random() < 0.8:
        world.heal()
        world.run_comparison()
    for _ in range(dice.choice([0, 0, 1, 2])):
        play_move(world, dice)
        world.advance(2)
    if dice.random() < 0.9:
        world.heal()
    world.record_evidence()
    return check(world, world.deletions())


def check(world: DeletionsWorld, answer: dict) -> Counter[str]:
    whole = [comparison for comparison in world.comparisons if comparison.scope == ""]
    listed = answer["deletions"]
    shrunk = len(whole) > 1 and 2 * whole[-1].objects < whole[-2].objects
    if not whole or shrunk:
        assert not listed
        assert not answer["left_out"]
        return Counter(refused=1)
    for key, entry in listed.items():
        since = to_seconds(entry["absent_since"])
        # Nothing that the key left behind is of a life that went on since then.
        for begun, ended in world.lifetimes[key]:
            left = [at for at in world.evidence_times[key] if max(begun, since) <= at <= ended] if ended > since else []
            assert not left, f"{key!r} existed from {begun} to {ended}, and is absent since {since}: {left}"
        there = world.find_copy(key)
        assert there is not None
        assert there[1] == entry["etag"]
        assert (key, there) not in world.others or is_indistinguishable(world, key, there.modified), f"others: {key!r}"
    wanted = {key: find_omission_reason(world, key, whole[-1]) for key in whole[-1].absent}
    assert set(listed) == {key for key, reason in wanted.items() if not reason}, (wanted, answer)
    reasons = Counter(reason for reason in wanted.values() if reason)
    assert Counter(answer["left_out"]) == reasons, (wanted, answer)
    return Counter({"listed": len(listed)}) + reasons


def is_indistinguishable(world: DeletionsWorld, key: str, modified: int) -> bool:
    """Return True if another user's object in OBS cannot be distinguished from a copy by OMS.

    It has bytes that OMS had accepted, and was written after the installation and within a day of the acceptance.
    """
    stored = world.destination.objects[key].body.decode()
    at = world.accepted_at(key)
    return stored in world.contents[key] and at is not None and world.oldest - 1 <= modified <= at + DAY


def to_seconds(time: str) -> float:
    moment = parse_time(time)
    assert moment is not None
    return moment.timestamp()


@pytest.mark.part
@pytest.mark.law
@pytest.mark.parametrize("block", range(4))
def test_the_deletion_list_has_only_keys_deleted_at_the_source(block, count):
    for seed in choose_seeds(block, WORLDS):
        for state in play(seed).elements():
            count("the law of deletions", f"keys: {state}")
        count("the law of deletions", "schedules")
