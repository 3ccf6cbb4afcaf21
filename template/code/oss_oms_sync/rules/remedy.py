"""The remedy for the objects of a class: a sentence and the next step.

Certificates, comparisons, status and the history of a key use the same remedies. A remedy changes the objects of its
class and as few others as possible. It is never an action that is known to have no effect.

Source: OMS, "Creating a sync task", the overwrite modes: by default OMS skips an object if the object in OBS has the
same size and is not older. With CRC64_COMPARISON_OVERWRITE it compares the CRC64s instead; if one of the two objects
has no CRC64, it decides as by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t

# Maximum number of prefixes of a task group.
_MAX_PREFIXES = 10
EQUAL_SIZE_TEXT = t(
    "OMS does not accept these objects (status shows the reasons), but OBS has objects with the same keys and"
    " sizes, perhaps because they were copied by hand. Compare again with --deep, which reads the objects"
)
_CLOSED_TEXT = t(
    "The project stays closed, so nothing is submitted. If no application uses OBS yet, open the project"
    " ({step}), and start over. If applications use OBS, copy the objects that OBS needs by hand",
    step=Step("open"),
)
_GO_TEXT = t("A GO is in effect, so the project stays closed. Copy the objects that OBS needs by hand")
_MIGRATING_TEXT = t(
    "Compare again when the migration is finished. To check the migration's progress: {step}",
    step=Step("migrate", {"look": True}),
)
_FAILED_REMEDY = t("Run status, which reports the reasons for the failures. Resend the objects, then recheck them")
_RECHECK_REMEDY = t("Recheck the objects in a few minutes")
_SUBMITTED_REMEDY = t(
    "Compare has submitted the objects, unless the project was closed or --since excluded the objects. Recheck the"
    " objects in a few minutes"
)
_UNCHANGED_REMEDY = t("The recheck found the same differences. Start a new comparison, which submits the objects again")
_UNSUBMITTED_REMEDY = t(
    "Compare submitted nothing, because the project was closed or its state was unknown. Start a new"
    " comparison, which submits the objects"
)
_RESEND_REMEDY = t("If OBS should have the source's version, resend the object:")
_DECISION_REMEDY = t(
    "Find out which application writes to OBS. If the source has the right versions, resend the objects, then"
    " recheck them"
)
_DELETION_REMEDY = t("delete each affected object in OBS, then compare again to submit them")
_RECHECK_STEP, _RESTART_STEP = Step("compare", {"again": True}), Step("compare", {"restart": True})
_OVERWRITE_STEP = Step("compare", {"overwrite": True, "restart": True})


@dataclass(frozen=True)
class Counts:
    """Numbers of source objects of a class, on which the remedy depends.

    - `proven_different`: the number of objects that have the same size in OBS and were read and proven different.
    - `ineffective_resends`: the number of objects for which OMS accepted another submission without copying them.
    - `are_same_size`: True if all objects have the same size in OBS.
    - `prefixes`: the prefixes of a migration that overwrites the objects. They are empty for all keys, and None if a
      task group cannot be limited to the project's keys.
    - `key`: the key if the remedy is for a single object, otherwise empty.
    """

    objects: int
    proven_different: int = 0
    ineffective_resends: int = 0
    are_same_size: bool = False
    prefixes: Sequence[str] | None = ()
    key: str = ""


@dataclass(frozen=True)
class Attempts:
    """The options and the effects of the last comparison, on which the next remedy depends.

    - `overwrite`: True if the comparison submitted overwritten objects, and no recheck has checked them since.
    - `since`: the value of the option `--since`.
    - `min_time`: the time before which the comparison submitted no missing or older objects, or empty.
    - `oldest_unsubmitted_time`: the time of the oldest object that was not submitted because of `min_time`, or empty.
    - `migrate_option`: the option of `ops.py migrate` that copies the `unsubmitted_objects` sooner.
    - `is_frozen`: True if a cutover has frozen the source.
    - `go_stands`: True if the cutover ended in a GO, which keeps the project closed.
    """

    deep: bool = False
    missing_permissions: Sequence[Text] = ()
    overwrite: bool = False
    submitted_objects: int = 0
    since: str = ""
    min_time: str = ""
    oldest_unsubmitted_time: str = ""
    was_rechecked: bool = False
    unsubmitted_objects: int = 0
    migrate_option: str = ""
    is_frozen: bool = False
    go_stands: bool = False

    @property
    def can_read(self) -> bool:
        """True if reading objects may prove more of them equal, possibly after a permission is granted."""
        return not self.deep or bool(self.missing_permissions)


class Remedy(NamedTuple):
    """A remedy and its first command, which is None if the user has to act outside of this project's commands.

    `is_special` is True if a plain submission has no effect, or is assumed to have none, so that the text describes
    another action.
    """

    text: Text
    step: Step | None
    is_special: bool = False


def remedy(
    object_class: ObjectClass, counts: Counts, mode: OverwriteMode | None, attempts: Attempts, *, is_open: bool
) -> Remedy:
    """Return the remedy for the objects of a class.

    The remedy has no text if the objects need none, or can only be accepted by name. `mode` is the overwrite mode of
    the sync task, or None if OMS does not report it. `is_open` is True if the project submits objects, or if the next
    step of a cutover opens the project.
    """
    match object_class:
        case ObjectClass.MIGRATING:
            return Remedy(_MIGRATING_TEXT, _RESTART_STEP)
        case ObjectClass.MOVING | ObjectClass.ARRIVING | ObjectClass.IN_FLIGHT:
            return Remedy(_RECHECK_REMEDY, _RECHECK_STEP)
        case ObjectClass.SUSPICIOUS:
            return _find_suspicious_remedy(counts, mode, attempts)
        case ObjectClass.FAILED_BEFORE if attempts.is_frozen and counts.are_same_size and not attempts.deep:
            return Remedy(EQUAL_SIZE_TEXT, _make_reading_step(counts))
        case ObjectClass.OLDER if (
            counts.ineffective_resends and mode is OverwriteMode.CRC64 and (attempts.can_read or is_open)
        ):
            return _find_skipped_remedy(counts, attempts)
        case ObjectClass.FAILED_BEFORE | ObjectClass.MISSING | ObjectClass.OLDER | ObjectClass.OVERWRITTEN:
            if not is_open:
                return Remedy(closed_remedy(go_stands=attempts.go_stands), None)
            return _find_submission_remedy(object_class, counts, mode, attempts)
    return Remedy(NOTHING, None)


def closed_remedy(*, go_stands: bool) -> Text:
    """Return the remedy for objects that nothing submits, because the project is closed and stays closed.

    No command opens the project, because the user first has to make sure that no application uses OBS.
    """
    return _GO_TEXT if go_stands else _CLOSED_TEXT


def find_narrowest_prefixes(keys: Sequence[str], objects: int, folders: Sequence[str]) -> list[str]:
    """Return the narrowest prefixes that cover the objects, at most ten.

    If `keys` has all of the objects' keys, the prefixes are these keys or their folders, otherwise the first-level
    `folders`. The result is empty if ten prefixes do not suffice, or if a user cannot type a prefix.
    """
    prefixes = list(folders)
    if keys and len(keys) == objects:
        prefixes = _drop_nested_prefixes(sorted(keys))
        if len(prefixes) > _MAX_PREFIXES:
            prefixes = _drop_nested_prefixes(sorted({key[: key.rfind("/") + 1] or key for key in keys}))
    return prefixes if len(prefixes) <= _MAX_PREFIXES and all(map(_can_be_typed, prefixes)) else []


def _can_be_typed(prefix: str) -> bool:
    # PowerShell drops quotation marks from arguments.
    return bool(prefix) and prefix.isprintable() and '"' not in prefix


def _drop_nested_prefixes(prefixes: Sequence[str]) -> list[str]:
    return [
        prefix for prefix in prefixes if not any(prefix != other and prefix.startswith(other) for other in prefixes)
    ]


def _find_submission_remedy(
    object_class: ObjectClass, counts: Counts, mode: OverwriteMode | None, attempts: Attempts
) -> Remedy:
    match object_class:
        case ObjectClass.FAILED_BEFORE:
            return Remedy(_FAILED_REMEDY, Step("replay"))
        case ObjectClass.OVERWRITTEN:
            return _find_overwritten_remedy(counts, mode, attempts)
        case ObjectClass.OLDER if mode is OverwriteMode.NEVER:
            return Remedy(_describe_resend(counts, mode), _RESTART_STEP, is_special=True)
    if counts.key:
        return Remedy(_RESEND_REMEDY, Step("replay", {"key": counts.key}))
    if attempts.unsubmitted_objects:
        migration_text = t(
            "Compare did not submit {n:object|objects}, because a migration copies that many objects faster."
            " Run the migration, then compare again",
            n=attempts.unsubmitted_objects,
        )
        return Remedy(
            migration_text, Step("migrate", {attempts.migrate_option: True} if attempts.migrate_option else {})
        )
    if attempts.oldest_unsubmitted_time:
        earlier_text = t(
            "Some of these objects were written before {since}, so compare did not submit them. Compare"
            " again with an earlier --since",
            since=attempts.min_time,
        )
        return Remedy(earlier_text, Step("compare", {"restart": True, "since": attempts.oldest_unsubmitted_time}))
    # In a run of a cutover, a recheck resubmits each key once; any other recheck submits nothing.
    if attempts.was_rechecked or not attempts.submitted_objects:
        since_option = {"since": attempts.since} if attempts.since else {}
        return Remedy(
            _UNCHANGED_REMEDY if attempts.was_rechecked else _UNSUBMITTED_REMEDY,
            Step("compare", {"restart": True, **since_option}),
        )
    submitted_text = t(
        "Compare has submitted {sent:object|objects}. Recheck the objects in a few minutes",
        sent=attempts.submitted_objects,
    )
    return Remedy(submitted_text, _RECHECK_STEP)


def _find_overwritten_remedy(counts: Counts, mode: OverwriteMode | None, attempts: Attempts) -> Remedy:
    """Return the remedy for objects that are newer in OBS.

    In most overwrite modes, OMS skips an object of equal size.
    """
    different_objects, resend_text = counts.proven_different, _describe_resend(counts, mode)
    skipped_objects = {
        OverwriteMode.ALWAYS: 0,
        OverwriteMode.CRC64: counts.ineffective_resends,
        OverwriteMode.NEVER: counts.objects,
    }.get(mode or OverwriteMode.DEFAULT, different_objects)
    difference_text = t(
        "{proven:object has the same size in both buckets, but different contents|objects have the same"
        " size in both buckets, but different contents}. If OBS should have the source's contents: {heal}.",
        proven=different_objects,
        heal=resend_text,
    )
    if skipped_objects == counts.objects:
        return Remedy(
            difference_text if different_objects else resend_text,
            _make_migration_step(counts, mode) or _RESTART_STEP,
            is_special=True,
        )
    if counts.key:
        return Remedy(
            difference_text if different_objects else _RESEND_REMEDY,
            Step("replay", {"key": counts.key}),
            is_special=different_objects > 0,
        )
    if attempts.overwrite:
        return Remedy(_SUBMITTED_REMEDY, _RECHECK_STEP)
    if different_objects == counts.objects:
        return Remedy(difference_text, _OVERWRITE_STEP, is_special=True)
    if different_objects:
        return Remedy(
            t("{decide}. {otherwise}", decide=_DECISION_REMEDY, otherwise=difference_text),
            _OVERWRITE_STEP,
            is_special=True,
        )
    return Remedy(_DECISION_REMEDY, _OVERWRITE_STEP)


def _find_suspicious_remedy(counts: Counts, mode: OverwriteMode | None, attempts: Attempts) -> Remedy:
    """Return the remedy for objects with different ETags, which may be equal because not every ETag is a checksum."""
    resend_text = _describe_resend(counts, mode)
    if mode is OverwriteMode.ALWAYS:
        resend_text = t(
            "{heal}. If the objects cannot be read, {otherwise}",
            heal=resend_text,
            otherwise=_describe_replacement(counts, mode),
        )
    difference_text = t(
        "{suspicious:object has|objects have} the same size in OBS but a different MD5, or an ETag that is not an MD5.",
        suspicious=counts.objects,
    )
    reading_step = _make_reading_step(counts)
    reading_text = t(
        "To find the objects that differ, read all of them: {deep}. If an object differs: {heal}.",
        deep=reading_step,
        heal=resend_text,
    )
    manual_text = t(
        "Reading did not prove the objects equal. Compare them by hand. If an object differs: {heal}.", heal=resend_text
    )
    text = sentences(difference_text, *attempts.missing_permissions, reading_text if attempts.can_read else manual_text)
    # A rehearsal lists the classes that can only be accepted by name.
    return Remedy(text, reading_step if attempts.can_read else Step("cutover", {"rehearse": True}), is_special=True)


def _find_skipped_remedy(counts: Counts, attempts: Attempts) -> Remedy:
    """Return the remedy for older objects that OMS skipped, because the CRC64s are equal or one of them is missing."""
    mode, reading_step = OverwriteMode.CRC64, _make_reading_step(counts)
    replacement_text = _describe_replacement(counts, mode)
    skipped_text = t(
        "OMS accepted {older:object|objects} of the same size again, but copied nothing: the contents may be equal.",
        older=counts.ineffective_resends,
    )
    reading_text = t(
        "To check the contents, read the objects: {deep}. If an object cannot be read: {otherwise}.",
        deep=reading_step,
        otherwise=replacement_text,
    )
    manual_text = t("Reading did not prove the objects equal: {otherwise}.", otherwise=replacement_text)
    text = sentences(skipped_text, *attempts.missing_permissions, reading_text if attempts.can_read else manual_text)
    return Remedy(
        text,
        reading_step if attempts.can_read else _make_migration_step(counts, mode) or _RESTART_STEP,
        is_special=True,
    )


def _make_reading_step(counts: Counts) -> Step:
    return Step("compare", {"deep": True, **({"prefix": counts.key} if _can_be_typed(counts.key) else {})})


def _make_migration_step(counts: Counts, mode: OverwriteMode | None) -> Step | None:
    """Return the command of a migration that overwrites the objects, and as few others as its prefixes allow.

    Return None if no task group can do this: a task group cannot filter by suffix, and doctor permits no overwriting
    task group beside a sync task that overwrites nothing.
    """
    if counts.prefixes is None or mode is OverwriteMode.NEVER:
        return None
    return Step("migrate", {"overwrite": True, **({"prefix": [*counts.prefixes]} if counts.prefixes else {})})


def _describe_replacement(counts: Counts, mode: OverwriteMode | None) -> Text:
    migration_step = _make_migration_step(counts, mode)
    if migration_step is None:
        return _DELETION_REMEDY
    return t(
        "overwrite the affected objects with an OMS task group ({command}), or delete each affected object"
        " in OBS, then compare again to submit them",
        command=migration_step,
    )


def _describe_resend(counts: Counts, mode: OverwriteMode | None) -> Text:
    resend_step = (
        Step("replay", {"key": counts.key}) if counts.key else Step("compare", {"deep": True, "overwrite": True})
    )
    replacement_text = _describe_replacement(counts, mode)
    match mode:
        case OverwriteMode.ALWAYS:
            return t("{step}", step=resend_step)
        case OverwriteMode.NEVER:
            return t("OMS overwrites no objects in the mode NO_OVERWRITE, so {delete}", delete=replacement_text)
        case OverwriteMode.CRC64 if counts.ineffective_resends:
            return t(
                "OMS skipped the resent objects, because their CRC64 is missing in one of the two buckets: {otherwise}",
                otherwise=replacement_text,
            )
        case OverwriteMode.CRC64:
            return t(
                "{send}. OMS skips an object if one of the two sides has no CRC64; in that case, {otherwise}",
                send=resend_step,
                otherwise=replacement_text,
            )
    mode_name = (mode or OverwriteMode.DEFAULT).value
    return t("OMS skips resent objects in the mode {mode}, so {otherwise}", mode=mode_name, otherwise=replacement_text)
