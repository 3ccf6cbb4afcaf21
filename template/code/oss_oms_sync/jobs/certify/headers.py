"""What besides the bytes arrived: headers of the objects that were drawn, and of one of each first-level folder, are
compared on both sides.

OMS's FAQ on metadata: the content's type is copied always; other headers only if the task migrates metadata, and then
values of Chinese and English letters, digits and hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StorageFailure
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.jobs.certify.sample import Sample
from oss_oms_sync.passes.digests import OTHERS, Drawn
from oss_oms_sync.passes.tally import MAX_KEYS

_CARRIED = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")
_TYPE = "content-type"


@dataclass
class Lost:
    """How many objects have a header that is not in OBS as it is in the source, and the first of them."""

    objects: int = 0
    keys: list[str] = field(default_factory=list)

    def add(self, key: str) -> None:
        """One more."""
        self.objects += 1
        if len(self.keys) < MAX_KEYS:
            self.keys.append(key)


@dataclass(frozen=True)
class Headers:
    """`migrated`: whether the sync task migrates metadata; None if OMS does not tell. So many of the sample's objects
    (`drawn`), and the objects `more`, one of each folder that has none in the sample, were compared; nothing was if
    there is a `problem`, or no sample that was read wholly. `gone` are on one side only by now.

    By the names of headers: what OMS's documents say that it does not copy, and all else that differs.
    """

    migrated: bool | None
    drawn: int = 0
    more: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    documented: dict[str, Lost] = field(default_factory=dict)
    unexpected: dict[str, Lost] = field(default_factory=dict)
    problem: str = ""

    @property
    def compared(self) -> int:
        """Of how many objects."""
        return self.drawn + len(self.more)

    @classmethod
    def take(
        cls, invocation: Invocation, destination: ObsBucket, migrated: bool, sample: Sample, drawn: Drawn
    ) -> Headers:
        """Ask for the headers of what was sampled. Each certificate asks anew: that costs no more than to remember."""
        if not sample.asked or sample.unread:
            return cls(migrated)
        mine = {folder if folder in drawn.firsts else OTHERS for folder in map(_folder, sample.drawn)}
        firsts = [key for folder, (_, key) in sorted(drawn.firsts.items()) if folder not in mine]
        found, keys = cls(migrated), [*sample.drawn, *firsts]
        sides = invocation.source_bucket.try_metadata_of_all(keys), destination.try_head_all(keys)
        for key, source, there in zip(keys, *sides, strict=True):
            failures = [one for one in (source, there) if isinstance(one, StorageFailure)]
            if any(one.code != "NoSuchKey" for one in failures):
                return cls(migrated, problem=failures[0].message)
            if isinstance(source, StorageFailure) or not isinstance(there, ObjectHead):
                found.gone.append(key)
                continue
            if key in firsts:
                found.more.append(key)
            for name, is_documented in _differing(source, there.metadata, migrated=migrated):
                into = found.documented if is_documented else found.unexpected
                into.setdefault(name, Lost()).add(key)
        return replace(found, drawn=len(keys) - len(found.gone) - len(found.more))


def _differing(source: Mapping[str, str], there: Mapping[str, str], *, migrated: bool) -> Iterator[tuple[str, bool]]:
    """The headers that are not the same, and of each whether OMS's documents say so."""
    for name in sorted({*source, *there}):
        if source.get(name) != there.get(name):
            is_carried = name == _TYPE or (migrated and _CARRIED.fullmatch(source.get(name, "")))
            yield name, name not in there and not is_carried


def _folder(key: str) -> str:
    return key[: key.find("/") + 1]
