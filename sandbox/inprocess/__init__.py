"""Both clouds and Function Compute, simulated in one process and in virtual time.

The services are the sandbox's own code on another platform: the loop's clock jumps to the next event, and function
calls replace sockets and processes. Nothing runs in parallel, and simultaneous events happen in a fixed order, so a
seed always gives the same run.

Only `Sandbox` itself and tests/system show the effects of processes and sockets: the cost of imports, signals, a
function's output, TLS, and bytes on the wire.
"""

from sandbox.inprocess.world import VirtualSandbox

__all__ = ["VirtualSandbox"]
