"""Tests of the first steps of `make demo`."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from sandbox import Sandbox
from sandbox.demo import language
from sandbox.demo.acts import print_replay
from sandbox.demo.inventory import EXISTING_KEYS, make_contents, take_inventory
from sandbox.demo.project import migrate, set_up
from tools.render import render


def test_the_demo_runs_setup_and_migrate_and_prints_their_steps(tmp_path):
    console = Console(record=True, width=200)
    with Sandbox(bare=True, forks=True) as box:
        render(box.answers(), tmp_path)
        set_up(box, tmp_path, console)
        output = console.export_text().splitlines()
        assert f"  create log bucket {box.log_bucket}: private, in {box.region}" in output
        assert any(line.startswith("  change s.yaml: write SYNC_URL, ") for line in output)
        assert len(output) < 22
        assert box.task.sync_url in (tmp_path / "s.yaml").read_text()
        assert f"{box.answers()['functionName']}_HW_SK" in box.secrets

        # THEN a task group copies the existing objects, and the inventory counts them
        for key in EXISTING_KEYS:
            box.oss.put(box.source_bucket, key, make_contents(key))
        box.deploy_project(tmp_path)
        migrate(box, tmp_path, console)
        assert f"{len(EXISTING_KEYS)} copied, 0 skipped, 0 failed" in console.export_text()
        inventory = take_inventory(box, set())
        assert inventory.problems() == []
        assert inventory.missing_keys == set()
        assert inventory.old_keys == set(EXISTING_KEYS)


@pytest.mark.parametrize(
    ("code", "line"),
    [("en", r"The timer invokes replay: 3 .+ 2 .+ 1 left\."), ("zh", r"定时触发器.+ 3 .+ 2 .+ 1 个。")],
)
def test_the_demo_prints_its_counts_in_the_language_of_the_locale(monkeypatch, code, line):
    monkeypatch.setattr(language, "LANGUAGE", code)
    console = Console(record=True, width=200)
    print_replay(console, {"taken": 3, "accepted": 2, "left": 1})
    assert re.fullmatch(line, console.export_text().strip())
