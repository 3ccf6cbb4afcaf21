"""The versions of a bucket's objects, alike in both clouds: OSS, "PutBucketVersioning"; OBS, "Versioning"."""

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
    """A delete marker: as the current version it hides earlier versions."""

    version_id: str
    last_modified: float


class History(Generic[T]):
    """The versions of all keys. `objects`: the current versions; they change with the history."""

    def __init__(self, objects: SortedDict) -> None:
        self._objects = objects
        # The versions of a key, the oldest first. A key that is not in it has only its current version.
        self._all: dict[str, list[T | Marker]] = {}

    def add(self, key: str, version: T | Marker) -> None:
        """Make this the current version. A key has no second version `null`."""
        before = [old for old in self._versions_of(key) if old.version_id != version.version_id]
        self._set(key, [*before, version])

    def find(self, key: str, version_id: str) -> T | Marker | None:
        """Return a version; None if it is missing."""
        return next((version for version in self._versions_of(key) if version.version_id == version_id), None)

    def replace(self, key: str, version: T | Marker) -> None:
        """Replace the version of the same id."""
        self._set(key, [version if old.version_id == version.version_id else old for old in self._versions_of(key)])

    def remove(self, key: str, version_id: str) -> None:
        """Remove a version for good; a missing version is no error."""
        self._set(key, [old for old in self._versions_of(key) if old.version_id != version_id])

    def page(self, params: Mapping[str, str], limit: int) -> tuple[list[tuple[str, T | Marker, bool]], bool]:
        """Return the versions after the markers of a request, up to the limit, and True if more follow."""
        after = params.get("key-marker", ""), params.get("version-id-marker", "")
        following, is_after = [], not after[1]
        for key, version, is_latest in self.versions(params.get("prefix", "")):
            if key > after[0] or (key == after[0] and after[1] and is_after):
                following.append((key, version, is_latest))
            is_after = is_after or (key, version.version_id) == after
        return following[:limit], len(following) > limit

    def versions(self, prefix: str) -> Iterator[tuple[str, T | Marker, bool]]:
        """Yield all versions by key, the latest first, with whether it is the current version."""
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
