"""Counts by pairs of storage classes, which equal those of an oracle and add up to the listings of both buckets."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import astuple
from unittest.mock import patch

import pytest

from oss_oms_sync.answers.object_class import NOT_IN_SCOPE
from oss_oms_sync.answers.pass_answers import StoragePair
from oss_oms_sync.clouds.listings import OSS_LISTING, UnreadPage
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary
from oss_oms_sync.clouds.obs import OBS_LISTING
from oss_oms_sync.comparison.count import CompareCount
from oss_oms_sync.comparison.judge import Judge, JudgementTimes
from oss_oms_sync.comparison.oms_progress import OmsProgress
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.listing import KeyRun, ListingReader, merge_listings
from oss_oms_sync.passes.tally import Tally
from support.law import EXTRAS
from support.listing import listing, obs_listing

WORLDS = 300 if EXTRAS else 60
NOW = 1_800_000_000
# Possible sets of storage classes of a bucket, from one class to all of them.
OF_OSS = (["Standard"], ["IA", "Standard"], ["Standard", "IA", "Archive", "ColdArchive", "New_1", ""])
OF_OBS = (["STANDARD"], ["STANDARD", "WARM"], ["STANDARD", "WARM", "COLD", "DEEP_ARCHIVE", ""])
Objects = dict[str, ObjectSummary]


def make_objects(dice: random.Random, keys: list[str], classes: list[str], share: float) -> Objects:
    """Return objects for about this `share` of the keys, a number from 0 to 1; most objects are alike."""
    few = dice.choice([0.0, 0.02, 0.5])
    return {
        key: ObjectSummary(
            key,
            "AB" * 16 if dice.random() < 0.95 else "CD" * 16,
            dice.randrange(9) if dice.random() < 0.05 else 7,
            NOW - dice.choice([100, 400_000, 400_000]),
            "Normal",
            dice.choice(classes) if dice.random() < few else classes[0],
        )
        for key in keys
        if dice.random() < share
    }


def make_world(dice: random.Random) -> tuple[Objects, Objects]:
    """Return the objects of the source and of OBS, some of them outside the project's filter."""
    keys = sorted(
        {f"{dice.choice(['a/', 'a/b/', 'c', ''])}{dice.randrange(400):03}.{dice.choice('jjjp')}" for _ in range(150)}
    )
    share = dice.choice([1.0, 0.95, 0.5])
    return make_objects(dice, keys, dice.choice(OF_OSS), share), make_objects(dice, keys, dice.choice(OF_OBS), share)


def make_pages(objects: Objects, of_oss: bool, size: int) -> list[ListPage]:
    """Return the pages of a listing, parsed from XML."""
    rows = list(objects.values())
    parts = [rows[at : at + size] for at in range(0, len(rows), size)]
    if of_oss:
        return [UnreadPage(listing(part).encode(), OSS_LISTING).read() for part in parts]
    return [UnreadPage(obs_listing(part).encode(), OBS_LISTING).read() for part in parts]


def count_objects(source: Objects, destination: Objects, key_filter: KeyFilter, size: int) -> Tally:
    """Return the counts of a comparison of these listings."""
    count = CompareCount(
        Judge(key_filter, JudgementTimes(NOW, OmsProgress.without_counts(NOW)), submit_since=0),
        Tally(),
        NOW - 9.0,
        "5eed",
    )
    readers = [ListingReader(), ListingReader(), ListingReader(), ListingReader(), ListingReader()]
    readers[0], readers[3] = (
        ListingReader(iter(make_pages(source, True, size))),
        ListingReader(iter(make_pages(destination, False, size))),
    )
    for step in merge_listings(readers, readers[3], count.count_equal):
        if isinstance(step, KeyRun):
            count.add_run(step)
        else:
            count.add(step, lambda _: True)
    return count.tally()


def select_part(objects: Objects, middle: str, early: bool) -> Objects:
    """Return the objects up to the key `middle` if `early`, otherwise those after it."""
    return {key: row for key, row in objects.items() if (key <= middle) is early}


def count_by_oracle(source: Objects, destination: Objects, suffix: str) -> list[tuple[object, ...]]:
    """Return the counts of an oracle, which looks up each key in both buckets."""
    objects, source_bytes, obs_bytes = (Counter[tuple[str | None, str | None]]() for _ in range(3))
    for key in {*source, *destination}:
        if not key.endswith(suffix):
            continue
        pair = (
            source[key].storage_class if key in source else None,
            destination[key].storage_class if key in destination else None,
        )
        objects[pair] += 1
        source_bytes[pair] += source[key].size if key in source else 0
        obs_bytes[pair] += destination[key].size if key in destination else 0
    return sorted(((*pair, number, source_bytes[pair], obs_bytes[pair]) for pair, number in objects.items()), key=str)


@pytest.mark.part
@pytest.mark.law
def test_the_counts_of_storage_classes_equal_those_of_an_oracle():
    pairs = mixed = 0
    for seed in range(WORLDS):
        dice = random.Random(seed)
        source, destination = make_world(dice)
        suffix, size = dice.choice(["", "", ".j"]), dice.choice([7, 40, 1000])
        middle = f"a/{dice.randrange(400):03}"
        with (
            patch("oss_oms_sync.clouds.listings._FULL_PAGE_OBJECTS", dice.choice([size, 1000])),
            patch("oss_oms_sync.passes.listing.MIN_RUN_KEYS", dice.choice([1, 3, 16])),
        ):
            # The counts of two pieces of a pass, which are then added up.
            halves = [
                count_objects(
                    select_part(source, middle, early),
                    select_part(destination, middle, early),
                    KeyFilter("", suffix),
                    size,
                )
                for early in (True, False)
            ]
        tally = halves[0].plus(halves[1])
        counts = tally.list_storage_pairs(*NOT_IN_SCOPE)
        assert sorted(map(astuple, counts), key=str) == count_by_oracle(source, destination, suffix), seed
        assert tally.adds_up(), seed
        pairs += len(counts)
        mixed += len(counts) > 4
    assert pairs > 3 * WORLDS
    assert mixed > WORLDS / 10


def test_counts_of_storage_classes_that_lack_an_object_do_not_add_up():
    row = ObjectSummary("a", "AB" * 16, 7, NOW - 400_000, storage_class="IA")
    tally = count_objects({"a": row}, {"a": row._replace(storage_class="WARM")}, KeyFilter(), 7)
    assert tally.list_storage_pairs() == [StoragePair("IA", "WARM", 1, 7, 7)]
    assert tally.adds_up()
    tally.classes["equal_contents"].storage["IA WARM"] = [1, 7, 6]
    assert not tally.adds_up()
