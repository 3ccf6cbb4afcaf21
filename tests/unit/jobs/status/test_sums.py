"""Numbers that must add up."""

from __future__ import annotations


def test_the_sums_are_of_objects(world):
    world.counters.months["2026-03"] = (12, 8, 1, 2)
    *_, one = world.status()["sums"]
    assert one["claim"] == "objects that OMS accepted this month <= copied + failed + skipped"
    assert (one["left"], one["right"], one["holds"]) == (12, [8, 1, 2], False)
