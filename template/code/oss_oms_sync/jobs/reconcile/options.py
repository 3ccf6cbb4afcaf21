"""What a payload asks reconcile for."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync import options
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.scope import Scope

OPTIONS: dict[str, type] = {
    "prefix": str,
    "since": str,
    "all": bool,
    "limit": int,
    "dry_run": bool,
    "restart": bool,
    "look": bool,
}


@dataclass(frozen=True)
class Options:
    """What a payload asks for."""

    scope: Scope
    limit: int | None
    dry_run: bool
    restart: bool
    look: bool

    @property
    def is_trial(self) -> bool:
        """Whether it is one call that is not continued."""
        return self.dry_run or self.limit is not None

    @classmethod
    def parse(cls, event: bytes | str, key_filter: KeyFilter) -> Options:
        """Read a manual payload or a timer event; `key_filter` is the project's.

        Raises PayloadError.
        """
        asked = options.parse(event, OPTIONS)
        limit = asked.get("limit")
        return cls(
            Scope.asked(asked, key_filter),
            limit if isinstance(limit, int) else None,
            asked.get("dry_run") is True,
            asked.get("restart") is True,
            asked.get("look") is True,
        )
