"""The commands that a certificate tells."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import datetime

from oss_oms_sync.clock import timestamp
from oss_oms_sync.passes.scope import Scope

# In the place of who accepts a class, and why, until somebody says it.
WHO_WHY = "<who, why>"


def command(job: str, payload: Mapping[str, object]) -> str:
    """A call of a job by hand, as a shell takes it."""
    return f"s {job} invoke -e {shlex.quote(json.dumps(payload, ensure_ascii=False))}"


def compare_command(scope: Scope | None, **what: bool | str) -> str:
    """A call of compare for a scope, which is the usual one if there is none.

    Only what looks at the same pass again asks for `overwrite` because that did: else compare sends what is newer in
    OBS only if `what` asks for it.
    """
    carried = ("deep", "overwrite") if "again" in what else ("deep",)
    asked: dict[str, object] = {name: True for name in carried if scope and getattr(scope, name)}
    if scope and scope.since:
        asked["since"] = timestamp(scope.since)
    return command("compare", {**asked, **what})


def certify_command(frozen_since: datetime | None, sample: int, accept: Mapping[str, str]) -> str:
    """A call of certify that asks for these."""
    asked = {"frozen_since": frozen_since and timestamp(frozen_since), "sample": sample, "accept": accept}
    return command("certify", {name: value for name, value in asked.items() if value})
