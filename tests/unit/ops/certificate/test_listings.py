"""Listings that common tools print: `ops.py check` reads them at any length, and refuses other text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ops.certificate import listings
from ops.errors import UsageError
from support.ops import TEMPLATE

OBJECTS = [("a/1", 5), ("with space\tand tab", 7), ("山/照片.jpg", 0), ("quote\"'\\", 2**40)]
EXPECTED_OBJECTS = [(key.encode(), size) for key, size in OBJECTS]
ANY_BYTES = b"\x1b[31m\r\xc2\x85\xe2\x80\xa8\x00'\"\\u0041"


def rclone_listing(objects) -> str:
    """Return the output of `rclone lsjson` for these objects, with a line for each object and for a folder."""
    entries = [{"Path": key, "Name": key.rpartition("/")[2], "Size": size, "IsDir": False} for key, size in objects]
    entries.insert(1, {"Path": "a", "Name": "a", "Size": -1, "IsDir": True})
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n"


LISTINGS_BY_FORMAT = {
    "rclone": rclone_listing(OBJECTS),
    "one array": json.dumps([{"Key": key, "Size": size} for key, size in OBJECTS], indent=2),
    "JSON lines": "".join(json.dumps({"key": key, "size": size, "more": 1.5}) + "\n" for key, size in OBJECTS),
    "JSON lines on Windows": "\ufeff" + "\r\n".join(json.dumps({"key": k, "size": s}) for k, s in OBJECTS),
    "tabs": "".join(f"{size}\t{key}\n" for key, size in OBJECTS),
    "tabs without a line's end": "\n".join(f"{size}\t{key}" for key, size in OBJECTS),
}


@pytest.fixture
def read(tmp_path):
    """Return a function that writes bytes to a file, and returns the objects that the code reads from this listing."""

    def read(data: bytes) -> list[tuple[bytes, int]]:
        file = tmp_path / "listing"
        file.write_bytes(data)
        return list(listings.read(file))

    return read


@pytest.mark.parametrize("form", LISTINGS_BY_FORMAT)
def test_check_reads_each_listing_format_also_as_powershell_writes_it(read, form):
    text = LISTINGS_BY_FORMAT[form]
    assert read(text.encode()) == EXPECTED_OBJECTS
    text = text.replace("\r\n", "\n").removeprefix("\ufeff").replace("\n", "\r\n")
    assert read(text.encode("utf-16")) == EXPECTED_OBJECTS


@pytest.mark.parametrize("form", ["rclone", "JSON lines"])
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_listing_reader_joins_values_that_cross_chunks(read, monkeypatch, chunk, form):
    monkeypatch.setattr(listings, "_CHUNK_CHARACTERS", chunk)
    assert read(LISTINGS_BY_FORMAT[form].encode()) == EXPECTED_OBJECTS


@pytest.mark.parametrize(
    ("data", "objects"),
    [
        *((data, []) for data in (b"", b"[]", b"[\n]\n")),
        # A key may contain any byte except a line end.
        (b"3\t%b\n" % ANY_BYTES, [(ANY_BYTES, 3)]),
    ],
)
def test_check_reads_an_empty_listing_and_any_bytes_of_a_key(read, data, objects):
    assert read(data) == objects


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"1\ta\n2 b\n", "line 2: '2 b"),
        (b"a\t1\n", "line 1"),
        ("１\ta\n".encode(), "line 1"),
        (b"-1\ta\n", "line 1"),
        (b"1\t\n", "line 1"),
        (b'[{"Path": "a"}]', "object 1"),
        (b'[{"Path": "a", "Size": -1}]', "object 1"),
        (b'[{"Path": "a", "Size": true}]', "object 1"),
        (b'{"key": 1, "size": 1}', "object 1"),
        (b'[{"Path": "a", "Size": 1}, 7]', "object 2"),
        (b'[{"Path": "a", "Size": 1}, {"Path": "b', "Unterminated string"),
        (b'[{"Path": "\\ud800", "Size": 1}]', "surrogates"),
        (b"1\t\xff\n", "the file is not UTF-8"),
        (b'{"a":' * 100_000, "recursion"),
    ],
)
def test_check_refuses_a_malformed_listing_and_names_the_line(read, data, problem):
    with pytest.raises(UsageError, match=problem) as raised:
        read(data)
    assert "rclone lsjson" in raised.value.fix.en


def test_check_reads_a_listing_from_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as pool:
        pool.submit((tmp_path / "pipe").write_bytes, LISTINGS_BY_FORMAT["rclone"].encode())
        assert list(listings.read(tmp_path / "pipe")) == EXPECTED_OBJECTS


_MEASURE = """\
import sys
sys.path.insert(0, {template!r})
from pathlib import Path
from ops.certificate import counts, listings
# Smaller parts of a listing, so that a short listing has many.
listings._CHUNK_CHARACTERS = 1 << 16
scope, file = {{"prefix": "", "suffix": ""}}, Path(sys.argv[1])
with listings.open_digest_files() as digests:
    for each in digests:
        counts.compute_totals(scope, listings.read(file), store_digest=each.add)
    shared = sum(1 for _ in digests[0].shared_with(digests[1]))
# Not by getrusage, whose peak includes the parent process.
status = Path("/proc/self/status").read_text().splitlines()
print(shared, *(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory's peak from /proc")
@pytest.mark.parametrize("line", ["5\t{}\n", '{{"Path": "{}", "Size": 5}},\n'], ids=["tabs", "rclone"])
def test_the_memory_of_check_does_not_grow_with_the_listings(tmp_path, line):
    def measure_peak(objects: int) -> int:
        file = tmp_path / f"{objects}"
        file.write_text("".join(line.format(f"folder/{number:09}") for number in range(objects)))
        code = _MEASURE.format(template=str(TEMPLATE))
        result = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
        shared, memory = map(int, result.stdout.split())
        assert shared == objects
        return memory

    # 40,000 more keys would take 4 MB at the least
    assert measure_peak(50_000) - measure_peak(10_000) < 2_000  # kB


def test_check_reports_a_missing_temporary_folder_and_its_remedy(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with pytest.raises(UsageError, match="temporary files") as raised, listings.open_digest_files():
        pass
    assert "TMPDIR" in raised.value.fix.en
