"""The summary of law 1 (no key is dropped) that the test run prints."""

import shutil
import subprocess
import sys

import pytest

from tools.package import ROOT

COUNTING = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_counts(count_schedule, number):
    count_schedule("here", "odd" if number % 2 else "even")
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_the_test_summary_adds_up_the_fault_schedules_of_all_processes(tmp_path, workers):
    # GIVEN tests that count six schedules between them
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_counting.py").write_text(COUNTING)

    # WHEN they run in a single process, or in several
    options = f"-q -p no:cacheprovider -n {workers} --basetemp={tmp_path}/own {tmp_path}"
    words = [sys.executable, "-m", "pytest", *options.split()]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    # THEN the sum is printed
    counts = [line.split() for line in done.stdout.splitlines() if "fault schedules" in line]
    assert [(line[0], line[-1]) for line in counts] == [("3", "even"), ("3", "odd"), ("6", "all")], done.stdout
