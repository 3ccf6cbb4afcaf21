"""The merged listing of the source and its records, also for keys too long for the name of a record."""

from __future__ import annotations

import pytest

from oss_oms_sync.answers.layout import MAX_NAME_BYTES, is_long, record_prefix
from oss_oms_sync.comparison.reconciling import Classifier
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Scope
from support.passes import LONG, counts, limit_pages
from support.world import NO_RIGHT, TASK, World


def make_boundary_key(room_for: str) -> str:
    """Return a key whose record of the kind `room_for` has a name of exactly the maximum length."""
    return "k" * (MAX_NAME_BYTES - len(record_prefix(TASK, room_for)))


def make_merged_listing(world: World, after: str) -> MergedListing:
    invocation, now = world.invocation(), world.clock.now()
    classifier = Classifier(world.settings, Scope(KeyFilter(), None, everything=False), now, now)
    return MergedListing(invocation, classifier.needs_records, "", after)


@pytest.mark.parametrize(
    ("prefix", "pages"), [("b/", 1), ("", 3)], ids=["a pass with a prefix", "a pass without a prefix"]
)
@limit_pages(7)
def test_reconcile_requests_no_unneeded_page_of_a_listing(prefix, pages):
    world = World.installed(LANES="1")
    # The bucket has three full pages; no page is requested after the last.
    world.put_accepted(*(f"a/{number:02}" for number in range(20)), "b/1")
    world.advance()
    world.source.calls.clear()
    assert world.reconcile(prefix=prefix)["covered"] == (1 if prefix else 21)
    assert world.source.calls["list"] == pages


def test_reconcile_classifies_a_key_too_long_for_the_name_of_a_record(world):
    covered, waiting, missing = (make_boundary_key("failed")[1:] + last for last in "abc")
    assert is_long(TASK, "success", covered)
    assert not is_long(TASK, "failed", covered)
    world.put_accepted(covered)
    world.bucket.add_failed_records(waiting, data="A")
    world.lose_events_of(waiting, missing)
    single_counts = dict.fromkeys(["covered", "failed_before", "submitted", "accepted"], 1)
    assert counts(world.reconcile()) == {"scanned": 3, **single_counts}


def test_reconcile_accepts_a_prefix_of_the_maximum_length(world):
    key = make_boundary_key("success")
    world.put_accepted(key)
    world.advance()
    assert counts(world.reconcile(prefix=key)) == {"scanned": 1, "covered": 1}


def test_reconcile_makes_at_most_two_requests_for_records_of_a_long_key(world):
    # GIVEN long keys of every kind
    covered, missing, young, link = (f"{LONG}{number}" for number in range(4))
    world.put_accepted(covered)
    world.upload(link, kind="Symlink")
    world.lose_events_of(missing)
    world.upload(young)

    # WHEN a pass needs their records, THEN it makes exactly this number of reads
    world.bucket.calls.clear()
    world.reconcile(dry_run=True)
    # The first three reads: the time of installation, the time of opening, and the migrations.
    first, per_key = 3, {covered: 1, missing: 2, young: 0, link: 0}
    assert world.bucket.calls["get"] == first + sum(per_key.values())
    world.bucket.calls.clear()
    world.reconcile(dry_run=True, all=True)
    assert world.bucket.calls["get"] == first


def test_a_listing_of_records_continues_after_a_long_key(world):
    keys = [f"{LONG}{number:02}" for number in range(12)] + [make_boundary_key("success")[2:] + "最", "z"]
    # A record without an object, before the key in whose last character the record's name is cut off.
    orphan = make_boundary_key("success")[2:] + "a"
    world.bucket.add_success_record(orphan)
    world.lose_events_of(*keys)
    for start_key in ("", *keys, orphan):
        listed_keys = [entry.key for entry in make_merged_listing(world, after=start_key)]
        assert listed_keys == sorted(key for key in (*keys, orphan) if key > start_key)
    result = world.reconcile()
    assert result["orphans"] == 1
    assert result["accepted"] == len(keys)
    assert world.reconcile(prefix=LONG)["covered"] == 12


def test_reconcile_raises_an_error_if_records_of_long_keys_are_unreadable(world):
    world.put_accepted(LONG)
    world.advance()
    world.bucket.fail(NO_RIGHT, where=lambda name: "success_object_long" in name)
    with pytest.raises(StorageError):
        world.tick("reconcile")
    assert world.oms.calls == []
