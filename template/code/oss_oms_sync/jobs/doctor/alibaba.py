"""Alibaba Cloud's side: the function's role, OSS itself, both buckets, and the role's permissions on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clouds.objects import StorageFailure, StoredObject, etag_of
from oss_oms_sync.clouds.oss import BAD_CREDENTIALS
from oss_oms_sync.errors import CredentialsError, StorageError, presentable
from oss_oms_sync.filters import RECORD_ROOT
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, unknown, warning
from oss_oms_sync.passes.states import answering

_LOG_BUCKET = Text("log bucket", "记录 Bucket")
# How many pages of the source are looked at for an object in scope: a rare suffix may have none in thousands.
_MAX_PAGES = 10
# A canary deletes what it wrote within the hour.
_CANARY_AGE = timedelta(days=1)
_WRONG_BUCKET_CODES = ("NoSuchBucket", "OtherRegion", "InvalidBucketName")


def role(context: CheckContext) -> Finding:
    credentials = context.invocation.credentials
    if isinstance(credentials, CredentialsError):
        return fault(Text("the function has no credentials", "函数没有凭证"), Text.same(str(credentials)))
    return ok(Text("the function has the temporary credentials of its role", "函数持有其角色的临时凭证"))


def oss_answers(context: CheckContext) -> Finding:
    error = context.log_bucket_error
    if error and error.code in BAD_CREDENTIALS:
        return fault(
            Text.same(str(error)),
            Text(
                "Invoke again in a minute; if it lasts, check the function's role in the RAM console",
                "请一分钟后再次调用；若持续出现，请在 RAM 控制台检查函数的角色",
            ),
        )
    if error and error.code not in (*_WRONG_BUCKET_CODES, "AccessDenied"):
        return fault(
            Text.same(str(error)),
            Text(
                "Run doctor again in a minute; if it lasts, see OSS's service health",
                "请一分钟后再次运行 doctor；若持续出现，请查看 OSS 的服务状态",
            ),
        )
    return ok(Text("OSS accepts the role's credentials", "OSS 接受该角色的凭证"))


def log_bucket(context: CheckContext) -> Finding:
    return _bucket_exists(context, "LOG_BUCKET", context.settings.log_bucket, context.log_bucket_error)


def source_bucket(context: CheckContext) -> Finding:
    name = context.settings.source_bucket
    if not name:
        return skipped(
            Text(
                "SOURCE_BUCKET is empty: events of any bucket are accepted, and reconcile cannot run",
                "SOURCE_BUCKET 为空：接受任何 Bucket 的事件，reconcile 无法运行",
            )
        )
    return _bucket_exists(context, "SOURCE_BUCKET", name, context.source_bucket_error)


def right_to_list_records(context: CheckContext) -> Finding:
    return _role_right(Text("list the records", "列举记录"), "oss:ListObjects", _LOG_BUCKET, context.log_bucket_error)


def right_to_list_source(context: CheckContext) -> Finding:
    what, where = Text("list the source bucket", "列举源 Bucket"), Text("source bucket", "源 Bucket")
    return _role_right(what, "oss:ListObjects", where, context.source_bucket_error)


def source_names(context: CheckContext) -> Finding:
    """Whether the source has objects that are never forwarded, because they would be taken for records."""
    prefix, suffix = context.settings.key_filter.prefix, context.settings.key_filter.suffix
    none = Text(
        f"the project has no object under {RECORD_ROOT} in the source bucket",
        f"源 Bucket 的 {RECORD_ROOT} 下没有本项目的对象",
    )
    if not (RECORD_ROOT.startswith(prefix) or prefix.startswith(RECORD_ROOT)):
        return ok(none)
    page = context.invocation.source_bucket.list_page(max(RECORD_ROOT, prefix, key=len), "")
    mine = [one.name for one in page.objects if one.name.endswith(suffix)]
    if not mine and not page.more:
        return ok(none)
    number, first = f"{len(page.objects):,}", presentable((mine or [page.objects[0].name])[0])
    return (fault if mine else unknown)(
        Text(
            f"of {'the first ' if page.more else ''}{number} objects under {RECORD_ROOT} in the source bucket, such as"
            f" {first}, {len(mine):,} are the project's, and nothing under {RECORD_ROOT} is ever forwarded",
            f"源 Bucket 的 {RECORD_ROOT} 下{'前' if page.more else '共'} {number} 个对象（例如 {first}）中，"
            f"{len(mine):,} 个属于本项目，而 {RECORD_ROOT} 下的对象永远不会被转发",
        ),
        Text(
            "Move them elsewhere in the source bucket, or exclude them by vars.objectPrefix in s.yaml and copy by other"
            " means what OBS is to have of them",
            "请将它们移到源 Bucket 的其他目录；或在 s.yaml 中用 vars.objectPrefix 排除它们，"
            "其中 OBS 需要的请用其他方式复制",
        ),
    )


def canaries(context: CheckContext) -> Finding:
    """Whether a canary has left objects in the source: it deletes them, or whoever ran it was cut off."""
    folder = context.settings.key_filter.canaries
    page = context.invocation.source_bucket.list_page(folder, "")
    latest = (context.invocation.clock.now() - _CANARY_AGE).timestamp()
    old = [one for one in page.objects if one.modified < latest]
    if not old:
        return ok(Text("no canary has left objects in the source bucket", "源 Bucket 中没有残留的探针对象"))
    number, at_least = f"{len(old):,}", Text("at least ", "至少 ") if page.more else Text("", "")
    return fault(
        Text(
            f"canaries have left {at_least.en}{number} objects under {presentable(folder)} in the source bucket, for"
            " over a day",
            f"源 Bucket 的 {presentable(folder)} 下残留{at_least.zh}{number} 个探针对象，已超过一天",
        ),
        Text("Delete them: python ops.py canary --remove", "删除：python ops.py canary --remove"),
    )


def right_to_write(context: CheckContext) -> Finding:
    # Set even if OSS does not confirm it.
    context.probe_may_be_there = True
    (problem,) = context.invocation.log_bucket.try_put_all([context.probe])
    return _role_right(Text("write records", "写入记录"), "oss:PutObject", _LOG_BUCKET, problem)


def right_to_read(context: CheckContext) -> Finding:
    found = context.probe_read
    problem = found if isinstance(found, StorageFailure) else None
    return _role_right(Text("read records", "读取记录"), "oss:GetObject", _LOG_BUCKET, problem)


def versioning(context: CheckContext) -> Finding:
    """Told by the version that OSS names with an object, "null" if suspended: the role has no right to ask for more."""
    found = context.probe_read
    if isinstance(found, StoredObject) and "x-oss-version-id" in found.headers:
        return fault(
            Text(
                "the log bucket has versioning, enabled or suspended, so OSS does not keep passes from being"
                " overwritten",
                "记录 Bucket 已开启或暂停版本控制，因此 OSS 无法防止各轮任务的数据被覆盖",
            ),
            Text(
                "Use another log bucket, in which versioning was never enabled: it can be suspended, but not removed",
                "请更换从未开启过版本控制的记录 Bucket：版本控制可以暂停，但无法取消",
            ),
        )
    return ok(Text("the log bucket has no versioning", "记录 Bucket 没有版本控制"))


def record_etag(context: CheckContext) -> Finding:
    listed = context.invocation.log_bucket.list_page(context.probe.name, "").objects
    if not listed:
        return unknown(
            Text("the listing lacks what was just written", "列表中没有刚写入的对象"),
            Text("Run doctor again in a minute", "请一分钟后再次运行 doctor"),
        )
    if listed[0].etag != etag_of(context.probe.body):
        return fault(
            Text(
                "the log bucket lists objects with an ETag that is not the MD5 of their contents",
                "记录 Bucket 列出的 ETag 不是对象内容的 MD5",
            ),
            Text(
                "Is it encrypted with KMS? Use a log bucket without: reconcile would submit every object in each pass",
                "是否使用了 KMS 加密？请更换不使用 KMS 的记录 Bucket，否则 reconcile 每轮都会提交全部对象",
            ),
        )
    return ok(Text("a listing tells which version a record is of", "列表能反映记录所属的版本"))


def right_to_delete(context: CheckContext) -> Finding:
    (problem,) = context.invocation.log_bucket.try_delete_all([context.probe.name]).values()
    context.probe_may_be_there = problem is not None
    return _role_right(Text("delete records", "删除记录"), "oss:DeleteObject", _LOG_BUCKET, problem)


def _bucket_exists(context: CheckContext, setting: str, name: str, error: StorageError | None) -> Finding:
    if error and error.code in _WRONG_BUCKET_CODES:
        region = context.settings.oss_region
        return fault(
            Text.same(str(error)),
            Text(f"Name an OSS bucket of {region} in {setting}", f"请在 {setting} 中填写 {region} 的 OSS Bucket"),
        )
    return ok(Text(f"{name} is there", f"{name} 存在"))


def _role_right(what: Text, action: str, where: Text, problem: StorageError | StorageFailure | None) -> Finding:
    """Whether the function's role is allowed to do `what`, judged by what OSS said when it was tried."""
    if problem is None:
        return ok(Text(f"the function's role may {what.en}", f"函数的角色有权{what.zh}"))
    seen = Text.same(problem.message if isinstance(problem, StorageFailure) else str(problem))
    if problem.code == "AccessDenied":
        return fault(
            seen,
            Text(
                f"Grant the function's role {action} on the {where.en}, as policies/ in the project says",
                f"请按项目中的 policies/，为函数的角色授予{where.zh} 的 {action} 权限",
            ),
        )
    return fault(
        seen, Text("Look at the message, and run doctor again in a minute", "请查看错误信息，一分钟后再次运行 doctor")
    )


def in_scope(context: CheckContext) -> Finding:
    """Whether there is anything to send: where a typo leaves out every object, all else looks well."""
    key_filter = context.settings.key_filter
    names, is_whole, is_found = _look_for_objects(context)
    # The last pass over everything has walked past what is not looked at here.
    is_known = is_found or is_whole
    now = context.invocation.clock.now()
    answer = None if is_known else answering(context.passes.states(), key_filter.prefix, None, now)
    last = answer.of if answer else None
    if is_found or (last and not last.found_nothing):
        by, by_zh = (f", by the pass of {last.started}", f"（依据 {last.started} 开始的对账）") if last else ("", "")
        return ok(Text(f"there are objects in scope{by}", f"范围内有对象{by_zh}"))
    filtered = f"OBJECT_PREFIX {key_filter.prefix!r}, OBJECT_SUFFIX {key_filter.suffix!r}"
    first, first_zh = ("all ", "全部 ") if is_whole else ("the first ", "前 ")
    rest, rest_zh = (
        (f", the rest by the pass of {last.started}", f"，其余由 {last.started} 开始的对账检查") if last else ("", "")
    )
    seen = Text(
        f"no object is in scope ({filtered}): of the names with that prefix {first}{names:,} were looked at{rest}",
        f"范围内没有对象（{filtered}）：已检查该前缀下的{first_zh}{names:,} 个对象名{rest_zh}",
    )
    if not is_whole and last is None:
        return unknown(
            seen,
            Text(
                "Let a pass look at the rest: `python ops.py reconcile`; then run doctor again",
                "请执行 `python ops.py reconcile` 检查其余对象，然后再次运行 doctor",
            ),
        )
    return warning(
        seen,
        Text(
            "A typo is likely: correct sourceBucket, objectPrefix or objectSuffix in s.yaml, then `s deploy`. If the"
            " bucket is only empty so far, upload an object, and look again",
            "很可能是填写有误：请在 s.yaml 中更正 sourceBucket、objectPrefix 或 objectSuffix，然后执行 `s deploy`。"
            "如果只是尚无对象，请上传一个对象后再看",
        ),
    )


def _look_for_objects(context: CheckContext) -> tuple[int, bool, bool]:
    """How many names with the prefix were looked at, whether these are all, and whether one is in scope."""
    key_filter, names, is_whole = context.settings.key_filter, 0, False
    with context.invocation.source_bucket.pages(key_filter.prefix) as pages:
        for page in islice(pages, _MAX_PAGES):
            names, is_whole = names + len(page.objects), not page.more
            if any(key_filter.matches(one.name) for one in page.objects):
                return names, is_whole, True
    return names, is_whole, False


CHECKS: Sequence[Check[CheckContext]] = (
    Check("role", "函数角色", ("settings",), role),
    Check("OSS answers", "OSS 响应", ("role", "OSS connection", "clock"), oss_answers),
    Check("log bucket", "记录 Bucket", ("OSS answers",), log_bucket),
    Check("right to write records", "写入记录的权限", ("log bucket",), right_to_write),
    Check("right to read records", "读取记录的权限", ("right to write records",), right_to_read),
    Check("log bucket versioning", "记录 Bucket 的版本控制", ("right to read records",), versioning),
    Check("right to list records", "列举记录的权限", ("log bucket",), right_to_list_records),
    Check("record ETag", "记录的 ETag", ("right to write records", "right to list records"), record_etag),
    Check("right to delete records", "删除记录的权限", ("right to write records",), right_to_delete),
    Check("source bucket", "源 Bucket", ("OSS answers",), source_bucket),
    Check("right to list source bucket", "列举源 Bucket 的权限", ("source bucket",), right_to_list_source),
    Check("canaries", "探针", ("right to list source bucket",), canaries),
    Check("source names", "源端对象名", ("right to list source bucket",), source_names),
    Check(
        "objects in scope",
        "范围内的对象",
        ("right to list records", "right to read records", "right to list source bucket"),
        in_scope,
    ),
)
