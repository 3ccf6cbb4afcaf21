"""Simulated OSS, OMS, OBS and Function Compute on loopback, as strict as the real services.

with Sandbox() as box:
    box.deploy(Path("template/code"))
    box.bucket("photos").put_object("a.jpg", b"...")
    box.wait_idle(timeout=10)
    assert box.task.destination["a.jpg"].data == b"..."
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> object:
    """Import `Sandbox` at its first use, because tests start scripts of this package hundreds of times without it."""
    if name != "Sandbox":
        raise AttributeError(name)
    from sandbox.sandbox import Sandbox

    return Sandbox
