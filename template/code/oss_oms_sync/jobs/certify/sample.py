"""A sample: objects that count as equal are read wholly on both sides.

Which ones was drawn when the comparison counted (comparison/drawing.py). What was read is kept beside the comparison's
lists, so a sample that takes longer than one call goes on in the next:

oms_source_record/differences/{project}-compare/{task}/{pass}/sample.json
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from oss_oms_sync import jsontext
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.drawing import LARGEST, Drawn
from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes.names import differences_prefix
from oss_oms_sync.text import Text, objects_en

# For what comes after the last byte: writing down what was read, and the certificate.
_WRITING_SECONDS = 30.0
_CHANGED = ("PreconditionFailed", "NoSuchKey")


@dataclass(frozen=True)
class Sample:
    """What reading showed. `drawn` are keys in the order in which they are taken, from a `population` of so many.

    `equal` were read wholly on both sides. `differing` were too, or they were gone on one side or changed: all that any
    call has found in this comparison, also beyond the `asked`. `bytes` is what was read of each side. `problem`: why it
    went no further before all were read.
    """

    asked: int
    seed: str = ""
    population: int = 0
    drawn: Sequence[str] = ()
    equal: Sequence[str] = ()
    differing: Sequence[str] = ()
    bytes: int = 0
    problem: str = ""

    @property
    def unread(self) -> list[str]:
        """Drawn, and not read yet."""
        known = {*self.equal, *self.differing}
        return [key for key in self.drawn if key not in known]

    @property
    def bound(self) -> Text | None:
        """What it shows if nothing differs; None if nothing was read, or something differs. With n objects read and
        none differing, a share of 3/n or more would have shown with a probability of 95 %."""
        if not self.equal or self.differing:
            return None
        if len(self.equal) == self.population:
            return Text(
                f"All that count as equal were read ({objects_en(self.population)} of up to 1 GiB): none differs",
                f"不超过 1 GiB 的 {self.population} 个对象已全部读取：没有差异",
            )
        # In thousandths, rounded up: no float stands in a certificate.
        share = min(1000, -(-3000 // len(self.equal)))
        percent = f"{share // 10}.{share % 10} %"
        return Text(
            f"With 95 % confidence, fewer than {percent} of the {self.population} objects of up to 1 GiB that count as"
            " equal differ",
            f"以 95 % 的置信度，在 {self.population} 个视为一致且不超过 1 GiB 的对象中，有差异的少于 {percent}",
        )

    @classmethod
    def take(cls, invocation: Invocation, destination: ObsBucket, pass_name: str, drawn: Drawn, asked: int) -> Sample:
        """Read the first `asked` of the keys that the comparison `pass_name` has `drawn`, as far as there is time. With
        none asked for, it only tells what earlier calls have read.

        Raises StorageError if the log bucket cannot be read, or does not take what was read.
        """
        settings = invocation.settings
        kept = f"{differences_prefix(settings.project, 'compare', invocation.task_id)}{pass_name}/sample.json"
        keys = list(islice(drawn.keys, asked))
        reading = _Reading(invocation, destination, _Read.load(invocation, kept))
        read, problem = reading.read, ""
        if asked:
            problem = reading.go_on(keys)
            read.store(invocation, kept)
        equal = [key for key in keys if read.outcomes.get(key) is True]
        # Whoever asks for fewer, or for none, does not make what differed equal.
        differing = [key for key, is_equal in read.outcomes.items() if not is_equal]
        return cls(
            asked,
            drawn.seed,
            drawn.population,
            keys,
            equal,
            differing,
            sum(read.sizes.get(key, 0) for key in (*equal, *differing)),
            problem,
        )


@dataclass
class _Read:
    """What was read so far: whether each key was equal, and how many bytes of each side that took."""

    outcomes: dict[str, bool] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, invocation: Invocation, name: str) -> _Read:
        match jsontext.load(invocation.log_bucket.get(name) or b"{}"):
            case {"outcomes": dict(outcomes), "sizes": dict(sizes)}:
                return cls(
                    {key: value for key, value in outcomes.items() if isinstance(value, bool)},
                    {key: value for key, value in sizes.items() if isinstance(value, int)},
                )
        return cls()

    def store(self, invocation: Invocation, name: str) -> None:
        value = {"outcomes": self.outcomes, "sizes": self.sizes}
        invocation.log_bucket.put(StoredObject.of_json(name, value))


class _Reading:
    """Reads objects on both sides, and notes in `read` what that showed."""

    def __init__(self, invocation: Invocation, destination: ObsBucket, read: _Read) -> None:
        self._source = invocation.source_bucket
        self._destination = destination
        self.read = read
        left = invocation.deadline.remaining()
        self._enough = Deadline(left - min(_WRITING_SECONDS, left / 4), invocation.clock)

    def go_on(self, keys: Sequence[str]) -> str:
        """Read those of `keys` that were not read yet. Return why it went no further, or nothing."""
        left = [key for key in keys if key not in self.read.outcomes]
        try:
            sides = zip(self._source.find_all(left), self._destination.find_all(left), strict=True)
            for key, (source, there) in zip(left, sides, strict=True):
                is_equal = self._compare(source, there)
                if is_equal is None:
                    return "the time is up: the next call goes on"
                self.read.outcomes[key] = is_equal
                self.read.sizes[key] = source.size if source else 0
        except StorageError as error:
            return str(error)
        return ""

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
