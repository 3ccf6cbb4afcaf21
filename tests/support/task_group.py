"""Migrations of existing objects, as the log bucket and OMS show them."""

from __future__ import annotations

import json
from datetime import timedelta

from oss_oms_sync.clock import timestamp
from sandbox.server.faults import Fault
from support.world import HOUR, World

COPYING, PAUSED, FAILED, DONE = 2, 3, 5, 6
GROUP = {"group_id": "g", "total_num": 9, "success_num": 4}


def begin_migration(world: World, status: int = COPYING, ago: float = HOUR, **fields: object) -> None:
    """Write a migration that began `ago` seconds ago, and let OMS report its task group with this status."""
    world.keep(f"state/migrate-{world.settings.project}.json", intention(world, ago, **{"group": "g", **fields}))
    answer_group(world, {**GROUP, "status": status})


def end_migration(world: World, how: str, run: str = "ab12", **fields: object) -> None:
    """Write the end of the migration."""
    for name in [stored for stored in world.bucket.objects if "/state/migrate-" in stored]:
        world.bucket.objects.pop(name)
    outcome = {**intention(world, HOUR), "ended": timestamp(world.clock.now()), "how": how, **fields}
    world.keep(f"state/migrated-{world.settings.project}-{run}.json", outcome)


def intention(world: World, ago: float, **fields: object) -> dict[str, object]:
    at = timestamp(world.clock.now() - timedelta(seconds=ago))
    return {"begun": at, "group": "", "prefixes": [""], "digest_without_extra": "", **fields}


def answer_group(world: World, group: dict[str, object]) -> None:
    """Let OMS report the task group with these fields."""
    world.oms.faults.clear()
    fault = Fault.status(200, json.dumps(group).encode())
    world.oms.faults.add(fault, where=lambda request: request.raw_path.endswith("/taskgroups/g"))
