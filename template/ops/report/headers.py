"""The report on the job `headers`, which copies object headers to OBS: objects by outcome, header and folder."""

from __future__ import annotations

from ops.exit_codes import ExitCode
from ops.report import units
from ops.report.blocks import Block, CommandBlock, FactList, Paragraph, Report, ReportHead, keys
from ops.report.words import Translator
from ops.shell import command
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.headers_answer import HeadersAnswer, HeadersMode, HeadersOutcome
from oss_oms_sync.answers.text import Text, t

# Maximum number of headers, and of folders, in a report.
_MAX_ROWS = 20
_UNCOMPARED_TEXT = t(
    "ACLs and tags of objects are never compared or changed. Tags are counted only if compare's role has the"
    " permission oss:GetObjectTagging; ACLs are not counted (docs/objects.md)."
)

_UNSAFE_TEXT = t(
    "A canary found changes of headers unsafe in this OBS bucket: they change ETags, or OBS does not enforce the"
    " expiry of signed URLs. Other remedies are in docs/objects.md."
)


def exit_code(answer: HeadersAnswer) -> ExitCode:
    """Return 0 if all headers are settled, 2 if headers must not be changed, 3 if objects are left, otherwise 1.

    A header is settled if OBS has the source's value or, after an undo, the value from before the change.
    """
    if answer.stop is Stop.HEADERS:
        return ExitCode.REFUSED
    if not answer.finished:
        return ExitCode.FAILED
    is_settled = all(outcome.is_settled for outcome in answer.outcomes) and not answer.has_no_objects
    return ExitCode.OK if is_settled else ExitCode.NOT_PROVEN


def report(answer: HeadersAnswer, language: str) -> Report:
    translate = Translator(language)
    explanation, tone = _verdict(answer)
    outcomes = [(translate(outcome.text), f"{number:,}") for outcome, number in answer.outcomes.items()]
    pass_times = (
        units.pass_times(answer.started, answer.ended, None, translate, answer.objects_per_minute)
        if answer.pass_
        else None
    )
    blocks: list[Block] = [
        FactList(
            [*outcomes, (translate("pass"), pass_times), (translate("stopped"), units.stop_reason(answer, translate))]
        )
    ]
    blocks += _list_headers_and_folders(answer, translate)
    for outcome, names in answer.examples.items():
        blocks += [Paragraph((translate(outcome.text), translate(": "))), keys(names)]
    if answer.tagged:
        blocks += [
            Paragraph(translate(t("{n:object has|objects have} tags, which OMS does not copy:", n=answer.tagged))),
            keys(answer.tagged_examples),
        ]
    if answer.finished:
        blocks.append(Paragraph(translate(_UNCOMPARED_TEXT), "note"))
    is_change_wanted = answer.stop is Stop.HEADERS and answer.work == HeadersMode.MEND.value
    if answer.step is None and (is_change_wanted or HeadersOutcome.DIFFERS in answer.outcomes):
        blocks.append(Paragraph(translate(_UNSAFE_TEXT), "open"))
    return Report(
        ReportHead("", tone, translate(explanation), None),
        language,
        [*blocks, *([CommandBlock(command(answer.step))] if answer.step else [])],
    )


def _list_headers_and_folders(answer: HeadersAnswer, translate: Translator) -> list[Block]:
    header_counts = sorted(answer.headers.items(), key=lambda row: (-row[1], row[0]))[:_MAX_ROWS]
    unsettled_counts = {
        folder: sum(number for outcome, number in outcomes.items() if not outcome.is_settled)
        for folder, outcomes in answer.folders.items()
    }
    folders = sorted(((-number, folder) for folder, number in unsettled_counts.items() if number))[:_MAX_ROWS]
    blocks: list[Block] = []
    if header_counts:
        blocks += [
            Paragraph(translate("Objects with a different header, by header:")),
            FactList([(header, f"{number:,}") for header, number in header_counts]),
        ]
    if folders:
        rows = [(folder or translate("(no folder)"), f"{-number:,}") for number, folder in folders]
        blocks += [
            Paragraph(translate("Objects whose headers still differ or are unknown, by folder:")),
            FactList(rows),
        ]
    return blocks


def _verdict(answer: HeadersAnswer) -> tuple[Text, str]:
    code = exit_code(answer)
    if code is ExitCode.REFUSED:
        return t("No header was changed."), "bad"
    if not answer.finished:
        return (
            t("The pass is not finished.") if answer.pass_ else t("No pass over this scope has started yet.")
        ), "open"
    if answer.has_no_objects:
        return t("No object is in scope: check the source bucket, the prefix and the suffix for typos."), "open"
    if answer.work == HeadersMode.UNDO.value:
        restored_text = t("The headers that OBS had before the changes have been restored.")
        return (t("Not all headers could be restored."), "open") if code else (restored_text, "good")
    if code is ExitCode.OK:
        return t("All objects in OBS have the headers of the source."), "good"
    if answer.work == HeadersMode.LOOK.value:
        return t("Some headers in OBS differ from the source, or are unknown; nothing was changed."), "open"
    return t("Some objects in OBS do not have the headers of the source."), "open"
