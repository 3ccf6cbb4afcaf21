"""Programs that a machine may lack: a test that needs them is skipped, or fails where everything has to be tested."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from sandbox import runtimes


def lack(reason: str) -> NoReturn:
    """Skip the test; fail it where REQUIRE_TOOLS is set."""
    if os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(reason)
    pytest.skip(reason)


def find_python(version: str) -> str:
    """Return an interpreter of this version, such as "3.10". Only the runtimes' versions count as lacking: functions
    run on no other version.
    """
    name = f"python{version}"
    interpreter, actual = runtimes.find_interpreter(name)
    if runtimes.version_fits(name, actual):
        return interpreter
    reason = f"this machine has no Python {version}"
    if name in runtimes.NAMES:
        lack(reason)
    pytest.skip(reason)
