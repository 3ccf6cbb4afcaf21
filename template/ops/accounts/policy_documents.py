"""Policy documents: statements are merged, printed as permissions, or converted for another type of account."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from oss_oms_sync.answers.text import Text, t, untranslated

Document = dict[str, Any]
Statement = dict[str, Any]
_FIELDS = ("Action", "Resource")


def by_roles(document: Document, region: str) -> Iterator[tuple[Text, Document]]:
    """Yield the policies in the form of custom role policies, each with the place where to grant it.

    Accounts without identity policies use them. Sources: support.huaweicloud.com/usermanual-iam, "Policy syntax";
    /api-obs/obs_04_0112.html, with actions in capitals, and resources with the prefix OBS. A policy is either for the
    projects of a region, or for services without regions.
    """
    places = {
        "oms": t("granted on the project {region}", region=region),
        "obs": t(
            "twice: as a policy of global services, granted on the account, and as a policy of project-level"
            " services, granted on the project MOS"
        ),
    }
    for service, where in places.items():
        service_statements = [
            statement for statement in document["Statement"] if statement["Action"][0].startswith(f"{service}:")
        ]
        if service_statements:
            yield (
                where,
                {"Version": "1.1", "Statement": [_role_statement(statement) for statement in service_statements]},
            )


def _role_statement(statement: Statement) -> Statement:
    parts = [action.split(":") for action in statement["Action"]]
    is_obs = parts[0][0] == "obs"
    actions = [":".join([*prefix, f"{last[0].upper()}{last[1:]}" if is_obs else last]) for *prefix, last in parts]
    # These policies ignore case.
    actions = [
        action for number, action in enumerate(actions) if action.lower() not in map(str.lower, actions[:number])
    ]
    if statement["Resource"] == ["*"]:
        return {"Effect": "Allow", "Action": actions}
    return allow(*actions, on=[f"OBS{place.removeprefix('obs')}" for place in statement["Resource"]])


def ram_policy(*allowed: Statement) -> Document:
    """Return a policy of RAM."""
    return {"Version": "1", "Statement": list(allowed)}


def identity_policy(*allowed: Statement) -> Document:
    """Return an identity policy of IAM."""
    return {"Version": "5.0", "Statement": list(allowed)}


def rights(document: Document) -> Iterator[Text]:
    """Yield the permissions of a policy with their resources, a line each."""
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        actions, places = (statement[name] for name in _FIELDS)
        allowed = t("{actions} on {places}", actions=actions, places=places)
        prefixes = statement.get("Condition", {}).get("StringLike", {}).get("oss:Prefix", [])
        yield t("{allowed}, only under {prefixes}", allowed=allowed, prefixes=prefixes) if prefixes else allowed


def lost_rights(document: Document, wanted: Document) -> Iterator[Text]:
    """Yield the permissions that a policy has, but `wanted` lacks, in the form of `rights`."""
    kept = list(_pairs(wanted))
    for action, place, condition in _pairs(document):
        if not any(
            fnmatchcase(action, pattern) and fnmatchcase(place, place_pattern) and kept_condition in (None, condition)
            for pattern, place_pattern, kept_condition in kept
        ):
            yield t("{actions} on {places}", actions=untranslated(action), places=untranslated(place))


def _pairs(document: Document) -> Iterator[tuple[str, str, Any]]:
    """Yield each action of a policy with each of its resources, and the condition.

    A policy that somebody else wrote may have a string in place of a list.
    """
    for statement in document["Statement"]:
        actions, places = ([entry] if isinstance(entry := statement.get(name, []), str) else entry for name in _FIELDS)
        if statement.get("Effect") == "Allow":
            yield from ((action, place, statement.get("Condition")) for action in actions for place in places)


def merge(allowed: Iterable[Statement]) -> Document:
    """Return a RAM policy with these statements: statements on the same resources are merged.

    A statement that another statement covers is left out.
    """
    merged: dict[str, Statement] = {}
    for statement in allowed:
        whole = merged.setdefault(
            json.dumps([statement["Resource"], statement.get("Condition")]), {**statement, "Action": []}
        )
        whole["Action"] += [action for action in statement["Action"] if action not in whole["Action"]]
    return ram_policy(
        *(narrow for narrow in merged.values() if not any(_covers(wide, narrow) for wide in merged.values()))
    )


def _covers(wide: Statement, narrow: Statement) -> bool:
    return (
        wide is not narrow
        and "Condition" not in wide
        and set(narrow["Action"]) <= set(wide["Action"])
        and all(any(fnmatchcase(resource, pattern) for pattern in wide["Resource"]) for resource in narrow["Resource"])
    )


def allow(*actions: str, on: list[str]) -> Statement:
    """Return the statement that allows these actions on resources."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}
