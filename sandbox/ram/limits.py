"""RAM's errors, and its checks of parameters: names, texts, documents, and their lengths."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from sandbox.account import ACCOUNT_ID
from sandbox.policy import parse_policy, parse_trust_policy

_MAX_DOCUMENT_LENGTH, _MAX_TAGS = 6144, 20
_STATUS = {"EntityNotExist": 404, "EntityAlreadyExist": 409, "DeleteConflict": 409, "LimitExceeded": 409}
# Patterns and maximum lengths of names.
_NAMES = {"Role": (r"[A-Za-z0-9.-]+", 64), "Policy": (r"[A-Za-z0-9-]+", 128), "User": (r"[A-Za-z0-9._-]+", 64)}
_TEXTS = {"Description": 1024, "Comments": 128, "DisplayName": 128}


class RamError(Exception):
    """An error of RAM; `details` is the response's field AccessDeniedDetail, which names a missing permission."""

    def __init__(self, code: str, message: str = "", status: int = 0, details: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code, self.message, self.details = code, message or f"The request is refused: {code}.", details
        self.status = status or next((number for start, number in _STATUS.items() if code.startswith(start)), 400)


def permission_error(action: str, denial_kind: str, holder: str = "") -> RamError:
    """Return the error of a missing permission; source: help.aliyun.com/zh/ram/user-guide, "AccessDeniedDetail"."""
    details = {
        "AuthAction": action,
        "AuthPrincipalDisplayName": holder,
        "AuthPrincipalOwnerId": ACCOUNT_ID,
        "AuthPrincipalType": "SubUser",
        "NoPermissionType": denial_kind,
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    return RamError("NoPermission", f"You are not authorized to do this action: {action}.", 403, details)


def check_name(entity_type: str, name: str) -> None:
    """Raise RamError for an invalid name; `entity_type` is Role, Policy or User."""
    characters, max_length = _NAMES[entity_type]
    if not re.fullmatch(characters, name):
        raise RamError(f"InvalidParameter.{entity_type}Name.InvalidChars")
    if len(name) > max_length:
        raise RamError(f"InvalidParameter.{entity_type}Name.Length")


def check_policy(document: str) -> str:
    if len(document) > _MAX_DOCUMENT_LENGTH:
        raise RamError("InvalidParameter.PolicyDocument.Length")
    try:
        parse_policy(document, "1")
    except (ValueError, TypeError, AttributeError) as error:
        raise RamError("MalformedPolicyDocument", str(error)) from None
    return document


def check_trust(document: str) -> str:
    try:
        parse_trust_policy(document)
    except (ValueError, TypeError) as error:
        raise RamError("MalformedPolicyDocument", str(error)) from None
    return document


def check_text(name: str, text: str) -> str:
    if len(text) > _TEXTS[name]:
        raise RamError(f"InvalidParameter.{name}.Length")
    return text


def parse_bool(name: str, text: str) -> bool:
    """Return the bool in a parameter, in upper or lower case: Python's SDK writes True."""
    if text.lower() not in ("true", "false"):
        raise RamError(f"InvalidParameter.{name}")
    return text.lower() == "true"


def parse_tags(text: str) -> list[dict[str, str]]:
    try:
        tags = json.loads(text)
        is_valid = len(tags) <= _MAX_TAGS and all(set(tag) == {"Key", "Value"} and tag["Key"] for tag in tags)
    except (ValueError, TypeError):
        is_valid = False
    if not is_valid:
        raise RamError("InvalidParameter.Tag")
    valid_tags: list[dict[str, str]] = tags
    return valid_tags
