"""The check of the layers can fail: for an import upwards, wherever it is, and for a module that has no layer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.package import ROOT

CODE = ROOT / "template" / "code"
PACKAGES = [
    str(path.parent.relative_to(root))
    for root, package in ((CODE, "oss_oms_sync"), (CODE.parent, "ops"), (ROOT, "sandbox"))
    for path in sorted((root / package).rglob("__init__.py"))
]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the function's code, of ops.py's and of the sandbox, to be spoiled."""
    shutil.copytree(CODE / "oss_oms_sync", tmp_path / "oss_oms_sync")
    shutil.copytree(CODE.parent / "ops", tmp_path / "ops")
    shutil.copytree(ROOT / "sandbox", tmp_path / "sandbox")
    return tmp_path


def check(code: Path) -> subprocess.CompletedProcess[str]:
    """It takes the packages from the folder that it is called in."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", ROOT / "pyproject.toml"]
    return subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)


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
    with (code / "oss_oms_sync" / "ledger" / "records.py").open("a") as file:
        file.write(f"\n{line}\n")
    done = check(code)
    assert done.returncode == 1
    assert "oss_oms_sync.ledger.records -> oss_oms_sync.jobs.forward" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "what"),
    [
        ("server/faults.py", "from sandbox.server.service import Service", "faults -> sandbox.server.service"),
        ("oss/listing.py", "from sandbox.oss.reading import get_object", "listing -> sandbox.oss.reading"),
        ("fc/function.py", "from sandbox.oss.service import Oss", "fc.function -> sandbox.oss.service"),
        ("oms/task.py", "from sandbox import Sandbox", "sandbox -> sandbox.sandbox"),
    ],
)
def test_in_the_sandbox_an_import_upwards_or_sideways_is_an_error(code, module, line, what):
    with (code / "sandbox" / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = check(code)
    assert done.returncode == 1
    assert what in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "what"),
    [
        ("cutover.py", "from oss_oms_sync.reasons import PERMANENT", "ops.cutover -> oss_oms_sync.reasons"),
        ("check.py", "from oss_oms_sync.answers.finding import Result", "ops.check -> oss_oms_sync.answers.finding"),
    ],
    ids=["more than answers", "the judge asks the judged"],
)
def test_ops_knows_the_functions_code_by_its_answers_and_who_judges_not_even_those(code, module, line, what):
    with (code / "ops" / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = check(code)
    assert done.returncode == 1
    assert what in done.stdout


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_module_that_has_no_layer_is_an_error(code, folder):
    (code / folder / "homeless.py").write_text("")
    done = check(code)
    assert done.returncode == 1
    assert "homeless" in done.stdout
