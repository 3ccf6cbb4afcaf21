"""Draws objects for a sample while a comparison counts.

An object's rank is its digest (passes/digests.py) times an odd number, modulo 2^256: so each rank is as likely as any
other, and a sample takes the smallest. The number is drawn when a pass begins, so nobody can know before that which
objects will be taken; and it is kept, so anybody can draw the same ones from a listing afterwards.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

from oss_oms_sync.passes.digests import MODULUS

# As many as a sample may have.
MAX_DRAWN = 300
# Larger objects are not drawn: a sample has to be read in a few minutes.
LARGEST = 2**30
_MASK = MODULUS - 1

# An object's rank, and its key.
Ranked = tuple[int, str]


@dataclass(frozen=True)
class Drawn:
    """The objects drawn from a `population` of so many, in the order in which a sample takes them. `seed` has the hex
    digits of half of the number, rounded down, by which they were ranked."""

    seed: str = ""
    population: int = 0
    ranked: Sequence[Ranked] = ()

    @property
    def keys(self) -> list[str]:
        """Their keys."""
        return [key for _, key in self.ranked]

    def merged(self, other: Drawn) -> Drawn:
        """What is drawn from both, of the same pass."""
        ranked = sorted([*self.ranked, *other.ranked])[:MAX_DRAWN]
        return Drawn(self.seed or other.seed, self.population + other.population, ranked)

    def to_json(self) -> dict[str, object]:
        """As it is stored in pieces."""
        ranked = [[f"{rank:064x}", key] for rank, key in self.ranked]
        return {"seed": self.seed, "population": self.population, "ranked": ranked}

    @classmethod
    def from_json(cls, value: object) -> Drawn:
        """What `to_json` made; nothing if it is anything else."""
        match value:
            case {"seed": str(seed), "population": int(population), "ranked": list(ranked)}:
                return cls(seed, population, [(int(rank, 16), str(key)) for rank, key in ranked])
        return cls()


class Drawing:
    """Draws keys; `drawn` is what was drawn so far."""

    def __init__(self, seed: str, start: Drawn) -> None:
        self._seed = seed
        self._factor = 2 * int(seed or "0", 16) + 1
        self._population = start.population
        self._ranked = list(start.ranked)
        # The rank that an object has to be below.
        self._limit = self._ranked[-1][0] if len(self._ranked) == MAX_DRAWN else MODULUS

    def add(self, key: str, digest: int) -> None:
        """One more object."""
        self._population += 1
        rank = digest * self._factor & _MASK
        if rank < self._limit:
            insort(self._ranked, (rank, key))
            if len(self._ranked) >= MAX_DRAWN:
                del self._ranked[MAX_DRAWN:]
                self._limit = self._ranked[-1][0]

    def drawn(self) -> Drawn:
        """All so far."""
        return Drawn(self._seed, self._population, tuple(self._ranked))
