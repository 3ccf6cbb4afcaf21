"""What all unit tests share, on the runtimes' interpreters as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.world import World


@pytest.fixture(autouse=True)
def _worlds_end() -> Iterator[None]:
    """What stands in for parts of the process while a world is open is gone after the test."""
    yield
    World.close_all()
