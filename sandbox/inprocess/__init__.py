"""Both clouds and Function Compute within one process and in virtual time.

The services are those of the sandbox, to the line; only what they stand on is another: a loop whose clock jumps to
whatever comes next, requests that are handed over instead of sent, and instances that are calls instead of processes.
Nothing runs at the same time, and whatever happens at one moment happens in a fixed order: the same seed gives the same
run.

Effects of processes and sockets stay with them (`Sandbox` itself, tests/system): what an import costs and
which libraries it finds, signals, what a function prints, TLS, bytes on the wire, and memory that nobody shares.
"""

from sandbox.inprocess.world import InProcess

__all__ = ["InProcess"]
