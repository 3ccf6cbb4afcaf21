"""Checks of Alibaba Cloud: the function's role, OSS itself, both buckets, and the role's permissions on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.layout import OMS_LISTS, RECORDS
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import AtLeast, Text, sentences, t, untranslated
from oss_oms_sync.clouds.objects import CREDENTIAL_CODES, StoredObject, etag_of
from oss_oms_sync.clouds.obs_answers import ObsError
from oss_oms_sync.comparison.proof import list_missing_permissions
from oss_oms_sync.comparison.result import describe_missing_permissions
from oss_oms_sync.errors import CredentialsError, StorageError, printable_line
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, unknown, warning
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.states import find_answering_pass
from oss_oms_sync.rules.reading import GRANT_READING, describe_unreadable_objects

_LOG_BUCKET = t("log bucket")
# Maximum number of pages to search for an object in scope, because thousands of objects may lack a rare suffix.
_MAX_PAGES = 10
# Age after which a canary must have deleted its objects.
_CANARY_AGE = timedelta(days=1)
_WRONG_BUCKET_CODES = ("NoSuchBucket", "OtherRegion", "InvalidBucketName")


def check_role(context: CheckContext) -> Finding:
    credentials = context.invocation.credentials
    if isinstance(credentials, CredentialsError):
        return fault(t("the function has no credentials"), untranslated(str(credentials)))
    return ok(t("the function has the temporary credentials of its role"))


def check_oss_answer(context: CheckContext) -> Finding:
    error = context.log_bucket_error
    if error and error.code in CREDENTIAL_CODES:
        return fault(
            untranslated(str(error)),
            t("Run doctor again in a minute. If this persists, check the function's role in the RAM console"),
        )
    if error and error.code not in (*_WRONG_BUCKET_CODES, "AccessDenied"):
        return fault(
            untranslated(str(error)),
            t("Run doctor again in a minute. If this persists, check OSS's service health"),
        )
    return ok(t("OSS accepts the role's credentials"))


def check_source_bucket(context: CheckContext) -> Finding:
    name = context.settings.source_bucket
    if not name:
        return skipped(
            t(
                "SOURCE_BUCKET is empty: events of any bucket are accepted, and reconcile, compare and certify cannot"
                " run"
            )
        )
    return _check_bucket(context, "SOURCE_BUCKET", name, context.source_bucket_error)


def check_source_names(context: CheckContext) -> Finding:
    """Check for source objects whose keys look like records, because forward never submits such keys."""
    prefix, suffix = context.settings.key_filter.prefix, context.settings.key_filter.suffix
    no_object_text = t("the source bucket has no object in scope under {record_root}", record_root=RECORDS)
    if not (RECORDS.startswith(prefix) or prefix.startswith(RECORDS)):
        return ok(no_object_text)
    page = context.invocation.source_bucket.list_page(max(RECORDS, prefix, key=len), "")
    own_names = [listed_object.name for listed_object in page.objects if listed_object.name.endswith(suffix)]
    if not own_names and not page.has_more:
        return ok(no_object_text)
    number = len(page.objects)
    return (fault if own_names else unknown)(
        t(
            "{mine} of {objects} under {folder} in the source bucket (such as {example}) are in scope,"
            " but forward submits no object under {folder}",
            objects=t("the first {n:object|objects}", n=number) if page.has_more else t("{n:object|objects}", n=number),
            folder=RECORDS,
            example=printable_line((own_names or [page.objects[0].name])[0]),
            mine=len(own_names),
        ),
        t(
            "Move these objects elsewhere in the source bucket. Alternatively, exclude the objects with"
            " vars.objectPrefix in s.yaml, and copy those that OBS needs by other means"
        ),
    )


def check_canaries(context: CheckContext) -> Finding:
    """Check for objects that an interrupted canary left in the source; a finished canary deletes its objects."""
    folder = context.settings.key_filter.canary_prefix
    page = context.invocation.source_bucket.list_page(folder, "")
    max_write_time = (context.invocation.clock.now() - _CANARY_AGE).timestamp()
    leftover_objects = [listed_object for listed_object in page.objects if listed_object.modified < max_write_time]
    if not leftover_objects:
        return ok(t("no canary has left objects in the source bucket"))
    return fault(
        t(
            "canaries left {n:object|objects} under {folder} in the source bucket over a day ago",
            n=AtLeast(len(leftover_objects)) if page.has_more else len(leftover_objects),
            folder=printable_line(folder),
        ),
        t("To delete these objects: {step}", step=Step("canary", {"remove": True})),
    )


def check_write_permission(context: CheckContext) -> Finding:
    # The object may exist even if OSS does not confirm the write.
    context.may_probe_exist = True
    (problem,) = context.invocation.log_bucket.try_put_all([context.probe])
    return _judge_role_permission(t("write records"), "oss:PutObject", _LOG_BUCKET, problem)


def check_log_bucket_versioning(context: CheckContext) -> Finding:
    """Check by the headers of an object if the log bucket has versioning, because the role cannot read the setting.

    If versioning is suspended, the header has the version "null".
    """
    probe_answer = context.probe_answer
    if isinstance(probe_answer, StoredObject) and "x-oss-version-id" in probe_answer.headers:
        return fault(
            t(
                "versioning of the log bucket is enabled or suspended, so OSS does not protect stored passes"
                " against overwriting"
            ),
            t(
                "Use another log bucket, for which versioning was never enabled: versioning can be suspended, but"
                " not removed"
            ),
        )
    return ok(t("versioning was never enabled for the log bucket"))


def check_record_etag(context: CheckContext) -> Finding:
    listed_objects = context.invocation.log_bucket.list_page(context.probe.name, "").objects
    if not listed_objects:
        return unknown(
            t("the listing of the log bucket does not contain the object that doctor has just written"),
            t("Run doctor again in a minute"),
        )
    if listed_objects[0].etag != etag_of(context.probe.body):
        return fault(
            t("the log bucket's listing has an ETag that is not the MD5 of the object's contents"),
            t("Use a log bucket without KMS encryption. Otherwise reconcile submits every object in each pass"),
        )
    return ok(
        t(
            "the listing of the log bucket shows the version of each record, because the listed ETags are the"
            " MD5s of the contents"
        )
    )


def check_delete_permission(context: CheckContext) -> Finding:
    (problem,) = context.invocation.log_bucket.try_delete_all([context.probe.name]).values()
    context.may_probe_exist = problem is not None
    return _judge_role_permission(t("delete records"), "oss:DeleteObject", _LOG_BUCKET, problem)


def _check_bucket(context: CheckContext, setting: str, name: str, error: StorageError | None) -> Finding:
    if error and error.code in _WRONG_BUCKET_CODES:
        return fault(
            untranslated(str(error)),
            t("Set {setting} to an OSS bucket in {region}", region=context.settings.oss_region, setting=setting),
        )
    return ok(t("the bucket {name} exists", name=name))


def _judge_role_permission(action_text: Text, action: str, bucket_text: Text, answer: object) -> Finding:
    """Return a finding on a permission of doctor's role, by OSS's `answer` to a test call.

    `action_text` describes the call, and `action` is the name of the permission in policies. A function with another
    role may still lack the permission.
    """
    if not isinstance(answer, StorageError):
        return ok(t("doctor's role can {what}", what=action_text))
    text = untranslated(str(answer))
    if answer.code == "AccessDenied":
        return fault(
            text,
            t(
                "Grant doctor's role the permission {action} on the {where}. To print the commands that do"
                " this: python3 policies/show.py",
                action=action,
                where=bucket_text,
            ),
        )
    return fault(text, t("Check OSS's error message, and run doctor again in a minute"))


def check_scope(context: CheckContext) -> Finding:
    """Check that the source has an object that passes the project's filter.

    A typo in the filter may exclude every object, and no other check would fail.
    """
    key_filter = context.settings.key_filter
    name_count, is_whole, has_object = _search_object_in_scope(context)
    # The last pass over all objects has covered the names that are not checked here.
    answering_pass = (
        None if has_object or is_whole else find_answering_pass(context.reconcile_passes, key_filter.prefix)
    )
    last_pass = answering_pass.state if answering_pass else None
    if last_pass and not last_pass.tally.has_no_objects:
        return ok(t("the scope has objects, according to the reconcile pass of {started}", started=last_pass.started))
    if has_object:
        return ok(t("the scope has objects"))
    checked_text = (
        t("all keys with this prefix ({n}) were checked", n=name_count)
        if is_whole
        else t("the first {n:key|keys} with this prefix were checked", n=name_count)
    )
    if last_pass:
        checked_text = t(
            "{looked_at}; the reconcile pass of {started} checked the other keys",
            looked_at=checked_text,
            started=last_pass.started,
        )
    text = t(
        "no object is in scope (OBJECT_PREFIX {prefix!r}, OBJECT_SUFFIX {suffix!r}): {looked_at}",
        prefix=key_filter.prefix,
        suffix=key_filter.suffix,
        looked_at=checked_text,
    )
    if not is_whole and last_pass is None:
        return unknown(
            text,
            t(
                "Run doctor again after a pass has checked the other keys. To start a pass: {step}",
                step=Step("reconcile"),
            ),
        )
    return warning(
        text,
        t(
            "This is probably a typo: correct sourceBucket, objectPrefix or objectSuffix in s.yaml, then run `s"
            " deploy`. If the bucket is still empty, upload an object, then run doctor again"
        ),
    )


def _search_object_in_scope(context: CheckContext) -> tuple[int, bool, bool]:
    """Search for an object that passes the project's filter.

    Return the number of keys that were checked, True if these are all keys, and True if such an object was found.
    """
    key_filter, name_count, is_whole = context.settings.key_filter, 0, False
    with context.invocation.source_bucket.pages(key_filter.prefix) as pages:
        for page in islice(pages, _MAX_PAGES):
            name_count, is_whole = name_count + len(page.objects), not page.has_more
            if any(key_filter.is_reported(listed_object.name) for listed_object in page.objects):
                return name_count, is_whole, True
    return name_count, is_whole, False


def check_back_to_source(context: CheckContext) -> Finding:
    """Check OBS's back-to-source rules, as `ops.py checklist` stored them: only an administrator can read them."""
    name = context.destination.name
    stored_rules = JobState(context.invocation).read_back_to_source(name)
    if stored_rules is None:
        return warning(
            t(
                "it is unknown whether {name} has back-to-source rules: with such a rule, reading a missing object"
                " creates the object",
                name=name,
            ),
            t("To read the rules, run with an administrator's keys: {step}", step=Step("checklist")),
        )
    if stored_rules.rules:
        return warning(
            t(
                "{name} has {n:back-to-source rule|back-to-source rules}, as of {at}: reading a missing"
                " object creates the object, so no sample is read",
                name=name,
                n=stored_rules.rules,
                at=stored_rules.at,
            ),
            t(
                "Delete the back-to-source rules in the OBS console (restore them after the GO), then run"
                " the checklist again: {step}",
                step=Step("checklist"),
            ),
        )
    return ok(t("{name} has no back-to-source rules, as of {at}", name=name, at=stored_rules.at))


def check_read_permissions(context: CheckContext) -> Finding:
    """Check the permissions to read objects in both buckets, which a sample and a deep comparison require.

    Compare and certify may have other roles than doctor, so objects that the last comparison could not read are
    reported first.
    """
    last_comparison = context.last_comparison
    if last_comparison and (missing_texts := describe_missing_permissions(last_comparison.tally)):
        return warning(
            sentences(
                t("Objects that the comparison of {started} had to read:", started=last_comparison.started),
                *missing_texts,
            ),
            t(
                "Grant the missing permissions, then compare again: {step}",
                step=Step("compare", {"deep": True, "restart": True}),
            ),
        )
    prefix = context.settings.key_filter.prefix
    try:
        pages = [bucket.list_page(prefix, "") for bucket in (context.invocation.source_bucket, context.destination)]
        source_key, obs_key = (
            next(
                (listed_object.name for listed_object in page.objects if not listed_object.name.startswith(OMS_LISTS)),
                "",
            )
            for page in pages
        )
        permissions = list_missing_permissions(context.invocation, context.destination, source_key, obs_key)
    except ObsError as error:
        return warning(untranslated(str(error)), error.fix)
    if permissions:
        buckets = context.invocation.source_bucket.name, context.destination.name
        return warning(describe_unreadable_objects(permissions, *buckets), GRANT_READING)
    if not (source_key and obs_key):
        return skipped(t("no object was available for this check"))
    return ok(t("doctor's role and the IAM user of HW_AK can read objects"))


CHECKS: Sequence[Check[CheckContext]] = (
    Check(t("role"), ("settings",), check_role),
    Check(t("OSS response"), ("role", "OSS connection", "clock"), check_oss_answer),
    Check(
        t("log bucket"),
        ("OSS response",),
        lambda context: _check_bucket(context, "LOG_BUCKET", context.settings.log_bucket, context.log_bucket_error),
    ),
    Check(t("permission to write records"), ("log bucket",), check_write_permission),
    Check(
        t("permission to read records"),
        ("permission to write records",),
        lambda context: _judge_role_permission(t("read records"), "oss:GetObject", _LOG_BUCKET, context.probe_answer),
    ),
    Check(t("log bucket versioning"), ("permission to read records",), check_log_bucket_versioning),
    Check(
        t("permission to list records"),
        ("log bucket",),
        lambda context: _judge_role_permission(
            t("list the records"), "oss:ListObjects", _LOG_BUCKET, context.log_bucket_error
        ),
    ),
    Check(t("record ETag"), ("permission to write records", "permission to list records"), check_record_etag),
    Check(t("permission to delete records"), ("permission to write records",), check_delete_permission),
    Check(t("source bucket"), ("OSS response",), check_source_bucket),
    Check(
        t("permission to list the source bucket"),
        ("source bucket",),
        lambda context: _judge_role_permission(
            t("list the source bucket"), "oss:ListObjects", t("source bucket"), context.source_bucket_error
        ),
    ),
    Check(
        t("permission to read objects"),
        (
            "permission to list records",
            "permission to read records",
            "permission to list the source bucket",
            "permission to list OBS",
        ),
        check_read_permissions,
    ),
    Check(
        t("back-to-source rules"),
        ("permission to list records", "permission to read records", "OBS connection"),
        check_back_to_source,
    ),
    Check(t("canaries"), ("permission to list the source bucket",), check_canaries),
    Check(t("source object keys"), ("permission to list the source bucket",), check_source_names),
    Check(
        t("objects in scope"),
        ("permission to list records", "permission to read records", "permission to list the source bucket"),
        check_scope,
    ),
)
