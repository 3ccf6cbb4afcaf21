"""Changes the core in one place after another, and tells which changes no test notices: `python -m tools.mutants`.

It works in dist/mutants/{module}, on a copy that is laid out as mutmut wants it, with the fast tests of that module
alone. Arguments choose modules.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .package import ROOT

# Each module's tests, which take virtual time. A name that ends in "/" is a folder.
TESTS = {
    "events": ["events"],
    "clouds/obs": ["clouds/obs"],
    "clouds/listings": ["clouds/obs_listing", "clouds/oss_listing", "clouds/pages"],
    "clouds/oms": ["clouds/oms", "delivery/batches"],
    "clouds/retry": ["clouds/retry"],
    "ledger/records": ["ledger/records"],
    "ledger/runs": ["ledger/runs", "jobs/replay/"],
    "ledger/state": ["ledger/state", "jobs/reconcile/", "jobs/replay/"],
    "delivery/batches": ["delivery/batches", "delivery/sender", "jobs/forward"],
    "delivery/sender": ["delivery/sender", "jobs/replay/"],
    "passes/classify": ["passes/", "jobs/reconcile/"],
    "passes/driver": ["passes/driver", "jobs/reconcile/"],
    "passes/listing": ["passes/", "jobs/reconcile/"],
    "passes/marks": ["passes/"],
    "passes/names": ["passes/"],
    "passes/pieces": ["passes/"],
    "passes/scope": ["passes/", "jobs/reconcile/"],
    "passes/states": ["passes/", "jobs/compare/"],
    "passes/store": ["passes/", "jobs/reconcile/"],
    "passes/work": ["passes/", "jobs/reconcile/"],
    "jobs/reconcile": ["jobs/reconcile/"],
    "jobs/forward": ["jobs/forward", "law1"],
    "passes/range_walk": ["jobs/reconcile/", "passes/"],
    "jobs/replay": ["jobs/replay/"],
}
# What mutates a test of another interpreter cannot read.
_OTHER_INTERPRETERS = "not every_runtime"
_SCHEDULES = "60"

_CONFIG = """
[tool.pytest.ini_options]
pythonpath = ["src", ".", "tests"]
addopts = "--strict-markers --import-mode=importlib -p no:cacheprovider --hypothesis-seed=0"
filterwarnings = ["error", "ignore:datetime.datetime.utcnow:DeprecationWarning"]

[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/oss_oms_sync/{module}.py"]
also_copy = ["sandbox"]
pytest_add_cli_args = ["-k", "{keywords}"]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
"""


def test_path(name: str) -> str:
    """The tests that `name` in TESTS means."""
    folder, slash, file = f"tests/unit/{name}".rpartition("/")
    return f"{folder}{slash}test_{file}.py" if file else folder


def copy(module: str) -> Path:
    """A copy of the project as far as it is needed."""
    folder = ROOT / "dist" / "mutants" / module
    shutil.rmtree(folder, ignore_errors=True)  # mutmut would keep what it knows, whatever test is new
    for source, target in (("template/code", "src"), ("tests", "tests"), ("sandbox", "sandbox")):
        shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
    tests = [test_path(name) for name in TESTS[module]]
    config = _CONFIG.format(module=module, keywords=_OTHER_INTERPRETERS, tests=json.dumps(tests))
    (folder / "pyproject.toml").write_text(config)
    return folder


def mutmut(folder: Path, *words: str) -> str:
    """What a command of mutmut prints. Raises CalledProcessError."""
    environment = {**os.environ, "SCHEDULES": _SCHEDULES, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(Path(sys.executable).with_name("mutmut")), *words]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{done.stdout[-5000:]}")
    return done.stdout


def survivors(module: str) -> int:
    """Tries one module's mutants, tells the score, and shows those that survive; returns how many do."""
    folder = copy(module)
    mutmut(folder, "run", "--max-children", "1")
    mutmut(folder, "export-cicd-stats")
    counts = json.loads((folder / "mutants" / "mutmut-cicd-stats.json").read_text())
    alive = [line.split(":")[0].strip() for line in mutmut(folder, "results").splitlines() if "timeout" not in line]
    for name in alive:
        print(mutmut(folder, "show", name))
    died = counts["total"] - len(alive)
    print(f"{module}: {died} of {counts['total']} mutants die, {died / counts['total']:.1%}", flush=True)
    return len(alive)


def main() -> None:
    """Every module, or those that the arguments name."""
    for module in sys.argv[1:] or TESTS:
        survivors(module)


if __name__ == "__main__":
    main()
