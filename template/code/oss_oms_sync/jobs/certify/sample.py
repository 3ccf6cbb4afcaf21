"""The sample: drawn objects that count as equal are read completely in both buckets, and their headers are compared.

The comparison has drawn the keys (passes/digests.py). Reading a sample can take several calls. Each call stores its
results in an object of its own:

    oms_source_record/differences/{project}-compare/{task}/{pass}/sample/{hex}.json

Source: OMS's FAQ on metadata. OMS always copies Content-Type. It copies other headers only if the task migrates
metadata, and their values only if they consist of Chinese and English letters, digits and hyphens.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice

from oss_oms_sync import jsontext
from oss_oms_sync.answers.pass_answers import MAX_KEYS
from oss_oms_sync.answers.sampled import BACK_TO_SOURCE, TIME_IS_UP, Headers, LostHeader, SampleResult
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.bucket import CHANGED_CODES
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import PERMISSION_CODES, ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.comparison.headers import find_different_headers
from oss_oms_sync.comparison.judge import MAX_CLOCK_SKEW_SECONDS
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.digests import MAX_SAMPLE_OBJECT_BYTES, SampleDraw
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore

# Seconds that are left after the last byte to store the results and the certificate.
_WRITING_SECONDS = 30.0
_COPIED_VALUE = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")


def make_empty_sample(size: int) -> SampleResult:
    return _build_result(size, SampleDraw(), _ReadResults(), "")


def take_sample(
    invocation: Invocation, destination: ObsBucket, comparison: PassState, size: int, *, is_frozen: bool
) -> SampleResult:
    """Read the first `size` objects that a comparison has drawn, within the available time.

    If `size` is 0, the result only has the objects that earlier calls have read. `is_frozen` is True during a freeze,
    when no object may change. Raises StorageError if the results cannot be read or stored.
    """
    folder = f"{PassStore(invocation, 'compare').differences_prefix}{comparison.of.name}/sample/"
    draw, start_time = comparison.tally.drawn, None if is_frozen else parse_time(comparison.started)
    results, reader = _ReadResults.load(invocation, folder), _SampleReader(invocation, destination, start_time)
    back_to_source_rules = JobState(invocation).read_back_to_source(destination.name)
    problem = BACK_TO_SOURCE if back_to_source_rules and back_to_source_rules.rules else ""
    # Further drawn keys replace keys that cannot be read.
    while not problem and (
        remaining_keys := [key for key in results.select_keys(draw, size) if key not in results.outcomes]
    ):
        new_results, problem = reader.read(remaining_keys, may_read=bool(set(results.outcomes.values()) - {None}))
        if new_results.outcomes:
            new_results.store(invocation, folder)
        results = results.merge(new_results)
    return _build_result(size, draw, results, problem)


def _build_result(size: int, draw: SampleDraw, results: _ReadResults, problem: str) -> SampleResult:
    """Return `results` as the result of a sample of the first `size` drawn keys.

    The field `differing` has the different keys of all calls, even those beyond `size`, so that a smaller sample does
    not hide them.
    """
    keys = results.select_keys(draw, size)
    differing_keys = [key for key, is_equal in results.outcomes.items() if is_equal is False]
    read_keys = [*(key for key in keys if results.outcomes.get(key)), *differing_keys]
    return SampleResult(
        asked=size,
        population=draw.population,
        drawn=len(keys),
        read=len(read_keys),
        bytes=sum(results.sizes.get(key, 0) for key in read_keys),
        seed=draw.seed,
        keys=keys,
        largest=MAX_SAMPLE_OBJECT_BYTES,
        differing=differing_keys,
        unread=[key for key in keys if key not in results.outcomes],
        unreadable=[key for key in draw.keys if results.outcomes.get(key, True) is None],
        problem=problem,
    )


def _extract_error_code(error: StorageError) -> str:
    """Return the code of a cloud's error without its text, because a certificate contains no text of a cloud."""
    return error.code or "NoAnswer"


@dataclass
class _ReadResults:
    """The results of reading objects in both buckets.

    - `outcomes`: for each key True if the contents are equal, False if they differ, and None if they cannot be read.
    - `sizes`: for each key the number of bytes that were read from each bucket.
    """

    outcomes: dict[str, bool | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, invocation: Invocation, folder: str) -> _ReadResults:
        results, bucket = cls(), invocation.log_bucket
        for stored_object in bucket.get_all([row.name for row in bucket.iter_folder(folder)]):
            match jsontext.load(stored_object.body) if stored_object else None:
                case {"outcomes": dict(outcomes), "sizes": dict(sizes)}:
                    results = results.merge(cls(outcomes, sizes))
        return results

    def store(self, invocation: Invocation, folder: str) -> None:
        invocation.log_bucket.put(StoredObject.of_json(f"{folder}{uuid.uuid4().hex}.json", asdict(self)))

    def merge(self, other_results: _ReadResults) -> _ReadResults:
        """Return the results of both calls. A key that differs in one of them differs in the result."""
        outcomes = [outcome for results in (self, other_results) for outcome in results.outcomes.items()]
        differing_outcomes = {key: False for key, is_equal in outcomes if is_equal is False}
        return _ReadResults(
            {**self.outcomes, **other_results.outcomes, **differing_outcomes}, {**self.sizes, **other_results.sizes}
        )

    def select_keys(self, draw: SampleDraw, size: int) -> list[str]:
        return list(islice((key for key in draw.keys if self.outcomes.get(key, True) is not None), size))


class _SampleReader:
    """The reader of the sample's objects in both buckets, within the time of a call."""

    def __init__(self, invocation: Invocation, destination: ObsBucket, write_start: datetime | None) -> None:
        self._source = invocation.source_bucket
        self._destination = destination
        # The time since which applications may have written to the source, or None during a freeze.
        self._write_start = write_start
        self._deadline = invocation.deadline.earlier_by(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))

    def read(self, keys: Sequence[str], *, may_read: bool) -> tuple[_ReadResults, str]:
        """Read objects in both buckets; return the results, and the reason for an early end, or "".

        Until an object has been read, here or by an earlier call (`may_read`), a missing permission ends the reading,
        because it probably concerns all objects. Afterwards, only the object that lacks the permission is skipped.
        """
        results = _ReadResults()
        try:
            row_pairs = zip(self._source.find_all(keys), self._destination.find_all(keys), strict=True)
            for key, (source, destination) in zip(keys, row_pairs, strict=True):
                try:
                    is_equal = self._compare(source, destination)
                except StorageError as error:
                    if not error.is_refusal or (error.code in PERMISSION_CODES and not may_read):
                        raise
                    results.outcomes[key] = None
                    continue
                if is_equal is None:
                    return results, TIME_IS_UP
                if not is_equal and self._has_changed(key):
                    results.outcomes[key] = None
                    continue
                may_read, results.outcomes[key] = True, is_equal
                results.sizes[key] = source.size if source else 0
        except StorageError as error:
            return results, _extract_error_code(error)
        return results, ""

    def _compare(self, source: ObjectSummary | None, destination: ObjectSummary | None) -> bool | None:
        """Return True if the object has the same contents in both buckets, False if not, or None if the time is up.

        Raises StorageError.
        """
        # An object above the maximum size was written after the draw.
        if (
            source is None
            or destination is None
            or source.size != destination.size
            or source.size > MAX_SAMPLE_OBJECT_BYTES
        ):
            return False
        digests = set[bytes]()
        try:
            for contents in (self._source.iter_contents(source), self._destination.iter_contents(destination)):
                digest = hashlib.sha256()
                for part in contents:
                    digest.update(part)
                    if self._deadline.expired():
                        return None
                digests.add(digest.digest())
        except StorageError as error:
            if error.code in CHANGED_CODES:
                return False
            raise
        return len(digests) == 1

    def _has_changed(self, key: str) -> bool:
        """Return True if the source's object was written or deleted since the draw.

        The result is always False during a freeze, when no object may change. Raises StorageError.
        """
        if self._write_start is None:
            return False
        (current_row,) = self._source.find_all([key])
        return current_row is None or current_row.modified >= self._write_start.timestamp() - MAX_CLOCK_SKEW_SECONDS


def compare_headers(
    invocation: Invocation,
    destination: ObsBucket,
    migrates_metadata: bool | None,
    sample: SampleResult,
    draw: SampleDraw,
) -> Headers:
    """Compare the headers of the sample's objects, and of an object of each further first-level folder.

    If `migrates_metadata` (the sync task copies headers) is not True, OBS may lack headers.
    """
    if not sample.asked or sample.unread:
        return Headers(migrates_metadata)
    folder_keys = draw.draw_from_other_folders(sample.keys)
    missing_keys: list[str] = []
    # Keys of the objects that lost a header, by the header's name: under True if OMS's documents explain the loss,
    # otherwise under False.
    lost_headers: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    keys = [*sample.keys, *folder_keys]
    try:
        # With a back-to-source rule, a HEAD request for a missing object would create the object.
        rows = invocation.source_bucket.find_all(keys), destination.find_all(keys)
    except StorageError as error:
        return Headers(migrates_metadata, problem=_extract_error_code(error))
    missing_keys += [key for key, *key_rows in zip(keys, *rows, strict=True) if None in key_rows]
    existing_keys = [key for key in keys if key not in missing_keys]
    answers = invocation.source_bucket.try_head_all(existing_keys), destination.try_head_all(existing_keys)
    for key, source_head, destination_head in zip(existing_keys, *answers, strict=True):
        for answer in (source_head, destination_head):
            if isinstance(answer, StorageError) and answer.code != "NoSuchKey":
                return Headers(migrates_metadata, problem=_extract_error_code(answer))
        if isinstance(source_head, StorageError) or not isinstance(destination_head, ObjectHead):
            missing_keys.append(key)
            continue
        for name in find_different_headers(source_head.metadata, destination_head.metadata):
            is_copied = name == "content-type" or (
                migrates_metadata and _COPIED_VALUE.fullmatch(source_head.metadata.get(name, ""))
            )
            is_documented = name not in destination_head.metadata and not is_copied
            lost_headers[is_documented].setdefault(name, []).append(key)
    compared_folder_keys = [key for key in folder_keys if key not in missing_keys]
    documented_losses, unexpected_losses = (
        {
            name: LostHeader(len(keys_of_header), keys_of_header[:MAX_KEYS])
            for name, keys_of_header in lost_headers[is_explained].items()
        }
        for is_explained in (True, False)
    )
    return Headers(
        migrates_metadata,
        len(keys) - len(missing_keys) - len(compared_folder_keys),
        compared_folder_keys,
        missing_keys,
        documented_losses,
        unexpected_losses,
    )
