"""Finds what no event ever told: walks the source bucket and the records side by side, and sends what has none.

OSS lists in byte order, so three listings (the source bucket, `success_object/` and `failed_object/`, cut to their
keys) are merged like sorted files, with a page of each in memory whatever the size. An object is covered when its
success record names its eTag and is not older than it: a listing tells both, for a record's ETag is the MD5 of the
eTag in its body.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from heapq import merge
from itertools import groupby
from operator import itemgetter

from .bucket import Bucket, Listed, Object
from .errors import PayloadError, SettingsError, StorageError
from .events import ObjectChange
from .oms import KEYS_PER_CALL, OmsClient
from .payloads import is_timers, options
from .records import ETAG_HEADER, LONGEST_NAME, FailedKey, etag_of, folder, is_long, record_name, time_of, timestamp
from .retry import Clock, Deadline, date_of
from .sender import Sender
from .settings import Settings
from .state import Pass, State

OPTIONS: dict[str, type] = {
    "prefix": str,
    "since": str,
    "all": bool,
    "limit": int,
    "dry_run": bool,
    "restart": bool,
}
# What a pass counts; scanned = covered + failed_before + submitted + pending, submitted = accepted + failed.
COUNTS = ("scanned", "covered", "failed_before", "submitted", "accepted", "failed", "pending", "orphans")

# The event of a younger object may still be on its way.
_SETTLED = timedelta(minutes=15)
# Objects that were there before the project are the migration's: it began a day after those at the latest.
_BEFORE_INSTALLATION = timedelta(days=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SHOWN_MISSING = 100
# So many pages of the three listings lie between two times that the position is kept.
_PAGES_BETWEEN_KEEPING = 15
# With less than this left the walk ends: a page, a ten and the position still have to go through.
_LAST_SECONDS = 30.0

log = logging.getLogger("oss_oms_sync")


def reconcile(
    payload: bytes | str,
    settings: Settings,
    oms: OmsClient,
    log_bucket: Bucket,
    source_bucket: Bucket,
    deadline: Deadline,
    clock: Clock,
) -> dict[str, object]:
    """One piece of a pass, as `payload` asks: a timer's event, or OPTIONS by hand.

    A timer's goes on with the pass that is open, else begins one when the last is older than RECONCILE_PERIOD; by
    hand a pass is gone on with or begun at once. Passes of another prefix, `since` or `all` are passes of their own.

    Returns COUNTS of the whole pass so far, "finished", and "next", the key it goes on behind. A dry run sends and
    keeps nothing: "submitted" is what would be sent, "missing" the first hundred keys of it. Raises PayloadError,
    SettingsError where SOURCE_BUCKET is empty, and StorageError: the next call then goes on where the pass was kept.
    """
    if not settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that reconcile is to compare with the records"])
    asked = _Asked.read(payload, settings)
    state = State(settings.task.task_id, log_bucket, clock)
    installed = state.installed(deadline)
    one = _pass_of(asked, is_timers(payload), settings, state, deadline, clock)
    if one is None or one.ended:
        return _report(one, one is not None)
    judge = _Judge(settings, asked, installed, clock)
    sender = Sender(oms, log_bucket, settings, deadline, clock)
    piece = _Piece(one, judge, asked.limit, sender, None if asked.dry_run else state, deadline)
    return piece.run(_Walk(settings.task.task_id, source_bucket, log_bucket, judge, one.after, deadline))


@dataclass(frozen=True)
class _Asked:
    """The payload. `prefix` is OBJECT_PREFIX where that says more; `since` is None for the usual."""

    prefix: str
    since: datetime | None
    everything: bool
    limit: int | None
    dry_run: bool
    restart: bool

    @classmethod
    def read(cls, payload: bytes | str, settings: Settings) -> _Asked:
        asked = options(payload, OPTIONS)
        prefix, since, limit = str(asked.get("prefix", "")), asked.get("since"), asked.get("limit")
        shorter, longer = sorted((prefix, settings.object_prefix), key=len)
        if not longer.startswith(shorter):
            raise PayloadError(
                f"The payload's prefix {prefix!r} is outside OBJECT_PREFIX {settings.object_prefix!r}: nothing there"
                " is ever sent"
            )
        time = time_of(str(since)) if since is not None else None
        if since is not None and time is None:
            raise PayloadError(f"The payload's since is {since!r}. Give a day or a time in UTC such as 2026-01-31")
        flags = (asked.get(name) is True for name in ("all", "dry_run", "restart"))
        everything, dry_run, restart = flags
        return cls(longer, time, everything, limit if isinstance(limit, int) else None, dry_run, restart)

    @property
    def scope(self) -> dict[str, object]:
        """What makes a pass another than that of another payload."""
        return {"prefix": self.prefix, "since": timestamp(self.since) if self.since else "", "all": self.everything}


def _pass_of(
    asked: _Asked, by_timer: bool, settings: Settings, state: State, deadline: Deadline, clock: Clock
) -> Pass | None:
    """The pass to go on with; one that is ended, or None, where nothing is due."""
    if asked.dry_run:
        return Pass("", asked.scope, timestamp(clock.now()))
    newest = None if asked.restart else state.newest_pass(asked.scope, deadline)
    if newest and not newest.ended:
        return newest
    if by_timer:
        period = settings.reconcile_period
        if period is None or (newest and newest.started > timestamp(clock.now() - period)):
            return newest
    return state.new_pass(asked.scope, deadline)


class _Judge:
    """Says what an object is for this pass."""

    def __init__(self, settings: Settings, asked: _Asked, installed: datetime, clock: Clock) -> None:
        self._settings = settings
        self.prefix = asked.prefix
        self._everything = asked.everything
        usual = _LONG_AGO if asked.everything else installed - _BEFORE_INSTALLATION
        self._since = (asked.since or usual).timestamp()
        self._settled = (clock.now() - _SETTLED).timestamp()

    def needs_records(self, source: Listed) -> bool:
        """Whether it depends on the records what `source` is."""
        return not self._everything and self._is_asked_for(source) and source.modified <= self._settled

    def says(self, key: str, found: Mapping[str, Listed]) -> str:
        """One of COUNTS, of those that concern a single object; empty where the pass is not about it."""
        source, success, failed = (found.get(kind) for kind in ("source", "success", "failed"))
        if source is None:
            # A younger record's object may have come after its page was listed.
            gone = success and success.modified <= self._settled and self._settings.covers(key)
            return "orphans" if gone else ""
        if not self._is_asked_for(source):
            return ""
        if source.modified > self._settled:
            return "pending"
        if not self._everything and is_covered(source, success):
            return "covered"
        if not self._everything and failed and failed.modified >= source.modified:
            return "failed_before"
        return "submitted"

    def _is_asked_for(self, source: Listed) -> bool:
        return source.modified >= self._since and self._settings.covers(source.name)


def is_covered(source: Listed, success: Listed | None) -> bool:
    """Whether a success record is of this very version. Contents may go A, B, A: so the time counts as well."""
    return success is not None and success.modified >= source.modified and success.etag == etag_of(source.etag)


class _Walk:
    """The three listings behind `after`, merged: for each key what each of them has. `pages` counts their pages."""

    def __init__(
        self, task_id: str, source_bucket: Bucket, log_bucket: Bucket, judge: _Judge, after: str, deadline: Deadline
    ) -> None:
        self._task_id = task_id
        self._source_bucket = source_bucket
        self._log_bucket = log_bucket
        self._judge = judge
        self._after = after
        self._deadline = deadline
        self.pages = 0

    def __iter__(self) -> Iterator[tuple[str, dict[str, Listed]]]:
        entries = merge(self._source(), self._records("failed"), self._records("success"))
        for key, group in groupby(entries, key=itemgetter(0)):
            yield key, {kind: listed for _, kind, listed in group}

    def _source(self) -> Iterator[tuple[str, str, Listed]]:
        for page in self._pages(self._source_bucket, ""):
            success, failed = self._long_records(page)
            for one in page:
                # In the order that merging keeps.
                if one.name in failed:
                    yield one.name, "failed", failed[one.name]
                yield one.name, "source", one
                if one.name in success:
                    yield one.name, "success", success[one.name]

    def _records(self, state: str) -> Iterator[tuple[str, str, Listed]]:
        for page in self._pages(self._log_bucket, folder(self._task_id, state)):
            for one in page:
                yield one.name, state, one

    def _pages(self, bucket: Bucket, root: str) -> Iterator[list[Listed]]:
        """Pages of what stands under `root`, named by key."""
        prefix, behind = f"{root}{self._judge.prefix}", f"{root}{self._after}"
        start, more = behind, len(prefix.encode()) <= LONGEST_NAME
        while more:
            # A name cut off stands before the whole one, so nothing is passed over.
            page = bucket.page(prefix, start.encode()[:LONGEST_NAME].decode("utf-8", "ignore"), self._deadline)
            self.pages += 1
            yield [
                Listed(one.name[len(root) :], one.etag, one.size, one.modified)
                for one in page.objects
                if one.name > behind
            ]
            more = page.more
            start = page.objects[-1].name if more else ""

    def _long_records(self, page: Sequence[Listed]) -> tuple[dict[str, Listed], dict[str, Listed]]:
        """The records of long keys, which stand in no listing by key: one GET each, two where the first is no use."""
        judged = [one for one in page if self._judge.needs_records(one)]
        success = self._read("success", [one.name for one in judged])
        open_ones = [one.name for one in judged if not is_covered(one, success.get(one.name))]
        return success, self._read("failed", open_ones)

    def _read(self, state: str, keys: Sequence[str]) -> dict[str, Listed]:
        key_of = {record_name(self._task_id, state, key): key for key in keys if is_long(self._task_id, state, key)}
        found = {}
        for name, one in zip(key_of, self._log_bucket.get_all(list(key_of), self._deadline), strict=True):
            if isinstance(one, Object):
                modified = date_of(one.headers.get("last-modified"))
                etag = etag_of(one.headers.get(ETAG_HEADER, ""))
                found[key_of[name]] = Listed(name, etag, len(one.body), int(modified.timestamp()) if modified else 0)
            elif one.code != "NoSuchKey":
                raise StorageError(one.problem)
        return found


class _Piece:
    """What one call does of a pass. Without a `state` it is a dry run: nothing is sent or kept."""

    def __init__(
        self, one: Pass, judge: _Judge, limit: int | None, sender: Sender, state: State | None, deadline: Deadline
    ) -> None:
        self._pass = one
        self._judge = judge
        self._limit = limit
        self._sender = sender
        self._state = state
        self._deadline = deadline
        self._last_seconds = min(_LAST_SECONDS, deadline.left() / 4)
        self._after = one.after
        self._counts = Counter(one.counts)
        self._taken = 0
        self._ten: list[FailedKey] = []
        self._before_ten = one
        self._missing: list[str] = []
        self._went_back = False
        self._stopped = ""

    def run(self, walk: _Walk) -> dict[str, object]:
        """Goes as far as time and OMS allow, and keeps how far that is. Raises StorageError."""
        at_end = self._go(walk)
        self._send()
        finished = at_end and not self._went_back
        if self._state and finished:
            self._state.finish_pass(self._so_far(), self._deadline)
        elif self._state:
            self._state.keep_pass(self._so_far(), self._deadline)
        missing = {} if self._state else {"missing": self._missing}
        result = {**_report(self._so_far(), finished), **missing}
        log.info({"job": "reconcile", **result, "stopped": self._stopped})
        return result

    def _go(self, walk: _Walk) -> bool:
        """Judges one key after the other; whether it came to the end."""
        kept = 0
        for key, found in walk:
            if self._state and walk.pages >= kept + _PAGES_BETWEEN_KEEPING:
                kept = walk.pages
                self._send()
                self._state.keep_pass(self._so_far(), self._deadline)
            if self._is_over():
                return False
            verdict = self._judge.says(key, found)
            if verdict == "submitted":
                self._submit(key, found["source"])
            elif verdict:
                self._counts["scanned"] += verdict != "orphans"
                self._counts[verdict] += 1
            self._after = key
            if len(self._ten) == KEYS_PER_CALL:
                self._send()
        return True

    def _is_over(self) -> bool:
        if not self._stopped and self._deadline.left() < self._last_seconds:
            self._stopped = "the time is up"
        if not self._stopped and self._limit is not None and self._taken >= self._limit:
            self._stopped = "the limit is reached"
        return bool(self._stopped)

    def _submit(self, key: str, source: Listed) -> None:
        self._taken += 1
        if self._state is None:
            self._counts.update(["scanned", "submitted"])
            self._missing += [key] if len(self._missing) < _SHOWN_MISSING else []
            return
        if not self._ten:
            self._before_ten = self._so_far()
        self._ten.append(FailedKey(ObjectChange(key, etag=source.etag)))

    def _send(self) -> None:
        """Sends the ten as it is. Where part of it is neither accepted nor recorded, the pass goes back before it."""
        accepted, failed = self._sender.accepted, self._sender.failed.total()
        left = self._sender.send(self._ten)
        if left:
            self._went_back = True
            self._after, self._counts = self._before_ten.after, Counter(self._before_ten.counts)
            self._stopped = self._sender.stopped or "the log bucket takes no record of some keys"
        else:
            sent = {"accepted": self._sender.accepted - accepted, "failed": self._sender.failed.total() - failed}
            self._counts.update({"scanned": len(self._ten), "submitted": len(self._ten), **sent})
            self._stopped = self._stopped or self._sender.stopped
        self._ten = []

    def _so_far(self) -> Pass:
        return replace(self._pass, after=self._after, counts=dict(self._counts))


def _report(one: Pass | None, finished: bool) -> dict[str, object]:
    counts = {name: one.counts.get(name, 0) if one else 0 for name in COUNTS}
    return {**counts, "finished": finished, "next": None if finished or one is None else one.after}
