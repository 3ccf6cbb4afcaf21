"""Both clouds and Function Compute, simulated in one process and in virtual time.

The services are the sandbox's own code on another platform: the loop's clock jumps to the next event, and function
calls replace sockets and processes. Nothing runs in parallel, and simultaneous events happen in a fixed order, so a
seed always gives the same run.

The effects of processes and sockets are visible only in `Sandbox` itself, and in tests/system: the cost of imports,
signals, the output of a function, TLS, bytes on the wire, and separate memory.
"""

from sandbox.inprocess.world import VirtualSandbox

__all__ = ["VirtualSandbox"]
