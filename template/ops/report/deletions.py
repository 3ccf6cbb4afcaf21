"""The report on a list of deletions: objects that are only in OBS, and the steps by which a user deletes them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.clock import parse_timestamp, timestamp
from ops.report import units
from ops.report.blocks import (
    Blocks,
    Column,
    CommandBlock,
    FactList,
    Paragraph,
    Report,
    ReportHead,
    Section,
    Table,
    keys,
)
from ops.report.words import Translator
from ops.shell import command, quote_word
from oss_oms_sync.answers.deletions import DeletionFacts, DeletionsAnswer, OmissionReason
from oss_oms_sync.answers.pass_answers import first_folder
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.deletions import MAX_LIST_AGE

# Maximum number of keys, and of folders, in a report.
_MAX_SHOWN = 10
# Maximum number of folders with a count of their own, so that memory does not grow with the list.
_MAX_FOLDERS = 1000


@dataclass
class Summary:
    """The totals of a list of deletions, which arrives in pages.

    - `request_time` is the time when the list was requested.
    - `keys` are the first keys on the list.
    - `omission_counts` count objects that are not listed, by the reason.
    - `unlisted_keys` are the first keys that cannot be written exactly in a list for rclone.
    """

    request_time: str
    facts: DeletionFacts = field(init=False)
    objects: int = 0
    bytes: int = 0
    oldest_time: str = ""
    newest_time: str = ""
    keys: list[str] = field(default_factory=list)
    folders: Counter[str] = field(default_factory=Counter)
    omission_counts: Counter[OmissionReason] = field(default_factory=Counter)
    unlisted_keys: list[str] = field(default_factory=list)

    @property
    def valid_until(self) -> datetime:
        """The time until which users may delete the listed objects.

        Afterwards, applications may have written objects with these keys to the source again.
        """
        return parse_timestamp(self.request_time) + MAX_LIST_AGE

    def add(self, page: DeletionsAnswer) -> None:
        self.facts = page.facts
        self.omission_counts.update(page.left_out)
        self.unlisted_keys += page.unlisted[: _MAX_SHOWN - len(self.unlisted_keys)]
        for deletion in page.deletions:
            self.objects += 1
            self.bytes += deletion.size
            self.oldest_time = min(self.oldest_time or deletion.modified, deletion.modified)
            self.newest_time = max(self.newest_time, deletion.modified)
            folder = first_folder(deletion.key)
            is_counted = folder in self.folders or len(self.folders) < _MAX_FOLDERS
            self.folders[folder if is_counted else "..."] += 1
        self.keys += [deletion.key for deletion in page.deletions[: _MAX_SHOWN - len(self.keys)]]

    def to_json(self) -> dict[str, Any]:
        return {
            "comparison": self.facts.comparison,
            "objects": self.objects,
            "bytes": self.bytes,
            "folders": dict(self.folders),
            "oldest": self.oldest_time or None,
            "newest": self.newest_time or None,
            "keys": self.keys,
            "left_out": {reason.value: number for reason, number in self.omission_counts.items()},
            "unlisted": self.unlisted_keys,
            "unknown_objects": self.facts.unknown_objects,
            "valid_until": timestamp(self.valid_until),
        }


def report(summary: Summary, file: Path, language: str) -> Report:
    translate = Translator(language)
    explanation = t(
        "{n:object|objects} ({bytes:size}) deleted at the source can be deleted in OBS. This command deletes nothing",
        n=summary.objects,
        bytes=summary.bytes,
    )
    if not summary.objects:
        explanation = t("OBS has no object to delete")
    omission_rows = [
        (translate(reason.meaning), units.count(number, translate))
        for reason, number in summary.omission_counts.most_common()
    ]
    unknown_count = summary.facts.unknown_objects
    if unknown_count:
        omission_rows.append(
            (translate("of unknown origin: no record that OMS accepted the key"), units.count(unknown_count, translate))
        )
    folders = [
        (name or translate("(no folder)"), units.count(number, translate))
        for name, number in summary.folders.most_common(_MAX_SHOWN)
    ]
    blocks: Blocks = [
        FactList(
            [
                (translate("Start of the comparison"), summary.facts.began),
                (translate("Oldest object"), summary.oldest_time or None),
                (translate("Newest object"), summary.newest_time or None),
            ]
        ),
        Table([Column(translate("folder")), Column(translate("objects"), "n")], folders) if folders else None,
        keys(summary.keys) if summary.keys else None,
        Table([Column(translate("Reason for omission")), Column(translate("objects"), "n")], omission_rows)
        if omission_rows
        else None,
        Paragraph(translate("Keys that cannot be written exactly in a list for rclone:"))
        if summary.unlisted_keys
        else None,
        keys(summary.unlisted_keys) if summary.unlisted_keys else None,
    ]
    sections = [_deletion_steps(summary, file, translate)] if summary.objects else []
    return Report(
        ReportHead("", "open" if summary.objects else "good", translate(explanation), None), language, blocks, sections
    )


def _deletion_steps(summary: Summary, file: Path, translate: Translator) -> Section:
    bucket, name = summary.facts.destination_bucket, quote_word(str(file))
    valid_until = timestamp(summary.valid_until)
    return Section(
        "delete",
        translate("Delete the objects"),
        None,
        [
            Paragraph(
                translate(
                    "Do not use the list after {time}: it may then contain objects that applications have"
                    " written to the source again. `obs` is the remote for OBS in your rclone configuration"
                    " (type s3, provider HuaweiOBS).",
                    time=valid_until,
                )
            ),
            Paragraph(
                translate(
                    "1. Make a backup: turn on versioning for the bucket in the OBS console, or copy the objects:"
                )
            ),
            CommandBlock(f"rclone copy obs:{bucket} obs:{bucket}-deleted --files-from-raw {name}"),
            Paragraph(translate("2. Show what rclone would delete:")),
            CommandBlock(f"rclone delete obs:{bucket} --files-from-raw {name} --dry-run"),
            Paragraph(translate("3. Delete the objects:")),
            CommandBlock(f"rclone delete obs:{bucket} --files-from-raw {name}"),
            Paragraph(
                translate(
                    "4. Half an hour later, compare, to submit objects that were written to the source in the meantime:"
                )
            ),
            CommandBlock(command(Step("compare"))),
            Paragraph(
                translate(
                    "Do not use obsutil: it can delete a single object or all objects with a prefix, but"
                    " not a list of objects."
                ),
                "open",
            ),
        ],
    )
