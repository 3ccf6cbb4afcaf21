"""Why a key was not accepted, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.text import Text


def grant(action: str) -> Text:
    """What to do if Huawei Cloud forbids an OMS action such as "createEvent"."""
    return Text(
        f"Grant the IAM user behind HW_AK the action oms:synctask:{action} (policies/huawei.json in the project).",
        f"请为 HW_AK 所属的 IAM 用户授予 oms:synctask:{action} 权限（见项目中的 policies/huawei.json）。",
    )


# In the place of a reason where a record tells none, as those of the vendor's handler.
UNKNOWN = "UNKNOWN"
# What opens a closed project again.
OPEN_COMMAND = "python ops.py open"


class Reason(Enum):
    """Why a key failed. The name appears in failed records and logs; `fix` says what to do."""

    THROTTLED = (
        "Nothing to do: OMS received too many requests. The object key is resent automatically. If this lasts, ask"
        " Huawei Cloud to raise the API's request limit.",
        "无需处理：对 OMS 的请求过于频繁，触发流控，该对象稍后会自动重发。若持续出现，请提交工单申请提高 API 流控值。",
    )
    UNAVAILABLE = (
        "Nothing to do: OMS returned a server error. The object key is resent automatically. If this lasts, look for"
        " news of service health in the Huawei Cloud console.",
        "无需处理：OMS 返回服务端错误，该对象稍后会自动重发。若持续出现，请查看华为云控制台或公告中的服务状态。",
    )
    UNREACHABLE = (
        "Check the host in SYNC_URL, and that s.yaml gives the function internetAccess: true. The object key is resent"
        " automatically.",
        "请检查 SYNC_URL 中的域名，以及函数是否允许访问公网（s.yaml 中的 internetAccess: true）；"
        "该对象稍后会自动重发。",
    )
    TIMEOUT = (
        "Nothing to do: OMS did not answer in time. The object key is resent automatically. If this lasts, check the"
        " function's internet access.",
        "无需处理：OMS 未在时限内响应，该对象稍后会自动重发。"
        "若持续出现，请检查函数的公网访问（是否绑定了 VPC 而没有公网 NAT 网关）。",
    )
    DEADLINE = (
        "Increase the function's timeout in s.yaml: it expired before this object key was submitted. The object key is"
        " resent automatically.",
        "请调大函数的超时时间（s.yaml 中的 timeout）：执行时间用尽时该对象尚未提交；稍后会自动重发。",
    )
    CREDENTIALS = (
        "Check HW_AK and HW_SK (and HW_SECURITY_TOKEN, if set): Huawei Cloud rejects the access key or the signature.",
        "请检查 HW_AK、HW_SK（使用临时密钥时还有 HW_SECURITY_TOKEN）：华为云拒绝了该访问密钥或其签名。",
    )
    CLOCK = (
        "Nothing to change: the clock of the function instance is more than 15 minutes off, so Huawei Cloud rejects its"
        " requests. If this lasts, open a ticket with Alibaba Cloud.",
        "无需修改配置：函数实例的系统时钟偏差超过 15 分钟，请求被华为云拒绝。若持续出现，请向阿里云提交工单。",
    )
    FORBIDDEN = grant("createEvent")
    ACCOUNT = (
        "Check the Huawei Cloud account behind HW_AK: it is restricted or frozen (overdue payment?).",
        "请检查 HW_AK 所属的华为云账号：账号受限或已被冻结（是否欠费？）。",
    )
    NO_TASK = (
        "Check SYNC_URL: OMS knows no such sync task. Copy the URL again from the task's details in the OMS console"
        " (Synchronization Request Receiving Address).",
        "请检查 SYNC_URL：OMS 中不存在该同步任务。请在 OMS 控制台的任务详情中重新复制“同步请求接收地址”。",
    )
    REJECTED = (
        "OMS rejects this object key but accepts others in the same batch. See the message, then rename the object or"
        " copy it by hand. It is retried once a day.",
        "OMS 拒绝该对象（同批其他对象已接受）：请查看错误信息，重命名该对象或手动复制到目的桶。replay 每天重试一次。",
    )
    REFUSED = (
        "OMS rejects the request: see the message. Either this object key is invalid, or the task accepts none: check"
        " in the OMS console that it is synchronizing. The object key is resent automatically.",
        "OMS 拒绝了该请求：请查看错误信息。可能是该对象名无效，也可能是任务不再接收任何请求："
        "请在 OMS 控制台确认任务状态为“同步中”。该对象稍后会自动重发。",
    )
    CLOSED = (
        "Nothing is sent while the project is closed, but somebody still wrote to the source. Find out who, and whether"
        f" the object is needed in OBS. It is resent once the project is opened again: `{OPEN_COMMAND}`.",
        "项目已关闭，不发送任何对象，但源端仍有写入。请查明写入者，以及 OBS 是否需要该对象。重新打开项目后该对象会自动"
        f"重发：`{OPEN_COMMAND}`。",
    )
    MARK_UNREAD = (
        "See the message: whether the project is closed could not be read from the log bucket, so nothing is sent. The"
        " object key is resent as soon as that is known.",
        "请查看错误信息：无法从记录 Bucket 读取项目是否已关闭，因此不发送任何对象；一旦得知，该对象会自动重发。",
    )
    COPY_FAILED = (
        "OMS accepted this object key but failed to copy the object. See OMS's code and message, and what to do about"
        " that code. It is resent automatically: at once, then after 10 minutes, and after twice as long each time, up"
        " to a day.",
        "OMS 已接受该对象，但复制失败：请查看 OMS 的错误码和错误信息，并按错误码处理。该对象会自动重发："
        "首次立即重发，之后间隔 10 分钟，每次加倍，最长一天。",
    )
    UNEXPECTED = (
        "OMS returned an undocumented response. See its status and message, and check SYNC_URL.",
        "OMS 返回了文档未说明的响应：请查看状态码和错误信息，并检查 SYNC_URL。",
    )

    def __init__(self, en: str, zh: str) -> None:
        self.fix = Text(en, zh)


@dataclass(frozen=True)
class Failure:
    """Why one key failed: the reason, and what OMS said (`message` is one line without secrets)."""

    reason: Reason
    status: int | None = None
    error_code: str | None = None
    message: str = ""

    def remedy(self, action: str) -> Text:
        """What to do if `action` of OMS failed, such as "get": being forbidden one is not being forbidden another."""
        return grant(action) if self.reason is Reason.FORBIDDEN else self.reason.fix


# Reasons that concern every key, and do not pass by themselves.
PERMANENT = {Reason.CREDENTIALS, Reason.CLOCK, Reason.FORBIDDEN, Reason.ACCOUNT, Reason.NO_TASK}
# Reasons for which OMS is not called.
MAY_NOT_SEND = {Reason.CLOSED, Reason.MARK_UNREAD}
# Reasons that neither bisecting nor another batch would change.
STOPS_RUN = {*PERMANENT, *MAY_NOT_SEND, Reason.DEADLINE}
