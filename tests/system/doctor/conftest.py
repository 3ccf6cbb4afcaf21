"""Doctor in this process."""

from __future__ import annotations

import pytest

from sandbox import Sandbox
from support.doctor import Environment


@pytest.fixture
def handler(in_process):
    def run(box: Sandbox, environment: Environment, credentials: tuple[str, ...] | None = None) -> dict:
        return in_process(box, "doctor", environment=environment, credentials=credentials)

    return run
