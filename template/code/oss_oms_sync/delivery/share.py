"""How large a share of its events an instance of `forward` submits itself while OMS throttles; replay sends the rest.

A call of forward's mostly carries one key, a call of replay's ten. So beyond the rate of calls that OMS admits, every
call that forward leaves to replay lets more keys through. No instance knows of the others, so each finds its share as
TCP finds its rate: it halves with each throttled submission, and grows evenly over time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.delivery.batches import Submission
from oss_oms_sync.reasons import Failure, Reason

# The share begins at twice the whole, so that a spike, of which an instance sees a throttled submission at most, leaves
# it whole.
_MOST = 2.0
# Some events are always tried, or an instance would not see that OMS admits calls again.
_LEAST = 1 / 64
# How long the share takes from nothing to the whole.
_RECOVERY_SECONDS = 60.0

_REMEMBERED_AS = "forward's share"
_LEFT_TO_REPLAY = Failure(Reason.THROTTLED, message="not sent: OMS throttled calls before it, so replay sends it")


@dataclass(frozen=True)
class _Throttled:
    """When OMS last throttled a submission (on the monotonic clock), and the share after that."""

    at: float
    share: float


class Share:
    """The share of this instance."""

    def __init__(self, invocation: Invocation) -> None:
        self._remembered = invocation.oss.remembered
        self._clock = invocation.clock

    @property
    def is_whole(self) -> bool:
        """Whether every event is tried; then a throttled call is worth another attempt within seconds."""
        return self._size >= 1

    def refusal(self) -> Failure | None:
        """Why this event is not to be submitted, by chance; None if it is."""
        return None if random.random() < self._size else _LEFT_TO_REPLAY

    def note(self, submission: Submission) -> None:
        """Take into account how OMS answered."""
        if submission.throttled:
            halved = _Throttled(self._clock.monotonic(), max(_LEAST, self._size / 2))
            self._remembered[_REMEMBERED_AS] = halved

    @property
    def _size(self) -> float:
        last = self._remembered.get(_REMEMBERED_AS)
        if not isinstance(last, _Throttled):
            return _MOST
        return min(_MOST, last.share + (self._clock.monotonic() - last.at) / _RECOVERY_SECONDS)
