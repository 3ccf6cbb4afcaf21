"""The function as it runs: in Function Compute's process, between both clouds, over sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox
from tools.render import render

RUNTIMES = ["python3.12", "python3.10"]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(params=RUNTIMES)
def deployed(request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path) -> Sandbox:
    """The sandbox with a rendered project in it, on each runtime's own libraries.

    (tests/package shows that `s init` renders the same.)
    """
    render(box.answers() | {"runtime": request.param}, tmp_path)
    box.deploy_project(tmp_path)
    return box
