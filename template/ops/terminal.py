"""The terminal: answers go to standard output, progress and messages to standard error.

Keys, and all text from outside this project, are printed through `escape`.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import io
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TextIO

from ops.clock import WallClock
from ops.errors import UsageError
from ops.shell import COMMAND_IN_TEXT, remove_marks
from oss_oms_sync.answers.text import t

# Seconds between two lines of progress if standard error is not a terminal.
_LINE_SECONDS = 60.0
_YES_ANSWERS = ("y", "yes", "是")
# A terminal prints these characters itself after Ctrl-C.
_CTRL_C = "^C"
_DEFAULT_COLUMNS = 80
# Output into a program or a file is not wrapped.
_UNLIMITED_COLUMNS = 1_000_000
# ANSI colours by tone: proven; not proven, or behind; failed; in progress; not judged.
COLOURS = {"good": 32, "open": 33, "bad": 31, "way": 34, "calm": 2}


class MarkedLine(NamedTuple):
    """A line in which the part `marked_text` has the colour of a tone, such as "bad"."""

    prefix: str
    marked_text: str
    tone: str
    suffix: str = ""


class UnwrappedLine(str):
    """A line that is not wrapped: a command to copy, or a row of a table."""

    __slots__ = ()


class FittedLines(NamedTuple):
    """Lines whose form depends on the width of the terminal, such as a table.

    `lines` is a function that returns them for a number of columns.
    """

    lines: Callable[[int], Iterable[str | MarkedLine]]


Line = str | MarkedLine | FittedLines


def json_lines(value: object) -> Sequence[Line]:
    """Return `value` as JSON, on a single line."""
    return [UnwrappedLine(json.dumps(value))]


# Lines are wrapped between words, and between Chinese characters, but not within a command. No line begins with a
# Chinese closing mark, and none ends with an opening mark.
_WIDE_CHARACTER, _NARROW_CHARACTER = r"[\u2e80-\uffef]", r"[^\s\u2e80-\uffef]"
_WORD_PATTERN = re.compile(
    rf"\s*[（「《“]*(?:{_NARROW_CHARACTER}*{COMMAND_IN_TEXT.pattern}{_NARROW_CHARACTER}*|{_WIDE_CHARACTER}|{_NARROW_CHARACTER}+)[）」》”，。、；：！？]*"
)


def escape(text: str) -> str:
    r"""Return `text` on one line, with the characters escaped that control a terminal.

    Control characters, invisible characters, and characters that change the direction of writing become escapes such as
    \x1b or \u202e.
    """
    # Reports use a no-break space to keep a number and its unit on one line of a page.
    text = remove_marks(text).replace("\u00a0", " ")
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


class Screen:
    """The input and output streams of a command; `interactive` is True if a user can answer questions."""

    def __init__(
        self,
        clock: WallClock,
        output: TextIO | None = None,
        errors: TextIO | None = None,
        input_stream: TextIO | None = None,
    ) -> None:
        self._clock = clock
        # Python sets a closed stream to None.
        self._out, self._err = (stream or io.StringIO() for stream in (output or sys.stdout, errors or sys.stderr))
        self._in = input_stream or sys.stdin
        self._colours = {stream: _takes_colours(stream) for stream in (self._out, self._err)}
        self._terminals = [stream for stream in (self._out, self._err) if stream.isatty()]
        self._overwrites_progress = self._err.isatty() and os.environ.get("TERM") != "dumb"
        self.interactive = self._in is not None and self._in.isatty() and self._err.isatty()
        self._progress_width = 0
        self._last_line_time = -_LINE_SECONDS

    def answer(
        self, lines: Iterable[Line], limit: int | None = None, describe_omission: Callable[[int], str] = str
    ) -> None:
        """Print the answer, at most `limit` lines, and then a line about the omitted lines.

        `describe_omission` returns the text of that line for the number of omitted lines.
        """
        wrapped_lines = [
            self._wrap(line_parts, self._out) for line in lines for line_parts in self._fit_lines(line, self._out)
        ]
        line_count = sum(map(len, wrapped_lines))
        if limit and line_count > limit:
            printed_count = 0
            while printed_count + len(wrapped_lines[0]) < limit:
                printed_count += len(wrapped_lines[0])
                self._print(wrapped_lines.pop(0), self._out)
            wrapped_lines = [[escape(describe_omission(line_count - printed_count))]]
        for line_parts in wrapped_lines:
            self._print(line_parts, self._out)

    def print_line(self, line: Line) -> None:
        """Print a message about the running command to standard error."""
        for part in self._fit_lines(line, self._err):
            self._print(self._wrap(part, self._err), self._err)

    def progress(self, text: str) -> None:
        """Print progress: a terminal overwrites the previous line; other output gets a line at most once a minute."""
        if self._overwrites_progress:
            line = _truncate(escape(text), _count_columns(self._err) - 1 - len(_CTRL_C))
            line_width, earlier_width = width(line), self._progress_width
            # The flag is set first, because the user may press Ctrl-C during the write.
            self._progress_width = max(line_width, earlier_width)
            self._write(self._err, f"\r{line}{' ' * (earlier_width - line_width)}")
            self._progress_width = line_width
        elif self._clock.monotonic() - self._last_line_time >= _LINE_SECONDS:
            self._last_line_time = self._clock.monotonic()
            self.print_line(text)

    def begin(self) -> None:
        """Clear the progress of the previous task, before another task reports its progress.

        Without a terminal, the first line of progress is printed after a minute.
        """
        self._clear()
        self._last_line_time = self._clock.monotonic()

    def ask(self, question: str) -> str:
        """Ask a question and return the answer, or "" at the end of the input; then `interactive` becomes False."""
        self._clear()
        self._write(self._err, f"{escape(question)} ")
        line = self._in.readline()
        self.interactive = bool(line)
        return line.strip()

    def agrees(self, question: str) -> bool:
        """Ask a question and return True if a user answers yes; without a terminal, return False."""
        return self.interactive and self.ask(question).lower() in _YES_ANSWERS

    def ask_secret(self, question: str) -> str:
        """Ask for a secret without echo; return the answer, or "" at the end of the input."""
        self._clear()
        try:
            return getpass.getpass(f"{escape(question)} ", self._err).strip()
        except EOFError:
            return ""

    def _print(self, lines: Iterable[str], stream: TextIO) -> None:
        self._clear()
        self._write(stream, "".join(f"{line}\n" for line in lines))

    def _fit_lines(self, line: Line, stream: TextIO) -> Iterable[str | MarkedLine]:
        return line.lines(_count_columns(stream)) if isinstance(line, FittedLines) else [line]

    def _wrap(self, line: str | MarkedLine, stream: TextIO) -> list[str]:
        prefix, marked_text, tone, suffix = MarkedLine(line, "", "") if isinstance(line, str) else line
        text = f"{prefix}{marked_text}{suffix}"
        wrapped_lines = [escape(text)] if isinstance(line, UnwrappedLine) else wrap(text, _count_columns(stream))
        prefix, marked_text, suffix = map(escape, (prefix, marked_text, suffix))
        colour = COLOURS.get(tone) if self._colours[stream] and marked_text else None
        if colour and not prefix and not suffix:
            wrapped_lines = [f"\x1b[{colour}m{wrapped_line}\x1b[0m" for wrapped_line in wrapped_lines]
        elif colour:  # the marked part is short, so it is in the first line
            wrapped_lines[0] = wrapped_lines[0].replace(
                f"{prefix}{marked_text}", f"{prefix}\x1b[{colour}m{marked_text}\x1b[0m", 1
            )
        return wrapped_lines

    def _clear(self) -> None:
        if self._progress_width:
            self._write(self._err, f"\r{' ' * (self._progress_width + len(_CTRL_C))}\r")
            self._progress_width = 0

    def _write(self, stream: TextIO, text: str) -> None:
        """Write to a stream. Raises UsageError if the stream cannot be written.

        If the reader of the output is gone (a closed terminal, or `| head`), the output is dropped, so that the command
        still writes its files and cleans up.
        """
        # Python escapes replace characters that the terminal's encoding lacks.
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except OSError as error:
            if error.errno == errno.EPIPE or (error.errno == errno.EIO and stream in self._terminals):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
                return
            # Without this, Python would write its buffer at exit, and fail again.
            with contextlib.suppress(OSError):
                stream.close()
            raise UsageError(
                t("The output could not be written: {problem}", problem=error.strerror),
                t("Free disk space, or write the output to another place"),
            ) from None


def _takes_colours(stream: TextIO) -> bool:
    is_old_console = sys.platform == "win32" and not os.environ.get("WT_SESSION")
    return (
        stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and not is_old_console
    )


def _count_columns(stream: TextIO) -> int:
    # Some terminals report no columns.
    return (shutil.get_terminal_size().columns or _DEFAULT_COLUMNS) if stream.isatty() else _UNLIMITED_COLUMNS


def wrap(text: str, columns: int, hanging_indent: int = 2) -> list[str]:
    """Escape a line, and wrap it to `columns` between words or Chinese characters.

    Lines after the first are indented by `hanging_indent` more columns.
    """
    if width(escape(text)) <= columns:
        return [escape(text)]
    indent = " " * min(len(text) - len(text.lstrip()) + hanging_indent, columns // 2)
    lines, current_line = [], ""
    for word in _split_words(text):
        if current_line.strip() and width(current_line) + width(word) > columns:
            lines.append(current_line)
            current_line = indent + word.lstrip()
        else:
            current_line += word
    return [*lines, current_line]


def longest_word_width(text: str) -> int:
    """Return the width in columns of the longest part of `text` that `wrap` does not break."""
    return max((width(word.strip()) for word in _split_words(text)), default=0)


def _split_words(text: str) -> list[str]:
    return [escape(match[0]) for match in _WORD_PATTERN.finditer(text)]


def width(text: str) -> int:
    """Return the number of terminal columns that `text` takes. A Chinese character takes two."""
    return (
        len(text)
        if text.isascii()
        else sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
    )


def _truncate(text: str, columns: int) -> str:
    while width(text) > max(1, columns):
        text = text[:-1]
    return text
