"""What a payload asks compare for."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync import options
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.scope import Scope

OPTIONS: dict[str, type] = {
    "prefix": str,
    "since": str,
    "again": bool,
    "deep": bool,
    "overwrite": bool,
    "dry_run": bool,
    "restart": bool,
    "look": bool,
}


@dataclass(frozen=True)
class Options:
    """What a payload asks for."""

    scope: Scope
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
        return cls(Scope.asked(asked, key_filter), *wanted)
