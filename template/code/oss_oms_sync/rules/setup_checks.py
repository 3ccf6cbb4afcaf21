"""The checks TASK and CLOCK, about the sync task and about the clocks of the clouds."""

from __future__ import annotations

from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.check import DEPLOY, DOCTOR, CutoverCheck
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW

_CLOCKS_SECONDS = round(MAX_CLOCK_SKEW.total_seconds())
TASK = CutoverCheck(
    "TASK",
    t("sync task not running"),
    t("The sync task of the source bucket {bucket} is synchronizing"),
)
CLOCK = CutoverCheck(
    "CLOCK",
    t("clocks that disagree"),
    t(
        "The clocks of all clouds are within {clocks_seconds} seconds of the function's clock",
        clocks_seconds=_CLOCKS_SECONDS,
    ),
)


def check_task(facts: CutoverFacts) -> Finding:
    """Check that the sync task copies from the source bucket, and accepts keys."""
    check, sync_task = TASK.with_values(bucket=facts.source_bucket), facts.sync_task
    if sync_task is None:
        reason = facts.oms_failure.reason if facts.oms_failure else ""
        text = t("OMS does not report the sync task: {reason}", reason=reason)
        return check.finding(Result.NOT_RUN, text, t("Run doctor, which reports the reason and the remedy"), DOCTOR)
    if not (sync_task.src_bucket and sync_task.status):
        return check.finding(
            Result.NOT_RUN,
            t("OMS does not report the task's source bucket or state"),
            t("Check the sync task in the OMS console, and run doctor"),
            DOCTOR,
        )
    text = t(
        "Sync task of the source bucket {src_bucket}: {status}",
        src_bucket=sync_task.src_bucket,
        status=sync_task.status,
    )
    if sync_task.src_bucket != facts.source_bucket:
        remedy_text = t("Correct SYNC_URL or the source bucket in s.yaml, then deploy")
        return check.finding(Result.FAILED, text, remedy_text, DEPLOY)
    if sync_task.is_running:
        return check.finding(Result.PASSED, text)
    return check.finding(Result.FAILED, text, t("Start the sync task in the OMS console"))


def check_clocks(facts: CutoverFacts) -> Finding:
    """Check that the clocks of all clouds agree, because comparisons compare times of different clouds."""
    seconds_by_cloud = {name.upper(): seconds for name, seconds in vars(facts.clocks).items()}
    measured_seconds = {name: seconds for name, seconds in seconds_by_cloud.items() if seconds is not None}
    unknown_clocks = [f"{name} ?" for name in seconds_by_cloud if name not in measured_seconds]
    text = t(
        "{clocks}", clocks=[*(f"{name} {seconds} s" for name, seconds in measured_seconds.items()), *unknown_clocks]
    )
    if any(seconds > _CLOCKS_SECONDS for seconds in measured_seconds.values()):
        remedy_text = t("Run the cutover again later. If the clocks still differ, run doctor")
        return CLOCK.finding(Result.FAILED, text, remedy_text, DOCTOR)
    if unknown_clocks:
        return CLOCK.finding(Result.NOT_RUN, text, t("Run doctor, which reports why the cloud is unreachable"), DOCTOR)
    return CLOCK.finding(Result.PASSED, text)
