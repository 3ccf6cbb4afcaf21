"""A sample: objects that count as equal are read completely on both sides, and their headers are compared.

The comparison drew the keys (passes/digests.py). Results are stored beside its lists, so the next call continues a long
sample. Each call writes its own object, so that two simultaneous calls do not lose each other's results:

oms_source_record/differences/{project}-compare/{task}/{pass}/sample/{hex}.json

Headers are compared for the drawn objects, and for an object of each first-level folder. OMS's FAQ on metadata:
Content-Type is copied always; other headers only if the task migrates metadata, and then values of Chinese and English
letters, digits and hyphens.
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
from oss_oms_sync.passes.digests import MAX_DRAWN_BYTES, SampleDraw
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore

# Seconds after the last byte, for storing the results and for the certificate.
_WRITING_SECONDS = 30.0
_COPIED_VALUE = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")


def empty_sample(asked: int) -> SampleResult:
    """Return the result without drawn objects."""
    return _result(asked, SampleDraw(), _ReadResults(), "")


def take_sample(
    invocation: Invocation, destination: ObsBucket, comparison: PassState, asked: int, *, is_frozen: bool
) -> SampleResult:
    """Read the first `asked` keys drawn by a comparison, within the available time.

    With `asked` 0, the result only has the reads of earlier calls.

    Raises StorageError if the log bucket cannot be read, or does not store the results.
    """
    folder = f"{PassStore(invocation, 'compare').differences}{comparison.of.name}/sample/"
    drawn, began = comparison.tally.drawn, None if is_frozen else parse_time(comparison.started)
    read, reading = _ReadResults.load(invocation, folder), _SampleReader(invocation, destination, began)
    back_to_source = JobState(invocation).back_to_source(destination.name)
    problem = BACK_TO_SOURCE if back_to_source and back_to_source.rules else ""
    # Other keys replace unreadable keys.
    while not problem and (left := [key for key in read.taken(drawn, asked) if key not in read.outcomes]):
        now, problem = reading.go_on(left, may_read=bool(set(read.outcomes.values()) - {None}))
        if now.outcomes:
            now.store(invocation, folder)
        read = read.merged(now)
    return _result(asked, drawn, read, problem)


def _result(asked: int, drawn: SampleDraw, read: _ReadResults, problem: str) -> SampleResult:
    """Return the result of `read` for the first `asked` keys of `drawn`.

    `differing` has the keys of all calls for this comparison, including keys beyond the `asked`: a smaller sample, or
    none, does not make differing objects equal.
    """
    keys = read.taken(drawn, asked)
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
        largest=MAX_DRAWN_BYTES,
        differing=differing,
        unread=[key for key in keys if key not in read.outcomes],
        unreadable=[key for key in drawn.keys if read.outcomes.get(key, True) is None],
        problem=problem,
    )


def _problem(error: StorageError) -> str:
    """Return the code of a cloud's error, without the cloud's text, because a certificate has none."""
    return error.code or "NoAnswer"


@dataclass
class _ReadResults:
    """Results of reading: equality of each key, None if it cannot be read; and bytes read of each side."""

    outcomes: dict[str, bool | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, invocation: Invocation, folder: str) -> _ReadResults:
        """Load all results in a folder.

        Raises StorageError.
        """
        read, bucket = cls(), invocation.log_bucket
        for stored in bucket.get_all([listed.name for listed in bucket.iter_folder(folder)]):
            match jsontext.load(stored.body) if stored else None:
                case {"outcomes": dict(outcomes), "sizes": dict(sizes)}:
                    read = read.merged(cls(outcomes, sizes))
        return read

    def store(self, invocation: Invocation, folder: str) -> None:
        """Store the results in a folder, under a unique name.

        Raises StorageError.
        """
        invocation.log_bucket.put(StoredObject.of_json(f"{folder}{uuid.uuid4().hex}.json", asdict(self)))

    def merged(self, other: _ReadResults) -> _ReadResults:
        """Return the union of both results; a key that differs in either differs."""
        outcomes = [outcome for read in (self, other) for outcome in read.outcomes.items()]
        differing = {key: False for key, is_equal in outcomes if is_equal is False}
        return _ReadResults({**self.outcomes, **other.outcomes, **differing}, {**self.sizes, **other.sizes})

    def taken(self, drawn: SampleDraw, asked: int) -> list[str]:
        """Return the first drawn keys that are not marked unreadable."""
        return list(islice((key for key in drawn.keys if self.outcomes.get(key, True) is not None), asked))


class _SampleReader:
    """Reader of objects on both sides."""

    def __init__(self, invocation: Invocation, destination: ObsBucket, live_since: datetime | None) -> None:
        self._source = invocation.source_bucket
        self._destination = destination
        # None if objects must not change.
        self._live_since = live_since
        self._enough = invocation.deadline.earlier_by(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))

    def go_on(self, keys: Sequence[str], *, may_read: bool) -> tuple[_ReadResults, str]:
        """Read objects; return the results, and the reason for an early end, or an empty text.

        Without `may_read`, a permission missing for one object counts as missing for all.
        """
        read = _ReadResults()
        try:
            sides = zip(self._source.find_all(keys), self._destination.find_all(keys), strict=True)
            for key, (source, there) in zip(keys, sides, strict=True):
                try:
                    is_equal = self._compare(source, there)
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
            return read, _problem(error)
        return read, ""

    def _compare(self, source: ObjectSummary | None, there: ObjectSummary | None) -> bool | None:
        """Return True if both sides have the same contents; None if the time is up.

        Raises StorageError.
        """
        # A too large object was written after the draw.
        if source is None or there is None or source.size != there.size or source.size > MAX_DRAWN_BYTES:
            return False
        digests = set[bytes]()
        try:
            for contents in (self._source.iter_contents(source), self._destination.iter_contents(there)):
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
        """Return True if the source's object was deleted or written since the draw.

        Without a freeze, applications still write.

        Raises StorageError.
        """
        if self._live_since is None:
            return False
        (now,) = self._source.find_all([key])
        return now is None or now.modified >= self._live_since.timestamp() - CLOCKS_SECONDS


def compare_headers(
    invocation: Invocation, destination: ObsBucket, migrated: bool | None, sample: SampleResult, drawn: SampleDraw
) -> Headers:
    """Compare the headers of the sample. Each certificate queries them again: storing them would cost as much.

    A task with unknown settings may not migrate headers.
    """
    if not sample.asked or sample.unread:
        return Headers(migrated)
    firsts = drawn.firsts_beside(sample.keys)
    gone: list[str] = []
    # Keys of lost headers, by the explanation of the loss in OMS's documents (True), and by the header's name.
    lost: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    keys = [*sample.keys, *firsts]
    try:
        # With a back-to-source rule, a HEAD request for a missing object creates it.
        listed = invocation.source_bucket.find_all(keys), destination.find_all(keys)
    except StorageError as error:
        return Headers(migrated, problem=_problem(error))
    gone += [key for key, *sides in zip(keys, *listed, strict=True) if None in sides]
    keys_there = [key for key in keys if key not in gone]
    answers = invocation.source_bucket.try_head_all(keys_there), destination.try_head_all(keys_there)
    for key, source, there in zip(keys_there, *answers, strict=True):
        for answer in (source, there):
            if isinstance(answer, StorageError) and answer.code != "NoSuchKey":
                return Headers(migrated, problem=_problem(answer))
        if isinstance(source, StorageError) or not isinstance(there, ObjectHead):
            gone.append(key)
            continue
        for name in differing_headers(source.metadata, there.metadata):
            is_carried = name == "content-type" or (migrated and _COPIED_VALUE.fullmatch(source.metadata.get(name, "")))
            is_documented = name not in there.metadata and not is_carried
            lost[is_documented].setdefault(name, []).append(key)
    more = [key for key in firsts if key not in gone]
    documented, unexpected = (
        {name: LostHeader(len(of), of[:MAX_KEYS]) for name, of in lost[kind].items()} for kind in (True, False)
    )
    return Headers(migrated, len(keys) - len(gone) - len(more), more, gone, documented, unexpected)
