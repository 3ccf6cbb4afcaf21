"""Digests of buckets and random samples of objects; anyone can compute both again from a listing.

The digest of a set of objects is the sum modulo 2^256 of SHA-256(key, a zero byte, the size in decimal), so it does not
depend on their order, and the digests of parts add up. Equal digests show that two buckets have the same keys and
sizes; they exclude accidents, but not an adversary.

The rank of an object is its digest times an odd number, modulo 2^256; the objects with the lowest ranks are sampled.
The odd number is drawn when a pass starts, so the sample cannot be predicted. It is stored, so anyone can draw the same
sample from a listing.
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
MAX_SAMPLE_OBJECTS = 300
# Maximum bytes of a drawn object: a sample has to be read in a few minutes.
MAX_SAMPLE_OBJECT_BYTES = 2**30
_MASK = MODULUS - 1


def digest(key: bytes, size: int) -> int:
    """Return the digest of an object in either bucket, from its key in UTF-8 and its size in bytes."""
    return int.from_bytes(hashlib.sha256(b"%b\0%d" % (key, size)).digest(), "big")


def version_digest(name: str, etag: str, size: int) -> int:
    version = f"{name}\0{size}\0{etag}"
    return int.from_bytes(hashlib.sha256(version.encode()).digest(), "big")


def state_digest(version: int, modified: int) -> int:
    """Return the digest of a source object from its `version` digest and its time, in seconds since 1970.

    Two passes listed the same versions if the sums of these digests are equal. A product is faster than another hash.
    """
    return version * (2 * modified + 1)


def twin_digest(version: int, source: ObjectSummary, destination: ObjectSummary) -> int:
    """Return the version digest of the object in OBS; `version` is the version digest of the source's object.

    The time is left out, because OMS changes it by copying the same contents again.
    """
    is_same = source.etag == destination.etag and source.size == destination.size
    return version if is_same else version_digest(*destination[:3])


@dataclass
class SampleDraw:
    """A random sample of the objects that were added; `population` is their number.

    - `seed`: the odd number by which digests are multiplied, halved and rounded down, in hex digits.
    - `ranked`: the ranks and keys of the drawn objects, the lowest rank first.
    - `firsts`: the object with the lowest rank in each first-level folder, of any size. The folders beyond MAX_FOLDERS
      share one such object.
    """

    seed: str = ""
    population: int = 0
    ranked: list[tuple[Digest, str]] = field(default_factory=list)
    firsts: dict[str, tuple[Digest, str]] = field(default_factory=dict)

    @cached_property
    def _factor(self) -> int:
        return 2 * int(self.seed or "0", 16) + 1

    @property
    def keys(self) -> list[str]:
        """The keys of the drawn objects, the lowest rank first."""
        return [key for _, key in self.ranked]

    def add(self, key: str, digest: int, folder: str, size: int) -> None:
        """Add an object, whose key must follow the keys of all earlier objects."""
        rank, ranked, firsts = digest * self._factor & _MASK, self.ranked, self.firsts
        folder = reported_folder(folder, firsts)
        if folder not in firsts or rank < firsts[folder][0]:
            firsts[folder] = (rank, key)
        if size > MAX_SAMPLE_OBJECT_BYTES:
            return
        self.population += 1
        if len(ranked) < MAX_SAMPLE_OBJECTS or rank < ranked[-1][0]:
            insort(ranked, (rank, key))
            del ranked[MAX_SAMPLE_OBJECTS:]

    def draw_from_other_folders(self, keys: Iterable[str]) -> list[str]:
        """Return one drawn key of each folder that contains none of `keys`, in the order of the folders' names."""
        covered_folders = {folder if folder in self.firsts else OTHERS for folder in map(first_folder, keys)}
        return [key for folder, (_, key) in sorted(self.firsts.items()) if folder not in covered_folders]

    def plus(self, other: SampleDraw) -> SampleDraw:
        """Return the sample of the objects of the two samples; it shares no data with either of them."""
        ranked = sorted([*self.ranked, *other.ranked])[:MAX_SAMPLE_OBJECTS]
        firsts: dict[str, tuple[Digest, str]] = {}
        names = counted_folders((*self.firsts, *other.firsts))
        for folder, first_object in (*self.firsts.items(), *other.firsts.items()):
            name = folder if folder in names else OTHERS
            firsts[name] = min(first_object, firsts.get(name, first_object))
        return SampleDraw(self.seed or other.seed, self.population + other.population, ranked, firsts)


def reported_folder(folder: str, folders: Collection[str]) -> str:
    """Return `folder` if it has counts of its own, otherwise OTHERS.

    `folders` are the folders that have counts so far; at most MAX_FOLDERS have counts of their own.
    """
    has_own_count = (
        not folder or folder in folders or len(folders) - ("" in folders) - (OTHERS in folders) < MAX_FOLDERS
    )
    return folder if has_own_count else OTHERS


def counted_folders(names: Iterable[str]) -> set[str]:
    """Return the folders with counts of their own: "" for no folder, and the first MAX_FOLDERS of `names`."""
    return {"", *sorted({*names} - {"", OTHERS})[:MAX_FOLDERS]}
