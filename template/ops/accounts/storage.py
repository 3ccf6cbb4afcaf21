"""The needs of the three buckets, and of triggers on the source bucket.

An existing bucket is never changed: the plan names what is wrong with it, and the user decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from xml.etree import ElementTree

from ops.accounts.needs import Line, Need, ResourceState
from ops.clouds.buckets import ObsBucketClient, OssBucketClient, has_subfolder_pages, is_mirror, region_at
from ops.clouds.services import Functions, OssTrigger
from ops.clouds.wire import RefusedError
from oss_oms_sync.answers.text import Text, t

# Default storage classes of a destination to which OMS can write (OMS, "Constraints").
_STORAGE_CLASSES = ("STANDARD", "WARM")
_OWNER_REMEDY = t("If the bucket belongs to another account, set another bucket in s.yaml: {name}")
_MAX_TRIGGERS = 10
# The remedy for a bucket in another region.
_SOURCE_REMEDY = t("Correct sourceBucket or region in s.yaml: the functions run in the region of the source bucket")
_LOG_REMEDY = t("Set another logBucket in s.yaml; setup creates a new bucket in the region of the source bucket")
_DESTINATION_REMEDY = t(
    "Correct destinationBucket or destinationRegion in s.yaml: the sync task runs in the region of the destination"
)


def source(bucket: OssBucketClient, region: str) -> Need:
    """Return the need for the source bucket, which must exist in this region.

    Its static website hosting is reported as well, because it can disturb reads (OMS's tutorial for Alibaba Cloud turns
    it off first).
    """

    def look() -> Line:
        info = bucket.info()
        if info is None:
            return Line(ResourceState.STOP, t("none"), t("Correct sourceBucket in s.yaml"))
        return _elsewhere(info["Location"], region, _SOURCE_REMEDY) or _website(bucket.configured("website"))

    title, rights = t("source bucket {name}", name=bucket.name), ("oss:GetBucketInfo", "oss:GetBucketWebsite")
    return Need(title, rights, partial(_in_region, region, _SOURCE_REMEDY, look))


def triggers(functions: Functions, bucket: str, own: OssTrigger) -> Need:
    """Return the check of other functions' triggers on the source.

    Function Compute refuses `own`, the trigger of forward, if the trigger of another function overlaps with it, or if
    the bucket has ten. A caller who cannot list triggers can still set up the other resources.
    """

    def look() -> Line:
        others = [oss_trigger for oss_trigger in functions.oss_triggers(bucket) if oss_trigger.function != own.function]
        if oss_triggers := [oss_trigger for oss_trigger in others if oss_trigger.overlaps(own)]:
            text = t(
                "these triggers overlap with the trigger of {name}, which Function Compute would refuse",
                name=own.function,
            )
            return Line(
                ResourceState.STOP,
                text,
                t(
                    "Choose another objectPrefix or objectSuffix in s.yaml, or another prefix or suffix of these"
                    " triggers, or remove them"
                ),
                [_trigger_text(oss_trigger) for oss_trigger in oss_triggers],
            )
        if len(others) >= _MAX_TRIGGERS:
            text = t("other functions have {n} triggers, the maximum of a bucket", n=len(others))
            return Line(
                ResourceState.STOP, text, t("Remove a trigger"), [_trigger_text(oss_trigger) for oss_trigger in others]
            )
        return Line(ResourceState.THERE, t("no conflict"))

    by_hand = [
        t("If Function Compute is not activated in this account yet, activate it in its console"),
        t("Check in the Function Compute console that no other OSS trigger on {name} overlaps", name=bucket),
    ]
    rights = ("fc:ListFunctions", "fc:ListTriggers")
    return Need(t("OSS triggers on the source bucket"), rights, look, by_hand=by_hand, is_settled=lambda: True)


def _trigger_text(oss_trigger: OssTrigger) -> Text:
    return t(
        'trigger {name} of function {function}: prefix "{prefix}", suffix "{suffix}"',
        name=oss_trigger.name,
        function=oss_trigger.function,
        prefix=oss_trigger.prefix,
        suffix=oss_trigger.suffix,
    )


def log(bucket: OssBucketClient, region: str, account: str) -> Need:
    """Return the need for the project's own log bucket.

    The bucket must not have versioning, which would permit a second write of a write-once object, or a KMS key, with
    which ETags would not identify contents.
    """

    def look() -> Line:
        info = bucket.info()
        if info is None:
            return Line(ResourceState.CREATE, t("private, in {region}", region=region))
        if elsewhere := _elsewhere(info["Location"], region, _LOG_REMEDY):
            return elsewhere
        wrong = [
            *([t("belongs to another account")] if info["Owner"] != account else ()),
            *([t("versioning is or was enabled")] if info.get("Versioning") else ()),
            *([t("encrypted with a KMS key")] if info.get("SSEAlgorithm") == "KMS" else ()),
        ]
        if wrong:
            return Line(
                ResourceState.STOP, t("{wrong}", wrong=wrong), t("Set another log bucket in s.yaml (logBucket)")
            )
        return Line(ResourceState.THERE)

    # The last three permissions are for setup's lock in the bucket.
    rights = ("oss:GetBucketInfo", "oss:PutBucket", "oss:PutObject", "oss:GetObject", "oss:DeleteObject")
    title, or_else = t("log bucket {name}", name=bucket.name), _OWNER_REMEDY.filled(name="logBucket")
    return Need(title, rights, partial(_in_region, region, _LOG_REMEDY, look), bucket.create, or_else=or_else)


def destination(bucket: ObsBucketClient, region: str) -> Need:
    """Return the need for the destination bucket, which must exist."""

    def look() -> Line:
        if "." in bucket.name:
            return Line(
                ResourceState.STOP,
                t("the name has a period, which OBS's TLS certificate does not cover"),
                t("Set another bucket in s.yaml: destinationBucket"),
            )
        location = bucket.location()
        if location is None:
            return Line(ResourceState.CREATE, t("private, in {region}", region=region))
        # The region is checked first, because the endpoint of a wrong region does not answer the other calls.
        if elsewhere := _elsewhere(location, region, _DESTINATION_REMEDY):
            return elsewhere
        if (storage_class := bucket.storage_class()) not in _STORAGE_CLASSES:
            return Line(
                ResourceState.STOP,
                t("storage class {kept}, which OMS cannot write", kept=storage_class),
                t("Choose a bucket of the storage class Standard or Infrequent Access"),
            )
        text = t("encrypted, so ETags prove less") if bucket.configured("encryption") is not None else None
        return Line(ResourceState.THERE, text)

    rights = (
        "obs:bucket:GetBucketLocation",
        "obs:bucket:HeadBucket",
        "obs:bucket:GetEncryptionConfiguration",
        "obs:bucket:CreateBucket",
    )
    title, or_else = t("destination bucket {name}", name=bucket.name), _OWNER_REMEDY.filled(name="destinationBucket")
    look_in_region = partial(_in_region, region, _DESTINATION_REMEDY, look)
    return Need(title, rights, look_in_region, lambda: bucket.create(region), or_else=or_else)


def _in_region(region: str, way_out: Text, look: Callable[[], Line]) -> Line:
    """Return the line of `look`, or a line that stops setup if the bucket is in another region than its endpoint."""
    try:
        return look()
    except RefusedError as error:
        if not error.is_elsewhere:
            raise
        actual = region_at(error.endpoint)
    if actual:
        return _stop_elsewhere(actual, region, way_out)
    return Line(ResourceState.STOP, t("it is not in {region}, the region in s.yaml", region=region), way_out)


def _elsewhere(location: str, region: str, way_out: Text) -> Line | None:
    """Return a line that stops setup if `location` is not in the region; OSS writes oss- before a region's name."""
    actual = location.removeprefix("oss-")
    return None if actual == region else _stop_elsewhere(actual, region, way_out)


def _stop_elsewhere(actual: str, region: str, way_out: Text) -> Line:
    return Line(
        ResourceState.STOP, t("it is in {actual}, but s.yaml has {region}", actual=actual, region=region), way_out
    )


def _website(element: ElementTree.Element | None) -> Line:
    wrong = []
    if element is not None and has_subfolder_pages(element):
        wrong.append(t("static website with subfolder pages"))
    if element is not None and any(map(is_mirror, element.iter("RoutingRule"))):
        wrong.append(t("back-to-source rules: reading a missing object fetches it from another origin"))
    if not wrong:
        return Line(ResourceState.THERE)
    return Line(
        ResourceState.BY_HAND,
        t("{wrong}", wrong=wrong),
        t("Switch this off before existing objects are copied; otherwise OMS reads other contents"),
    )
