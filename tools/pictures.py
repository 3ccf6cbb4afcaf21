"""A program that makes the pictures in docs/: `make pictures`.

It runs the demo, whose last act becomes docs/demo.svg, and whose certificate becomes docs/certificate.json and .png.
The picture of a status shows an answer from tests/answers. The pictures need the font Inter (Debian: apt install
fonts-inter fonts-noto-cjk).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from ops.command_line.cli import ANSWER_VIEWS, AnswerView
from ops.show import page

from . import chromium
from .package import ROOT

_WIDTH = 1120


def main() -> None:
    if not chromium.program_path():
        sys.exit(f"The pictures are made by Chromium, and {chromium.MISSING}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run_demo(folder)
        _draw("status", ANSWER_VIEWS["status"], ROOT / "tests" / "answers" / "status.json", 1500, folder)
        _draw("certificate", ANSWER_VIEWS["certificate"], ROOT / "docs" / "certificate.json", 1000, folder)


def _run_demo(folder: Path) -> None:
    files = {"certificate": folder / "certificate.json", "picture": folder / "demo.svg"}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    command, english = [sys.executable, "-m", "sandbox.demo", *options], {**os.environ, "LC_ALL": "C.UTF-8"}
    if subprocess.run(command, cwd=ROOT, check=False, env=english).returncode:
        sys.exit("The demo did not end well: what it made is not kept.")
    for file in files.values():
        (ROOT / "docs" / file.name).write_bytes(file.read_bytes())


def _draw(name: str, view: AnswerView, answer: Path, height: int, folder: Path) -> None:
    """Draw docs/<name>.png, a picture of the web page for the answer in the file `answer`; `height` is in pixels."""
    file, picture = folder / f"{name}.html", ROOT / "docs" / f"{name}.png"
    html = page.draw(view.report(view.parse(json.loads(answer.read_text(encoding="utf-8"))), "en"))
    file.write_text(html, encoding="utf-8")
    chromium.screenshot(file, picture, _WIDTH, height)
    # A page has few colours, so that a palette reduces the file to a third. MAXCOVERAGE also keeps rare colours.
    with Image.open(picture) as image:
        reduced_image = image.convert("RGB").quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    reduced_image.save(picture, optimize=True)
    print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
