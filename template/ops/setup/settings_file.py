"""The lines of s.yaml that setup fills in and empties; each ends with `# setup`.

answers.json, from which Serverless Devs makes s.yaml, gets the same values, so that an upgrade has nothing to merge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ops.accounts.needs import Line, Need, ResourceState
from ops.errors import UsageError
from oss_oms_sync.answers.text import Text, t

_ANSWER_NAMES = ("SYNC_URL", "logBucket")


def write(file: Path, values: Mapping[str, str], print_text: Callable[[Text], None]) -> None:
    """Write values into their lines of s.yaml; a copy of the previous file remains in its folder.

    Raises UsageError with the text to write if a line is missing. If answers.json cannot be read, `print_text` prints a
    note.
    """
    text = changed = file.read_text(encoding="utf-8")
    for name, value in values.items():
        line = f"  {name}: {json.dumps(value, ensure_ascii=False)} # setup"
        before = _line(name, changed)
        if before is None:
            raise UsageError(
                t("{file} has no line of {name} that ends with # setup", file=file.name, name=name),
                t("Write it under vars: {line}", line=line.strip()),
            )
        changed = changed.replace(before[0], line)
    if changed == text:
        return
    # answers.json is written first: the next run checks s.yaml alone, and so repeats both writes if this run ends here.
    answers = file.with_name("answers.json")
    # answers.json has the answers of s.yaml only.
    if file.name == "s.yaml" and answers.exists():
        new = {name: values[name] for name in _ANSWER_NAMES if name in values}
        try:
            merged = json.loads(answers.read_text(encoding="utf-8-sig")) | new
            answers.write_text(f"{json.dumps(merged, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
        except (ValueError, TypeError):
            print_text(t("answers.json is not JSON and was not changed. Add to it: {new}", new=json.dumps(new)))
    file.with_name(f"{file.name}.before-setup").write_text(text, encoding="utf-8")
    file.write_text(changed, encoding="utf-8")


def need(
    file: Path, variables: Mapping[str, str], values: Callable[[], dict[str, str]], print_text: Callable[[Text], None]
) -> Need:
    """Return the need for these values in s.yaml; `variables` are its present values."""

    def look() -> Line:
        # The sync task's address is unknown until the task is created.
        wrong = [name for name, value in values().items() if not value or variables.get(name) != value]
        return Line(ResourceState.CHANGE, t("fill in {names}", names=wrong)) if wrong else Line(ResourceState.THERE)

    return Need(t("s.yaml"), (), look, lambda: write(file, values(), print_text))


def removal(file: Path, names: Callable[[], list[str]], print_text: Callable[[Text], None]) -> Need:
    """Return the removal of these values from their lines in s.yaml.

    The SYNC_URL of a deleted task would stop the next setup.
    """

    def own_names() -> list[str]:
        text = file.read_text(encoding="utf-8")
        return [name for name in names() if _line(name, text)]

    def look() -> Line:
        return (
            Line(ResourceState.CHANGE, t("empty {names}", names=filled))
            if (filled := own_names())
            else Line(ResourceState.THERE)
        )

    rights = ("oms:synctask:list", "iam:users:listUsersV5")
    return Need(t("s.yaml"), rights, look, lambda: write(file, dict.fromkeys(own_names(), ""), print_text))


def _line(name: str, text: str) -> re.Match[str] | None:
    return re.search(rf"^  {name}:.*# setup *$", text, re.MULTILINE)
