"""Finds, among the keys of failed records, those that need not be sent any more."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.jobs.replay.verdict import Copy, by_both_sides
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.reasons import Reason

log = logging.getLogger(__name__)


class Resolved:
    """Looks at the objects of keys that failed more than once. What failed once is sent without a look: OMS tells.

    `destination` is None if it is not known; then only the source is looked at.
    """

    def __init__(self, invocation: Invocation, destination: ObsBucket | None = None) -> None:
        self._invocation = invocation
        self._destination = destination
        self._can_look = bool(invocation.settings.source_bucket)

    def among(self, keys: Sequence[FailedKey]) -> set[str]:
        """The keys of which there is nothing to send: their object is gone at the source, or, if OMS failed to copy it
        before, in OBS as well, or overwritten there. Their failed records have to be deleted before this is called: a
        failure that is recorded later survives, and one that was recorded earlier has its object looked at here.

        An object that cannot be looked at is sent.

        Raises StorageError if it cannot be noted that OBS has other contents: then their failures are not forgotten.
        """
        asked = [one for one in keys if one.failed_again]
        if not asked or not self._can_look:
            return set()
        found = self._invocation.source_bucket.try_find_all([one.key for one in asked])
        failures = [one for one in found if isinstance(one, StorageFailure)]
        if failures:
            self._can_look = any(failure.code != "AccessDenied" for failure in failures)
            log.info({"not_looked_at": len(failures), "problem": failures[0].message})
        resolved = {one.key for one, source in zip(asked, found, strict=True) if source is None}
        sources = {
            one.key: source for one, source in zip(asked, found, strict=True) if isinstance(source, ObjectSummary)
        }
        return resolved | self._copied(
            {one.key: sources[one.key] for one in asked if _is_copy(one) and one.key in sources}
        )

    def _copied(self, sources: dict[str, ObjectSummary]) -> set[str]:
        if not sources or self._destination is None:
            return set()
        found = zip(sources.items(), self._destination.try_find_all(list(sources)), strict=True)
        copies = {
            key: by_both_sides(source, there) for (key, source), there in found if not isinstance(there, StorageFailure)
        }
        if Copy.NEWER_THERE in copies.values():
            JobState(self._invocation).note_newer_there()
        return {key for key, copy in copies.items() if copy is not Copy.DUE}


def _is_copy(key: FailedKey) -> bool:
    return key.reason == Reason.COPY_FAILED.name
