"""The errors of failed calls: messages of Serverless Devs, Function Compute or the function, each with its remedy."""

from __future__ import annotations

import json
import re
from typing import Any

from ops.errors import CloudError, FunctionError, OpsError, ToolError
from ops.functions import tool_output
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

# Maximum number of printed lines of the tool's output.
_MAX_TAIL_LINES = 15

# Error types by which Function Compute reports that it ended a function.
_PLATFORM_ERRORS = re.compile(r"^Function|Invocation|OOM|OutOfMemory")
# Remedies for errors that the functions raise themselves (code/oss_oms_sync/errors.py).
_REMEDIES = {
    "PayloadError": t("Correct the options of the command, then run it again"),
    "SettingsError": t("Correct the settings in s.yaml, then deploy: {command}", command=Step("deploy")),
    "CredentialsError": t(
        "Check the function's role in s.yaml. To print the commands that create the required roles: python3"
        " policies/show.py"
    ),
    "StorageError": t("Check the setup: {command}", command=Step("doctor")),
    "RecordError": t("Check the setup: {command}", command=Step("doctor")),
    "EventError": t("Correct the options of the command, then run it again"),
}
# Patterns in the output of Serverless Devs without an answer, and the errors they mean; the first match counts.
_TOOL_ERRORS: list[tuple[str, type[OpsError], Text, Text]] = [
    (
        r"\$\{secret\([\s\S]{0,200}undefined not found",
        ToolError,
        t("The secret store of Serverless Devs on this machine does not contain all secrets to which s.yaml refers"),
        t("Store the secret: {command}", command=Step("secrets")),
    ),
    (
        r"edition field in the s\.yaml",
        ToolError,
        t("The installed `s` is Serverless Devs 2, but this project needs version 3"),
        t("Install Serverless Devs 3: npm install -g @serverless-devs/s@3"),
    ),
    (
        r"api\.devsapp\.cn",
        ToolError,
        t("Serverless Devs (`s`) could not load its component fc3: the registry api.devsapp.cn is unreachable"),
        t("Allow this machine to reach the registry once: Serverless Devs then keeps the component on this machine"),
    ),
    (
        r"FunctionNotFound|function .{0,200} does not exist",
        CloudError,
        t("The function {job} does not exist in Function Compute"),
        t("Deploy the project: {command}", command=Step("deploy")),
    ),
    (
        r"AccessDenied|NoPermission|not authorized|Forbidden",
        CloudError,
        t("Function Compute refused `s {job}`: a permission is missing"),
        t(
            "Grant the permission fc:InvokeFunction on the function to the user whose AccessKey Serverless"
            " Devs uses. To show the AccessKey: s config get"
        ),
    ),
    (
        r"InvalidAccessKeyId|Signature(DoesNot|Not)Match|InvalidSecurityToken",
        CloudError,
        t("Alibaba Cloud does not accept the AccessKey of Serverless Devs (`s`)"),
        t("Store the correct AccessKey: s config add"),
    ),
    (
        r"ResourceThrottled|ResourceExhausted|TooManyRequests|ConcurrencyExceeded|Throttl",
        CloudError,
        t("Function Compute has no free instance"),
        t("Wait a minute, then run the command again"),
    ),
    (
        r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|socket hang up|getaddrinfo|ReadTimeout|ConnectTimeout",
        ToolError,
        t("Serverless Devs (`s`) could not reach Alibaba Cloud"),
        t("Check this machine's network connection, then run the command again"),
    ),
    (
        r"[Nn]ot found.{0,40}(access|credential)|(access|[Cc]redential).{0,80}([Nn]ot found|does not exist)",
        ToolError,
        t("Serverless Devs (`s`) has no AccessKey"),
        t("Store an AccessKey: s config add"),
    ),
    (
        r"s\.ya?ml.{0,80}(not found|not exist)|(not found|[Nn]o such file|cannot find).{0,80}\.ya?ml",
        ToolError,
        t("Serverless Devs (`s`) did not find s.yaml"),
        t("Pass the path of the settings file: -t FILE"),
    ),
]


def tool_error(job: str, output: str, errors: str, code: int) -> OpsError:
    """Return the error of a run of Serverless Devs that failed or printed no answer; `code` is its exit code."""
    plain_texts = [tool_output.remove_colours(text).strip() for text in (output, errors)]
    last_lines = [line for text in plain_texts for line in text.splitlines()[-_MAX_TAIL_LINES:]]
    tool_text = "\n".join(map(tool_output.remove_logs, plain_texts))
    for pattern, error_class, problem, fix in _TOOL_ERRORS:
        if re.search(pattern, tool_text):
            return error_class(problem.filled(job=job), fix, last_lines)
    return ToolError(
        t("`s {job}` returned no answer (exit code {code})", job=job, code=code),
        t("Check the output of Serverless Devs above"),
        last_lines,
    )


def require_answer(job: str, invocation: tool_output.ToolInvocation) -> Any:
    """Return the function's answer if the call succeeded.

    Raises CloudError or FunctionError if the call failed, and ToolError if the answer is not JSON.
    """
    error = invocation.answer if isinstance(invocation.answer, dict) and "errorMessage" in invocation.answer else None
    if error is None and not invocation.error_type:
        if invocation.answer is None:
            raise ToolError(
                t("The answer of the function {job} is not JSON", job=job),
                t("Run the command again"),
                invocation.body.splitlines()[-_MAX_TAIL_LINES:],
            )
        return invocation.answer
    raise _function_error(job, *_read_error(error, invocation))


def _read_error(error: dict[str, Any] | None, invocation: tool_output.ToolInvocation) -> tuple[str, str]:
    if error is None:  # the answer is the message alone
        return invocation.error_type, invocation.body
    message = error["errorMessage"]
    return str(error.get("errorType") or ""), message if isinstance(message, str) else json.dumps(message)


def _function_error(job: str, error_type: str, message: str) -> OpsError:
    log_hint = t("Check the log: s {job} logs", job=job)
    if error_type in _REMEDIES:
        raised_text = t("{job} failed with {kind}: {message}", job=job, kind=error_type, message=message)
        refused_text = t("{job} refused the command: {message}", job=job, message=message)
        return FunctionError(
            error_type, refused_text if error_type == FunctionError.REFUSAL else raised_text, _REMEDIES[error_type]
        )
    if not error_type or _PLATFORM_ERRORS.search(error_type):
        return CloudError(
            t(
                "Function Compute ended the function {job} before the function answered: {message}",
                job=job,
                message=message,
            ),
            log_hint,
        )
    return FunctionError(
        error_type, t("{job} failed with {kind}: {message}", job=job, kind=error_type, message=message), log_hint
    )
