"""The pages of a list of deletions in a file, so that a command that was interrupted continues.

FILE.part has a line of JSON for each page: the first names the comparison and the time of the first page. Memory holds
one page, however long the list is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ops.clock import timestamp
from ops.session import unwritable
from oss_oms_sync.answers.codec import UnreadableError, from_json, parse_timestamp, to_json
from oss_oms_sync.answers.deletions import DeletionsAnswer
from oss_oms_sync.rules.deletions import MAX_LIST_AGE


@dataclass(frozen=True)
class _Head:
    """The first line: the comparison, and the time of the first look."""

    comparison: str
    begun: str


class Pages:
    """The pages in `file`. `after`: the key after which the next page begins; None at the end."""

    def __init__(self, file: Path, now: datetime) -> None:
        """Read the pages of an interrupted command, unless they are too old or the file is unreadable."""
        self.file = file
        self.comparison = ""
        self.begun = timestamp(now)
        self.after: str | None = ""
        size = self._load(now)
        if size:
            with file.open("r+b") as opened:
                opened.truncate(size)

    def _load(self, now: datetime) -> int:
        """Read the whole pages; return their size in bytes."""
        size = 0
        try:
            with self.file.open("rb") as opened:
                for line in opened:
                    if not line.endswith(b"\n"):
                        break  # the command was interrupted while it wrote
                    if not size:
                        head = from_json(_Head, json.loads(line))
                        if parse_timestamp(head.begun) + MAX_LIST_AGE <= now:
                            return 0
                        self.comparison, self.begun = head.comparison, head.begun
                    else:
                        self.after = from_json(DeletionsAnswer, json.loads(line)).after
                    size += len(line)
        except (OSError, UnreadableError, ValueError):
            self.comparison, self.begun, self.after, size = "", timestamp(now), "", 0
        return size

    def add(self, page: DeletionsAnswer, now: datetime) -> bool:
        """Store the next page; return False if it is of another comparison, and the list begins again.

        Raises UsageError if the file cannot be written.
        """
        is_next = page.facts.comparison == self.comparison
        is_new = not self.comparison
        if not is_next:
            self.comparison, self.begun, self.after = page.facts.comparison, timestamp(now), ""
        if is_next or is_new:
            self.after = page.after
        head = b"" if is_next else _line(_Head(self.comparison, self.begun))
        try:
            with self.file.open("ab" if is_next else "wb") as opened:
                opened.write(head + (_line(page) if is_next or is_new else b""))
        except OSError as error:
            raise unwritable(error) from None
        return is_next or is_new

    def __iter__(self) -> Iterator[DeletionsAnswer]:
        """Yield the pages in order."""
        with self.file.open("rb") as opened:
            next(opened)
            for line in opened:
                yield from_json(DeletionsAnswer, json.loads(line))

    def remove(self) -> None:
        """Delete the file."""
        self.file.unlink(missing_ok=True)


def _line(value: _Head | DeletionsAnswer) -> bytes:
    return json.dumps(to_json(value)).encode() + b"\n"
