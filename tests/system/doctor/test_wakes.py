"""What doctor says of what wakes the jobs: their timers, and the triggers on the log bucket."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

import index
from oss_oms_sync.clock import Clock
from oss_oms_sync.jobs.doctor import flow
from sandbox import Sandbox
from sandbox.fc.project import resources
from sandbox.fc.timers import Timer
from sandbox.server.faults import Fault
from system.doctor.project import HOUR, PASSES, STRIKE, says, states
from tools.render import render

MINUTE = 60
TIMED = ("replay", *PASSES, "status")
OFF = {f"{job.upper()}_PERIOD": "off" for job in TIMED}


def timers(*jobs: str) -> list[str]:
    return [f"{job} timer" for job in jobs]


@pytest.mark.parametrize("dead", TIMED)
def test_a_timer_that_is_gone_is_a_fault_which_a_call_by_hand_does_not_hide(box, handler, in_process, dead):
    # GIVEN a project whose timers have struck, and all but one go on striking
    for job in TIMED:
        in_process(box, job, STRIKE)
    box.later(HOUR)
    for job in TIMED:
        in_process(box, job, None if job == dead else STRIKE)

    # WHEN doctor looks, THEN it names that one
    report = handler(box)
    assert states(report, "fault") == timers(dead)
    assert says(report, f"{dead} timer", "fault", fix=f"s {dead} logs")


# How long ago the timers struck, how far OSS's clock is ahead of the function's, the periods; whose timers are dead.
STRUCK = {
    "just now": (0, 0, {}, ()),
    "before replay was due for the second time": (2 * MINUTE, 0, {}, ()),
    "before replay was due for the third time": (4 * MINUTE, 0, {}, ["replay"]),
    "before those of passes were due for the second time": (20 * MINUTE, 0, {}, ["replay"]),
    "before those of passes were due for the third time": (22 * MINUTE, 0, {}, ["replay", *PASSES]),
    "before that of status was due for the third time": (32 * MINUTE, 0, {}, TIMED),
    "an hour ago, and replay has a longer period": (HOUR, 0, {"REPLAY_PERIOD": "60m"}, [*PASSES, "status"]),
    "an hour ago, and status has a longer period": (HOUR, 0, {"STATUS_PERIOD": "1h"}, ["replay", *PASSES]),
    **{
        f"an hour ago, and {name} is off": (HOUR, 0, {name: "off"}, [job for job in TIMED if job.upper() not in name])
        for name in OFF
    },
    "an hour ago, and all are off": (HOUR, 0, OFF, ()),
    "just now, and the clock is slow": (0, 10 * MINUTE, {}, ()),
    "just now, and the clock is fast": (0, -10 * MINUTE, {}, ()),
    "too long ago, and the clock is slow": (4 * MINUTE, 10 * MINUTE, {}, ["replay"]),
    "too long ago, and the clock is fast": (22 * MINUTE, -10 * MINUTE, {}, ["replay", *PASSES]),
}


@pytest.mark.parametrize("what", STRUCK)
def test_a_timer_is_dead_after_two_periods_by_osss_clock_unless_it_is_off(box, handler, in_process, what):
    ago, ahead, periods, dead = STRUCK[what]
    box.oss.clock_offset = ahead
    for job in TIMED:
        in_process(box, job, STRIKE)
    box.later(ago)
    report = handler(box, **periods)
    assert states(report, "fault") == timers(*dead)
    assert set(timers(*TIMED)) - set(timers(*dead)) <= set(states(report, "ok"))


@pytest.mark.parametrize("ahead", [0, 10 * MINUTE, -10 * MINUTE])
def test_a_timer_that_has_not_struck_since_the_installation_is_a_fault_only_after_two_periods(box, handler, ahead):
    # GIVEN a project that was deployed just now: nobody has noted when
    box.oss.clock_offset = ahead
    ages = {0: (), 2 * MINUTE: (), 4 * MINUTE: ["replay"], 22 * MINUTE: ["replay", *PASSES], 32 * MINUTE: TIMED}
    for age, before in zip(ages, [0, *ages], strict=False):
        box.later(age - before)
        # WHEN doctor looks again and again, THEN it measures by its first look
        report = handler(box)
        assert states(report, "fault") == timers(*ages[age])
        assert set(timers(*TIMED)) - set(timers(*ages[age])) <= set(states(report, "skipped"))
        assert report["ok"] == (not ages[age])


@pytest.mark.parametrize("job", TIMED)
def test_a_strike_that_cannot_be_noted_is_a_strike_all_the_same(box, in_process, job):
    box.oss.put(box.log_bucket, f"oms_source_record/{box.task_id}/failed_object/a", b"")
    notes = Fault.status(500)
    box.oss.faults.add(notes, where=lambda request: request.method == "PUT" and "-timer-" in request.raw_path)
    result = in_process(box, job, STRIKE)
    assert result["verdict" if job == "status" else "finished"]
    assert job != "replay" or result["accepted"] == 1


def test_doctor_expects_the_timers_that_are_deployed(box, tmp_path):
    render(box.answers() | {"replayPeriod": "5m"}, tmp_path)
    props = resources(tmp_path, lambda name: "")
    variables = props["doctor"]["environmentVariables"]
    strikes = {
        job: Timer.from_trigger(trigger).expression
        for job in TIMED
        for trigger in props[job]["triggers"]
        if trigger["triggerType"] == "timer"
    }
    every = f"@every {flow._TICK.seconds // MINUTE}m"
    assert strikes == {
        "replay": f"@every {variables['REPLAY_PERIOD']}",
        **dict.fromkeys(PASSES, every),
        "status": f"@every {variables['STATUS_PERIOD']}",
    }


def test_doctor_has_the_settings_of_every_function_but_the_webhook(tmp_path, box):
    render(box.answers() | {"compareDeep": "on", "alertLanguage": "zh"}, tmp_path)
    settings = {name: props["environmentVariables"] for name, props in resources(tmp_path, lambda name: "").items()}
    of_doctor = settings.pop("doctor")
    lacking = {name for setting in settings.values() for name in setting.items() if name not in of_doctor.items()}
    assert {name for name, _ in lacking} == {"ALERT_WEBHOOK"}


class Triggers:
    """The triggers of s.yaml on the log bucket, whose functions run in this process while doctor waits: its time is
    virtual."""

    def __init__(self, box: Sandbox, monkeypatch: pytest.MonkeyPatch, props: dict[str, dict]) -> None:
        self.box = box
        self.waited = 0.0
        self._events: list[tuple[str, bytes]] = []
        self._props = props
        monkeypatch.setattr(flow, "_PING_SECONDS", 20.0)
        monkeypatch.setattr(flow, "_PING_POLL_SECONDS", 1.0)
        monkeypatch.setattr(Clock, "monotonic", lambda _: self.waited)
        monkeypatch.setattr(Clock, "sleep", self._sleep)

    def add(self, *jobs: str) -> None:
        for job in jobs:
            (trigger,) = (trigger for trigger in self._props[job]["triggers"] if trigger["triggerType"] == "oss")
            config = trigger["triggerConfig"]
            self.box.oss.add_trigger(
                job, self.box.log_bucket, config["events"], config["filter"]["key"]["prefix"], "", self._heard(job)
            )

    def _heard(self, job: str) -> Callable[[bytes], None]:
        return lambda event: self._events.append((job, event))

    def _sleep(self, seconds: float) -> None:
        self.waited += seconds
        events, self._events = self._events, []
        for job, event in events:
            getattr(index, f"{job}_handler")(event, SimpleNamespace(function=SimpleNamespace(timeout=120)))


@pytest.fixture
def triggers(box: Sandbox, tmp_path, monkeypatch) -> Triggers:
    render(box.answers(), tmp_path)
    return Triggers(box, monkeypatch, resources(tmp_path, lambda name: ""))


@pytest.mark.parametrize("there", [PASSES, ("reconcile",), ("compare",), ()])
def test_a_trigger_on_the_log_bucket_that_is_gone_is_a_warning_that_names_its_job(box, handler, triggers, there):
    triggers.add(*there)
    report = handler(box)
    texts = [check["seen"] for check in report["checks"] if check["state"] == "warning" and "passes/" in check["seen"]]
    gone = [job for job in PASSES if job not in there]
    assert [job for job in PASSES if job in json.dumps(texts)] == gone
    # Both are waited for at once, and nothing is left of it.
    assert triggers.waited == (20 if gone else 1)
    assert not [name for name in box.oss.objects(box.log_bucket) if "/ping-" in name]


def test_compare_is_seen_to_wake_where_oms_does_not_say_what_it_compares_with(box, handler, triggers):
    triggers.add(*PASSES)
    box.oms.faults.add(Fault.status(503))
    assert says(handler(box), "pass triggers", "ok")
