"""Needs (entries of setup's plan) for the three buckets, and for triggers on the source bucket.

Setup never changes an existing bucket: the plan names what is wrong with the bucket, and the user decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from xml.etree import ElementTree

from ops.accounts.needs import Line, Need, ResourceState
from ops.clouds.buckets import ObsBucketClient, OssBucketClient, find_region, has_subfolder_pages, is_mirror
from ops.clouds.services import FunctionService, OssTrigger
from ops.clouds.wire import RefusedError
from oss_oms_sync.answers.text import Text, t

# Default storage classes of a destination to which OMS can write (OMS, "Constraints").
_STORAGE_CLASSES = ("STANDARD", "WARM")
_OWNER_REMEDY = t("If the bucket belongs to another account, set {name} in s.yaml to another bucket")
_MAX_TRIGGERS = 10
# The remedy for a bucket in another region.
_SOURCE_REMEDY = t("Correct sourceBucket or region in s.yaml: the functions run in the region of the source bucket")
_LOG_REMEDY = t("Set another logBucket in s.yaml; setup creates a new bucket in the region of the source bucket")
_DESTINATION_REMEDY = t(
    "Correct destinationBucket or destinationRegion in s.yaml: the sync task runs in the region of the destination"
)


def source_bucket_need(bucket: OssBucketClient, region: str) -> Need:
    """Return the need for the source bucket, which must exist in this region.

    The plan also reports static website hosting, because it can disturb reads: OMS's tutorial switches it off first.
    """

    def read_state() -> Line:
        info = bucket.info()
        if info is None:
            return Line(ResourceState.STOP, t("none"), t("Correct sourceBucket in s.yaml"))
        return _check_region(info["Location"], region, _SOURCE_REMEDY) or _website_line(bucket.read_setting("website"))

    title, permissions = t("source bucket {name}", name=bucket.name), ("oss:GetBucketInfo", "oss:GetBucketWebsite")
    return Need(title, permissions, partial(_read_state_in_region, region, _SOURCE_REMEDY, read_state))


def trigger_need(functions: FunctionService, bucket: str, own_trigger: OssTrigger) -> Need:
    """Return the check of other functions' triggers on the source bucket.

    Function Compute refuses `own_trigger`, the trigger of forward, if another function's trigger overlaps with it, or
    if the bucket has ten triggers. A user who cannot list triggers can still set up the other resources.
    """

    def read_state() -> Line:
        foreign_triggers = [
            oss_trigger
            for oss_trigger in functions.oss_triggers(bucket)
            if oss_trigger.function != own_trigger.function
        ]
        if overlapping_triggers := [
            oss_trigger for oss_trigger in foreign_triggers if oss_trigger.overlaps(own_trigger)
        ]:
            text = t(
                "Function Compute would refuse the trigger of {name}, because these triggers overlap with it",
                name=own_trigger.function,
            )
            return Line(
                ResourceState.STOP,
                text,
                t(
                    "Choose another objectPrefix or objectSuffix in s.yaml. Alternatively, change the prefix"
                    " or suffix of these triggers, or remove the triggers"
                ),
                [_trigger_text(oss_trigger) for oss_trigger in overlapping_triggers],
            )
        if len(foreign_triggers) >= _MAX_TRIGGERS:
            text = t(
                "other functions already have {n} triggers on the bucket, which is the maximum", n=len(foreign_triggers)
            )
            return Line(
                ResourceState.STOP,
                text,
                t("Remove one of these triggers"),
                [_trigger_text(oss_trigger) for oss_trigger in foreign_triggers],
            )
        return Line(ResourceState.EXISTS, t("no conflict"))

    manual_steps = [
        t("If Function Compute is not activated in this account yet, activate it in its console"),
        t(
            "Check in the Function Compute console that no other OSS trigger on the bucket {name}"
            " overlaps with forward's trigger",
            name=bucket,
        ),
    ]
    permissions = ("fc:ListFunctions", "fc:ListTriggers")
    return Need(
        t("OSS triggers on the source bucket"),
        permissions,
        read_state,
        manual_steps=manual_steps,
        is_settled=lambda: True,
    )


def _trigger_text(oss_trigger: OssTrigger) -> Text:
    return t(
        'trigger {name} of function {function}: prefix "{prefix}", suffix "{suffix}"',
        name=oss_trigger.name,
        function=oss_trigger.function,
        prefix=oss_trigger.prefix,
        suffix=oss_trigger.suffix,
    )


def log_bucket_need(bucket: OssBucketClient, region: str, account: str) -> Need:
    """Return the need for the project's own log bucket.

    Setup refuses versioning, with which a write-once object could be written again. It refuses a KMS key, with which
    ETags would not identify contents.
    """

    def read_state() -> Line:
        info = bucket.info()
        if info is None:
            return Line(ResourceState.CREATE, t("private, in {region}", region=region))
        if region_line := _check_region(info["Location"], region, _LOG_REMEDY):
            return region_line
        problems = [
            *([t("belongs to another account")] if info["Owner"] != account else ()),
            *([t("versioning is or was enabled")] if info.get("Versioning") else ()),
            *([t("encrypted with a KMS key")] if info.get("SSEAlgorithm") == "KMS" else ()),
        ]
        if problems:
            return Line(ResourceState.STOP, t("{wrong}", wrong=problems), t("Set another logBucket in s.yaml"))
        return Line(ResourceState.EXISTS)

    # The last three permissions are for setup's lock in the bucket.
    permissions = ("oss:GetBucketInfo", "oss:PutBucket", "oss:PutObject", "oss:GetObject", "oss:DeleteObject")
    title, other_cause = t("log bucket {name}", name=bucket.name), _OWNER_REMEDY.filled(name="logBucket")
    return Need(
        title,
        permissions,
        partial(_read_state_in_region, region, _LOG_REMEDY, read_state),
        bucket.create,
        other_cause=other_cause,
    )


def destination_bucket_need(bucket: ObsBucketClient, region: str) -> Need:

    def read_state() -> Line:
        if "." in bucket.name:
            return Line(
                ResourceState.STOP,
                t("the name contains a period, and OBS's TLS certificate does not cover such names"),
                t("Set another destinationBucket in s.yaml"),
            )
        location = bucket.location()
        if location is None:
            return Line(ResourceState.CREATE, t("private, in {region}", region=region))
        # The region is checked first, because the endpoint of a wrong region does not answer the other calls.
        if region_line := _check_region(location, region, _DESTINATION_REMEDY):
            return region_line
        if (storage_class := bucket.storage_class()) not in _STORAGE_CLASSES:
            return Line(
                ResourceState.STOP,
                t("storage class {kept}, in which OMS cannot write objects", kept=storage_class),
                t("Choose a bucket of the storage class Standard or Infrequent Access"),
            )
        text = (
            t("the bucket is encrypted, so ETags prove fewer objects equal")
            if bucket.read_setting("encryption") is not None
            else None
        )
        return Line(ResourceState.EXISTS, text)

    permissions = (
        "obs:bucket:GetBucketLocation",
        "obs:bucket:HeadBucket",
        "obs:bucket:GetEncryptionConfiguration",
        "obs:bucket:CreateBucket",
    )
    title, other_cause = (
        t("destination bucket {name}", name=bucket.name),
        _OWNER_REMEDY.filled(name="destinationBucket"),
    )
    read_state_in_region = partial(_read_state_in_region, region, _DESTINATION_REMEDY, read_state)
    return Need(title, permissions, read_state_in_region, lambda: bucket.create(region), other_cause=other_cause)


def _read_state_in_region(region: str, remedy: Text, read_state: Callable[[], Line]) -> Line:
    """Return the line of `read_state`, or a line with `remedy` that stops setup if the bucket is in another region."""
    try:
        return read_state()
    except RefusedError as error:
        if not error.is_elsewhere:
            raise
        actual_region = find_region(error.endpoint)
    if actual_region:
        return _stop_elsewhere(actual_region, region, remedy)
    return Line(ResourceState.STOP, t("the bucket is not in {region}, the region in s.yaml", region=region), remedy)


def _check_region(location: str, region: str, remedy: Text) -> Line | None:
    """Return None if `location` is in the region, otherwise a line with `remedy` that stops setup.

    OSS writes `oss-` before a region's name.
    """
    actual_region = location.removeprefix("oss-")
    return None if actual_region == region else _stop_elsewhere(actual_region, region, remedy)


def _stop_elsewhere(actual_region: str, region: str, remedy: Text) -> Line:
    return Line(
        ResourceState.STOP,
        t("the bucket is in {actual}, but s.yaml has {region}", actual=actual_region, region=region),
        remedy,
    )


def _website_line(element: ElementTree.Element | None) -> Line:
    problems = []
    if element is not None and has_subfolder_pages(element):
        problems.append(t("static website with a subfolder homepage"))
    if element is not None and any(map(is_mirror, element.iter("RoutingRule"))):
        problems.append(t("back-to-source rules: reading a missing object fetches the object from another origin"))
    if not problems:
        return Line(ResourceState.EXISTS)
    return Line(
        ResourceState.BY_HAND,
        t("{wrong}", wrong=problems),
        t(
            "Switch this setting off before existing objects are copied; otherwise OMS may read contents that"
            " the bucket does not store"
        ),
    )
