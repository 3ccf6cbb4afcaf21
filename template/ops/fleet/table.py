"""The table of a fleet: a line for each project, the worst verdict first, and the next steps of the projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.clock import parse_timestamp
from ops.fleet.overview import Member
from ops.report import units
from ops.report.blocks import (
    Blocks,
    Cell,
    Column,
    CommandBlock,
    Link,
    Paragraph,
    Phrase,
    Report,
    ReportHead,
    Span,
    Table,
)
from ops.report.words import Translator
from ops.shell import command, quote_word
from oss_oms_sync.answers.codec import to_json as json_of
from oss_oms_sync.answers.status_answer import VerdictState
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

_VERDICT_LABELS = {
    VerdictState.IN_STEP: (t("in step"), "good"),
    VerdictState.BEHIND: (t("behind"), "open"),
    VerdictState.BROKEN: (t("broken"), "bad"),
    VerdictState.UNKNOWN: (t("unknown"), "calm"),
    VerdictState.CLOSED: (t("closed"), "way"),
}
_CLOSED_ALARM_LABEL, _CLOSED_GO_LABEL = t("closed (alarm)"), t("closed (GO)")


def verdict_word(member: Member) -> Text:
    if member.verdict is VerdictState.CLOSED and not member.is_healthy:
        return _CLOSED_ALARM_LABEL
    mark = member.overview.closed if member.overview else None
    return _CLOSED_GO_LABEL if mark and mark.go else _VERDICT_LABELS[member.verdict][0]


def report(members: Sequence[Member], pages: Mapping[Path, Path], language: str) -> Report:
    """Return the report on the projects in the order of `members`; `pages` maps a folder to its project's page."""
    translate = Translator(language)
    members_to_act_on = [member for member in members if not member.is_healthy]
    explanation = (
        translate("Action is needed in {n} of {total:project|projects}.", n=len(members_to_act_on), total=len(members))
        if members_to_act_on
        else translate("No project needs action.")
    )
    columns = [
        Column(translate("project")),
        Column(translate("verdict")),
        Column(translate("objects"), "n"),
        Column(translate("waiting"), "n"),
        Column(translate("lag")),
        Column(translate("migration")),
        Column(translate("compared")),
    ]
    steps = [block for member in members_to_act_on for block in _describe_step(member, translate)]
    rows = [_member_row(member, pages.get(member.folder), translate) for member in members]
    word = translate("Fleet")
    return Report(
        ReportHead(word, "open" if members_to_act_on else "good", explanation, None),
        language,
        [Table(columns, rows), *steps],
        title=word,
        subtitle=translate(
            "Lag: the time within which 99% of the objects reached OBS, according to the last comparison."
        ),
    )


def _member_row(member: Member, page: Path | None, translate: Translator) -> list[Phrase | Cell]:
    word, overview = verdict_word(member), member.overview
    tone = "bad" if overview and overview.verdict.alarm else _VERDICT_LABELS[member.verdict][1]
    name = Link(page.name, member.name) if page and overview else member.name
    first_cells: list[Phrase | Cell] = [name, Cell(translate(word), tone)]
    if overview is None:
        return [*first_cells, None, None, None, None, None]
    last_comparison = overview.compare.last
    waiting_text = f"{overview.backlog.objects:,}"
    task_group = overview.old_objects
    now = parse_timestamp(overview.at)
    return [
        *first_cells,
        units.count(last_comparison.source.objects, translate) if last_comparison else None,
        translate("at least {number}", number=waiting_text) if overview.backlog.at_least else waiting_text,
        translate("{s:time}", s=last_comparison.lag.copied.p99)
        if last_comparison and last_comparison.lag.copied.p99 is not None
        else None,
        units.share(task_group.finished, task_group.total, translate) if task_group and task_group.total else None,
        units.age(parse_timestamp(last_comparison.started), now, translate) if last_comparison else None,
    ]


def _describe_step(member: Member, translate: Translator) -> Blocks:
    folder = f"cd {quote_word(str(member.folder))} && "
    if member.overview is None:
        reason: Phrase = (
            Span("strong", member.name),
            translate(": "),
            translate(member.problem) if member.problem else None,
        )
        return [Paragraph(reason, "open"), CommandBlock(f"{folder}{command(Step('status'))}")]
    verdict = member.overview.verdict
    return [
        Paragraph((Span("strong", member.name), translate(": "), translate(verdict.text)), "open"),
        CommandBlock(f"{folder}{command(verdict.step)}") if verdict.step else None,
    ]


def to_json(member: Member) -> dict[str, Any]:
    return {
        "name": member.name,
        "folder": str(member.folder),
        "verdict": member.verdict.value,
        "problem": member.problem.en if member.problem else None,
        "status": json_of(member.overview) if member.overview else None,
    }
