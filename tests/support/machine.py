"""Programs that a machine may lack; a test without them is skipped, or fails if REQUIRE_TOOLS is set."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from sandbox import runtimes


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test, or fail it if REQUIRE_TOOLS is set."""
    if os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(reason)
    pytest.skip(reason)


def find_python(version: str) -> str:
    """Return a Python interpreter of this version, such as "3.10", or skip the test if there is none.

    With REQUIRE_TOOLS, the test fails if the version is that of a runtime.
    """
    name = f"python{version}"
    interpreter, actual = runtimes.find_interpreter(name)
    if runtimes.version_fits(name, actual):
        return interpreter
    reason = f"this machine has no Python {version}"
    if name in runtimes.NAMES:
        skip_or_fail(reason)
    pytest.skip(reason)
