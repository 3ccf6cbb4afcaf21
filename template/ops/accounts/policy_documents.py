"""Operations on policy documents of RAM (Alibaba Cloud) and IAM (Huawei Cloud): merge, convert, list permissions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from oss_oms_sync.answers.text import Text, t, untranslated

Document = dict[str, Any]
Statement = dict[str, Any]
_FIELDS = ("Action", "Resource")


def convert_to_role_policies(document: Document, region: str) -> Iterator[tuple[Text, Document]]:
    """Convert an identity policy to custom role policies; yield each with the place where to grant it.

    Huawei Cloud accounts without identity policies use role policies, each either for a region's project or for
    services without regions. Sources: support.huaweicloud.com/usermanual-iam, "Policy syntax";
    /api-obs/obs_04_0112.html.
    """
    grant_places = {
        "oms": t("granted on the IAM project {region}", region=region),
        "obs": t(
            "in two copies: a policy for global services, granted on the account, and a policy for"
            " project-level services, granted on the IAM project MOS"
        ),
    }
    for service, grant_place in grant_places.items():
        service_statements = [
            statement for statement in document["Statement"] if statement["Action"][0].startswith(f"{service}:")
        ]
        if service_statements:
            yield (
                grant_place,
                {"Version": "1.1", "Statement": [_to_role_statement(statement) for statement in service_statements]},
            )


def _to_role_statement(statement: Statement) -> Statement:
    parts = [action.split(":") for action in statement["Action"]]
    is_obs = parts[0][0] == "obs"
    actions = [
        ":".join([*prefix, f"{action_name[0].upper()}{action_name[1:]}" if is_obs else action_name])
        for *prefix, action_name in parts
    ]
    # Role policies ignore the case of actions.
    actions = [
        action for number, action in enumerate(actions) if action.lower() not in map(str.lower, actions[:number])
    ]
    if statement["Resource"] == ["*"]:
        return {"Effect": "Allow", "Action": actions}
    return allow(*actions, resources=[f"OBS{resource.removeprefix('obs')}" for resource in statement["Resource"]])


def ram_policy(*statements: Statement) -> Document:
    return {"Version": "1", "Statement": list(statements)}


def identity_policy(*statements: Statement) -> Document:
    return {"Version": "5.0", "Statement": list(statements)}


def list_permissions(document: Document) -> Iterator[Text]:
    """Yield a line for each statement of a policy, with its actions and resources."""
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        actions, resources = (statement[name] for name in _FIELDS)
        permission = t("{actions} on {places}", actions=actions, places=resources)
        prefixes = statement.get("Condition", {}).get("StringLike", {}).get("oss:Prefix", [])
        yield t("{allowed}, only under {prefixes}", allowed=permission, prefixes=prefixes) if prefixes else permission


def list_lost_permissions(document: Document, required_document: Document) -> Iterator[Text]:
    """Yield a line for each permission that `document` grants and `required_document` does not grant."""
    remaining_grants = list(_list_grants(required_document))
    for action, resource, condition in _list_grants(document):
        if not any(
            fnmatchcase(action, pattern)
            and fnmatchcase(resource, place_pattern)
            and remaining_condition in (None, condition)
            for pattern, place_pattern, remaining_condition in remaining_grants
        ):
            yield t("{actions} on {places}", actions=untranslated(action), places=untranslated(resource))


def _list_grants(document: Document) -> Iterator[tuple[str, str, Any]]:
    """Yield each permission of a policy: an action, a resource, and the condition or None.

    A policy that setup did not write may have a string in place of a list.
    """
    for statement in document["Statement"]:
        actions, resources = (
            [entry] if isinstance(entry := statement.get(name, []), str) else entry for name in _FIELDS
        )
        if statement.get("Effect") == "Allow":
            yield from ((action, resource, statement.get("Condition")) for action in actions for resource in resources)


def merge(statements: Iterable[Statement]) -> Document:
    """Return a RAM policy with these statements, in which statements on the same resources are merged.

    A statement that another statement covers is left out.
    """
    merged_statements: dict[str, Statement] = {}
    for statement in statements:
        merged_statement = merged_statements.setdefault(
            json.dumps([statement["Resource"], statement.get("Condition")]), {**statement, "Action": []}
        )
        merged_statement["Action"] += [
            action for action in statement["Action"] if action not in merged_statement["Action"]
        ]
    return ram_policy(
        *(
            narrow_statement
            for narrow_statement in merged_statements.values()
            if not any(_covers(wide_statement, narrow_statement) for wide_statement in merged_statements.values())
        )
    )


def _covers(wide_statement: Statement, narrow_statement: Statement) -> bool:
    return (
        wide_statement is not narrow_statement
        and "Condition" not in wide_statement
        and set(narrow_statement["Action"]) <= set(wide_statement["Action"])
        and all(
            any(fnmatchcase(resource, pattern) for pattern in wide_statement["Resource"])
            for resource in narrow_statement["Resource"]
        )
    )


def allow(*actions: str, resources: list[str]) -> Statement:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources}
