"""What comparisons and reconcile make of the objects that `ops.py migrate` copies, while it does so and afterwards."""

from __future__ import annotations

from typing import Any

from unit.ops.migrate.migrate_world import MigrateWorld

DAY, SINCE = 86_400, ("--since", "1970-01-01", "--restart")


def objects(found: dict[str, Any]) -> dict[str, int]:
    """How many there are of each class, on either side."""
    sides = {name: max(one[side]["objects"] for side in ("source", "destination")) for name, one in found.items()}
    return {name: number for name, number in sides.items() if number and name != "oms_own"}


def test_what_it_will_copy_is_left_to_it_and_what_it_copied_is_known_for_that():
    with MigrateWorld() as world:
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
