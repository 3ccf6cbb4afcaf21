"""Kills the function's process, for real, at a call of its choosing."""

from __future__ import annotations

import os
import signal

from sandbox import Sandbox
from sandbox.server.faults import Fault
from sandbox.server.message import Request


def kill_at(box: Sandbox, step: int, landed: bool) -> list[int]:
    """Kills the process that sends request number `step` with a real SIGKILL when it arrives at either cloud.

    `landed`: the request is carried out all the same; else it is lost with the process. Returns the counted requests.
    """
    seen: list[int] = []

    def strikes(request: Request) -> bool:
        seen.append(len(seen))
        if len(seen) == step + 1 and (pid := box.fc.sender_of(request)):
            os.kill(pid, signal.SIGKILL)
        return len(seen) == step + 1

    for cloud in (box.oss, box.oms):
        cloud.faults.add(Fault.drop_after() if landed else Fault.drop_before(), where=strikes)
    return seen
