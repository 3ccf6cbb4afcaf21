"""The language of the demo's output: Chinese under a Chinese locale, otherwise English."""

from __future__ import annotations

import os

from rich.console import Console

# `ops.py` and the hooks choose the language by the same variables.
_LOCALE = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
LANGUAGE = "zh" if _LOCALE.lower().startswith("zh") else "en"


def choose(english: str, chinese: str) -> str:
    return chinese if LANGUAGE == "zh" else english


def print_line(console: Console, text: str) -> None:
    """Print a line of text, which the terminal wraps; for the recording of a picture, rich wraps it."""
    console.print(text, soft_wrap=not console.record)


def print_result(console: Console, english: str, chinese: str) -> None:
    print_line(console, f"[bold cyan]=> {choose(english, chinese)}")
