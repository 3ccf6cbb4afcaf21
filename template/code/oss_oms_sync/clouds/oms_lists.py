"""The parser of OMS's lists of failed copies, which OMS writes to the destination bucket.

Source: Huawei's guide to sync tasks, "Viewing migration results". The columns of a line are the reason code, the time
(in the region's zone), the key URL-encoded, the key in plain text, and the message of the source's SDK. The guide
specifies neither the separator nor the end of a line. So a line names an object if two neighbouring columns contain the
same key, URL-encoded and in plain text.
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
# The time zone of the times in the lists: all regions that offer sync tasks are in China.
_ZONE = "+08:00"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Maximum number of bytes in a line. A key has up to 1023 bytes in plain text, and three times as many URL-encoded.
MAX_LINE_BYTES = 16 * 1024


@dataclass(frozen=True)
class CopyFailure:
    """A failed copy in a list of OMS.

    A text that the line lacks is empty, and `at` is None if the line has no time.
    """

    key: str
    code: str
    message: str
    at: datetime | None


@dataclass(frozen=True)
class Lines:
    """The result of reading lines of a list of failed copies.

    - `end`: the position at which to continue reading.
    - `unread_count`: the number of lines without a key; `example` is the first of these lines.
    - `has_open_line`: True if the last line has no line end, so that it may still grow; `end` is then before this line.
    """

    failures: list[CopyFailure]
    end: int
    unread_count: int
    example: str
    has_open_line: bool


def lists_folder(task_id: str) -> str:
    """Return the prefix of the names of a sync task's lists of failed copies."""
    return f"{task_lists_folder(task_id)}failed_object_lists/"


def read_lines(body: bytes, start: int, *, has_list_start: bool, has_list_end: bool, max_failures: int) -> Lines:
    """Read lines from the position `start` on, until `max_failures` of the lines named an object.

    If `start` is in the middle of a line, the line is skipped, because an earlier call has read its beginning.
    `has_list_start` and `has_list_end` are True if `body` has the first and the last line of the list. Without the last
    line, the last MAX_LINE_BYTES bytes are not read, because a line in them may be incomplete.
    """
    newline = b"\n" if b"\n" in body else b"\r"
    failures: list[CopyFailure] = []
    unread_lines: list[bytes] = []
    is_first, has_open_line = has_list_start and start == 0, False
    if start and body[start - 1 : start] != newline:
        start = _find_next_line(body, start, newline)
    while start < len(body) and len(failures) < max_failures:
        if not has_list_end and len(body) - start < MAX_LINE_BYTES:
            break
        copy_failure, line_end = _read_line(body, start, newline)
        line = body[start:line_end].removeprefix(_BYTE_ORDER_MARK).strip()
        if copy_failure:
            failures.append(copy_failure)
        elif line and not (is_first and not _DIGIT_PATTERN.search(line)):
            # A first line without any digit contains no time, so it has the titles of the columns.
            unread_lines.append(line)
        is_first = False
        has_open_line = not copy_failure and has_list_end and body[line_end - 1 : line_end] != newline
        if has_open_line:
            break
        start = line_end
    example = unread_lines[0][:200].decode("utf-8", "replace") if unread_lines else ""
    return Lines(failures, start, len(unread_lines), example, has_open_line)


def _read_line(body: bytes, start: int, newline: bytes) -> tuple[CopyFailure | None, int]:
    """Return the failed copy in the line at `start`, or None, and the position of the next line.

    A key may contain line ends.
    """
    line_end = _find_next_line(body, start, newline)
    # A key may contain other separators, and even a text that looks like two equal keys. The pair that begins first is
    # the right one, because such a text can only follow the beginning of the key.
    key_pair = min(
        (
            key_pair
            for separator in _SEPARATORS
            for key_pair in _find_key_pair(body, start, line_end, separator, newline)
        ),
        default=None,
    )
    if key_pair is None:
        return None, line_end
    pair_start, pair_end, key_bytes, separator = key_pair
    line_end = _find_next_line(body, pair_end, newline)
    try:
        key = key_bytes.decode()
    except UnicodeDecodeError:  # no object has such a key
        return None, line_end
    columns_before_key = [_unquote_column(column) for column in body[start:pair_start].split(separator)[:-1]]
    code = next((column.decode() for column in columns_before_key if _CODE_PATTERN.fullmatch(column)), "")
    texts = [column.decode("utf-8", "replace") for column in columns_before_key]
    times = (parse_time(f"{text}{_ZONE}") or parse_time(text) for text in texts)
    message = _unquote_column(body[pair_end + 1 : line_end].strip()).decode("utf-8", "replace")
    return CopyFailure(key, code, message, next((time for time in times if time), None)), line_end


def _find_key_pair(
    body: bytes, start: int, line_end: int, separator: bytes, newline: bytes
) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield the first place in a line where two neighbouring columns contain the same key.

    A place consists of the start of the first column, the end of the second column, the key, and the separator.
    """
    begin = start
    for column in body[start:line_end].split(separator)[:-1]:
        second_begin = begin + len(column) + 1
        encoded_key = _unquote_column(column)
        # Without this check, a list in UTF-16 would seem to contain keys.
        is_encoded = b"\0" not in encoded_key
        # A space is encoded as "%20", or as "+" in forms. The plain key in the next column decides between the two.
        for key in dict.fromkeys((unquote_to_bytes(encoded_key), unquote_to_bytes(encoded_key.replace(b"+", b" ")))):
            for form in (key, b'"' + key.replace(b'"', b'""') + b'"'):
                end = second_begin + len(form)
                is_end = end == len(body) or body.startswith((separator, newline, b"\r\n"), end)
                if key and is_encoded and is_end and body.startswith(form, second_begin):
                    yield begin, end, key, separator
                    return
        begin = second_begin


def _find_next_line(body: bytes, position: int, newline: bytes) -> int:
    end = body.find(newline, position)
    return len(body) if end < 0 else end + 1


def _unquote_column(column: bytes) -> bytes:
    """Return a column without its quotation marks and without a byte order mark."""
    column = column.removeprefix(_BYTE_ORDER_MARK)
    is_quoted = len(column) > 1 and column[:1] == column[-1:] == b'"'
    return column[1:-1].replace(b'""', b'"') if is_quoted else column
