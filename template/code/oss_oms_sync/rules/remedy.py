"""The remedy of a class of objects: a sentence and the next step, for certify, compare, status and the story of a key.

A remedy changes the objects of its class and as few others as possible, and is never known to be without effect: OMS
skips a resend in some overwrite modes, a second read proves nothing new, and a closed project submits nothing.

Source: OMS, "Creating a sync task", the overwrite modes: by default OMS skips an object if the object in OBS has the
same size and is not older. With CRC64_COMPARISON_OVERWRITE it does so if one of the two objects has no CRC64.
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
    "These objects are in OBS in the same size, perhaps copied by hand: read them at the source. Status"
    " shows why OMS does not accept them"
)
_CLOSED_TEXT = t(
    "The project stays closed, so nothing is submitted. If OBS is not in use yet, open the project ({step}),"
    " and start over. If OBS is in use, copy the needed objects by hand",
    step=Step("open"),
)
_GO_TEXT = t("A GO is in effect, so the project stays closed. Copy the objects that OBS needs by hand")
_MIGRATING_TEXT = t(
    "Compare again when the migration is finished. Its progress: {step}", step=Step("migrate", {"look": True})
)
_FAILED_REMEDY = t("Check the reasons in status, resend the objects, then recheck them")
_RECHECK_REMEDY = t("Recheck the objects in a few minutes")
_SUBMITTED_REMEDY = t("Compare has submitted the objects, unless the project was closed. Recheck them in a few minutes")
_UNCHANGED_REMEDY = t("The recheck changed nothing. Start a new comparison, which submits the objects again")
_UNSUBMITTED_REMEDY = t(
    "Compare submitted nothing: the project was closed, or its state was unknown. Start a new comparison,"
    " which submits the objects"
)
_RESEND_REMEDY = t("If OBS should have the source's version, resend the object:")
_DECISION_REMEDY = t(
    "Find out which application writes to OBS. If the source has the right versions, resend the objects, then"
    " recheck them"
)
_DELETION_REMEDY = t("delete each object in OBS and compare again: missing objects are submitted")
_RECHECK_STEP, _RESTART = Step("compare", {"again": True}), Step("compare", {"restart": True})
_OVERWRITE_STEP = Step("compare", {"overwrite": True, "restart": True})


@dataclass(frozen=True)
class Counts:
    """Source objects of a class.

    `proven_different`: number of objects read and proven different, with an equal size in OBS. `in_vain`: number of
    objects accepted again without effect. `are_same_size`: all have an equal size in OBS. `prefixes`: the prefixes of a
    migration that overwrites the objects: empty for all keys, None if a task group cannot take the project's keys.
    `key`: the key of a single object, or None.
    """

    objects: int
    proven_different: int = 0
    in_vain: int = 0
    are_same_size: bool = False
    prefixes: Sequence[str] | None = ()
    key: str = ""


@dataclass(frozen=True)
class Attempts:
    """The attempts until now: options and effects of the comparison.

    `overwrite`: it submitted overwritten objects, which were not rechecked since. `since`: its option. `earlier`: the
    time of the oldest object, if the pass submitted only objects written since `begins`. `migrate`: the option of
    `migrate` that copies `unsent` objects sooner. `frozen`: a cutover has frozen the source; `go_stands`: it ended in a
    GO, which keeps the project closed.
    """

    deep: bool = False
    missing_rights: Sequence[Text] = ()
    overwrite: bool = False
    submitted: int = 0
    since: str = ""
    begins: str = ""
    earlier: str = ""
    amended: bool = False
    unsent: int = 0
    migrate: str = ""
    frozen: bool = False
    go_stands: bool = False

    @property
    def can_read(self) -> bool:
        """True if reading may prove more, possibly after a permission is granted."""
        return not self.deep or bool(self.missing_rights)


class Remedy(NamedTuple):
    """A remedy, and its first step; None if the user has to act outside of this tool.

    `is_special`: a plain submission is known or assumed to have no effect, so the sentence names another way.
    """

    text: Text
    step: Step | None
    is_special: bool = False


def remedy(
    object_class: ObjectClass, counts: Counts, mode: OverwriteMode | None, tried: Attempts, *, is_open: bool
) -> Remedy:
    """Return the remedy of objects of a class; without text if only an acceptance remains, or nothing is wrong.

    `mode` is the sync task's, None if OMS does not report it. `is_open`: the project submits objects, or the next step
    of a cutover opens it.
    """
    match object_class:
        case ObjectClass.MIGRATING:
            return Remedy(_MIGRATING_TEXT, _RESTART)
        case ObjectClass.MOVING | ObjectClass.ARRIVING | ObjectClass.IN_FLIGHT:
            return Remedy(_RECHECK_REMEDY, _RECHECK_STEP)
        case ObjectClass.SUSPICIOUS:
            return _suspicious(counts, mode, tried)
        case ObjectClass.FAILED_BEFORE if tried.frozen and counts.are_same_size and not tried.deep:
            return Remedy(EQUAL_SIZE_TEXT, _reading(counts))
        case ObjectClass.OLDER if counts.in_vain and mode is OverwriteMode.CRC64 and (tried.can_read or is_open):
            return _skipped_as_equal(counts, tried)
        case ObjectClass.FAILED_BEFORE | ObjectClass.MISSING | ObjectClass.OLDER | ObjectClass.OVERWRITTEN:
            if not is_open:
                return Remedy(closed_remedy(go_stands=tried.go_stands), None)
            return _submitted(object_class, counts, mode, tried)
    return Remedy(NOTHING, None)


def closed_remedy(*, go_stands: bool) -> Text:
    """Return the remedy of objects that no job submits, because no cutover opens the project.

    Source: the table in ops/cutover/open_and_close.py. No step opens it, because the user has to make sure that OBS is
    not in use.
    """
    return _GO_TEXT if go_stands else _CLOSED_TEXT


def narrowest_prefixes(keys: Sequence[str], objects: int, folders: Sequence[str]) -> list[str]:
    """Return the narrowest prefixes that cover the objects, at most ten.

    With all `keys`, the prefixes are the keys or their folders; else the first-level `folders`. Empty if a prefix
    cannot be typed.
    """
    prefixes = list(folders)
    if keys and len(keys) == objects:
        prefixes = _without_nested(sorted(keys))
        if len(prefixes) > _MAX_PREFIXES:
            prefixes = _without_nested(sorted({key[: key.rfind("/") + 1] or key for key in keys}))
    return prefixes if len(prefixes) <= _MAX_PREFIXES and all(map(_can_be_typed, prefixes)) else []


def _can_be_typed(prefix: str) -> bool:
    # PowerShell loses quotation marks.
    return bool(prefix) and prefix.isprintable() and '"' not in prefix


def _without_nested(prefixes: Sequence[str]) -> list[str]:
    return [
        prefix for prefix in prefixes if not any(prefix != other and prefix.startswith(other) for other in prefixes)
    ]


def _submitted(object_class: ObjectClass, counts: Counts, mode: OverwriteMode | None, tried: Attempts) -> Remedy:
    """Return the remedy of objects that a submission may fix, in an open project."""
    match object_class:
        case ObjectClass.FAILED_BEFORE:
            return Remedy(_FAILED_REMEDY, Step("replay"))
        case ObjectClass.OVERWRITTEN:
            return _overwritten(counts, mode, tried)
        case ObjectClass.OLDER if mode is OverwriteMode.NEVER:
            return Remedy(_overwrite_text(counts, mode), _RESTART, is_special=True)
    if counts.key:
        return Remedy(_RESEND_REMEDY, Step("replay", {"key": counts.key}))
    if tried.unsent:
        too_many = t(
            "Compare left {n:object|objects}: a migration copies that many faster. Run it, then compare again",
            n=tried.unsent,
        )
        return Remedy(too_many, Step("migrate", {tried.migrate: True} if tried.migrate else {}))
    if tried.earlier:
        earlier = t(
            "Compare submits objects written since {since}, and some are older. Compare again from an earlier time",
            since=tried.begins,
        )
        return Remedy(earlier, Step("compare", {"restart": True, "since": tried.earlier}))
    # A recheck resubmits each key once for a run of a cutover, otherwise never.
    if tried.amended or not tried.submitted:
        since = {"since": tried.since} if tried.since else {}
        return Remedy(
            _UNCHANGED_REMEDY if tried.amended else _UNSUBMITTED_REMEDY, Step("compare", {"restart": True, **since})
        )
    sent = t("Compare has submitted {sent:object|objects}. Recheck in a few minutes", sent=tried.submitted)
    return Remedy(sent, _RECHECK_STEP)


def _overwritten(counts: Counts, mode: OverwriteMode | None, tried: Attempts) -> Remedy:
    """Return the remedy of newer objects in OBS: OMS skips some of those with an equal size."""
    proven, heal = counts.proven_different, _overwrite_text(counts, mode)
    skipped = {OverwriteMode.ALWAYS: 0, OverwriteMode.CRC64: counts.in_vain, OverwriteMode.NEVER: counts.objects}.get(
        mode or OverwriteMode.DEFAULT, proven
    )
    differing = t(
        "{proven:object of the same size was read and differs|objects of the same size were read and"
        " differ}. If OBS should have the source's contents: {heal}.",
        proven=proven,
        heal=heal,
    )
    if skipped == counts.objects:
        return Remedy(differing if proven else heal, _migration(counts, mode) or _RESTART, is_special=True)
    if counts.key:
        return Remedy(
            differing if proven else _RESEND_REMEDY, Step("replay", {"key": counts.key}), is_special=proven > 0
        )
    if tried.overwrite:
        return Remedy(_SUBMITTED_REMEDY, _RECHECK_STEP)
    if proven == counts.objects:
        return Remedy(differing, _OVERWRITE_STEP, is_special=True)
    if proven:
        return Remedy(
            t("{decide}. {otherwise}", decide=_DECISION_REMEDY, otherwise=differing), _OVERWRITE_STEP, is_special=True
        )
    return Remedy(_DECISION_REMEDY, _OVERWRITE_STEP)


def _suspicious(counts: Counts, mode: OverwriteMode | None, tried: Attempts) -> Remedy:
    """Return the remedy of objects with different checksums, although a checksum may not be of the contents."""
    heal = _overwrite_text(counts, mode)
    if mode is OverwriteMode.ALWAYS:
        heal = t("{heal}. If the objects cannot be read, {otherwise}", heal=heal, otherwise=_overwriting(counts, mode))
    differ = t(
        "{suspicious:object|objects} of the same size with a different MD5, or with an ETag that is not an MD5.",
        suspicious=counts.objects,
    )
    reading = _reading(counts)
    read = t("To find different objects, read them: {deep}. If an object differs: {heal}.", deep=reading, heal=heal)
    unread = t(
        "Reading did not prove the objects equal: compare them by hand. If an object differs: {heal}.", heal=heal
    )
    text = sentences(differ, *tried.missing_rights, read if tried.can_read else unread)
    # A rehearsal names the classes that can only be accepted.
    return Remedy(text, reading if tried.can_read else Step("cutover", {"rehearse": True}), is_special=True)


def _skipped_as_equal(counts: Counts, tried: Attempts) -> Remedy:
    """Return the remedy of older, possibly equal objects that OMS skipped by their CRC64 or for lack of a CRC64."""
    mode, reading = OverwriteMode.CRC64, _reading(counts)
    otherwise = _overwriting(counts, mode)
    skipped = t(
        "OMS accepted {older:object|objects} of the same size again without copying: the contents may be equal.",
        older=counts.in_vain,
    )
    read = t(
        "To find out, read the objects: {deep}. If an object cannot be read: {otherwise}.",
        deep=reading,
        otherwise=otherwise,
    )
    unread = t("Reading did not prove the objects equal: {otherwise}.", otherwise=otherwise)
    text = sentences(skipped, *tried.missing_rights, read if tried.can_read else unread)
    return Remedy(text, reading if tried.can_read else _migration(counts, mode) or _RESTART, is_special=True)


def _reading(counts: Counts) -> Step:
    """Return the step of a comparison that reads all possibly different objects, or a single key's."""
    return Step("compare", {"deep": True, **({"prefix": counts.key} if _can_be_typed(counts.key) else {})})


def _migration(counts: Counts, mode: OverwriteMode | None) -> Step | None:
    """Return the step of a migration that overwrites the objects, and as few others as prefixes allow.

    None if no task group can do this: a task group has no suffix, and doctor refuses it beside a sync task that
    overwrites nothing.
    """
    if counts.prefixes is None or mode is OverwriteMode.NEVER:
        return None
    return Step("migrate", {"overwrite": True, **({"prefix": [*counts.prefixes]} if counts.prefixes else {})})


def _overwriting(counts: Counts, mode: OverwriteMode | None) -> Text:
    migration = _migration(counts, mode)
    if migration is None:
        return _DELETION_REMEDY
    return t(
        "overwrite all of them with a task group ({command}), or delete each object in OBS and compare"
        " again: missing objects are submitted",
        command=migration,
    )


def _overwrite_text(counts: Counts, mode: OverwriteMode | None) -> Text:
    """Return the way to bring the source's contents to an object of the same size in OBS."""
    send = Step("replay", {"key": counts.key}) if counts.key else Step("compare", {"deep": True, "overwrite": True})
    otherwise = _overwriting(counts, mode)
    match mode:
        case OverwriteMode.ALWAYS:
            return t("{step}", step=send)
        case OverwriteMode.NEVER:
            return t("OMS overwrites no objects (NO_OVERWRITE), so {delete}", delete=otherwise)
        case OverwriteMode.CRC64 if counts.in_vain:
            return t(
                "OMS skipped the resent objects, because either side has no CRC64, so {otherwise}",
                otherwise=otherwise,
            )
        case OverwriteMode.CRC64:
            return t(
                "{send}. OMS skips an object if either side has no CRC64; then {otherwise}",
                send=send,
                otherwise=otherwise,
            )
    name = (mode or OverwriteMode.DEFAULT).value
    return t("OMS skips resent objects ({mode}), so {otherwise}", mode=name, otherwise=otherwise)
