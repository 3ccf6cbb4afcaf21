"""Why a call brought no answer: what the tool, Function Compute or the function say, and what to do about it."""

from __future__ import annotations

import json
import re
from typing import Any

from ops.errors import CloudError, FunctionError, OpsError, ToolError
from ops.functions import tool_output
from ops.shell import Typed
from oss_oms_sync.answers.text import Text, t

# How many lines of what the tool printed are shown.
_TAIL = 15

# How Function Compute's own types of errors are called, which it gives where it ended a function.
_ENDED = re.compile(r"^Function|Invocation|OOM|OutOfMemory")
# What the function raises on purpose (code/oss_oms_sync/errors.py): its message says more.
_RAISED = {
    "PayloadError": t("Change what the command asks for"),
    "SettingsError": t("Change s.yaml, then: {command}", command=Typed("deploy")),
    "CredentialsError": t("See which role s.yaml names: python3 policies/show.py"),
    "StorageError": t("See what doctor says: {command}", command=Typed("doctor")),
    "RecordError": t("See what doctor says: {command}", command=Typed("doctor")),
    "EventError": t("Change what the command asks for"),
}
# What is found in the output of a tool that gave no answer, and what it means; the first that matches. The first few
# are Function Compute's.
_SAID: list[tuple[str, type[OpsError], Text, Text]] = [
    (
        r"\$\{secret\([\s\S]{0,200}undefined not found",
        ToolError,
        t("A secret that s.yaml names is not in this machine's store"),
        t("Put it there: {command}", command=Typed("secrets")),
    ),
    (
        r"edition field in the s\.yaml",
        ToolError,
        t("This `s` is Serverless Devs 2, and the project needs 3"),
        t("Install it: npm install -g @serverless-devs/s@3"),
    ),
    (
        r"api\.devsapp\.cn",
        ToolError,
        t("The tool could not load its fc3 component: its registry, api.devsapp.cn, cannot be reached"),
        t("Let this machine reach it once: what the tool has loaded stays here"),
    ),
    (
        r"FunctionNotFound|function .{0,200} does not exist",
        CloudError,
        t("Function Compute does not know the function"),
        t("Deploy the project: {command}", command=Typed("deploy")),
    ),
    (
        r"AccessDenied|NoPermission|not authorized|Forbidden",
        CloudError,
        t("Function Compute does not let you call the function"),
        t("Grant fc:InvokeFunction on the function to the user whose AccessKey the tool uses: s config get"),
    ),
    (
        r"InvalidAccessKeyId|Signature(DoesNot|Not)Match|InvalidSecurityToken",
        CloudError,
        t("Alibaba Cloud does not accept the tool's AccessKey"),
        t("Store the right one: s config add"),
    ),
    (
        r"ResourceThrottled|ResourceExhausted|TooManyRequests|ConcurrencyExceeded|Throttl",
        CloudError,
        t("Function Compute has no instance free"),
        t("Wait a minute, and run the command again"),
    ),
    (
        r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|socket hang up|getaddrinfo|ReadTimeout|ConnectTimeout",
        ToolError,
        t("The tool could not reach Alibaba Cloud"),
        t("Check the network, and run the command again"),
    ),
    (
        r"[Nn]ot found.{0,40}(access|credential)|(access|[Cc]redential).{0,80}([Nn]ot found|does not exist)",
        ToolError,
        t("The tool knows no AccessKey"),
        t("Store one: s config add"),
    ),
    (
        r"s\.ya?ml.{0,80}(not found|not exist)|(not found|[Nn]o such file|cannot find).{0,80}\.ya?ml",
        ToolError,
        t("The tool finds no s.yaml"),
        t("Name it: -t FILE"),
    ),
]


def of_tool(job: str, output: str, errors: str, code: int) -> OpsError:
    """The tool printed no answer, or ended with an error."""
    plain = [tool_output.plain(text).strip() for text in (output, errors)]
    said = [line for text in plain for line in text.splitlines()[-_TAIL:]]
    by_tool = "\n".join(map(tool_output.without_logs, plain))
    for pattern, kind, happened, fix in _SAID:
        if re.search(pattern, by_tool):
            return kind(happened, fix, said)
    return ToolError(
        t("`s {job}` gave no answer (exit code {code})", job=job, code=code),
        t("See above what it says"),
        said,
    )


def checked(job: str, found: tool_output.Found) -> Any:
    """The answer that was found.

    Raises CloudError and FunctionError if it is none.
    """
    error = found.answer if isinstance(found.answer, dict) and "errorMessage" in found.answer else None
    if error is None and not found.error_type:
        if found.answer is None:
            raise ToolError(
                t("The answer of {job} is not JSON", job=job),
                t("Run the command again"),
                found.body.splitlines()[-_TAIL:],
            )
        return found.answer
    raise _of_function(job, *_kind_and_message(error, found))


def _kind_and_message(error: dict[str, Any] | None, found: tool_output.Found) -> tuple[str, str]:
    if error is None:  # as it is where the answer is only the message
        return found.error_type, found.body
    message = error["errorMessage"]
    return str(error.get("errorType") or ""), message if isinstance(message, str) else json.dumps(message)


def _of_function(job: str, kind: str, message: str) -> OpsError:
    log = t("See its log: s {job} logs", job=job)
    if kind in _RAISED:
        raised = t("{job} raised {kind}: {message}", job=job, kind=kind, message=message)
        refused = t("{job} refused the command: {message}", job=job, message=message)
        return FunctionError(kind, refused if kind == FunctionError.REFUSAL else raised, _RAISED[kind])
    if not kind or _ENDED.search(kind):
        return CloudError(
            t("Function Compute ended {job} before it answered: {message}", job=job, message=message),
            log,
        )
    return FunctionError(kind, t("{job} failed: {kind}: {message}", job=job, kind=kind, message=message), log)
