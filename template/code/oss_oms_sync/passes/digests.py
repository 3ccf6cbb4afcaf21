"""Digests of buckets, which anybody can compute again from a listing: digests.py in the project does it in 20 lines.
And objects drawn for a sample by them, while a comparison counts.

The digest of a set of objects is the sum modulo 2^256 of SHA-256(key, a zero byte, the size in decimal), so it does not
depend on their order, and those of parts add up. It shows that two buckets hold the same keys and sizes, against
accidents, not against an adversary.

An object's rank in a draw is its digest times an odd number, modulo 2^256: so each rank is as likely as any other, and
a sample takes the smallest. The number is drawn when a pass begins, so nobody can know before that which objects will
be taken; and it is kept, so anybody can draw the same ones from a listing afterwards.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.clouds.objects import ObjectSummary

MODULUS = 2**256
# As many as a sample may have.
MAX_DRAWN = 300
# So many first-level folders are told one by one; all others together, under OTHERS, which is no folder's name.
MAX_FOLDERS = 200
OTHERS = "*"
# Larger objects are not drawn: a sample has to be read in a few minutes.
LARGEST = 2**30
_MASK = MODULUS - 1


def digest(key: bytes, size: int) -> int:
    """Of one object of either bucket; `key` in UTF-8."""
    return int.from_bytes(hashlib.sha256(b"%b\0%d" % (key, size)).digest(), "big")


def version_digest(name: str, etag: str, size: int) -> int:
    """Of one object of either bucket, with its ETag."""
    version = f"{name}\0{size}\0{etag}"
    return int.from_bytes(hashlib.sha256(version.encode()).digest(), "big")


def state_digest(version: int, modified: int) -> int:
    """Of one object of the source, with its ETag and time: whether two passes saw the very same versions. A product,
    because `version`, its digest, is that of its twin as well, and a hash takes longer."""
    return version * (2 * modified + 1)


def twin_digest(version: int, source: ObjectSummary, destination: ObjectSummary) -> int:
    """Of what the destination holds of a key of the source, whose digest is `version`: without its time, which a copy
    of the same changes."""
    is_same = source.etag == destination.etag and source.size == destination.size
    return version if is_same else version_digest(*destination[:3])


@dataclass
class Drawn:
    """The objects drawn from a `population` of so many, in the order in which a sample takes them: ranks and keys. It
    grows. `seed` has the hex digits of half of the number, rounded down, by which they are ranked. `firsts`: of each
    first-level folder, up to MAX_FOLDERS of them and of all others as one, the object of whatever size that is ranked
    first."""

    seed: str = ""
    population: int = 0
    ranked: list[tuple[Digest, str]] = field(default_factory=list)
    firsts: dict[str, tuple[Digest, str]] = field(default_factory=dict)

    @cached_property
    def _factor(self) -> int:
        """The number by which they are ranked."""
        return 2 * int(self.seed or "0", 16) + 1

    @property
    def keys(self) -> list[str]:
        """Their keys."""
        return [key for _, key in self.ranked]

    def add(self, key: str, digest: int, folder: str, size: int) -> None:
        """One more object, behind those that were added before."""
        rank, ranked, firsts = digest * self._factor & _MASK, self.ranked, self.firsts
        folder = told_as(folder, firsts)
        if folder not in firsts or rank < firsts[folder][0]:
            firsts[folder] = (rank, key)
        if size > LARGEST:
            return
        self.population += 1
        if len(ranked) < MAX_DRAWN or rank < ranked[-1][0]:
            insort(ranked, (rank, key))
            del ranked[MAX_DRAWN:]

    def firsts_beside(self, keys: Iterable[str]) -> list[str]:
        """The first object of each folder in which none of these keys is, by the folders' names."""
        seen = {folder if folder in self.firsts else OTHERS for folder in map(first_folder, keys)}
        return [key for folder, (_, key) in sorted(self.firsts.items()) if folder not in seen]

    def plus(self, other: Drawn) -> Drawn:
        """What is drawn from both, of the same pass; it shares nothing with them."""
        ranked = sorted([*self.ranked, *other.ranked])[:MAX_DRAWN]
        firsts: dict[str, tuple[Digest, str]] = {}
        names = kept_folders((*self.firsts, *other.firsts))
        for folder, first in (*self.firsts.items(), *other.firsts.items()):
            name = folder if folder in names else OTHERS
            firsts[name] = min(first, firsts.get(name, first))
        return Drawn(self.seed or other.seed, self.population + other.population, ranked, firsts)


def first_folder(key: str) -> str:
    """The first-level folder of a key: its name with the slash, or "" for none."""
    return key[: key.find("/") + 1]


def told_as(folder: str, known: Collection[str]) -> str:
    """How what comes next of a folder is told where these are `known`: by its name, or under OTHERS if they are as many
    as are told one by one."""
    is_reported = not folder or folder in known or len(known) - ("" in known) - (OTHERS in known) < MAX_FOLDERS
    return folder if is_reported else OTHERS


def kept_folders(names: Iterable[str]) -> set[str]:
    """Those of these folders that are told one by one: the first MAX_FOLDERS, by name, and "", which is none."""
    return {"", *sorted({*names} - {"", OTHERS})[:MAX_FOLDERS]}
