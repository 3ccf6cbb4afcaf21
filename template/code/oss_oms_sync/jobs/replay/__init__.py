"""The job that resends every key in `failed_object/` without losing a newer failure.

The timer's runs first read OMS's lists of failed copies, and write failed records for the objects in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync import events, options
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.finding import Stop, Stopped
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import EventError, PayloadError, log
from oss_oms_sync.events import ObjectChange, is_text
from oss_oms_sync.jobs.replay.resending import Replay, ReplayOptions
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.settings import Settings

_LEASE_NAME = "turn"


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Make a run for `event`, and return a ReplayAnswer as JSON.

    The event is a timer event, ReplayOptions in a manual call, or an `onFailure` envelope, in which Function Compute
    returns an event that `forward` could not process.

    Raises PayloadError, EventError if an envelope is partly unreadable (its other keys are submitted first), and
    StorageError if the log bucket cannot be used. Every key then keeps its record, or is in a run file.
    """
    JobState(invocation).record_timer("replay", event)
    by_timer = events.is_timer_event(event)
    if by_timer:
        ProjectState(invocation).ensure_mark()
    # Manual calls, and a cutover's, submit all keys.
    replay_run = Replay(invocation, skips_resting=by_timer)
    problems = _submit_selected(event, replay_run, invocation)
    answer: dict[str, object] = to_json(replay_run.answer())
    log.info(answer)
    if problems:
        raise EventError(problems)
    return answer


def _submit_selected(event: bytes | str, replay: Replay, invocation: Invocation) -> Sequence[str]:
    """Submit the keys that `event` selects; return the problems of its unreadable parts."""
    if events.is_failure_envelope(event):
        parsed = events.parse(event, invocation.settings)
        replay.send_named(parsed.changes, only_copies=True)
        return parsed.problems
    payload = options.parse(event, ReplayOptions)
    if payload.keys is not None:
        if payload != ReplayOptions(keys=payload.keys):
            raise PayloadError("The payload asks for keys and for something else: keys are sent as they are")
        replay.send_named(_parse_keys(payload.keys, invocation.settings), only_copies=False)
    elif events.is_timer_event(event) and payload == ReplayOptions():
        _do_timer_work(replay, invocation)
    else:
        replay.send_records(payload)
    return ()


def _do_timer_work(replay: Replay, invocation: Invocation) -> None:
    """Record failed copies and resend all records, unless an earlier run still does so.

    Raises StorageError before any key is lost.
    """
    # Imported here, because no other call needs this module or the client of OBS.
    from oss_oms_sync.jobs.replay.failed_copies import FailedCopies

    if not take_lease(invocation):
        replay.sender.stopped = Stopped(Stop.BUSY, "an earlier run is still sending")
        return
    try:
        replay.copies = FailedCopies(invocation).record()
        replay.send_records(ReplayOptions())
    finally:
        release_lease(invocation)


def _parse_keys(keys: Sequence[object], settings: Settings) -> list[ObjectChange]:
    """Return the keys of a manual call as changes, without repetitions.

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
class _ReplayLease:
    """The lease of a running replay: it ends at the time `until`, which is empty if no run is active."""

    until: str = ""


def take_lease(invocation: Invocation) -> bool:
    """Take the lease for the timer's work until the end of this run; return False if an earlier run has it.

    A run may last longer than the timer's period, and two runs would submit at twice the rate. Two runs that start at
    the same time may both take the lease, which is harmless.

    Raises StorageError.
    """
    state, now = JobState(invocation), invocation.clock.now()
    new_lease = _ReplayLease(timestamp(now + timedelta(seconds=invocation.deadline.remaining())))
    if (state.load_as(_ReplayLease, _LEASE_NAME) or _ReplayLease()).until > timestamp(now):
        return False
    state.store(_LEASE_NAME, to_json(new_lease))
    return True


def release_lease(invocation: Invocation) -> None:
    """End the lease, so that the next timer event resends."""
    # Otherwise the next timer event would do nothing until the planned end of this run.
    JobState(invocation).try_store(_LEASE_NAME, to_json(_ReplayLease()))
