"""Claims of status, compared with the answers of other functions: failed copies behind objects of equal size."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.oms.copier import CopyFailure, CopyFault
from support.world import HOUR, World, payload

# The ETag of an object in parts: only the contents distinguish such an object from another version of equal size.
ETAG = "0123456789ABCDEF0123456789ABCDEF-2"


@pytest.fixture
def world() -> World:
    """Return a world with a project that is set up, and whose timers run."""
    world = World()
    world.bucket.add_installation()
    for job in ("reconcile", "replay", "status"):
        world.tick(job)
    return world


def fail_behind_a_late_copy(world: World) -> None:
    """Let the copy of an object's second version fail before the copy of the first version of equal size arrives."""
    world.source.add(StoredObject("a", b"one"))
    world.task.copy_faults.then(CopyFault.withheld())
    world.forward(payload("a"))
    (first,) = world.task.withheld_copies
    world.task.begin(first)
    world.advance(60)
    world.source.add(StoredObject("a", b"two", {"etag": ETAG}))
    world.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"))
    world.forward(payload("a", etag=ETAG))
    world.advance(60)
    world.task.end(first)


def test_status_reports_a_failed_copy_if_obs_has_an_object_of_equal_size(world):
    fail_behind_a_late_copy(world)
    for _ in range(2):
        world.tick("replay")
        world.advance(60)
    status = world.invoke("status", {"key": "a"})
    assert "failed to copy it: UPLOAD_DST_OBJ_FAILURE" in status["story"]
    assert "Replay resends the object" in status["next"]

    # AND after another acceptance, it is unknown whether OMS copied or skipped the object
    world.task.failures.clear()
    world.advance(HOUR)
    world.tick("replay")
    world.advance(1)
    assert world.task.skip_object == 1
    status = world.invoke("status", {"key": "a"})
    assert "may be the current version" in status["story"]
    assert "compare --deep" in status["next"]


def test_status_resolves_no_failed_copy_by_a_comparison_without_a_proof(world):
    # GIVEN a failure that no list names, and a comparison that sees the object's size in OBS
    world.task.lists.is_withheld = True
    fail_behind_a_late_copy(world)
    world.advance(3 * HOUR)
    for job in ("reconcile", "compare"):
        assert world.invoke(job, {})["finished"]

    # WHEN status reports, THEN the verdict is not in step
    report = world.invoke("status", {})
    assert report["compare"]["last"]["classes"]["equal_version"]["source"]["objects"] == 1
    assert report["verdict"]["state"] == "behind"
    assert report["copying"]["failed"] == 1
