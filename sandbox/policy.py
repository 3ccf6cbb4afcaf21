"""Policies of RAM (Version 1) and of Huawei's IAM (5.0 for identity policies, 1.1 for roles).

Sources: help.aliyun.com/zh/ram/user-guide/policy-structure-and-syntax; support.huaweicloud.com/usermanual-iam5,
"Identity policy syntax". A document with an element that the sandbox cannot evaluate is refused when it is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

Document = Mapping[str, Any]

_NO_CONTEXT: Mapping[str, str] = {}
_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
# Operators of conditions; a condition is met if one of its values matches.
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda pattern, text: pattern == text,
    "StringLike": lambda pattern, text: _matches_pattern(pattern, text),
}
_CONDITION_KEYS = {"oss:Prefix", "obs:prefix"}


def find_denial(
    documents: Iterable[Document], action: str, resource: str, context: Mapping[str, str] = _NO_CONTEXT
) -> str:
    """Return `ExplicitDeny` or `ImplicitDeny` if the policies do not allow an action, otherwise an empty text.

    A Deny overrides an Allow. `context` has the values that conditions compare, by condition key, such as oss:Prefix.
    """
    effects = {
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if _matches_statement(statement, document["Version"], action, resource, context)
    }
    return "ExplicitDeny" if "Deny" in effects else "" if "Allow" in effects else "ImplicitDeny"


@cache
def parse_policy(text: str, version: str) -> Document:
    """Return a policy document; raise ValueError if it is malformed, or the sandbox cannot evaluate it."""
    document = json.loads(text)
    if (
        not isinstance(document, dict)
        or document.get("Version") != version
        or set(document) != {"Version", "Statement"}
    ):
        raise ValueError(f"a document has a Statement and the Version {version}")
    if not isinstance(document["Statement"], list) or not document["Statement"]:
        raise ValueError("Statement is a list")
    for statement in document["Statement"]:
        _check_statement(statement, version)
    return document


def parse_trust_policy(text: str) -> dict[str, Any]:
    """Return a trust policy, which names the services that may assume a role; raise ValueError if it is malformed."""
    document = json.loads(text)
    statements = document.get("Statement") if isinstance(document, dict) and document.get("Version") == "1" else None
    if not isinstance(statements, list) or not statements:
        raise ValueError("a trust policy has a Statement and the Version 1")
    for statement in statements:
        if set(statement) != {"Effect", "Action", "Principal"} or statement["Action"] != "sts:AssumeRole":
            raise ValueError("a trust policy allows a Principal to sts:AssumeRole")
    assert isinstance(document, dict)
    return document


def _check_statement(statement: Any, version: str) -> None:
    if not isinstance(statement, dict) or not {"Effect", "Action"} <= set(statement) <= _ELEMENTS:
        raise ValueError(f"a statement has some of {', '.join(sorted(_ELEMENTS))}")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise ValueError("Effect is Allow or Deny")
    if "Resource" not in statement and version == "1":
        raise ValueError("a statement of RAM names its Resource")
    for name in ("Action", "Resource"):
        if not all(isinstance(text, str) and text for text in _list_values(statement.get(name, "*"))):
            raise ValueError(f"{name} is a text, or a list of them")
    for operator, keys in statement.get("Condition", {}).items():
        if operator not in _OPERATORS or not set(keys) <= _CONDITION_KEYS:
            raise ValueError(f"the sandbox does not evaluate {operator} of {', '.join(keys)}")


def _matches_statement(
    statement: Mapping[str, Any], version: str, action: str, resource: str, context: Mapping[str, str]
) -> bool:
    # Huawei's policies write actions with or without a capital letter: obs:bucket:ListBucket, obs:bucket:listBucket.
    normalize_case = (lambda text: text) if version == "1" else str.lower
    return (
        any(
            _matches_pattern(normalize_case(pattern), normalize_case(action))
            for pattern in _list_values(statement["Action"])
        )
        and any(
            _matches_pattern(_normalize_resource(pattern, version), resource)
            for pattern in _list_values(statement.get("Resource", "*"))
        )
        and all(
            name in context and any(_OPERATORS[operator](pattern, context[name]) for pattern in _list_values(patterns))
            for operator, keys in statement.get("Condition", {}).items()
            for name, patterns in keys.items()
        )
    )


def _normalize_resource(pattern: str, version: str) -> str:
    """Return a resource with its service in lower case, because older pages of Huawei write OBS:*:*:bucket:name."""
    service, colon, path = pattern.partition(":")
    return pattern if version == "1" else f"{service.lower()}{colon}{path}"


def _list_values(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]


def _matches_pattern(pattern: str, text: str) -> bool:
    return _compile_pattern(pattern).fullmatch(text) is not None


@cache
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which `*` stands for any text and `?` for any character."""
    return re.compile(
        "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern), re.DOTALL
    )
