"""Examples in the folder tests/answers, as JSON: answers of the functions, and answers to the questions of `s init`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "answers"
# Answers of the functions, as the documents show them.
EXAMPLES = sorted(path.stem for path in _FOLDER.glob("*.json"))


def answer(name: str) -> dict[str, Any]:
    """Return the example with this name; names that begin with `made/` are small examples, which tests change."""
    return dict(json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8")))


# A valid answer to each question of `s init`.
ANSWERS: dict[str, str] = answer("made/init")
# Answers without access keys, so that the tool need not store these in five calls.
KEYLESS = {name: answer_text for name, answer_text in ANSWERS.items() if name not in ("HW_AK", "HW_SK")}
