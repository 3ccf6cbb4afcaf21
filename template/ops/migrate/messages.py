"""The messages of a migration of existing objects: its plan and cost, its progress, and the next step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ops.cost import estimate, nights
from ops.cost.prices import RESTORE_PRICE, RESTORE_REQUESTS_PRICE, Prices
from ops.intention import Intention
from ops.report import cost_table, existing_objects
from ops.report.comparison import counted_classes
from ops.report.words import purpose
from ops.shell import COST_STEP, command, sentence
from ops.show import lines
from ops.terminal import Line, MarkedLine, UnwrappedLine
from oss_oms_sync.answers import codec
from oss_oms_sync.answers.bandwidth import Window, shift_windows
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import CompareAnswer, ComparisonResult, first_folder
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import WORKING_STATES, TaskGroup, storage_class_plan
from oss_oms_sync.answers.text import Text, t

REMOVAL_STEP = Step("migrate", {"remove": True})
PROGRESS_TEXT = t("Check the progress of the migration: {command}", command=Step("migrate", {"look": True}))
NO_MIGRATION_TEXT = t("No migration of existing objects is running.")
ENDED_TEXT = t("Another command has ended the migration")
NO_GROUP_TEXT = t("The migration is recorded, but OMS has no task group for it yet")
CONTINUE_TEXT = t("To continue the migration: {go_on}. To end it: {remove}", go_on=Step("migrate"), remove=REMOVAL_STEP)
END_TEXT = t("End the migration: {command}", command=REMOVAL_STEP)
_SIZE_TEXT = t(
    "According to the last comparison (begun {began}), the migration will copy {objects:object|objects}"
    " ({size:size}). At OMS's usual limits, this will take about {time:time}."
)
_MAX_SIZE_TEXT = t(
    "According to the last comparison (begun {began}), which counts whole first-level folders, the"
    " migration will copy at most {objects:object|objects} ({size:size}). At OMS's usual limits, this will"
    " take about {time:time}."
)


def plan(
    intention: Intention, comparison: CompareAnswer, project_prefix: str, prices: Prices, language: str
) -> Iterator[Line]:
    """Yield the lines of a migration's plan, with its cost and duration.

    The estimates use the counts of `comparison`, the last comparison. `project_prefix` is the prefix of the object keys
    that the project migrates.
    """
    yield t(
        "A task group of OMS copies the current objects of {source} to {destination} once, with metadata;"
        " the sync task keeps running. Objects that OBS already has {there}.",
        source=intention.source,
        destination=intention.destination,
        there=t("are overwritten, even if they are equal")
        if intention.overwrite
        else t("are skipped if both CRC64s are the same"),
    ).of(language)
    for prefix in filter(None, intention.prefixes):
        yield t("Only objects with the prefix {prefix} are copied", prefix=prefix).of(language)
    if intention.bandwidth:
        yield existing_objects.bandwidth(intention.bandwidth).of(language)
    for text in (
        t(
            "OMS receives two permanent access keys of the users that setup created. This project deletes the"
            " keys when the migration is finished, but keeps them while failed objects can be retried."
        ),
        t(
            "Archived objects are copied only if you restore them in OSS first, or OMS does (Cold Archive: about"
            " {dollars:.3f} dollars per GB and {request_dollars:.2f} dollars per 10,000 objects). Otherwise their"
            " copies fail, and OMS lists them. The command asks separately whether to restore archived objects,"
            " unless you pass --restore or --yes (which restores none).",
            dollars=RESTORE_PRICE,
            request_dollars=RESTORE_REQUESTS_PRICE,
        ),
        storage_class_plan(Step("migrate", {"keep_storage_class": True}), keeps_class=intention.keep_storage_class),
        t(
            "If an object is written during the migration, OBS may end up with the older version: a"
            " comparison after the migration finds such objects."
        ),
    ):
        yield sentence(text, language)
    if isinstance(comparison, ComparisonResult):
        yield sentence(t("Objects in the last comparison ({began}):", began=comparison.started), language)
        yield from (
            UnwrappedLine(f"  {pair.text.of(language)}") for pair in comparison.storage if pair.source is not None
        )
    if not isinstance(comparison, ComparisonResult):
        yield sentence(
            t(
                "No comparison exists yet, so the number of objects is unknown. To estimate the cost: {command}",
                command=COST_STEP,
            ),
            language,
        )
        return
    copied_classes = [*ObjectClass] if intention.overwrite else [ObjectClass.MISSING, ObjectClass.OLDER]
    folders = {
        folder: [count for name, count in classes.items() if name in copied_classes and count[0]]
        for folder, classes in comparison.folders.items()
    }
    whole_folders, other_folders = _split_folders(intention.prefixes, folders, project_prefix)
    partial_folders = [folder for folder in other_folders if folders[folder]]
    if "*" in partial_folders:
        yield sentence(
            t(
                "The number of objects is unknown: the last comparison ({began}) counts the folders of this"
                " migration together with other folders. To estimate the cost: {command}",
                began=comparison.started,
                command=COST_STEP,
            ),
            language,
        )
        return
    objects, size = (
        sum(count[index] for folder in (*whole_folders, *partial_folders) for count in folders[folder])
        for index in (0, 1)
    )
    size_text, ways = _MAX_SIZE_TEXT if partial_folders else _SIZE_TEXT, nights.compare_ways(objects, size, prices)
    # The user's limits are taken as times in China.
    copy_estimate = nights.estimate_copy(objects, size, prices, intention.bandwidth or ())
    yield from lines.draw(
        cost_table.copying(
            estimate.copying_costs(prices, objects, size, copy_estimate.dollars),
            ways,
            size_text.filled(began=comparison.started, objects=objects, size=size, time=copy_estimate.seconds).of(
                language
            ),
            language,
        )
    )


def _split_folders(
    prefixes: Sequence[str], folders: Collection[str], project_prefix: str
) -> tuple[list[str], list[str]]:
    """Return the first-level folders that a migration copies whole, and the folders that it may copy in part.

    `project_prefix` is the prefix of the object keys that the project migrates. The folder "" stands for objects
    outside folders, and "*" for all folders that were not counted separately.
    """
    if project_prefix in prefixes:
        return [*folders], []
    parents = {first_folder(prefix) for prefix in prefixes}
    whole_folders = [folder for folder in folders if folder.startswith(tuple(prefixes))]
    is_counted = "" not in parents and parents <= {*folders}
    return whole_folders, [
        folder
        for folder in folders
        if folder not in whole_folders and (folder in parents or (folder == "*" and not is_counted))
    ]


def digest_if_nothing_extra(comparison: CompareAnswer) -> str:
    """Return the destination's digest if a comparison found no objects that are only in OBS, otherwise "".

    The digest is a sum over all keys and sizes, written as 64 hexadecimal digits.
    """
    if not isinstance(comparison, ComparisonResult) or counted_classes(comparison).keys() & {
        ObjectClass.UNKNOWN,
        ObjectClass.ARRIVING,
    }:
        return ""
    return f"{comparison.destination.digest:064x}"


def progress_line(group: TaskGroup, seconds_left: float | None = None) -> Text:
    text = existing_objects.progress_text(group)
    return (
        text
        if seconds_left is None
        else t("{how_far}; about {left:time} left (estimate)", how_far=text, left=seconds_left)
    )


def state_lines(
    group: TaskGroup,
    keys: Sequence[str],
    language: str,
    seconds_left: float | None = None,
    zone_text: Text | None = None,
) -> Iterator[Line]:
    """Yield lines on the state of a task group, and the next step.

    `keys` are the ids of the migration's access keys that still exist. `zone_text` is the sentence on the time zone of
    the bandwidth limits.
    """
    yield MarkedLine("", group.title.of(language), existing_objects.tone(group))
    if group.total:
        yield f"  {progress_line(group, seconds_left).of(language)}"
    if group.bandwidth:
        yield f"  {existing_objects.bandwidth(group.bandwidth).of(language)}"
    if zone_text:
        yield f"  {zone_text.of(language)}"
    for text in existing_objects.failures(group):
        yield f"  {sentence(text, language)}"
    if keys and group.state not in WORKING_STATES:
        yield f"  {t('Access keys kept for the migration: {keys}', keys=keys).of(language)}"
    yield f"-> {(t('Follow the migration:') if group.state in WORKING_STATES else purpose(group.step)).of(language)}"
    yield UnwrappedLine(f"   {command(group.step)}")


def describe_time_zone(windows: Sequence[Window], delay_hours: int | None) -> Text:
    """Return a sentence on the time zone of the bandwidth limits.

    `delay_hours` is the measured delay with which OMS applies the limits, or None if it is unknown.
    """
    if delay_hours is None:
        return t("The time zone of the bandwidth limits is unknown until OMS has copied with these limits for a day.")
    if not delay_hours:
        return t("Judging by the bytes copied in the last day, the bandwidth limits apply in China Standard Time.")
    limits = [
        f"{window.start}-{window.end}={window.max_bandwidth // 1000}KB/s"
        for window in shift_windows(windows, -delay_hours)
    ]
    return t(
        "Judging by the bytes copied in the last day, the bandwidth limits seem to take effect"
        " {hours:hour|hours} {later}. To shift the limits: {command}",
        hours=abs(delay_hours),
        later=t("late") if delay_hours > 0 else t("early"),
        command=Step("migrate", {"bandwidth": limits}),
    )


def end_lines(group: TaskGroup, language: str) -> Iterator[Line]:
    yield MarkedLine("", group.title.of(language), existing_objects.tone(group))
    yield f"  {progress_line(group).of(language)}"
    comparison_text = t(
        "Now compare both buckets to find missing objects, and objects that were written during the migration:"
    )
    yield f"-> {comparison_text.of(language)}"
    yield UnwrappedLine(f"   {command(Step('compare', {'deep': True, 'since': '1970-01-01'}))}")
    overwriting_text = t(
        "To overwrite objects that still differ and have a CRC64 in both buckets, run another migration:"
    )
    yield f"-> {overwriting_text.of(language)}"
    yield UnwrappedLine(f"   {command(Step('migrate'))}")


def to_json(group: TaskGroup | None) -> dict[str, Any]:
    return codec.to_json(group) if group else {"state": "none"}
