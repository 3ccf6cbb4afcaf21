"""Deployments with incomplete settings, which Serverless Devs refuses; it runs all other commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from package.hook import run_hook
from package.tool import CHINESE, commands_in, init, standing_in
from support.answers import ANSWERS
from support.settings import rewrite
from tools.package import ROOT
from tools.render import settings

LATER = ("SYNC_URL", "HW_AK", "HW_SK", "logBucket")
WITHOUT = {name: value for name, value in ANSWERS.items() if name not in LATER}
# The tool's exit code after a failed action.
STOPPED = 101


def test_empty_settings_in_s_yaml_stop_only_a_deployment(tool, built, tmp_path):
    # GIVEN a project before setup
    project = tmp_path / "out"
    output = init(tool, built, project, WITHOUT)
    assert "s.yaml has no SYNC_URL, HW_AK, HW_SK yet: setup creates them in both clouds." in output
    assert "python3 ops.py setup" in commands_in(output)
    assert "secret store" not in output

    # THEN its settings are empty, except for a proposed log bucket, which upgrades keep
    variables = yaml.safe_load((project / "s.yaml").read_text())["vars"]
    assert [variables[name] for name in LATER[:3]] == ["", "", ""]
    assert re.fullmatch("photos-oms-log-[0-9a-f]{4}", variables["logBucket"])
    kept = json.loads((project / "answers.json").read_text())
    assert kept["logBucket"] == variables["logBucket"]
    assert kept["SYNC_URL"] == ""

    # AND the tool deploys nothing, but removes
    with standing_in(tool) as fc3:
        done = tool.run("forward", "deploy", "-y", cwd=project, env={"LANG": "zh_CN"})
        assert done.returncode == STOPPED, done.stdout
        assert "尚未完成设置" in done.stdout
        assert fc3.deployed == {}
        assert "does not exist" in tool.run("remove", "-y", cwd=project).stdout


@pytest.mark.usefixtures("require_tool")
def test_init_proposes_a_valid_log_bucket_for_the_longest_source_name(built, tmp_path):
    done = run_hook(built, tmp_path / "out", {**WITHOUT, "sourceBucket": f"a{'b-' * 30}cd"})
    assert done.returncode == 0, done.stdout
    name = json.loads((tmp_path / "out" / "answers.json").read_text())["logBucket"]
    assert len(name) == 63
    assert re.fullmatch("[a-z0-9-]+-oms-log-[0-9a-f]{4}", name)


@pytest.mark.usefixtures("require_tool")
@pytest.mark.parametrize(
    ("line", "other", "message"),
    [
        ('lanes: "32"', 'lanes: "32"', None),
        ('lanes: "32"', "lanes: 32", 'lanes must be text: write lanes: "32" in s.yaml, in quotes.'),
        ('lanes: "32"', "lanes: 1_6 # ours", "lanes"),
        ('compareDeep: "off"', "compareDeep: true", 'write compareDeep: "on"'),
        ('changeHeaders: "off"', "changeHeaders: true", 'write changeHeaders: "on"'),
        ("statusPeriod: 15m", "statusPeriod:", "statusPeriod"),
        ('objectPrefix: ""', "objectPrefix: 2026-11-27", "objectPrefix"),
        ('objectPrefix: ""', "objectPrefix: [a]", "objectPrefix"),
        ('objectPrefix: ""', "objectPrefix: 1e5", "objectPrefix"),
        ('lanes: "32"', "lanes: &lanes 32", 'write lanes: "32"'),
        ('objectPrefix: ""', "objectPrefix: !!int 5", "objectPrefix"),
        ('objectPrefix: ""', "objectPrefix: !!str 5", None),
        ('objectPrefix: ""', "objectPrefix: &prefix photos/", None),
        ('comparePeriod: "7d"', "comparePeriod: 1d", None),
        ('comparePeriod: "7d"', "comparePeriod: off", None),
        ('objectPrefix: ""', "objectPrefix: 2026/", None),
        ('objectPrefix: ""', "objectPrefix: ${vars.region}", None),
        ('logBucket: "photos-oms-log"', "logBucket: ''", "s.yaml has no logBucket"),
        ("HW_SK: \"${secret('my-sync_HW_SK')}\"", "HW_SK: null", "s.yaml has no HW_SK"),
        ("HW_SK: \"${secret('my-sync_HW_SK')}\"", 'HW_SK: &key "" # ours', "s.yaml has no HW_SK"),
    ],
)
def test_a_deployment_names_a_setting_that_the_cloud_would_refuse(tmp_path, line, other, message):
    write_settings(tmp_path, ANSWERS)
    rewrite(tmp_path / "s.yaml", {f"  {line}": f"  {other}"})
    output = ready(tmp_path)
    assert (message in output) if message else output == ""


@pytest.mark.usefixtures("require_tool")
def test_a_deployment_by_a_web_console_names_the_section_to_read(tmp_path):
    write_settings(tmp_path, WITHOUT | dict.fromkeys(LATER, ""))
    output = ready(tmp_path, "")
    assert "Not set up yet: s.yaml has no SYNC_URL, HW_AK, HW_SK, logBucket." in output
    assert "A web console cannot run setup" in output
    assert not CHINESE.search(output)
    file, heading = re.search(r'\((docs/\w+\.md), "(.+?)"\)', output).groups()
    assert f"\n## {heading}\n" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.usefixtures("require_tool")
def test_a_deployment_checks_only_the_address_of_another_settings_file(tmp_path):
    write_settings(tmp_path, ANSWERS)
    rewrite(tmp_path / "s.yaml", {'lanes: "32"': "lanes: 32"})
    assert ready(tmp_path, "https://oms.example.com/v2/a/sync-tasks/b/events") == ""
    assert "s.yaml has no SYNC_URL" in ready(tmp_path, "")


def write_settings(folder: Path, answers: dict[str, str]) -> None:
    """Write a project's s.yaml and the program that checks its settings, without the other files."""
    (folder / "s.yaml").write_text(settings(answers), encoding="utf-8")
    shutil.copy(ROOT / "template" / "ready.js", folder)


def ready(folder: Path, address: str = ANSWERS["SYNC_URL"]) -> str:
    """Return the message with which Serverless Devs refuses to deploy the project, or "" if it deploys the project."""
    words = ["node", folder / "ready.js", address]
    done = subprocess.run(
        words, env={"PATH": os.environ["PATH"], "LANG": "C"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode == 0) == (done.stderr == "")
    return done.stderr
