"""A process that a test starts and talks to, and may interrupt."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def start_process(words: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start it; in the end, it is killed if it is still there: whoever waited for it in vain does not wait again."""
    with subprocess.Popen(words, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def allow_interrupts() -> Iterator[None]:
    """What is started within can be interrupted. A shell ignores SIGINT in what it starts in the background, nohup
    SIGHUP, and a process hands that on to those that it starts."""
    numbers = (signal.SIGINT, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
