"""Parser of OMS's lists of failed copies, which OMS writes to the destination bucket.

Source: Huawei's guide to sync tasks, "Viewing migration results". It names the columns of a line: reason code, time (in
the region's zone), key URL-encoded, key in plain text, and the message of the source's SDK. It specifies neither the
separator of these columns nor the end of a line, so nothing here depends on them: a line names an object if two
neighbouring columns have the same key, in both forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_to_bytes

from oss_oms_sync.answers.layout import task_lists_folder
from oss_oms_sync.clock import parse_time

_SEPARATORS = (b",", b"\t", b";", b"|")
_CODE_PATTERN = re.compile(rb"[A-Z][A-Z0-9_]*")
_DIGIT_PATTERN = re.compile(rb"[0-9]")
# All regions that have sync tasks are in China.
_ZONE = "+08:00"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Maximum bytes of a line: a key of up to 1023 bytes in plain text, and URL-encoded in up to three times as many bytes.
MAX_LINE_BYTES = 16 * 1024


@dataclass(frozen=True)
class CopyFailure:
    """A failed copy in a list. Fields that the line lacks are empty; `at` is then None."""

    key: str
    code: str
    message: str
    at: datetime | None


@dataclass(frozen=True)
class Lines:
    """Lines of a list.

    `end`: the place at which to continue. `unread`: number of lines without a key; `example` is the first of them.
    `open_line`: the last line has no end, so it may still grow: `end` is before it.
    """

    failures: list[CopyFailure]
    end: int
    unread: int
    example: str
    open_line: bool


def lists_folder(task_id: str) -> str:
    """Return the prefix of the names of the lists for this module."""
    return f"{task_lists_folder(task_id)}failed_object_lists/"


def read_lines(body: bytes, start: int, *, begins: bool, ends: bool, most: int) -> Lines:
    """Read lines from `start` on, until `most` of them named an object.

    If no line begins there, the remainder of a line that was read before it had an end is passed over.

    `begins`: `body` begins with the list's first line. `ends`: it ends with the last line; otherwise the last
    LONGEST_LINE bytes are not read, because a line in them may be incomplete.
    """
    newline = b"\n" if b"\n" in body else b"\r"
    failures: list[CopyFailure] = []
    unread: list[bytes] = []
    is_first, open_line = begins and start == 0, False
    if start and body[start - 1 : start] != newline:
        start = _next_line(body, start, newline)
    while start < len(body) and len(failures) < most:
        if not ends and len(body) - start < MAX_LINE_BYTES:
            break
        copy_failure, stop = _read_line(body, start, newline)
        line = body[start:stop].removeprefix(_BYTE_ORDER_MARK).strip()
        if copy_failure:
            failures.append(copy_failure)
        elif line and not (is_first and not _DIGIT_PATTERN.search(line)):
            # A first line without any digit, so without a time, has the columns' titles.
            unread.append(line)
        is_first = False
        open_line = not copy_failure and ends and body[stop - 1 : stop] != newline
        if open_line:
            break
        start = stop
    example = unread[0][:200].decode("utf-8", "replace") if unread else ""
    return Lines(failures, start, len(unread), example, open_line)


def _read_line(body: bytes, start: int, newline: bytes) -> tuple[CopyFailure | None, int]:
    """Return the failure in the line at `start`, and the place where the next line begins.

    A key may contain line ends.
    """
    stop = _next_line(body, start, newline)
    # The key may contain other separators, and even text that looks like two equal keys, but only after its begin.
    pair = min(
        (pair for separator in _SEPARATORS for pair in _pairs(body, start, stop, separator, newline)), default=None
    )
    if pair is None:
        return None, stop
    first, end, raw, separator = pair
    stop = _next_line(body, end, newline)
    try:
        key = raw.decode()
    except UnicodeDecodeError:  # no object has such a key
        return None, stop
    before = [_plain(column) for column in body[start:first].split(separator)[:-1]]
    code = next((column.decode() for column in before if _CODE_PATTERN.fullmatch(column)), "")
    texts = [column.decode("utf-8", "replace") for column in before]
    times = (parse_time(f"{text}{_ZONE}") or parse_time(text) for text in texts)
    message = _plain(body[end + 1 : stop].strip()).decode("utf-8", "replace")
    return CopyFailure(key, code, message, next((time for time in times if time), None)), stop


def _pairs(
    body: bytes, start: int, stop: int, separator: bytes, newline: bytes
) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield each place in a line where two neighbouring columns name the same key.

    Each is given by its begin and end, the key, and the separator.
    """
    begin = start
    for column in body[start:stop].split(separator)[:-1]:
        second = begin + len(column) + 1
        encoded = _plain(column)
        # Otherwise a list in UTF-16 would seem to name keys.
        is_encoded = b"\0" not in encoded
        # A space is "%20" or, in forms, "+". The neighbouring column decides.
        for key in dict.fromkeys((unquote_to_bytes(encoded), unquote_to_bytes(encoded.replace(b"+", b" ")))):
            for form in (key, b'"' + key.replace(b'"', b'""') + b'"'):
                end = second + len(form)
                is_end = end == len(body) or body.startswith((separator, newline, b"\r\n"), end)
                if key and is_encoded and is_end and body.startswith(form, second):
                    yield begin, end, key, separator
                    return
        begin = second


def _next_line(body: bytes, at: int, newline: bytes) -> int:
    end = body.find(newline, at)
    return len(body) if end < 0 else end + 1


def _plain(column: bytes) -> bytes:
    """Return a column without its quotation marks, and without a byte order mark."""
    column = column.removeprefix(_BYTE_ORDER_MARK)
    is_quoted = len(column) > 1 and column[:1] == column[-1:] == b'"'
    return column[1:-1].replace(b'""', b'"') if is_quoted else column
