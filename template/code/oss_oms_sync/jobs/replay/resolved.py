"""Finds, among the keys of failed records, those that are done without being sent.

There is one case only: the source has no such object, or a symbolic link in its place. Neither what is in OBS nor a
success record closes a failed record: a late copy of the version before looks newer than the version that OMS never
accepted, and a success record of equal contents may be of another write.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure
from oss_oms_sync.ledger.records import FailedKey

log = logging.getLogger(__name__)


class Resolved:
    """Looks at the objects of keys that failed more than once. What failed once is sent without a look: OMS tells."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._can_look = bool(invocation.settings.source_bucket)

    def among(self, keys: Sequence[FailedKey]) -> set[str]:
        """The keys of which there is nothing to send. Their failed records have to be deleted before this is called: a
        failure that is recorded later survives, and one that was recorded earlier has its object looked at here.

        An object that cannot be looked at is sent.
        """
        asked = [one.key for one in keys if one.failed_again]
        if not asked or not self._can_look:
            return set()
        found = self._invocation.source_bucket.try_find_all(asked)
        failures = [one for one in found if isinstance(one, StorageFailure)]
        if failures:
            self._can_look = any(failure.code != "AccessDenied" for failure in failures)
            log.info({"not_looked_at": len(failures), "problem": failures[0].message})
        looked_at = ((key, one) for key, one in zip(asked, found, strict=True) if not isinstance(one, StorageFailure))
        return {key for key, source in looked_at if nothing_to_send(source)}


def nothing_to_send(source: ObjectSummary | None) -> str:
    """Why there is nothing to send of what the source has, as answers count it; empty if there is."""
    if source is None:
        return "gone"
    return "symlinks" if source.type == "Symlink" else ""
