"""Parsers of functions' answers, which Serverless Devs prints among other output."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, TypeVar

from ops.errors import ToolError
from oss_oms_sync.answers.codec import UnreadableError, from_json
from oss_oms_sync.answers.pass_answers import CompareAnswer, ComparisonResult
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t

# The component prints this before the function's answer (devsapp/fc3, src/subCommands/invoke).
_RESULT_MARK = "\nInvoke Result:\n"
_LOGS_END_MARK = "========= FC invoke Logs end ========="
_LOGS_PATTERN = re.compile(rf"========= FC invoke Logs begin =========.*?({_LOGS_END_MARK}|\Z)", re.DOTALL)
_ERROR_TYPE_PATTERN = re.compile(r"^Error Type: *(\S.*)$", re.MULTILINE)
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

T = TypeVar("T")

UNKNOWN_FORM_TEXT = t("The result has a format that this version of ops.py does not know")
DEPLOY_REMEDY = t(
    "Deploy this project, so that ops.py and the functions have the same version: {command}", command=Step("deploy")
)


class ToolInvocation(NamedTuple):
    """The result of a call, as Serverless Devs prints it.

    - `error_type` is Function Compute's type of a failure, or empty if the function returned.
    - `answer` is the body parsed as JSON, or None if the body is not JSON.
    """

    error_type: str
    body: str
    answer: Any


def remove_colours(output: str) -> str:
    return _COLOUR_CODES.sub("", output)


def remove_logs(output: str) -> str:
    return _LOGS_PATTERN.sub("", output)


def find(output: str) -> ToolInvocation | None:
    """Return the result of a call from the output of Serverless Devs, or None if the output has no answer.

    An object key cannot imitate the line before the answer, because logs and answers have keys only within JSON
    strings.
    """
    head, mark, body = ("\n" + remove_colours(output).replace("\r\n", "\n")).rpartition(_RESULT_MARK)
    if not mark:
        return None
    error_match = _ERROR_TYPE_PATTERN.search(head.rpartition(_LOGS_END_MARK)[2])
    return ToolInvocation(error_match[1].strip() if error_match else "", body.strip(), _load(body))


def read(text: str) -> Any:
    """Parse text from a pipe: the output of Serverless Devs, or a function's answer. Return None for other text."""
    invocation = find(text)
    return invocation.answer if invocation else _load(text, requires_end=True)


def convert_answer(answer_type: type[T], answer: object) -> T:
    """Convert an answer from JSON data to the dataclass `answer_type`.

    Raises ToolError if the fields do not fit, for example because another version wrote the answer.
    """
    try:
        return from_json(answer_type, answer)
    except UnreadableError:
        raise ToolError(UNKNOWN_FORM_TEXT, DEPLOY_REMEDY) from None


def convert_compare_answer(answer: object) -> CompareAnswer:
    """Convert an answer of compare from JSON data: a finished comparison to ComparisonResult, others to CompareAnswer.

    Raises ToolError if the answer has another form.
    """
    compare_answer = convert_answer(CompareAnswer, answer)
    return (
        compare_answer
        if compare_answer.standstill or not compare_answer.finished
        else convert_answer(ComparisonResult, answer)
    )


def object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a JSON object. Raises ValueError for repeated names, which parsers treat differently."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is there twice")
    return fields


def _load(text: str, *, requires_end: bool = False) -> Any:
    """Return the JSON value at the beginning of a text, or None if the text does not begin with JSON.

    With `requires_end`, also return None if other text follows the JSON value.
    """
    text = text.strip()
    try:
        value, end = json.JSONDecoder(object_pairs_hook=object_without_duplicates).raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return None if requires_end and end < len(text) else value
