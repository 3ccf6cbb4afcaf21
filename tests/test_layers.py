"""The layout of the code: class names are unique, and import-linter reports upward imports and unknown modules."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
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
    """Return a folder with a copy of the code, which tests may change."""
    shutil.copytree(CODE / "oss_oms_sync", tmp_path / "oss_oms_sync")
    shutil.copytree(CODE.parent / "ops", tmp_path / "ops")
    shutil.copytree(ROOT / "sandbox", tmp_path / "sandbox")
    return tmp_path


def check(code: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on a copy of the code."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", ROOT / "pyproject.toml"]
    return subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)


def test_no_two_classes_of_the_template_have_the_same_name():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "template").rglob("*.py")]
    names = Counter(name for text in texts for name in re.findall(r"^ *class (\w+)\b.*:", text, re.MULTILINE))
    assert [name for name, number in names.items() if number > 1] == []


def test_no_module_of_the_template_imports_from_a_higher_layer(code):
    done = check(code)
    assert done.returncode == 0, done.stdout + done.stderr


# Each in a module, and as what it is named.
UPWARDS = [
    (
        "oss_oms_sync/ledger/records.py",
        "from oss_oms_sync.jobs.forward import forward",
        "oss_oms_sync.ledger.records -> oss_oms_sync.jobs.forward",
    ),
    (
        "oss_oms_sync/ledger/waiting.py",
        "def late():\n    from oss_oms_sync.jobs import forward",
        "oss_oms_sync.ledger.waiting -> oss_oms_sync.jobs.forward",
    ),
    (
        "oss_oms_sync/ledger/state.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from oss_oms_sync.jobs.forward import forward",
        "oss_oms_sync.ledger.state -> oss_oms_sync.jobs.forward",
    ),
    # In the sandbox also sideways.
    ("sandbox/server/faults.py", "from sandbox.server.service import Service", "faults -> sandbox.server.service"),
    ("sandbox/oss/listing.py", "from sandbox.oss.reading import get_object", "listing -> sandbox.oss.reading"),
    ("sandbox/fc/function.py", "from sandbox.oss.service import Oss", "fc.function -> sandbox.oss.service"),
    ("sandbox/oms/task.py", "from sandbox import Sandbox", "sandbox -> sandbox.sandbox"),
    # ops.py knows the function's code by its answers and rules.
    (
        "ops/cutover/cutover.py",
        "from oss_oms_sync.errors import PERMANENT",
        "ops.cutover.cutover -> oss_oms_sync.errors",
    ),
    (
        "ops/certificate/check.py",
        "from oss_oms_sync.clock import timestamp",
        "ops.certificate.check -> oss_oms_sync.clock",
    ),
]


def test_import_linter_reports_upward_imports_and_modules_without_a_layer(code):
    for module, line, _ in UPWARDS:
        with (code / module).open("a") as file:
            file.write(f"\n{line}\n")
    for folder in PACKAGES:
        (code / folder / "homeless.py").write_text("")
    done = check(code)
    assert done.returncode == 1
    assert [what for _, _, what in UPWARDS if what not in done.stdout] == [], done.stdout
    named = re.findall(r"^- (\S+)\.homeless$", done.stdout, re.MULTILINE)
    assert sorted(named) == sorted(folder.replace("/", ".") for folder in PACKAGES)
