"""The functions' unit tests, run by the interpreters and with the libraries of Function Compute's runtimes."""

import os
import subprocess
import sys

import pytest

from sandbox import runtimes
from sandbox.runtimes.__main__ import main
from support.machine import find_python, skip_or_fail
from tools.package import ROOT
from tools.render import render

CODE = ROOT / "template" / "code"
# These tests are of other code: documents, the vendor's signer, commands of the user's machine.
IGNORED_PATHS = [
    "test_chinese.py",
    "test_documents.py",
    "test_former_words.py",
    "test_language.py",
    "test_rush.py",
    "clouds/test_signers.py",
    "clouds/test_oms_lists.py",
    "jobs/doctor",
    "ops/canary",
    "ops/checklist",
    "ops/clouds",
    "ops/migrate",
    "ops/report",
    "ops/setup",
    "ops/cost/test_estimate.py",
    "ops/fleet/test_metrics.py",
    "ops/certificate/test_leaves.py",
    "ops/certificate/test_docs_certificate.py",
]
# The unit tests of the modules that call libraries. The tests over sockets run all jobs on the newest runtime.
CALLERS_OF_LIBRARIES = ["clouds", "delivery", "ledger", "test_events.py", "test_index.py"]


@pytest.fixture(params=runtimes.NAMES)
def runtime(request):
    """Return a runtime; skip the test if this machine lacks the runtime's Python version."""
    runtime = runtimes.load_runtime(request.param)
    if not runtime.has_own_version:
        skip_or_fail(str(runtime))
    return runtime


def run(runtime, *arguments, libraries=()):
    """Run the runtime's interpreter with the runtime's libraries and `libraries`, without those of the tests."""
    path = os.pathsep.join(map(str, [runtime.libraries, *libraries]))
    return subprocess.run(
        [runtime.interpreter, "-S", "-s", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "SCHEDULES": "20", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_module_can_be_imported_on_each_runtime(runtime):
    process = run(
        runtime,
        "-c",
        "import importlib, pkgutil, index, oss_oms_sync, sys\n"
        "for module in pkgutil.walk_packages(oss_oms_sync.__path__, 'oss_oms_sync.'):\n"
        "    importlib.import_module(module.name); print(module.name)\n"
        "print(sys.version.split()[0])",
        libraries=[CODE],
    )

    assert process.returncode == 0, process.stderr
    *modules, version = process.stdout.split()
    assert version == runtime.version
    assert len(modules) == len(list((CODE / "oss_oms_sync").rglob("*.py"))) - 1


@pytest.mark.extras
def test_the_unit_tests_of_the_functions_pass_on_each_runtime(runtime):
    tests = runtimes.load_runtime(f"{runtime.name}-tests")
    places = [""] if runtime.name == min(runtimes.NAMES) else CALLERS_OF_LIBRARIES

    process = run(
        runtime,
        *(
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--confcutdir=tests/unit",
            "--hypothesis-profile=ci",
            "-m",
            "not long and not law and not part",
        ),
        *(f"--ignore=tests/unit/{name}" for name in IGNORED_PATHS),
        *(f"tests/unit/{place}" for place in places),
        libraries=[tests.libraries],
    )

    assert process.returncode == 0, process.stdout[-5000:] + process.stderr


def test_the_runtimes_parse_the_option_since_alike(runtime, box, tmp_path):
    render(box.answers() | {"runtime": runtime.name}, tmp_path)
    box.deploy_project(tmp_path)
    for since in ("2026-01-01T00:00:00.5Z", "20260101"):
        invocation = box.fc.invoke("reconcile", f'{{"since": "{since}"}}'.encode())
        assert invocation.outcome == "returned", invocation.error_message
        assert invocation.value["finished"]


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """Hide all interpreters of this machine except that of the tests; return a folder for other interpreters."""
    for variable, *_ in runtimes._FOLDERS:
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    return tmp_path


SHIM_PATH, INTERPRETER_PATH = "shims/python3.10", "PYENV_ROOT/versions/3.10.13/bin/python3.10"


@pytest.mark.parametrize(
    ("scripts", "interpreter"),
    [
        ({}, None),
        ({SHIM_PATH: "exit 127", INTERPRETER_PATH: "echo 3.10.13"}, INTERPRETER_PATH),
        ({SHIM_PATH: "echo 3.1.0"}, None),
    ],
    ids=["no interpreter", "a shim that fails", "an interpreter of another version than its name"],
)
def test_a_runtime_uses_the_interpreter_of_the_tests_if_no_other_fits(bare_machine, scripts, interpreter):
    for name, text in scripts.items():
        path = bare_machine / name
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    expected = (str(bare_machine / interpreter), "3.10.13") if interpreter else (sys.executable, sys.version.split()[0])
    assert runtimes.find_interpreter("python3.10") == expected


@pytest.mark.parametrize(
    ("requires_tools", "version", "outcome"),
    [("1", "3.10", pytest.fail.Exception), ("", "3.10", pytest.skip.Exception), ("1", "3.11", pytest.skip.Exception)],
)
@pytest.mark.usefixtures("bare_machine")
def test_a_missing_interpreter_fails_a_test_where_tools_are_required(monkeypatch, requires_tools, version, outcome):
    monkeypatch.setenv("REQUIRE_TOOLS", requires_tools)
    monkeypatch.setattr(runtimes, "_OWN_INTERPRETER", (sys.executable, "3.13.5"))
    monkeypatch.setattr(sys, "executable", "/no/such/python3")

    with pytest.raises(outcome, match=f"no Python {version}"):
        find_python(version)


@pytest.mark.parametrize(
    ("versions", "missing_versions"),
    [(("3.12.1", "3.10.13"), []), (("3.12.1", "3.13.5"), ["3.10"]), (("3.13.5", "3.13.5"), ["3.12", "3.10"])],
)
def test_the_error_about_missing_interpreters_names_the_next_step(mocker, tmp_path, capsys, versions, missing_versions):
    mocker.patch("sandbox.runtimes.ROOT", tmp_path)
    for name, version in zip(runtimes.NAMES, versions, strict=True):
        (tmp_path / name).mkdir()
        runtimes.write_interpreter(tmp_path / name, sys.executable, version)

    assert main() == (1 if missing_versions else 0)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" is missing")[0] for line in lines] == [f"Python {version}" for version in missing_versions]
    assert all(f"`pyenv install {version}`" in line for line, version in zip(lines, missing_versions, strict=True))
