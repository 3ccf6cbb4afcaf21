"""Why a key was not accepted, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


def grant(action: str) -> tuple[str, str]:
    """What to do, in English and Chinese, where Huawei Cloud forbids an action of OMS, such as "createEvent"."""
    return (
        f"Grant the IAM user behind HW_AK the action oms:synctask:{action} (policies/huawei.json in the project).",
        f"请为 HW_AK 所属的 IAM 用户授予 oms:synctask:{action} 权限(见项目中的 policies/huawei.json)。",
    )


class Reason(Enum):
    """Why a key failed. The name stands in failed records and logs; `fix` and `fix_zh` say what to do."""

    THROTTLED = (
        "Nothing to do: OMS was asked too often, the key is sent again later. If this lasts, ask Huawei to raise"
        " the API's request limit.",
        "无需处理:对 OMS 的请求过于频繁,该对象稍后会自动重发。若长期如此,请联系华为云提升 API 流控上限。",
    )
    UNAVAILABLE = (
        "Nothing to do: OMS answered with a server error, the key is sent again later. If this lasts, see"
        " Huawei Cloud's service health page.",
        "无需处理:OMS 返回服务端错误,该对象稍后会自动重发。若长期如此,请查看华为云服务健康看板。",
    )
    UNREACHABLE = (
        "Check the host in SYNC_URL and that the function has internetAccess: true; the key is sent again later.",
        "请检查 SYNC_URL 中的域名,以及函数是否已开启公网访问(internetAccess: true);该对象稍后会自动重发。",
    )
    TIMEOUT = (
        "Nothing to do: OMS did not answer in time, the key is sent again later. If this lasts, check the"
        " function's way to the internet.",
        "无需处理:OMS 未在时限内应答,该对象稍后会自动重发。若长期如此,请检查函数的公网链路。",
    )
    DEADLINE = (
        "Raise the function's timeout: it ran out before this key was sent; the key is sent again later.",
        "请调大函数超时时间:在发送该对象之前时间已用完;该对象稍后会自动重发。",
    )
    CREDENTIALS = (
        "Check HW_AK and HW_SK (and HW_SECURITY_TOKEN where used): Huawei Cloud refuses them or the signature.",
        "请检查 HW_AK、HW_SK(以及使用时的 HW_SECURITY_TOKEN):华为云拒绝了该凭据或签名。",
    )
    CLOCK = (
        "Nothing to set: the clock of the function's machine is over 15 minutes off, which Huawei Cloud refuses."
        " If this lasts, open a ticket with Alibaba Cloud.",
        "无需设置:函数所在机器的时钟偏差超过 15 分钟,华为云因此拒绝。若长期如此,请向阿里云提交工单。",
    )
    FORBIDDEN = grant("createEvent")
    ACCOUNT = (
        "Check the Huawei Cloud account behind HW_AK: it is restricted or frozen (overdue payment?).",
        "请检查 HW_AK 所属的华为云账号:账号受限或已被冻结(是否欠费?)。",
    )
    NO_TASK = (
        "Check SYNC_URL: OMS knows no such sync task. Copy the URL again from the task's page in the OMS console.",
        "请检查 SYNC_URL:OMS 中不存在该同步任务。请在 OMS 控制台的任务页面重新复制该地址。",
    )
    REJECTED = (
        "OMS refuses this key, while it takes others: see the message, and rename the object or copy it by hand. It is"
        " tried again once a day.",
        "OMS 拒绝该对象,但接受其他对象:请查看错误信息,重命名该对象或手动拷贝。系统每天会重试一次。",
    )
    REFUSED = (
        "OMS refuses the request: see the message. Either the key is not acceptable, or the task does not take any:"
        " check in the OMS console that it is synchronizing. The key is sent again later.",
        "OMS 拒绝了该请求:请查看错误信息。可能是该对象不被接受,也可能是任务不再接收请求:"
        "请在 OMS 控制台确认任务处于同步中状态。该对象稍后会自动重发。",
    )
    UNEXPECTED = (
        "OMS's answer is none that its documents name: see status and message, and check SYNC_URL.",
        "OMS 返回了文档中没有的应答:请查看状态码和错误信息,并检查 SYNC_URL。",
    )

    def __init__(self, fix: str, fix_zh: str) -> None:
        self.fix = fix
        self.fix_zh = fix_zh


@dataclass(frozen=True)
class Failure:
    """One key's failure: the reason, and what OMS said (`message` is one line without secrets)."""

    reason: Reason
    status: int | None = None
    error_code: str | None = None
    message: str = ""
