"""Runs of consecutive keys that the code counts together, with the same results as keys counted one by one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.layout import CANARY, RECORDS
from oss_oms_sync.clock import from_epoch
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary, etag_of
from oss_oms_sync.comparison.count import CompareCount
from oss_oms_sync.comparison.judge import Judge, JudgementTimes
from oss_oms_sync.comparison.oms_progress import OmsProgress
from oss_oms_sync.comparison.proof import Proof, _format_proof
from oss_oms_sync.comparison.reconciling import Classifier
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs.reconcile import ReconcileCount
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.entries import MIN_EVENT_AGE
from oss_oms_sync.passes.listing import KeyRun, ListingReader, merge_listings
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.passes.range_walk import RangeCount
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.settings import Settings
from support.law import EXTRAS
from support.listing import make_page
from support.world import ENVIRONMENT

SETTINGS = Settings.from_env(ENVIRONMENT)
NOW = 1_800_000_000
DAY = 86_400
# The times by which the jobs below separate older objects from newer objects.
EDGES = [NOW - int(days * DAY) for days in (2.01, 2.99)] + [NOW - 2 * DAY - int(MIN_EVENT_AGE.total_seconds())]
WORLDS = 300 if EXTRAS else 60
MD5S = ["A" * 32, "0F" * 16]
ODD_FOLDERS = [f"{CANARY}x/", f"{RECORDS}t/", "oms/sync_task/"]
FOLDERS = [*["", "a/", "a/b/", "a-", "b/"] * 6, *ODD_FOLDERS]
# The readers of `merge_listings`, in their order; `Objects` has the rows of each key in this order.
READERS = ("source", "success", "failed", "destination", "proof")
Objects = dict[str, list[ObjectSummary | None]]


def make_rows(dice: random.Random) -> Objects:
    """Return random objects and records of random keys; most of them agree."""
    oddness = dice.choice([0.0, 0.005, 0.05])
    keys = {
        f"{dice.choice(FOLDERS)}{dice.randrange(300):03}{dice.choice(['', '', '.jpg'])}"
        for _ in range(dice.randrange(90))
    }
    return {key: make_rows_of_key(dice, key, oddness) for key in sorted(keys)}


def make_rows_of_key(dice: random.Random, key: str, oddness: float) -> list[ObjectSummary | None]:
    def is_odd() -> bool:
        return dice.random() < oddness

    write_time = NOW - 2 * DAY - dice.randrange(DAY)
    if is_odd():
        write_time = dice.choice(EDGES) + dice.randrange(-1, 2)
    # Storage classes do not end a run, so they have their own random numbers.
    odd_class = random.Random(key).random() < oddness
    source = ObjectSummary(
        key,
        dice.choice(["CD-2", "C" * 32, "c" * 32, "é" * 32]) if is_odd() else dice.choice(MD5S),
        2**31 if is_odd() else dice.randrange(3),
        NOW - dice.choice([60, 400, DAY, 3 * DAY]) if is_odd() else write_time,
        "Symlink" if is_odd() else "Normal",
        "IA" if odd_class else "Standard",
    )
    obs_object = ObjectSummary(
        key,
        dice.choice(["CD-3", *MD5S]) if is_odd() else source.etag,
        1 if is_odd() else source.size,
        source.modified + (dice.randrange(-DAY, DAY) if is_odd() else 5),
        storage_class="WARM" if odd_class else "STANDARD",
    )
    again_suffix = " again" if is_odd() else ""
    success_record = ObjectSummary(
        key, etag_of(f"{source.etag}{again_suffix}"), 32, source.modified + (-1 if is_odd() else dice.randrange(9))
    )
    failed_record = ObjectSummary(key, "F" * 32, 32, source.modified + dice.randrange(-9, 9))
    proof = ObjectSummary(key, etag_of(_format_proof(source, obs_object, dice.choice(list(Proof)))), 32, NOW)
    return [
        None if is_odd() else source,
        None if is_odd() else success_record,
        failed_record if is_odd() else None,
        None if is_odd() else obs_object,
        proof if is_odd() else None,
    ]


def make_pages(dice: random.Random, objects: list[ObjectSummary], *, fails: bool) -> list[ListPage | StorageError]:
    """Return pages of the objects, some of them empty, and perhaps a failure in place of a page."""
    pages: list[ListPage | StorageError] = []
    while objects:
        number = dice.choice([0, 1, 7, 40])
        pages.append(make_page(objects[:number], more=True))
        objects = objects[number:]
    if fails and dice.random() < 0.3:
        pages[dice.randrange(len(pages) + 1) :] = [StorageError("OSS does not answer")]
    return pages


def iter_pages(pages: list[ListPage | StorageError]) -> Iterator[ListPage]:
    for page in pages:
        if isinstance(page, StorageError):
            raise page
        yield page


def count_keys(
    listings: list[list[ListPage | StorageError]], count: RangeCount, counterpart: str, *, by_runs: bool
) -> dict[str, object]:
    """Count the keys of the listings, in runs only if `by_runs` is True; return the counts, submissions and error."""
    due_keys: list[tuple[str, str]] = []
    runs, error = 0, ""

    def select_key(key: FailedKey) -> bool:
        due_keys.append((key.key, key.change.etag))
        return True

    try:
        readers = [ListingReader(iter_pages(pages)) for pages in listings]
        for step in merge_listings(
            readers, readers[READERS.index(counterpart)], count.count_equal if by_runs else None
        ):
            if isinstance(step, KeyRun):
                runs += len(step.keys)
                count.add_run(step)
                continue
            count.add(step, select_key)
    except StorageError as raised:
        error = str(raised)
    return {"tally": to_json(count.tally()), "lines": count.lines, "due": due_keys, "error": error, "runs": runs}


def make_compare_count(key_filter: KeyFilter) -> RangeCount:
    judge = Judge(key_filter, JudgementTimes(NOW, OmsProgress.without_counts(NOW)), submit_since=0)
    return CompareCount(judge, Tally(), NOW - 2.01 * DAY, "5eed")


def make_reconcile_count(key_filter: KeyFilter) -> RangeCount:
    settings = replace(SETTINGS, key_filter=key_filter)
    scope = Scope(key_filter, from_epoch(NOW - 2.99 * DAY), everything=False)
    classifier = Classifier(settings, scope, from_epoch(0), from_epoch(NOW), from_epoch(NOW - 2 * DAY))
    return ReconcileCount(classifier, key_filter, Tally())


def make_standstill_count(key_filter: KeyFilter) -> RangeCount:
    return RangeCount(key_filter, Tally())


JOBS = [(make_compare_count, "destination"), (make_reconcile_count, "success"), (make_standstill_count, "destination")]


@pytest.mark.part
@pytest.mark.parametrize(("job", "counterpart"), JOBS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_count_of_consecutive_keys_equals_the_counts_of_single_keys(
    job: Callable[[KeyFilter], RangeCount], counterpart: str, fails: bool
):
    run_count = single_count = failed_count = 0
    for seed in range(WORLDS):
        dice = random.Random(seed)
        world, key_filter = make_rows(dice), KeyFilter("", dice.choice(["", "", "", ".jpg"]))
        columns = ([rows[index] for rows in world.values() if rows[index]] for index in range(5))
        listings = [make_pages(dice, column, fails=fails) for column in columns]
        with (
            patch("oss_oms_sync.passes.listing.MIN_RUN_KEYS", dice.choice([1, 3, 16])),
            patch("oss_oms_sync.comparison.count.MAX_WRITTEN", dice.choice([1, 3, 100])),
        ):
            run_result, single_result = (
                count_keys(listings, job(key_filter), counterpart, by_runs=by_runs) for by_runs in (True, False)
            )
        run_count += run_result.pop("runs")
        assert single_result.pop("runs") == 0
        single_count += len(world)
        failed_count += bool(single_result["error"])
        # A run may need a failing listing later than single keys do.
        assert run_result == single_result or (single_result["error"] and run_result["error"]), seed
    assert single_count / 10 < run_count < single_count
    assert bool(failed_count) == fails
