"""A picture of the demo's last act, for the documents: `make pictures`."""

from __future__ import annotations

import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from tools.package import manifest

WIDTH = 118  # columns
# Fonts of other sites, which a picture in a document must not load.
_FONTS = re.compile(r"\s*@font-face \{\{.*?\}\}\n", re.DOTALL)


def write_picture(console: Console, file: Path) -> None:
    """Write the recorded output of the console to an SVG file, with the project's version in its title."""
    title = f"make demo - oss-oms-sync {manifest()['Version']}"
    picture = console.export_svg(title=title, code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT), unique_id="demo")
    file.write_text(picture, encoding="utf-8")
