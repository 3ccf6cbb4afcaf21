"""Both clouds and Function Compute on loopback, as strict as the real ones.

with Sandbox() as box:
    box.deploy(Path("template/code"))
    box.bucket("photos").put_object("a.jpg", b"...")
    box.wait_idle(timeout=10)
    assert box.task.destination["a.jpg"].data == b"..."
"""

from sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]
