"""One project's state in a log bucket in memory."""

from __future__ import annotations

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.runs import RunFile, RunFiles
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import Pass, Passes
from support.fake_bucket import ROOT, MemoryBucket, MemoryWorld

NONE_SUCH = StorageFailure("there is none", answered=True, code="NoSuchKey")
KEYS = [FailedKey(ObjectChange(key)) for key in "abc"]
EVERYTHING = Scope(KeyFilter(), None, everything=False)


class Remembers(MemoryWorld):
    """One project's state in a log bucket in memory."""

    def __init__(self, bucket: MemoryBucket | None = None, **environment: str) -> None:
        super().__init__(bucket, **environment)
        self.clock = self.bucket.clock

    @property
    def state(self) -> JobState:
        return JobState(self.invocation())

    @property
    def runs(self) -> RunFiles:
        return RunFiles(self.invocation())

    @property
    def passes(self) -> Passes:
        return Passes(self.invocation())

    def leftovers(self) -> list[RunFile | None]:
        return list(self.runs.leftovers())

    def begin(self, scope: Scope = EVERYTHING, *, limited: bool = False) -> Pass:
        """A pass, begun a second after whatever was before."""
        self.clock.sleep(1)
        return self.passes.new(scope, limited)

    def only(self, folder: str) -> StoredObject:
        """The one object of a folder."""
        (name,) = self.bucket.names(f"{ROOT}{folder}/")
        return self.bucket.objects[name]
