"""Conversion of a function's output to records of Simple Log Service.

Source: LogConfig of Function Compute. Under logBeginRule "DefaultRegex", which `logConfig: auto` deploys, a record is a
line with a date and the lines without a date that follow it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MAX_LINE_BYTES = 128 * 1024


def split_records(lines: Iterable[str]) -> list[str]:
    """Return the log records in an instance's lines of output. Each line is cut off after 128 KB."""
    records: list[list[str]] = []
    for line in lines:
        if _DATE.match(line) or not records:
            records.append([])
        records[-1].append(line.encode()[:_MAX_LINE_BYTES].decode("utf-8", "ignore"))
    return ["\n".join(record) for record in records]


def parse_line(line: str) -> dict[str, Any]:
    """Return the fields of a line of JSON that the project logged, or an empty dict for any other line."""
    time, _, text = line.partition(" ")
    if not _DATE.match(time) or not text.startswith("{"):
        return {}
    try:
        fields: dict[str, Any] = json.loads(text)
    except ValueError:  # the end of a line above 128 KB is missing
        return {}
    return fields
