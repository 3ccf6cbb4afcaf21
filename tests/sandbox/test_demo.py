"""How `make demo` begins."""

from __future__ import annotations

from rich.console import Console

from sandbox import Sandbox
from sandbox.demo.project import set_up
from tools.render import render


def test_setup_makes_what_the_demo_needs_and_it_says_what_that_is(tmp_path):
    console = Console(record=True, width=200)
    with Sandbox(bare=True) as box:
        render(box.answers(), tmp_path)
        set_up(box, tmp_path, console)
        shown = console.export_text().splitlines()
        assert f"  create log bucket {box.log_bucket}: private, in {box.region}" in shown
        assert any(line.startswith("  change s.yaml: SYNC_URL, ") for line in shown)
        assert len(shown) < 20
        assert box.task.sync_url in (tmp_path / "s.yaml").read_text()
        assert f"{box.answers()['functionName']}_HW_SK" in box.secrets
