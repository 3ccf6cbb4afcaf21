"""Which process to kill, and when: at random with a seed, or the one that sent a certain request."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Killer:
    """Chooses invocations to kill, and after how many seconds."""

    probability: float
    within: float
    dice: random.Random
    function: str

    def next(self, function: str) -> float | None:
        """How long this invocation is to live, None for as long as it likes."""
        if self.function not in ("", function) or self.dice.random() >= self.probability:
            return None
        return self.dice.uniform(0, self.within)


def owner_of(port: int, pids: Iterable[int]) -> int | None:
    """The process that has a TCP socket at this port, None where none of these has: proc(5), so on Linux only."""
    sockets = _sockets_at(port)
    return next((pid for pid in pids if not sockets.isdisjoint(_files_of(pid))), None)


def _sockets_at(port: int) -> set[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}


def _files_of(pid: int) -> set[str]:
    files = set()
    with contextlib.suppress(OSError):  # the process, or the file, is gone
        for file in Path(f"/proc/{pid}/fd").iterdir():
            files.add(str(file.readlink()))
    return files
