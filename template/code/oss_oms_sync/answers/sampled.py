"""Facts of a certificate's sample: objects that were read on both sides, and their headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Reasons for which a sample was not read to its end, beside the code of a cloud's error.
TIME_IS_UP, BACK_TO_SOURCE = "time", "back_to_source"


@dataclass(frozen=True)
class SampleResult:
    """Result of reading a sample of the objects that count as equal.

    `keys` were drawn from a `population` of this size; `read` is the number without the `unread` keys, including
    objects that differ. `unreadable` keys were replaced by others. `problem` ended the reading early: TIME_IS_UP,
    BACK_TO_SOURCE, or the code of a cloud's error.
    """

    asked: int
    population: int
    drawn: int
    read: int
    bytes: int
    seed: str
    keys: Sequence[str]
    largest: int
    differing: Sequence[str]
    unread: Sequence[str]
    unreadable: Sequence[str]
    problem: str


@dataclass(frozen=True)
class LostHeader:
    """Number of objects whose header is missing or different in OBS, and the first of their keys."""

    objects: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Headers:
    """Result of comparing headers.

    `migrated`: the sync task migrates metadata; None if OMS does not report it. `drawn` objects of the sample were
    compared, and `more` objects, one from each folder outside the sample. Nothing was compared if there is a `problem`,
    the code of a cloud's error, or no sample that was read completely. `gone`: number of objects that are on only one
    side now. `documented` and `unexpected`: losses of each header that OMS does not copy by its documents, and of each
    other header.
    """

    migrated: bool | None
    drawn: int = 0
    more: Sequence[str] = ()
    gone: Sequence[str] = ()
    documented: Mapping[str, LostHeader] = field(default_factory=dict)
    unexpected: Mapping[str, LostHeader] = field(default_factory=dict)
    problem: str = ""

    @property
    def compared(self) -> int:
        """Number of objects whose headers were compared."""
        return self.drawn + len(self.more)
