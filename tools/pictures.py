"""Makes the pictures of the web pages in docs/ from the answers in tests/answers: `make pictures`.

They look best with the font Inter (Debian: apt install fonts-inter fonts-noto-cjk).
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from ops.pages import certificate, status

from . import chromium
from .package import ROOT

# Each with its answer, its page, and how high it is.
_PICTURES = {
    "status": ("status", status.page, 1500),
    "certificate": ("certificate-go", certificate.page, 1500),
}
_WIDTH = 1120


def main() -> None:
    if not chromium.found():
        sys.exit(f"The pictures are made by Chromium, and {chromium.MISSING}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (answer, page, height) in _PICTURES.items():
            given = json.loads((ROOT / "tests" / "answers" / f"{answer}.json").read_text(encoding="utf-8"))
            file, picture = Path(folder) / f"{name}.html", ROOT / "docs" / f"{name}.png"
            file.write_text(page(given, "en"), encoding="utf-8")
            chromium.screenshot(file, picture, _WIDTH, height)
            print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
