"""Stored certificates: those of the documents and tests, with the conclusions of the present rules.

The facts in a certificate stay. A new fact needs a value in each file before its certificate can be judged again.
"""

from __future__ import annotations

import json
from pathlib import Path

from ops.certificate.check import derive
from oss_oms_sync.answers.certificate import document_hash
from oss_oms_sync.answers.codec import to_json

from .package import ROOT

# The small example in tests/answers/made/ has no conclusions: tests add them.
FILES = (ROOT / "docs" / "certificate.json", *sorted((ROOT / "tests" / "answers").glob("certificate-*.json")))


def judge_again(path: Path) -> str:
    """Return the text of a stored certificate, whose conclusions and hash follow from its facts."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document |= to_json(derive(document))
    document["sha256"] = document_hash(document)
    is_sorted = [*document] == sorted(document)
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=is_sorted) + "\n"


def make_certificates() -> dict[Path, str]:
    return {path: judge_again(path) for path in FILES}
