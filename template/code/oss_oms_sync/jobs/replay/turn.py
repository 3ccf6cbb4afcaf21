"""Whose turn it is to work for the timer: a run may take longer than the timer's period, and two send twice as fast.

oms_source_record/{task}/state/turn.json    {"until": when the run that is at work is over at the latest, or ""}
"""

from __future__ import annotations

import logging
from datetime import timedelta

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.state import JobState

_STATE = "turn"

log = logging.getLogger(__name__)


class Turn:
    """The turn of one run. Two that begin at the same moment may both take it, which is harmless."""

    def __init__(self, invocation: Invocation) -> None:
        self._state = JobState(invocation)
        self._clock = invocation.clock
        self._lifetime = timedelta(seconds=invocation.deadline.remaining())

    def take(self) -> bool:
        """Take the turn until this run's end; return False if an earlier run still has it.

        Raises StorageError.
        """
        now = self._clock.now()
        if str(self._state.load(_STATE).get("until") or "") > timestamp(now):
            return False
        self._state.store(_STATE, {"until": timestamp(now + self._lifetime)})
        return True

    def give_back(self) -> None:
        """Let the next tick send."""
        try:
            self._state.store(_STATE, {"until": ""})
        except StorageError as error:
            # It waits until this run would have been over.
            log.error({"state": "not stored", "problem": str(error)})  # noqa: TRY400
