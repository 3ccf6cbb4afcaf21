"""Reports on the answers of reconcile and compare: the result of a finished pass, or the progress of an open pass.

A pass reads all keys of the source bucket, in several calls of a function.
"""

from __future__ import annotations

from collections.abc import Iterator

from ops.exit_codes import ExitCode
from ops.report import comparison, units
from ops.report.blocks import (
    Block,
    Blocks,
    CommandBlock,
    FactList,
    Items,
    Paragraph,
    Phrase,
    Report,
    ReportHead,
    Span,
    keys,
)
from ops.report.comparison import counted_classes
from ops.report.words import COUNT_LABELS, MIGRATION_UNKNOWN_TEXT, STOP_TEXTS, Translator
from ops.shell import command
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.object_class import ACCEPTABLE_CLASSES, IN_SCOPE, LACKING_CLASSES, PENDING_CLASSES
from oss_oms_sync.answers.pass_answers import (
    MISSING_PERMISSION_TEXTS,
    CompareAnswer,
    ComparisonResult,
    PassAnswer,
    ReconcileAnswer,
)
from oss_oms_sync.answers.text import Text, t

_SUBMITTED_TEXT = t("{submitted} (accepted: {accepted}, failed: {failed})")
_NO_OBJECT_TEXT = t("No object is in scope: check the source bucket, the prefix and the suffix for typos.")
_EMPTY_SOURCE_TEXT = t("The source has no object in scope, but OBS has some.")
_DIFFERENCES_TEXT = t("The log bucket lists all keys that do not count as equal, in these files: {files}")
_UNREAD_TEXTS = {
    "unreadable": t(
        "{number:object|objects} could not be read: archived, or encrypted with a key that the function's"
        " role cannot use"
    ),
    "too_big": t("{number:object is|objects are} too large to read in the time available"),
    "encrypted": t("{number:object is|objects are} encrypted in OBS"),
    "unknown_parts": t("{number:object was|objects were} written to OBS with a part size that OMS does not use"),
    **MISSING_PERMISSION_TEXTS,
}


def exit_code(answer: ReconcileAnswer | CompareAnswer) -> ExitCode:
    """Return 0 for a successful pass, 3 if no object is missing but some are not proven equal, otherwise 1.

    Objects in progress are not proven equal. A pass over no objects also returns 3, because it proves nothing.
    """
    if not answer.finished and answer.stop is not Stop.LIMIT:
        return ExitCode.FAILED
    if isinstance(answer, ReconcileAnswer):
        has_failed_objects, has_unproven_objects = bool(answer.failed or answer.missing or answer.unsent), False
    else:
        classes = counted_classes(answer).keys()
        has_failed_objects, has_unproven_objects = (
            bool(classes & LACKING_CLASSES),
            bool(classes & (PENDING_CLASSES | ACCEPTABLE_CLASSES)),
        )
    if has_failed_objects:
        return ExitCode.FAILED
    return ExitCode.NOT_PROVEN if has_unproven_objects or answer.has_no_objects else ExitCode.OK


def report(answer: ReconcileAnswer | CompareAnswer, language: str) -> Report:
    translate = Translator(language)
    explanation, tone = _verdict(answer)
    pass_times: Phrase = (
        units.pass_times(answer.started, answer.ended, None, translate, answer.objects_per_minute)
        if answer.pass_
        else None
    )
    stop_row = (translate("stopped"), units.stop_reason(answer, translate))
    # A trial (--dry-run) submits nothing, and reports the objects that a pass would submit.
    is_trial = answer.missing is not None if isinstance(answer, ReconcileAnswer) else _is_single_call(answer)
    trial_row = (translate("objects that would be submitted"), units.count(answer.submitted, translate))
    submitted_row = (
        trial_row if is_trial else (translate("submitted objects"), translate(_SUBMITTED_TEXT, **vars(answer)))
    )
    details: Blocks = []
    facts: list[tuple[str, Phrase]]
    if isinstance(answer, ReconcileAnswer):
        counts = [
            (translate(label), f"{getattr(answer, name):,}")
            for name, label in COUNT_LABELS.items()
            if name != "submitted" or not is_trial
        ]
        facts = [*counts, submitted_row, (translate("pass"), pass_times), stop_row]
        # The report shows every key, because that is the purpose of a trial.
        missing_keys = Items([Span("key", key) for key in answer.missing or ()])
        details = [Paragraph(translate("First objects to submit:")), missing_keys] if answer.missing else []
    else:
        facts = [submitted_row, (translate("pass"), pass_times), (translate("rechecked at"), answer.amended), stop_row]
        if answer.finished and answer.standstill:
            facts += [
                (translate("digest of the source, with times and ETags"), answer.state),
                (translate("digest of the copies in OBS (twin digest)"), answer.twin),
            ]
        if isinstance(answer, ComparisonResult):
            details = _describe_comparison(answer, translate)
    return Report(
        ReportHead("", tone, translate(explanation), None),
        language,
        [FactList(facts), *_unsubmitted_blocks(answer, translate), *details],
    )


def _unsubmitted_blocks(answer: PassAnswer, translate: Translator) -> Iterator[Block]:
    if answer.is_migration_unknown:
        yield Paragraph(translate(MIGRATION_UNKNOWN_TEXT), "open")
    if answer.step and answer.all_the_same:
        yield Paragraph(
            translate(
                "{unsent:missing object was|missing objects were} not submitted, because a migration"
                " copies so many objects faster. Let OMS copy them, then compare again:",
                unsent=answer.unsent,
            ),
            "open",
        )
        yield CommandBlock(command(answer.step))
        yield Paragraph(translate("Or let this project submit the objects anyway, ten keys per call:"))
        yield CommandBlock(command(answer.all_the_same))


def _is_single_call(answer: PassAnswer) -> bool:
    return answer.pass_ is None and (answer.finished or answer.stop is not None)


def _verdict(answer: ReconcileAnswer | CompareAnswer) -> tuple[Text, str]:
    code = exit_code(answer)
    tone = "open" if code or not answer.finished else "good"
    if answer.has_no_objects:
        is_in_obs = any(name in IN_SCOPE for name in counted_classes(answer))
        return (_EMPTY_SOURCE_TEXT if is_in_obs else _NO_OBJECT_TEXT), tone
    if _is_single_call(answer) and not isinstance(answer, ComparisonResult):
        return t("This was a single call, which started no pass: no work continues in the cloud."), tone
    if not answer.finished:
        if answer.stop and answer.ended:
            return t(
                "No pass has begun, because {why}. The result is of an earlier pass.", why=STOP_TEXTS[answer.stop]
            ), "open"
        return t("The pass is not finished.") if answer.pass_ else t("No pass over this scope has started yet."), "open"
    if isinstance(answer, ReconcileAnswer):
        return t("The pass is finished."), tone
    if answer.standstill:
        return t("Both buckets were listed, but no objects were compared."), "good"
    if code == 1:
        return t("Some objects are missing or different in OBS."), "bad"
    classes = counted_classes(answer).keys()
    if not classes & PENDING_CLASSES:
        unproven_text = t("No object is known to be missing, but some objects are not proven equal.")
        return (unproven_text, tone) if code else (t("All objects are in OBS with equal contents."), tone)
    if classes & ACCEPTABLE_CLASSES:
        return t("Some objects are still in progress, and not all of the other objects are proven equal."), tone
    return t("Some objects are still in progress."), "way"


def _describe_comparison(result: ComparisonResult, translate: Translator) -> Blocks:
    blocks = [
        *comparison.classes(result, translate),
        comparison.sums(result, result.classes, translate, adds_up=result.adds_up),
    ]
    for object_class, counts in counted_classes(result).items():
        if counts.keys and object_class in LACKING_CLASSES | PENDING_CLASSES | ACCEPTABLE_CLASSES:
            blocks += [Paragraph(Span("code", object_class.title)), keys(counts.keys)]
    if result.differences:
        # A pass can have thousands of files, all in the same folder.
        folder = result.differences[0].rpartition("/")[0]
        blocks.append(Paragraph(translate(_DIFFERENCES_TEXT, files=f"{folder}/*.txt")))
    blocks += comparison.remedies(result, translate)
    for kind, names in result.deep.keys.items() if result.deep else ():
        blocks += [Paragraph(translate(_UNREAD_TEXTS[kind], number=getattr(result.deep, kind))), keys(names)]
    if result.watermark:
        unproven_text = translate("{number:object is|objects are} not proven equal", number=result.unproven_count)
        note = Span("note", unproven_text) if result.unproven_count else None
        blocks.append(FactList([(translate("Watermark"), (result.watermark, note))]))
    return [*blocks, *comparison.lag(result.lag, result.amended, translate)]


def progress_line(answer: PassAnswer | None, language: str) -> str:
    """Return the progress of an open pass on one line, or "starting" without an open pass."""
    translate = Translator(language)
    if answer is None or answer.finished or answer.pass_ is None:
        return translate("starting")
    parts = (
        None if answer.share is None else f"{answer.share:.0%}",
        None if answer.objects is None else translate("{number:object|objects}", number=answer.objects),
        units.objects_a_minute(answer.objects_per_minute or 0, translate),
        None if answer.minutes_left is None else translate("{left:time} left", left=60 * answer.minutes_left),
    )
    return translate(", ").join(filter(None, parts))
