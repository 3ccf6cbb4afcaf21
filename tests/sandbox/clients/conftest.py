"""What the vendors' clients share."""

import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Some heed this machine's proxy, which has no business on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
