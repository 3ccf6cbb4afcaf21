"""Makes the pictures in docs/: of the web pages from the answers in tests/answers, and of the demo's last act from a run
of it: `make pictures`.

They look best with the font Inter (Debian: apt install fonts-inter fonts-noto-cjk).
"""

from __future__ import annotations

import json
import subprocess
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
    demo = ROOT / "docs" / "demo.svg"
    subprocess.run([sys.executable, "-m", "sandbox.demo", "--picture", demo], cwd=ROOT, check=True)
    print(f"{demo.relative_to(ROOT)}: {demo.stat().st_size / 1000:.0f} kB")
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
