"""Checks of the classes that a comparison found: some speak against the cutover until they are empty or accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import LATE, ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.judge import UNPROVEN
from oss_oms_sync.comparison.result import counts_of, missing_rights, tried_of
from oss_oms_sync.errors import Failure
from oss_oms_sync.jobs.certify.evidence import Comparison, Evidence
from oss_oms_sync.passes.tally import MAX_KEYS
from oss_oms_sync.rules.remedy import remedy


class _ClassCheck(NamedTuple):
    """A check that some classes are empty, or accepted by name if they can be.

    `seen` and `next` describe the objects in them; `next` is empty if it depends on more than the class.
    """

    id: str
    classes: Sequence[ObjectClass]
    wanted: Text
    seen: Text
    next: Text = NOTHING


_BY_HAND = t("Reading did not prove these objects equal. Compare them by hand, then accept them by name")
_GRANT = t(
    "Grant the missing permission, then start over with --deep --restart. Or compare the objects by hand,"
    " then accept them by name"
)
_READ = t("Read these objects at the source, which proves most of them")
_EQUAL = t("The contents of each object are proven equal")
_CHECKS = (
    _ClassCheck(
        "MIGRATING",
        (ObjectClass.MIGRATING,),
        t("No migration has existing objects left to copy"),
        t("{number:object|objects} missing or outdated in OBS, left to the migration of existing objects"),
    ),
    _ClassCheck(
        "MISSING",
        (ObjectClass.MISSING,),
        t("Every object of the source is in OBS"),
        t("{number:object|objects} missing in OBS"),
    ),
    _ClassCheck(
        "OVERWRITTEN",
        (ObjectClass.OVERWRITTEN,),
        t("No object in OBS is newer than the source object and different"),
        t(
            "{number:object|objects} newer and different in OBS: an application wrote there, or OMS finished an"
            " older version late"
        ),
    ),
    # After the one above: what that takes overwrites what is older, too.
    _ClassCheck(
        "OLDER",
        (ObjectClass.OLDER,),
        t("No object in OBS is older than the source object"),
        t("{number:object|objects} older in OBS"),
    ),
    _ClassCheck(
        "MOVING",
        (ObjectClass.MOVING, ObjectClass.ARRIVING),
        t("No object was written during the comparison"),
        t("{number:object|objects} written too recently to be judged"),
    ),
    _ClassCheck(
        "IN_FLIGHT",
        (ObjectClass.IN_FLIGHT,),
        t("OMS has copied every accepted object"),
        t("{number:object|objects} accepted by OMS and not in OBS yet"),
    ),
    _ClassCheck(
        "FAILED",
        (ObjectClass.FAILED_BEFORE,),
        t("No object has a failed record"),
        t("{number:object|objects} not accepted by OMS; the failed records have the reasons"),
    ),
    _ClassCheck(
        "PROOF_SUSPICIOUS",
        (ObjectClass.SUSPICIOUS,),
        t("No object of equal size has a different ETag"),
        t("{number:object|objects} of equal size with different ETags: the contents differ, or an ETag is not an MD5"),
        _READ,
    ),
    _ClassCheck(
        "PROOF_EQUAL_VERSION",
        (ObjectClass.EQUAL_VERSION,),
        _EQUAL,
        t("{number:object|objects} of equal size, in the version that OMS accepted; contents not compared"),
        _READ,
    ),
    _ClassCheck(
        "PROOF_EQUAL_SIZE",
        (ObjectClass.EQUAL_SIZE,),
        _EQUAL,
        t("{number:object|objects} of equal size; all else is unknown"),
        _READ,
    ),
    _ClassCheck(
        "PROOF_IMPOSSIBLE",
        (ObjectClass.IMPOSSIBLE,),
        t("OMS can copy every object"),
        t(
            "{number:object|objects} impossible to copy: symbolic links, keys below oms_source_record/, or keys"
            " that OBS cannot store"
        ),
        t("Copy the needed objects by hand, then accept the class by name"),
    ),
    _ClassCheck(
        "UNKNOWN",
        (ObjectClass.UNKNOWN,),
        t("OBS holds no object that is absent at the source and was never submitted"),
        t("{number:object|objects} only in OBS, not submitted by this project"),
        t("Delete unwanted objects in OBS, then start over with --restart. Or accept them by name"),
    ),
)
_GO_ON = t("Continue the cutover")


def checks_of_classes(evidence: Evidence, scope: Finding) -> Iterator[Finding]:
    """Yield a check for each class that decides about the cutover."""
    comparison, task = evidence.comparison, evidence.task
    for check in _CHECKS:
        finding = partial(Finding, check.id, check.wanted)
        if comparison is None or isinstance(task, Failure) or scope.result is Result.NOT_RUN:
            yield unseen(finding, scope)
        else:
            yield _judged(check, finding, comparison, task, evidence)


def unseen(finding: partial[Finding], scope: Finding) -> Finding:
    """Return the finding of a check without a comparison that counts, as `scope` explains."""
    return finding(Result.NOT_RUN, t("no valid comparison: see SCOPE"), scope.next, scope.step)


def _judged(
    check: _ClassCheck, finding: partial[Finding], comparison: Comparison, task: TaskInfo, evidence: Evidence
) -> Finding:
    counts = [(object_class, comparison.tally.of(object_class)) for object_class in check.classes]
    sides = [count.destination if object_class.is_only_there else count.source for object_class, count in counts]
    number, size = sum(side.objects for side in sides), sum(side.bytes for side in sides)
    if not number:
        return finding(Result.PASSED, t("none"))
    text = t("{seen} ({size} bytes)", seen=check.seen.filled(number=number), size=size)
    keys, accepted_class = sorted(key for _, count in counts for key in count.keys)[:MAX_KEYS], check.classes[0]
    if not accepted_class.can_be_accepted:
        return finding(Result.FAILED, text, *_mend(check, comparison, task, evidence), keys)
    if (why := evidence.options.accept.get(accepted_class.title)) is not None:
        return finding(Result.PASSED, t("{seen}. Accepted by name: {why}", seen=text, why=why), keys=keys)
    return finding(Result.NOT_PROVEN, text, *_prove(check, comparison, evidence), keys)


def _prove(check: _ClassCheck, comparison: Comparison, evidence: Evidence) -> tuple[Text, Step]:
    """Return the way to prove that objects are equal, or to accept them by the name of their class."""
    object_class, scope = check.classes[0], comparison.state.scope
    if object_class in UNPROVEN and not scope.deep:
        return check.next, evidence.options.comparing(scope, deep=True, restart=True)
    return by_hand(comparison) if object_class in UNPROVEN else check.next, evidence.accepting(comparison)


def by_hand(comparison: Comparison) -> Text:
    """Return the remedy of objects that reading did not prove: the missing permission first, if there is one."""
    missing = missing_rights(comparison.tally)
    return sentences(*missing, _GRANT) if missing else _BY_HAND


def _mend(check: _ClassCheck, comparison: Comparison, task: TaskInfo, evidence: Evidence) -> tuple[Text, Step | None]:
    """Return the remedy of objects that OBS lacks or has otherwise, with its step as a part of the cutover."""
    state, options = comparison.state, evidence.options
    frozen = options.frozen is not None
    object_class = next(object_class for object_class in check.classes if not state.tally.of(object_class).is_empty)
    text, step, _ = remedy(
        object_class,
        counts_of(state.tally, object_class, state.scope.key_filter.suffix),
        task.object_overwrite_mode,
        tried_of(state, frozen=frozen, go_stands=evidence.go_stands),
        is_open=not evidence.stays_closed,
    )
    if step is None or step.job == "migrate":
        return text, step
    if step.job == "replay":
        return text, options.cutover() if frozen else step
    again = "again" in step.options
    step = options.comparing(state.scope, **(step.options if again else {**step.options, "restart": True}))
    only_waits = object_class in (*LATE, ObjectClass.ARRIVING)
    return _GO_ON if only_waits and step.job == "cutover" else text, step
