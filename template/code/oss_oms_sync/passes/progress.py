"""How fast a pass is, how much of it is done, and how long the rest takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from oss_oms_sync.clock import parse_time
from oss_oms_sync.passes.states import PassState


@dataclass(frozen=True)
class Progress:
    """Of one pass. `share` of the objects, 0 to 1, and `minutes_left` are None where no earlier pass tells how many
    objects there are."""

    objects_per_minute: int
    share: float | None
    minutes_left: int | None

    @classmethod
    def of(cls, state: PassState, last: PassState | None, now: datetime) -> Progress:
        """The progress of a pass; `last` is the pass of its scope that ended last."""
        began, until = parse_time(state.started) or now, parse_time(state.ended) or now
        pace = 60 * state.objects / max(1.0, (until - began).total_seconds())
        if state.ended or last is None or not pace:
            return cls(round(pace), 1.0 if state.ended else None, 0 if state.ended else None)
        left = max(0, last.objects - state.objects)
        return cls(round(pace), round(state.objects / max(1, state.objects + left), 3), -(-left // max(1, round(pace))))


def progress_json(state: PassState | None, progress: Progress | None) -> dict[str, object]:
    """As answers show it: "objects" that a pass has walked past, and how fast it is; None where there is no pass."""
    names = ("objects_per_minute", "share", "minutes_left")
    known = asdict(progress) if progress else dict.fromkeys(names)
    return {"objects": state.objects if state else None, **known}
