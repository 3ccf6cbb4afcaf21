"""Replay in the rendered project: woken by its timer, by hand, and by what `forward` failed with for good."""

from __future__ import annotations

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.world import payload
from tools.render import render

TIMEOUT = 60


def states(box: Sandbox) -> dict[str, int]:
    """How many records and run files there are."""
    root = f"oms_source_record/{box.task_id}/"
    names = [name.removeprefix(root) for name in box.oss.objects(box.log_bucket)]
    return {
        folder: sum(name.startswith(f"{folder}/") for name in names)
        for folder in ("success_object", "failed_object", "replay")
    }


def test_what_failed_while_oms_was_down_goes_out_when_the_timer_strikes(deployed):
    # GIVEN uploads while OMS refuses everybody
    deployed.oms.faults.add(Fault.status(401))
    bucket = deployed.bucket(deployed.source_bucket)
    keys = [f"key {number}" for number in range(25)] + ["control\x01", "return\r", "最" * 341]
    for key in keys:
        bucket.put_object(key, key.encode())
    deployed.wait_idle(TIMEOUT)
    assert deployed.oms.accepted == {}

    # WHEN it is well again and the timer strikes
    deployed.oms.faults.clear()
    report = deployed.tick("replay").value

    # THEN everything is in the destination, in calls of ten, and no failed record or run file is left
    deployed.wait_idle(TIMEOUT)
    assert (report["taken"], report["accepted"], report["finished"]) == (28, 28, True)
    assert deployed.task.destination.keys() == set(keys)
    # The long key stands in a listing of its own.
    assert [len(call.sent) for call in deployed.oms.calls] == [10, 10, 7, 1]
    assert states(deployed) == {"success_object": 27, "failed_object": 0, "replay": 0}


def test_an_event_that_function_compute_gave_up_on_reaches_replay_and_is_accepted(box, tmp_path):
    # GIVEN a log bucket and an OMS that fail as often as Function Compute tries
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path, max_retries=1)
    box.oms.faults.add(Fault.status(404), times=2)
    box.oss.faults.add(Fault.status(403), times=2, where=lambda request: request.method == "PUT")

    # WHEN an event comes
    box.fc.submit("forward", payload("a"))
    box.wait_idle(TIMEOUT)

    # THEN forward raised twice, and replay, handed the event as onFailure's destination, sent it
    assert [(one.function, one.outcome) for one in box.fc.invocations] == [
        ("forward", "raised"),
        ("forward", "raised"),
        ("replay", "returned"),
    ]
    assert box.oms.accepted == {"a": 1}
    assert states(box) == {"success_object": 1, "failed_object": 0, "replay": 0}
