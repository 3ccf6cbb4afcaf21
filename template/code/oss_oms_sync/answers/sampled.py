"""Facts about the sample of a certificate: objects that were read on both sides, and their headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Problems that end the reading of a sample; any other problem is the code of a cloud's error.
TIME_IS_UP, BACK_TO_SOURCE = "time", "back_to_source"


@dataclass(frozen=True)
class SampleResult:
    """The result of reading a sample of the objects that count as equal.

    `asked` is the requested size of the sample, and `population` the number of objects from which `keys` were drawn.
    `read` is the number of objects that were read, including those that differ; `unread` keys were not read, and
    `unreadable` keys were replaced by others. `problem` is the problem that ended the reading early: TIME_IS_UP,
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
    """The number of objects whose header is missing or different in OBS, and the first of their keys."""

    objects: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Headers:
    """The result of comparing the headers of a sample's objects.

    `migrated` is True if the sync task migrates metadata, and None if OMS does not report it. `drawn` is the number of
    compared objects of the sample; `more` are the keys of other compared objects, one from each folder outside the
    sample. `gone` are the keys of objects that exist on only one side now. `documented` and `unexpected` have the
    losses of each header: those that OMS's documents state, and all others. If `problem` is the code of a cloud's
    error, or no sample was read completely, nothing was compared.
    """

    migrated: bool | None
    drawn: int = 0
    more: Sequence[str] = ()
    gone: Sequence[str] = ()
    documented: Mapping[str, LostHeader] = field(default_factory=dict)
    unexpected: Mapping[str, LostHeader] = field(default_factory=dict)
    problem: str = ""

    @property
    def compared_count(self) -> int:
        """The number of objects whose headers were compared."""
        return self.drawn + len(self.more)
