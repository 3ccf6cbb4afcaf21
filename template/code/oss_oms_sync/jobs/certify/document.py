"""The certificate as a JSON document: all facts and conclusions, and a hash of the document."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import oss_oms_sync
from oss_oms_sync.answers.certificate import KIND, SCHEMA, Certificate, CodeVersion, CutoverFacts, document_hash
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.ledger.certificates import certificate_name, certificates_folder
from oss_oms_sync.rules.cutover import judge


def build_certificate(invocation: Invocation, facts: CutoverFacts, number: int) -> dict[str, object]:
    """Return the certificate of these facts as a JSON object; `number` counts the certificates of the project and task.

    The numbers define the order of certificates, because their times may be equal, or come from different clocks.
    """
    judgement = judge(facts)
    name = certificate_name(number, facts.made, judgement.verdict)
    document: dict[str, object] = to_json(
        Certificate(
            **vars(facts),
            schema=SCHEMA,
            kind=KIND,
            made_by=CodeVersion(oss_oms_sync.VERSION, hash_code(Path(oss_oms_sync.__file__).parents[1])),
            verdict=judgement.verdict,
            text=judgement.text,
            checks=judgement.checks,
            rehearsal=judgement.rehearsal,
            document=f"{certificates_folder(invocation)}{name}",
        )
    )
    return {**document, "sha256": document_hash(document)}


@cache  # the code does not change while it runs
def hash_code(folder: Path) -> str:
    """Return the SHA-256 of the code that wrote the certificate.

    The hashed text has a line for each Python and JSON file in `folder`, sorted by path: the path in the folder, a zero
    byte, and the SHA-256 of the contents as hex digits.
    """
    lines = (
        f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".json")
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
