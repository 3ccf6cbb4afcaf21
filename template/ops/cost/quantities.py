"""Parsers of command-line values: numbers of objects, sizes, rates, prefixes and times.

Each raises ValueError with a Text for an unreadable value, and OverflowError for a value beyond all limits.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime

from oss_oms_sync.answers.bandwidth import MIN_BANDWIDTH, Window
from oss_oms_sync.answers.text import Text, t

_UNIT_EXPONENTS = {"": 0, "k": 1, "m": 2, "g": 3, "b": 3, "t": 4, "p": 5}
_UNIT_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "day": 86400}
_DAY_SECONDS = 86400
_MAX_NUMBER = 1e21
# A time of day; OMS does not accept 24:00.
_CLOCK_PATTERN = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_MIN_BYTES_PER_SECOND, _MAX_BYTES_PER_SECOND = 1_000_000, 200_000_000


def parse_count(text: str) -> int:
    """Parse a number of objects, such as 250000, 250,000 or 10M."""
    return round(_parse_scaled(text, 1000, r"([kmbgt]?)", t("a number of objects (such as 10M)")))


def parse_size(text: str) -> int:
    """Parse a size and return bytes, such as 500GB or 1.5 TB (powers of 1000), or 200TiB (powers of 1024)."""
    expected_form = t("a size (such as 200TB)")
    if re.search("[kmgtp]i", text, re.IGNORECASE):
        return round(_parse_scaled(text, 1024, r"([kmgtp])ib?", expected_form))
    return round(_parse_scaled(text, 1000, r"([kmgtp]?)b?", expected_form))


def parse_window(text: str) -> Window:
    """Parse a bandwidth limit by the time of day, such as 08:00-19:59=5MB/s.

    A megabyte has 1,000,000 bytes. A limit of 1 MB/s is raised to OMS's minimum, which is a little more.
    """
    expected_form = t("a bandwidth limit (such as 08:00-19:59=5MB/s)")
    match = re.fullmatch(rf"({_CLOCK_PATTERN})-({_CLOCK_PATTERN})=(.+)/s", text.strip())
    if not match:
        raise ValueError(t("{text!r} is not {wanted}", text=text, wanted=expected_form))
    start, end, speed = match.groups()
    if start >= end:
        problem = t(
            "{text!r} extends past midnight: pass two windows, and write 23:59 for the end of the day", text=text
        )
        raise ValueError(problem)
    bandwidth = round(_parse_scaled(speed, 1000, "([kmg])b", expected_form))
    if not _MIN_BYTES_PER_SECOND <= bandwidth <= _MAX_BYTES_PER_SECOND:
        raise ValueError(t("{text!r}: OMS accepts limits from 1 to 200 MB/s", text=text))
    return Window(start, end, max(bandwidth, MIN_BANDWIDTH))


def parse_daily_rate(text: str) -> int:
    """Parse a rate, such as 1M, 1M/day, 40000/h or 50/s, and return objects a day."""
    number, _, unit = text.partition("/")
    unit = unit.strip().lower() or "day"
    expected_form = t("a rate (such as 1M/day or 50/s)")
    if unit not in _UNIT_SECONDS:
        raise ValueError(t("{text!r} is not {wanted}", text=text, wanted=expected_form))
    return round(_parse_scaled(number, 1000, r"([kmbgt]?)", expected_form) * _DAY_SECONDS / _UNIT_SECONDS[unit])


def parse_prefix(text: str) -> str:
    """Return the prefix; refuse a prefix that the functions would refuse."""
    if text.startswith("/"):
        raise ValueError(
            t('{text!r}: no object key begins with "/". Write {better!r}', text=text, better=text.lstrip("/"))
        )
    return text


def parse_start_time(text: str) -> str:
    """Parse a day or a time in UTC, and return it in the ISO 8601 form of the functions' payloads."""
    try:
        datetime.fromisoformat(text.strip().upper().replace("Z", "+00:00"))
    except ValueError:
        problem = t("{text!r} is not a time: write a time such as 2026-01-31 or 2026-01-31T08:00:00Z", text=text)
        raise ValueError(problem) from None
    return text.strip()


def unescape_key(text: str) -> str:
    r"""Decode a key written with JSON's escapes, such as `a\u0000b`.

    Printed commands escape invisible characters and characters that a shell would lose.
    """
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        raise ValueError(t("{text!r} has invalid JSON escapes", text=text)) from None


def whole_number_parser(minimum: int, maximum: int | None = None) -> Callable[[str], int]:

    def parse_number(text: str) -> int:
        number = int(text) if text.strip().isascii() and text.strip().isdigit() else -1
        if maximum is None and number < minimum:
            raise ValueError(t("{text!r} is not a whole number of {least} or more", text=text, least=minimum))
        if maximum is not None and not minimum <= number <= maximum:
            raise ValueError(
                t("{text!r} is not a whole number from {least} to {most}", text=text, least=minimum, most=maximum)
            )
        return number

    return parse_number


def parse_dollars(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 <= price < math.inf:
        raise ValueError(t("{text!r} is not a price: write dollars, such as 0.09", text=text))
    return price


def _parse_scaled(text: str, unit_base: int, unit: str, expected_form: Text) -> float:
    match = re.fullmatch(rf"(\d[\d,_]*(?:\.\d+)?)\s*{unit}", text.strip(), re.IGNORECASE)
    if not match:
        raise ValueError(t("{text!r} is not {wanted}", text=text, wanted=expected_form))
    number = float(match[1].replace(",", "").replace("_", "")) * float(unit_base ** _UNIT_EXPONENTS[match[2].lower()])
    if number > _MAX_NUMBER:
        raise OverflowError(text)
    return number
