"""The report on the migration of the existing objects, from OMS's answer about the task group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ops.report.blocks import Blocks, CommandBlock, FactList, Paragraph, Span
from ops.report.words import MIGRATION_UNKNOWN_TEXT, Translator
from ops.shell import command
from oss_oms_sync.answers.bandwidth import Window
from oss_oms_sync.answers.status_answer import StatusAnswer
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import LOOK_STEP, MAX_RESENT_OBJECTS, WORKING_STATES, GroupState, TaskGroup
from oss_oms_sync.answers.text import Text, t

_PROGRESS_TEXT = t(
    "{share:.1f}% of {total:object|objects}: {copied} copied, {skipped} skipped, {failed} failed;"
    " {size:size} of {whole:size}, {speed:size}/s"
)
_STATE_TONES = {
    **dict.fromkeys(WORKING_STATES, "way"),
    GroupState.DONE: "good",
    **dict.fromkeys((GroupState.NOT_CREATED, GroupState.FAILED), "bad"),
}

RESENT_TEXT = t("Replay has read the keys of all failed objects, and is resending the objects.")
_RESEND_TEXT = t(
    "Replay finds the failed objects in OMS's lists, and resends them. To have OMS retry them instead: {command}",
    command=Step("migrate", {"retry": True}),
)
_TOO_MANY_TEXT = t(
    "More than {most} objects failed, so replay resends none of them. Remove the cause, then have OMS retry the"
    " objects: {retry}. If they keep failing, end the migration ({remove}), then submit the objects that are"
    " missing in OBS: {compare}"
).filled(
    retry=Step("migrate", {"retry": True}),
    remove=Step("migrate", {"remove": True}),
    compare=Step("compare", {"since": "1970-01-01"}),
)


def tone(group: TaskGroup) -> str:
    return _STATE_TONES.get(group.state, "open")


def progress_text(group: TaskGroup) -> Text:
    if group.percent is None and group.state not in WORKING_STATES:
        return t("No objects were copied")
    if group.percent is None:
        return t("OMS is listing the source: nothing has been copied yet")
    return _PROGRESS_TEXT.filled(
        share=group.percent,
        total=group.total,
        copied=group.copied,
        skipped=group.skipped,
        failed=group.failed,
        size=group.copied_size,
        whole=group.size,
        speed=group.speed,
    )


def bandwidth(windows: Sequence[Window]) -> Text:
    return t(
        "Bandwidth limits: {limits}; no limit at other times",
        limits=[
            t("{start} to {end} {speed:size}/s", start=window.start, end=window.end, speed=window.max_bandwidth)
            for window in windows
        ],
    )


def failures(group: TaskGroup) -> Iterator[Text]:
    if group.why:
        yield t("Reason given by OMS: {why}", why=group.why)
    if group.lists:
        yield t("Failed objects are listed in OBS, below {folder}", folder=group.lists)
    if (resend_text := _resend_text(group)) is not None:
        yield resend_text


def _resend_text(group: TaskGroup) -> Text | None:
    if group.can_be_resent:
        return RESENT_TEXT if group.resent else _RESEND_TEXT
    return _TOO_MANY_TEXT.filled(most=MAX_RESENT_OBJECTS) if group.failed > MAX_RESENT_OBJECTS else None


def report_failures(answer: StatusAnswer, translate: Translator) -> Blocks:
    """Return blocks on the existing objects that OMS failed to copy.

        Failures of objects that were written after the migration had started belong to the sync task, and are reported
    elsewhere.
    """
    group = answer.old_objects
    if group is None or not group.failed:
        return []
    texts = (
        t("{failed} of {total:existing object|existing objects} failed.", total=group.total, failed=group.failed),
        _resend_text(group),
    )
    return [Paragraph(translate(text), "open") for text in texts if text]


def report_migration(answer: StatusAnswer, translate: Translator) -> Blocks:
    migration, group, failure = answer.migration, answer.old_objects, answer.old_objects_failure
    if migration is None:
        return []
    start_time, group_id = migration.begun, migration.group
    facts = FactList(
        [
            (translate("start time"), start_time or None),
            (translate("task group"), Span("code", group_id) if group_id else None),
            (translate("access keys"), ", ".join(migration.keys) or None),
        ]
    )
    if group is None:
        return [
            Paragraph(translate(MIGRATION_UNKNOWN_TEXT), "open"),
            facts,
            Paragraph(translate(failure.fix)) if failure else None,
            CommandBlock(command(LOOK_STEP)),
        ]
    return [
        Paragraph(translate(group.title), tone(group)),
        *(Paragraph(translate(text)) for text in (progress_text(group), *failures(group))),
        Paragraph(translate(bandwidth(group.bandwidth))) if group.bandwidth else None,
        facts,
        CommandBlock(command(group.look_step)),
    ]
