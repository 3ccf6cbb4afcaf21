"""What RAM takes of a parameter, and what it answers instead: names, texts, documents, and how long each may be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from sandbox.account import ACCOUNT_ID
from sandbox.policy import parse, parse_trust

_DOCUMENT, _TAGS = 6144, 20
_STATUS = {"EntityNotExist": 404, "EntityAlreadyExist": 409, "DeleteConflict": 409, "LimitExceeded": 409}
# What a name may be made of, and its longest.
_NAMES = {"Role": (r"[A-Za-z0-9.-]+", 64), "Policy": (r"[A-Za-z0-9-]+", 128), "User": (r"[A-Za-z0-9._-]+", 64)}
_TEXTS = {"Description": 1024, "Comments": 128, "DisplayName": 128}


class RamError(Exception):
    """What RAM answers instead. `details` are of a missing right: AccessDeniedDetail."""

    def __init__(self, code: str, message: str = "", status: int = 0, details: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code, self.message, self.details = code, message or f"The request is refused: {code}.", details
        self.status = status or next((one for start, one in _STATUS.items() if code.startswith(start)), 400)


def no_permission(action: str, kind: str, holder: str = "") -> RamError:
    """help.aliyun.com/zh/ram/user-guide, "AccessDeniedDetail"."""
    details = {
        "AuthAction": action,
        "AuthPrincipalDisplayName": holder,
        "AuthPrincipalOwnerId": ACCOUNT_ID,
        "AuthPrincipalType": "SubUser",
        "NoPermissionType": kind,
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    return RamError("NoPermission", f"You are not authorized to do this action: {action}.", 403, details)


def check_name(kind: str, name: str) -> None:
    """Of a Role, Policy or User."""
    characters, longest = _NAMES[kind]
    if not re.fullmatch(characters, name):
        raise RamError(f"InvalidParameter.{kind}Name.InvalidChars")
    if len(name) > longest:
        raise RamError(f"InvalidParameter.{kind}Name.Length")


def checked_policy(document: str) -> str:
    if len(document) > _DOCUMENT:
        raise RamError("InvalidParameter.PolicyDocument.Length")
    try:
        parse(document, "1")
    except (ValueError, TypeError, AttributeError) as error:
        raise RamError("MalformedPolicyDocument", str(error)) from None
    return document


def checked_trust(document: str) -> str:
    try:
        parse_trust(document)
    except (ValueError, TypeError) as error:
        raise RamError("MalformedPolicyDocument", str(error)) from None
    return document


def text_of(name: str, given: str) -> str:
    if len(given) > _TEXTS[name]:
        raise RamError(f"InvalidParameter.{name}.Length")
    return given


def is_true(name: str, given: str) -> bool:
    """In whatever case: Python's SDK writes True."""
    if given.lower() not in ("true", "false"):
        raise RamError(f"InvalidParameter.{name}")
    return given.lower() == "true"


def session_seconds(given: str) -> int:
    if not given.isdigit() or not 3600 <= int(given) <= 43200:
        raise RamError("InvalidParameter.MaxSessionDuration")
    return int(given)


def tags_of(given: str) -> list[dict[str, str]]:
    """A list travels as JSON."""
    try:
        tags = json.loads(given)
        fine = len(tags) <= _TAGS and all(set(tag) == {"Key", "Value"} and tag["Key"] for tag in tags)
    except (ValueError, TypeError):
        fine = False
    if not fine:
        raise RamError("InvalidParameter.Tag")
    found: list[dict[str, str]] = tags
    return found
