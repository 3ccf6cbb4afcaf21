"""A migration of the old objects, as the log bucket and OMS tell of it."""

from __future__ import annotations

import json
from datetime import timedelta

from oss_oms_sync.clock import timestamp
from sandbox.server.faults import Fault
from support.world import HOUR, World

COPYING, PAUSED, FAILED, DONE = 2, 3, 5, 6
GROUP = {"group_id": "g", "total_num": 9, "success_num": 4}


def begin_migration(world: World, status: int = COPYING, ago: float = HOUR, **fields: object) -> None:
    """A migration has begun an hour ago, and so its task group stands now."""
    world.keep(f"state/migrate-{world.settings.project}.json", intention(world, ago, **{"group": "g", **fields}))
    answer_group(world, {**GROUP, "status": status})


def end_migration(world: World, how: str, run: str = "ab12", **fields: object) -> None:
    """It is over, and was written down as that."""
    for name in [stored for stored in world.bucket.objects if "/state/migrate-" in stored]:
        world.bucket.objects.pop(name)
    outcome = {**intention(world, HOUR), "ended": timestamp(world.clock.now()), "how": how, **fields}
    world.keep(f"state/migrated-{world.settings.project}-{run}.json", outcome)


def intention(world: World, ago: float, **fields: object) -> dict[str, object]:
    at = timestamp(world.clock.now() - timedelta(seconds=ago))
    return {"begun": at, "group": "", "prefixes": [""], "found_without": "", **fields}


def answer_group(world: World, group: dict[str, object]) -> None:
    """What OMS answers who asks for the group."""
    world.oms.faults.clear()
    fault = Fault.status(200, json.dumps(group).encode())
    world.oms.faults.add(fault, where=lambda request: request.raw_path.endswith("/taskgroups/g"))
