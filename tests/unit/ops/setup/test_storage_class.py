"""Storage classes: the plan of setup names the class in OBS, and only a new sync task can keep the source's class."""

from __future__ import annotations

import json

import pytest

from support.ops import missing_parts
from unit.ops.setup.setup_world import YES, SetupWorld, expect_exit, expect_success


def creation_request(world: SetupWorld) -> dict:
    """Return the body of the request that created the sync task."""
    (body,) = [
        json.loads(request.body)
        for request in world.sent
        if request.method == "POST" and request.url.endswith("/sync-tasks")
    ]
    return body


@pytest.mark.parametrize(
    ("words", "policy", "planned", "shown"),
    [
        (
            [],
            "STANDARD",
            ["Storage class in OBS: Standard", "python3 ops.py setup --keep-storage-class"],
            "storage class in OBS: Standard",
        ),
        (
            ["--keep-storage-class"],
            "SRC_STORAGE_MAPPING",
            ["Storage class in OBS: same as at the source", "30 days"],
            "storage class in OBS: same as at the source",
        ),
    ],
)
def test_a_sync_task_of_setup_writes_the_planned_storage_class(world, words, policy, planned, shown):
    assert missing_parts(world.setup("--plan", *words)[1], *planned) == []
    expect_success(world.setup(*words, typed=YES))
    assert world.oms.tasks[0].storage_policy == policy
    # Without the option no byte of the request differs from earlier requests.
    assert creation_request(world).get("dst_storage_policy") == (policy if words else None)
    expect_success(world.setup("--plan", *words), shown)


def test_the_plan_of_setup_keeps_a_task_with_another_storage_class(world):
    world.set_up()
    earlier_requests = len(world.sent)
    output = world.setup("--keep-storage-class")[1]
    assert missing_parts(output, "OMS cannot change a sync task", "A new task begins without records") == []
    assert {request.method for request in world.sent[earlier_requests:] if "/sync-tasks" in request.url} == {"GET"}
    expect_exit(world.setup("--keep-storage-class"), 1)
