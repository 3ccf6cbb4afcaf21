"""Blocks on the checks of a certificate: first the checks that have not passed, with their remedies."""

from __future__ import annotations

from ops.report import totals
from ops.report.blocks import Blocks, Column, Detail, FindingBlock, Paragraph, Phrase, Span, StepBlock, Table, keys
from ops.report.words import Translator
from ops.shell import command
from oss_oms_sync.answers import finding as answered
from oss_oms_sync.answers.certificate import Certificate, CutoverVerdict
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.causes import find_causes
from oss_oms_sync.rules.cutover import CHECKS

# Labels and tones of results, worst first.
_RESULT_LABELS = {
    answered.Result.FAILED: (t("failed"), "bad"),
    answered.Result.NOT_PROVEN: (t("not proven"), "open"),
    answered.Result.NOT_RUN: (t("not run"), "calm"),
    answered.Result.PASSED: (t("passed"), "good"),
}


def next_step(certificate: Certificate, translate: Translator) -> StepBlock:
    if certificate.verdict is CutoverVerdict.GO:
        return StepBlock(translate("Switch the applications over to OBS: the project is already closed."))
    # Failures come before waiting.
    failed_checks = [check for check in certificate.checks if check.gates and check.result is answered.Result.FAILED]
    for finding in [*failed_checks, *find_causes(certificate.checks)]:
        if finding.next.en:
            return StepBlock(translate(finding.next), command(finding.step))
    return StepBlock(
        translate("On cutover day, stop the writes to the source bucket, and run:"),
        command(Step("cutover", {"frozen_since": "now"})),
    )


def check_title(name: str, translate: Translator) -> str:
    return translate(CHECKS[name].title)


def checks(certificate: Certificate, translate: Translator) -> Blocks:
    sorted_checks = _sort_by_result(certificate)
    if not sorted_checks:
        return [Paragraph(translate("The result is unknown, because no checks are recorded."), "bad")]
    failing_checks = [
        finding for finding in sorted_checks if finding.gates and finding.result is not answered.Result.PASSED
    ]
    rows = [
        (
            (_title(finding), Span("note", check_title(finding.id, translate))),
            (
                _result_mark(finding, translate),
                None if finding.gates else Span("note", translate("not part of the verdict")),
            ),
            translate(finding.actual),
        )
        for finding in sorted_checks
        if finding not in failing_checks
    ]
    columns = [Column(translate("check")), Column(translate("result")), Column(translate("finding"), "half")]
    return [
        *(_finding_block(certificate, finding, translate) for finding in failing_checks),
        Detail([Table(columns, rows)]) if rows else None,
    ]


def _title(check: answered.Finding) -> Phrase:
    return Span("code", check.id)


def _result_mark(check: answered.Finding, translate: Translator) -> Span:
    word, tone = _RESULT_LABELS[check.result]
    return Span("mark", translate(word), tone)


def _finding_block(certificate: Certificate, check: answered.Finding, translate: Translator) -> FindingBlock:
    return FindingBlock(
        _title(check),
        _result_mark(check, translate),
        StepBlock(translate(check.next), command(check.step)),
        translate(check.actual),
        [
            (translate("required"), translate(check.wanted)),
            (translate("counts in the certificate"), _count_objects(certificate, check.id, translate)),
        ],
        keys(check.keys),
        translate("The first {number:object key|object keys}", number=len(check.keys))
        if len(check.keys) > 1
        else translate("object key"),
    )


def _count_objects(certificate: Certificate, check_id: str, translate: Translator) -> str | None:
    """Return as text the number of objects in the classes that a check judges, or None if it judges no classes."""
    sides = [totals.count_class(certificate, object_class.title) for object_class in CHECKS[check_id].classes]
    return totals.objects_and_bytes(sides, translate) if sides else None


def _sort_by_result(certificate: Certificate) -> list[answered.Finding]:
    order = [*_RESULT_LABELS]
    return sorted(certificate.checks, key=lambda check: order.index(check.result))
