"""What the project's roles, users and administrators may do in both clouds: the one table of statements, from which
setup and policies/show.py take them.

RAM attaches few custom policies to a role (its page of limits says five, and accounts differ), so a role has one policy
of this project, whose statements are merged. What is granted in Huawei Cloud is written as identity policies of IAM
("v5"); `by_roles` says the same for an account without them ("v3").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ops.certificate.form import CANARY, OMS_LISTS
from ops.errors import UsageError
from oss_oms_sync.answers.text import Text, same, t

Document = dict[str, Any]
Statement = dict[str, Any]

FUNCTIONS = ("forward", "replay", "reconcile", "compare", "certify", "doctor", "status")
_TRIGGER = "trigger"
_ABOUT = ("Action", "Resource")
# The functions that read objects of the source. Doctor reads one object's headers, which needs the same permission.
_READERS = ("compare", "certify", "doctor")


class Role(NamedTuple):
    """A role with the one policy of this project on it, and for whom it is: functions, or the triggers."""

    name: str
    purposes: tuple[str, ...]
    policy: str
    document: Document

    @property
    def service(self) -> str:
        """Who takes it on."""
        return "oss.aliyuncs.com" if self.purposes == (_TRIGGER,) else "fc.aliyuncs.com"


def roles(given: Mapping[str, str]) -> list[Role]:
    """The roles that the variables of s.yaml name, with what each may do. Raises UsageError where a name is not written
    out."""
    name = value(given, "functionName")
    allowed = statements(given)
    shared = _role(given, "forward")
    groups: dict[str, list[str]] = {}
    for purpose in FUNCTIONS:
        groups.setdefault(_role(given, purpose), []).append(purpose)
    found = [
        Role(
            role,
            tuple(purposes),
            f"{name}-function" if role == shared else f"{name}-{purposes[0]}",
            _document(one for purpose in purposes for one in allowed[purpose]),
        )
        for role, purposes in groups.items()
    ]
    return [*found, Role(_role(given, _TRIGGER), (_TRIGGER,), f"{name}-trigger", _document(allowed[_TRIGGER]))]


def by_name(found: Sequence[Role]) -> Iterator[tuple[str, list[Role]]]:
    """The same by their names: one may be for functions and triggers."""
    for name in dict.fromkeys(role.name for role in found):
        yield name, [role for role in found if role.name == name]


def statements(given: Mapping[str, str]) -> dict[str, list[Statement]]:
    """What each function needs, and the triggers; each statement is one that their calls need."""
    log, source = (f"acs:oss:*:*:{value(given, name)}" for name in ("logBucket", "sourceBucket"))
    forward = f"acs:fc:{value(given, 'region')}:*:functions/{value(given, 'functionName')}"
    records = [f"{log}/oms_source_record/*"]
    keep_records = _allow("oss:PutObject", "oss:GetObject", "oss:DeleteObject", on=records)
    # Whether the project is closed.
    read_mark = _allow("oss:GetObject", on=[f"{log}/oms_source_record/*/state/closed-*"])
    list_records = _allow("oss:ListObjects", on=[log])
    list_records["Condition"] = {"StringLike": {"oss:Prefix": ["oms_source_record/*"]}}
    list_source = _allow("oss:ListObjects", on=[source])
    can_read = reads_objects(given)
    read_source = [_allow("oss:GetObject", on=[f"{source}/*"])]
    look = [_allow("oss:PutObject", "oss:GetObject", on=records), list_records, list_source]
    allowed = {
        "forward": [_allow("oss:PutObject", on=records), read_mark, _invoke(f"{forward}-replay")],
        "replay": [keep_records, list_records, list_source],
        "reconcile": [keep_records, list_records, list_source],
        "compare": [keep_records, list_records, list_source],
        "certify": look,
        "doctor": [keep_records, list_records, list_source],
        "status": look,
        _TRIGGER: [_invoke(forward, f"{forward}-reconcile", f"{forward}-compare")],
    }
    return {name: [*some, *(read_source if can_read and name in _READERS else [])] for name, some in allowed.items()}


def reads_objects(given: Mapping[str, str]) -> bool:
    """Return True unless s.yaml turns the permission to read objects off. Comparisons of the timer that read
    (`compareDeep`) need it as well. Raises UsageError for another word than on and off."""
    word, deep = (
        given.get(name, default).strip().lower() for name, default in (("readObjects", "on"), ("compareDeep", ""))
    )
    if word not in ("on", "off"):
        raise UsageError(
            t("vars.{name} is {text} in s.yaml", name="readObjects", text=word or '""'), t('Write "on" or "off"')
        )
    if (word, deep) == ("off", "on"):
        raise UsageError(
            t('vars.compareDeep is "on" in s.yaml, and vars.readObjects "off": the weekly comparison could not read'),
            t('Set compareDeep to "off", or readObjects to "on"'),
        )
    return word == "on"


def reason_to_read(given: Mapping[str, str], purposes: Iterable[str] = _READERS) -> Text | None:
    """Return why these functions can read objects, and how to leave that out; None if they cannot."""
    if not (reads_objects(given) and {*purposes} & {*_READERS}):
        return None
    return t(
        "Objects are read for `cutover --sample` and `--deep`, which compare contents; without the permission these end"
        ' NOT PROVEN. To leave it out, set readObjects to "off" in s.yaml'
    )


def trust_of(held: Sequence[Role]) -> Document:
    """Who may take on a role: Function Compute for a function, OSS for the triggers."""
    services = sorted({role.service for role in held})
    return {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}],
    }


def source_reader(bucket: str) -> Document:
    """What OMS's key needs of the source: support.huaweicloud.com/oms_faq, "How Do I Obtain Required Permissions for
    the Source and Destination Platform Accounts?". The first right holds for the names of all buckets; without it the
    key is refused."""
    place = f"acs:oss:*:*:{bucket}"
    return _ram_policy(
        _allow("oss:ListBuckets", on=["acs:oss:*:*:*"]),
        _allow("oss:GetBucketLocation", "oss:ListObjects", on=[place]),
        _allow("oss:GetObject", on=[f"{place}/*"]),
    )


def destination_writer(bucket: str) -> Document:
    """What OMS's key needs of the destination, by the same page."""
    objects = ("obs:object:getObject", "obs:object:putObject", "obs:object:listMultipartUploadParts")
    return _identity_policy(
        _allow("obs:bucket:listAllMyBuckets", on=["*"]),
        _allow("obs:bucket:getBucketLocation", "obs:bucket:listBucket", on=[f"obs:*:*:bucket:{bucket}"]),
        _allow(*objects, on=[f"obs:*:*:object:{bucket}/*"]),
    )


def functions_in_huawei(given: Mapping[str, str]) -> Document:
    """What the functions' key needs: to read all objects, or OMS's lists alone."""
    bucket = value(given, "destinationBucket")
    readable = [f"obs:*:*:object:{bucket}/{one}*" for one in (("",) if reads_objects(given) else OMS_LISTS)]
    return _identity_policy(
        _allow(*(f"oms:synctask:{one}" for one in ("createEvent", "get", "statistics")), "oms:taskgroup:get", on=["*"]),
        _allow("obs:bucket:listBucket", "obs:bucket:headBucket", on=[f"obs:*:*:bucket:{bucket}"]),
        _allow("obs:object:getObject", on=readable),
    )


def canary(given: Mapping[str, str]) -> tuple[Document, Document]:
    """What the administrator of a canary needs in Alibaba Cloud and in Huawei Cloud, and nobody else."""
    source, log = (f"acs:oss:*:*:{value(given, name)}" for name in ("sourceBucket", "logBucket"))
    mine, there = f"{given.get('objectPrefix', '')}{CANARY}*", value(given, "destinationBucket")
    keep = ("oss:PutObject", "oss:GetObject", "oss:DeleteObject")
    seen = ("oss:ListObjects", "oss:ListObjectVersions", "oss:ListMultipartUploads", "oss:GetBucketVersioning")
    # A bucket that keeps what is written, whoever deletes it, gets no canary.
    seen_there = ("listBucket", "listBucketVersions", "getBucketVersioning", "getBucketObjectLockConfiguration")
    kept_there = (
        f"obs:object:{one}" for one in ("getObject", "modifyObjectMetaData", "deleteObject", "deleteObjectVersion")
    )
    return (
        _ram_policy(
            _allow(*keep, "oss:DeleteObjectVersion", "oss:AbortMultipartUpload", on=[f"{source}/{mine}"]),
            _allow(*seen, "oss:GetBucketWorm", on=[source]),
            _allow(*keep, on=[f"{log}/oms_source_record/*"]),
            _allow("oss:ListObjects", on=[log]),
        ),
        _identity_policy(
            _allow("oms:synctask:get", "oms:synctask:statistics", on=["*"]),
            _allow(*(f"obs:bucket:{one}" for one in seen_there), on=[f"obs:*:*:bucket:{there}"]),
            _allow(*kept_there, on=[f"obs:*:*:object:{there}/{mine}"]),
            _allow("obs:object:getObject", on=[f"obs:*:*:object:{there}/oms/sync_task/*"]),
        ),
    )


def migration(given: Mapping[str, str]) -> tuple[Document, Document]:
    """What the administrator of a migration of the old objects needs in the same way: task groups, keys of the users
    that setup made for OMS, and what is written of it in the log bucket."""
    user = f"{value(given, 'functionName')}-oms"
    of_user = ("GetUser", "ListPoliciesForUser", "ListAccessKeys", "CreateAccessKey", "DeleteAccessKey")
    states = f"acs:oss:*:*:{value(given, 'logBucket')}/oms_source_record/*/state/migrat*"
    groups = ("create", "list", "get", "update", "delete")
    policies = ("policies:listV5", "policies:getVersionV5", "users:listAttachedPoliciesV5")
    keys = (f"credentials:{one}" for one in ("listCredentialsV5", "createCredentialV5", "deleteCredentialV5"))
    return (
        _ram_policy(
            _allow(*(f"ram:{one}" for one in of_user), on=[f"acs:ram:*:*:user/{user}"]),
            _allow("ram:GetPolicy", on=[f"acs:ram:*:*:policy/{user}"]),
            _allow("oss:GetObject", "oss:PutObject", "oss:DeleteObject", on=[states]),
        ),
        _identity_policy(
            _allow(*(f"oms:taskgroup:{group}" for group in groups), on=["*"]),
            _allow(*(f"iam:{one}" for one in ("users:listUsersV5", *policies, *keys)), on=["*"]),
        ),
    )


def checklist(given: Mapping[str, str]) -> tuple[Document, Document]:
    """What whoever reads the settings of both buckets needs in the same way: nothing that changes any, and one object
    in the log bucket."""
    here, there = (value(given, name) for name in ("sourceBucket", "destinationBucket"))
    noted = f"acs:oss:*:*:{value(given, 'logBucket')}/oms_source_record/*/state/back_to_source.json"
    both = ("Acl", "Logging", "Policy", "Tagging", "Versioning", "Website")
    own = ("Cors", "Encryption", "Lifecycle", "Referer")
    own_there = ("BucketCORS", "BucketCustomDomainConfiguration", "EncryptionConfiguration", "LifecycleConfiguration")
    names_there = (*(f"Bucket{one}" for one in both), *own_there, "MirrorBackToSource")
    return (
        _ram_policy(
            _allow(*(f"oss:GetBucket{one}" for one in (*both, *own)), "oss:ListCname", on=[f"acs:oss:*:*:{here}"]),
            _allow("oss:PutObject", on=[noted]),
        ),
        _identity_policy(_allow(*(f"obs:bucket:get{one}" for one in names_there), on=[f"obs:*:*:bucket:{there}"])),
    )


def deployer(given: Mapping[str, str]) -> Document:
    """What the tool's own user needs to deploy, as the calls of its component are documented."""
    functions = f"acs:fc:{value(given, 'region')}:*:functions/{value(given, 'functionName')}*"
    return _ram_policy(
        _allow("fc:*Function*", "fc:*Trigger*", "fc:*AsyncInvokeConfig*", on=[functions]),
        _allow("ram:PassRole", "ram:GetRole", on=[f"acs:ram::*:role/{role.name}" for role in roles(given)]),
        _allow("log:Create*", "log:Get*", on=["*"]),
    )


def by_roles(document: Document, region: str) -> Iterator[tuple[Text, Document]]:
    """The same rights for an account without identity policies: custom policies of roles, and where a user's group is
    granted each.

    Sources: support.huaweicloud.com/usermanual-iam, "Policy syntax"; /api-obs/obs_04_0112.html, which writes actions
    with a capital, and resources with OBS. A policy is of a region's projects, or of services without regions.
    """
    places = {
        "oms": t("granted on the project {region}", region=region),
        "obs": t(
            "twice: as one of global services, granted on the account, and as one of project-level services, granted on"
            " the project MOS"
        ),
    }
    for service, where in places.items():
        allowed = [one for one in document["Statement"] if one["Action"][0].startswith(f"{service}:")]
        if allowed:
            yield where, {"Version": "1.1", "Statement": [_of_a_role(one) for one in allowed]}


def _of_a_role(one: Statement) -> Statement:
    parts = [action.split(":") for action in one["Action"]]
    is_of_obs = parts[0][0] == "obs"
    named = [":".join([*most, f"{last[0].upper()}{last[1:]}" if is_of_obs else last]) for *most, last in parts]
    if one["Resource"] == ["*"]:
        return {"Effect": "Allow", "Action": named}
    return _allow(*named, on=[f"OBS{place.removeprefix('obs')}" for place in one["Resource"]])


def _ram_policy(*allowed: Statement) -> Document:
    return {"Version": "1", "Statement": list(allowed)}


def _identity_policy(*allowed: Statement) -> Document:
    return {"Version": "5.0", "Statement": list(allowed)}


def rights(document: Document) -> Iterator[Text]:
    """What a policy allows, and on what, a line each."""
    statements = document.get("Statement", [])
    for one in [statements] if isinstance(statements, dict) else statements:
        actions, places = (same(", ".join(one[name])) for name in _ABOUT)
        allowed = t("{actions} on {places}", actions=actions, places=places)
        prefixes = one.get("Condition", {}).get("StringLike", {}).get("oss:Prefix", [])
        yield t("{allowed}, only under {prefixes}", allowed=allowed, prefixes=prefixes) if prefixes else allowed


def lost(document: Document, wanted: Document) -> Iterator[Text]:
    """What a policy allows that one of `wanted` would not allow any more, in the same form."""
    kept = list(_pairs(wanted))
    for action, place, condition in _pairs(document):
        if not any(
            fnmatchcase(action, may) and fnmatchcase(place, there) and on in (None, condition)
            for may, there, on in kept
        ):
            yield t("{actions} on {places}", actions=same(action), places=same(place))


def _pairs(document: Document) -> Iterator[tuple[str, str, Any]]:
    """Each action on each resource, with the condition. Somebody else may have written it, with one instead of a
    list."""
    for one in document["Statement"]:
        actions, places = ([found] if isinstance(found := one.get(name, []), str) else found for name in _ABOUT)
        if one.get("Effect") == "Allow":
            yield from ((action, place, one.get("Condition")) for action in actions for place in places)


def _document(allowed: Iterable[Statement]) -> Document:
    """A policy of these statements: those on the same resources are one, and what another one allows as well is left
    out."""
    merged: dict[str, Statement] = {}
    for one in allowed:
        known = merged.setdefault(json.dumps([one["Resource"], one.get("Condition")]), {**one, "Action": []})
        known["Action"] += [action for action in one["Action"] if action not in known["Action"]]
    return _ram_policy(*(one for one in merged.values() if not any(_covers(other, one) for other in merged.values())))


def _covers(wide: Statement, narrow: Statement) -> bool:
    return (
        wide is not narrow
        and "Condition" not in wide
        and set(narrow["Action"]) <= set(wide["Action"])
        and all(any(fnmatchcase(one, pattern) for pattern in wide["Resource"]) for one in narrow["Resource"])
    )


def _allow(*actions: str, on: list[str]) -> Statement:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def _invoke(*functions: str) -> Statement:
    return _allow("fc:InvokeFunction", on=[part for function in functions for part in (function, f"{function}/*")])


def _role(given: Mapping[str, str], purpose: str) -> str:
    return value(given, "functionRole" if purpose == "forward" else f"{purpose}Role")


def value(given: Mapping[str, str], name: str) -> str:
    """What s.yaml says under this name. Raises UsageError where it is not written out."""
    # A role may be given as an ARN, which may hold an expression for the account.
    text = given.get(name, "").rpartition(":role/")[2]
    if not text or "${" in text:
        seen = t("vars.{name} is {text} in s.yaml", name=name, text=text)
        missing = t("vars.{name} is missing in s.yaml", name=name)
        raise UsageError(seen if text else missing, t("Write the name out, because the policies need it"))
    return text
