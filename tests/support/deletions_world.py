"""A world in which keys are deleted at the source, with an oracle for the law of deletions.

The oracle uses no code of the function. It knows who wrote each object, and the records and copies of each key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from random import Random
from typing import Any, NamedTuple

from oss_oms_sync.errors import StorageError
from support.world import DAY, HOUR, MINUTE, World, oss_error, record_name

QUARTER = 15 * MINUTE


class ObsCopy(NamedTuple):
    """An object of OBS: its size, its ETag, and its Unix time of modification."""

    size: int
    etag: str
    modified: int


class Comparison(NamedTuple):
    """The expected results of a complete comparison.

    - `began` and `ended` are its times.
    - `absent` has the objects in OBS whose keys are absent at the source.
    - `accepted` has the time of each success record.
    - `failed` has the keys of failed records.
    - `objects` is the number of objects at the source.
    """

    scope: str
    began: float
    ended: float
    absent: dict[str, ObsCopy]
    accepted: dict[str, int]
    failed: set[str]
    objects: int


class DeletionsWorld(World):
    """A world for lists of deleted keys.

    `hidden` has the keys that the source's listings omit. With `is_proxy`, HEAD does not find their objects either.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(OMS_RATE="1000", LANES="1")
        self.install()
        self.hold_copies()
        self.keys = list(keys)
        self.hidden: set[str] = set()
        self.is_proxy = False
        self._aside: dict[str, Any] = {}
        self.source.before, self.source.after = self._hide, self._show
        self.comparisons: list[Comparison] = []
        self.scope = ""
        # The project's first copies can be three days older than the record of its installation.
        self.oldest = self.clock.now().timestamp() - HOUR - 3 * DAY
        # Objects that others wrote in OBS, and the times of each key's records and copies.
        self.others: set[tuple[str, ObsCopy]] = set()
        self.evidence_times: dict[str, list[float]] = {key: [] for key in keys}
        # The times at which a key was created and deleted at the source.
        self.lifetimes: dict[str, list[list[float]]] = {key: [] for key in keys}
        self.contents: dict[str, set[str]] = {key: set() for key in keys}
        self.bucket.add_back_to_source()

    # Events.

    def write_source(self, key: str, data: str, kind: str = "md5", fate: str = "pending") -> None:
        self._end_lifetime(key)
        self.lifetimes[key].append([self._now(), float("inf")])
        self.contents[key].add(data)
        self.put(key, data, kind, fate)
        self.record_evidence()

    def delete_source(self, key: str) -> None:
        self.delete(key)
        self._end_lifetime(key)

    def write_foreign(self, key: str, data: str) -> None:
        self.write(key, data)
        there = self.find_copy(key)
        assert there is not None
        self.others.add((key, there))

    def hide_keys(self, share: float, dice: Random, *, is_proxy: bool) -> None:
        self.hidden = {key for key in self.keys if dice.random() < share}
        self.is_proxy = is_proxy

    def heal(self) -> None:
        self.hidden, self.is_proxy = set(), False

    def run_comparison(self, *, scope: str = "", fails: bool = False, deep: bool = False) -> None:
        """Run a comparison, and add its expected results to `comparisons`.

        With `fails`, the listing of the source fails, so the comparison is incomplete and has no results.
        """
        began = float(int(self._now() + 0.001))
        options = {"restart": True, **({"prefix": scope} if scope else {}), **({"deep": True} if deep else {})}
        if fails:
            self.source.fail(oss_error(403, "AccessDenied"), "list", times=1)
            with suppress(StorageError):
                self.compare(**options)
            self.source.heal()
            return
        sees = {key for key in self.source.objects if key not in self.hidden}
        for key in sees & {*self.keys}:
            self.evidence_times[key].append(self._now())
        before = {key: self.find_copy(key) for key in self.keys}
        accepted = {key: at for key in self.keys if (at := self.accepted_at(key)) is not None}
        failed = {key for key in self.keys if self.bucket.objects.get(record_name("failed", key))}
        assert self.compare(**options)["finished"] is True
        wrote = {reach for reach in [self.migrated] if reach}
        absent = {
            key: there
            for key, there in before.items()
            if there
            and key not in sees
            and key.startswith(scope)
            and there.modified <= began - QUARTER
            and (key in accepted or any(first <= there.modified <= last for first, last in wrote))
        }
        number = len([key for key in sees if key.startswith(scope)])
        self.comparisons.append(Comparison(scope, began, self._now(), absent, accepted, failed, number))
        self.record_evidence()

    migrated: tuple[float, float] | None = None

    # The facts for the oracle.

    def _now(self) -> float:
        return self.clock.now().timestamp()

    def find_copy(self, key: str) -> ObsCopy | None:
        stored: Any = self.obs.objects(self.destination_bucket).get(key)
        return stored and ObsCopy(len(stored.data), stored.etag.upper(), int(stored.last_modified))

    def accepted_at(self, key: str) -> int | None:
        name = record_name("success", key)
        return self.bucket.modified[name] if name in self.bucket.objects else None

    def _end_lifetime(self, key: str) -> None:
        if self.lifetimes[key] and self.lifetimes[key][-1][1] == float("inf"):
            self.lifetimes[key][-1][1] = self._now()

    def record_evidence(self) -> None:
        """Store the times of each key's records and copies, which show that the key exists or existed."""
        for key in self.keys:
            there = self.find_copy(key)
            if at := self.accepted_at(key):
                self.evidence_times[key].append(at)
            if there and (key, there) not in self.others:
                self.evidence_times[key].append(there.modified)

    def advance(self, seconds: float = HOUR) -> None:
        super().advance(seconds)
        if hasattr(self, "evidence_times"):
            self.record_evidence()

    # Incomplete listings.

    def _hide(self, kind: str, _: Sequence[str]) -> None:
        if kind in ("list", "find") or (self.is_proxy and kind == "head"):
            bucket: Any = self.source.service._buckets[self.source.name]
            for key in self.hidden & {*bucket.objects}:
                self._aside[key] = bucket.objects[key]
                del bucket.objects[key]

    def _show(self, *_: object) -> None:
        bucket: Any = self.source.service._buckets[self.source.name]
        for key, stored in self._aside.items():
            bucket.objects[key] = stored
        self._aside.clear()

    # Deletions.

    def deletions(self, after: str = "") -> dict[str, Any]:
        """Return the answers of all pages of deletions as the answer of a single page."""
        pages = []
        page_after: str | None = after
        while page_after is not None:
            pages.append(self.invoke("certify", {"deletions_after": page_after}))
            page_after = pages[-1]["after"]
        counts: Counter[str] = Counter()
        for page in pages:
            counts.update(page["left_out"])
        return {
            "facts": pages[-1]["facts"],
            "deletions": {entry["key"]: entry for page in pages for entry in page["deletions"]},
            "left_out": dict(counts),
            "unlisted": [key for page in pages for key in page["unlisted"]],
        }


def proof_says_equal(world: DeletionsWorld, key: str, etag: str) -> bool:
    stored = world.bucket.objects.get(record_name("proven", key))
    return stored is not None and stored.body.decode().split(" ")[2:] == [etag, "equal"]


def accepted_etag(world: DeletionsWorld, key: str) -> str:
    return world.bucket.objects[record_name("success", key)].body.decode().removesuffix(" again").upper()


def find_absence_time(comparisons: list[Comparison], place: int, key: str) -> float:
    """Return the time since which a key is absent at the source, as the comparison at index `place` shows it."""
    now = comparisons[place]
    if place == 0 or key not in comparisons[place - 1].absent:
        return now.ended
    before = comparisons[place - 1]
    shrunk = place >= 2 and 2 * before.objects < comparisons[place - 2].objects
    start = find_absence_time(comparisons, place - 1, key)
    is_quiet = before.absent[key] == now.absent[key] and key not in now.failed and not shrunk
    if is_quiet and not (key in now.accepted and now.accepted[key] > start - QUARTER):
        return start
    return now.ended


def find_omission_reason(world: DeletionsWorld, key: str, now: Comparison) -> str:
    """Return the reason why the list of deletions must omit a key, or an empty text if it must have the key."""
    comparisons = [comparison for comparison in world.comparisons if comparison.scope == now.scope]
    since, there, current = (
        ceil(find_absence_time(comparisons, len(comparisons) - 1, key)),
        now.absent[key],
        world.find_copy(key),
    )
    if since + DAY > now.began:
        return "young"
    if key != key.strip() or key.startswith("/") or "\n" in key:
        return "name"
    if record_name("failed", key) in world.bucket.objects:
        return "waits"
    at = world.accepted_at(key)
    if at is not None and at > now.began - MINUTE:
        return "recorded"
    is_migrated = world.migrated is not None and world.migrated[0] <= there.modified <= world.migrated[1]
    if not is_migrated:
        is_md5 = at is not None and len(there.etag) == 32 and accepted_etag(world, key) == there.etag
        is_equal = at is not None and (is_md5 or proof_says_equal(world, key, there.etag))
        if not is_equal or not world.oldest - 1 <= there.modified <= (at or 0) + DAY:
            return "others"
    if current != there:
        return "changed"
    return "back" if key in world.source.objects and not (world.is_proxy and key in world.hidden) else ""
