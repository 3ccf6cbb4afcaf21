"""What a pass is of, what it is to do besides, and what it says of that in its first piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.migration import NONE, Migrations

# Objects older than the project are left to the migration. The project counts as installed once reconcile can use the
# log bucket. Function Compute may have dropped earlier events: it keeps one for a day in forward's queue and for a day
# in replay's.
_BEFORE_INSTALLATION = timedelta(days=3)
# Which classes there are, and when an object is in which: a pass does not change its mind half way.
CLASSES_VERSION = 1
# Nothing in OSS is older.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Scope:
    """What a pass is of, and its wishes. It is of the keys that `key_filter` lets through, and a `standstill` or not.

    Wishes: `since` is None for the usual start, the installation. `everything`: objects with any records, written at
    any time unless `since` limits it. Only compare knows `deep`, `overwrite`, `cutover` and standstills. `cutover`:
    what is five minutes old is judged.
    """

    key_filter: KeyFilter
    since: datetime | None
    everything: bool
    deep: bool = False
    overwrite: bool = False
    standstill: bool = False
    cutover: bool = False

    @classmethod
    def asked(cls, options: Mapping[str, object], key_filter: KeyFilter) -> Scope:
        """The scope that a payload asks for, whose `options` have the types they should; `key_filter` is the project's.

        Raises PayloadError.
        """
        prefix, since = str(options.get("prefix", "")), options.get("since")
        shorter, longer = sorted((prefix, key_filter.prefix), key=len)
        if not longer.startswith(shorter):
            raise PayloadError(
                f"The payload's prefix {prefix!r} is outside OBJECT_PREFIX {key_filter.prefix!r}: nothing there is ever"
                " sent"
            )
        time = parse_time(str(since)) if since is not None else None
        if since is not None and time is None:
            raise PayloadError(f"The payload's since is {since!r}. Give a day or a time in UTC such as 2026-01-31")
        wanted = (options.get(name) is True for name in ("all", "deep", "overwrite", "standstill", "cutover"))
        return cls(KeyFilter(longer, key_filter.suffix), time, *wanted)

    @property
    def identity(self) -> Scope:
        """The same without wishes: of two passes with one identity only the newer is gone on with."""
        return Scope(self.key_filter, None, everything=False, standstill=self.standstill)

    def begin(self, installed: datetime) -> datetime:
        """Objects written before this time are not looked at."""
        if self.since or self.everything:
            return self.since or _LONG_AGO
        return max(installed, _LONG_AGO + _BEFORE_INSTALLATION) - _BEFORE_INSTALLATION


@dataclass(frozen=True)
class Pass:
    """What a pass is about, as its first piece says. `before` is the pass of its identity that ended last, and
    `before_started` when that began; both are empty if there was none. `seed`: what nobody could know before it began.
    `migrations`: what was known of them then. `most`: after how many objects it sends no more. Times are ISO 8601 in
    UTC."""

    name: str
    source_bucket: str
    scope: Scope
    started: str
    installed: str
    before: str = ""
    before_started: str = ""
    destination_bucket: str = ""
    seed: str = ""
    migrations: Migrations = NONE
    most: int | None = None
    classes: int = CLASSES_VERSION
