"""The function as it runs: in Function Compute's process, between both clouds, over sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox

CODE = Path(__file__).parents[2] / "template" / "code"
RUNTIMES = ["python3.12", "python3.10"]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(params=RUNTIMES)
def deployed(request: pytest.FixtureRequest, box: Sandbox) -> Sandbox:
    """The sandbox with the function on each runtime's own libraries, as `sync`."""
    box.deploy(CODE, runtime=request.param)
    return box
