"""Status in the sandbox: its numbers are what the clouds counted, its verdict is what they mean."""

from __future__ import annotations

import dataclasses
import json
import shlex
from datetime import datetime, timezone

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.fake_clouds import payload as event_of
from support.uploads import upload
from tools.render import render

HOUR = 3600
TIMEOUT = 60


@pytest.fixture
def project(box, tmp_path):
    """The rendered project in the sandbox."""
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    return box


def test_after_a_bad_day_every_number_is_what_the_sandbox_counted(deployed):
    # GIVEN uploads that were accepted, refused and lost, and passes of replay and reconcile
    upload(deployed, *(f"good/{number}" for number in range(12)))
    deployed.oss.lose_events(lambda key: key.startswith("lost/"))
    upload(deployed, *(f"lost/{number}" for number in range(3)))
    deployed.oss.age(HOUR)
    passed = deployed.tick("reconcile").value
    deployed.oms.refuse(lambda key: key.startswith("bad/"))
    upload(deployed, *(f"bad/{number}" for number in range(4)))
    replayed = deployed.tick("replay").value
    deployed.wait_idle(TIMEOUT)

    # WHEN status is asked
    report = deployed.fc.invoke("status", b"").value

    # THEN its numbers are theirs
    task = deployed.task
    assert report["oms"]["month"] == {
        "requests": task.acceptance_request,
        "copied": task.success_object,
        "failed": task.failure_object,
        "skipped": task.skip_object,
        "bytes": task.size,
    }
    series = report["statistics"]["series"]
    assert sum(number for _, number in series["REQUEST"]) == task.acceptance_request
    assert sum(number for _, number in series["SIZE"]) == task.size
    backlog = report["backlog"]
    assert (backlog["failed"], backlog["at_least"], backlog["by_reason"]) == (4, False, {"REFUSED": 4})
    assert [one["key"] for one in backlog["keys"]] == [f"bad/{number}" for number in range(4)]
    assert (report["replay"]["result"], report["replay"]["result"]["failed"]) == (replayed, 4)
    last = report["reconcile"]["last"]
    assert {name: last[name] for name in ("scanned", "covered", "submitted", "accepted")} == {
        name: passed[name] for name in ("scanned", "covered", "submitted", "accepted")
    }
    assert all(one["holds"] for one in report["sums"])
    assert len(report["sums"]) == 3
    assert report["verdict"]["state"] == "behind"
    assert report["verdict"]["text"].startswith("Behind by 4 since 20")
    assert report["fixes"]["REFUSED"]["zh"]


def test_when_all_is_well_it_is_in_step(project, in_process):
    upload(project, "a", "b")
    project.oss.age(HOUR)
    in_process(project, "reconcile")
    verdict = in_process(project, "status")["verdict"]
    assert verdict["state"] == "in step"
    assert "found 0 of 2 objects to send" in verdict["text"]


def test_what_oms_failed_to_copy_is_never_green(project, in_process):
    upload(project, "a")
    project.oss.lose_events(lambda key: True)
    in_process(project, "replay", {"keys": ["nowhere"]})
    project.wait_idle(TIMEOUT)
    project.oss.age(HOUR)
    in_process(project, "reconcile")
    report = in_process(project, "status")
    assert report["oms"]["month"]["failed"] == 1
    assert report["verdict"]["state"] == "behind"
    assert "OMS failed to copy 1 object." in report["verdict"]["text"]

    # AND once somebody has seen to it, it is
    assert in_process(project, "status", {"acknowledge": True})["verdict"]["state"] == "in step"
    assert in_process(project, "status")["verdict"]["state"] == "in step"


def test_without_a_finished_pass_it_does_not_claim_to_be_in_step(project, in_process):
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "behind"
    assert "no reconcile pass over everything has ended" in report["verdict"]["text"]
    assert report["reconcile"] == {"last": None, "open": []}
    assert report["replay"] is None


def test_a_pass_that_is_long_due_is_not_relied_on(project, in_process):
    in_process(project, "reconcile")
    (name,) = [name for name in project.oss.objects(project.log_bucket) if "/reconcile/" in name]
    body = json.loads(project.oss.objects(project.log_bucket)[name].data)
    body["started"] = "2020-01-01T00:00:00Z"
    project.oss.put(project.log_bucket, name, json.dumps(body).encode())
    assert "has ended lately" in in_process(project, "status")["verdict"]["text"]


def test_an_open_pass_is_told(project, in_process):
    upload(project, *(f"{number:02}" for number in range(15)))
    project.oss.age(HOUR)
    in_process(project, "reconcile", {"all": True, "limit": 10})
    (one,) = in_process(project, "status")["reconcile"]["open"]
    assert (one["all"], one["submitted"], one["after"], one["ended"]) == (True, 10, "09", None)


BROKEN = {
    "wrong key": (401, "CREDENTIALS"),
    "no right": (403, "FORBIDDEN"),
    "no task": (404, "NO_TASK"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_where_every_key_is_refused_it_is_broken_and_says_what_to_do(project, in_process, what):
    status, reason = BROKEN[what]
    project.oms.faults.add(Fault.status(status))
    upload(project, "a")
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "broken"
    assert reason in report["verdict"]["text"]
    assert report["fixes"][reason]["en"] in report["verdict"]["text"]
    project.oms.faults.clear()
    assert in_process(project, "status")["verdict"]["state"] == "broken"  # the backlog says so still


def test_a_stopped_task_is_broken(project, in_process):
    project.task.status = "STOPPED"
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], "STOPPED" in verdict["text"]) == ("broken", True)


@pytest.mark.parametrize("fault", [Fault.status(503, headers={"Retry-After": "60"}), Fault.drop_before()])
def test_with_oms_unreachable_our_half_is_still_told(project, in_process, fault):
    upload(project, "a")
    project.oms.faults.add(fault)
    upload(project, "b")
    report = in_process(project, "status")
    assert report["backlog"]["failed"] == 1
    assert report["oms"]["problem"] in ("UNAVAILABLE", "UNREACHABLE")
    assert report["oms"]["fix"]["en"]
    assert report["statistics"]["problem"] == report["oms"]["problem"]
    project.oms.faults.clear()
    in_process(project, "replay")
    project.oms.faults.add(fault)
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], "does not say" in verdict["text"]) == ("behind", True)


def test_without_the_right_to_statistics_the_rest_is_told(project, in_process):
    project.oms.deny("oms:synctask:statistics")
    report = in_process(project, "status")
    assert report["statistics"]["problem"] == "FORBIDDEN"
    assert report["oms"]["status"] == "SYNCHRONIZING"
    assert report["copying"] == {"failed": 0, "unfinished": None, "acknowledged": None}


def test_counting_is_bounded_and_says_at_least(project, in_process, mocker):
    mocker.patch("oss_oms_sync.jobs.status._RECORDS_COUNTED", 5)
    mocker.patch("oss_oms_sync.jobs.status._RECORDS_READ", 3)
    project.oms.faults.add(Fault.status(400))
    upload(project, *(f"{number:02}" for number in range(7)))
    report = in_process(project, "status")
    assert (report["backlog"]["failed"], report["backlog"]["read"], report["backlog"]["at_least"]) == (5, 3, True)
    assert "Behind by at least 5" in report["verdict"]["text"]


LONG = "最" * 330


def part(project, prefix: str = "b/") -> dict[str, str]:
    """The settings of another project for the same task, which forwards only a part."""
    return {**project.environment(), "OBJECT_PREFIX": prefix}


def test_failures_outside_the_filter_are_told_apart(project, in_process):
    # GIVEN failures of another project for the same task, or of before the filter was narrowed
    project.oms.refuse(lambda key: True)
    upload(project, "a/1", f"a/{LONG}", "b/1", f"b/{LONG}", "c/1")

    # WHEN a project that forwards a part asks
    backlog = in_process(project, "status", environment=part(project))["backlog"]

    # THEN its own waits, and the others are only counted
    assert (backlog["failed"], {one["key"] for one in backlog["keys"]}) == (2, {"b/1", f"b/{LONG}"})
    assert backlog["outside"] == 3


def test_many_failures_of_another_project_do_not_hide_ones_own(project, in_process, mocker):
    mocker.patch("oss_oms_sync.jobs.status._RECORDS_COUNTED", 3)
    project.oms.refuse(lambda key: True)
    upload(project, "a/1", "a/2", "a/3", "a/4", "b/1", "b/2")
    report = in_process(project, "status", environment=part(project))
    assert (report["backlog"]["failed"], report["backlog"]["outside"]) == (2, 3)
    assert report["verdict"]["state"] == "behind"


def test_where_not_all_could_be_counted_it_is_not_green(project, in_process, mocker):
    mocker.patch("oss_oms_sync.jobs.status._RECORDS_COUNTED", 3)
    project.oms.refuse(lambda key: True)
    upload(project, *(f"{number}.jpg" for number in range(5)))
    report = in_process(project, "status", environment={**project.environment(), "OBJECT_SUFFIX": ".png"})
    assert (report["backlog"]["failed"], report["backlog"]["at_least"]) == (0, True)
    assert report["verdict"]["state"] == "behind"


def test_another_projects_pass_and_replay_are_not_ones_own(project, in_process):
    # GIVEN another project for the same task that has ended a pass and a replay
    for job in ("reconcile", "replay"):
        in_process(project, job, environment=part(project, "a/"))

    # WHEN this one is asked, THEN it does not claim them
    report = in_process(project, "status", environment=part(project))
    assert (report["reconcile"], report["replay"]) == ({"last": None, "open": []}, None)
    assert in_process(project, "status", environment=part(project, "a/"))["replay"]


def test_run_files_count_as_waiting(project, in_process):
    entry = {"key": "a", "event_name": "", "event_time": "", "etag": "", "first_failure": "2020-01-01T00:00:00Z"}
    run = {"busy_until": "", "keys": [{**entry, "reason": "", "held": False}]}
    name = f"oms_source_record/{project.task_id}/replay/20200101T000000Z-0.json"
    project.oss.put(project.log_bucket, name, json.dumps(run).encode())
    project.oss.put(project.log_bucket, f"{name[:-5]}x.json", b"unreadable")
    report = in_process(project, "status")
    assert (report["backlog"]["run_files"], report["backlog"]["in_run_files"]) == (2, 1)
    assert report["backlog"]["oldest"] == "2020-01-01T00:00:00Z"
    assert in_process(project, "status", {"key": "a"})["story"] == "It failed, and replay has it in hand."


def test_numbers_that_do_not_add_up_are_told_with_what_that_means(project, in_process):
    in_process(project, "reconcile")
    (name,) = [name for name in project.oss.objects(project.log_bucket) if "/reconcile/" in name]
    body = json.loads(project.oss.objects(project.log_bucket)[name].data)
    body["counts"] = {"scanned": 5, "covered": 4}
    project.oss.put(project.log_bucket, name, json.dumps(body).encode())
    first, *_ = in_process(project, "status")["sums"]
    assert (first["holds"], first["left"], sum(first["right"])) == (False, 5, 4)
    assert "its work is" in first["meaning"]


def test_the_window_of_the_statistics_can_be_chosen(project, in_process):
    upload(project, "a")
    report = in_process(project, "status", {"hours": 1})
    assert report["statistics"]["step"] == "FIVE_MINUTES"
    start = datetime.fromisoformat(report["statistics"]["from"].replace("Z", "+00:00"))
    assert (datetime.now(timezone.utc) - start).total_seconds() == pytest.approx(HOUR, abs=60)


@pytest.mark.parametrize(
    "payload", [{"key": "a", "hours": 1}, {"acknowledge": 1}, {"keys": ["a"]}, {"hours": 0}, {"hours": 10**9}]
)
def test_a_payload_that_cannot_be_used_is_an_error(project, payload):
    assert project.fc.invoke("status", json.dumps(payload).encode()).error_type == "PayloadError"


def story(box: Sandbox, in_process, key: str) -> dict:
    return in_process(box, "status", {"key": key})


@pytest.mark.parametrize("key", ["a/照片 +%.jpg", "最" * 341], ids=["plain", "long"])
def test_one_keys_whole_story(project, in_process, key):
    again = shlex.quote(json.dumps({"keys": [key]}))
    assert story(project, in_process, key)["story"] == "There is no such object, and no record of one."

    project.oss.lose_events(lambda key: True)
    upload(project, key)
    assert "written just now" in story(project, in_process, key)["story"]
    project.oss.age(HOUR)
    lost = story(project, in_process, key)
    assert lost["story"] == "It has no record: its event was lost."
    assert again in lost["next"]

    project.oms.faults.add(Fault.status(401))
    in_process(project, "replay", {"keys": [key]})
    failed = story(project, in_process, key)
    assert failed["story"].startswith("It failed: CREDENTIALS.")
    assert "HW_AK" in failed["next"]
    assert failed["failed"]["reason"] == "CREDENTIALS"
    project.oms.faults.clear()

    project.fc.invoke("forward", event_of(key, etag=project.oss.objects(project.source_bucket)[key].etag))
    accepted = story(project, in_process, key)
    assert accepted["story"] == "OMS accepted this version."
    assert accepted["success"]["etag"] == accepted["object"]["etag"]

    project.oss.age(HOUR)
    project.oss.put(project.source_bucket, key, b"overwritten")
    project.oss.age(HOUR)
    assert story(project, in_process, key)["story"] == "OMS accepted an older version."


def test_stories_of_what_is_gone_or_never_sent(project, in_process):
    upload(project, "a")
    project.oms.faults.add(Fault.status(401))
    upload(project, "b")
    for key in ("a", "b"):
        project.bucket(project.source_bucket).delete_object(key)
    assert "not in the source bucket any more" in story(project, in_process, "a")["story"]
    assert story(project, in_process, "b")["next"].startswith("Replay sends it")
    outside = in_process(project, "status", {"key": "x"}, {**project.environment(), "OBJECT_PREFIX": "photos/"})
    assert "never sent" in outside["story"]
    unnamed = in_process(project, "status", {"key": "a"}, {**project.environment(), "SOURCE_BUCKET": ""})
    assert (unnamed["object"], "unknown" in unnamed["story"]) == (None, True)


def test_a_key_older_than_the_installation_is_not_said_to_be_sent(project, in_process):
    in_process(project, "reconcile")
    project.oss.lose_events(lambda key: True)
    upload(project, "old")
    old = dataclasses.replace(project.oss.objects(project.source_bucket)["old"], last_modified=10**9)
    project.oss._buckets[project.source_bucket].objects["old"] = old
    told = story(project, in_process, "old")
    assert "older than the installation" in told["story"]
    assert in_process(project, "reconcile")["scanned"] == 0


def test_the_command_to_paste_is_safe_whatever_the_key(project, in_process):
    key = "a'$(echo no)`echo no`\u202e"
    project.oss.put(project.log_bucket, f"oms_source_record/{project.task_id}/failed_object/{key}", b"")
    project.oss.lose_events(lambda key: True)
    upload(project, key)
    project.oss.age(HOUR)
    following = story(project, in_process, key)["next"]
    words = shlex.split(following.partition("To send it now: ")[2])
    assert words[:4] == ["s", "replay", "invoke", "-e"]
    assert (json.loads(words[4]), following.isascii()) == ({"keys": [key]}, True)


def green(project, in_process) -> dict:
    """A report of a project in step."""
    upload(project, "a")
    project.oss.age(HOUR)
    in_process(project, "reconcile")
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "in step"
    return report


def answering(project, **changes: object) -> None:
    """OMS's description of the task in this month, changed; None takes a field away."""
    real = project.task.description
    now = project.oms.now()
    description = {name: value for name, value in {**real(now), **changes}.items() if value is not None}
    project.task.description = lambda time: description if time >= now else real(time)


NOT_GREEN = {
    "OMS has a backlog": ({"monthly_acceptance_request": 100_000}, "Behind at OMS: it has not worked on 99999 objects"),
    "failures as text": ({"monthly_failure_object": "3"}, "OMS failed to copy 3"),
    "no counter of failures": ({"monthly_failure_object": None}, "lacks some of its counters"),
}


@pytest.mark.parametrize("what", NOT_GREEN)
def test_what_oms_says_otherwise_is_never_green(project, in_process, what):
    changes, words = NOT_GREEN[what]
    green(project, in_process)
    answering(project, **changes)
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], words in verdict["text"]) == ("behind", True), verdict


def test_failures_of_the_last_day_count_when_the_month_has_just_turned(project, in_process):
    green(project, in_process)
    in_process(project, "replay", {"keys": ["nowhere"]})
    project.wait_idle(TIMEOUT)
    answering(project, monthly_failure_object=0, monthly_acceptance_request=0)
    assert "OMS failed to copy 1" in in_process(project, "status")["verdict"]["text"]


def test_without_the_right_to_look_at_the_task_it_is_not_called_broken(project, in_process):
    green(project, in_process)
    project.oms.deny("oms:synctask:get")
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], "oms:synctask:get" in verdict["text"]) == ("behind", True)


def test_a_pass_over_a_part_does_not_make_it_green(project, in_process):
    in_process(project, "reconcile", {"prefix": "nothing/"})
    assert in_process(project, "status")["verdict"]["state"] == "behind"


def test_an_open_pass_does_not_hide_the_one_that_ended_before_it(project, in_process):
    green(project, in_process)
    in_process(project, "reconcile", {"restart": True, "limit": 0})
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "in step"
    assert (report["reconcile"]["last"]["scanned"], len(report["reconcile"]["open"])) == (1, 1)


def test_an_unreadable_run_file_is_not_green(project, in_process):
    green(project, in_process)
    name = f"oms_source_record/{project.task_id}/replay/1.json"
    project.oss.put(project.log_bucket, name, b"?")
    assert "unreadable" in in_process(project, "status")["verdict"]["text"]


def test_a_lasting_reason_is_told_before_a_passing_one(project, in_process):
    for number, reason in enumerate(["DEADLINE", "CREDENTIALS"]):
        name = f"oms_source_record/{project.task_id}/failed_object/{number}"
        project.oss.put(project.log_bucket, name, json.dumps({"reason": reason}).encode())
    assert in_process(project, "status")["verdict"]["text"].startswith("Broken, CREDENTIALS")


def test_odd_points_of_the_statistics_are_left_out_and_never_green(project, in_process):
    green(project, in_process)
    real = project.task.statistics

    def odd(*arguments: object) -> dict:
        answer = real(*arguments)
        answer["statistic_datas"] += [{"data_type": "SKIP", "data": [{"statistic_num": 1}]}, {"data_type": "NEW"}, 7]
        return answer

    project.task.statistics = odd
    report = in_process(project, "status")
    series = report["statistics"]["series"]
    assert (sum(number for _, number in series["REQUEST"]), report["statistics"]["unread"]) == (1, 2)
    assert len(series["SKIP"]) == len(series["REQUEST"])
    assert "lacks some of its counters" in report["verdict"]["text"]


def test_records_that_cannot_be_read_are_an_error_and_no_story(project):
    project.oss.deny("oss:GetObject", project.log_bucket)
    assert project.fc.invoke("status", b'{"key": "a"}').error_type == "StorageError"
