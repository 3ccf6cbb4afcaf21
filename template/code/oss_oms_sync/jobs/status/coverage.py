"""What reconcile has looked at: only that can be called in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from oss_oms_sync.clock import timestamp
from oss_oms_sync.passes.progress import Progress
from oss_oms_sync.passes.states import PassState, last_ended, open_passes
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING
from oss_oms_sync.settings import Settings


@dataclass(frozen=True)
class Coverage:
    """What reconcile has looked at. `last`: the last pass of its usual scope that ended. `recent`: the same, or None if
    the next one is long overdue: then it is not known whether events were lost. `since`: objects written before were
    not looked at. `open`: the progress of each pass that is not at its end."""

    last: PassState | None
    recent: PassState | None
    since: datetime
    open: Sequence[tuple[PassState, Progress]]

    @classmethod
    def of(cls, passes: Sequence[PassState], settings: Settings, installed: datetime, now: datetime) -> Coverage:
        """The coverage of all stored `passes`."""
        usual = (each for each in passes if _is_usual(each, settings))
        last = max(usual, key=lambda each: each.started, default=None)
        # A backfill looked at older objects, which have not changed since.
        whole = [each for each in passes if each.ended and each.scope.key_filter.prefix == settings.key_filter.prefix]
        return cls(
            last=last,
            recent=None if last is None or last.is_late(settings.reconcile_period, now) else last,
            since=min((each.scope.begin(installed) for each in whole), default=installed),
            open=[(each, Progress.of(each, last_ended(passes, each.scope), now)) for each in open_passes(passes)],
        )

    def to_json(self) -> dict[str, object]:
        under_way = [{**_pass_json(each), **asdict(progress)} for each, progress in self.open]
        return {"last": _pass_json(self.last) if self.last else None, "open": under_way}


def _is_usual(each: PassState, settings: Settings) -> bool:
    """Whether a pass has ended and has a timer's scope: only those show whether events arrive."""
    scope = each.scope
    is_usual = scope.key_filter.prefix == settings.key_filter.prefix and scope.since is None and not scope.everything
    return bool(each.ended) and is_usual


def _pass_json(each: PassState) -> dict[str, object]:
    return {
        "prefix": each.scope.key_filter.prefix,
        "since": timestamp(each.scope.since) if each.scope.since else None,
        "all": each.scope.everything,
        "started": each.started,
        "ended": each.ended or None,
        "pass": each.of.name,
        "ranges": {"open": each.ranges_open, "done": each.ranges_done},
        **{name: each.counts.get(name, 0) for name in (*COUNTS, NEW, NEW_MISSING)},
    }
