"""Alibaba Cloud's side: the function's role, OSS itself, both buckets, and the role's permissions on them."""

from __future__ import annotations

from collections.abc import Sequence

from oss_oms_sync.clouds.objects import StorageFailure, etag_of
from oss_oms_sync.clouds.oss import BAD_CREDENTIALS
from oss_oms_sync.errors import CredentialsError, StorageError
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level

_WRONG_BUCKET_CODES = ("NoSuchBucket", "OtherRegion", "InvalidBucketName")


def role(context: CheckContext) -> Finding:
    credentials = context.invocation.credentials
    if isinstance(credentials, CredentialsError):
        return Finding(Level.FAULT, "the function has no credentials", str(credentials))
    return Finding(Level.OK, "the function has the temporary credentials of its role")


def oss_answers(context: CheckContext) -> Finding:
    error = context.log_bucket_error
    if error and error.code in BAD_CREDENTIALS:
        fix = "Invoke again in a minute; if it lasts, check the function's role in the RAM console"
        return Finding(Level.FAULT, str(error), fix)
    if error and error.code not in (*_WRONG_BUCKET_CODES, "AccessDenied"):
        return Finding(Level.FAULT, str(error), "Run doctor again in a minute; if it lasts, see OSS's service health")
    return Finding(Level.OK, "OSS accepts the role's credentials")


def log_bucket(context: CheckContext) -> Finding:
    return _bucket_exists(context, "LOG_BUCKET", context.settings.log_bucket, context.log_bucket_error)


def source_bucket(context: CheckContext) -> Finding:
    name = context.settings.source_bucket
    if not name:
        seen = "SOURCE_BUCKET is empty: events of any bucket are taken, and reconcile cannot run"
        return Finding(Level.SKIPPED, seen)
    return _bucket_exists(context, "SOURCE_BUCKET", name, context.source_bucket_error)


def right_to_list_records(context: CheckContext) -> Finding:
    return _role_right("list the records", "oss:ListObjects", "log bucket", context.log_bucket_error)


def right_to_list_source(context: CheckContext) -> Finding:
    return _role_right("list the source bucket", "oss:ListObjects", "source bucket", context.source_bucket_error)


def right_to_write(context: CheckContext) -> Finding:
    # Set even if OSS does not confirm it.
    context.probe_may_be_there = True
    (problem,) = context.invocation.log_bucket.try_put_all([context.probe])
    return _role_right("write records", "oss:PutObject", "log bucket", problem)


def right_to_read(context: CheckContext) -> Finding:
    (found,) = context.invocation.log_bucket.try_get_all([context.probe.name])
    return _role_right(
        "read records", "oss:GetObject", "log bucket", found if isinstance(found, StorageFailure) else None
    )


def record_etag(context: CheckContext) -> Finding:
    listed = context.invocation.log_bucket.list_page(context.probe.name, "").objects
    if not listed:
        return Finding(Level.UNKNOWN, "the listing lacks what was just written", "Run doctor again in a minute")
    if listed[0].etag != etag_of(context.probe.body):
        return Finding(
            Level.FAULT,
            "the log bucket lists objects with an ETag that is not the MD5 of their contents",
            "Is it encrypted with KMS? Use a log bucket without: reconcile would send every object in each pass",
        )
    return Finding(Level.OK, "a listing tells which version a record is of")


def right_to_delete(context: CheckContext) -> Finding:
    (problem,) = context.invocation.log_bucket.try_delete_all([context.probe.name]).values()
    context.probe_may_be_there = problem is not None
    return _role_right("delete records", "oss:DeleteObject", "log bucket", problem)


def _bucket_exists(context: CheckContext, setting: str, name: str, error: StorageError | None) -> Finding:
    if error and error.code in _WRONG_BUCKET_CODES:
        return Finding(Level.FAULT, str(error), f"Name an OSS bucket of {context.settings.oss_region} in {setting}")
    return Finding(Level.OK, f"{name} is there")


def _role_right(what: str, action: str, where: str, problem: StorageError | StorageFailure | None) -> Finding:
    """Whether the function's role is allowed to do `what`, judged by what OSS said when it was tried."""
    if problem is None:
        return Finding(Level.OK, f"the function's role may {what}")
    seen = problem.message if isinstance(problem, StorageFailure) else str(problem)
    if problem.code == "AccessDenied":
        fix = f"Grant the function's role {action} on the {where}, as policies/ in the project says"
        return Finding(Level.FAULT, seen, fix)
    return Finding(Level.FAULT, seen, "Look at the message, and run doctor again in a minute")


CHECKS: Sequence[Check[CheckContext]] = (
    Check("role", ("settings",), role),
    Check("OSS answers", ("role", "OSS connection", "clock"), oss_answers),
    Check("log bucket", ("OSS answers",), log_bucket),
    Check("right to write records", ("log bucket",), right_to_write),
    Check("right to read records", ("right to write records",), right_to_read),
    Check("right to list records", ("log bucket",), right_to_list_records),
    Check("record ETag", ("right to write records", "right to list records"), record_etag),
    Check("right to delete records", ("right to write records",), right_to_delete),
    Check("source bucket", ("OSS answers",), source_bucket),
    Check("right to list source bucket", ("source bucket",), right_to_list_source),
)
