"""The next step that a failed check of a certificate names, and the effect of this step on the verdict."""

from __future__ import annotations

from typing import Any

from support.world import World

RESTART, DEEP = {"restart": True}, {"deep": True, "restart": True}


def step_options(finding: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a failed check's next step, without `frozen_since` and `accept`."""
    assert finding["step"]["job"] in ("compare", "cutover")
    return {name: value for name, value in finding["step"]["options"].items() if name not in ("frozen_since", "accept")}


def is_mended(world: World, finding: dict[str, Any]) -> bool:
    """Return True if the verdict is GO after the check's next step, enough time for OMS, and a standstill pass."""
    compare_options = {name: value for name, value in step_options(finding).items() if name not in ("again", "restart")}
    if "restart" in step_options(finding):
        world.open_and_compare(**compare_options)
    world.recheck(**compare_options)
    return world.is_go()
