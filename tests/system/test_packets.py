"""Calls that the function abandons while a network between two Linux namespaces loses packets."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.packets import ROOT, has_namespaces


# `python -m benchmarks.packets` does this for partitions of 70, 100 and 135 s. These two see a kernel's packets at 12
# and 24 s, before and after it gives up by itself.
@pytest.mark.extras
@pytest.mark.long
@pytest.mark.skipif(not has_namespaces(), reason="no network namespaces can be made here: run it as root on Linux")
def test_no_request_reaches_a_server_after_its_call_was_abandoned():
    words = [sys.executable, "-m", "benchmarks.packets", "10", "17", "--watched", "15"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
