"""A sample: objects that count as equal are read wholly on both sides, and what besides the bytes arrived is asked.

Which ones was drawn when the comparison counted (passes/digests.py). What a call has read is kept beside the
comparison's lists, so a sample that takes longer than one call goes on in the next. Each call writes an object of its
own, so that two at once do not lose what the other has found:

oms_source_record/differences/{project}-compare/{task}/{pass}/sample/{hex}.json

Headers are compared of the objects that were drawn, and of one of each first-level folder. OMS's FAQ on metadata: the
content's type is copied always; other headers only if the task migrates metadata, and then values of Chinese and
English letters, digits and hyphens.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from urllib.parse import unquote

from oss_oms_sync import jsontext
from oss_oms_sync.answers.certificate import HeaderLost, Headers, Sampled
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.bucket import CHANGED
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import NO_PERMISSION, ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.digests import LARGEST, Drawn
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import MAX_KEYS

# For what comes after the last byte: writing down what was read, and the certificate.
_WRITING_SECONDS = 30.0
BACK_TO_SOURCE = t("OBS has back-to-source rules, by which reading a missing object creates it")
OUT_OF_TIME = "the time is up: the next call goes on"
_CARRIED = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")


@dataclass(frozen=True)
class Sample(Sampled):
    """What reading showed, and the `problem` that ended it before all were read. The keys were drawn, in the order in
    which they are taken, from a `population` of so many. The `differing` were read wholly on both sides, or were gone
    on one side or changed: all that any call has found in this comparison, also beyond the `asked`. The `unreadable`
    are passed over: a cloud does not let them be read, such as archived ones, or, where nothing is frozen, the source's
    applications have changed them since."""

    problem: str | Text = ""

    @classmethod
    def of(cls, asked: int, drawn: Drawn | None = None, read: _Read | None = None, problem: str | Text = "") -> Sample:
        """What `read` shows of the first `asked` that were `drawn`; without them, nothing."""
        drawn, read = drawn or Drawn(), read or _Read()
        keys = read.taken(drawn, asked)
        # Whoever asks for fewer, or for none, does not make what differed equal.
        differing = [key for key, is_equal in read.outcomes.items() if is_equal is False]
        known = [*(key for key in keys if read.outcomes.get(key)), *differing]
        return cls(
            asked=asked,
            population=drawn.population,
            drawn=len(keys),
            read=len(known),
            bytes=sum(read.sizes.get(key, 0) for key in known),
            seed=drawn.seed,
            keys=keys,
            largest=LARGEST,
            differing=differing,
            unread=[key for key in keys if key not in read.outcomes],
            unreadable=[key for key in drawn.keys if read.outcomes.get(key, True) is None],
            problem=problem,
        )

    @classmethod
    def take(
        cls, invocation: Invocation, destination: ObsBucket, comparison: PassState, asked: int, *, is_frozen: bool
    ) -> Sample:
        """Read the first `asked` of the keys that a comparison has drawn, as far as there is time. With none asked for,
        it only tells what earlier calls have read.

        Raises StorageError if the log bucket cannot be read, or does not take what was read.
        """
        folder = f"{PassStore(invocation, 'compare').differences}{comparison.of.name}/sample/"
        drawn, began = comparison.tally.drawn, None if is_frozen else parse_time(comparison.started)
        read, reading = _Read.load(invocation, folder), _Reading(invocation, destination, began)
        back_to_source = JobState(invocation).back_to_source(destination.name)
        problem: str | Text = BACK_TO_SOURCE if back_to_source and back_to_source.rules else ""
        # What turns out to be unreadable makes room for others.
        while not problem and (left := [key for key in read.taken(drawn, asked) if key not in read.outcomes]):
            now, problem = reading.go_on(left, may_read=bool(set(read.outcomes.values()) - {None}))
            if now.outcomes:
                now.store(invocation, folder)
            read = read.merged(now)
        return cls.of(asked, drawn, read, problem)


@dataclass
class _Read:
    """What was read: whether each key was equal, None if it cannot be read; and how many bytes of each side that
    took."""

    outcomes: dict[str, bool | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, invocation: Invocation, folder: str) -> _Read:
        """All that was stored in a folder.

        Raises StorageError.
        """
        read, bucket = cls(), invocation.log_bucket
        for stored in bucket.get_all([listed.name for listed in bucket.iter_folder(folder)]):
            match jsontext.load(stored.body) if stored else None:
                case {"outcomes": dict(outcomes), "sizes": dict(sizes)}:
                    read = read.merged(cls(outcomes, sizes))
        return read

    def store(self, invocation: Invocation, folder: str) -> None:
        """Write it into a folder, under a name that nobody else gives.

        Raises StorageError.
        """
        invocation.log_bucket.put(StoredObject.of_json(f"{folder}{uuid.uuid4().hex}.json", asdict(self)))

    def merged(self, other: _Read) -> _Read:
        """What both have read; what one of them saw to differ does."""
        outcomes = [one for read in (self, other) for one in read.outcomes.items()]
        differing = {key: False for key, is_equal in outcomes if is_equal is False}
        return _Read({**self.outcomes, **other.outcomes, **differing}, {**self.sizes, **other.sizes})

    def taken(self, drawn: Drawn, asked: int) -> list[str]:
        """The first keys that were drawn and are not known to be unreadable."""
        return list(islice((key for key in drawn.keys if self.outcomes.get(key, True) is not None), asked))


class _Reading:
    """Reads objects on both sides."""

    def __init__(self, invocation: Invocation, destination: ObsBucket, live_since: datetime | None) -> None:
        self._source = invocation.source_bucket
        self._destination = destination
        # None where nothing may change.
        self._live_since = live_since
        self._enough = invocation.deadline.minus(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))

    def go_on(self, keys: Sequence[str], *, may_read: bool) -> tuple[_Read, str]:
        """Read objects. Return what that showed, and why it went no further, or nothing. Unless it `may_read` others, a
        right that is missing for one is missing for all."""
        read = _Read()
        try:
            sides = zip(self._source.find_all(keys), self._destination.find_all(keys), strict=True)
            for key, (source, there) in zip(keys, sides, strict=True):
                try:
                    is_equal = self._compare(source, there)
                except StorageError as error:
                    if not error.is_refusal or (error.code in NO_PERMISSION and not may_read):
                        raise
                    read.outcomes[key] = None
                    continue
                if is_equal is None:
                    return read, OUT_OF_TIME
                if not is_equal and self._has_changed(key):
                    read.outcomes[key] = None
                    continue
                may_read, read.outcomes[key] = True, is_equal
                read.sizes[key] = source.size if source else 0
        except StorageError as error:
            return read, str(error)
        return read, ""

    def _compare(self, source: ObjectSummary | None, there: ObjectSummary | None) -> bool | None:
        """Whether both sides have the same contents; None if there is no time for it.

        Raises StorageError.
        """
        # One that is too large was written by somebody since it was drawn.
        if source is None or there is None or source.size != there.size or source.size > LARGEST:
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
            if error.code in CHANGED:
                return False
            raise
        return len(digests) == 1

    def _has_changed(self, key: str) -> bool:
        """Whether an object was deleted or written at the source since it was drawn, as applications do that nobody has
        stopped.

        Raises StorageError.
        """
        if self._live_since is None:
            return False
        (now,) = self._source.find_all([key])
        return now is None or now.modified >= self._live_since.timestamp() - CLOCKS_SECONDS


def compare_headers(
    invocation: Invocation, destination: ObsBucket, migrated: bool | None, sample: Sample, drawn: Drawn
) -> Headers:
    """Ask for the headers of what was sampled. Each certificate asks anew: that costs no more than to remember."""
    if not sample.asked or sample.unread:
        return Headers(migrated)
    firsts = drawn.firsts_beside(sample.keys)
    gone: list[str] = []
    # By whether OMS's documents say so, and by the header's name.
    lost: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    keys = [*sample.keys, *firsts]
    try:
        # By a back-to-source rule, asking for an object that is missing creates it.
        listed = invocation.source_bucket.find_all(keys), destination.find_all(keys)
    except StorageError as error:
        return Headers(migrated, problem=str(error))
    gone += [key for key, *sides in zip(keys, *listed, strict=True) if None in sides]
    keys_there = [key for key in keys if key not in gone]
    answers = invocation.source_bucket.try_metadata_of_all(keys_there), destination.try_head_all(keys_there)
    for key, source, there in zip(keys_there, *answers, strict=True):
        for one in (source, there):
            if isinstance(one, StorageError) and one.code != "NoSuchKey":
                return Headers(migrated, problem=str(one))
        if isinstance(source, StorageError) or not isinstance(there, ObjectHead):
            gone.append(key)
            continue
        for name, is_documented in _differing(source, there.metadata, migrated=migrated):
            lost[is_documented].setdefault(name, []).append(key)
    more = [key for key in firsts if key not in gone]
    documented, unexpected = (
        {name: HeaderLost(len(of), of[:MAX_KEYS]) for name, of in lost[kind].items()} for kind in (True, False)
    )
    return Headers(migrated, len(keys) - len(gone) - len(more), more, gone, documented, unexpected)


def _differing(
    source: Mapping[str, str], there: Mapping[str, str], *, migrated: bool | None
) -> Iterator[tuple[str, bool]]:
    """Iterate over the headers that are not the same, and of each whether OMS's documents explain it, also by a task
    that may migrate none."""
    for name in sorted({*source, *there}):
        told, found = source.get(name), there.get(name)
        # The vendor's SDK of OBS writes letters beyond ASCII in percent-encoding; not so a standard header.
        is_encoded = found is not None and name.startswith("meta-") and unquote(found) == told
        if told != found and not is_encoded:
            is_carried = name == "content-type" or (migrated and _CARRIED.fullmatch(told or ""))
            yield name, name not in there and not is_carried
