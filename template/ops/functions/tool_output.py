"""Finds a function's answer in what the Serverless Devs tool prints, and reads it."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, TypeVar

from ops.errors import ToolError
from ops.shell import Typed
from oss_oms_sync.answers.codec import UnreadableError, from_json
from oss_oms_sync.answers.pass_answers import CompareAnswer, Compared
from oss_oms_sync.answers.text import t

# As the component prints it (devsapp/fc3, src/subCommands/invoke): what follows is the function's answer.
_RESULT = "\nInvoke Result:\n"
_LOGS_END = "========= FC invoke Logs end ========="
_LOGS = re.compile(rf"========= FC invoke Logs begin =========.*?({_LOGS_END}|\Z)", re.DOTALL)
_ERROR_TYPE = re.compile(r"^Error Type: *(\S.*)$", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

T = TypeVar("T")

ANOTHER_FORM = t("The answer has another form than this ops.py knows")
DEPLOY = t("Deploy this project, so that both are of one version: {command}", command=Typed("deploy"))


class Found(NamedTuple):
    """What the tool printed of a call. `error_type`: what Function Compute says of a function that failed; empty if it
    returned. `body`: its answer as text; `answer`: the same, read as JSON, or None."""

    error_type: str
    body: str
    answer: Any


def plain(output: str) -> str:
    """What the tool printed, without its colours."""
    return _COLOURS.sub("", output)


def without_logs(output: str) -> str:
    """The same without what the function logged, which says nothing of the call."""
    return _LOGS.sub("", output)


def find(output: str) -> Found | None:
    """What the tool printed of a call; None if it printed no answer.

    No key can pass for it: in logs and answers keys are in JSON strings, which have no line of their own, and logs come
    before the answer.
    """
    head, mark, body = ("\n" + plain(output).replace("\r\n", "\n")).rpartition(_RESULT)
    if not mark:
        return None
    failed = _ERROR_TYPE.search(head.rpartition(_LOGS_END)[2])
    return Found(failed[1].strip() if failed else "", body.strip(), _load(body))


def read(text: str) -> Any:
    """An answer that somebody has piped here: what the tool prints, or the answer and nothing else; None if it is
    neither."""
    found = find(text)
    return found.answer if found else _load(text, is_all=True)


def of(kind: type[T], answer: object) -> T:
    """The answer as what it has to be.

    Raises ToolError if it has another form, as that of another version has.
    """
    try:
        return from_json(kind, answer)
    except UnreadableError:
        raise ToolError(ANOTHER_FORM, DEPLOY) from None


def of_compare(answer: object) -> CompareAnswer:
    """What compare answers: of a comparison at its end, Compared. Raises ToolError."""
    found = of(CompareAnswer, answer)
    return found if found.standstill or not found.finished else of(Compared, answer)


def of_one_meaning(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of a name that it has twice, others would read another value than this program."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name is there twice")
    return value


def _load(text: str, *, is_all: bool = False) -> Any:
    """The value that a text begins with, or that it is; None if there is none."""
    text = text.strip()
    try:
        value, end = json.JSONDecoder(object_pairs_hook=of_one_meaning).raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return None if is_all and end < len(text) else value
