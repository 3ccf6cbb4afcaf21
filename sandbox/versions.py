"""Versions of a bucket's objects, for both clouds: OSS, "PutBucketVersioning"; OBS, "Versioning"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sortedcontainers import SortedDict


class _StoredVersion(Protocol):
    @property
    def version_id(self) -> str: ...

    @property
    def last_modified(self) -> float: ...


T = TypeVar("T", bound=_StoredVersion)


@dataclass(frozen=True)
class Marker:
    """A delete marker: as the current version it hides the earlier versions."""

    version_id: str
    last_modified: float


class History(Generic[T]):
    """The versions of all keys of a bucket.

    `objects` has the current version of each key; this class updates it.
    """

    def __init__(self, objects: SortedDict) -> None:
        self._objects = objects
        # The versions of each key, oldest first. A missing key has only its current version.
        self._versions: dict[str, list[T | Marker]] = {}

    def add(self, key: str, version: T | Marker) -> None:
        """Make `version` the current version of the key, and remove a version with the same id, such as `null`."""
        other_versions = [
            other_version
            for other_version in self._list_versions(key)
            if other_version.version_id != version.version_id
        ]
        self._set_versions(key, [*other_versions, version])

    def find(self, key: str, version_id: str) -> T | Marker | None:
        return next((version for version in self._list_versions(key) if version.version_id == version_id), None)

    def replace(self, key: str, version: T | Marker) -> None:
        self._set_versions(
            key,
            [
                version if other_version.version_id == version.version_id else other_version
                for other_version in self._list_versions(key)
            ],
        )

    def remove(self, key: str, version_id: str) -> None:
        """Remove a version permanently; ignore a missing version."""
        self._set_versions(
            key, [other_version for other_version in self._list_versions(key) if other_version.version_id != version_id]
        )

    def list_page(self, params: Mapping[str, str], limit: int) -> tuple[list[tuple[str, T | Marker, bool]], bool]:
        """Return at most `limit` entries of `list_versions` after the request's markers, and True if more follow."""
        marker = params.get("key-marker", ""), params.get("version-id-marker", "")
        remaining_versions, is_past_marker = [], not marker[1]
        for key, version, is_latest in self.list_versions(params.get("prefix", "")):
            if key > marker[0] or (key == marker[0] and marker[1] and is_past_marker):
                remaining_versions.append((key, version, is_latest))
            is_past_marker = is_past_marker or (key, version.version_id) == marker
        return remaining_versions[:limit], len(remaining_versions) > limit

    def list_versions(self, prefix: str) -> Iterator[tuple[str, T | Marker, bool]]:
        """Yield each version with its key, and with True if it is the current version.

        The versions are sorted by key, and those of a key from the latest to the oldest.
        """
        for key in sorted({*self._objects, *self._versions}):
            if key.startswith(prefix):
                entries = self._list_versions(key)
                yield from ((key, entry, entry is entries[-1]) for entry in reversed(entries))

    def _list_versions(self, key: str) -> list[T | Marker]:
        return self._versions.get(key) or ([self._objects[key]] if key in self._objects else [])

    def _set_versions(self, key: str, entries: list[T | Marker]) -> None:
        self._versions[key] = entries
        if entries and not isinstance(entries[-1], Marker):
            self._objects[key] = entries[-1]
        else:
            self._objects.pop(key, None)
        if not entries:
            del self._versions[key]
