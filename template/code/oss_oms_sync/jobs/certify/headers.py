"""What besides the bytes arrived: headers of the objects that were drawn, and of one of each first-level folder, are
compared on both sides.

OMS's FAQ on metadata: the content's type is copied always; other headers only if the task migrates metadata, and then
values of Chinese and English letters, digits and hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from oss_oms_sync.answers.certificate import HeaderLost, Headers
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StorageFailure
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.jobs.certify.sample import Sample
from oss_oms_sync.passes.digests import Drawn
from oss_oms_sync.passes.tally import MAX_KEYS

_CARRIED = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")
_TYPE = "content-type"


def compare_headers(
    invocation: Invocation, destination: ObsBucket, migrated: bool, sample: Sample, drawn: Drawn
) -> Headers:
    """Ask for the headers of what was sampled. Each certificate asks anew: that costs no more than to remember."""
    if not sample.asked or sample.unread:
        return Headers(migrated)
    firsts = drawn.firsts_beside(sample.drawn)
    gone: list[str] = []
    # By whether OMS's documents say so, and by the header's name.
    lost: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    keys = [*sample.drawn, *firsts]
    sides = invocation.source_bucket.try_metadata_of_all(keys), destination.try_head_all(keys)
    for key, source, there in zip(keys, *sides, strict=True):
        for one in (source, there):
            if isinstance(one, StorageFailure) and one.code != "NoSuchKey":
                return Headers(migrated, problem=one.message)
        if isinstance(source, StorageFailure) or not isinstance(there, ObjectHead):
            gone.append(key)
            continue
        for name, is_documented in _differing(source, there.metadata, migrated=migrated):
            lost[is_documented].setdefault(name, []).append(key)
    more = [key for key in firsts if key not in gone]
    documented, unexpected = (
        {name: HeaderLost(len(of), of[:MAX_KEYS]) for name, of in lost[kind].items()} for kind in (True, False)
    )
    return Headers(migrated, len(keys) - len(gone) - len(more), more, gone, documented, unexpected)


def _differing(source: Mapping[str, str], there: Mapping[str, str], *, migrated: bool) -> Iterator[tuple[str, bool]]:
    """The headers that are not the same, and of each whether OMS's documents say so."""
    for name in sorted({*source, *there}):
        if source.get(name) != there.get(name):
            is_carried = name == _TYPE or (migrated and _CARRIED.fullmatch(source.get(name, "")))
            yield name, name not in there and not is_carried
