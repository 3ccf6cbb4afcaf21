"""OMS's lists of the outcome of each object, as files in the destination bucket.

Huawei's guide to sync tasks names the files and the columns of a line. It defines no separator, so tests choose one,
and no escaping of keys, so keys are written raw.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import Literal, Protocol
from urllib.parse import quote

LISTS_ROOT = "oms/sync_task/"
_SUB_TASK = "00000000000000000000000000000001"
_CHINA = timezone(timedelta(hours=8))


class _Put(Protocol):
    def __call__(self, key: str, data: bytes, now: float, /) -> object: ...


class ResultLists:
    """The lists of a task or group, as files below the key `root`.

    `write` writes the lines that were added since its last call, in a file for each kind of outcome. While
    `is_withheld` is True, it keeps them. `separator` is the text between columns.
    """

    def __init__(self, root: str, put: _Put) -> None:
        self.separator: Literal[",", "\t"] = ","
        self.is_withheld = False
        self._root = root
        self._put = put
        self._lines: defaultdict[str, list[str]] = defaultdict(list)
        self._last_number = 0
        self._lock = threading.Lock()

    def add(self, kind: Literal["success", "skip"], key: str, size: int, now: float) -> None:
        self._add_line(kind, _format_local_time(now), key, str(size))

    def add_failed(self, key: str, code: str, message: str, now: float) -> None:
        self._add_line("failed", code, _format_local_time(now), quote(key, safe=""), key, message)

    def write(self, now: float) -> None:
        with self._lock:
            if self.is_withheld:
                return
            for kind, lines in self._lines.items():
                # The number makes each file name unique, even within a millisecond.
                self._last_number = max(self._last_number + 1, int(now * 1000))
                folder = f"{self._root}/{kind}_object_lists/{_SUB_TASK}"
                body = "".join(f"{line}\n" for line in lines).encode()
                self._put(f"{folder}/{self._last_number}.{kind}_list.txt", body, now)
            self._lines.clear()

    def _add_line(self, kind: str, *columns: str) -> None:
        with self._lock:
            self._lines[kind].append(self.separator.join(columns))


def _format_local_time(now: float) -> str:
    return datetime.fromtimestamp(now, _CHINA).strftime("%Y-%m-%d %H:%M:%S")
