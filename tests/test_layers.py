"""The check of the layers can fail: for an import upwards, wherever it stands, and for a module that has no layer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.package import ROOT

PACKAGE = Path("oss_oms_sync")


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the function's code, to be spoiled."""
    return Path(shutil.copytree(ROOT / "template" / "code", tmp_path / "code"))


def check(code: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", ROOT / "pyproject.toml"]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_layers_hold(code):
    done = check(code)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "from oss_oms_sync.jobs.forward import forward",
        "def late():\n    from oss_oms_sync.jobs import forward",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from oss_oms_sync.jobs.forward import forward",
    ],
)
def test_an_import_upwards_is_an_error(code, line):
    with (code / PACKAGE / "ledger" / "records.py").open("a") as file:
        file.write(f"\n{line}\n")
    done = check(code)
    assert done.returncode == 1
    assert "oss_oms_sync.ledger.records -> oss_oms_sync.jobs.forward" in done.stdout


def test_a_module_that_has_no_layer_is_an_error(code):
    (code / PACKAGE / "homeless.py").write_text("")
    done = check(code)
    assert done.returncode == 1
    assert "homeless" in done.stdout
