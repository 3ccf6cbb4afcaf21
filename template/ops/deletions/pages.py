"""The pages of a list of deletions, stored in a file so that an interrupted command can continue.

FILE.part has one JSON text on each line. The first line names the comparison and the time of the first request, and
each further line is a page. Memory holds a single page, however long the list is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ops.clock import timestamp
from ops.session import unwritable_error
from oss_oms_sync.answers.codec import UnreadableError, from_json, parse_timestamp, to_json
from oss_oms_sync.answers.deletions import DeletionsAnswer
from oss_oms_sync.rules.deletions import MAX_LIST_AGE


@dataclass(frozen=True)
class _Head:
    """The first line of the file: the comparison from which the list is made, and the time of the first request."""

    comparison: str
    begun: str


class Pages:
    """The stored pages of a list of deletions.

    `after` is the key after which the next page begins, or None after the last page.
    """

    def __init__(self, file: Path, now: datetime) -> None:
        """Load the pages of an interrupted command, unless they are too old or the file is unreadable."""
        self.file = file
        self.comparison = ""
        self.request_time = timestamp(now)
        self.after: str | None = ""
        size = self._load(now)
        if size:
            with file.open("r+b") as stream:
                stream.truncate(size)

    def _load(self, now: datetime) -> int:
        """Load the complete pages, and return their size in bytes.

        An interrupted write leaves an incomplete last line, which is ignored.
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
                        self.comparison, self.request_time = head.comparison, head.begun
                    else:
                        self.after = from_json(DeletionsAnswer, json.loads(line)).after
                    size += len(line)
        except (OSError, UnreadableError, ValueError):
            self.comparison, self.request_time, self.after, size = "", timestamp(now), "", 0
        return size

    def add(self, page: DeletionsAnswer, now: datetime) -> bool:
        """Store the next page. If it belongs to a newer comparison, start over with an empty list and return False.

        Raises UsageError if the file cannot be written.
        """
        is_of_same_comparison = page.facts.comparison == self.comparison
        is_first = not self.comparison
        if not is_of_same_comparison:
            self.comparison, self.request_time, self.after = page.facts.comparison, timestamp(now), ""
        if is_of_same_comparison or is_first:
            self.after = page.after
        head_line = b"" if is_of_same_comparison else _to_line(_Head(self.comparison, self.request_time))
        try:
            with self.file.open("ab" if is_of_same_comparison else "wb") as stream:
                stream.write(head_line + (_to_line(page) if is_of_same_comparison or is_first else b""))
        except OSError as error:
            raise unwritable_error(error) from None
        return is_of_same_comparison or is_first

    def __iter__(self) -> Iterator[DeletionsAnswer]:
        with self.file.open("rb") as stream:
            next(stream)
            for line in stream:
                yield from_json(DeletionsAnswer, json.loads(line))

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)


def _to_line(value: _Head | DeletionsAnswer) -> bytes:
    return json.dumps(to_json(value)).encode() + b"\n"
