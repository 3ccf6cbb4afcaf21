"""The job that resends every key in `failed_object/` without losing a newer failure.

A failed record is an object in this folder of the log bucket, with a key that OMS did not accept or did not copy. A run
file has the keys that a run of replay has taken from their records. The timer's runs first write failed records for the
objects in OMS's lists of failed copies.
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
    """Resend the keys that `event` selects, and return a ReplayAnswer as JSON.

    The event is a timer event, a manual call with ReplayOptions, or an `onFailure` envelope, in which Function Compute
    returns an event that `forward` could not process.

    Raises PayloadError; EventError after the submission if an envelope is partly unreadable; and StorageError if the
    log bucket cannot be used. No key is lost then.
    """
    JobState(invocation).record_timer("replay", event)
    is_timer_run = events.is_timer_event(event)
    if is_timer_run:
        ProjectState(invocation).ensure_mark()
    # Manual calls, and a cutover's, submit all keys.
    replay_run = Replay(invocation, skips_resting=is_timer_run)
    problems = _submit_selected_keys(event, replay_run, invocation)
    answer: dict[str, object] = to_json(replay_run.build_answer())
    log.info(answer)
    if problems:
        raise EventError(problems)
    return answer


def _submit_selected_keys(event: bytes | str, replay: Replay, invocation: Invocation) -> Sequence[str]:
    if events.is_failure_envelope(event):
        parsed_event = events.parse(event, invocation.settings)
        replay.send_changes(parsed_event.changes, only_copies=True)
        return parsed_event.problems
    payload = options.parse(event, ReplayOptions)
    if payload.keys is not None:
        if payload != ReplayOptions(keys=payload.keys):
            raise PayloadError(
                "The payload asks for keys and for something else: with keys, no other option is possible"
            )
        replay.send_changes(_parse_keys(payload.keys, invocation.settings), only_copies=False)
    elif events.is_timer_event(event) and payload == ReplayOptions():
        _do_timer_work(replay, invocation)
    else:
        replay.send_records(payload)
    return ()


def _do_timer_work(replay: Replay, invocation: Invocation) -> None:
    """Record failed copies and resend the keys of all records, unless an earlier run is still doing so.

    Raises StorageError; no key is lost then.
    """
    # This import is local because no other call needs this module or the client of OBS.
    from oss_oms_sync.jobs.replay.failed_copies import FailedCopies

    if not take_lease(invocation):
        replay.sender.stopped = Stopped(Stop.BUSY, "an earlier run is still resending")
        return
    try:
        replay.copy_counts = FailedCopies(invocation).write_records()
        replay.send_records(ReplayOptions())
    finally:
        release_lease(invocation)


def _parse_keys(keys: Sequence[object], settings: Settings) -> list[ObjectChange]:
    valid_keys = [key for key in keys if isinstance(key, str) and key and is_text(key)]
    if len(valid_keys) < len(keys):
        raise PayloadError('The payload\'s keys are not a list of object keys such as ["a/b.txt"]')
    outside_keys = [key for key in valid_keys if not settings.key_filter.matches(key)]
    if outside_keys:
        raise PayloadError(f"{outside_keys[0]!r} is outside OBJECT_PREFIX and OBJECT_SUFFIX, so no job submits it")
    return [ObjectChange(key) for key in dict.fromkeys(valid_keys)]


@dataclass(frozen=True)
class _ReplayLease:
    """The lease of a running replay until the time `until`, which is empty while no run has the lease."""

    until: str = ""


def take_lease(invocation: Invocation) -> bool:
    """Take the lease for the timer's work until the end of this run; return False if an earlier run has it.

    Two runs of the timer would submit at twice the rate. Runs that start at the same time may both take the lease,
    which is harmless. Raises StorageError.
    """
    state, now = JobState(invocation), invocation.clock.now()
    new_lease = _ReplayLease(timestamp(now + timedelta(seconds=invocation.deadline.remaining())))
    if (state.load_as(_ReplayLease, _LEASE_NAME) or _ReplayLease()).until > timestamp(now):
        return False
    state.store(_LEASE_NAME, to_json(new_lease))
    return True


def release_lease(invocation: Invocation) -> None:
    """End the lease now; otherwise the next timer event would do nothing until the planned end of this run."""
    JobState(invocation).try_store(_LEASE_NAME, to_json(_ReplayLease()))
