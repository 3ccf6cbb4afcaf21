"""Replay as a deployed function, called by its timer, by hand, and with events that forward could not process."""

from __future__ import annotations

from sandbox import Sandbox
from sandbox.oms.copier import CopyFailure
from sandbox.server.faults import Fault
from support.uploads import PATIENCE, records, upload
from support.world import NO_RIGHT, payload


def states(box: Sandbox) -> dict[str, int]:
    """Return the numbers of success records, failed records and run files in the log bucket, by name."""
    return {folder: len(records(box, f"{folder}/")) for folder in ("success_object", "failed_object", "replay")}


def test_replay_submits_the_keys_of_an_event_that_forward_gave_up(box, deploy):
    # GIVEN a log bucket and an OMS that fail as often as Function Compute tries
    deploy(max_retries=1)
    box.oms.faults.add(Fault.status(404), times=2)
    box.oss.faults.add(NO_RIGHT, times=2, where=lambda request: request.method == "PUT")

    # WHEN an event comes
    box.fc.submit("forward", payload("a"))
    box.wait_idle(PATIENCE)

    # THEN forward raised twice, and replay, handed the event as onFailure's destination, sent it
    assert [(invocation.function, invocation.outcome) for invocation in box.fc.invocations] == [
        ("forward", "raised"),
        ("forward", "raised"),
        ("replay", "returned"),
    ]
    assert box.oms.accepted == {"a": 1}
    assert states(box) == {"success_object": 1, "failed_object": 0, "replay": 0}


NO = CopyFailure("UPLOAD_DST_OBJ_FAILURE", "timed out, or so")


def tick(box: Sandbox) -> dict:
    answer = box.tick("replay").value
    box.wait_idle(PATIENCE)
    return answer


def test_replay_by_the_timer_brings_a_failed_copy_to_obs(deployed):
    # GIVEN objects that OMS accepts and fails to copy, once each
    keys = ["a,b", "山/照片 1.jpg", "100%+", "最" * 341]
    deployed.tick("replay")
    deployed.task.failures.add(NO, times=len(keys))
    upload(deployed, *keys)
    assert deployed.task.destination.keys() == set()

    # WHEN replay's timer strikes
    answer = tick(deployed)

    # THEN they are sent again, and arrive
    assert answer["copies"]["recorded"] == len(keys)
    assert answer["copies"]["unread"] == 0
    assert answer["copies"]["stopped"] is None
    assert deployed.task.destination.keys() == set(keys)
    assert records(deployed, "failed_object") == {}, "nor of the long key"

    # AND a listing shows that it was not the first time
    assert records(deployed, "success_object/")["a,b"].endswith(b" again")
    assert tick(deployed)["copies"]["lists"] == 0
