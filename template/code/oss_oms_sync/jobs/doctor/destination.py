"""Checks of the destination in OBS: the connection, permissions, and properties of the bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.text import Text, t, untranslated
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObsError
from oss_oms_sync.jobs.doctor.function import check_connection, compare_clocks
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, warning

# Only comparisons and passes of headers need the destination, so its problems are warnings.


def check_obs_connection(context: CheckContext) -> Finding:
    try:
        url = context.destination.url
    except ObsError as error:
        return fault(untranslated(str(error)), error.fix)
    finding = check_connection(context, url, "OBS_ENDPOINT")
    return (
        finding
        if finding.result is Result.PASSED
        else warning(_describe_missing_comparison(finding.actual), finding.next)
    )


def _describe_missing_comparison(reason: Text) -> Text:
    return t("{why}: compare cannot read OBS, and status shows only which objects OMS has accepted", why=reason)


def check_list_permission(context: CheckContext) -> Finding:
    try:
        context.destination.list_page("", "")
    except ObsError as error:
        return warning(_describe_missing_comparison(untranslated(str(error))), error.fix)
    return ok(t("the IAM user of HW_AK can list the OBS bucket {name}", name=context.destination.name))


def check_lists_permission(context: CheckContext) -> Finding:
    error = context.last_oms_list
    if error is None:
        return skipped(t("OMS has written no list of copied objects yet"))
    if isinstance(error, ObsError):
        return warning(
            t("{error}: replay does not resend failed copies", error=error),
            error.fix,
        )
    return ok(t("OMS's lists of copied and failed objects can be read"))


def check_bucket_kind(context: CheckContext) -> Finding:
    try:
        is_file_system = context.destination.is_file_system()
    except ObsError as error:
        return warning(
            t("{error}: it is unknown whether the destination is a parallel file system", error=error),
            error.fix,
        )
    if is_file_system:
        return warning(
            t(
                "the destination is a parallel file system: it accepts no key that ends in / or contains //,"
                " and no key that is the folder of another key"
            ),
            t("If the source has such keys, use an ordinary bucket as the destination"),
        )
    return ok(t("the destination is an ordinary bucket"))


def check_encryption(object_head: ObjectHead) -> Finding:
    if object_head.encryption:
        return warning(
            t(
                "OBS encrypts objects ({encryption}), so their ETags may not be MD5s, and compare may have to read"
                " objects to prove equal contents",
                encryption=object_head.encryption,
            ),
            t("Nothing to do. Without encryption, compare proves more objects equal"),
        )
    return ok(t("the objects that OMS wrote at {at} are not encrypted", at=timestamp(from_epoch(object_head.modified))))


def check_versioning(object_head: ObjectHead) -> Finding:
    if object_head.version:
        return ok(t("the destination keeps older versions, for which OBS charges"))
    return ok(t("the destination keeps no older versions"))


def _apply_to_oms_list(check: Callable[[ObjectHead], Finding]) -> Callable[[CheckContext], Finding]:
    """Return a check that applies `check` to an object that OMS has written to the destination."""

    def check_list(context: CheckContext) -> Finding:
        object_head, no_object_text = context.last_oms_list, t("no object was available for this check")
        return check(object_head) if isinstance(object_head, ObjectHead) else skipped(no_object_text)

    return check_list


_LISTING_CHECKS, _OMS_LIST_CHECKS = ("permission to list OBS",), ("permission to read OMS's lists",)
CHECKS: Sequence[Check[CheckContext]] = (
    Check(t("OBS connection"), ("task",), check_obs_connection),
    Check(
        t("OBS clock"),
        ("OBS connection",),
        lambda context: compare_clocks(
            context,
            {"OBS": context.destination.url},
            t("OBS did not report its time"),
            t("Check doctor's other results for OBS"),
        ),
    ),
    Check(t("permission to list OBS"), ("OBS clock",), check_list_permission),
    Check(t("destination kind"), ("OBS clock",), check_bucket_kind),
    Check(t("permission to read OMS's lists"), _LISTING_CHECKS, check_lists_permission),
    Check(t("destination encryption"), _OMS_LIST_CHECKS, _apply_to_oms_list(check_encryption)),
    Check(t("destination versioning"), _OMS_LIST_CHECKS, _apply_to_oms_list(check_versioning)),
)
