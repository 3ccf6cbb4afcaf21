"""Which objects a pass covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from oss_oms_sync.filters import KeyFilter

# Objects older than the project are left to the migration. The project counts as installed once reconcile can use the
# log bucket. Function Compute may have dropped earlier events: it keeps one for a day in forward's queue and for a day
# in replay's.
_BEFORE_INSTALLATION = timedelta(days=3)
# Nothing in OSS is older.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Scope:
    """Which objects a pass covers. `since` is None for the usual start, the installation. `everything`: objects with
    any records, written at any time unless `since` limits it. Only compare knows `deep` and `overwrite`."""

    key_filter: KeyFilter
    since: datetime | None
    everything: bool
    deep: bool = False
    overwrite: bool = False

    def begin(self, installed: datetime) -> datetime:
        """Objects written before this time are not looked at."""
        if self.since or self.everything:
            return self.since or _LONG_AGO
        return max(installed, _LONG_AGO + _BEFORE_INSTALLATION) - _BEFORE_INSTALLATION
