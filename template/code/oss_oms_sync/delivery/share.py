"""How large a share of its events an instance of forward submits itself while OMS throttles; replay sends the rest.

A call of forward's mostly carries one key, and one of replay's ten. Beyond the rate of calls that OMS admits, every call
that forward leaves to replay lets more keys through. No instance knows of the others, so each finds its share as TCP
finds its rate: it halves at each throttled call, and grows back evenly over time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.reasons import Failure, Reason

# How long a share takes from nothing to all.
RECOVERY_SECONDS = 60.0
# An instance always tries some of its events, or it would not see how OMS answers.
LEAST = 1 / 64

_REMEMBERED_AS = "forward's share"
_LEFT_TO_REPLAY = Failure(
    Reason.THROTTLED, message="not sent: OMS throttled calls a moment ago, so this key is left to replay's batches"
)


@dataclass(frozen=True)
class _Throttled:
    """What was left of the share after the last throttled call, and when that was (on the monotonic clock)."""

    share: float
    at: float


class Share:
    """The share of this instance, as of now. It is whole until OMS throttles, and a minute after that at the latest."""

    def __init__(self, invocation: Invocation) -> None:
        self._remembered = invocation.oss.remembered
        self._clock = invocation.clock

    @property
    def size(self) -> float:
        """Between LEAST and 1."""
        last = self._remembered.get(_REMEMBERED_AS)
        if not isinstance(last, _Throttled):
            return 1.0
        return min(1.0, last.share + (self._clock.monotonic() - last.at) / RECOVERY_SECONDS)

    def refusal(self) -> Failure | None:
        """Why this event is left to replay; None if it is to be submitted."""
        return None if random.random() < self.size else _LEFT_TO_REPLAY

    def shrink(self, throttled: int) -> None:
        """Note that OMS throttled so many calls."""
        if throttled:
            left = max(LEAST, self.size / 2**throttled)
            self._remembered[_REMEMBERED_AS] = _Throttled(left, self._clock.monotonic())
