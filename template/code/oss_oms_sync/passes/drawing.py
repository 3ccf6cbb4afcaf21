"""Draws objects for a sample while a comparison counts.

An object's rank is its digest (passes/digests.py) times an odd number, modulo 2^256: so each rank is as likely as any
other, and a sample takes the smallest. The number is drawn when a pass begins, so nobody can know before that which
objects will be taken; and it is kept, so anybody can draw the same ones from a listing afterwards.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from functools import cached_property

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.passes.digests import MODULUS

# As many as a sample may have.
MAX_DRAWN = 300
# Larger objects are not drawn: a sample has to be read in a few minutes.
LARGEST = 2**30
_MASK = MODULUS - 1


@dataclass
class Drawn:
    """The objects drawn from a `population` of so many, in the order in which a sample takes them: ranks and keys. It
    grows. `seed` has the hex digits of half of the number, rounded down, by which they are ranked."""

    seed: str = ""
    population: int = 0
    ranked: list[tuple[Digest, str]] = field(default_factory=list)

    @cached_property
    def _factor(self) -> int:
        """The number by which they are ranked."""
        return 2 * int(self.seed or "0", 16) + 1

    @property
    def keys(self) -> list[str]:
        """Their keys."""
        return [key for _, key in self.ranked]

    def add(self, key: str, digest: int) -> None:
        """One more object."""
        self.population += 1
        rank, ranked = digest * self._factor & _MASK, self.ranked
        if len(ranked) < MAX_DRAWN or rank < ranked[-1][0]:
            insort(ranked, (rank, key))
            del ranked[MAX_DRAWN:]

    def plus(self, other: Drawn) -> Drawn:
        """What is drawn from both, of the same pass; it shares nothing with them."""
        ranked = sorted([*self.ranked, *other.ranked])[:MAX_DRAWN]
        return Drawn(self.seed or other.seed, self.population + other.population, ranked)
