"""Which objects a pass is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from oss_oms_sync.filters import KeyFilter

# Objects that were there before the project are the migration's. The project counts as installed once reconcile can use
# the log bucket; what came before that, Function Compute may have given up: it keeps an event for a day in forward's
# queue and for a day in replay's.
_BEFORE_INSTALLATION = timedelta(days=3)
# OSS has nothing that is older.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Scope:
    """Which objects a pass is about. `since` is None for the usual: the installation; `everything`: whatever their
    records say, and whenever they were written unless `since` says so."""

    key_filter: KeyFilter
    since: datetime | None
    everything: bool

    def begin(self, installed: datetime) -> datetime:
        """Objects written before that are not looked at."""
        if self.since or self.everything:
            return self.since or _LONG_AGO
        return max(installed, _LONG_AGO + _BEFORE_INSTALLATION) - _BEFORE_INSTALLATION
