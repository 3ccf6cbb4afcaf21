"""Checks of a comparison's classes: some classes prevent a GO until they are empty or accepted by name."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.certificate import CertifiedComparison, CutoverFacts
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import TOO_NEW, UNPROVEN, ObjectClass
from oss_oms_sync.answers.pass_answers import MAX_KEYS, MISSING_RIGHTS
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t
from oss_oms_sync.rules.check import CONTINUE_TEXT, CutoverCheck
from oss_oms_sync.rules.comparison_checks import scope, without_comparison
from oss_oms_sync.rules.counts import counts_of, is_empty, missing_rights
from oss_oms_sync.rules.next_steps import comparison_step, cutover, is_kept_closed, unproven_acceptance_step
from oss_oms_sync.rules.remedy import Attempts, remedy

_MANUAL_REMEDY = t("Reading did not prove these objects equal. Compare them by hand, then accept them by name")
_GRANT_REMEDY = t(
    "Grant the missing permission, then start over with --deep --restart. Or compare the"
    " objects by hand, then accept them by name"
)
_READ_REMEDY = t("Read these objects at the source, which proves most of them")
_EQUAL_TEXT = t("The contents of each object are proven equal")


@dataclass(frozen=True)
class ClassCheck(CutoverCheck):
    """A check that some classes are empty, or accepted by name if they can be.

    `description` and `following` are about the objects in these classes; `following` is empty if more facts than the
    class decide it.
    """

    description: Text = NOTHING
    following: Text = NOTHING


CLASS_CHECKS = (
    ClassCheck(
        "MIGRATING",
        t("objects left to a migration"),
        t("No migration has existing objects left to copy"),
        (ObjectClass.MIGRATING,),
        keeps_open=True,
        description=t("{number:object|objects} missing or outdated in OBS, left to the migration of existing objects"),
    ),
    ClassCheck(
        "MISSING",
        t("objects missing in OBS"),
        t("Every object of the source is in OBS"),
        (ObjectClass.MISSING,),
        opens=True,
        keeps_open=True,
        description=t("{number:object|objects} missing in OBS"),
    ),
    ClassCheck(
        "OVERWRITTEN",
        t("objects overwritten in OBS"),
        t("No object in OBS is newer than the source object and different"),
        (ObjectClass.OVERWRITTEN,),
        opens=True,
        keeps_open=True,
        description=t(
            "{number:object|objects} newer and different in OBS: an application wrote there, or OMS"
            " finished an older version late"
        ),
    ),
    # After the check above, because its remedy overwrites older objects, too.
    ClassCheck(
        "OLDER",
        t("objects older in OBS"),
        t("No object in OBS is older than the source object"),
        (ObjectClass.OLDER,),
        opens=True,
        keeps_open=True,
        description=t("{number:object|objects} older in OBS"),
    ),
    ClassCheck(
        "MOVING",
        t("objects just written"),
        t("No object was written during the comparison"),
        (ObjectClass.MOVING, ObjectClass.ARRIVING),
        keeps_open=True,
        of_freeze=True,
        description=t("{number:object|objects} written too recently to be judged"),
    ),
    ClassCheck(
        "IN_FLIGHT",
        t("objects not copied yet"),
        t("OMS has copied every accepted object"),
        (ObjectClass.IN_FLIGHT,),
        keeps_open=True,
        of_freeze=True,
        description=t("{number:object|objects} accepted by OMS and not in OBS yet"),
    ),
    ClassCheck(
        "FAILED",
        t("objects not accepted by OMS"),
        t("No object has a failed record"),
        (ObjectClass.FAILED_BEFORE,),
        opens=True,
        keeps_open=True,
        description=t("{number:object|objects} not accepted by OMS; the failed records have the reasons"),
    ),
    ClassCheck(
        "PROOF_SUSPICIOUS",
        t("suspicious objects"),
        t("No object of equal size has a different ETag"),
        (ObjectClass.SUSPICIOUS,),
        keeps_open=True,
        description=t(
            "{number:object|objects} of equal size with different ETags: the contents differ, or an ETag is not an MD5"
        ),
        following=_READ_REMEDY,
    ),
    ClassCheck(
        "PROOF_EQUAL_VERSION",
        t("objects equal by version alone"),
        _EQUAL_TEXT,
        (ObjectClass.EQUAL_VERSION,),
        keeps_open=True,
        description=t("{number:object|objects} of equal size, in the version that OMS accepted; contents not compared"),
        following=_READ_REMEDY,
    ),
    ClassCheck(
        "PROOF_EQUAL_SIZE",
        t("objects equal by size alone"),
        _EQUAL_TEXT,
        (ObjectClass.EQUAL_SIZE,),
        keeps_open=True,
        description=t("{number:object|objects} of equal size; all else is unknown"),
        following=_READ_REMEDY,
    ),
    ClassCheck(
        "PROOF_IMPOSSIBLE",
        t("objects that cannot be copied"),
        t("OMS can copy every object"),
        (ObjectClass.IMPOSSIBLE,),
        keeps_open=True,
        description=t(
            "{number:object|objects} impossible to copy: symbolic links, keys below"
            " oms_source_record/, or keys that OBS cannot store"
        ),
        following=t("Copy the needed objects by hand, then accept the class by name"),
    ),
    ClassCheck(
        "UNKNOWN",
        t("objects of unknown origin in OBS"),
        t("OBS holds no object that is absent at the source and was never submitted"),
        (ObjectClass.UNKNOWN,),
        keeps_open=True,
        description=t("{number:object|objects} only in OBS, not submitted by this project"),
        following=t("Delete unwanted objects in OBS, then start over with --restart. Or accept them by name"),
    ),
)


def judge_classes(check: ClassCheck, facts: CutoverFacts) -> Finding:
    """Return the finding of `check`: passed if its classes are empty, or accepted by name."""
    scoped, compared = scope(facts), facts.passes.compare
    if scoped.result is Result.NOT_RUN or compared is None or facts.classes is None:
        return without_comparison(check, scoped)
    counts = [(object_class, facts.classes[object_class]) for object_class in check.classes]
    sides = [count.destination if object_class.is_only_in_obs else count.source for object_class, count in counts]
    if all(is_empty(facts.classes, object_class) for object_class in check.classes):
        return check.finding(Result.PASSED, t("none"))
    number, size = sum(side.objects for side in sides), sum(side.bytes for side in sides)
    text = t("{finding} ({size} bytes)", finding=check.description.filled(number=number), size=size)
    keys, first = sorted(key for _, count in counts for key in count.keys)[:MAX_KEYS], check.classes[0]
    if not first.can_be_accepted:
        return check.finding(Result.FAILED, text, *_repair_remedy(check, compared, facts), keys)
    if (why := facts.accepted.get(first.title)) is not None:
        return check.finding(Result.PASSED, t("{finding}. Accepted by name: {why}", finding=text, why=why), keys=keys)
    return check.finding(Result.NOT_PROVEN, text, *_prove(check, compared, facts), keys)


def _prove(check: ClassCheck, compared: CertifiedComparison, facts: CutoverFacts) -> tuple[Text, Step]:
    """Return the way to prove that objects are equal, or to accept them by the name of their class."""
    if check.classes[0] not in UNPROVEN:
        return check.following, unproven_acceptance_step(facts)
    if not compared.deep:
        return check.following, comparison_step(facts, deep=True, restart=True)
    return by_hand(compared), unproven_acceptance_step(facts)


def by_hand(compared: CertifiedComparison) -> Text:
    """Return the remedy of objects that reading did not prove equal: first the missing permission, or none."""
    missing = _rights(compared)
    return sentences(*missing, _GRANT_REMEDY) if missing else _MANUAL_REMEDY


def _rights(compared: CertifiedComparison) -> list[Text]:
    """List the permissions that the comparison lacked to read objects."""
    return missing_rights({name: getattr(compared, name) for name in MISSING_RIGHTS})


def _repair_remedy(check: ClassCheck, compared: CertifiedComparison, facts: CutoverFacts) -> tuple[Text, Step | None]:
    """Return the remedy of objects missing or different in OBS, with its step in the cutover."""
    object_class = next(each_class for each_class in check.classes if not is_empty(facts.classes, each_class))
    text, step, _ = remedy(
        object_class,
        counts_of(facts.classes or {}, facts.folders or {}, object_class, facts.scope.suffix),
        facts.sync_task.object_overwrite_mode if facts.sync_task else None,
        _tried(facts, compared),
        is_open=not is_kept_closed(facts),
    )
    if step is None or step.job == "migrate":
        return text, step
    if step.job == "replay":
        return text, cutover(facts) if facts.frozen_since else step
    again = "again" in step.options
    step = comparison_step(facts, **(step.options if again else {**step.options, "restart": True}))
    only_waits = object_class in (*TOO_NEW, ObjectClass.ARRIVING)
    return CONTINUE_TEXT if only_waits and step.job == "cutover" else text, step


def _tried(facts: CutoverFacts, compared: CertifiedComparison) -> Attempts:
    """Return the attempts of the comparison in the cutover."""
    return Attempts(
        deep=compared.deep,
        missing_rights=_rights(compared),
        overwrite=compared.overwrite and not compared.amended,
        submitted=compared.submitted,
        since=compared.since or "",
        begins=compared.begins,
        earlier=compared.earlier,
        amended=bool(compared.amended),
        unsent=compared.unsent,
        migrate=compared.migrate,
        frozen=facts.frozen_since is not None,
        go_stands=facts.go_stands,
    )
