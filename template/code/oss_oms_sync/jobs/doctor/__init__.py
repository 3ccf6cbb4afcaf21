"""The job that checks the setup: a small check for each rule, with its state and the remedy of a fault.

It also reports the project's unconfirmed assumptions until facts confirm them. These are not part of the verdict.
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

_OPERATION_PROOF = t("proven by this project's operation")


def _count_objects(context: CheckContext, *classes: ObjectClass) -> int:
    """Return the number of source objects of these classes in the last comparison of all objects."""
    return context.compared.tally.objects(*classes) if context.compared else 0


def _has_arrived(context: CheckContext) -> bool:
    return _count_objects(context, *ObjectClass) > 0 and not _count_objects(context, ObjectClass.MISSING)


def _lists_were_read(context: CheckContext) -> bool:
    list_positions = JobState(context.invocation).load_as(ListPositions, "failed_copies") or ListPositions()
    return any(line_count.lines for line_count in list_positions.listed.values()) and not list_positions.unread


# The assumptions of `unconfirmed.py`. A function returns a true value if facts confirm the assumption, and the last
# text describes these facts. Assumptions without a function do not affect a GO, or have a check of their own.
_CONFIRMATIONS: Sequence[tuple[Text, Callable[[CheckContext], object] | None, Text]] = (
    (t("doubles"), None, NOTHING),
    (t("lag of counts"), None, NOTHING),
    (
        t("part size"),
        lambda context: not context.settings.compare_deep,
        t("COMPARE_DEEP is off: nothing depends on it"),
    ),
    (t("written as a whole"), lambda context: _count_objects(context, ObjectClass.EQUAL_CONTENTS), _OPERATION_PROOF),
    (t("order of OBS"), lambda context: context.compared, _OPERATION_PROOF),
    (t("form of lists"), _lists_were_read, _OPERATION_PROOF),
    (t("lag of lists"), None, NOTHING),
    (t("encoding of keys"), _has_arrived, _OPERATION_PROOF),
    (t("keys in events"), _has_arrived, _OPERATION_PROOF),
)


def _check_assumption(
    unconfirmed: Assumption,
    confirms: Callable[[CheckContext], object] | None,
    confirmation: Text,
    context: CheckContext,
) -> Finding:
    if confirms and confirms(context):
        return ok(confirmation)
    canary = context.canary
    if canary and (value := unconfirmed.canary_observation(canary.report)):
        text = t(
            "observed by the canary of {at}: {value}; assumed: {assumed}",
            at=canary.at,
            value=value,
            assumed=unconfirmed.assumed,
        )
        if value in unconfirmed.as_assumed:
            return ok(text)
        return warning(text, t("Dependent on this: {rests}", rests=unconfirmed.dependents))
    assumed = (
        t("{assumed} ({setting})", assumed=unconfirmed.assumed, setting=unconfirmed.setting)
        if unconfirmed.setting
        else unconfirmed.assumed
    )
    remedy = t("{step} shows it in your accounts", step=Step("canary"))
    if not unconfirmed.as_assumed:
        remedy = t("OMS's first failed copy confirms it: run doctor again after that")
    return not_confirmed(t("{question}; assumed: {assumed}", question=unconfirmed.question, assumed=assumed), remedy)


_NEEDS = ("task", "permission to list records", "permission to read records", "log bucket versioning")
_ASSUMPTIONS: Sequence[Check[CheckContext]] = [
    Check(title, _NEEDS, partial(_check_assumption, UNCONFIRMED[title.en], confirms, confirmation))
    for title, confirms, confirmation in _CONFIRMATIONS
]

# Checks in the order in which they run and are reported. No check needs a later check.
_CHECKS: Sequence[Check[CheckContext]] = (
    *function.CHECKS,
    *huawei.CHECKS,
    *destination.CHECKS,
    *alibaba.CHECKS,
    *flow.CHECKS,
    *_ASSUMPTIONS,
)
_ALL: Sequence[Check[Any]] = (*function.FIRST_CHECKS, *_CHECKS)
_TITLES = {check.name: check.title for check in _ALL}
# Names of the results in doctor's answers.
_STATES = {
    Result.PASSED: "ok",
    Result.WARNING: "warning",
    Result.FAILED: "fault",
    Result.NOT_RUN: "unknown",
    Result.SKIPPED: "skipped",
    Result.NOT_PROVEN: "not confirmed",
}
# Texts of the summary: the first of these results that a check has decides.
_TEXTS = {
    Result.FAILED: t("Setup has faults"),
    Result.NOT_RUN: t("Some checks could not run"),
}
_SUCCESS_TEXT = t("Setup OK")


def run(event: bytes | str, invocation: Invocation | SettingsError) -> dict[str, object]:
    """Run every check and return a DoctorAnswer, as JSON. A check that depends on a failed check only names that check.

    OMS receives no sync request. If the installation is not recorded, its record is written. Other objects are deleted
    from the log bucket again, if the role is allowed to delete.

    Raises PayloadError.
    """
    options.parse(event, object)
    context = None if isinstance(invocation, SettingsError) else CheckContext(invocation)
    findings: dict[str, Finding] = {}
    _run_checks(function.FIRST_CHECKS, invocation, findings)
    _run_checks(_CHECKS, context, findings)
    if context and context.probe_may_be_there:
        context.invocation.log_bucket.try_delete_all([context.probe.name])
    results = {finding.result for finding in findings.values()}
    text = next((text for result, text in _TEXTS.items() if result in results), _SUCCESS_TEXT)
    checks = [
        DoctorCheck(_TITLES[name], _STATES[finding.result], finding.actual, finding.next)
        for name, finding in findings.items()
    ]
    return to_json(DoctorAnswer(text is _SUCCESS_TEXT, text, checks))  # type: ignore[no-any-return]


def _run_checks(checks: Sequence[Check[C]], context: C | None, findings: dict[str, Finding]) -> None:
    """Add the finding of each check to `findings`.

    If the settings are invalid, `context` is None, and each of these checks depends on a failed check.
    """
    for check in checks:
        blocking = [need for need in check.needs if findings[need].result not in (Result.PASSED, Result.WARNING)]
        if context is None or blocking:
            text = t("depends on: {checks}", checks=[_TITLES[name] for name in blocking])
            finding = (skipped if {findings[need].result for need in blocking} == {Result.SKIPPED} else unknown)(text)
        else:
            try:
                finding = check.function(context)
            except OmsSyncError as error:
                finding = fault(
                    untranslated(str(error)),
                    t("Check the message. If it names no remedy, run doctor again in a minute"),
                )
        findings[check.name] = replace(finding, id=check.name)
        log.info(
            {"check": check.name, "state": _STATES[finding.result], "actual": finding.actual.en, "fix": finding.next.en}
        )
