"""Checks of the classes of a comparison: some classes prevent a GO until they are empty, or accepted by name."""

from __future__ import annotations

from dataclasses import dataclass

from oss_oms_sync.answers.certificate import CertifiedComparison, CutoverFacts
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import TOO_NEW_CLASSES, UNPROVEN_CLASSES, ObjectClass
from oss_oms_sync.answers.pass_answers import MAX_KEYS, MISSING_PERMISSION_TEXTS
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t
from oss_oms_sync.rules.check import CONTINUE_TEXT, CutoverCheck
from oss_oms_sync.rules.comparison_checks import check_scope, report_missing_comparison
from oss_oms_sync.rules.counts import is_empty, list_missing_permissions, make_remedy_counts
from oss_oms_sync.rules.next_steps import comparison_step, cutover_step, is_kept_closed, unproven_acceptance_step
from oss_oms_sync.rules.remedy import Attempts, remedy

_MANUAL_REMEDY = t(
    "Reading their contents did not prove that these objects match the source. Compare them by hand, then"
    " accept them by name (--accept)"
)
_GRANT_REMEDY = t(
    "Grant the missing permission, then run the cutover again with --deep --restart. Alternatively, compare"
    " the objects by hand, then accept them by name (--accept)"
)
_READ_REMEDY = t("Compare again with --deep: it reads these objects and proves most of them equal")
_EQUAL_TEXT = t("The contents of each object are proven equal")


@dataclass(frozen=True)
class ClassCheck(CutoverCheck):
    """A check that certain classes are empty, or accepted by name if that is possible.

    - `description`: a phrase about the objects in these classes, with placeholders for their `number` and `size`.
    - `remedy_text`: the remedy for these objects, or empty if the remedy depends on more facts than the class.
    """

    description: Text = NOTHING
    remedy_text: Text = NOTHING


CLASS_CHECKS = (
    ClassCheck(
        "MIGRATING",
        t("objects left to a migration"),
        t("No migration has existing objects left to copy"),
        (ObjectClass.MIGRATING,),
        keeps_project_open=True,
        description=t(
            "{number:object|objects} missing or outdated in OBS, left to the migration of existing objects"
            " ({size:byte|bytes})"
        ),
    ),
    ClassCheck(
        "MISSING",
        t("objects missing in OBS"),
        t("Every object of the source is in OBS"),
        (ObjectClass.MISSING,),
        opens_project=True,
        keeps_project_open=True,
        description=t("{number:object|objects} missing in OBS ({size:byte|bytes})"),
    ),
    ClassCheck(
        "OVERWRITTEN",
        t("objects overwritten in OBS"),
        t("No object in OBS is newer than the source object and different from it"),
        (ObjectClass.OVERWRITTEN,),
        opens_project=True,
        keeps_project_open=True,
        description=t(
            "{number:object|objects} newer and different in OBS ({size:byte|bytes} at the source), because an"
            " application wrote to OBS, or OMS copied an older version late"
        ),
    ),
    # This check comes after OVERWRITTEN, because the remedy of OVERWRITTEN overwrites older objects as well.
    ClassCheck(
        "OLDER",
        t("objects older in OBS"),
        t("No object in OBS is older than the source object"),
        (ObjectClass.OLDER,),
        opens_project=True,
        keeps_project_open=True,
        description=t("{number:object|objects} older in OBS ({size:byte|bytes})"),
    ),
    ClassCheck(
        "MOVING",
        t("objects just written"),
        t("No object was written just before or during the comparison"),
        (ObjectClass.MOVING, ObjectClass.ARRIVING),
        keeps_project_open=True,
        needs_freeze=True,
        description=t("{number:object|objects} written too recently to be judged ({size:byte|bytes})"),
    ),
    ClassCheck(
        "IN_FLIGHT",
        t("objects not copied yet"),
        t("OMS has copied every accepted object"),
        (ObjectClass.IN_FLIGHT,),
        keeps_project_open=True,
        needs_freeze=True,
        description=t("{number:object|objects} accepted by OMS but not yet in OBS ({size:byte|bytes})"),
    ),
    ClassCheck(
        "FAILED",
        t("objects not accepted by OMS"),
        t("No object has a failed record"),
        (ObjectClass.FAILED_BEFORE,),
        opens_project=True,
        keeps_project_open=True,
        description=t(
            "{number:object|objects} not accepted by OMS; the failed records state the reasons ({size:byte|bytes})"
        ),
    ),
    ClassCheck(
        "PROOF_SUSPICIOUS",
        t("suspicious objects"),
        t("No object of equal size has a different ETag"),
        (ObjectClass.SUSPICIOUS,),
        keeps_project_open=True,
        description=t(
            "{number:object|objects} of equal size with different ETags: the contents differ, or an ETag is not an MD5"
            " ({size:byte|bytes})"
        ),
        remedy_text=_READ_REMEDY,
    ),
    ClassCheck(
        "PROOF_EQUAL_VERSION",
        t("objects equal by version alone"),
        _EQUAL_TEXT,
        (ObjectClass.EQUAL_VERSION,),
        keeps_project_open=True,
        description=t(
            "{number:object|objects} of equal size, whose current version OMS has accepted; contents not compared"
            " ({size:byte|bytes})"
        ),
        remedy_text=_READ_REMEDY,
    ),
    ClassCheck(
        "PROOF_EQUAL_SIZE",
        t("objects equal by size alone"),
        _EQUAL_TEXT,
        (ObjectClass.EQUAL_SIZE,),
        keeps_project_open=True,
        description=t("{number:object|objects} of equal size; nothing else is known ({size:byte|bytes})"),
        remedy_text=_READ_REMEDY,
    ),
    ClassCheck(
        "PROOF_IMPOSSIBLE",
        t("objects that cannot be copied"),
        t("OMS can copy every object"),
        (ObjectClass.IMPOSSIBLE,),
        keeps_project_open=True,
        description=t(
            "{number:object|objects} impossible to copy: symbolic links, keys below"
            " oms_source_record/, or keys that OBS cannot store ({size:byte|bytes})"
        ),
        remedy_text=t("Copy the objects that OBS needs by hand, then accept the class by name (--accept)"),
    ),
    ClassCheck(
        "UNKNOWN",
        t("objects of unknown origin in OBS"),
        t("OBS has no object that is missing at the source and that this project never submitted"),
        (ObjectClass.UNKNOWN,),
        keeps_project_open=True,
        description=t("{number:object|objects} only in OBS and not submitted by this project ({size:byte|bytes})"),
        remedy_text=t(
            "Delete unwanted objects in OBS, then run the cutover again with --restart. Alternatively, accept"
            " the objects by name (--accept)"
        ),
    ),
)


def judge_classes(check: ClassCheck, facts: CutoverFacts) -> Finding:
    """Return the finding of `check`, which passes if its classes are empty or accepted by name."""
    scope_finding, comparison = check_scope(facts), facts.passes.compare
    if scope_finding.result is Result.NOT_RUN or comparison is None or facts.classes is None:
        return report_missing_comparison(check, scope_finding)
    counts = [(object_class, facts.classes[object_class]) for object_class in check.classes]
    sides = [count.destination if object_class.is_only_in_obs else count.source for object_class, count in counts]
    if all(is_empty(facts.classes, object_class) for object_class in check.classes):
        return check.finding(Result.PASSED, t("none"))
    objects, total_bytes = sum(side.objects for side in sides), sum(side.bytes for side in sides)
    text = check.description.filled(number=objects, size=total_bytes)
    keys, first_class = sorted(key for _, count in counts for key in count.keys)[:MAX_KEYS], check.classes[0]
    if not first_class.can_be_accepted:
        return check.finding(Result.FAILED, text, *_find_repair(check, comparison, facts), keys)
    if (acceptance := facts.accepted.get(first_class.title)) is not None:
        return check.finding(
            Result.PASSED, t("{finding}. Accepted by name: {why}", finding=text, why=acceptance), keys=keys
        )
    return check.finding(Result.NOT_PROVEN, text, *_find_proof(check, comparison, facts), keys)


def _find_proof(check: ClassCheck, comparison: CertifiedComparison, facts: CutoverFacts) -> tuple[Text, Step]:
    if check.classes[0] not in UNPROVEN_CLASSES:
        return check.remedy_text, unproven_acceptance_step(facts)
    if not comparison.deep:
        return check.remedy_text, comparison_step(facts, deep=True, restart=True)
    return manual_remedy(comparison), unproven_acceptance_step(facts)


def manual_remedy(comparison: CertifiedComparison) -> Text:
    """Return the remedy for objects that reading did not prove equal; it begins with the permissions to grant."""
    permission_texts = _list_missing_permissions(comparison)
    return sentences(*permission_texts, _GRANT_REMEDY) if permission_texts else _MANUAL_REMEDY


def _list_missing_permissions(comparison: CertifiedComparison) -> list[Text]:
    return list_missing_permissions({name: getattr(comparison, name) for name in MISSING_PERMISSION_TEXTS})


def _find_repair(check: ClassCheck, comparison: CertifiedComparison, facts: CutoverFacts) -> tuple[Text, Step | None]:
    object_class = next(each_class for each_class in check.classes if not is_empty(facts.classes, each_class))
    text, step, _ = remedy(
        object_class,
        make_remedy_counts(facts.classes or {}, facts.folders or {}, object_class, facts.scope.suffix),
        facts.sync_task.object_overwrite_mode if facts.sync_task else None,
        _list_attempts(facts, comparison),
        is_open=not is_kept_closed(facts),
    )
    if step is None or step.job == "migrate":
        return text, step
    if step.job == "replay":
        return text, cutover_step(facts) if facts.frozen_since else step
    is_recheck = "again" in step.options
    step = comparison_step(facts, **(step.options if is_recheck else {**step.options, "restart": True}))
    needs_only_time = object_class in (*TOO_NEW_CLASSES, ObjectClass.ARRIVING)
    return CONTINUE_TEXT if needs_only_time and step.job == "cutover" else text, step


def _list_attempts(facts: CutoverFacts, comparison: CertifiedComparison) -> Attempts:
    return Attempts(
        deep=comparison.deep,
        missing_permissions=_list_missing_permissions(comparison),
        overwrite=comparison.overwrite and not comparison.amended,
        submitted_objects=comparison.submitted,
        since=comparison.since or "",
        min_time=comparison.begins,
        oldest_unsubmitted_time=comparison.earlier,
        was_rechecked=bool(comparison.amended),
        unsubmitted_objects=comparison.unsent,
        migrate_option=comparison.migrate,
        is_frozen=facts.frozen_since is not None,
        go_stands=facts.go_stands,
    )
