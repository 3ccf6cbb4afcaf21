"""What a pass is of, what it is to do besides, and what it says of that in its first piece; and how its objects are
named in the log bucket.

oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/{number}    a piece of a range, written once
oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/end         the range is done
oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/wake-{hex}  somebody is to look at the range again
oms_source_record/passes/{project}-{job}/{task}/{pass}/total               the pass has ended
oms_source_record/passes/{project}-{job}/{task}/ping-{hex}                 deleted by whoever is called with it
oms_source_record/working/{project}-{job}/{task}/{pass}/{range}/{number}   somebody works on that piece since then

An OSS trigger calls the job with each name under `passes/`. A pass is named after what it is of (buckets, version of
the classes, keys, standstill or not) and its beginning, so the passes of one identity sort by time. A range is `r`, or
the name of the range that split with `0` or `1` for its half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import text_at
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
ROOT_RANGE = "r"
# "0" follows "/", so the name of a pass with this comes after all that is in it: to pass over it in a listing.
AFTER_ALL = "0"
TOTAL = "total"
PASS = re.compile(r"[0-9a-f]{16}-[0-9]{8}T[0-9]{12}Z")
_PING = re.compile(r"ping-[0-9a-f]+")
# What is in a pass besides its total; anything else was not written by a worker.
IN_PASS = re.compile(r"(?P<range>r[01]*)/((?P<number>[0-9]{4,})|(?P<end>end)|wake-[0-9a-f]+)")


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


class Wake(NamedTuple):
    """What an event of the log bucket asks for: the next piece of a range, after the piece `number` if it names one."""

    pass_name: str
    range_name: str
    number: int | None


def kin(name: str) -> str:
    """What the names of all passes begin with that are of the same identity as the pass `name`."""
    return name.partition("-")[0] + "-"


def piece_name(range_name: str, number: int) -> str:
    """The name of a piece within its pass."""
    return f"{range_name}/{number:04}"


def heard(payload: bytes | str, prefix: str) -> tuple[list[Wake], list[str]] | None:
    """What an OSS trigger's payload asks for, by the objects under `prefix` that it names (an end, a total and other
    objects ask for nothing), and the names of those that ask only whether it arrives. None if the payload is not an OSS
    trigger's."""
    match jsontext.load(payload):
        case {"events": list(events)}:
            keys = [key for event in events if (key := text_at(event, "oss", "object", "key")).startswith(prefix)]
            wakes = (_wake(key.removeprefix(prefix)) for key in keys)
            return list(filter(None, wakes)), [key for key in keys if _PING.fullmatch(key.removeprefix(prefix))]
    return None


def _wake(named: str) -> Wake | None:
    name, _, rest = named.partition("/")
    found = IN_PASS.fullmatch(rest)
    if not found or not PASS.fullmatch(name) or found["end"]:
        return None
    return Wake(name, found["range"], int(found["number"]) if found["number"] else None)
