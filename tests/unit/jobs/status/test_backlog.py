"""What waits in the log bucket."""

from __future__ import annotations

from oss_oms_sync.clouds.objects import StoredObject
from support.status_world import BEHIND, IN_STEP, StatusWorld
from support.world import ROOT


def test_a_folders_marker_among_the_failed_is_the_record_of_no_key(world):
    # GIVEN the objects that consoles make for folders
    for name in ("failed_object/", "failed_object_long/"):
        world.bucket.add(StoredObject(f"{ROOT}{name}", b""))

    # WHEN status is asked, THEN nothing waits
    report = world.status()
    assert (report["backlog"]["failed"], report["backlog"]["outside"], report["verdict"]["state"]) == (0, 0, IN_STEP)


def test_a_folders_marker_is_not_outside_of_a_part_either():
    world = StatusWorld(OBJECT_PREFIX="a/")
    world.bucket.add(StoredObject(f"{ROOT}failed_object/", b""))
    assert world.status()["backlog"]["outside"] == 0


def test_where_nothing_is_known_of_the_oldest_none_is_named(mocker):
    mocker.patch("oss_oms_sync.ledger.failed_records._MOST_LISTED", 1)
    world = StatusWorld(OBJECT_SUFFIX=".png")
    for name in "ab":
        world.keep(f"failed_object/{name}", "")
    assert world.verdict() == (BEHIND, "Behind by at least 0: replay sends them again.")


def test_chinese_verdicts_are_chinese(world):
    for number in range(3):
        world.fail(str(number), "THROTTLED", first_failure="2026-03-10T10:00:00Z")
    chinese = world.status()["verdict"]["text_zh"]
    assert chinese == "有 3 个对象待重发，最早失败于 2026-03-10T10:00:00Z（UTC）。replay 会自动重发。"


def test_the_sums_are_of_objects(world):
    world.counted(0, REQUEST=12, SUCCESS=8, FAILURE=1, SKIP=2)
    *_, one = world.status()["sums"]
    assert one["claim"] == "objects that OMS accepted this month <= copied + failed + skipped"
    assert (one["left"], one["right"], one["holds"]) == (12, [8, 1, 2], False)
