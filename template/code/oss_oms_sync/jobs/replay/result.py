"""What replay answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from oss_oms_sync.stop import Stopped, stop_json


@dataclass(frozen=True)
class ReplayResult:
    """What a run did. `by_reason` covers what failed again, `oldest_failure` also what is left; in a dry run, both
    cover what waits. `stopped` says why the run ended early; None if it did not.

    `resolved`: keys of which there is nothing to send any more. `copies`: what was read in OMS's lists, None if this
    was no run to do so."""

    taken: int
    accepted: int
    failed: int
    resolved: int
    left: int
    oldest_failure: str | None
    by_reason: dict[str, int]
    finished: bool
    stopped: Stopped | None
    copies: dict[str, object] | None = None

    def to_json(self) -> dict[str, object]:
        """As the caller gets it, and as the log and the job's state have it."""
        return {**asdict(self), **stop_json(self.stopped)}
