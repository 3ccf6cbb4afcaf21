"""Why a call brought no answer: what the tool, Function Compute or the function say, and what to do about it."""

from __future__ import annotations

import json
import re
from typing import Any

from ops.answers import Found
from ops.errors import CloudError, FunctionError, OpsError, ToolError
from ops.words import Text

# How many lines of what the tool printed are shown.
_TAIL = 15
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

_DEPLOY = Text("Deploy the project: s deploy -y", "请部署项目：s deploy -y")
# How Function Compute's own types of errors are called, which it gives where it ended a function.
_ENDED = re.compile(r"^Function|Invocation|OOM|OutOfMemory")
_AGAIN = Text("Run the command again", "请重新运行该命令")
# What the function raises on purpose (code/oss_oms_sync/errors.py): its message says more.
_RAISED = {
    "PayloadError": Text("Change what the command asks for", "请修改命令的参数"),
    "SettingsError": Text("Change s.yaml, then: s deploy -y", "请修改 s.yaml，然后执行：s deploy -y"),
    "CredentialsError": Text(
        "See which role s.yaml names: python policies/show.py", "请检查 s.yaml 中的角色：python policies/show.py"
    ),
    "StorageError": Text("See what doctor says: python ops.py doctor", "请查看检查结果：python ops.py doctor"),
    "RecordError": Text("See what doctor says: python ops.py doctor", "请查看检查结果：python ops.py doctor"),
    "EventError": Text("Change what the command asks for", "请修改命令的参数"),
}
# What is found in the output of a tool that gave no answer, and what it means; the first that matches. The first few
# are Function Compute's.
_SAID: list[tuple[str, type[OpsError], Text, Text]] = [
    (
        r"\$\{secret\([\s\S]{0,200}undefined not found",
        ToolError,
        Text("A secret that s.yaml names is not in this machine's store", "s.yaml 引用的密钥不在本机的密钥库中"),
        Text("Put it there: python ops.py secrets", "请保存：python ops.py secrets"),
    ),
    (
        r"edition field in the s\.yaml",
        ToolError,
        Text("This `s` is Serverless Devs 2, and the project needs 3", "此 s 是 Serverless Devs 2，本项目需要 3"),
        Text("Install it: npm install -g @serverless-devs/s@3", "请安装：npm install -g @serverless-devs/s@3"),
    ),
    (
        r"api\.devsapp\.cn",
        ToolError,
        Text(
            "The tool could not load its fc3 component: its registry, api.devsapp.cn, cannot be reached",
            "工具无法加载 fc3 组件：无法访问其注册中心 api.devsapp.cn",
        ),
        Text(
            "Let this machine reach it once: what the tool has loaded stays here",
            "请让本机至少访问一次：工具加载过的组件会保留在本机",
        ),
    ),
    (
        r"FunctionNotFound|function .{0,200} does not exist",
        CloudError,
        Text("Function Compute does not know the function", "函数计算中没有该函数"),
        _DEPLOY,
    ),
    (
        r"AccessDenied|NoPermission|not authorized|Forbidden",
        CloudError,
        Text("Function Compute does not let you call the function", "函数计算拒绝了调用"),
        Text(
            "Grant fc:InvokeFunction on the function to the user whose AccessKey the tool uses: s config get",
            "请为工具所用 AccessKey 的用户授予该函数的 fc:InvokeFunction 权限，查看凭据：s config get",
        ),
    ),
    (
        r"InvalidAccessKeyId|Signature(DoesNot|Not)Match|InvalidSecurityToken",
        CloudError,
        Text("Alibaba Cloud does not accept the tool's AccessKey", "阿里云不接受工具所用的 AccessKey"),
        Text("Store the right one: s config add", "请保存正确的 AccessKey：s config add"),
    ),
    (
        r"ResourceThrottled|ResourceExhausted|TooManyRequests|ConcurrencyExceeded|Throttl",
        CloudError,
        Text("Function Compute has no instance free", "函数计算没有空闲实例"),
        Text("Wait a minute, and run the command again", "请等待一分钟后重新运行"),
    ),
    (
        r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|socket hang up|getaddrinfo|ReadTimeout|ConnectTimeout",
        ToolError,
        Text("The tool could not reach Alibaba Cloud", "工具无法连接阿里云"),
        Text("Check the network, and run the command again", "请检查网络后重新运行"),
    ),
    (
        r"[Nn]ot found.{0,40}(access|credential)|(access|[Cc]redential).{0,80}([Nn]ot found|does not exist)",
        ToolError,
        Text("The tool knows no AccessKey", "工具中没有 AccessKey"),
        Text("Store one: s config add", "请先保存：s config add"),
    ),
    (
        r"s\.ya?ml.{0,80}(not found|not exist)|(not found|[Nn]o such file|cannot find).{0,80}\.ya?ml",
        ToolError,
        Text("The tool finds no s.yaml", "工具找不到 s.yaml"),
        Text("Name it: -t FILE", "请指定文件：-t FILE"),
    ),
]


def no_tool() -> ToolError:
    """There is no tool."""
    return ToolError(
        Text(
            "The Serverless Devs tool is not here: there is no `s` on the PATH",
            "找不到 Serverless Devs 工具：PATH 中没有 s",
        ),
        Text("Install it: npm install -g @serverless-devs/s", "请安装：npm install -g @serverless-devs/s"),
    )


def unusable(program: str, problem: str) -> ToolError:
    """There is something of the tool's name that does not run."""
    return ToolError(
        Text(f"{program} cannot be run: {problem}", f"无法运行 {program}：{problem}"),
        Text("Install it anew: npm install -g @serverless-devs/s", "请重新安装：npm install -g @serverless-devs/s"),
    )


def hangs(job: str, seconds: float) -> ToolError:
    """The tool did not end."""
    return ToolError(
        Text(
            f"`s {job}` did not end within {seconds / 60:.0f} minutes, longer than a function may run",
            f"s {job} 在 {seconds / 60:.0f} 分钟内没有结束，超过了函数的最长运行时间",
        ),
        Text(
            "Check the network, and run the command again: what was begun in the cloud goes on",
            "请检查网络后重新运行：云上已开始的工作会继续",
        ),
    )


def no_sandbox(variable: str, address: str, problem: str) -> ToolError:
    """There is no sandbox."""
    return ToolError(
        Text(f"The sandbox at {address} does not answer: {problem}", f"沙箱 {address} 没有应答：{problem}"),
        Text(
            f"Start it (make sandbox), or unset {variable} to ask the cloud",
            f"请启动沙箱（make sandbox），或取消环境变量 {variable} 以访问云上项目",
        ),
    )


def not_in_sandbox(said: str) -> CloudError:
    """The sandbox has nothing of that name."""
    return CloudError(
        Text("The sandbox does not know what was asked for", "沙箱中没有所请求的内容"),
        Text(
            "Start the sandbox of this project's version anew: make sandbox",
            "请重新启动与本项目版本一致的沙箱：make sandbox",
        ),
        said.splitlines(),
    )


def of_tool(job: str, output: str, errors: str, code: int) -> OpsError:
    """The tool printed no answer, or ended with an error."""
    plain = [_COLOURS.sub("", text).strip() for text in (output, errors)]
    said = [line for text in plain for line in text.splitlines()[-_TAIL:]]
    for pattern, kind, happened, fix in _SAID:
        if re.search(pattern, "\n".join(plain)):
            return kind(happened, fix, said)
    return ToolError(
        Text(f"`s {job}` gave no answer (exit code {code})", f"s {job} 没有返回结果（退出码 {code}）"),
        Text("See above what it says", "请查看上面的输出"),
        said,
    )


def checked(job: str, found: Found) -> Any:
    """The answer that was found.

    Raises CloudError and FunctionError if it is none.
    """
    error = found.answer if isinstance(found.answer, dict) and "errorMessage" in found.answer else None
    if error is None and not found.error_type:
        if found.answer is None:
            raise ToolError(
                Text(f"The answer of {job} is not JSON", f"{job} 的返回结果不是 JSON"), _AGAIN, found.body.splitlines()
            )
        return found.answer
    kind, message = _kind_and_message(error, found)
    raise _of_function(job, kind, message)


def _kind_and_message(error: dict[str, Any] | None, found: Found) -> tuple[str, str]:
    if error is None:  # as it is where the answer is only the message
        return found.error_type, found.body
    message = error["errorMessage"]
    return str(error.get("errorType") or ""), message if isinstance(message, str) else json.dumps(message)


def _of_function(job: str, kind: str, message: str) -> OpsError:
    log = Text(f"See its log: s {job} logs", f"请查看日志：s {job} logs")
    if kind in _RAISED:
        happened = Text(f"{job} raised {kind}: {message}", f"{job} 报错 {kind}：{message}")
        return FunctionError(kind, happened, _RAISED[kind])
    if not kind or _ENDED.search(kind):
        return CloudError(
            Text(f"Function Compute ended {job} before it answered: {message}", f"函数计算中止了 {job}：{message}"),
            log,
        )
    happened = Text(f"{job} failed: {kind}: {message}", f"{job} 出错：{kind}：{message}")
    return FunctionError(kind, happened, log)
