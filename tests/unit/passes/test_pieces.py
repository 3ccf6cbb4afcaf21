"""Conclusions from the stored objects of a pass and from their names: open ranges, and a proven total."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from oss_oms_sync.passes.pieces import Piece, PieceKind, Tree, have_all_keys, sum_pieces
from oss_oms_sync.passes.tally import Tally


def make_tally(number: int) -> Tally:
    return Tally(Counter(scanned=number))


SPLIT = Piece(PieceKind.SPLIT, after="c", cut="m", tally=make_tally(3))
LEFT = Piece(PieceKind.DONE, begin="c", until="m", after="l", tally=make_tally(10))
RIGHT = Piece(PieceKind.DONE, begin="m", until="", after="z", tally=make_tally(100))
TILED = {"r": SPLIT, "r0": LEFT, "r1": RIGHT}


@pytest.mark.parametrize(
    ("names", "open_ranges", "is_complete"),
    [
        pytest.param("", [], False, id="no object"),
        pytest.param("r/0000", ["r"], False, id="a pass that has begun"),
        pytest.param("r/0000 r/0001 r/wake-0a", ["r"], False, id="a range with a request to continue"),
        pytest.param("r/0000 r0/0000", ["r", "r0"], False, id="only the left half has begun"),
        pytest.param("r/0000 r1/0000", ["r", "r1"], False, id="only the right half has begun"),
        pytest.param(
            "r/0000 r0/0000 r0/end", ["r"], False, id="the left half is finished before the right half begins"
        ),
        pytest.param("r/0000 r0/0000 r1/0000", ["r0", "r1"], False, id="both halves have begun"),
        pytest.param("r/0000 r0/0000 r0/end r1/0000", ["r1"], False, id="one half is finished"),
        pytest.param("r/0000 r/end", ["r"], True, id="only the total is missing"),
        pytest.param("r/0000 r0/0000 r0/end r1/0000 r1/end", ["r"], True, id="only the total of halves is missing"),
        pytest.param("r/0000 r/end total", [], True, id="a finished pass"),
        pytest.param("r0/0000 r0/end r1/0000 r1/end", [], False, id="an incompletely deleted pass"),
        pytest.param("r/0000 r/end r/x x/0000 r/1 r2/0000 total/0 r/٣٣٣٣ r/0000/x", ["r"], True, id="foreign objects"),
    ],
)
def test_the_names_of_stored_objects_show_the_open_ranges_of_a_pass(names, open_ranges, is_complete):
    tree = Tree(names.split())
    assert (tree.open_ranges if "r/0000" in names else []) == open_ranges
    assert tree.is_complete == is_complete


def test_a_tree_of_ranges_finds_the_last_stored_object_of_each_range():
    tree = Tree(["r/10000", "r/9999", "r0/0000", "r0/end", "r/wake-0a"])
    assert tree.last_numbers == {"r": 10000, "r0": 0}
    assert tree.piece_count == 3
    assert tree.done_range_count == 1


def test_the_halves_of_a_range_meet_at_the_split():
    left, right = SPLIT.halves()
    assert left.begin == "c"
    assert left.after == "c"
    assert left.until == "m"
    assert right.begin == "m"
    assert right.after == "m"
    assert right.until == ""
    assert left.tally == right.tally == Tally()


def test_the_total_of_a_pass_is_the_sum_of_its_ranges_in_the_order_of_keys(mocker):
    order: list[int] = []
    plus = Tally.plus
    mocker.patch.object(
        Tally,
        "plus",
        lambda first, second: (
            order.extend([first.counts["scanned"]] * (not order) + [second.counts["scanned"]]),
            plus(first, second),
        )[1],
    )
    names = ["r1", "r01", "r", "r00", "r0"]
    tally = sum_pieces(
        {name: replace(LEFT, tally=make_tally(2 ** len(name) + int(name[1:] or "0", 2))) for name in names}
    )
    assert order == [2, 4, 8, 9, 5]
    assert tally.counts == {"scanned": 28}


def test_ranges_that_cover_all_keys_prove_the_total_of_a_pass():
    assert have_all_keys(TILED)
    assert have_all_keys({"r": Piece(PieceKind.DONE, after="z")})
    assert sum_pieces(TILED).counts == {"scanned": 113}


@pytest.mark.parametrize(
    "changed_pieces",
    [
        pytest.param({"r0": replace(LEFT, until="k")}, id="a gap"),
        pytest.param({"r1": replace(RIGHT, begin="k")}, id="an overlap"),
        pytest.param({"r0": replace(LEFT, begin="")}, id="the left half begins before"),
        pytest.param({"r1": replace(RIGHT, until="z")}, id="the right half ends before"),
        pytest.param({"r0": replace(LEFT, kind=PieceKind.MORE)}, id="a half is unfinished"),
        pytest.param({"r0": replace(LEFT, kind=PieceKind.RESTING)}, id="a half pauses"),
        pytest.param({"r": replace(SPLIT, kind=PieceKind.DONE)}, id="a finished range with halves"),
        pytest.param({"r": replace(SPLIT, kind=PieceKind.MORE)}, id="an unfinished range with halves"),
        pytest.param({"r": replace(SPLIT, begin="a")}, id="the first range begins late"),
        pytest.param({"r": replace(SPLIT, until="z")}, id="the first range ends early"),
        pytest.param({"r0": replace(LEFT, kind=PieceKind.SPLIT, cut="d")}, id="a half without halves"),
        pytest.param({"r00": LEFT}, id="halves of a range that did not split"),
    ],
)
def test_ranges_with_a_gap_or_an_overlap_do_not_prove_the_total_of_a_pass(changed_pieces):
    assert not have_all_keys({**TILED, **changed_pieces})


@pytest.mark.parametrize("missing", ["r", "r0", "r1"])
def test_a_missing_range_does_not_prove_the_total_of_a_pass(missing):
    assert not have_all_keys({name: piece for name, piece in TILED.items() if name != missing})
