"""What is printed: the answer on standard output, and what happens meanwhile on standard error.

Nothing that is printed comes from a key, or from anybody else's text, but by way of `escaped`.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import io
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple, TextIO

from ops.clock import Clock
from ops.commands import IN_TEXT
from ops.errors import UsageError
from oss_oms_sync.answers.text import t

# How often a line says how far it is where there is no terminal.
_LINE_SECONDS = 60.0
_AGREED = ("y", "yes", "是")
# What a terminal itself shows behind the line if somebody presses that.
_CTRL_C = "^C"
_USUAL_COLUMNS = 80
# Tones, as pages have them too: proven; not proven, or behind; failed; on its way; not judged.
COLOURS = {"good": 32, "open": 33, "bad": 31, "way": 34, "calm": 2}


class Marked(NamedTuple):
    """A line with a part in the colour of a tone."""

    before: str
    marked: str
    tone: str
    after: str = ""


class Whole(str):
    """A line that is not broken, because it is a command to be copied, or a row of a table."""

    __slots__ = ()


Line = str | Marked

# What a line is not broken within: a command, as the function's sentences have them; a sign of two columns; a word.
_WORD = re.compile(rf"\s*(?:{IN_TEXT}[^\s\u2e80-\uffef]*|[\u2e80-\uffef]|[^\s\u2e80-\uffef]+)")


def escaped(text: str) -> str:
    r"""`text` in one line without anything that a terminal would act on: escape sequences, control characters,
    characters without width, and those that turn the direction of writing, become \x1b or \u202e."""
    # Pages keep numbers and units on one line by it.
    text = text.replace("\u00a0", " ")
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class Screen:
    """Where lines go. `interactive`: whether somebody can be asked."""

    def __init__(
        self, clock: Clock, out: TextIO | None = None, err: TextIO | None = None, given: TextIO | None = None
    ) -> None:
        self._clock = clock
        # Python has None where a stream is closed.
        self._out, self._err = (stream or io.StringIO() for stream in (out or sys.stdout, err or sys.stderr))
        self._in = given or sys.stdin
        self._colours = {stream: _takes_colours(stream) for stream in (self._out, self._err)}
        self._terminals = [stream for stream in (self._out, self._err) if stream.isatty()]
        self._rewrites = self._err.isatty() and os.environ.get("TERM") != "dumb"
        self.interactive = self._in is not None and self._in.isatty() and self._err.isatty()
        self._shown = 0
        self._last_line = -_LINE_SECONDS

    def answer(self, lines: Iterable[Line]) -> None:
        """Print what was asked for."""
        for line in lines:
            self._print(line, self._out)

    def say(self, line: Line) -> None:
        """Print what happens meanwhile."""
        self._print(line, self._err)

    def progress(self, text: str) -> None:
        """Say how far it is: on a terminal in a line that the next one overwrites, elsewhere at most once a minute."""
        if self._rewrites:
            # Some terminals say that they have no columns.
            columns = shutil.get_terminal_size().columns or _USUAL_COLUMNS
            line = _cut(escaped(text), columns - 1 - len(_CTRL_C))
            columns, before = width(line), self._shown
            # First, because somebody may press Ctrl-C while it is written.
            self._shown = max(columns, before)
            self._write(self._err, f"\r{line}{' ' * (before - columns)}")
            self._shown = columns
        elif self._clock.monotonic() - self._last_line >= _LINE_SECONDS:
            self._last_line = self._clock.monotonic()
            self.say(text)

    def begin(self) -> None:
        """From now on progress is that of something else, of which the first line comes after a minute."""
        self._clear()
        self._last_line = self._clock.monotonic()

    def ask(self, question: str) -> str:
        """What somebody types; empty where nothing more comes: then nobody can be asked any more."""
        self._clear()
        self._write(self._err, f"{escaped(question)} ")
        line = self._in.readline()
        self.interactive = bool(line)
        return line.strip()

    def agrees(self, question: str) -> bool:
        """Whether somebody who is there says yes."""
        return self.interactive and self.ask(question).lower() in _AGREED

    def ask_secret(self, question: str) -> str:
        """What somebody types, which is not shown; empty where nothing more comes."""
        self._clear()
        try:
            return getpass.getpass(f"{escaped(question)} ", self._err).strip()
        except EOFError:
            return ""

    def _print(self, line: Line, stream: TextIO) -> None:
        self._clear()
        before, marked, tone, after = Marked(line, "", "") if isinstance(line, str) else line
        before, marked, after = map(escaped, (before, marked, after))
        columns = shutil.get_terminal_size().columns or _USUAL_COLUMNS
        wraps = stream.isatty() and not isinstance(line, Whole)
        pieces = wrapped(f"{before}{marked}{after}", columns) if wraps else [f"{before}{marked}{after}"]
        colour = COLOURS.get(tone) if self._colours[stream] and marked else None
        if colour and not before and not after:
            pieces = [f"\x1b[{colour}m{piece}\x1b[0m" for piece in pieces]
        elif colour:  # a word or two, in the first line
            pieces[0] = pieces[0].replace(f"{before}{marked}", f"{before}\x1b[{colour}m{marked}\x1b[0m", 1)
        self._write(stream, "".join(f"{piece}\n" for piece in pieces))

    def _clear(self) -> None:
        if self._shown:
            self._write(self._err, f"\r{' ' * (self._shown + len(_CTRL_C))}\r")
            self._shown = 0

    def _write(self, stream: TextIO, text: str) -> None:
        """Write to a stream. Raises UsageError if that is impossible.

        The output is dropped if its reader is gone (a closed terminal, `| head`): the command still writes its files,
        and puts in order what is left.
        """
        # What the terminal's encoding lacks is shown as Python would write it.
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except OSError as error:
            if error.errno == errno.EPIPE or (error.errno == errno.EIO and stream in self._terminals):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
                return
            # Python would try to write the rest at its end.
            with contextlib.suppress(OSError):
                stream.close()
            raise UsageError(
                t("The output cannot be written: {problem}", problem=error.strerror),
                t("Make room for it, or write it elsewhere"),
            ) from None


def _takes_colours(stream: TextIO) -> bool:
    old_console = sys.platform == "win32" and not os.environ.get("WT_SESSION")
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and not old_console


def wrapped(text: str, columns: int) -> list[str]:
    """A line as lines of so many columns, broken between words, or between signs that take two columns each; what
    follows stands a little further in than the first."""
    indent = " " * min(len(text) - len(text.lstrip()) + 2, columns // 2)
    lines, last = [], ""
    for word in _WORD.findall(text):
        if last.strip() and width(last) + width(word) > columns:
            lines.append(last)
            last = indent + word.lstrip()
        else:
            last += word
    return [*lines, last]


def width(text: str) -> int:
    """How many columns `text` takes."""
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def _cut(text: str, columns: int) -> str:
    while width(text) > max(1, columns):
        text = text[:-1]
    return text
