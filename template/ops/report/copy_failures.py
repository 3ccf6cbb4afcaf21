"""Blocks on the objects that OMS failed to copy: by state, such as resolved or waiting, and by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ops.report import units
from ops.report.blocks import Block, Blocks, Column, FactList, Paragraph, ShareBar, Span, Table
from ops.report.words import Translator
from oss_oms_sync.answers.status_answer import CodeFailures, CopyingSummary
from oss_oms_sync.answers.text import t

# Parts of the failures, in the order of a bar.
_PART_LABELS = {
    "done": (
        "good",
        t("resolved"),
        t(
            "These objects are now in OBS, were deleted at the source, or were resent. OMS counts each resend as"
            " a further object, so the earlier failure stays in its count."
        ),
    ),
    "waiting": ("way", t("waiting"), t("Replay resends these objects.")),
    "stuck": ("bad", t("stuck"), t("Remove the cause; replay keeps resending these objects.")),
    "unknown": ("open", t("unknown"), t("Replay has not found these objects in OMS's lists of failed objects.")),
    "outside": ("calm", t("another project"), t("The object key does not match this project's prefix and suffix.")),
}
# Groups of causes: lasting causes need an action, and passing causes do not.
_GROUP_LABELS = {
    "lasting": ("bad", t("Persistent: action required")),
    "passing": ("way", t("Temporary: resent automatically")),
    "unknown": ("open", t("Unknown reason")),
}


class Cause(NamedTuple):
    """A cause of failures with its number of objects, and its remedy `fix`.

    `group` is "lasting" if each further attempt fails as well, "passing" if a later attempt may succeed, or "unknown".
    """

    name: str
    objects: int
    fix: str | None
    group: str


def cause_tables(title: str, causes: Iterable[Cause], translate: Translator) -> Blocks:
    sorted_causes = sorted(causes, key=lambda cause: (-cause.objects, cause.name))
    causes_by_group = {group: [cause for cause in sorted_causes if cause.group == group] for group in _GROUP_LABELS}
    return [
        _cause_table(title, group, group_causes, translate)
        for group, group_causes in causes_by_group.items()
        if group_causes
    ]


def _cause_table(title: str, group: str, causes: list[Cause], translate: Translator) -> Block:
    # Each group has its own scale, so that a few lasting causes remain visible beside many passing causes.
    max_objects, (tone, title_of_group) = causes[0].objects, _GROUP_LABELS[group]
    columns = [Column(title), Column(translate("remedy"), "wide"), Column(translate("objects"), "n")]
    rows = [
        (
            (Span("code", cause.name), ShareBar(cause.objects, max_objects, tone)),
            cause.fix or translate("unknown"),
            units.count(cause.objects, translate),
        )
        for cause in causes
    ]
    total = (translate("total"), "", units.count(sum(cause.objects for cause in causes), translate))
    return Table(columns, rows, [total], Span("mark", translate(title_of_group), tone))


def failures(copying: CopyingSummary, now: datetime, translate: Translator) -> Blocks:
    copy_failures, count_start_time = copying.failures, copying.acknowledged
    count_start = (
        FactList([(translate("start of the failure count"), units.time_with_age(count_start_time, now, translate))])
        if count_start_time
        else None
    )
    if copy_failures is None:
        return [count_start, Paragraph(translate("unknown"), "open")]
    parts = {name: int(getattr(copy_failures, name)) for name in _PART_LABELS}
    if not copy_failures.counted and not any(parts.values()):
        return [count_start, Paragraph(translate("OMS reports no copy failures."))]
    return [
        count_start,
        *_describe_parts(copy_failures.counted, parts, translate),
        *_tabulate_codes(copy_failures.codes, translate),
    ]


def _describe_parts(count_of_oms: int, parts: Mapping[str, int], translate: Translator) -> Blocks:
    title, total_text = translate("failures counted by OMS"), units.count(count_of_oms, translate)
    labelled_parts = [(*_PART_LABELS[name], objects) for name, objects in parts.items()]
    rows = [
        (
            (Span("swatch", tone=tone), translate(word), Span("aside", translate(meaning))),
            units.count_cell(objects, translate, tone if tone in ("bad", "open") else ""),
        )
        for tone, word, meaning, objects in labelled_parts
    ]
    bar_parts = [(translate(word), objects, tone) for tone, word, _, objects in labelled_parts if objects]
    columns = [Column(translate("state")), Column(translate("objects"), "n")]
    mismatch_text = translate(
        "The counts above do not add up to OMS's count of failures, which may be outdated: check the status"
        " again in a few minutes."
    )
    return [
        units.picture(title, title, count_of_oms, bar_parts, translate),
        Table(columns, rows, [(title, total_text)]),
        Paragraph(mismatch_text, "open") if sum(parts.values()) != count_of_oms else None,
    ]


def _tabulate_codes(codes: Mapping[str, CodeFailures], translate: Translator) -> Blocks:
    causes = []
    for code, code_failures in codes.items():
        fix = (
            translate(code_failures.fix)
            if code
            else translate(
                "Replay resent these objects, but OMS did not accept them: check the reasons in the failed"
                " records above."
            )
        )
        causes.append(Cause(code or "–", code_failures.objects, fix, "passing" if code_failures.passes else "lasting"))
    title = Paragraph(translate("Waiting and stuck objects, by OMS's codes"), "note") if causes else None
    return [title, *cause_tables(translate("OMS's code"), causes, translate)]
