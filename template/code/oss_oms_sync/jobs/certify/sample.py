"""A sample: objects that count as equal are read wholly on both sides.

Which ones was drawn when the comparison counted (passes/digests.py). What a call has read is kept beside the
comparison's lists, so a sample that takes longer than one call goes on in the next. Each call writes an object of its
own, so that two at once do not lose what the other has found:

oms_source_record/differences/{project}-compare/{task}/{pass}/sample/{hex}.json
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice

from oss_oms_sync import jsontext
from oss_oms_sync.answers.certificate import Sampled
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes.digests import LARGEST, Drawn
from oss_oms_sync.passes.scope import folder_of

# For what comes after the last byte: writing down what was read, and the certificate.
_WRITING_SECONDS = 30.0
_CHANGED = ("PreconditionFailed", "NoSuchKey")


@dataclass(frozen=True)
class Sample:
    """What reading showed. `drawn` are keys in the order in which they are taken, from a `population` of so many.

    `equal` were read wholly on both sides. `differing` were too, or they were gone on one side or changed: all that any
    call has found in this comparison, also beyond the `asked`. `bytes` is what was read of each side. `problem`: why it
    went no further before all were read. `unreadable` are those that OSS does not let be read, such as archived ones:
    they are passed over.
    """

    asked: int
    seed: str = ""
    population: int = 0
    drawn: Sequence[str] = ()
    equal: Sequence[str] = ()
    differing: Sequence[str] = ()
    bytes: int = 0
    problem: str = ""
    unreadable: Sequence[str] = ()

    @property
    def unread(self) -> list[str]:
        """Drawn, and not read yet."""
        known = {*self.equal, *self.differing}
        return [key for key in self.drawn if key not in known]

    def shown(self) -> Sampled:
        """As certificates have it."""
        return Sampled(
            asked=self.asked,
            population=self.population,
            drawn=len(self.drawn),
            read=len(self.equal) + len(self.differing),
            bytes=self.bytes,
            seed=self.seed,
            keys=self.drawn,
            largest=LARGEST,
            differing=self.differing,
            unread=self.unread,
            unreadable=self.unreadable,
        )

    @classmethod
    def take(cls, invocation: Invocation, destination: ObsBucket, pass_name: str, drawn: Drawn, asked: int) -> Sample:
        """Read the first `asked` of the keys that the comparison `pass_name` has `drawn`, as far as there is time. With
        none asked for, it only tells what earlier calls have read.

        Raises StorageError if the log bucket cannot be read, or does not take what was read.
        """
        settings = invocation.settings
        folder = f"{folder_of('differences', settings.project, 'compare', invocation.task_id)}{pass_name}/sample/"
        read, reading = _Read.load(invocation, folder), _Reading(invocation, destination)
        problem = ""
        # What turns out to be unreadable makes room for others.
        while left := [key for key in read.taken(drawn, asked) if key not in read.outcomes]:
            now, problem = reading.go_on(left, may_read=bool(set(read.outcomes.values()) - {None}))
            if now.outcomes:
                now.store(invocation, folder)
            read = read.merged(now)
            if problem:
                break
        keys = read.taken(drawn, asked)
        equal = [key for key in keys if read.outcomes.get(key) is True]
        # Whoever asks for fewer, or for none, does not make what differed equal.
        differing = [key for key, is_equal in read.outcomes.items() if is_equal is False]
        return cls(
            asked,
            seed=drawn.seed,
            population=drawn.population,
            drawn=keys,
            equal=equal,
            differing=differing,
            bytes=sum(read.sizes.get(key, 0) for key in (*equal, *differing)),
            problem=problem,
            unreadable=[key for key, is_equal in read.outcomes.items() if is_equal is None],
        )


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
        for one in bucket.get_all([listed.name for listed in bucket.iter_folder(folder)]):
            match jsontext.load(one.body) if one else None:
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

    def __init__(self, invocation: Invocation, destination: ObsBucket) -> None:
        self._source = invocation.source_bucket
        self._destination = destination
        left = invocation.deadline.remaining()
        self._enough = Deadline(left - min(_WRITING_SECONDS, left / 4), invocation.clock)

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
                    if not error.is_refusal or (error.code == "AccessDenied" and not may_read):
                        raise
                    read.outcomes[key] = None
                    continue
                if is_equal is None:
                    return read, "the time is up: the next call goes on"
                may_read, read.outcomes[key] = True, is_equal
                read.sizes[key] = source.size if source else 0
        except StorageError as error:
            return read, str(error)
        return read, ""

    def _compare(self, source: ObjectSummary | None, there: ObjectSummary | None) -> bool | None:
        """Whether both sides have the same contents; None if there is no time for it.

        Raises StorageError.
        """
        if source is None or there is None or source.size != there.size:
            return False
        if source.size > LARGEST:
            return False  # somebody wrote it since it was drawn
        digests = []
        for contents in (self._source.iter_contents(source), self._destination.iter_contents(there)):
            try:
                digests.append(self._digest(contents))
            except StorageError as error:
                if error.code in _CHANGED:
                    return False
                raise
            if digests[-1] is None:
                return None
        return digests[0] == digests[1]

    def _digest(self, contents: Iterable[bytes]) -> bytes | None:
        digest = hashlib.sha256()
        for part in contents:
            digest.update(part)
            if self._enough.expired():
                return None
        return digest.digest()
