"""What is kept as JSON in tests/answers: what the function answers, and what users answer to `s init`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "answers"
# Those that the function gives, as documents show them.
EXAMPLES = sorted(path.stem for path in _FOLDER.glob("*.json"))


def answer(name: str) -> dict[str, Any]:
    """One of EXAMPLES, or `made/...`: the small ones that tests are made of."""
    return dict(json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8")))


# A right answer to each of the questions that `s init` asks.
ANSWERS: dict[str, str] = answer("made/init")
# The same before there are keys: then the tool is not asked five times more, to keep them.
KEYLESS = {name: answer_text for name, answer_text in ANSWERS.items() if name not in ("HW_AK", "HW_SK")}
