"""Digests of buckets that a listing reproduces, and draws of objects for a sample.

The digest of a set of objects is the sum modulo 2^256 of SHA-256(key, a zero byte, the size in decimal), so it does not
depend on their order, and the digests of parts add up. It shows that two buckets have the same keys and sizes, against
accidents, not against an adversary. digests.py in the project computes it in 20 lines.

An object's rank in a draw is its digest times an odd number, modulo 2^256: each rank is equally likely, and a sample
takes the smallest. The number is drawn at the begin of a pass, so the sampled objects cannot be predicted; it is
stored, so a listing reproduces the draw. Objects are drawn while a comparison counts.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.pass_answers import MAX_FOLDERS, OTHERS, first_folder
from oss_oms_sync.clouds.objects import ObjectSummary

MODULUS = 2**256
# Maximum number of objects in a sample.
MAX_DRAWN = 300
# Maximum bytes of a drawn object: a sample has to be read in a few minutes.
MAX_DRAWN_BYTES = 2**30
_MASK = MODULUS - 1


def digest(key: bytes, size: int) -> int:
    """Return the digest of an object of either bucket; `key` in UTF-8."""
    return int.from_bytes(hashlib.sha256(b"%b\0%d" % (key, size)).digest(), "big")


def version_digest(name: str, etag: str, size: int) -> int:
    """Return the digest of an object's key, size and ETag, for either bucket."""
    version = f"{name}\0{size}\0{etag}"
    return int.from_bytes(hashlib.sha256(version.encode()).digest(), "big")


def state_digest(version: int, modified: int) -> int:
    """Return the digest of a source object with its ETag and time, by which two passes compare versions.

    It is a product, because its twin has `version`, its digest, as well, and a hash takes longer.
    """
    return version * (2 * modified + 1)


def twin_digest(version: int, source: ObjectSummary, destination: ObjectSummary) -> int:
    """Return the digest of the destination's object for a source key with the digest `version`.

    The time is left out, because a copy of the same contents changes it.
    """
    is_same = source.etag == destination.etag and source.size == destination.size
    return version if is_same else version_digest(*destination[:3])


@dataclass
class SampleDraw:
    """Objects drawn from a `population` of this size, as ranks and keys in the order of sampling.

    It grows. `seed` has the hex digits of half of the ranking number, rounded down. `firsts`: the first-ranked object,
    of any size, of each first-level folder, up to MAX_FOLDERS of them and of all others together.
    """

    seed: str = ""
    population: int = 0
    ranked: list[tuple[Digest, str]] = field(default_factory=list)
    firsts: dict[str, tuple[Digest, str]] = field(default_factory=dict)

    @cached_property
    def _factor(self) -> int:
        """The odd number that ranks objects."""
        return 2 * int(self.seed or "0", 16) + 1

    @property
    def keys(self) -> list[str]:
        """The keys of the drawn objects."""
        return [key for _, key in self.ranked]

    def add(self, key: str, digest: int, folder: str, size: int) -> None:
        """Add an object that follows all earlier objects."""
        rank, ranked, firsts = digest * self._factor & _MASK, self.ranked, self.firsts
        folder = reported_folder(folder, firsts)
        if folder not in firsts or rank < firsts[folder][0]:
            firsts[folder] = (rank, key)
        if size > MAX_DRAWN_BYTES:
            return
        self.population += 1
        if len(ranked) < MAX_DRAWN or rank < ranked[-1][0]:
            insort(ranked, (rank, key))
            del ranked[MAX_DRAWN:]

    def firsts_beside(self, keys: Iterable[str]) -> list[str]:
        """Return the first object of each folder without any of `keys`, by the folders' names."""
        covered = {folder if folder in self.firsts else OTHERS for folder in map(first_folder, keys)}
        return [key for folder, (_, key) in sorted(self.firsts.items()) if folder not in covered]

    def plus(self, other: SampleDraw) -> SampleDraw:
        """Return a new draw from this draw and `other`, both of a single pass; they share no data."""
        ranked = sorted([*self.ranked, *other.ranked])[:MAX_DRAWN]
        firsts: dict[str, tuple[Digest, str]] = {}
        names = kept_folders((*self.firsts, *other.firsts))
        for folder, first in (*self.firsts.items(), *other.firsts.items()):
            name = folder if folder in names else OTHERS
            firsts[name] = min(first, firsts.get(name, first))
        return SampleDraw(self.seed or other.seed, self.population + other.population, ranked, firsts)


def reported_folder(folder: str, folders: Collection[str]) -> str:
    """Return the folder under which the next object of `folder` counts: itself, or OTHERS.

    `folders` have counts already. From MAX_FOLDERS on, further folders count under OTHERS.
    """
    has_own_count = (
        not folder or folder in folders or len(folders) - ("" in folders) - (OTHERS in folders) < MAX_FOLDERS
    )
    return folder if has_own_count else OTHERS


def kept_folders(names: Iterable[str]) -> set[str]:
    """Return the folders that have their own counts: the first MAX_FOLDERS of `names`, and "" for no folder."""
    return {"", *sorted({*names} - {"", OTHERS})[:MAX_FOLDERS]}
