"""What a payload asks reconcile for."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync import options
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.settings import Settings

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
    def parse(cls, event: bytes | str, settings: Settings) -> Options:
        """Read a manual payload or a timer event.

        Raises PayloadError.
        """
        asked = options.parse(event, OPTIONS)
        prefix, since, limit = str(asked.get("prefix", "")), asked.get("since"), asked.get("limit")
        shorter, longer = sorted((prefix, settings.key_filter.prefix), key=len)
        if not longer.startswith(shorter):
            raise PayloadError(
                f"The payload's prefix {prefix!r} is outside OBJECT_PREFIX {settings.key_filter.prefix!r}: nothing"
                " there is ever sent"
            )
        time = parse_time(str(since)) if since is not None else None
        if since is not None and time is None:
            raise PayloadError(f"The payload's since is {since!r}. Give a day or a time in UTC such as 2026-01-31")
        return cls(
            Scope(KeyFilter(longer, settings.key_filter.suffix), time, asked.get("all") is True),
            limit if isinstance(limit, int) else None,
            asked.get("dry_run") is True,
            asked.get("restart") is True,
            asked.get("look") is True,
        )
