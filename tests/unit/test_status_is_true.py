"""Claims of status, compared with the answers of other functions: finished copies, late changes and old run files."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.oms.copier import CopyFailure, CopyFault
from support.log_bucket import LogBucket
from support.world import DAY, HOUR, ROOT, World, payload

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
    assert "may be this version" in status["story"]
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


def test_a_write_after_the_close_raises_an_alarm_until_acknowledged(world):
    # GIVEN a closed project, in which only a key that failed before the close waits
    world.bucket.add(StoredObject(f"{ROOT}failed_object/before", b'{"reason": "THROTTLED"}'))
    world.bucket.add_mark(closed=True)
    world.start()
    assert world.invoke("status", {})["verdict"]["text"].endswith(" Recorded but not submitted: 1 object key.")

    # WHEN an application writes to the source, THEN status names it, and a closed project is still closed
    world.forward(payload("late"))
    verdict = world.invoke("status", {})["verdict"]
    assert verdict["state"] == "closed"
    assert verdict.get("alarm")
    assert "1 object changed after the close, the last at 2026-01-02T" in verdict["text"]
    assert "关闭后又有 1 个对象发生变更" in verdict["text_zh"]

    # AND after it is acknowledged, only later writes are alarms
    for options in ({"acknowledge": True}, {}):
        assert not world.invoke("status", options)["verdict"]["alarm"]
    world.advance(2)
    world.forward(payload("later"))
    assert "1 object changed after the close" in world.invoke("status", {})["verdict"]["text"]


def test_status_names_only_run_files_of_projects_that_no_longer_run(world):
    # GIVEN two other projects of the task, and a renamed project among them
    for project in ("renamed", "alive-timer-b"):
        LogBucket(world, project).add_run_file("a")
        world.bucket.add_json(f"state/replay-timer-{project}.json", {})
    world.invoke("reconcile", {})
    world.advance(DAY - 2)
    assert "renamed" not in world.invoke("status", {})["verdict"]["text"]

    # WHEN no timer has called the renamed project for over a day
    world.bucket.add_json("state/replay-timer-alive-timer-b.json", {})
    world.advance(10)

    # THEN nothing is in step, and its files are named
    verdict = world.invoke("status", {})["verdict"]
    assert verdict["state"] == "behind"
    assert f"renamed ({ROOT}replay/renamed/: 1)" in verdict["text"]
    assert "alive" not in verdict["text"]
