"""Doctor in this process."""

from __future__ import annotations

import pytest

from oss_oms_sync.jobs.doctor import flow
from sandbox import Sandbox
from support.doctor import Environment


@pytest.fixture(autouse=True)
def short_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process nobody waits long for reconcile, which most tests do not deploy."""
    monkeypatch.setattr(flow, "_PING_SECONDS", 0.2)
    monkeypatch.setattr(flow, "_PING_POLL_SECONDS", 0.05)


@pytest.fixture
def handler(in_process):
    def run(box: Sandbox, environment: Environment, credentials: tuple[str, ...] | None = None) -> dict:
        return in_process(box, "doctor", environment=environment, credentials=credentials)

    return run
