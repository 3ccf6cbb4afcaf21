"""The job that checks the setup. Each check tests one rule, and returns a state and the remedy for a fault.

The job also reports the assumptions about the clouds that no facts have confirmed yet. They do not change the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from oss_oms_sync import options
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.job_answers import DoctorAnswer, DoctorCheck
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, t, untranslated
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import OmsSyncError, SettingsError, log
from oss_oms_sync.jobs.doctor import alibaba, destination, flow, function, huawei
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, not_confirmed, ok, skipped, unknown, warning
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.unconfirmed import UNCONFIRMED, Assumption

C = TypeVar("C")

_OPERATION_PROOF = t("confirmed by this project's results")


def _count_objects(context: CheckContext, *classes: ObjectClass) -> int:
    return context.last_comparison.tally.count_objects(*classes) if context.last_comparison else 0


def _have_objects_arrived(context: CheckContext) -> bool:
    return _count_objects(context, *ObjectClass) > 0 and not _count_objects(context, ObjectClass.MISSING)


def _were_lists_read(context: CheckContext) -> bool:
    list_positions = JobState(context.invocation).load_as(ListPositions, "failed_copies") or ListPositions()
    return any(line_count.lines for line_count in list_positions.listed.values()) and not list_positions.unread


# The assumptions of `unconfirmed.py`. A function returns a true value if facts confirm the assumption, and the last
# text describes these facts. Assumptions without a function do not affect a GO, or have a check of their own.
_CONFIRMATIONS: Sequence[tuple[Text, Callable[[CheckContext], object] | None, Text]] = (
    (t("keys submitted twice"), None, NOTHING),
    (t("delay of OMS's counts"), None, NOTHING),
    (
        t("part size"),
        lambda context: not context.settings.compare_deep,
        t("COMPARE_DEEP is off, so scheduled comparisons do not depend on OMS's part size"),
    ),
    (t("copies in one part"), lambda context: _count_objects(context, ObjectClass.EQUAL_CONTENTS), _OPERATION_PROOF),
    (t("order of OBS's listings"), lambda context: context.last_comparison, _OPERATION_PROOF),
    (t("format of lists"), _were_lists_read, _OPERATION_PROOF),
    (t("delay of OMS's lists"), None, NOTHING),
    (t("encoding of keys"), _have_objects_arrived, _OPERATION_PROOF),
    (t("keys in events"), _have_objects_arrived, _OPERATION_PROOF),
)


def _check_assumption(
    assumption: Assumption,
    is_confirmed: Callable[[CheckContext], object] | None,
    confirmation: Text,
    context: CheckContext,
) -> Finding:
    if is_confirmed and is_confirmed(context):
        return ok(confirmation)
    canary = context.canary_result
    if canary and (value := assumption.canary_observation(canary.report)):
        text = t(
            "observed by the canary of {at}: {value}; assumed: {assumed}",
            at=canary.at,
            value=value,
            assumed=assumption.assumed_answer,
        )
        if value in assumption.confirming_values:
            return ok(text)
        return warning(text, t("Consequence: {rests}", rests=assumption.dependents))
    assumed_text = (
        t("{assumed} ({setting})", assumed=assumption.assumed_answer, setting=assumption.setting)
        if assumption.setting
        else assumption.assumed_answer
    )
    remedy = t("To test this in your accounts: {step}", step=Step("canary"))
    if not assumption.confirming_values:
        remedy = t(
            "Run doctor again after OMS has failed to copy an object: OMS's list of failed objects then shows"
            " the answer"
        )
    return not_confirmed(
        t("{question}; assumed: {assumed}", question=assumption.question, assumed=assumed_text), remedy
    )


_NEEDED_CHECKS = ("task", "permission to list records", "permission to read records", "log bucket versioning")
_ASSUMPTIONS: Sequence[Check[CheckContext]] = [
    Check(title, _NEEDED_CHECKS, partial(_check_assumption, UNCONFIRMED[title.en], is_confirmed, confirmation))
    for title, is_confirmed, confirmation in _CONFIRMATIONS
]

# The checks in the order in which they run and are reported. No check needs a check after it.
_CHECKS: Sequence[Check[CheckContext]] = (
    *function.CHECKS,
    *huawei.CHECKS,
    *destination.CHECKS,
    *alibaba.CHECKS,
    *flow.CHECKS,
    *_ASSUMPTIONS,
)
_ALL_CHECKS: Sequence[Check[Any]] = (*function.FIRST_CHECKS, *_CHECKS)
_TITLES = {check.name: check.title for check in _ALL_CHECKS}
# Names of the results in doctor's answers.
_STATE_NAMES = {
    Result.PASSED: "ok",
    Result.WARNING: "warning",
    Result.FAILED: "fault",
    Result.NOT_RUN: "unknown",
    Result.SKIPPED: "skipped",
    Result.NOT_PROVEN: "not confirmed",
}
# Texts of the summary by result. The text of the first result in this table that a check has is used.
_SUMMARY_TEXTS = {
    Result.FAILED: t("Setup has faults"),
    Result.NOT_RUN: t("Some checks could not run"),
}
_SUCCESS_TEXT = t("Setup OK")


def run(event: bytes | str, invocation: Invocation | SettingsError) -> dict[str, object]:
    """Run every check, and return a DoctorAnswer as JSON.

    A check that depends on a failed check does not run. No key is submitted to OMS. Doctor writes test objects to the
    log bucket, and deletes them if its role is allowed to delete. Raises PayloadError.
    """
    options.parse(event, object)
    context = None if isinstance(invocation, SettingsError) else CheckContext(invocation)
    findings: dict[str, Finding] = {}
    _run_checks(function.FIRST_CHECKS, invocation, findings)
    _run_checks(_CHECKS, context, findings)
    if context and context.may_probe_exist:
        context.invocation.log_bucket.try_delete_all([context.probe.name])
    results = {finding.result for finding in findings.values()}
    text = next((text for result, text in _SUMMARY_TEXTS.items() if result in results), _SUCCESS_TEXT)
    checks = [
        DoctorCheck(_TITLES[name], _STATE_NAMES[finding.result], finding.actual, finding.next)
        for name, finding in findings.items()
    ]
    return to_json(DoctorAnswer(text is _SUCCESS_TEXT, text, checks))  # type: ignore[no-any-return]


def _run_checks(checks: Sequence[Check[C]], context: C | None, findings: dict[str, Finding]) -> None:
    for check in checks:
        blocking_names = [
            needed_name
            for needed_name in check.needs
            if findings[needed_name].result not in (Result.PASSED, Result.WARNING)
        ]
        if context is None or blocking_names:
            text = t("depends on checks that did not pass: {checks}", checks=[_TITLES[name] for name in blocking_names])
            finding = (
                skipped
                if {findings[needed_name].result for needed_name in blocking_names} == {Result.SKIPPED}
                else unknown
            )(text)
        else:
            try:
                finding = check.function(context)
            except OmsSyncError as error:
                finding = fault(
                    untranslated(str(error)),
                    t("Do what the error message says. If it names no remedy, run doctor again in a minute"),
                )
        findings[check.name] = replace(finding, id=check.name)
        log.info(
            {
                "check": check.name,
                "state": _STATE_NAMES[finding.result],
                "actual": finding.actual.en,
                "fix": finding.next.en,
            }
        )
