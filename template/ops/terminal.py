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
from collections.abc import Callable, Iterable
from typing import NamedTuple, TextIO

from ops.clock import WallClock
from ops.errors import UsageError
from ops.shell import IN_TEXT
from oss_oms_sync.answers.text import t

# How often a line says how far it is where there is no terminal.
_LINE_SECONDS = 60.0
_AGREED = ("y", "yes", "是")
# What a terminal itself shows behind the line if somebody presses that.
_CTRL_C = "^C"
_USUAL_COLUMNS = 80
# Where nothing is broken, because it is read by a program or from a file.
_UNLIMITED = 1_000_000
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


class Fitted(NamedTuple):
    """Lines that depend on the number of columns, such as those of a table."""

    lines: Callable[[int], Iterable[str | Marked]]


Line = str | Marked | Fitted

# A line is not broken within: a command, as the function's sentences have them; a sign of two columns; a word. No line
# begins with a closing mark of Chinese, and none ends with an opening one.
_WORD = re.compile(
    rf"\s*[（「《“]*(?:{IN_TEXT}[^\s\u2e80-\uffef]*|[\u2e80-\uffef]|[^\s\u2e80-\uffef]+)[）」》”，。、；：！？]*"
)


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
        self, clock: WallClock, out: TextIO | None = None, err: TextIO | None = None, text_io: TextIO | None = None
    ) -> None:
        self._clock = clock
        # Python has None where a stream is closed.
        self._out, self._err = (stream or io.StringIO() for stream in (out or sys.stdout, err or sys.stderr))
        self._in = text_io or sys.stdin
        self._colours = {stream: _takes_colours(stream) for stream in (self._out, self._err)}
        self._terminals = [stream for stream in (self._out, self._err) if stream.isatty()]
        self._rewrites = self._err.isatty() and os.environ.get("TERM") != "dumb"
        self.interactive = self._in is not None and self._in.isatty() and self._err.isatty()
        self._shown = 0
        self._last_line = -_LINE_SECONDS

    def answer(self, lines: Iterable[Line], limit: int | None = None, more: Callable[[int], str] = str) -> None:
        """Print the answer. Of more lines than `limit`, print the beginning, then `more` of the number left out."""
        pieces = [self._pieces(each, self._out) for line in lines for each in self._fitted(line, self._out)]
        total = sum(map(len, pieces))
        if limit and total > limit:
            shown = 0
            while shown + len(pieces[0]) < limit:
                shown += len(pieces[0])
                self._print(pieces.pop(0), self._out)
            pieces = [[more(total - shown)]]
        for each in pieces:
            self._print(each, self._out)

    def say(self, line: Line) -> None:
        """Print what happens meanwhile."""
        for each in self._fitted(line, self._err):
            self._print(self._pieces(each, self._err), self._err)

    def progress(self, text: str) -> None:
        """Say how far it is: on a terminal in a line that the next one overwrites, elsewhere at most once a minute."""
        if self._rewrites:
            line = _cut(escaped(text), _columns(self._err) - 1 - len(_CTRL_C))
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

    def _print(self, pieces: Iterable[str], stream: TextIO) -> None:
        self._clear()
        self._write(stream, "".join(f"{piece}\n" for piece in pieces))

    def _fitted(self, line: Line, stream: TextIO) -> Iterable[str | Marked]:
        return line.lines(_columns(stream)) if isinstance(line, Fitted) else [line]

    def _pieces(self, line: str | Marked, stream: TextIO) -> list[str]:
        """Break a line into those that fit the terminal, in their colours."""
        before, marked, tone, after = Marked(line, "", "") if isinstance(line, str) else line
        before, marked, after = map(escaped, (before, marked, after))
        text = f"{before}{marked}{after}"
        pieces = [text] if isinstance(line, Whole) else wrapped(text, _columns(stream))
        colour = COLOURS.get(tone) if self._colours[stream] and marked else None
        if colour and not before and not after:
            pieces = [f"\x1b[{colour}m{piece}\x1b[0m" for piece in pieces]
        elif colour:  # a word or two, in the first line
            pieces[0] = pieces[0].replace(f"{before}{marked}", f"{before}\x1b[{colour}m{marked}\x1b[0m", 1)
        return pieces

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


def _columns(stream: TextIO) -> int:
    # Some terminals report no columns.
    return (shutil.get_terminal_size().columns or _USUAL_COLUMNS) if stream.isatty() else _UNLIMITED


def wrapped(text: str, columns: int, hanging: int = 2) -> list[str]:
    """Break a line into lines of at most `columns`, between words, or between signs that take two columns each; lines
    after the first are indented by `hanging` more columns."""
    if width(text) <= columns:
        return [text]
    indent = " " * min(len(text) - len(text.lstrip()) + hanging, columns // 2)
    lines, last = [], ""
    for word in _WORD.findall(text):
        if last.strip() and width(last) + width(word) > columns:
            lines.append(last)
            last = indent + word.lstrip()
        else:
            last += word
    return [*lines, last]


def longest_word(text: str) -> int:
    """Return the columns of the longest part that `wrapped` does not break."""
    return max((width(word.strip()) for word in _WORD.findall(text)), default=0)


def width(text: str) -> int:
    """Return the number of columns that `text` takes."""
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def _cut(text: str, columns: int) -> str:
    while width(text) > max(1, columns):
        text = text[:-1]
    return text
