"""The certificates of a project in the log bucket, and the valid GO.

    oms_source_record/certificates/{project}/{task}/{number}-{time}-{verdict}.json

A GO is a certificate that allows the cutover. It is valid until the project is opened. While it is valid, applications
write to OBS, so no report recommends opening the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oss_oms_sync import jsontext
from oss_oms_sync.answers.certificate import CutoverVerdict
from oss_oms_sync.answers.job_answers import MarkWithGo
from oss_oms_sync.answers.layout import certificate_folder
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.ledger.closing import CloseMark

_AFTER_GO = t(
    "A GO is in effect, and its cutover removed the trigger, so writes to OSS since the GO are not recorded."
    " To list the objects that applications have written to either bucket since the GO: {step}",
    step=Step("compare"),
)


def certificates_folder(invocation: Invocation) -> str:
    return certificate_folder(invocation.task_id, invocation.settings.project)


def certificate_name(number: int, made_at: str, verdict: CutoverVerdict) -> str:
    """Return the name of a certificate below `certificates_folder`; `made_at` is its time in ISO 8601 and UTC."""
    compact_time = made_at.replace("-", "").replace(":", "")
    return f"{number:04}-{compact_time}-{_name_ending(verdict)}"


def parse_number(name: str) -> int:
    """Return the number of the certificate with this name, or 0 for another object."""
    number = name.rpartition("/")[2].partition("-")[0]
    return int(number) if number.isdecimal() else 0


class Certificates:
    """The certificates of a project. The constructor lists them, and may raise StorageError."""

    def __init__(self, invocation: Invocation) -> None:
        self._bucket = invocation.log_bucket
        self._names = [row.name for row in self._bucket.iter_objects(certificates_folder(invocation))]

    def last_name(self, verdicts: Sequence[CutoverVerdict] = tuple(CutoverVerdict)) -> str:
        """Return the name of the last certificate with one of these verdicts, or "" if there is none."""
        endings = {_name_ending(verdict) for verdict in verdicts}
        names = (name for name in self._names if "-".join(name.rpartition("/")[2].split("-")[2:]) in endings)
        # Two concurrent calls may have chosen the same number, in different seconds or with different verdicts.
        return max(names, key=lambda name: (parse_number(name), name), default="")

    def read(self, name: str) -> dict[str, Any] | None:
        """Return the document with this name, or None if the object is not a certificate."""
        document = jsontext.load(self._bucket.get(name) or b"{}") if name else {}
        is_certificate = isinstance(document, dict) and {"document", "verdict", "made"} <= document.keys()
        return document if is_certificate else None  # type: ignore[return-value]

    def read_since(self, mark: CloseMark, name: str) -> dict[str, Any] | None:
        """Return the certificate with this name, or None if the project was opened after the certificate was made.

        `mark` is the project's current closed mark.
        """
        document = self.read(name)
        certified_mark = document and document.get("closed")
        # The marks are compared instead of times, because the clocks of two instances may differ.
        return document if isinstance(certified_mark, dict) and certified_mark.get("opened") == mark.opened_at else None

    def read_valid_go(self, mark: CloseMark) -> dict[str, Any] | None:
        """Return the last GO, or None if there is none or if the project was opened since.

        `mark` is the project's current closed mark.
        """
        return self.read_since(mark, self.last_name([CutoverVerdict.GO]))


def read_mark_with_go(invocation: Invocation, mark: CloseMark) -> MarkWithGo:
    """Return the fields of a closed mark for an answer, with the name of the valid GO.

    Raises StorageError.
    """
    go_document = Certificates(invocation).read_valid_go(mark)
    return MarkWithGo(
        mark.closed_at, mark.person, mark.reason, mark.run, str(go_document["document"]) if go_document else ""
    )


def describe_closed(mark: CloseMark, go_name: str) -> Text:
    """Describe a closed project and its next step; `go_name` is the name of the valid GO, or ""."""
    return sentences(mark.text, _AFTER_GO if go_name else t("To open the project: {command}", command=Step("open")))


def _name_ending(verdict: CutoverVerdict) -> str:
    return f"{verdict.value.lower().replace(' ', '-')}.json"
