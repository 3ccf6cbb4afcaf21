"""The objects of passes in the log bucket, and their lifetime."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.pieces import Pass, Piece, PieceKind, Scope, Tree
from oss_oms_sync.passes.states import list_open_passes
from oss_oms_sync.passes.tally import Tally
from support.world import DROP_AFTER, DROP_BEFORE, FROZEN, HOUR, NO_RIGHT, OK, TASK, World

USUAL = Scope(KeyFilter(), None, everything=False)
ELSEWHERE = Scope(KeyFilter("a"), None, everything=True)


def begin_pass(world: World, scope: Scope = USUAL) -> Pass:
    """Store the first progress of a pass, and the announcement of a worker; return the pass."""
    world.clock.sleep(1)
    now = "2026-01-02T00:00:00Z"
    pass_ = Pass(world.store.build_name(scope, world.clock.now()), "photos", scope, started=now, installed=now)
    world.store.write_piece(pass_.name, "r", 0, Piece(after="k", about=pass_))
    world.store.write_sign(pass_.name, "r", 1)
    return pass_


def end_pass(world: World, scope: Scope = USUAL, **counts: int) -> Pass:
    pass_ = begin_pass(world, scope)
    world.store.write_piece(pass_.name, "r", 1, Piece(PieceKind.DONE, after="z", tally=Tally(Counter(counts))))
    world.store.write_end(pass_.name, "r")
    world.store.write_total(pass_, Tally(Counter(counts)), world.store.read_tree(pass_.name))
    world.store.delete_old(pass_.name)
    return pass_


def list_passes(world: World) -> set[str]:
    """Return the names of all passes that still have an object."""
    return {name for each in world.bucket.objects for name in re.findall("[0-9a-f]{16}-2026[0-9T]+Z", each)}


def test_the_stored_objects_of_a_pass_are_json_and_name_project_and_job():
    world = World.installed(PROJECT="mine")
    world.bucket.objects.clear()
    pass_ = begin_pass(world)
    world.store.request_worker(pass_.name, "r01")
    world.store.write_end(pass_.name, "r01")
    world.store.write_total(pass_, Tally(), Tree(()))
    folder = f"mine-reconcile/{TASK}/[0-9a-f]{{16}}-20260102T000001000000Z"
    patterns = [
        f"oms_source_record/passes/{folder}/r/0000",
        f"oms_source_record/passes/{folder}/r01/end",
        f"oms_source_record/passes/{folder}/r01/wake-[0-9a-f]{{8}}",
        f"oms_source_record/passes/{folder}/total",
        f"oms_source_record/working/{folder}/r/0001",
    ]
    for pattern, (name, stored) in zip(patterns, world.bucket.objects.items(), strict=True):
        assert re.fullmatch(pattern, name)
        assert stored.headers["content-type"] == "application/json"
        assert isinstance(json.loads(stored.body), dict)


def test_a_late_worker_does_not_overwrite_the_stored_progress_of_a_range(world):
    pass_ = begin_pass(world)
    first_piece = Piece(PieceKind.SPLIT, after="k", cut="m", tally=Tally(Counter(scanned=3)))
    late_piece = replace(first_piece, cut="x", kind=PieceKind.DONE)
    assert [world.store.write_piece(pass_.name, "r", 1, piece) for piece in (first_piece, late_piece)] == [
        first_piece,
        first_piece,
    ]
    assert world.store.read_piece(pass_.name, "r", 1) == first_piece


def test_a_pass_that_is_deleted_while_it_is_read_counts_as_missing(world):
    pass_ = begin_pass(world)

    def clear_bucket(kind: str, names: list[str]) -> None:
        if kind == "get" and names[0].endswith("/r/0000"):
            world.bucket.objects.clear()

    world.bucket.after = clear_bucket
    assert world.store.read_state(pass_.name) is None


def test_a_pass_that_changes_between_two_listing_pages_is_not_lost(world, mocker):
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 2)
    pass_ = begin_pass(world)
    for _ in range(2):
        world.store.request_worker(pass_.name, "r")

    def split_pass(kind: str, _: object) -> None:
        if kind == "list":
            world.bucket.after = lambda *_: None
            cut = Piece(PieceKind.SPLIT, after="k", cut="m")
            world.store.write_piece(pass_.name, "r", 1, cut)
            for half, first in zip(("r0", "r1"), cut.halves(), strict=True):
                world.store.write_piece(pass_.name, half, 0, replace(first, kind=PieceKind.DONE))
                world.store.write_end(pass_.name, half)

    world.bucket.after = split_pass
    state = world.store.read_state(pass_.name)
    assert state.ranges_done == 2
    assert state.ended == ""


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(DROP_AFTER, nullcontext()), (DROP_BEFORE, pytest.raises(StorageError, match="Connection aborted"))],
    ids=["the write took effect", "the write had no effect"],
)
def test_a_worker_reads_its_stored_progress_after_an_unanswered_write(world, fault, outcome):
    pass_, piece = begin_pass(world), Piece(PieceKind.DONE, after="z")
    world.bucket.fail(fault, "put")
    with outcome:
        assert world.store.write_piece(pass_.name, "r", 1, piece) == piece


def test_unreadable_progress_of_a_range_is_logged_and_counts_as_missing(world, lines):
    pass_ = begin_pass(world)
    name = f"{world.store.prefix}{pass_.name}/r/0001"
    world.bucket.add(StoredObject(name, b"{}"))
    assert world.store.read_piece(pass_.name, "r", 1) is None
    assert world.store.write_piece(pass_.name, "r", 1, Piece(PieceKind.DONE)) is None
    assert world.store.read_state(pass_.name) is None
    (logged,) = {f"{line['object']}: {line['problem']}" for line in lines()}
    assert re.fullmatch(f"{name}: unreadable, .*: if no other pass begins, begin one with restart", logged)


def test_only_the_newest_pass_of_a_scope_is_open(world):
    begin_pass(world)
    newer_pass, other_pass = begin_pass(world), begin_pass(world, ELSEWHERE)
    end_pass(world, Scope(KeyFilter("b"), None, everything=False))
    assert {open_pass.of.name for open_pass in list_open_passes(world.passes())} == {newer_pass.name, other_pass.name}


def test_a_stored_pass_is_deleted_after_two_later_passes_of_its_scope(world):
    other_pass = begin_pass(world, ELSEWHERE)
    first, second = end_pass(world), end_pass(world)
    assert list_passes(world) == {other_pass.name, first.name, second.name}
    deleted_names: list[str] = []
    world.bucket.before = lambda kind, names: deleted_names.extend(names) if kind == "delete" else None
    third = end_pass(world)
    assert list_passes(world) == {other_pass.name, second.name, third.name}
    # The first progress is deleted first: without it, the rest is no pass.
    assert deleted_names[0].endswith(f"{first.name}/r/0000")


def test_the_last_pass_without_options_is_kept_after_passes_with_options(world):
    usual_pass = end_pass(world)
    deep_passes = [end_pass(world, replace(USUAL, deep=True)) for _ in range(4)]
    assert list_passes(world) == {usual_pass.name, *(pass_.name for pass_ in deep_passes[-2:])}


def test_a_failed_deletion_of_an_old_pass_is_logged_and_retried(world, lines):
    first, second = end_pass(world), end_pass(world)
    world.bucket.fail(NO_RIGHT, "delete")
    third = end_pass(world)
    assert [(line["pass"], "lacks oss:DeleteObject" in line["problem"]) for line in lines()] == [(first.name, True)] * 2
    assert list_passes(world) == {first.name, second.name, third.name}
    world.bucket.heal()
    last = end_pass(world)
    assert list_passes(world) == {third.name, last.name}


def test_a_refused_listing_of_old_passes_is_logged_and_not_raised(world, lines):
    pass_ = begin_pass(world)
    world.oss.deny("oss:ListObjects", world.log_bucket)
    world.store.delete_old(pass_.name)
    assert [(line["passes"], "lacks oss:ListObjects" in line["problem"]) for line in lines()] == [
        ("not cleared away", True)
    ]


def test_a_pass_idle_for_a_month_is_deleted_by_the_next_pass(world):
    idle_pass = begin_pass(world, ELSEWHERE)
    world.advance(31 * 24 * HOUR)
    recent_pass = begin_pass(world, Scope(KeyFilter("b"), None, everything=False))
    assert list_passes(world) == {idle_pass.name, recent_pass.name}
    last_pass = end_pass(world)
    assert list_passes(world) == {recent_pass.name, last_pass.name}


@pytest.mark.parametrize(("days", "is_new_pass"), [(29, False), (31, True)])
def test_an_open_pass_that_was_idle_for_days_is_not_continued(days, is_new_pass):
    world = World.installed(LANES="1")
    world.fill(25)
    world.oms.faults.then(OK, FROZEN)
    world.reconcile()
    world.advance(days * 24 * HOUR)
    world.upload("00 new", minutes_ago=30)
    assert world.reconcile()["finished"]
    assert ("00 new" in world.accepted_keys()) == is_new_pass


def test_the_store_of_passes_reads_passes_beyond_the_first_listing_page(world, mocker):
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 2)
    scopes = [Scope(KeyFilter(prefix), None, everything=False) for prefix in "abcdef"]
    passes = [begin_pass(world, scope) for scope in scopes for _ in range(3)]
    assert list(world.store.iter_names()) == sorted(pass_.name for pass_ in passes)
    assert world.store.find_newest_name(passes[0].name) == passes[2].name


def test_the_store_of_passes_lists_workers_and_progress_by_range(world):
    pass_ = begin_pass(world)
    first = int(world.clock.now().timestamp())
    world.advance(60)
    world.store.request_worker(pass_.name, "r")
    world.store.write_piece(pass_.name, "r0", 0, Piece())
    world.advance(60)
    world.store.write_sign(pass_.name, "r", 2)
    assert world.store.read_tree_and_times(pass_.name)[1] == {"r": first + 60, "r0": first + 60}
    assert world.store.read_sign_times(pass_.name) == {"r": first + 120}


def test_a_worker_continues_if_it_cannot_announce_itself(world, lines):
    pass_ = begin_pass(world)
    world.bucket.fail(NO_RIGHT, where=lambda name: "/working/" in name)
    world.store.write_sign(pass_.name, "r", 2)
    assert ["lacks oss:PutObject" in line["problem"] for line in lines()] == [True]
