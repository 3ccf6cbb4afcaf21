"""What all unit tests share, on the runtimes' interpreters as well."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _worlds_end() -> Iterator[None]:
    """What stands in for parts of the process while a world is open is gone after the test."""
    yield
    if "support.world" in sys.modules:
        sys.modules["support.world"].World.close_all()
