"""Which code made a certificate."""

from __future__ import annotations

import hashlib
from pathlib import Path


def code_sha256(folder: Path) -> str:
    """SHA-256 over the Python files in `folder`, sorted by path: of each its path in there, a zero byte, the SHA-256 of
    its contents as hex digits, and a newline. So it can be computed again from the project's folder `code`."""
    lines = (
        f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted(folder.rglob("*.py"))
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
