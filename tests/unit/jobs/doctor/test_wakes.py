"""Doctor's checks of the jobs' timers, and of the triggers on the log bucket."""

from __future__ import annotations

import pytest

from oss_oms_sync.jobs.doctor import flow
from sandbox.fc.project import read_resources
from sandbox.fc.timers import Timer
from sandbox.server.faults import Fault
from support.doctor import HOUR, PASSES, TIMER_EVENT, deploy, find_check, states, store_timer_events, verify_check
from tools.render import render

MINUTE = 60
TIMED = ("replay", *PASSES, "status")
OFF = {f"{job.upper()}_PERIOD": "off" for job in TIMED}


def list_timer_checks(*jobs: str) -> list[str]:
    return [f"{job} timer" for job in jobs]


@pytest.mark.parametrize("missing_timers", TIMED)
def test_doctor_reports_a_missing_timer_despite_calls_by_hand(box, run_doctor, run_job, missing_timers):
    # GIVEN a project whose timers have called all jobs, and one timer that does not call its job again
    for job in TIMED:
        run_job(job, TIMER_EVENT)
    box.advance(HOUR)
    for job in TIMED:
        run_job(job, None if job == missing_timers else TIMER_EVENT)

    # THEN doctor names it
    report = run_doctor()
    assert states(report, "fault") == list_timer_checks(missing_timers)
    verify_check(report, f"{missing_timers} timer", "fault", fix=f"s {missing_timers} logs")


# Seconds since the timers' last calls, seconds by which OSS's clock is ahead of the function's, the periods, and the
# missing timers.
STRIKES = {
    "just now": (0, 0, {}, ()),
    "two minutes ago": (2 * MINUTE, 0, {}, ()),
    "four minutes ago": (4 * MINUTE, 0, {}, ["replay"]),
    "20 minutes ago": (20 * MINUTE, 0, {}, ["replay"]),
    "22 minutes ago": (22 * MINUTE, 0, {}, ["replay", *PASSES]),
    "32 minutes ago": (32 * MINUTE, 0, {}, TIMED),
    "an hour ago, with a long period of replay": (HOUR, 0, {"REPLAY_PERIOD": "60m"}, [*PASSES, "status"]),
    "an hour ago, with a long period of status": (HOUR, 0, {"STATUS_PERIOD": "1h"}, ["replay", *PASSES]),
    **{
        f"an hour ago, with {name} off": (HOUR, 0, {name: "off"}, [job for job in TIMED if job.upper() not in name])
        for name in OFF
    },
    "an hour ago, with all timers off": (HOUR, 0, OFF, ()),
    "just now, with a clock of OSS that is fast": (0, 10 * MINUTE, {}, ()),
    "just now, with a clock of OSS that is slow": (0, -10 * MINUTE, {}, ()),
    "four minutes ago, with a clock of OSS that is fast": (4 * MINUTE, 10 * MINUTE, {}, ["replay"]),
    "22 minutes ago, with a clock of OSS that is slow": (22 * MINUTE, -10 * MINUTE, {}, ["replay", *PASSES]),
}


@pytest.mark.parametrize("case", STRIKES)
def test_doctor_considers_a_timer_dead_after_two_periods_of_oss_time(box, run_doctor, case):
    ago, ahead, periods, dead = STRIKES[case]
    box.oss.clock_offset = ahead
    store_timer_events(box)
    box.advance(ago)
    report = run_doctor(**periods)
    assert states(report, "fault") == list_timer_checks(*dead)
    assert set(list_timer_checks(*TIMED)) - set(list_timer_checks(*dead)) <= set(states(report, "ok"))


def test_doctor_reports_a_timer_that_never_fired_after_two_periods(box, run_doctor):
    # GIVEN a project that was just deployed, without a stored time, and a fast clock of OSS
    box.oss.clock_offset = 10 * MINUTE
    ages = {0: (), 2 * MINUTE: (), 4 * MINUTE: ["replay"], 22 * MINUTE: ["replay", *PASSES], 32 * MINUTE: TIMED}
    for age, before in zip(ages, [0, *ages], strict=False):
        box.advance(age - before)
        # THEN doctor counts the time from its first run
        report = run_doctor()
        assert states(report, "fault") == list_timer_checks(*ages[age])
        assert set(list_timer_checks(*TIMED)) - set(list_timer_checks(*ages[age])) <= set(states(report, "skipped"))
        assert report["ok"] == (not ages[age])


@pytest.mark.parametrize("job", TIMED)
def test_a_job_runs_even_if_it_cannot_store_the_time_of_its_timer_event(box, run_job, job):
    box.oss.put(box.log_bucket, f"oms_source_record/{box.task_id}/failed_object/a", b"")
    notes = Fault.status(500)
    box.oss.faults.add(notes, where=lambda request: request.method == "PUT" and "-timer-" in request.raw_path)
    result = run_job(job, TIMER_EVENT)
    assert result["verdict" if job == "status" else "finished"]
    assert job != "replay" or result["accepted"] == 1


def test_doctor_expects_the_timers_that_are_deployed(box, tmp_path):
    render(box.answers() | {"replayPeriod": "5m"}, tmp_path)
    props = read_resources(tmp_path, lambda name: "")
    variables = props["doctor"]["environmentVariables"]
    strikes = {
        job: Timer.from_trigger(trigger).expression
        for job in TIMED
        for trigger in props[job]["triggers"]
        if trigger["triggerType"] == "timer"
    }
    every = f"@every {flow._TIMER_EVENT_PERIOD.seconds // MINUTE}m"
    assert strikes == {
        "replay": f"@every {variables['REPLAY_PERIOD']}",
        **dict.fromkeys(PASSES, every),
        "status": f"@every {variables['STATUS_PERIOD']}",
    }


def test_the_function_doctor_gets_the_settings_of_all_other_functions(tmp_path, box):
    render(box.answers() | {"compareDeep": "on", "alertLanguage": "zh"}, tmp_path)
    settings = {
        name: props["environmentVariables"] for name, props in read_resources(tmp_path, lambda name: "").items()
    }
    of_doctor = settings.pop("doctor")
    lacking = {name for setting in settings.values() for name in setting.items() if name not in of_doctor.items()}
    assert {name for name, _ in lacking} == {"ALERT_WEBHOOK"}


@pytest.mark.parametrize("jobs", [PASSES, ("reconcile",), ("compare",), ()])
def test_doctor_warns_of_a_missing_trigger_and_names_its_job(box, project_folder, run_doctor, jobs):
    # GIVEN a deployed project with the triggers of these jobs only
    deploy(box, project_folder)
    missing = [job for job in PASSES if job not in jobs]
    for job in missing:
        box.remove_triggers(job)

    # WHEN doctor writes below passes/, THEN it names the jobs that were not called, and removes its objects
    check = find_check(run_doctor(), "pass triggers")
    assert check["state"] == ("warning" if missing else "ok")
    assert [job for job in PASSES if missing and job in check["actual"]] == missing
    box.wait_idle(60)
    assert not [name for name in box.oss.objects(box.log_bucket) if "/ping-" in name]


def test_doctor_expects_the_trigger_of_compare_even_if_oms_does_not_answer(box, project_folder, run_doctor):
    deploy(box, project_folder)
    box.oms.faults.add(Fault.status(503))
    verify_check(run_doctor(), "pass triggers", "ok")
