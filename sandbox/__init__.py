"""Both clouds and Function Compute on loopback, as strict as the real ones.

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
    """Import the sandbox on its first use, because stand-ins for commands start a hundred times in a test."""
    if name != "Sandbox":
        raise AttributeError(name)
    from sandbox.sandbox import Sandbox

    return Sandbox
