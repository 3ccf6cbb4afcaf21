"""The lists in which OMS says what became of each object, in the destination bucket.

Huawei's guide to sync tasks names the files and what is in a line. It does not say what separates the columns, so that
can be chosen, nor how anything is escaped, so nothing is.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import Literal, Protocol
from urllib.parse import quote

LISTS_ROOT = "oms/sync_task/"
_BROKEN_LINE = b"\xff\xfe cut off in the midd"
_CHINA = timezone(timedelta(hours=8))


class _Put(Protocol):
    def __call__(self, key: str, data: bytes, now: float, /) -> object: ...


class ResultLists:
    """The lists of one task under `root`: for each call a file of each kind of outcome that its keys had.

    `separator` is between columns. `broken`: each file gets an unreadable line. `withheld`: files are kept back until
    this is false again and the next keys are copied, or `write` is called. `sub_task` is part of their names.
    """

    def __init__(self, root: str, put: _Put) -> None:
        self.separator: Literal[",", "\t"] = ","
        self.broken = False
        self.withheld = False
        self.sub_task = "00000000000000000000000000000001"
        self._root = root
        self._put = put
        self._lines: defaultdict[str, list[str]] = defaultdict(list)
        self._last = 0
        self._lock = threading.Lock()

    def add(self, kind: Literal["success", "skip"], key: str, size: int, now: float) -> None:
        """A line about an object that was copied or skipped; `size` is in bytes."""
        self._add(kind, _local_time(now), key, str(size))

    def add_failed(self, key: str, code: str, message: str, now: float) -> None:
        """A line about an object that was not copied."""
        self._add("failed", code, _local_time(now), quote(key, safe=""), key, message)

    def write(self, now: float) -> None:
        """Write what came since the last files into new ones."""
        with self._lock:
            if self.withheld:
                return
            for kind, lines in self._lines.items():
                # No two files have the same name, however fast they come.
                self._last = max(self._last + 1, int(now * 1000))
                folder = f"{self._root}/{kind}_object_lists/{self.sub_task}"
                body = "".join(f"{line}\n" for line in lines).encode() + (_BROKEN_LINE if self.broken else b"")
                self._put(f"{folder}/{self._last}.{kind}_list.txt", body, now)
            self._lines.clear()

    def _add(self, kind: str, *columns: str) -> None:
        with self._lock:
            self._lines[kind].append(self.separator.join(columns))


def _local_time(now: float) -> str:
    """In the zone of the region."""
    return datetime.fromtimestamp(now, _CHINA).strftime("%Y-%m-%d %H:%M:%S")
