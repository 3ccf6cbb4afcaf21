"""Objects that OMS failed to copy, in parts that add up to OMS's number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ops.report import units
from ops.report.blocks import Block, Blocks, Column, FactList, Paragraph, Span, Table, Track
from ops.report.words import Translator
from oss_oms_sync.answers.status_answer import CodeFailures, CopyingSummary
from oss_oms_sync.answers.text import t

# Parts of the failures, in the order of a bar.
_PART_LABELS = {
    "done": ("good", t("resolved"), t("Now in OBS, deleted at the source, or resent, which OMS counts separately.")),
    "waiting": ("way", t("waiting"), t("Replay resends them.")),
    "stuck": ("bad", t("stuck"), t("Replay resends them; first remove the cause.")),
    "unknown": ("open", t("unknown"), t("Not in any OMS list that replay has read.")),
    "outside": ("calm", t("another project's"), t("Outside the prefix and suffix.")),
}
# Groups of causes: lasting causes need an action, and passing causes do not.
_GROUP_LABELS = {
    "lasting": ("bad", t("Persistent: action required")),
    "passing": ("way", t("Temporary: resent automatically")),
    "unknown": ("open", t("Unknown reason")),
}


class Cause(NamedTuple):
    """A cause of failures, the number of its objects, and its remedy.

    `group` is "lasting", "passing" or "unknown".
    """

    name: str
    objects: int
    fix: str | None
    group: str


def tables(title: str, causes: Iterable[Cause], translate: Translator) -> Blocks:
    """Return a table for each group of causes, the most frequent cause first.

    `title` is the heading of the first column.
    """
    ordered = sorted(causes, key=lambda cause: (-cause.objects, cause.name))
    grouped = {group: [cause for cause in ordered if cause.group == group] for group in _GROUP_LABELS}
    return [_table(title, group, members, translate) for group, members in grouped.items() if members]


def _table(title: str, group: str, causes: list[Cause], translate: Translator) -> Block:
    # Each group has its own scale, so that a few lasting causes remain visible beside many passing causes.
    most, (tone, title_of_group) = causes[0].objects, _GROUP_LABELS[group]
    columns = [Column(title), Column(translate("remedy"), "wide"), Column(translate("objects"), "n")]
    body = [
        (
            (Span("code", cause.name), Track(cause.objects, most, tone)),
            cause.fix or translate("unknown"),
            units.count(cause.objects, translate),
        )
        for cause in causes
    ]
    total = (translate("total"), "", units.count(sum(cause.objects for cause in causes), translate))
    return Table(columns, body, [total], Span("mark", translate(title_of_group), tone))


def failures(copying: CopyingSummary, now: datetime, translate: Translator) -> Blocks:
    """Report the objects that OMS failed to copy, by their present state and by OMS's code."""
    copy_failures, acknowledged = copying.failures, copying.acknowledged
    count_start = (
        FactList([(translate("start of the failure count"), units.time(acknowledged, now, translate))])
        if acknowledged
        else None
    )
    if copy_failures is None:
        return [count_start, Paragraph(translate("unknown"), "open")]
    parts = {name: int(getattr(copy_failures, name)) for name in _PART_LABELS}
    if not copy_failures.counted and not any(parts.values()):
        return [count_start, Paragraph(translate("OMS failed to copy none of the submitted objects."))]
    return [
        count_start,
        *_describe_parts(copy_failures.counted, parts, translate),
        *_tabulate_codes(copy_failures.codes, translate),
    ]


def _describe_parts(counted: int, parts: Mapping[str, int], translate: Translator) -> Blocks:
    """Return a bar of the parts, and a table that explains each part."""
    title, total = translate("counted by OMS"), units.count(counted, translate)
    labelled = [(*_PART_LABELS[name], objects) for name, objects in parts.items()]
    body = [
        (
            (Span("swatch", tone=tone), translate(word), Span("aside", translate(means))),
            units.number(objects, translate, tone if tone in ("bad", "open") else ""),
        )
        for tone, word, means, objects in labelled
    ]
    bar_parts = [(translate(word), objects, tone) for tone, word, _, objects in labelled if objects]
    columns = [Column(translate("state")), Column(translate("objects"), "n")]
    mismatch_text = translate("These do not add up to OMS's number, which may be late: check again in a few minutes.")
    return [
        units.picture(title, title, total, bar_parts, translate),
        Table(columns, body, [(title, total)]),
        Paragraph(mismatch_text, "open") if sum(parts.values()) != counted else None,
    ]


def _tabulate_codes(codes: Mapping[str, CodeFailures], translate: Translator) -> Blocks:
    """Return tables of OMS's failure codes, for objects that are not in OBS yet."""
    causes = []
    for code, failed_for_code in codes.items():
        fix = (
            translate(failed_for_code.fix)
            if code
            else translate("Resent since, but not accepted by OMS: see the reasons above.")
        )
        causes.append(
            Cause(code or "–", failed_for_code.objects, fix, "passing" if failed_for_code.passes else "lasting")
        )
    title = Paragraph(translate("Waiting and stuck objects, by OMS's codes"), "note") if causes else None
    return [title, *tables(translate("OMS's code"), causes, translate)]
