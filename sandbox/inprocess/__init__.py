"""Both clouds and Function Compute within one process and in virtual time.

The services are the sandbox's own code on another platform: the loop's clock jumps to the next event, and function
calls replace sockets and processes. Nothing runs in parallel, and simultaneous events happen in a fixed order, so a
seed always gives the same run.

Effects of processes and sockets are visible only in `Sandbox` itself, and in tests/system: the cost of an import and
its libraries, signals, the output of a function, TLS, bytes on the wire, and unshared memory.
"""

from sandbox.inprocess.world import InProcess

__all__ = ["InProcess"]
