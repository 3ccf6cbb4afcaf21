"""Draws objects for a sample while a comparison counts: those whose SHA-256 with the pass's seed is smallest.

The seed is drawn when a pass begins, so nobody can know before which objects will be taken; and it is kept, so anybody
can draw the same ones from a listing afterwards: SHA-256(seed as hex digits, a zero byte, the key in UTF-8).
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

# As many as a sample may have.
MAX_DRAWN = 300
# Larger objects are not drawn: a sample has to be read in a few minutes.
LARGEST = 2**30


@dataclass(frozen=True)
class Drawn:
    """The keys drawn from a `population` of so many objects, in the order in which a sample takes them."""

    seed: str = ""
    population: int = 0
    keys: Sequence[str] = ()

    def merged(self, other: Drawn) -> Drawn:
        """What is drawn from both, of the same pass."""
        drawing = Drawing(self.seed or other.seed, self)
        for key in other.keys:
            drawing.add(key, key.encode())
        drawing.population = self.population + other.population
        return drawing.drawn()

    def to_json(self) -> dict[str, object]:
        """As it is stored in pieces."""
        return {"seed": self.seed, "population": self.population, "keys": list(self.keys)}

    @classmethod
    def from_json(cls, value: object) -> Drawn:
        """What `to_json` made; nothing if it is anything else."""
        match value:
            case {"seed": str(seed), "population": int(population), "keys": list(keys)}:
                return cls(seed, population, [str(key) for key in keys])
        return cls()


class Drawing:
    """Draws keys; `drawn` is what was drawn so far."""

    def __init__(self, seed: str, start: Drawn) -> None:
        self._seed = seed
        self._salt = f"{seed}\0".encode()
        self.population = start.population
        self._ranked = [(self._rank(key.encode()), key) for key in start.keys]
        # The rank that a key has to be below.
        self._limit = b"\xff" * 33
        self._cut()

    def add(self, key: str, encoded: bytes) -> None:
        """One more object; `encoded` is its key in UTF-8."""
        self.population += 1
        rank = self._rank(encoded)
        if rank < self._limit:
            insort(self._ranked, (rank, key))
            self._cut()

    def drawn(self) -> Drawn:
        """All so far."""
        return Drawn(self._seed, self.population, [key for _, key in self._ranked])

    def _rank(self, encoded: bytes) -> bytes:
        return hashlib.sha256(self._salt + encoded).digest()

    def _cut(self) -> None:
        del self._ranked[MAX_DRAWN:]
        if len(self._ranked) == MAX_DRAWN:
            self._limit = self._ranked[-1][0]
