"""Both clouds and Function Compute within one process and in virtual time.

The services are the sandbox's own code on another platform: a loop whose clock jumps to the next event, requests by
function calls instead of sockets, and instances by function calls instead of processes. Nothing runs in parallel, and
events of a moment happen in a fixed order: a seed always gives the same run.

Only `Sandbox` itself and tests/system show the effects of processes and sockets: the cost of an import and its
libraries, signals, the output of a function, TLS, bytes on the wire, and unshared memory.
"""

from sandbox.inprocess.world import InProcess

__all__ = ["InProcess"]
