"""Migrations of existing objects, as the log bucket and OMS show them."""

from __future__ import annotations

import json

from sandbox.server.faults import Fault
from support.world import HOUR, World

COPYING, PAUSED, FAILED, DONE = 2, 3, 5, 6
GROUP = {"group_id": "g", "total_num": 9, "success_num": 4}


def begin_migration(world: World, status: int = COPYING, ago: float = HOUR, **fields: object) -> None:
    """Store the record of a migration that began `ago` seconds ago; OMS reports its task group with this status."""
    world.bucket.add_migration(ago, **{"group": "g", **fields})
    answer_group(world, {**GROUP, "status": status})


def answer_group(world: World, group: dict[str, object]) -> None:
    world.oms.faults.clear()
    fault = Fault.status(200, json.dumps(group).encode())
    world.oms.faults.add(fault, where=lambda request: request.raw_path.endswith("/taskgroups/g"))
