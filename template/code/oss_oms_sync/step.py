"""The next step: a command of ops.py."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """A command, such as `compare`, and its options by their names in payloads; `deploy` is the tool's own."""

    job: str
    options: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """As answers have it."""
        return {"job": self.job, "options": dict(self.options)}

    @property
    def line(self) -> str:
        """The same as a shell takes it."""
        if self.job == "deploy":
            return "s deploy -y"
        return shlex.join(["python", "ops.py", self.job, *self._words()])

    def _words(self) -> Iterator[str]:
        for name, value in self.options.items():
            option = f"--{name.replace('_', '-')}"
            if isinstance(value, Mapping):
                for one, why in value.items():
                    yield from (option, f"{one}={why}")
            elif value is True:
                yield option
            else:
                yield from (option, str(value))
