"""Doctor in this process."""

from __future__ import annotations

import pytest

from oss_oms_sync.jobs.doctor import flow
from sandbox import Sandbox


@pytest.fixture(autouse=True)
def short_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process nobody waits long for reconcile, which most tests do not deploy."""
    monkeypatch.setattr(flow, "_PING_SECONDS", 0.2)
    monkeypatch.setattr(flow, "_PING_POLL_SECONDS", 0.05)


@pytest.fixture
def handler(in_process):
    """What doctor answers with the sandbox's settings, or with others for some of them."""

    def run(box: Sandbox, *, credentials: tuple[str, ...] | None = None, **settings: str) -> dict:
        return in_process(box, "doctor", environment={**box.environment(), **settings}, credentials=credentials)

    return run
