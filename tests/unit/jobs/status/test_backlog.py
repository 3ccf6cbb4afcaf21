"""What waits in the log bucket."""

from __future__ import annotations

from oss_oms_sync.clouds.objects import StoredObject
from support.status_world import BEHIND, IN_STEP, StatusWorld
from support.world import ROOT

LONG = "最" * 330


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
    mocker.patch("oss_oms_sync.ledger.waiting._MOST_LISTED", 1)
    world = StatusWorld(OBJECT_SUFFIX=".png")
    for name in "ab":
        world.keep(f"failed_object/{name}", "")
    assert world.verdict() == (BEHIND, "at least 0 objects waiting; replay resends automatically.")


def test_chinese_verdicts_are_chinese(world):
    for number in range(3):
        world.fail(str(number), "THROTTLED", first_failure="2026-03-10T10:00:00Z")
    chinese = world.status()["verdict"]["text_zh"]
    assert chinese == "3 个对象待重发，最早失败于 2026-03-10T10:00:00Z（UTC）。replay 会自动重发。"


def test_the_sums_are_of_objects(world):
    world.counted(0, REQUEST=12, SUCCESS=8, FAILURE=1, SKIP=2)
    *_, one = world.status()["sums"]
    assert one["claim"] == "objects that OMS accepted this month <= copied + failed + skipped"
    assert (one["left"], one["right"], one["holds"]) == (12, [8, 1, 2], False)


def test_counting_is_bounded_and_says_at_least(world, mocker):
    mocker.patch("oss_oms_sync.jobs.status.facts._MAX_RECORDS_COUNTED", 5)
    mocker.patch("oss_oms_sync.jobs.status.facts._MAX_RECORDS_READ", 3)
    for number in range(7):
        world.fail(str(number), "THROTTLED")
    backlog = world.status()["backlog"]
    assert (backlog["failed"], backlog["read"], backlog["at_least"]) == (5, 3, True)
    assert "at least 5 objects waiting" in world.verdict()[1]


def test_failures_outside_the_filter_are_told_apart_and_hide_none_of_ones_own(mocker):
    # GIVEN a project that forwards a part, and many failures of another one of the task, or of before
    mocker.patch("oss_oms_sync.jobs.status.facts._MAX_RECORDS_COUNTED", 4)
    world = StatusWorld(OBJECT_PREFIX="b/")
    for key in ("a/1", "a/2", f"a/{LONG}", "b/1", f"b/{LONG}", "c/1"):
        world.fail(key, "REFUSED")

    # WHEN it is asked, THEN its own waits, and the others are only counted
    report = world.status()
    assert (report["backlog"]["failed"], report["backlog"]["outside"]) == (2, 4)
    assert {one["key"] for one in report["backlog"]["keys"]} == {"b/1", f"b/{LONG}"}
    assert report["verdict"]["state"] == BEHIND


def test_another_projects_pass_and_replay_are_not_ones_own():
    # GIVEN another project for the same task that has ended a pass and a replay
    world = StatusWorld(OBJECT_PREFIX="a/")
    for job in ("reconcile", "replay"):
        world.ask(job)
    assert world.status()["replay"]

    # WHEN this one is asked, THEN it does not claim them
    world.given = {**world.given, "OBJECT_PREFIX": "b/"}
    world.start()
    report = world.status()
    assert (report["reconcile"], report["replay"]) == ({"last": None, "open": []}, None)


def test_run_files_count_as_waiting(world):
    world.run_file("a", first_failure="2020-01-01T00:00:00Z")
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/x.json", b"unreadable"))
    backlog = world.status()["backlog"]
    assert (backlog["run_files"], backlog["in_run_files"], backlog["oldest"]) == (2, 1, "2020-01-01T00:00:00Z")


def test_the_run_files_of_another_project_are_left_behind_once_its_timers_have_been_still_for_a_day(world):
    # GIVEN another project of the task with a run file, one of whose jobs' timers strikes
    of_another = f"{ROOT}replay/thumbnails/20260310T115000Z.json"
    world.bucket.add(StoredObject(of_another, b"[]"))
    timer = StoredObject(f"{ROOT}state/reconcile-timer-thumbnails.json", b"{}")
    world.bucket.add(timer)

    # WHEN its timer has struck within the day THEN it sends them itself
    world.later(20 * 60 * 60)
    world.bucket.add(timer)
    world.later(23 * 60 * 60)
    assert world.status()["backlog"]["left_behind"] == []

    # WHEN that was longer ago THEN nobody does
    world.later(2 * 60 * 60)
    report = world.status()
    (left,) = report["backlog"]["left_behind"]
    assert (left["project"], left["run_files"]) == ("thumbnails", 1)
    assert left["folder"] == f"{ROOT}replay/thumbnails/"
    assert left["last_run"] == "2026-03-11T08:00:00Z"
    assert "projects that no longer run hold keys that nobody sends: thumbnails" in report["verdict"]["text"]
