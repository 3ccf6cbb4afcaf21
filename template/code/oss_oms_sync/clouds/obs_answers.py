"""What OBS answers: an object as values, and what it refuses, with what to do about it.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0083.html and obs_04_0084.html; of the codes
obs_04_0115.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from oss_oms_sync.answers.text import Text
from oss_oms_sync.clock import parse_http_date
from oss_oms_sync.clouds.listings import parse_xml
from oss_oms_sync.clouds.objects import StorageFailure
from oss_oms_sync.errors import StorageError
from oss_oms_sync.reasons import Reason

_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<size>\d+)", re.ASCII)
# The SDKs' name for it, and the API's.
_CRC64 = ("x-obs-checksum-crc64ecma", "x-obs-hash-crc64ecma")

# Codes of this project, beside OBS's own.
DEADLINE = "Deadline"
NETWORK = "Network"
NO_DESTINATION = "NoDestination"
NOT_OBS = "NotObs"
OUT_OF_ORDER = "OutOfOrder"
REDIRECT = "Redirect"
THROTTLED = "Throttled"
UNAVAILABLE = "Unavailable"

_KEYS = Text(
    "Check HW_AK and HW_SK (and HW_SECURITY_TOKEN, if set): OBS rejects the access key or the signature",
    "请检查 HW_AK、HW_SK（使用临时密钥时还有 HW_SECURITY_TOKEN）：OBS 拒绝了该访问密钥或其签名",
)
_RIGHT = Text(
    "Grant the IAM user behind HW_AK {action} on the bucket {bucket}, by a custom policy for OBS, which is apart from"
    " the one for OMS; a grant takes 15 to 30 minutes to apply",
    "请为 HW_AK 所属的 IAM 用户授予桶 {bucket} 的 {action} 权限：须为 OBS 单独创建自定义策略（与 OMS 的策略分开），"
    "授权需 15 至 30 分钟生效",
)
_FIXES = {
    "AccessDenied": _RIGHT,
    "AccessForbidden": _RIGHT,
    "InvalidAccessKeyId": _KEYS,
    "InvalidSecurity": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "RequestTimeTooSkewed": Text(*(text.rstrip(".。") for text in Reason.CLOCK.fix)),
    "NoSuchBucket": Text(
        "Check the destination of the sync task in the OMS console: OBS has no bucket {bucket} in that region",
        "请在 OMS 控制台检查同步任务的目的端：OBS 在该地域没有桶 {bucket}",
    ),
    "VirtualHostDomainRequired": Text(
        "Set OBS_ENDPOINT to https://obs.<region>.myhuaweicloud.com, or leave it out: OBS expects the bucket in the"
        " host name",
        "请将 OBS_ENDPOINT 设为 https://obs.<region>.myhuaweicloud.com，或不设置：OBS 要求桶名位于域名中",
    ),
    NO_DESTINATION: Text(
        "Check the destination of the sync task in the OMS console: OMS names no bucket and region of OBS",
        "请在 OMS 控制台检查同步任务的目的端：OMS 未给出有效的 OBS 桶和地域",
    ),
    REDIRECT: Text(
        "Check OBS_ENDPOINT, or leave it out: it answers with a redirect, which is never followed. The bucket {bucket}"
        " may be in another region",
        "请检查 OBS_ENDPOINT，或不设置：它返回了重定向（不会跟随）。桶 {bucket} 可能位于其他地域",
    ),
    NOT_OBS: Text(
        "Check OBS_ENDPOINT, and that no proxy stands in between: something other than OBS answered",
        "请检查 OBS_ENDPOINT，并确认中间没有代理：返回响应的不是 OBS",
    ),
    OUT_OF_ORDER: Text(
        "Open a ticket with Huawei Cloud: the listing of {bucket} repeats itself or is not sorted, so its objects"
        " cannot be compared (is it a parallel file system?)",
        "请向华为云提交工单：桶 {bucket} 的对象列表重复或未按序排列（是否为并行文件系统？），因此无法比对其中的对象",
    ),
    THROTTLED: Text(
        "Nothing to do: OBS received too many requests, and the job goes on at its next call. If this lasts, ask Huawei"
        " Cloud to raise the limit",
        "无需处理：对 OBS 的请求过于频繁，任务将在下次调用时继续。若持续出现，请提交工单申请提高流控值",
    ),
    UNAVAILABLE: Text(
        "Nothing to do: OBS returned a server error, and the job goes on at its next call. If this lasts, look for news"
        " of service health in the Huawei Cloud console",
        "无需处理：OBS 返回服务端错误，任务将在下次调用时继续。若持续出现，请查看华为云控制台或公告中的服务状态",
    ),
    DEADLINE: Text(
        "Nothing to do: the time of this call was up before OBS was asked, and the job goes on at its next call",
        "无需处理：本次执行时间已用尽，尚未请求 OBS；任务将在下次调用时继续",
    ),
    NETWORK: Text(
        "Check OBS_ENDPOINT, if set, and the function's internet access: OBS did not answer in time; the job goes on at"
        " its next call",
        "请检查 OBS_ENDPOINT（如已设置）和函数的公网访问：OBS 未在时限内响应；任务将在下次调用时继续",
    ),
}
_OTHER = Text(
    "See OBS's error code and message: they are not among those that this job expects",
    "请查看 OBS 的错误码和错误信息：它们不在此任务的预期之内",
)


class NotObs(ValueError):  # noqa: N818  what it is
    """An answer that OBS does not give."""


@dataclass(frozen=True)
class ObjectHead:
    """An object, in the form of ObjectSummary, and what only HEAD and GET tell.

    `crc64` is CRC-64/XZ of the contents, None if OBS does not know it. `encryption` is "kms", "AES256" or empty; with
    it, `etag` may be anything. `version` is empty where the bucket keeps no versions.
    """

    size: int
    etag: str
    modified: int
    crc64: int | None
    encryption: str
    version: str = ""

    @classmethod
    def parse(cls, headers: Mapping[str, str], size: str) -> ObjectHead:
        """Raises NotObs."""
        modified = parse_http_date(headers.get("Last-Modified"))
        etag = headers.get("ETag", "").strip('"').upper()
        if not modified or not etag or not size.isdecimal():
            raise NotObs("it names no ETag, size or time")
        crc64 = next((headers[name] for name in _CRC64 if name in headers), "")
        return cls(
            int(size),
            etag,
            int(modified.timestamp()),
            int(crc64) if crc64.isdecimal() else None,
            headers.get("x-obs-server-side-encryption", ""),
            headers.get("x-obs-version-id", ""),
        )


@dataclass(frozen=True)
class ObjectPart:
    """Bytes of an object from `start` on; `head.size` is that of the whole object."""

    head: ObjectHead
    start: int
    body: bytes

    @classmethod
    def parse(cls, status: int, headers: Mapping[str, str], body: bytes, start: int, length: int) -> ObjectPart:
        """The answer to a request for `length` bytes from `start` on.

        Raises NotObs, also if it is another part.
        """
        if status == 200 and start == 0:
            # OBS may ignore a range; then `body` is the beginning of the whole.
            size = headers.get("Content-Length", "")
        else:
            found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            size = found["size"] if found and status == 206 and int(found["first"]) == start else ""
        head = ObjectHead.parse(headers, size)
        if len(body) != min(length, head.size - start):
            raise NotObs("it is not the range that was asked for")
        return cls(head, start, body)


class ObsError(StorageError):
    """What OBS answered to a call that a job depends on: `code` is OBS's or one above, `fix` what to do about it."""

    def __init__(self, problem: str, code: str, fix: Text) -> None:
        self.fix = fix
        super().__init__(problem, code)


@dataclass(frozen=True)
class ObsFailure(StorageFailure):
    """A call to OBS that failed; `message` begins with the fix in English."""

    fix: Text = _OTHER

    @classmethod
    def explain(cls, code: str, said: str, action: str, bucket: str) -> ObsFailure:
        """A failure of `action` with OBS's code, or one above; `said` is what was seen."""
        fix = Text(*(text.format(action=action, bucket=bucket) for text in _FIXES.get(code, _OTHER)))
        return cls(f"{fix.en} ({said})", answered=code != NETWORK, code=code, fix=fix)

    def to_error(self) -> ObsError:
        """The same as an exception."""
        return ObsError(self.message, self.code, self.fix)


def code_and_message(body: bytes) -> tuple[str, str]:
    """OBS's error code and message; of a body in another form, an empty code and its text."""
    try:
        root = parse_xml(body)
    except (ElementTree.ParseError, ValueError):
        return "", body.decode("utf-8", "replace")
    return root.findtext("{*}Code", ""), root.findtext("{*}Message", "")
