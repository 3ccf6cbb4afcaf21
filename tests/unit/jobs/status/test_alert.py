"""Alarms: the text names the failure, its start and the remedy, in the project's language.

Each run of status writes a log line with the numbers of an alarm.
"""

from __future__ import annotations

import logging

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import Reason
from sandbox.robots import KEYWORD
from support.status import EARLY, WatchedWorld, change_description, count_series
from support.world import ROOT, TASK

STATES = ("in step", "behind", "broken", "closed")


@pytest.fixture
def world() -> WatchedWorld:
    """Return a world whose verdict is "in step", and whose webhook has received the alarm about this verdict."""
    watched = WatchedWorld()
    watched.tick_often(2)
    return watched


def test_an_alarm_has_a_verdict_a_time_a_command_and_a_remedy(world):
    world.change_to("broken", ticks=1)
    assert world.alarms[-1]["message"] == (
        "oss-oms-sync oss-oms-sync: BROKEN (was in step)\n"
        f"CREDENTIALS: {Reason.CREDENTIALS.fix.en}\n"
        "Waiting to be resent: 1 since 2026-03-10T12:30:00Z. Failed copies: 0."
        " First detected at 2026-03-10T12:45:00Z.\n"
        "No object is lost: replay resends the failed objects when the faults are fixed. To list each fault with its"
        " remedy, run in the project's folder: python3 ops.py doctor."
    )
    world.advance(24 * 3600)
    world.tick("status")
    assert world.alarms[-1]["message"].startswith("oss-oms-sync oss-oms-sync: still BROKEN\nCREDENTIALS: ")


def test_an_alarm_is_in_chinese_if_the_project_asks_for_chinese():
    world = WatchedWorld(ALERT_LANGUAGE="zh", PROJECT="photos-sync")
    world.tick_often(2)
    world.change_to("broken", ticks=1)
    first, sentence, *numbers, following = world.alarms[-1]["message"].split("\n")
    assert first == "oss-oms-sync photos-sync：有故障（此前：已同步）"
    assert Reason.CREDENTIALS.fix.zh in sentence
    assert numbers == ["待重发：1（最早：2026-03-10T12:30:00Z）。复制失败：0。首次发现：2026-03-10T12:45:00Z。"]
    assert "python3 ops.py doctor" in following


def test_an_alarm_has_machine_readable_fields(world):
    world.change_to("behind", ticks=2)
    alarm = world.alarms[-1]
    del alarm["message"]
    assert alarm == {
        "project": "oss-oms-sync",
        "task": TASK,
        "source": "photos",
        "verdict": "behind",
        "alarm": False,
        "before": "in step",
        "since": "2026-03-10T12:45:00Z",
        "at": "2026-03-10T13:00:00Z",
        "text": "1 object has been waiting to be resent since 2026-03-10T12:30:00Z. Replay resends failed"
        " objects automatically.",
        "next": "For details, run in the project's folder: python3 ops.py status. If the backlog still grows after an"
        " hour, check the setup: python3 ops.py doctor.",
        "waiting": 1,
        "at_least": False,
        "oldest": "2026-03-10T12:30:00Z",
        "copy_failures": 0,
        "task_group": None,
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_alarm_has_the_keyword_and_a_length_that_chats_accept(language):
    world = WatchedWorld(ALERT_LANGUAGE=language)
    for state in STATES:
        world.change_to(state, ticks=3 if state in ("in step", "behind") else 1)
    assert world.states == [*STATES]
    for text in world.hook.texts:
        assert KEYWORD in text
        assert text.count("\n") == 3
        assert len(text.encode()) <= 2000


def read_log_line(world: WatchedWorld, caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    with caplog.at_level(logging.INFO):
        caplog.clear()
        world.tick("status")
    (numbers,) = [record.msg for record in caplog.records if "verdict" in record.msg]
    return numbers


def test_the_log_line_of_status_has_the_numbers_of_its_alarm(world, caplog):
    world.change_to("behind")
    count_series(world, REQUEST={60: 3}, SUCCESS={60: 1})
    world.count_objects(EARLY, REQUEST=2, FAILURE=2)
    world.advance(600)
    assert read_log_line(world, caplog) == {
        "verdict": "behind",
        "alarm": False,
        "text": "1 object has been waiting to be resent since 2026-03-10T12:30:00Z. Replay resends failed"
        " objects automatically.",
        "waiting": 1,
        "at_least": False,
        "oldest": "2026-03-10T12:30:00Z",
        "backlog_age": 600,
        "copy_failures": 2,
        "overdue": 2,
        "lag_p50": None,
        "lag_p99": None,
        "reconcile_age": 2400,
        "compare_age": None,
        "open_passes": 0,
    }


def test_the_log_line_of_status_has_null_for_unknown_numbers(world, caplog):
    counters = ("acceptance_request", "success_object", "failure_object", "skip_object")
    change_description(world, **dict.fromkeys(f"monthly_{name}" for name in counters))
    unknown = dict.fromkeys(("copy_failures", "overdue", "oldest", "backlog_age"))
    numbers = read_log_line(world, caplog)
    assert numbers == {**numbers, **unknown, "waiting": 0}


def test_an_alarm_has_unknown_waiting_keys_if_a_run_file_is_unreadable():
    world = WatchedWorld()
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"?"))
    world.tick_often(2)
    (alarm,) = world.alarms
    unknown = "Waiting to be resent: unknown." in alarm["message"]
    assert alarm["waiting"] == 0
    assert alarm["at_least"] is True
    assert unknown is True
