"""What a rendered project's policies/show.py prints, and the rights that its policies hold."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from sandbox.oss.store import Action
from support.shell import run_script

FUNCTIONS = ("forward", "replay", "reconcile", "compare", "certify", "doctor", "status")


def show(project: Path, *arguments: str) -> str:
    done = run_script("policies/show.py", project, *arguments)
    done.check_returncode()
    return done.stdout


class Right(NamedTuple):
    """One action that a policy allows, on which resources, and for a listing with which prefixes."""

    action: str
    resource: str
    prefix: str

    def allows(self, call: Action) -> bool:
        """As RAM reads it: "Policy structure and syntax", and OSS's "RAM policies" for the prefix."""
        named = f"acs:oss:*:*:{call.bucket}"
        if call.name == "oss:ListObjects":
            return (call.name, named) == (self.action, self.resource) and fnmatchcase(call.key, self.prefix)
        return call.name == self.action and fnmatchcase(f"{named}/{call.key}", self.resource)


def rights(project: Path, name: str, service: str, *options: str) -> list[Right]:
    """What a function's policy allows it of one service; `options` are for show.py."""
    show(project, "--json", "written", *options)
    return [
        Right(action, resource, prefix)
        for one in json.loads((project / "written" / f"oss-oms-sync-{name}.json").read_text())["Statement"]
        for action in one["Action"]
        for resource in one["Resource"]
        for prefix in one.get("Condition", {}).get("StringLike", {}).get("oss:Prefix", ["*"])
        if action.startswith(f"{service}:")
    ]
