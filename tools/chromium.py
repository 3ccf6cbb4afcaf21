"""Functions that open a web page in a headless Chromium, to draw the page or to read the errors in its console."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

MISSING = "chromium is missing (Debian: apt install chromium)"

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)
_DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")


def program_path() -> str | None:
    return shutil.which("chromium")


def run(page: Path, *options: str, dark: bool = False) -> subprocess.CompletedProcess[str]:
    """Open `page` in Chromium with further `options`; return the finished process.

    Its standard error has the messages of the page's console. Raises RuntimeError if Chromium is missing or fails.
    """
    program = program_path()
    if program is None:
        raise RuntimeError(MISSING)
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS, *(_DARK if dark else ()), f"--user-data-dir={profile}", *options, page.as_uri()]
        process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if process.returncode:
        raise RuntimeError(f"chromium failed with {process.returncode}: {process.stderr[-2000:]}")
    return process


def screenshot(page: Path, picture: Path, width: int, height: int) -> None:
    """Write a screenshot of `page` as PNG, from a window of `width` by `height` pixels.

    Raises RuntimeError if Chromium is missing, fails, or writes no picture.
    """
    picture.unlink(missing_ok=True)
    run(page, f"--window-size={width},{height}", f"--screenshot={picture}")
    if not picture.exists():
        raise RuntimeError(f"chromium made no picture of {page}")
