"""Facts about the sample of a certificate: objects that were read on both sides, and their headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Problems that end the reading of a sample; any other problem is the code of a cloud's error.
TIME_IS_UP, BACK_TO_SOURCE = "time", "back_to_source"


@dataclass(frozen=True)
class SampleResult:
    """The result of reading a sample of the objects that count as equal.

    - `asked`: the requested size of the sample.
    - `population`: the number of objects from which `keys` were drawn.
    - `read`: the number of objects that were read, including those that differ.
    - `unreadable`: the keys that could not be read and were replaced by others.
    - `problem`: the reason for an early end of the reading: TIME_IS_UP, BACK_TO_SOURCE, or the code of a cloud's error.
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
    """The number of objects whose header is missing or different in OBS, and the first of these objects' keys."""

    objects: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Headers:
    """The result of comparing the headers of a sample's objects.

    - `migrated`: True if the sync task migrates metadata, and None if OMS does not report it.
    - `drawn`: the number of compared objects of the sample.
    - `more`: the keys of other compared objects, one from each folder outside the sample.
    - `gone`: the keys of objects that exist on only one side now.
    - `documented`, `unexpected`: the losses of each header that OMS's documents state, and all other losses.
    - `problem`: the code of a cloud's error. If it is set, or no sample was read completely, nothing was compared.
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
        return self.drawn + len(self.more)
