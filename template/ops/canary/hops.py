"""Follows what a canary wrote: from the source through event, acceptance and OMS's counts into OBS and OMS's lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from ops.canary.access import Accounts
from ops.canary.objects import CanaryObject
from ops.clock import WallClock
from ops.clouds.buckets import ListedKey
from ops.clouds.oms import SyncTaskClient
from ops.clouds.wire import Response

# Twice as long as a hop is documented to take, or as the project allows it: an event five minutes, OMS ten. Nothing is
# documented of its counts, which are of five minutes, and of its lists.
LIMITS = {"event": 600.0, "accepted": 600.0, "in_obs": 1200.0, "counted": 1200.0, "listed": 1200.0}
# If OMS has counted one less than was sent, and all is there, nothing more comes after so long.
_MERGED = timedelta(minutes=10)
# More files than these are not looked through: OMS removes none.
_MAX_LISTS = 20_000
_LIST = re.compile(r"/(success|skip|failed)_object_lists/")
_SEPARATORS = (",", "\t", ";", "|", " ")


@dataclass
class Followed:
    """An object on its way. Its times are the clouds' own: when it was written, when its first record and its success
    record were, when OBS has it since. `differs`: in what; `headers`: what became of each, by OSS's names."""

    item: CanaryObject
    key: str
    etag: str = ""
    written: datetime | None = None
    recorded: datetime | None = None
    accepted: datetime | None = None
    reason: str = ""
    in_obs: datetime | None = None
    destination: Response | None = None
    differs: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


class Lists(NamedTuple):
    """What a list of OMS's looks like that has a line about an object of ours."""

    kind: str
    separator: str
    columns: tuple[str, ...]
    lines: str
    has_header: bool
    written: datetime | None


class Counts(NamedTuple):
    """What OMS counts in steps of `step`, since the canary began."""

    step: str
    asked: int
    finished: int


class Watch:
    """Looks how far everything is. `asked`: how many keys were handed to OMS, doubles included, so far as is known."""

    def __init__(self, accounts: Accounts, clock: WallClock, run: str) -> None:
        self._accounts, self._clock = accounts, clock
        self._task = SyncTaskClient(accounts.given["SYNC_URL"], accounts.keys[1], clock)
        self._prefix = accounts.prefix(run)
        self._began = clock.now()
        # A day, because that is what a certificate asks for; from the beginning of an hour, which may be the step.
        self._since = self._began.replace(minute=0, second=0) - timedelta(days=1)
        self._before = self._count()
        self._old_lists = {listing.key for listing in self._lists()}
        # Else those that are new may be behind the last that is looked at.
        self._sees_lists = len(self._old_lists) < _MAX_LISTS
        self.followed: list[Followed] = []
        self.counts: Counts | None = None
        self.counted: datetime | None = None
        self._stable_since: datetime | None = None
        self.lists: list[Lists] = []
        self.order = ""

    @property
    def is_alone(self) -> bool:
        """Whether what OMS has counted since is the canary's own, as far as one can tell."""
        return self.counts is not None and self.counts.asked in (self._accepted, self._accepted + 1)

    @property
    def is_done(self) -> bool:
        """Whether OMS has finished all that it was handed, doubles included, so that nothing of it comes later."""
        every = self._accepted + 1
        return bool(self.counted) and self.counts is not None and self.counts[1:] == (every, every)

    @property
    def unfinished(self) -> int:
        """How many keys OMS will go on counting as not finished, if it has lost or merged them."""
        lost = sum(followed.accepted is not None and followed.in_obs is None for followed in self.followed)
        left = lost + (self.doubles == "merged")
        # Those that it failed to copy are finished for it.
        return min(left, max(0, self.counts.asked - self.counts.finished)) if self.counts else left

    @property
    def doubles(self) -> str:
        """What OMS makes of a key that is handed to it twice: "each counted", "merged", or "not known", as where others
        write as well, so that it counts more."""
        counts = self.counts
        if not counts or not self.counted or counts.asked != self._accepted + 1:
            return "not known"
        return {0: "each counted", 1: "merged"}.get(counts.asked - counts.finished, "not known")

    @property
    def _accepted(self) -> int:
        """How many keys OMS has accepted; one of them twice, if both events came."""
        return sum(followed.accepted is not None for followed in self.followed)

    def look(self) -> None:
        """See what has come since the last look. Raises OpsError."""
        for followed in self.followed:
            self._look_at(followed)
        if any(followed.in_obs for followed in self.followed):
            self._look_at_counts()
            self._look_at_lists()
        if all(followed.in_obs for followed in self.followed) and not self.order:
            self.order = _order([stored.key for stored in self._accounts.destination.objects(self._prefix)])

    def missing(self) -> dict[str, list[CanaryObject]]:
        """What has not come yet, by hop: objects; none, where it is the hop as a whole."""
        found = {
            "event": [followed.item for followed in self.followed if not followed.recorded],
            "accepted": [followed.item for followed in self.followed if followed.recorded and not followed.accepted],
            "in_obs": [followed.item for followed in self.followed if followed.accepted and not followed.in_obs],
        }
        whole = {"counted": self.counted, "listed": self.lists or not self._sees_lists}
        return {
            **{hop: some for hop, some in found.items() if some},
            **{hop: [] for hop, seen in whole.items() if not seen},
        }

    def _look_at(self, followed: Followed) -> None:
        accounts = self._accounts
        if followed.accepted is None:
            success, failed = (accounts.log.get(accounts.record(kind, followed.key)) for kind in ("success", "failed"))
            times = [modified(response) for response in (success, failed) if response]
            followed.recorded = followed.recorded or min((time for time in times if time), default=None)
            if failed:
                reason = re.search(rb'"reason": ?"([A-Z_]+)"', failed.body)
                followed.reason = reason[1].decode() if reason else "FAILED"
            if success and _etag_of(success) in (followed.etag, "-"):
                followed.accepted, followed.reason = modified(success), ""
        if followed.in_obs is None:
            response = accounts.destination.head(followed.key)
            if response:
                followed.destination, followed.in_obs = response, modified(response)

    def _look_at_counts(self) -> None:
        step, asked, finished = self._count()
        now = self._clock.now()
        counts = Counts(step, asked - self._before.asked, finished - self._before.finished)
        if self.counts is None or counts != self.counts:
            self._stable_since = now
        self.counts = counts
        # The second event of one is counted, too.
        every = self._accepted + 1
        is_whole = min(counts.asked, counts.finished) >= every
        # Nothing more comes: that event was lost, or OMS has merged the two.
        has_rested = self._stable_since is not None and now - self._stable_since >= _MERGED
        is_there = all(followed.in_obs for followed in self.followed if followed.accepted)
        is_less = is_there and has_rested and min(counts.asked, counts.finished) == every - 1
        if not self.counted and every > 1 and (is_whole or is_less):
            self.counted = self._stable_since

    def _count(self) -> Counts:
        step, sums = self._task.statistics(self._since)
        return Counts(step, sums["REQUEST"], sums["SUCCESS"] + sums["FAILURE"] + sums["SKIP"])

    def _lists(self) -> list[ListedKey]:
        return list(islice(self._accounts.destination.objects(f"oms/sync_task/{self._task.id}/"), _MAX_LISTS))

    def _look_at_lists(self) -> None:
        if self.lists or not self._sees_lists:
            return
        for listed in self._lists():
            if listed.key in self._old_lists:
                continue
            response = self._accounts.destination.get(listed.key)
            lists = _list_of(listed.key, response, self.followed) if response else None
            if lists:
                self.lists.append(lists)
            else:
                self._old_lists.add(listed.key)


def first_accepted(followed: Iterable[Followed]) -> datetime | None:
    """When OMS accepted the first of them."""
    return min((one.accepted for one in followed if one.accepted), default=None)


def compare(followed: Followed, response: Response | None, contents: bytes, *, carries_metadata: bool) -> None:
    """Say in what the object in OBS differs from what was written, and what became of its headers.

    OMS carries the type of the contents; other headers only where it is told to, and then values of letters, digits and
    hyphens (its FAQ on metadata).
    """
    if response is None:
        followed.differs.append("gone")
        return
    if response.body != contents:
        followed.differs.append("bytes")
    for name, value in followed.item.headers.items():
        seen = response.headers.get(name.lower().replace("x-oss-", "x-obs-"))
        followed.headers[name.lower()] = "kept" if seen == value else "lost" if seen is None else "changed"
    has_to = {"content-type", *(["x-oss-meta-plain"] if carries_metadata else [])}
    followed.differs += [name for name, became in followed.headers.items() if name in has_to and became != "kept"]


def _order(keys: list[str]) -> str:
    """In which order a listing has its keys."""
    orders = {
        "bytes": sorted(keys, key=lambda key: key.encode()),
        "utf-16": sorted(keys, key=lambda key: key.encode("utf-16-be")),
        "regardless of case": sorted(keys, key=str.casefold),
    }
    return next((name for name, wanted in orders.items() if keys == wanted), "other")


def _list_of(name: str, response: Response, followed: list[Followed]) -> Lists | None:
    """What a list looks like, by a line in it about an object of ours whose key needs no quoting."""
    text = response.body.decode("utf-8", "replace")
    lines = text.splitlines()
    kind = _LIST.search(name)
    for one in followed:
        for line in lines:
            if one.item.title != "small" or one.key not in line or not kind:
                continue
            before = line[: line.index(one.key)]
            separator = next((mark for mark in _SEPARATORS if before.endswith(mark) or f"{one.key}{mark}" in line), "")
            columns = tuple(_column(part, one) for part in (line.split(separator) if separator else [line]))
            # A header has no key, and no digit.
            has_header = not any(character.isdigit() for character in lines[0])
            return Lists(
                kind[1], separator, columns, "CRLF" if "\r\n" in text else "LF", has_header, modified(response)
            )
    return None


def _column(text: str, followed: Followed) -> str:
    text = text.strip().strip('"')
    if text == followed.key:
        return "key"
    if text == quote(followed.key, safe=""):
        return "encoded key"
    if text == str(followed.item.size):
        return "size"
    if re.fullmatch(r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d.*", text):
        return "time"
    return "code" if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", text) else "other"


def _etag_of(record: Response) -> str:
    """The version that a success record is for, "-" if its event told none (oss_oms_sync/ledger/records.py)."""
    return record.headers.get("x-oss-meta-etag", record.body.decode("utf-8", "replace")).removesuffix(" again")


def modified(answer: Response) -> datetime | None:
    """When what was answered was stored; None where that is not told."""
    try:
        return parsedate_to_datetime(answer.headers["last-modified"]).astimezone(timezone.utc)
    except (KeyError, ValueError):
        return None
