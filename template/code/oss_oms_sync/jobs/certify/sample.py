"""The sample: objects that count as equal are read completely in both buckets, and their headers are compared.

The comparison has drawn the keys (passes/digests.py). The results are stored beside the lists of the comparison, so
that the next call continues a sample that takes long. Each call writes its own object, so that two calls at the same
time do not lose each other's results:

    oms_source_record/differences/{project}-compare/{task}/{pass}/sample/{hex}.json

Headers are compared for the drawn objects, and for an object of each further first-level folder. Source: OMS's FAQ on
metadata. OMS always copies Content-Type. It copies other headers only if the task migrates metadata, and their values
only if they consist of Chinese and English letters, digits and hyphens.
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
from oss_oms_sync.comparison.headers import differing_headers
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.digests import MAX_SAMPLE_OBJECT_BYTES, SampleDraw
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore

# Seconds that are left after the last byte to store the results and the certificate.
_WRITING_SECONDS = 30.0
_COPIED_VALUE = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")


def empty_sample(size: int) -> SampleResult:
    """Return the result of a sample of `size` objects before any object is drawn."""
    return _build_result(size, SampleDraw(), _ReadResults(), "")


def take_sample(
    invocation: Invocation, destination: ObsBucket, comparison: PassState, asked: int, *, is_frozen: bool
) -> SampleResult:
    """Read the first `asked` keys that a comparison has drawn, within the available time.

    If `asked` is 0, the result only has the objects that earlier calls have read.

    Raises StorageError if the log bucket cannot be read, or does not store the results.
    """
    folder = f"{PassStore(invocation, 'compare').differences}{comparison.of.name}/sample/"
    drawn, began = comparison.tally.drawn, None if is_frozen else parse_time(comparison.started)
    read, reading = _ReadResults.load(invocation, folder), _SampleReader(invocation, destination, began)
    back_to_source = JobState(invocation).read_back_to_source(destination.name)
    problem = BACK_TO_SOURCE if back_to_source and back_to_source.rules else ""
    # Further drawn keys replace keys that cannot be read.
    while not problem and (
        remaining_keys := [key for key in read.select_keys(drawn, asked) if key not in read.outcomes]
    ):
        now, problem = reading.read(remaining_keys, may_read=bool(set(read.outcomes.values()) - {None}))
        if now.outcomes:
            now.store(invocation, folder)
        read = read.merged(now)
    return _build_result(asked, drawn, read, problem)


def _build_result(asked: int, drawn: SampleDraw, read: _ReadResults, problem: str) -> SampleResult:
    """Return the result of `read` for the first `asked` keys of `drawn`.

    `differing` has the keys of all calls for this comparison, even those beyond `asked`: objects remain different if
    the next sample is smaller.
    """
    keys = read.select_keys(drawn, asked)
    differing = [key for key, is_equal in read.outcomes.items() if is_equal is False]
    read_keys = [*(key for key in keys if read.outcomes.get(key)), *differing]
    return SampleResult(
        asked=asked,
        population=drawn.population,
        drawn=len(keys),
        read=len(read_keys),
        bytes=sum(read.sizes.get(key, 0) for key in read_keys),
        seed=drawn.seed,
        keys=keys,
        largest=MAX_SAMPLE_OBJECT_BYTES,
        differing=differing,
        unread=[key for key in keys if key not in read.outcomes],
        unreadable=[key for key in drawn.keys if read.outcomes.get(key, True) is None],
        problem=problem,
    )


def _error_code(error: StorageError) -> str:
    """Return the code of a cloud's error without its text, because a certificate contains no text of a cloud."""
    return error.code or "NoAnswer"


@dataclass
class _ReadResults:
    """The results of reading objects in both buckets.

    `outcomes` has True for each equal key, False for a different key, and None for a key that cannot be read. `sizes`
    has the number of bytes that were read from each bucket, by key.
    """

    outcomes: dict[str, bool | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, invocation: Invocation, folder: str) -> _ReadResults:
        """Return the results of all calls, which are in `folder`.

        Raises StorageError.
        """
        read, bucket = cls(), invocation.log_bucket
        for stored_object in bucket.get_all([row.name for row in bucket.iter_folder(folder)]):
            match jsontext.load(stored_object.body) if stored_object else None:
                case {"outcomes": dict(outcomes), "sizes": dict(sizes)}:
                    read = read.merged(cls(outcomes, sizes))
        return read

    def store(self, invocation: Invocation, folder: str) -> None:
        """Store the results in `folder`, under a unique name.

        Raises StorageError.
        """
        invocation.log_bucket.put(StoredObject.of_json(f"{folder}{uuid.uuid4().hex}.json", asdict(self)))

    def merged(self, other: _ReadResults) -> _ReadResults:
        """Return the union of both results; a key that differs in one of them differs."""
        outcomes = [outcome for read in (self, other) for outcome in read.outcomes.items()]
        differing = {key: False for key, is_equal in outcomes if is_equal is False}
        return _ReadResults({**self.outcomes, **other.outcomes, **differing}, {**self.sizes, **other.sizes})

    def select_keys(self, drawn: SampleDraw, asked: int) -> list[str]:
        """Return the first `asked` drawn keys, without keys that cannot be read."""
        return list(islice((key for key in drawn.keys if self.outcomes.get(key, True) is not None), asked))


class _SampleReader:
    """A reader of the sample's objects in both buckets."""

    def __init__(self, invocation: Invocation, destination: ObsBucket, live_since: datetime | None) -> None:
        self._source = invocation.source_bucket
        self._destination = destination
        # Time since which applications may have written, or None during a freeze.
        self._live_since = live_since
        self._enough = invocation.deadline.earlier_by(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))

    def read(self, keys: Sequence[str], *, may_read: bool) -> tuple[_ReadResults, str]:
        """Read objects; return the results, and the reason for an early end, or "".

        With `may_read`, an object was read before, so a refusal concerns a single object. Without it, a missing
        permission ends the sample, because it probably concerns all objects.
        """
        read = _ReadResults()
        try:
            sides = zip(self._source.find_all(keys), self._destination.find_all(keys), strict=True)
            for key, (source, destination) in zip(keys, sides, strict=True):
                try:
                    is_equal = self._compare(source, destination)
                except StorageError as error:
                    if not error.is_refusal or (error.code in PERMISSION_CODES and not may_read):
                        raise
                    read.outcomes[key] = None
                    continue
                if is_equal is None:
                    return read, TIME_IS_UP
                if not is_equal and self._has_changed(key):
                    read.outcomes[key] = None
                    continue
                may_read, read.outcomes[key] = True, is_equal
                read.sizes[key] = source.size if source else 0
        except StorageError as error:
            return read, _error_code(error)
        return read, ""

    def _compare(self, source: ObjectSummary | None, destination: ObjectSummary | None) -> bool | None:
        """Return True if both buckets have the same contents, or None if the time is up.

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
                    if self._enough.expired():
                        return None
                digests.add(digest.digest())
        except StorageError as error:
            if error.code in CHANGED_CODES:
                return False
            raise
        return len(digests) == 1

    def _has_changed(self, key: str) -> bool:
        """Return True if the source's object was written or deleted since the draw, because applications still write.

        It is always False during a freeze, when no object must change.

        Raises StorageError.
        """
        if self._live_since is None:
            return False
        (current,) = self._source.find_all([key])
        return current is None or current.modified >= self._live_since.timestamp() - CLOCKS_SECONDS


def compare_headers(
    invocation: Invocation, destination: ObsBucket, migrated: bool | None, sample: SampleResult, drawn: SampleDraw
) -> Headers:
    """Compare the headers of the sample's objects.

    Each certificate queries the headers again, because storing them would cost as much. `migrated` is the task's
    setting to migrate metadata; if it is None, headers may be missing in OBS as if it were off.
    """
    if not sample.asked or sample.unread:
        return Headers(migrated)
    firsts = drawn.draw_from_other_folders(sample.keys)
    missing_keys: list[str] = []
    # Keys of the objects that lost a header, by the header's name: under True if OMS's documents explain the loss,
    # otherwise under False.
    lost_headers: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    keys = [*sample.keys, *firsts]
    try:
        # With a back-to-source rule, a HEAD request for a missing object would create the object.
        rows = invocation.source_bucket.find_all(keys), destination.find_all(keys)
    except StorageError as error:
        return Headers(migrated, problem=_error_code(error))
    missing_keys += [key for key, *sides in zip(keys, *rows, strict=True) if None in sides]
    existing_keys = [key for key in keys if key not in missing_keys]
    answers = invocation.source_bucket.try_head_all(existing_keys), destination.try_head_all(existing_keys)
    for key, source, destination_head in zip(existing_keys, *answers, strict=True):
        for answer in (source, destination_head):
            if isinstance(answer, StorageError) and answer.code != "NoSuchKey":
                return Headers(migrated, problem=_error_code(answer))
        if isinstance(source, StorageError) or not isinstance(destination_head, ObjectHead):
            missing_keys.append(key)
            continue
        for name in differing_headers(source.metadata, destination_head.metadata):
            is_carried = name == "content-type" or (migrated and _COPIED_VALUE.fullmatch(source.metadata.get(name, "")))
            is_documented = name not in destination_head.metadata and not is_carried
            lost_headers[is_documented].setdefault(name, []).append(key)
    more = [key for key in firsts if key not in missing_keys]
    documented, unexpected = (
        {
            name: LostHeader(len(keys_of_header), keys_of_header[:MAX_KEYS])
            for name, keys_of_header in lost_headers[kind].items()
        }
        for kind in (True, False)
    )
    return Headers(migrated, len(keys) - len(missing_keys) - len(more), more, missing_keys, documented, unexpected)
