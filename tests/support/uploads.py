"""Uploads to the sandbox's source bucket."""

from __future__ import annotations

from sandbox import Sandbox

# Long enough for a loaded machine; only a failing test ever waits for it.
PATIENCE = 60


def upload(box: Sandbox, *keys: str) -> None:
    """Stores an object for each key, whose contents are the key, and waits until all that follows is done."""
    for key in keys:
        box.oss.put(box.source_bucket, key, key.encode())
    box.wait_idle(PATIENCE)
