"""The versions of a bucket's objects, as both clouds keep them: OSS, "PutBucketVersioning"; OBS, "Versioning"."""

from __future__ import annotations

from collections.abc import Iterator
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
    """A delete marker: as the current version it hides the ones before."""

    version_id: str
    last_modified: float


class History(Generic[T]):
    """`objects` are the current versions, which change with what happens here."""

    def __init__(self, objects: SortedDict) -> None:
        self._objects = objects
        # The oldest first. Of a key that is not in it, the current version is the only one.
        self._all: dict[str, list[T | Marker]] = {}

    def add(self, key: str, one: T | Marker) -> None:
        """Make this the current version. There is one version `null` at most."""
        before = [old for old in self._of(key) if old.version_id != one.version_id]
        self._set(key, [*before, one])

    def remove(self, key: str, version_id: str) -> None:
        """Remove one version for good; not an error if it is not there."""
        self._set(key, [old for old in self._of(key) if old.version_id != version_id])

    def listed(self, prefix: str) -> Iterator[tuple[str, T | Marker, bool]]:
        """By key, each with its latest version first, and whether it is the current one."""
        for key in sorted({*self._objects, *self._all}):
            if key.startswith(prefix):
                entries = self._of(key)
                yield from ((key, entry, entry is entries[-1]) for entry in reversed(entries))

    def _of(self, key: str) -> list[T | Marker]:
        return self._all.get(key) or ([self._objects[key]] if key in self._objects else [])

    def _set(self, key: str, entries: list[T | Marker]) -> None:
        self._all[key] = entries
        if entries and not isinstance(entries[-1], Marker):
            self._objects[key] = entries[-1]
        else:
            self._objects.pop(key, None)
        if not entries:
            del self._all[key]
