"""What a payload asks compare for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from oss_oms_sync import options
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.scope import Scope

OPTIONS: dict[str, type] = {
    "prefix": str,
    "since": str,
    "again": bool,
    "deep": bool,
    "overwrite": bool,
    "standstill": bool,
    "cutover": bool,
    "run": str,
    "frozen_since": str,
    "dry_run": bool,
    "restart": bool,
    "look": bool,
}


# What a standstill pass has no use for: it reads no contents, judges nothing and sends nothing.
_JUDGING = ("since", "again", "deep", "overwrite", "cutover", "dry_run")


@dataclass(frozen=True)
class Options:
    """What a payload asks for. `frozen_since`: of the pass that answers for both buckets since then. `run`: who judges
    `again`; of what has become due each key is sent once for each run, and none if that is empty."""

    scope: Scope
    frozen_since: datetime | None
    run: str
    again: bool
    dry_run: bool
    restart: bool
    look: bool

    @property
    def limit(self) -> None:
        """There is none: nobody would compare a part of something."""
        return None

    @classmethod
    def parse(cls, event: bytes | str, key_filter: KeyFilter) -> Options:
        """Read a manual payload or a timer event; `key_filter` is the project's.

        Raises PayloadError.
        """
        asked = options.parse(event, OPTIONS)
        wanted = (asked.get(name) is True for name in ("again", "dry_run", "restart", "look"))
        frozen = asked.get("frozen_since")
        frozen_since = parse_time(str(frozen)) if frozen is not None else None
        if frozen is not None and frozen_since is None:
            raise PayloadError(
                f"The payload's frozen_since is {frozen!r}. Give a time in UTC such as 2026-01-31T08:00:00Z"
            )
        scope = Scope.asked(asked, key_filter)
        if scope.standstill and (judging := [name for name in _JUDGING if asked.get(name)]):
            raise PayloadError(
                f"The payload asks for a standstill and for {judging[0]}. A standstill pass only lists both buckets"
            )
        return cls(scope, frozen_since, str(asked.get("run", "")), *wanted)
