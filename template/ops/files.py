"""What somebody asked for: on the screen, and in files."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from ops.errors import UsageError
from ops.report.blocks import Report
from ops.show import lines, page
from ops.terminal import Whole
from ops.waiting import Session
from oss_oms_sync.answers.text import same, t


def show(session: Session, options: Namespace, report: Report, value: object) -> None:
    """Print a report, or the same as JSON, which is `value`; write a page of it if that is asked for. Raises UsageError
    if that cannot be done."""
    session.screen.answer([Whole(json.dumps(value))] if options.json else lines.draw(report))
    if options.html:
        write(options.html, page.draw(report), session)


def check_writable(file: Path) -> None:
    """Raise UsageError if a file cannot be written there."""
    try:
        is_new = not file.exists()
        with file.open("ab"):
            pass
        if is_new:
            file.resolve().unlink()  # a link to nothing stays as it is
    except OSError as error:
        raise _unwritable(error) from None


def write(file: Path, text: str, session: Session) -> None:
    """Write it, and say so. Raises UsageError if that cannot be done."""
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _unwritable(error) from None
    session.say(t("Written: {file}", file=file))


def _unwritable(error: OSError) -> UsageError:
    return UsageError(same(str(error)), t("Name another file"))
