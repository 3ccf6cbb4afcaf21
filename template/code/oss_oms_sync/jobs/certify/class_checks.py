"""Whether anything of what a comparison found speaks against the cutover, class by class; and what to do about it, of
which nothing is told that is known to do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Finding, Result, Step
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.answers.text import NOTHING, Text, sentences, t
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.judge import UNPROVEN
from oss_oms_sync.comparison.result import DELETE, mend_missing, missing_rights, overwriting, remedies
from oss_oms_sync.errors import Failure
from oss_oms_sync.jobs.certify.evidence import Comparison, CutoverOptions, Evidence
from oss_oms_sync.passes.tally import MAX_KEYS


class _ClassCheck(NamedTuple):
    """A check that some classes are empty, or accepted by name if they can be. `seen` and `next` are about the objects
    that are in them; `next` is empty where that depends."""

    id: str
    classes: Sequence[ObjectClass]
    wanted: Text
    seen: Text
    next: Text = NOTHING


_BY_HAND = t("Reading did not prove them. Compare them by hand, then accept them by name")
_GRANT = t(
    "Grant what is missing, and begin anew with --deep --restart. Or compare them by hand, then accept them by name"
)
_LATER = t("Some minutes later, judge them again")
_READ = t("Read these objects in the source, which proves most")
_EQUAL = t("The contents of each object are proven to be equal")
_CHECKS = (
    _ClassCheck(
        "MIGRATING",
        (ObjectClass.MIGRATING,),
        t("No migration of the old objects has anything left to copy"),
        t("missing or older in OBS, and left to a migration of the old objects"),
    ),
    _ClassCheck(
        "MISSING",
        (ObjectClass.MISSING,),
        t("Every object of the source is in OBS"),
        t("not in OBS"),
    ),
    _ClassCheck(
        "OVERWRITTEN",
        (ObjectClass.OVERWRITTEN,),
        t("Nothing in OBS differs from the source and is newer"),
        t("different and newer in OBS: somebody wrote there, or OMS finished an older version late"),
    ),
    # After the one above: what that takes overwrites what is older, too.
    _ClassCheck(
        "OLDER",
        (ObjectClass.OLDER,),
        t("OBS has no version older than the source's"),
        t("older in OBS"),
    ),
    _ClassCheck(
        "MOVING",
        (ObjectClass.MOVING, ObjectClass.ARRIVING),
        t("Nothing was written while it was compared"),
        t("written too recently to be judged"),
        _LATER,
    ),
    _ClassCheck(
        "IN_FLIGHT",
        (ObjectClass.IN_FLIGHT,),
        t("OMS has copied all that it accepted"),
        t("accepted by OMS, and not in OBS yet"),
        _LATER,
    ),
    _ClassCheck(
        "FAILED",
        (ObjectClass.FAILED_BEFORE,),
        t("No object waits in a failed record"),
        t("not accepted by OMS; failed records say why"),
        t("See the reasons in status, send them again, and then judge them again"),
    ),
    _ClassCheck(
        "PROOF_SUSPICIOUS",
        (ObjectClass.SUSPICIOUS,),
        t("No object of equal size has another ETag"),
        t("of equal size with different ETags, because they differ or because an ETag is not an MD5"),
        _READ,
    ),
    _ClassCheck(
        "PROOF_EQUAL_VERSION",
        (ObjectClass.EQUAL_VERSION,),
        _EQUAL,
        t("of equal size, and OMS accepted this very version; their contents were not compared"),
        _READ,
    ),
    _ClassCheck(
        "PROOF_EQUAL_SIZE",
        (ObjectClass.EQUAL_SIZE,),
        _EQUAL,
        t("of equal size; nothing else is known of them"),
        _READ,
    ),
    _ClassCheck(
        "PROOF_IMPOSSIBLE",
        (ObjectClass.IMPOSSIBLE,),
        t("OMS can copy every object"),
        t("impossible to copy: symbolic links, keys below oms_source_record/, or what OBS cannot hold"),
        t("Copy by hand what is needed, and accept these by name"),
    ),
    _ClassCheck(
        "UNKNOWN",
        (ObjectClass.UNKNOWN,),
        t("OBS holds no object that is absent at the source and was never submitted"),
        t("only in OBS, and not sent by this project"),
        t("Delete in OBS what does not belong there, and begin anew with --restart. Or accept these by name"),
    ),
)
_STAYS_CLOSED = t(
    "The project stays closed, so nothing is submitted. If OBS is not in use yet, open it (python3 ops.py open), and"
    " begin anew. If it is, copy by hand what OBS needs of these"
)
_GO_STANDS = t("A GO stands, so the project stays closed. Copy by hand what OBS needs of these")
_SENT = t("Compare has sent them, unless the project is closed. Some minutes later, judge them again")
_DECIDE = t("See who writes there. If the source has the right versions, send these again, and judge them again later")


def checks_of_classes(evidence: Evidence, scope: Finding) -> Iterator[Finding]:
    """A check for each class that decides anything."""
    comparison, task = evidence.comparison, evidence.task
    for check in _CHECKS:
        finding = partial(Finding, check.id, check.wanted)
        if comparison is None or isinstance(task, Failure) or scope.result is Result.NOT_RUN:
            yield unseen(finding, scope)
        else:
            yield _judged(check, finding, comparison, task, evidence)


def unseen(finding: partial[Finding], scope: Finding) -> Finding:
    """A check where no comparison counts, which `scope` explains."""
    return finding(Result.NOT_RUN, t("No comparison counts: see SCOPE"), scope.next, scope.step)


def _judged(
    check: _ClassCheck, finding: partial[Finding], comparison: Comparison, task: TaskInfo, evidence: Evidence
) -> Finding:
    counts = [(object_class, comparison.tally.of(object_class)) for object_class in check.classes]
    sides = [count.destination if object_class.is_only_there else count.source for object_class, count in counts]
    number, size = sum(side.objects for side in sides), sum(side.bytes for side in sides)
    if not number:
        return finding(Result.PASSED, t("none"))
    text = t("{number:object|objects}, {size} bytes: {seen}", number=number, size=size, seen=check.seen)
    keys, one = sorted(key for _, count in counts for key in count.keys)[:MAX_KEYS], check.classes[0]
    if not one.can_be_accepted:
        return finding(Result.FAILED, text, *_mend(check, comparison, task, evidence), keys)
    if (why := evidence.options.accept.get(one.title)) is not None:
        return finding(Result.PASSED, t("{seen}. Accepted by name: {why}", seen=text, why=why), keys=keys)
    return finding(Result.NOT_PROVEN, text, *_prove(check, comparison, evidence), keys)


def _prove(check: _ClassCheck, comparison: Comparison, evidence: Evidence) -> tuple[Text, Step]:
    """How objects are proven to be equal, or accepted by the name of their class."""
    object_class, scope = check.classes[0], comparison.state.scope
    if object_class in UNPROVEN and not scope.deep:
        return check.next, evidence.options.comparing(scope, deep=True, restart=True)
    return by_hand(comparison) if object_class in UNPROVEN else check.next, evidence.accepting(comparison)


def by_hand(comparison: Comparison) -> Text:
    """What to do about objects that reading did not prove: to grant the right first, where one is missing."""
    missing = missing_rights(comparison.tally)
    return sentences(*missing, _GRANT) if missing else _BY_HAND


def _mend(check: _ClassCheck, comparison: Comparison, task: TaskInfo, evidence: Evidence) -> tuple[Text, Step | None]:
    """What to do about objects that OBS lacks or has otherwise, and the step for it."""
    scope, mode, options = comparison.state.scope, task.object_overwrite_mode, evidence.options
    nothing_over = t("OMS overwrites nothing (NO_OVERWRITE), so {delete}", delete=DELETE)
    match check.id:
        case "MIGRATING":
            over = t("Compare again once the migration is over. How far it is: python3 ops.py migrate --look")
            return over, options.comparing(scope, restart=True)
        case "OLDER" if text := remedies(comparison.tally, mode, scope.key_filter.suffix, deep=scope.deep).get(
            ObjectClass.OLDER
        ):
            # OMS has skipped them once more, and what was read in vain is not read again, unless a right was missing.
            if scope.deep and not missing_rights(comparison.tally):
                return text, _overwriting(comparison, mode, options, ObjectClass.OLDER)
            return text, options.comparing(scope, deep=True, restart=True)
        case "MISSING" | "OLDER" | "OVERWRITTEN" if evidence.stays_closed:
            return staying_closed(evidence), None
        case "OLDER" | "OVERWRITTEN" if mode is OverwriteMode.NEVER:
            return nothing_over, options.comparing(scope, restart=True)
        case "MISSING" | "OLDER":
            text, step = mend_missing(comparison.state)
            return text, step if step.job == "migrate" else options.comparing(scope, **step.options)
        case "OVERWRITTEN":
            return _mend_overwritten(comparison, task, options)
        case "FAILED":
            return _mend_failed(check, comparison, evidence)
    again = options.comparing(scope, again=True)
    return (t("Go on with the cutover") if again.job == "cutover" else check.next), again


def _mend_overwritten(comparison: Comparison, task: TaskInfo, options: CutoverOptions) -> tuple[Text, Step]:
    scope, count = comparison.state.scope, comparison.tally.of(ObjectClass.OVERWRITTEN)
    mode = task.object_overwrite_mode
    skipped = {OverwriteMode.ALWAYS: 0, OverwriteMode.CRC64: count.in_vain}.get(
        mode or OverwriteMode.DEFAULT, count.proven_different
    )
    of_same_size = remedies(comparison.tally, mode, scope.key_filter.suffix, deep=scope.deep).get(
        ObjectClass.OVERWRITTEN
    )
    if of_same_size and skipped == count.source.objects:
        return of_same_size, _overwriting(comparison, mode, options, ObjectClass.OVERWRITTEN)
    if scope.overwrite and not comparison.state.amended:
        return _SENT, options.comparing(scope, again=True)
    text = t("{decide}. {otherwise}", decide=_DECIDE, otherwise=of_same_size) if of_same_size and skipped else _DECIDE
    return text, options.comparing(scope, overwrite=True, restart=True)


def _overwriting(comparison: Comparison, mode: OverwriteMode | None, options: CutoverOptions, of: ObjectClass) -> Step:
    """What overwrites objects that OMS skips. Where a task group cannot, they are deleted, and compared again."""
    scope = comparison.state.scope
    return overwriting(comparison.tally, mode, scope.key_filter.suffix, of) or options.comparing(scope, restart=True)


def _mend_failed(check: _ClassCheck, comparison: Comparison, evidence: Evidence) -> tuple[Text, Step | None]:
    count, options = comparison.tally.of(ObjectClass.FAILED_BEFORE), evidence.options
    if options.frozen and count.source == count.destination and not comparison.state.scope.deep:
        return perhaps_copied(comparison, options)
    if evidence.stays_closed:
        return staying_closed(evidence), None
    return check.next, options.cutover() if options.frozen else Step("replay")


def staying_closed(evidence: Evidence) -> Text:
    """Return the remedy of objects that nothing submits, because no cutover opens the project (ops/cutover/close.py).
    No step of a certificate opens it either: the user has to know that OBS is not in use."""
    return _GO_STANDS if evidence.go_stands else _STAYS_CLOSED


def perhaps_copied(comparison: Comparison, options: CutoverOptions) -> tuple[Text, Step]:
    """What to do about what OMS may refuse for ever, and OBS has in the same size, before it was read."""
    return (
        t(
            "They are in OBS in the same size, perhaps copied by hand: read them in the source. Status says why OMS"
            " takes none"
        ),
        options.comparing(comparison.state.scope, deep=True, restart=True),
    )
