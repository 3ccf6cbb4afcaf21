"""Which objects a sample takes: not to be foretold, drawn again by anybody, and each as likely as any other."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.answers.codec import from_json, to_json
from oss_oms_sync.passes import digests as drawing
from oss_oms_sync.passes.digests import Drawn, digest

KEYS = [f"photos/山 {number:04}.jpg" for number in range(1000)]


def drawn(keys: list[str], seed: str = "5eed") -> Drawn:
    one = Drawn(seed)
    for key in keys:
        one.add(key, digest(key.encode(), 1))
    return one


def test_a_stranger_draws_the_same_keys_from_a_listing():
    def rank(key: str) -> int:
        return int(hashlib.sha256(key.encode() + b"\x001").hexdigest(), 16) * (2 * 0x5EED + 1) % 2**256

    assert drawn(KEYS).keys == sorted(KEYS, key=rank)[:300]
    assert drawn(KEYS).population == 1000


@given(st.lists(st.integers(0, 1000), max_size=4), st.integers(1, 20))
def test_ranges_and_pieces_draw_what_one_walk_draws(cuts, most):
    keys = KEYS[:60]
    places = sorted({0, 60, *(cut % 60 for cut in cuts)})
    parts = [keys[a:b] for a, b in itertools.pairwise(places)]
    with_most = drawing.MAX_DRAWN
    drawing.MAX_DRAWN = most
    try:
        whole = drawn(keys)
        summed = reduce(Drawn.plus, map(drawn, parts), Drawn())
        piece = Drawn()
        for part in parts:
            piece = from_json(Drawn, json.loads(json.dumps(to_json(piece))))
            piece.seed = "5eed"
            for key in part:
                piece.add(key, digest(key.encode(), 1))
    finally:
        drawing.MAX_DRAWN = with_most
    assert whole == summed == piece


def test_another_seed_draws_others_and_each_key_is_drawn_as_often_as_any_other():
    # Of 100 keys 10 are drawn with each of 400 seeds: 40 times each, if all are alike.
    keys, times = KEYS[:100], Counter[str]()
    for number in range(400):
        seed = hashlib.md5(str(number).encode()).hexdigest()
        times.update(drawn(keys, seed).keys[:10])
    assert sum(times.values()) == 4000
    # Chi-squared of 99 degrees of freedom is below 160 with a probability of 0.9999.
    assert sum((times[key] - 40) ** 2 / 40 for key in keys) < 160
