"""The pages of a list of deletions, stored in a file so that an interrupted command can continue.

FILE.part is JSON, a line for each page; the first line names the comparison and the time of the first page. Memory
holds a single page, however long the list is.
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
    """The first line of the file: the comparison, and the time when the first page was requested."""

    comparison: str
    begun: str


class Pages:
    """The stored pages; `after` is the key after which the next page begins, and None after the last page."""

    def __init__(self, file: Path, now: datetime) -> None:
        """Load the pages of an interrupted command, unless they are too old or the file is unreadable."""
        self.file = file
        self.comparison = ""
        self.begun = timestamp(now)
        self.after: str | None = ""
        size = self._load(now)
        if size:
            with file.open("r+b") as stream:
                stream.truncate(size)

    def _load(self, now: datetime) -> int:
        """Load the complete pages, and return their size in bytes.

        A write that was interrupted leaves an incomplete last line, which is ignored.
        """
        size = 0
        try:
            with self.file.open("rb") as stream:
                for line in stream:
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
        """Store the next page; return False if it belongs to a newer comparison, so that the list begins again.

        Raises UsageError if the file cannot be written.
        """
        is_next = page.facts.comparison == self.comparison
        is_new = not self.comparison
        if not is_next:
            self.comparison, self.begun, self.after = page.facts.comparison, timestamp(now), ""
        if is_next or is_new:
            self.after = page.after
        head = b"" if is_next else _to_line(_Head(self.comparison, self.begun))
        try:
            with self.file.open("ab" if is_next else "wb") as stream:
                stream.write(head + (_to_line(page) if is_next or is_new else b""))
        except OSError as error:
            raise unwritable(error) from None
        return is_next or is_new

    def __iter__(self) -> Iterator[DeletionsAnswer]:
        """Yield the pages in order."""
        with self.file.open("rb") as stream:
            next(stream)
            for line in stream:
                yield from_json(DeletionsAnswer, json.loads(line))

    def remove(self) -> None:
        """Delete the file."""
        self.file.unlink(missing_ok=True)


def _to_line(value: _Head | DeletionsAnswer) -> bytes:
    return json.dumps(to_json(value)).encode() + b"\n"
