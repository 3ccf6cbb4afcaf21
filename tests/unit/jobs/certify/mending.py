"""What the check of a certificate says to do, and that it helps."""

from __future__ import annotations

from typing import Any

from support.certify_world import CertifyWorld

RESTART, DEEP = {"restart": True}, {"deep": True, "restart": True}


def asked(finding: dict[str, Any]) -> dict[str, Any]:
    """What the step of a check asks for besides the freeze, and what is accepted."""
    assert finding["step"]["job"] in ("compare", "cutover")
    return {name: value for name, value in finding["step"]["options"].items() if name not in ("frozen_since", "accept")}


def is_mended(world: CertifyWorld, finding: dict[str, Any]) -> bool:
    """Whether it is a go once somebody did what the check says, OMS had its time, and both buckets stood still."""
    wishes = {name: value for name, value in asked(finding).items() if name not in ("again", "restart")}
    if "restart" in asked(finding):
        world.compare(**wishes)
    world.judge_again(**wishes)
    return world.is_go()
