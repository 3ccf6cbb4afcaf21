"""Counting runs of keys at once, which finds, counts and submits the same as counting key by key."""

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
from oss_oms_sync.comparison.in_hand import OmsProgress
from oss_oms_sync.comparison.judge import Judge, JudgementTimes
from oss_oms_sync.comparison.proof import Proof, _body
from oss_oms_sync.comparison.reconciling import Classifier
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs.reconcile import ReconcileCount
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.entries import MIN_EVENT_AGE
from oss_oms_sync.passes.listing import Feed, KeyRun, merge_feeds
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.passes.range_walk import Count
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.settings import Settings
from support.law import EXTRAS
from support.listing import page_of
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
# The feeds of `merge_feeds`, in their order, with their rows of each key.
FEEDS = ("source", "success", "failed", "destination", "proof")
Objects = dict[str, list[ObjectSummary | None]]


def a_world(dice: random.Random) -> Objects:
    """Return listings in which most keys are in order."""
    oddness = dice.choice([0.0, 0.005, 0.05])
    keys = {
        f"{dice.choice(FOLDERS)}{dice.randrange(300):03}{dice.choice(['', '', '.jpg'])}"
        for _ in range(dice.randrange(90))
    }
    return {key: an_object(dice, key, oddness) for key in sorted(keys)}


def an_object(dice: random.Random, key: str, oddness: float) -> list[ObjectSummary | None]:
    def odd() -> bool:
        return dice.random() < oddness

    written = NOW - 2 * DAY - dice.randrange(DAY)
    if odd():
        written = dice.choice(EDGES) + dice.randrange(-1, 2)
    # Classes end no run, and have dice of their own.
    odd_class = random.Random(key).random() < oddness
    source = ObjectSummary(
        key,
        dice.choice(["CD-2", "C" * 32, "c" * 32, "é" * 32]) if odd() else dice.choice(MD5S),
        2**31 if odd() else dice.randrange(3),
        NOW - dice.choice([60, 400, DAY, 3 * DAY]) if odd() else written,
        "Symlink" if odd() else "Normal",
        "IA" if odd_class else "Standard",
    )
    there = ObjectSummary(
        key,
        dice.choice(["CD-3", *MD5S]) if odd() else source.etag,
        1 if odd() else source.size,
        source.modified + (dice.randrange(-DAY, DAY) if odd() else 5),
        storage_class="WARM" if odd_class else "STANDARD",
    )
    again = " again" if odd() else ""
    success = ObjectSummary(
        key, etag_of(f"{source.etag}{again}"), 32, source.modified + (-1 if odd() else dice.randrange(9))
    )
    failed = ObjectSummary(key, "F" * 32, 32, source.modified + dice.randrange(-9, 9))
    proof = ObjectSummary(key, etag_of(_body(source, there, dice.choice(list(Proof)))), 32, NOW)
    return [
        None if odd() else source,
        None if odd() else success,
        failed if odd() else None,
        None if odd() else there,
        proof if odd() else None,
    ]


def pages_of(dice: random.Random, objects: list[ObjectSummary], *, fails: bool) -> list[ListPage | StorageError]:
    """Return pages of the objects, some of them empty, and perhaps a failure in place of a page."""
    pages: list[ListPage | StorageError] = []
    while objects:
        number = dice.choice([0, 1, 7, 40])
        pages.append(page_of(objects[:number], more=True))
        objects = objects[number:]
    if fails and dice.random() < 0.3:
        pages[dice.randrange(len(pages) + 1) :] = [StorageError("OSS does not answer")]
    return pages


def listed(pages: list[ListPage | StorageError]) -> Iterator[ListPage]:
    for page in pages:
        if isinstance(page, StorageError):
            raise page
        yield page


def walked(
    listings: list[list[ListPage | StorageError]], count: Count, twin: str, *, by_runs: bool
) -> dict[str, object]:
    """Return the counts of a walk through the listings, its submissions, and its error."""
    due: list[tuple[str, str]] = []
    runs, error = 0, ""

    def take(key: FailedKey) -> bool:
        due.append((key.key, key.change.etag))
        return True

    try:
        feeds = [Feed(listed(pages)) for pages in listings]
        for step in merge_feeds(feeds, feeds[FEEDS.index(twin)], count.count_equal if by_runs else None):
            if isinstance(step, KeyRun):
                runs += len(step.keys)
                count.add_run(step)
                continue
            count.add(step, take)
    except StorageError as raised:
        error = str(raised)
    return {"tally": to_json(count.tally()), "lines": count.lines, "due": due, "error": error, "runs": runs}


def comparison(key_filter: KeyFilter) -> Count:
    judge = Judge(key_filter, JudgementTimes(NOW, OmsProgress.without_counts(NOW)), sent_since=0)
    return CompareCount(judge, Tally(), NOW - 2.01 * DAY, "5eed")


def reconciliation(key_filter: KeyFilter) -> Count:
    settings = replace(SETTINGS, key_filter=key_filter)
    scope = Scope(key_filter, from_epoch(NOW - 2.99 * DAY), everything=False)
    classifier = Classifier(settings, scope, from_epoch(0), from_epoch(NOW), from_epoch(NOW - 2 * DAY))
    return ReconcileCount(classifier, key_filter, Tally())


def standstill(key_filter: KeyFilter) -> Count:
    return Count(key_filter, Tally())


JOBS = [(comparison, "destination"), (reconciliation, "success"), (standstill, "destination")]


@pytest.mark.part
@pytest.mark.parametrize(("job", "twin"), JOBS)
@pytest.mark.parametrize("fails", [False, True])
def test_counting_runs_of_keys_equals_counting_single_keys(job: Callable[[KeyFilter], Count], twin: str, fails: bool):
    in_runs = by_itself = failed = 0
    for seed in range(WORLDS):
        dice = random.Random(seed)
        world, key_filter = a_world(dice), KeyFilter("", dice.choice(["", "", "", ".jpg"]))
        columns = ([each[place] for each in world.values() if each[place]] for place in range(5))
        listings = [pages_of(dice, column, fails=fails) for column in columns]
        with (
            patch("oss_oms_sync.passes.listing.MIN_RUN_KEYS", dice.choice([1, 3, 16])),
            patch("oss_oms_sync.comparison.count.MAX_WRITTEN", dice.choice([1, 3, 100])),
        ):
            fast, slow = (walked(listings, job(key_filter), twin, by_runs=by_runs) for by_runs in (True, False))
        in_runs += fast.pop("runs")
        assert slow.pop("runs") == 0
        by_itself += len(world)
        failed += bool(slow["error"])
        # A listing that a run has no use for may be missed later.
        assert fast == slow or (slow["error"] and fast["error"]), seed
    assert by_itself / 10 < in_runs < by_itself
    assert bool(failed) == fails
