"""The policy statements of the project's roles, users and administrators, for setup and policies/show.py.

RAM attaches few custom policies to a role (its page of limits says five, and accounts differ), so a role has a single
policy of this project, with merged statements. Permissions in Huawei Cloud are identity policies of IAM ("v5").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ops.accounts.policy_documents import Document, Statement, allow, identity_policy, merge, ram_policy
from ops.errors import UsageError
from oss_oms_sync.answers.layout import CANARY, OMS_LISTS, RECORDS, back_to_source_name, state_folder
from oss_oms_sync.answers.text import Text, t

FUNCTIONS = ("forward", "replay", "reconcile", "compare", "certify", "doctor", "status")
_TRIGGER = "trigger"
# The permission to change headers, in both spellings of Huawei's pages (obs_04_0112 and obs_04_0091): only the grammar
# of role policies says that case does not matter (iam_02_0013).
_CHANGE_HEADERS = ("obs:object:modifyObjectMetaData", "obs:object:modifyObjectMetadata")
# The permissions to read the policy of a user in IAM.
_READ_POLICIES = (
    *("iam:users:listUsersV5", "iam:policies:listV5", "iam:policies:getVersionV5"),
    "iam:users:listAttachedPoliciesV5",
)
# The functions that read objects of the source. Doctor reads one object's headers, which needs the same permission.
_READING_FUNCTIONS = ("compare", "certify", "doctor")


class Role(NamedTuple):
    """A role with its policy of this project, and its purposes: functions, or the triggers."""

    name: str
    purposes: tuple[str, ...]
    policy: str
    document: Document

    @property
    def service(self) -> str:
        """The service that assumes the role."""
        return "oss.aliyuncs.com" if self.purposes == (_TRIGGER,) else "fc.aliyuncs.com"


def roles(variables: Mapping[str, str]) -> list[Role]:
    """Return the roles in the variables of s.yaml, with their policies.

    Raises UsageError for a name that is an expression.
    """
    name = value(variables, "functionName")
    allowed = statements(variables)
    shared = _role_name(variables, "forward")
    groups: dict[str, list[str]] = {}
    for purpose in FUNCTIONS:
        groups.setdefault(_role_name(variables, purpose), []).append(purpose)
    function_roles = [
        Role(
            role,
            tuple(purposes),
            f"{name}-function" if role == shared else f"{name}-{purposes[0]}",
            merge(statement for purpose in purposes for statement in allowed[purpose]),
        )
        for role, purposes in groups.items()
    ]
    return [
        *function_roles,
        Role(_role_name(variables, _TRIGGER), (_TRIGGER,), f"{name}-trigger", merge(allowed[_TRIGGER])),
    ]


def by_name(all_roles: Sequence[Role]) -> Iterator[tuple[str, list[Role]]]:
    """Group the roles by name: functions and triggers may use the same role."""
    for name in dict.fromkeys(role.name for role in all_roles):
        yield name, [role for role in all_roles if role.name == name]


def statements(variables: Mapping[str, str]) -> dict[str, list[Statement]]:
    """Return the statements of each function and of the triggers, by their calls."""
    log, source = (f"acs:oss:*:*:{value(variables, name)}" for name in ("logBucket", "sourceBucket"))
    forward = f"acs:fc:{value(variables, 'region')}:*:functions/{value(variables, 'functionName')}"
    records = [f"{log}/{RECORDS}*"]
    records_statement = allow("oss:PutObject", "oss:GetObject", "oss:DeleteObject", on=records)
    # The mark of a closed project.
    read_mark = allow("oss:GetObject", on=[f"{log}/{state_folder('*')}closed-*"])
    list_records = allow("oss:ListObjects", on=[log])
    list_records["Condition"] = {"StringLike": {"oss:Prefix": [f"{RECORDS}*"]}}
    list_source = allow("oss:ListObjects", on=[source])
    reads_source = reads_objects(variables)
    read_source = [allow("oss:GetObject", on=[f"{source}/*"])]
    # HEAD returns the number of tags only with this permission.
    see_tags = [allow("oss:GetObjectTagging", on=[f"{source}/*"])] if changes_headers(variables) else []
    look = [allow("oss:PutObject", "oss:GetObject", on=records), list_records, list_source]
    allowed = {
        "forward": [allow("oss:PutObject", on=records), read_mark, _invoke(f"{forward}-replay")],
        "replay": [records_statement, list_records, list_source],
        "reconcile": [records_statement, list_records, list_source],
        "compare": [records_statement, list_records, list_source, *see_tags],
        "certify": look,
        "doctor": [records_statement, list_records, list_source],
        "status": look,
        _TRIGGER: [_invoke(forward, f"{forward}-reconcile", f"{forward}-compare")],
    }
    return {
        name: [*own, *(read_source if reads_source and name in _READING_FUNCTIONS else [])]
        for name, own in allowed.items()
    }


def changes_headers(variables: Mapping[str, str]) -> bool:
    """Return True if s.yaml turns the permission to change headers in OBS on.

    Raises UsageError for a value other than on and off, or without the permission to read objects.
    """
    is_on = _is_on(variables, "changeHeaders", "off")
    if is_on and not reads_objects(variables):
        raise UsageError(
            t('vars.changeHeaders is "on" in s.yaml, but vars.readObjects is "off": headers could not be read'),
            t('Set changeHeaders to "off", or readObjects to "on"'),
        )
    return is_on


def _is_on(variables: Mapping[str, str], name: str, usual: str) -> bool:
    word = variables.get(name, usual).strip().lower()
    if word not in ("on", "off"):
        raise UsageError(t("vars.{name} is {text} in s.yaml", name=name, text=word or '""'), t('Write "on" or "off"'))
    return word == "on"


def reads_objects(variables: Mapping[str, str]) -> bool:
    """Return True unless s.yaml forbids the functions to read objects.

    Timed comparisons that read objects (`compareDeep`) need the permission as well. Raises UsageError for a value other
    than on and off.
    """
    is_on = _is_on(variables, "readObjects", "on")
    if not is_on and variables.get("compareDeep", "").strip().lower() == "on":
        raise UsageError(
            t(
                'vars.compareDeep is "on" in s.yaml, but vars.readObjects is "off": the weekly comparison'
                " could not read objects"
            ),
            t('Set compareDeep to "off", or readObjects to "on"'),
        )
    return is_on


def reason_to_read(variables: Mapping[str, str], purposes: Iterable[str] = _READING_FUNCTIONS) -> Text | None:
    """Return the reason why functions can read objects, and the way to prevent it; None if they cannot."""
    if not (reads_objects(variables) and {*purposes} & {*_READING_FUNCTIONS}):
        return None
    return t(
        "`cutover --sample`, `--deep` and `deletions` read objects; without this permission the first two end NOT"
        ' PROVEN, and the last makes no list. To omit the permission, set readObjects to "off" in s.yaml'
    )


def offer_headers(variables: Mapping[str, str]) -> Text | None:
    """Return the offer of the permission to change headers in OBS; None if s.yaml grants it."""
    if changes_headers(variables):
        return None
    return t(
        "`headers` can give objects in OBS the headers that OMS does not copy. To grant that permission, set"
        ' changeHeaders to "on" in s.yaml, then run setup again'
    )


def trust_of(same_roles: Sequence[Role]) -> Document:
    """Return the trust policy of a role: Function Compute assumes functions' roles, OSS the triggers' role."""
    services = sorted({role.service for role in same_roles})
    return {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}],
    }


def source_reader(bucket: str) -> Document:
    """Return the policy of OMS's key for the source.

    Source: support.huaweicloud.com/oms_faq, "How Do I Obtain Required Permissions for the Source and Destination
    Platform Accounts?". The first permission covers the names of all buckets; OMS refuses a key without it.
    """
    place = f"acs:oss:*:*:{bucket}"
    return ram_policy(
        allow("oss:ListBuckets", on=["acs:oss:*:*:*"]),
        allow("oss:GetBucketLocation", "oss:ListObjects", on=[place]),
        allow("oss:GetObject", on=[f"{place}/*"]),
    )


def destination_writer(bucket: str) -> Document:
    """Return the policy of OMS's key for the destination, by the same page."""
    objects = ("obs:object:getObject", "obs:object:putObject", "obs:object:listMultipartUploadParts")
    return identity_policy(
        allow("obs:bucket:listAllMyBuckets", on=["*"]),
        allow("obs:bucket:getBucketLocation", "obs:bucket:listBucket", on=[f"obs:*:*:bucket:{bucket}"]),
        allow(*objects, on=[f"obs:*:*:object:{bucket}/*"]),
    )


def functions_in_huawei(variables: Mapping[str, str]) -> Document:
    """Return the policy of the functions' key: it reads all objects, or only OMS's lists; it may change headers."""
    bucket = value(variables, "destinationBucket")
    readable = [f"obs:*:*:object:{bucket}/{prefix}*" for prefix in (("",) if reads_objects(variables) else OMS_LISTS)]
    return identity_policy(
        allow(
            *(f"oms:synctask:{action}" for action in ("createEvent", "get", "statistics")),
            "oms:taskgroup:get",
            on=["*"],
        ),
        allow("obs:bucket:listBucket", "obs:bucket:headBucket", on=[f"obs:*:*:bucket:{bucket}"]),
        allow("obs:object:getObject", on=readable),
        *(headers(variables)["Statement"] if changes_headers(variables) else []),
    )


def headers(variables: Mapping[str, str]) -> Document:
    """Return the policy that the functions' key needs besides, to change headers of objects in OBS."""
    objects = f"obs:*:*:object:{value(variables, 'destinationBucket')}/*"
    return identity_policy(allow(*_CHANGE_HEADERS, on=[objects]))


def canary(variables: Mapping[str, str]) -> tuple[Document, Document]:
    """Return the policies of a canary's administrator in both clouds; no other user needs them."""
    source, log = (f"acs:oss:*:*:{value(variables, name)}" for name in ("sourceBucket", "logBucket"))
    own_keys, destination = f"{variables.get('objectPrefix', '')}{CANARY}*", value(variables, "destinationBucket")
    keep = ("oss:PutObject", "oss:GetObject", "oss:DeleteObject")
    source_actions = (
        "oss:ListObjects",
        "oss:ListObjectVersions",
        "oss:ListMultipartUploads",
        "oss:GetBucketVersioning",
    )
    # For the check that the bucket does not retain deleted objects.
    bucket_actions = ("listBucket", "listBucketVersions", "getBucketVersioning", "getBucketObjectLockConfiguration")
    object_actions = (f"obs:object:{action}" for action in ("getObject", "deleteObject", "deleteObjectVersion"))
    return (
        ram_policy(
            allow(*keep, "oss:DeleteObjectVersion", "oss:AbortMultipartUpload", on=[f"{source}/{own_keys}"]),
            allow(*source_actions, "oss:GetBucketWorm", on=[source]),
            allow(*keep, on=[f"{log}/{RECORDS}*"]),
            allow("oss:ListObjects", on=[log]),
        ),
        identity_policy(
            allow("oms:synctask:get", "oms:synctask:statistics", on=["*"]),
            allow(*(f"obs:bucket:{action}" for action in bucket_actions), on=[f"obs:*:*:bucket:{destination}"]),
            allow(*object_actions, *_CHANGE_HEADERS, on=[f"obs:*:*:object:{destination}/{own_keys}"]),
            allow("obs:object:getObject", on=[f"obs:*:*:object:{destination}/{OMS_LISTS[0]}*"]),
            *([allow(*_READ_POLICIES, on=["*"])] if changes_headers(variables) else []),
        ),
    )


def migration(variables: Mapping[str, str]) -> tuple[Document, Document]:
    """Return the policies of a migration's administrator in both clouds.

    They cover task groups, the keys of the users that setup made for OMS, and the migration's records in the log
    bucket.
    """
    user = f"{value(variables, 'functionName')}-oms"
    user_actions = ("GetUser", "ListPoliciesForUser", "ListAccessKeys", "CreateAccessKey", "DeleteAccessKey")
    states = f"acs:oss:*:*:{value(variables, 'logBucket')}/{state_folder('*')}migrat*"
    groups = ("create", "list", "get", "update", "delete")
    keys = (f"iam:credentials:{key}" for key in ("listCredentialsV5", "createCredentialV5", "deleteCredentialV5"))
    return (
        ram_policy(
            allow(*(f"ram:{action}" for action in user_actions), on=[f"acs:ram:*:*:user/{user}"]),
            allow("ram:GetPolicy", on=[f"acs:ram:*:*:policy/{user}"]),
            allow("oss:GetObject", "oss:PutObject", "oss:DeleteObject", on=[states]),
        ),
        identity_policy(
            allow(*(f"oms:taskgroup:{group}" for group in groups), on=["*"]),
            allow(*_READ_POLICIES, *keys, on=["*"]),
        ),
    )


def checklist(variables: Mapping[str, str]) -> tuple[Document, Document]:
    """Return the policies of an administrator who reads the settings of both buckets.

    They change no setting, and write one object in the log bucket.
    """
    source, destination = (value(variables, name) for name in ("sourceBucket", "destinationBucket"))
    record = f"acs:oss:*:*:{value(variables, 'logBucket')}/{back_to_source_name('*')}"
    common_names = ("Acl", "Logging", "Policy", "Tagging", "Versioning", "Website")
    oss_names = ("Cors", "Encryption", "Lifecycle", "Referer")
    obs_names = ("BucketCORS", "BucketCustomDomainConfiguration", "EncryptionConfiguration", "LifecycleConfiguration")
    destination_names = (*(f"Bucket{name}" for name in common_names), *obs_names, "MirrorBackToSource")
    return (
        ram_policy(
            allow(
                *(f"oss:GetBucket{name}" for name in (*common_names, *oss_names)),
                "oss:ListCname",
                on=[f"acs:oss:*:*:{source}"],
            ),
            allow("oss:PutObject", on=[record]),
        ),
        identity_policy(
            allow(*(f"obs:bucket:get{name}" for name in destination_names), on=[f"obs:*:*:bucket:{destination}"])
        ),
    )


def deployer(variables: Mapping[str, str]) -> Document:
    """Return the policy of the deploying tool's user: the permissions for the API calls that the tool documents."""
    functions = f"acs:fc:{value(variables, 'region')}:*:functions/{value(variables, 'functionName')}*"
    return ram_policy(
        allow("fc:*Function*", "fc:*Trigger*", "fc:*AsyncInvokeConfig*", on=[functions]),
        allow("ram:PassRole", "ram:GetRole", on=[f"acs:ram::*:role/{role.name}" for role in roles(variables)]),
        allow("log:Create*", "log:Get*", on=["*"]),
    )


def _invoke(*functions: str) -> Statement:
    return allow("fc:InvokeFunction", on=[part for function in functions for part in (function, f"{function}/*")])


def _role_name(variables: Mapping[str, str], purpose: str) -> str:
    return value(variables, "functionRole" if purpose == "forward" else f"{purpose}Role")


def value(variables: Mapping[str, str], name: str) -> str:
    """Return a variable of s.yaml. Raises UsageError for a value that is an expression."""
    # A role can be an ARN with an expression for the account.
    text = variables.get(name, "").rpartition(":role/")[2]
    if not text or "${" in text:
        present = t("vars.{name} is {text} in s.yaml", name=name, text=text)
        missing = t("vars.{name} is missing in s.yaml", name=name)
        raise UsageError(present if text else missing, t("Write the full name: the policies need it"))
    return text
