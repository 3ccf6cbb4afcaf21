"""The policy statements of the project's roles, users and administrators, for setup and policies/show.py.

RAM lets a role have few custom policies (its page of limits says five, and accounts differ), so a role has a single
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
    """A RAM role with the project's policy, and its purposes: the functions that use the role, or the triggers."""

    name: str
    purposes: tuple[str, ...]
    policy: str
    document: Document

    @property
    def service(self) -> str:
        """The host name of the cloud service that assumes the role."""
        return "oss.aliyuncs.com" if self.purposes == (_TRIGGER,) else "fc.aliyuncs.com"


def list_roles(variables: Mapping[str, str]) -> list[Role]:
    """List the RAM roles that the variables of s.yaml name, with their policies.

    Raises UsageError if the name of a role contains an expression such as `${config('AccountID')}`.
    """
    name = read_variable(variables, "functionName")
    statements_by_purpose = list_statements(variables)
    forward_role = _role_name(variables, "forward")
    groups: dict[str, list[str]] = {}
    for purpose in FUNCTIONS:
        groups.setdefault(_role_name(variables, purpose), []).append(purpose)
    function_roles = [
        Role(
            role,
            tuple(purposes),
            f"{name}-function" if role == forward_role else f"{name}-{purposes[0]}",
            merge(statement for purpose in purposes for statement in statements_by_purpose[purpose]),
        )
        for role, purposes in groups.items()
    ]
    return [
        *function_roles,
        Role(_role_name(variables, _TRIGGER), (_TRIGGER,), f"{name}-trigger", merge(statements_by_purpose[_TRIGGER])),
    ]


def group_roles(all_roles: Sequence[Role]) -> Iterator[tuple[str, list[Role]]]:
    """Group the roles by name: functions and triggers may use the same role."""
    for name in dict.fromkeys(role.name for role in all_roles):
        yield name, [role for role in all_roles if role.name == name]


def list_statements(variables: Mapping[str, str]) -> dict[str, list[Statement]]:
    """Return the policy statements for the calls of each function, and of the triggers, by the function's name."""
    log, source = (f"acs:oss:*:*:{read_variable(variables, name)}" for name in ("logBucket", "sourceBucket"))
    forward_function = (
        f"acs:fc:{read_variable(variables, 'region')}:*:functions/{read_variable(variables, 'functionName')}"
    )
    record_objects = [f"{log}/{RECORDS}*"]
    records_statement = allow("oss:PutObject", "oss:GetObject", "oss:DeleteObject", resources=record_objects)
    # The object that marks the project as closed.
    mark_statement = allow("oss:GetObject", resources=[f"{log}/{state_folder('*')}closed-*"])
    record_list_statement = allow("oss:ListObjects", resources=[log])
    record_list_statement["Condition"] = {"StringLike": {"oss:Prefix": [f"{RECORDS}*"]}}
    source_list_statement = allow("oss:ListObjects", resources=[source])
    can_read_source = can_read_objects(variables)
    source_read_statements = [allow("oss:GetObject", resources=[f"{source}/*"])]
    # HEAD returns the number of tags only with this permission.
    tag_statements = [allow("oss:GetObjectTagging", resources=[f"{source}/*"])] if can_change_headers(variables) else []
    reading_statements = [
        allow("oss:PutObject", "oss:GetObject", resources=record_objects),
        record_list_statement,
        source_list_statement,
    ]
    statements_by_name = {
        "forward": [
            allow("oss:PutObject", resources=record_objects),
            mark_statement,
            _allow_invocations(f"{forward_function}-replay"),
        ],
        "replay": [records_statement, record_list_statement, source_list_statement],
        "reconcile": [records_statement, record_list_statement, source_list_statement],
        "compare": [records_statement, record_list_statement, source_list_statement, *tag_statements],
        "certify": reading_statements,
        "doctor": [records_statement, record_list_statement, source_list_statement],
        "status": reading_statements,
        _TRIGGER: [
            _allow_invocations(forward_function, f"{forward_function}-reconcile", f"{forward_function}-compare")
        ],
    }
    return {
        name: [
            *function_statements,
            *(source_read_statements if can_read_source and name in _READING_FUNCTIONS else []),
        ]
        for name, function_statements in statements_by_name.items()
    }


def can_change_headers(variables: Mapping[str, str]) -> bool:
    """Return True if s.yaml gives the functions the permission to change headers in OBS.

    Raises UsageError for a value other than on and off, or if the functions are not allowed to read objects.
    """
    is_on = _is_on(variables, "changeHeaders", "off")
    if is_on and not can_read_objects(variables):
        raise UsageError(
            t('vars.changeHeaders is "on" in s.yaml, but vars.readObjects is "off": headers could not be read'),
            t('Set changeHeaders to "off" or readObjects to "on" in s.yaml'),
        )
    return is_on


def _is_on(variables: Mapping[str, str], name: str, default: str) -> bool:
    word = variables.get(name, default).strip().lower()
    if word not in ("on", "off"):
        raise UsageError(
            t("vars.{name} in s.yaml has an unusable value: {text}", name=name, text=word or '""'),
            t('Set this variable to "on" or "off"'),
        )
    return word == "on"


def can_read_objects(variables: Mapping[str, str]) -> bool:
    """Return True unless s.yaml forbids the functions to read objects.

    Raises UsageError for a value other than on and off, or if timed comparisons (`compareDeep`) have to read objects.
    """
    is_on = _is_on(variables, "readObjects", "on")
    if not is_on and variables.get("compareDeep", "").strip().lower() == "on":
        raise UsageError(
            t(
                'vars.compareDeep is "on" in s.yaml, but vars.readObjects is "off": the weekly comparison'
                " could not read objects"
            ),
            t('Set compareDeep to "off" or readObjects to "on" in s.yaml'),
        )
    return is_on


def reading_reason(variables: Mapping[str, str], functions: Iterable[str] = _READING_FUNCTIONS) -> Text | None:
    """Return the sentence that says why functions are allowed to read objects, and how to prevent it.

    Return None if none of `functions` is allowed to read objects.
    """
    if not (can_read_objects(variables) and {*functions} & {*_READING_FUNCTIONS}):
        return None
    return t(
        "`cutover --sample`, `--deep`, `headers` and `deletions` need this permission. Without it, a cutover"
        " with `--sample` and a pass with `--deep` end in NOT PROVEN, `headers` cannot run, and `deletions`"
        ' writes no list. To omit the permission, set readObjects to "off" in s.yaml'
    )


def headers_hint(variables: Mapping[str, str]) -> Text | None:
    """Return the hint that s.yaml can grant the permission to change headers in OBS.

    Return None if s.yaml grants the permission already.
    """
    if can_change_headers(variables):
        return None
    return t(
        "`headers` sets headers in OBS that OMS does not copy. To grant the permission for this, set"
        ' changeHeaders to "on" in s.yaml, then run setup again'
    )


def trust_policy(same_roles: Sequence[Role]) -> Document:
    """Return the policy that lets cloud services assume a RAM role.

    Function Compute assumes the roles of functions, and OSS the role of triggers. `same_roles` are these uses of the
    role.
    """
    services = sorted({role.service for role in same_roles})
    return {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}],
    }


def source_reader_policy(bucket: str) -> Document:
    """Return the policy of the access key with which OMS reads the source.

    Source: support.huaweicloud.com/oms_faq, "How Do I Obtain Required Permissions for the Source and Destination
    Platform Accounts?". The first permission covers the names of all buckets; OMS refuses a key without it.
    """
    bucket_resource = f"acs:oss:*:*:{bucket}"
    return ram_policy(
        allow("oss:ListBuckets", resources=["acs:oss:*:*:*"]),
        allow("oss:GetBucketLocation", "oss:ListObjects", resources=[bucket_resource]),
        allow("oss:GetObject", resources=[f"{bucket_resource}/*"]),
    )


def destination_writer_policy(bucket: str) -> Document:
    """Return the policy of the access key with which OMS writes to the destination.

    Source: the same page as for `source_reader_policy`.
    """
    objects = ("obs:object:getObject", "obs:object:putObject", "obs:object:listMultipartUploadParts")
    return identity_policy(
        allow("obs:bucket:listAllMyBuckets", resources=["*"]),
        allow("obs:bucket:getBucketLocation", "obs:bucket:listBucket", resources=[f"obs:*:*:bucket:{bucket}"]),
        allow(*objects, resources=[f"obs:*:*:object:{bucket}/*"]),
    )


def functions_policy(variables: Mapping[str, str]) -> Document:
    """Return the policy of the functions' access key in Huawei Cloud.

    Settings in s.yaml decide whether the key can read all objects or only OMS's lists, and whether it can change
    headers.
    """
    bucket = read_variable(variables, "destinationBucket")
    readable_objects = [
        f"obs:*:*:object:{bucket}/{prefix}*" for prefix in (("",) if can_read_objects(variables) else OMS_LISTS)
    ]
    return identity_policy(
        allow(
            *(f"oms:synctask:{action}" for action in ("createEvent", "get", "statistics")),
            "oms:taskgroup:get",
            resources=["*"],
        ),
        allow("obs:bucket:listBucket", "obs:bucket:headBucket", resources=[f"obs:*:*:bucket:{bucket}"]),
        allow("obs:object:getObject", resources=readable_objects),
        *(headers_policy(variables)["Statement"] if can_change_headers(variables) else []),
    )


def headers_policy(variables: Mapping[str, str]) -> Document:
    """Return the additional policy with which the functions' key can change headers of objects in OBS."""
    objects = f"obs:*:*:object:{read_variable(variables, 'destinationBucket')}/*"
    return identity_policy(allow(*_CHANGE_HEADERS, resources=[objects]))


def canary_policies(variables: Mapping[str, str]) -> tuple[Document, Document]:
    """Return the policies, in Alibaba Cloud and Huawei Cloud, of an administrator who runs a canary.

    A canary is a trial with a few objects.
    """
    source, log = (f"acs:oss:*:*:{read_variable(variables, name)}" for name in ("sourceBucket", "logBucket"))
    canary_keys, destination = (
        f"{variables.get('objectPrefix', '')}{CANARY}*",
        read_variable(variables, "destinationBucket"),
    )
    object_permissions = ("oss:PutObject", "oss:GetObject", "oss:DeleteObject")
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
            allow(
                *object_permissions,
                "oss:DeleteObjectVersion",
                "oss:AbortMultipartUpload",
                resources=[f"{source}/{canary_keys}"],
            ),
            allow(*source_actions, "oss:GetBucketWorm", resources=[source]),
            allow(*object_permissions, resources=[f"{log}/{RECORDS}*"]),
            allow("oss:ListObjects", resources=[log]),
        ),
        identity_policy(
            allow("oms:synctask:get", "oms:synctask:statistics", resources=["*"]),
            allow(*(f"obs:bucket:{action}" for action in bucket_actions), resources=[f"obs:*:*:bucket:{destination}"]),
            allow(*object_actions, *_CHANGE_HEADERS, resources=[f"obs:*:*:object:{destination}/{canary_keys}"]),
            allow("obs:object:getObject", resources=[f"obs:*:*:object:{destination}/{OMS_LISTS[0]}*"]),
            *([allow(*_READ_POLICIES, resources=["*"])] if can_change_headers(variables) else []),
        ),
    )


def migration_policies(variables: Mapping[str, str]) -> tuple[Document, Document]:
    """Return the policies, in Alibaba Cloud and Huawei Cloud, of an administrator who migrates existing objects.

    They permit OMS's task groups, access keys of the users that setup created for OMS, and the migration's objects in
    the log bucket.
    """
    user = f"{read_variable(variables, 'functionName')}-oms"
    user_actions = ("GetUser", "ListPoliciesForUser", "ListAccessKeys", "CreateAccessKey", "DeleteAccessKey")
    state_objects = f"acs:oss:*:*:{read_variable(variables, 'logBucket')}/{state_folder('*')}migrat*"
    group_actions = ("create", "list", "get", "update", "delete")
    key_actions = (
        f"iam:credentials:{key}" for key in ("listCredentialsV5", "createCredentialV5", "deleteCredentialV5")
    )
    return (
        ram_policy(
            allow(*(f"ram:{action}" for action in user_actions), resources=[f"acs:ram:*:*:user/{user}"]),
            allow("ram:GetPolicy", resources=[f"acs:ram:*:*:policy/{user}"]),
            allow("oss:GetObject", "oss:PutObject", "oss:DeleteObject", resources=[state_objects]),
        ),
        identity_policy(
            allow(*(f"oms:taskgroup:{group}" for group in group_actions), resources=["*"]),
            allow(*_READ_POLICIES, *key_actions, resources=["*"]),
        ),
    )


def checklist_policies(variables: Mapping[str, str]) -> tuple[Document, Document]:
    """Return the policies, in Alibaba Cloud and Huawei Cloud, of an administrator who reads both buckets' settings.

    They also permit the writing of one object in the log bucket.
    """
    source, destination = (read_variable(variables, name) for name in ("sourceBucket", "destinationBucket"))
    record = f"acs:oss:*:*:{read_variable(variables, 'logBucket')}/{back_to_source_name('*')}"
    common_names = ("Acl", "Logging", "Policy", "Tagging", "Versioning", "Website")
    oss_names = ("Cors", "Encryption", "Lifecycle", "Referer")
    obs_names = ("BucketCORS", "BucketCustomDomainConfiguration", "EncryptionConfiguration", "LifecycleConfiguration")
    destination_names = (*(f"Bucket{name}" for name in common_names), *obs_names, "MirrorBackToSource")
    return (
        ram_policy(
            allow(
                *(f"oss:GetBucket{name}" for name in (*common_names, *oss_names)),
                "oss:ListCname",
                resources=[f"acs:oss:*:*:{source}"],
            ),
            allow("oss:PutObject", resources=[record]),
        ),
        identity_policy(
            allow(*(f"obs:bucket:get{name}" for name in destination_names), resources=[f"obs:*:*:bucket:{destination}"])
        ),
    )


def deployer_policy(variables: Mapping[str, str]) -> Document:
    """Return the policy of the user who deploys: the permissions for the API calls that Serverless Devs documents."""
    functions = f"acs:fc:{read_variable(variables, 'region')}:*:functions/{read_variable(variables, 'functionName')}*"
    return ram_policy(
        allow("fc:*Function*", "fc:*Trigger*", "fc:*AsyncInvokeConfig*", resources=[functions]),
        allow(
            "ram:PassRole", "ram:GetRole", resources=[f"acs:ram::*:role/{role.name}" for role in list_roles(variables)]
        ),
        allow("log:Create*", "log:Get*", resources=["*"]),
    )


def _allow_invocations(*functions: str) -> Statement:
    return allow(
        "fc:InvokeFunction", resources=[part for function in functions for part in (function, f"{function}/*")]
    )


def _role_name(variables: Mapping[str, str], purpose: str) -> str:
    return read_variable(variables, "functionRole" if purpose == "forward" else f"{purpose}Role")


def read_variable(variables: Mapping[str, str], name: str) -> str:
    """Return a variable of s.yaml. If the variable is a role's ARN, return only the name of the role.

    Raises UsageError if the value is missing, or contains an expression such as `${config('AccountID')}`.
    """
    # A role can be an ARN with an expression for the account.
    text = variables.get(name, "").rpartition(":role/")[2]
    if not text or "${" in text:
        invalid_text = t("vars.{name} in s.yaml has an unusable value: {text}", name=name, text=text)
        missing_text = t("vars.{name} is missing in s.yaml", name=name)
        raise UsageError(
            invalid_text if text else missing_text,
            t("Write the value itself, not an expression such as ${{...}}: setup writes the value into policies"),
        )
    return text
