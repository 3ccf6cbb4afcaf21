"""Resends every key in `failed_object/`, and never loses one that fails again in the meantime.

The timer's runs first read OMS's lists of what it failed to copy, which gives failed records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync import events, options
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.step import Stop, Stopped
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import EventError, PayloadError, log
from oss_oms_sync.events import ObjectChange, is_text
from oss_oms_sync.jobs.replay.resending import Replay, ReplayOptions
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.settings import Settings

_STATE = "turn"


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Make one run, as `event` asks: a timer event, Options in a manual call, or an `onFailure` envelope of `forward`;
    return a ReplayAnswer as JSON.

    Raises PayloadError, EventError if an envelope is partly unreadable (the rest is sent first), and StorageError if
    the log bucket does not let it work: every key is then where it was, or in a run file.
    """
    JobState(invocation).note_timer("replay", event)
    by_timer = events.is_timer_event(event)
    if by_timer:
        Closing(invocation).establish()
    # Whoever calls by hand, or for a cutover, does so to have everything sent.
    this = Replay(invocation, lets_rest=by_timer)
    problems = _dispatch(event, this, invocation)
    answer: dict[str, object] = to_json(this.answer())
    log.info(answer)
    if problems:
        raise EventError(problems)
    return answer


def _dispatch(event: bytes | str, replay: Replay, invocation: Invocation) -> Sequence[str]:
    """Send what `event` asks for; return what could not be read of it."""
    if events.is_failure_envelope(event):
        parsed = events.parse(event, invocation.settings)
        replay.send_named(parsed.changes, only_copies=True)
        return parsed.problems
    asked = options.parse(event, ReplayOptions)
    if asked.keys is not None:
        if asked != ReplayOptions(keys=asked.keys):
            raise PayloadError("The payload asks for keys and for something else: keys are sent as they are")
        replay.send_named(_changes_of(asked.keys, invocation.settings), only_copies=False)
    elif events.is_timer_event(event) and asked == ReplayOptions():
        _work_for_the_timer(replay, invocation)
    else:
        replay.send_records(asked)
    return ()


def _work_for_the_timer(replay: Replay, invocation: Invocation) -> None:
    """Do what the timer is for, unless an earlier run is still at it: record failed copies, and send all records.

    Raises StorageError before anything is lost.
    """
    # Here, because no other call needs it, nor the client of OBS.
    from oss_oms_sync.jobs.replay.failed_copies import FailedCopies

    if not take_turn(invocation):
        replay.sender.stopped = Stopped(Stop.BUSY, "an earlier run is still sending")
        return
    try:
        replay.copies = FailedCopies(invocation).record()
        replay.send_records(ReplayOptions())
    finally:
        give_turn_back(invocation)


def _changes_of(keys: Sequence[object], settings: Settings) -> list[ObjectChange]:
    """The keys of a manual call as changes, each once.

    Raises PayloadError.
    """
    names = [key for key in keys if isinstance(key, str) and key and is_text(key)]
    if len(names) < len(keys):
        raise PayloadError('The payload\'s keys are no list of object keys such as ["a/b.txt"]')
    outside = [key for key in names if not settings.key_filter.matches(key)]
    if outside:
        raise PayloadError(f"{outside[0]!r} is outside OBJECT_PREFIX and OBJECT_SUFFIX, so it is never sent")
    return [ObjectChange(key) for key in dict.fromkeys(names)]


@dataclass(frozen=True)
class _Busy:
    """What says that a run is at work: `until` when at the latest, or empty."""

    until: str = ""


def take_turn(invocation: Invocation) -> bool:
    """Take the turn to work for the timer, until this run's end: a run may take longer than the timer's period, and two
    send twice as fast. Return False if an earlier run still has it. Two that begin at the same moment may both take it,
    which is harmless.

    Raises StorageError.
    """
    state, now = JobState(invocation), invocation.clock.now()
    mine = _Busy(timestamp(now + timedelta(seconds=invocation.deadline.remaining())))
    if (state.recall(_Busy, _STATE) or _Busy()).until > timestamp(now):
        return False
    state.store(_STATE, to_json(mine))
    return True


def give_turn_back(invocation: Invocation) -> None:
    """Let the next tick send."""
    # Otherwise it waits until this run would have been over.
    JobState(invocation).try_store(_STATE, to_json(_Busy()))
