"""Versions of a bucket's objects, for both clouds: OSS, "PutBucketVersioning"; OBS, "Versioning"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sortedcontainers import SortedDict


class _Stored(Protocol):
    @property
    def version_id(self) -> str: ...

    @property
    def last_modified(self) -> float: ...


T = TypeVar("T", bound=_Stored)


@dataclass(frozen=True)
class Marker:
    """A delete marker: as the current version it hides the earlier versions."""

    version_id: str
    last_modified: float


class History(Generic[T]):
    """The versions of all keys of a bucket.

    `objects`: the bucket's current versions, which this class updates.
    """

    def __init__(self, objects: SortedDict) -> None:
        self._objects = objects
        # The versions of each key, oldest first. A missing key has only its current version.
        self._all: dict[str, list[T | Marker]] = {}

    def add(self, key: str, version: T | Marker) -> None:
        """Make `version` the current version of the key; it replaces a version with the same id, such as `null`."""
        before = [old for old in self._versions_of(key) if old.version_id != version.version_id]
        self._set(key, [*before, version])

    def find(self, key: str, version_id: str) -> T | Marker | None:
        """Return a version of a key; None if it is missing."""
        return next((version for version in self._versions_of(key) if version.version_id == version_id), None)

    def replace(self, key: str, version: T | Marker) -> None:
        """Replace the version with the same id."""
        self._set(key, [version if old.version_id == version.version_id else old for old in self._versions_of(key)])

    def remove(self, key: str, version_id: str) -> None:
        """Remove a version permanently; ignore a missing version."""
        self._set(key, [old for old in self._versions_of(key) if old.version_id != version_id])

    def page(self, params: Mapping[str, str], limit: int) -> tuple[list[tuple[str, T | Marker, bool]], bool]:
        """Return the versions after the request's markers, at most `limit`, and True if there are more."""
        after = params.get("key-marker", ""), params.get("version-id-marker", "")
        following, is_after = [], not after[1]
        for key, version, is_latest in self.versions(params.get("prefix", "")):
            if key > after[0] or (key == after[0] and after[1] and is_after):
                following.append((key, version, is_latest))
            is_after = is_after or (key, version.version_id) == after
        return following[:limit], len(following) > limit

    def versions(self, prefix: str) -> Iterator[tuple[str, T | Marker, bool]]:
        """Yield the key, the version, and True for the current version: sorted by key, the latest version first."""
        for key in sorted({*self._objects, *self._all}):
            if key.startswith(prefix):
                entries = self._versions_of(key)
                yield from ((key, entry, entry is entries[-1]) for entry in reversed(entries))

    def _versions_of(self, key: str) -> list[T | Marker]:
        return self._all.get(key) or ([self._objects[key]] if key in self._objects else [])

    def _set(self, key: str, entries: list[T | Marker]) -> None:
        self._all[key] = entries
        if entries and not isinstance(entries[-1], Marker):
            self._objects[key] = entries[-1]
        else:
            self._objects.pop(key, None)
        if not entries:
            del self._all[key]
