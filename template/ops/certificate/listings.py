"""Readers of bucket listings in common formats, object by object, because a listing may not fit into memory.

    rclone lsjson -R --files-only REMOTE:BUCKET     [{"Path": "a/b.txt", "Size": 5, ...}, ...]
    one JSON object a line                          {"key": "a/b.txt", "size": 5}
    tab-separated                                   5<TAB>a/b.txt

Keys are complete object keys, in UTF-8, or in UTF-16 with a byte order mark. rclone sorts keys by folders, and other
programs by bytes, so the comparison of two listings depends on no order. rclone takes an empty object whose key ends
with a slash for a folder, and omits the object; without --no-modtime and --no-mimetype, it sends a request per object.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, TextIO

from ops.errors import UsageError
from oss_oms_sync.answers.text import Text, t, untranslated

_CHUNK_CHARACTERS = 1 << 20
# Maximum characters of a value in a listing.
_MAX_VALUE_CHARACTERS = 1 << 24
# Number of files for a listing's digests, of which one is in memory at a time. macOS permits 256 open files.
_DIGEST_FILES = 64
_DIGEST_BYTES = 32
_KEY_FIELDS, _SIZE_FIELDS = ("Path", "Key", "key"), ("Size", "size")
_FORMAT_REMEDY = t(
    "Pass the output of `rclone lsjson -R --files-only --no-modtime --no-mimetype`, JSON lines"
    ' {{"key": ..., "size": ...}}, or lines with size, tab and key'
)


def read(file: Path) -> Iterator[tuple[bytes, int]]:
    """Yield the key (in UTF-8) and the size of each object in a listing.

    Raises UsageError if the listing cannot be read.
    """
    try:
        with file.open("rb") as listing:
            # The listing may come from a pipe, in which the first bytes can be peeked at, but not read twice.
            head = listing.peek(8)[:8]
            # PowerShell writes UTF-16 with Windows line ends.
            is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            encoding = "utf-16" if is_utf16 else "utf-8-sig"
            text = io.TextIOWrapper(listing, encoding=encoding, newline=None if is_utf16 else "\n")
            first_character = head.decode(encoding, "ignore").lstrip()[:1]
            yield from _parse_json(text) if first_character in ("[", "{") else _parse_lines(text)
    except UnicodeDecodeError:
        raise _unreadable_listing(file, t("the file is not UTF-8")) from None
    except (ValueError, RecursionError) as error:
        raise _unreadable_listing(file, untranslated(str(error))) from None
    except OSError as error:
        raise UsageError(untranslated(str(error)), _FORMAT_REMEDY) from None


class PairDigests:
    """SHA-256 digests of the keys and sizes in a listing, stored in temporary files."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._files = files

    def add(self, digest: bytes) -> None:
        self._files[digest[0] % _DIGEST_FILES].write(digest)

    def shared_with(self, other_listing: PairDigests) -> Iterator[bytes]:
        """Yield the digests that `other_listing` contains as well, each once."""
        for own_file, other_file in zip(self._files, other_listing._files, strict=True):
            unmatched_digests = set(_read_digests(own_file))
            for digest in _read_digests(other_file):
                if digest in unmatched_digests:
                    unmatched_digests.remove(digest)
                    yield digest


@contextmanager
def open_digest_files() -> Iterator[tuple[PairDigests, PairDigests]]:
    """Create temporary files for the digests of the source's listing and of the destination's; delete them at the end.

    Raises UsageError if they cannot be written.
    """
    try:
        with ExitStack() as files:
            source, destination = (
                [files.enter_context(TemporaryFile()) for _ in range(_DIGEST_FILES)] for _ in range(2)
            )
            yield PairDigests(source), PairDigests(destination)
    except OSError as error:
        raise UsageError(
            t("The temporary files for both listings cannot be written: {why}", why=untranslated(str(error))),
            t("Set TMPDIR to a folder with 64 bytes of free space per object"),
        ) from None


def _read_digests(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while digest := file.read(_DIGEST_BYTES):
        yield digest


def _parse_lines(lines: TextIO) -> Iterator[tuple[bytes, int]]:
    for number, line in enumerate(lines, 1):
        size, tab, key = line.removesuffix("\n").partition("\t")
        # int() also accepts digits other than 0 to 9.
        if not (tab and key and size.isascii() and size.isdigit()):
            raise ValueError(f"line {number}: {line[:80]!r}")
        yield key.encode(), int(size)


def _parse_json(text: TextIO) -> Iterator[tuple[bytes, int]]:
    for number, value in enumerate(_parse_values(text), 1):
        if isinstance(value, dict) and value.get("IsDir") is True:
            continue
        key, size = _find_field(value, _KEY_FIELDS), _find_field(value, _SIZE_FIELDS)
        if not isinstance(key, str) or type(size) is not int or size < 0:
            raise ValueError(f"object {number}: {str(value)[:80]!r}")
        yield key.encode(), size


def _find_field(value: Any, names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None


def _parse_values(text: TextIO) -> Iterator[Any]:
    """Yield the values of a JSON array, or of consecutive JSON texts."""
    decode_value, buffer, at_end = json.JSONDecoder().raw_decode, "", False
    while not at_end or buffer:
        chunk = text.read(_CHUNK_CHARACTERS)
        at_end = not chunk
        buffer += chunk
        start = 0
        while (value_start := _find_value(buffer, start)) < len(buffer):
            try:
                value, start = decode_value(buffer, value_start)
            except ValueError:
                if at_end or len(buffer) - value_start > _MAX_VALUE_CHARACTERS:
                    raise
                break
            yield value
        buffer = buffer[_find_value(buffer, start) :]


def _find_value(text: str, start: int) -> int:
    while start < len(text) and text[start] in " \t\r\n,[]":
        start += 1
    return start


def _unreadable_listing(file: Path, reason: Text) -> UsageError:
    return UsageError(t("{file} is not a readable listing: {why}", file=file, why=reason), _FORMAT_REMEDY)
