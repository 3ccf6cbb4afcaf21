"""One project's state in a log bucket in memory."""

from __future__ import annotations

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.runs import RunFile, RunFiles
from oss_oms_sync.ledger.state import JobState
from support.fake_bucket import ROOT, MemoryBucket, MemoryWorld

NONE_SUCH = StorageFailure("there is none", answered=True, code="NoSuchKey")
KEYS = [FailedKey(ObjectChange(key)) for key in "abc"]


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

    def leftovers(self) -> list[RunFile | None]:
        return list(self.runs.leftovers())

    def only(self, folder: str) -> StoredObject:
        """The one object of a folder."""
        (name,) = self.bucket.names(f"{ROOT}{folder}/")
        return self.bucket.objects[name]
