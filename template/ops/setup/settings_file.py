"""The lines of s.yaml that setup fills in and empties; each ends with `# setup`.

Setup writes the same values into answers.json, from which Serverless Devs makes s.yaml, so that an upgrade has nothing
to merge.
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
    """Write values into their lines of s.yaml, and keep a copy of the previous file in its folder.

    Raises UsageError, with the line to add, if a line is missing. If answers.json is not JSON, it stays unchanged, and
    `print_text` prints a note.
    """
    text = new_text = file.read_text(encoding="utf-8")
    for name, value in values.items():
        line = f"  {name}: {json.dumps(value, ensure_ascii=False)} # setup"
        old_line = _find_line(name, new_text)
        if old_line is None:
            raise UsageError(
                t("{file} has no line for {name} that ends with # setup", file=file.name, name=name),
                t("Write this line under vars in this file: {line}", line=line.strip()),
            )
        new_text = new_text.replace(old_line[0], line)
    if new_text == text:
        return
    # answers.json is written first: the next run checks s.yaml alone, and so repeats both writes if this run ends here.
    answers_file = file.with_name("answers.json")
    # answers.json has the answers of s.yaml only.
    if file.name == "s.yaml" and answers_file.exists():
        new_values = {name: values[name] for name in _ANSWER_NAMES if name in values}
        try:
            all_values = json.loads(answers_file.read_text(encoding="utf-8-sig")) | new_values
            answers_file.write_text(f"{json.dumps(all_values, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
        except (ValueError, TypeError):
            print_text(
                t(
                    "answers.json is not JSON and was not changed. Add these values to it: {new}",
                    new=json.dumps(new_values),
                )
            )
    file.with_name(f"{file.name}.before-setup").write_text(text, encoding="utf-8")
    file.write_text(new_text, encoding="utf-8")


def need(
    file: Path, variables: Mapping[str, str], values: Callable[[], dict[str, str]], print_text: Callable[[Text], None]
) -> Need:
    """Return the step of setup's plan that writes `values` into s.yaml; `variables` are the present values."""

    def read_state() -> Line:
        # The sync task's address is unknown until the task is created.
        missing_values = {name: value for name, value in values().items() if not value or variables.get(name) != value}
        if not missing_values:
            return Line(ResourceState.EXISTS)
        text = t("write {names}", names=[*missing_values])
        if any(value.startswith("${secret(") for value in missing_values.values()):
            text = t("{text} (AK and SK only as references to the secret store)", text=text)
        return Line(ResourceState.CHANGE, text)

    return Need(t("s.yaml"), (), read_state, lambda: write(file, values(), print_text))


def removal(file: Path, names: Callable[[], list[str]], print_text: Callable[[Text], None]) -> Need:
    """Return the step of setup's plan that empties the lines of these names in s.yaml.

    Otherwise the SYNC_URL of a deleted task would stop the next setup.
    """

    def own_names() -> list[str]:
        text = file.read_text(encoding="utf-8")
        return [name for name in names() if _find_line(name, text)]

    def read_state() -> Line:
        return (
            Line(ResourceState.CHANGE, t("empty {names}", names=filled_names))
            if (filled_names := own_names())
            else Line(ResourceState.EXISTS)
        )

    permissions = ("oms:synctask:list", "iam:users:listUsersV5")
    return Need(t("s.yaml"), permissions, read_state, lambda: write(file, dict.fromkeys(own_names(), ""), print_text))


def _find_line(name: str, text: str) -> re.Match[str] | None:
    return re.search(rf"^  {name}:.*# setup *$", text, re.MULTILINE)
