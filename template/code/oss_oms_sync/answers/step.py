"""The next step: a command of ops.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """A command, such as `compare`, and its options by their names in payloads; `deploy` is the tool's own."""

    job: str
    options: Mapping[str, object] = field(default_factory=dict)
