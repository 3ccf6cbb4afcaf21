"""Clocks: deadlines, and the forms of time that the code reads and writes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from oss_oms_sync.clock import Clock, Deadline, parse_http_date, parse_retry_after, parse_time, timestamp
from support.machine import find_python
from support.world import World

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Fri, 02 Jan 2026 00:00:05 GMT", 5.0),
        ("Thu, 01 Jan 2026 00:00:05 GMT", 0.0),
        ("Fri, 02 Jan 2026 00:00:05 -0000", 5.0),
        ("soon", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_parse_retry_after_reads_seconds_and_dates(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


def test_parse_http_date_returns_none_for_a_missing_date():
    assert parse_http_date(None) is None


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_parse_http_date_ignores_the_time_zone_of_the_machine(monkeypatch, zone):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        date = parse_http_date(f"Fri, 02 Jan 2026 00:00:00 {zone}")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert date == NOW
    assert date.tzinfo == timezone.utc


def test_a_deadline_never_returns_a_timeout_of_zero():
    clock = World().clock
    assert Deadline(0, clock).cap(5) > 0
    assert [Deadline(0.5, clock).cap(5), Deadline(3, clock).cap(2)] == [0.5, 2]
    assert Deadline(3, clock).earlier_by(4).remaining() == 0


def test_the_real_clock_returns_times_in_utc(mocker):
    slept = mocker.patch("time.sleep")
    clock = Clock()
    clock.sleep(0.5)
    assert slept.call_args.args == (0.5,)
    assert clock.monotonic() <= clock.monotonic()
    assert clock.now().utcoffset().total_seconds() == 0


TIMES = {
    "2026-01-31": "2026-01-31T00:00:00Z",
    "20260131": "2026-01-31T00:00:00Z",
    "2026-01-31T12": "2026-01-31T12:00:00Z",
    "2026-01-31 12:30": "2026-01-31T12:30:00Z",
    "2026-01-31T12:30:45Z": "2026-01-31T12:30:45Z",
    "20260131T123045Z": "2026-01-31T12:30:45Z",
    "2026-01-31T12:30:45.5Z": "2026-01-31T12:30:45Z",
    "2026-01-31T12:30:45,123456789+00:00": "2026-01-31T12:30:45Z",
    "2026-01-31T12:30:45+0800": "2026-01-31T04:30:45Z",
    "2026-01-31T12:30:45-03:30": "2026-01-31T16:00:45Z",
    "2026-01-31T02:30+08": "2026-01-30T18:30:00Z",
    "0001-01-01": "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z": "9999-12-31T23:59:59Z",
    # Texts without a time.
    **dict.fromkeys(
        (
            *("", "yesterday", "2026-01-32", "2026-0131", "26-01-31", "2026-01-31\n", "2026-01-31T24:00:00Z"),
            *("2026-01-31T12.5Z", "2026-01-31Z", "2026-01-31T12:30:45+99:00", "2026-W05-6", "２０２６-01-31"),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-02:00"),
        )
    ),
}


@pytest.mark.parametrize(("text", "time"), TIMES.items())
def test_parse_time_and_timestamp_convert_iso_8601_times_to_utc(text, time):
    parsed = parse_time(text)
    assert (parsed and timestamp(parsed)) == time
    assert parsed is None or parsed.tzinfo is timezone.utc


@pytest.mark.parametrize("version", ["3.10", "3.12"])
def test_each_python_version_reads_times_alike(version):
    paths = (ROOT / "template" / "code", ROOT / ".runtimes" / f"python{version}")
    code = "import json, sys; from oss_oms_sync.clock import *; t = [*map(parse_time, json.load(sys.stdin))]"
    read = subprocess.run(
        [find_python(version), "-c", f"{code}; print(json.dumps([one and timestamp(one) for one in t]))"],
        input=json.dumps([*TIMES]),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(read.stdout) == [*TIMES.values()]
