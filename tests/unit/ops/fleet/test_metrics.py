"""Metrics of projects, which Prometheus's own parser reads, with the alert rules and the dashboard."""

from __future__ import annotations

import json
import operator
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ops.fleet import metrics
from ops.fleet.overview import ClosingOverview, Member, StatusOverview
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.status_answer import VerdictState
from tools.package import ROOT

MONITORING = ROOT / "docs" / "monitoring"
GOLDEN = Path(__file__).with_name("metrics.prom")
ANSWER = json.loads((ROOT / "tests" / "answers" / "made" / "status.json").read_text())
STATUS = from_json(StatusOverview, ANSWER)
ANSWER_TIME = 1_767_312_000  # 2026-01-02T00:00:00Z, the time of the answer
RULES = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
_EXPRESSION = re.compile(r'(time\(\) - )?(\w+)(?:\{(\w+)="([^"]+)"\})? (==|>) (\d+)')


def member(name: str = "photos", status: StatusOverview | None = STATUS) -> Member:
    return Member(name, Path("/projects") / name, status)


def member_in_state(state: VerdictState, *, alarm: bool = False) -> Member:
    return member(status=replace(STATUS, verdict=replace(STATUS.verdict, state=state, alarm=alarm)))


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return the values that Prometheus reads from a text, by metric and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_metrics_equal_those_of_the_golden_file():
    assert metrics.format_metrics([member(), member("videos", None)]) == GOLDEN.read_text()


def test_the_metrics_contain_the_time_of_the_go_certificate():
    closed_status = replace(STATUS, closed=ClosingOverview("0007-20260101T230000Z-go.json"))
    text = metrics.format_metrics([member(status=closed_status)])
    assert samples(text)["oss_oms_sync_certificate_timestamp_seconds", "photos"] == ANSWER_TIME - 3600


def test_the_metrics_escape_hostile_project_names_in_labels():
    name = 'a"b\\c\nd'
    assert samples(metrics.format_metrics([member(name)]))["oss_oms_sync_alarm", name] == 0


def test_the_metrics_keep_the_last_success_of_a_project_without_an_answer(tmp_path):
    file = tmp_path / "sync.prom"
    metrics.write(file, [member(), member("videos", None)])
    metrics.write(file, [member(status=None), member("videos", None)])
    values = samples(file.read_text())
    assert values["oss_oms_sync_last_success_timestamp_seconds", "photos"] == ANSWER_TIME
    assert values["oss_oms_sync_last_success_timestamp_seconds", "videos"] == 0
    assert values["oss_oms_sync_verdict", "photos", "unknown"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sync.prom"]


def fires(expression: str, text: str, now: float) -> bool:
    """Evaluate an expression in the form of the alert rules; return True if the alert fires at `now`."""
    match = _EXPRESSION.fullmatch(expression)
    assert match, expression
    is_age, name, label, wanted_label, sign, limit = match.groups()
    compare = {"==": operator.eq, ">": operator.gt}[sign]
    values = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and (label is None or sample.labels[label] == wanted_label)
    ]
    assert values, f"{name} does not exist"
    return any(compare(now - value if is_age else value, float(limit)) for value in values)


CALM_MEMBER = member_in_state(VerdictState.IN_STEP)
TROUBLES = {
    "OssOmsSyncBroken": (member_in_state(VerdictState.BROKEN), ANSWER_TIME),
    "OssOmsSyncUnknown": (member(status=None), ANSWER_TIME),
    "OssOmsSyncBehind": (member_in_state(VerdictState.BEHIND), ANSWER_TIME),
    "OssOmsSyncClosed": (member_in_state(VerdictState.CLOSED), ANSWER_TIME),
    "OssOmsSyncAlarm": (member_in_state(VerdictState.CLOSED, alarm=True), ANSWER_TIME),
    "OssOmsSyncSilent": (CALM_MEMBER, ANSWER_TIME + 3601),
}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_each_alert_fires_during_its_problem_and_ends_after_it(rule):
    trouble, alert_time = TROUBLES[rule["alert"]]
    assert fires(rule["expr"], metrics.format_metrics([trouble]), alert_time)
    assert not fires(rule["expr"], metrics.format_metrics([CALM_MEMBER]), ANSWER_TIME)


def test_every_verdict_except_in_step_has_an_alert():
    alerted = {state for rule in RULES for state in re.findall(r'state="([^"]+)"', rule["expr"])}
    assert alerted == {state.value for state in VerdictState} - {VerdictState.IN_STEP.value}


def test_the_dashboard_uses_only_metrics_that_exist():
    text = (MONITORING / "dashboard.json").read_text()
    names = {family.name for family in text_string_to_metric_families(GOLDEN.read_text())}
    names.add("oss_oms_sync_certificate_timestamp_seconds")
    used_metrics = set(re.findall(r"oss_oms_sync_\w+", text))
    assert used_metrics <= names
    assert names <= used_metrics
