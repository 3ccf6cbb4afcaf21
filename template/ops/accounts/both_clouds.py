"""The needs (entries of setup's plan) of the project in the accounts of both clouds.

Sources: help.aliyun.com/zh/sts/developer-reference, "GetCallerIdentity"; support.huaweicloud.com/api-iam
(KeystoneListAuthDomains) and /api-iam5 (ListUsersV5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ops.accounts import statements, storage
from ops.accounts.functions_key import FunctionsKey
from ops.accounts.iam_users import IamUser
from ops.accounts.needs import Line, Need, ResourceState, with_reason
from ops.accounts.policy_documents import list_permissions
from ops.accounts.ram_roles import RamHolder
from ops.accounts.sync_tasks import BucketPair, SyncTasks
from ops.accounts.task_keys import TaskKeys, requested_text
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import (
    ALIBABA_VARIABLES,
    HUAWEI_VARIABLES,
    OMS_DESTINATION_VARIABLES,
    OMS_SOURCE_VARIABLES,
    Keys,
    read_administrator_keys,
)
from ops.clouds.services import FunctionService, OssTrigger, Ram, Service, read_list
from ops.clouds.wire import suppress_refusal
from ops.errors import UsageError
from ops.functions.call import Caller
from ops.session import Session
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t, untranslated

Holder = IamUser | RamHolder

# The variables of s.yaml without which setup cannot plan.
NEEDED_VARIABLES = ("functionName", "region", "sourceBucket", "logBucket", "destinationRegion", "destinationBucket")

# The events of forward's trigger in s.yaml.
CONTENT_EVENTS = tuple(
    f"oss:ObjectCreated:{event}"
    for event in ("PutObject", "PostObject", "CopyObject", "AppendObject", "CompleteMultipartUpload")
)
_READER_TITLE = t("RAM user with which OMS reads the source")
_WRITER_TITLE = t("IAM user with which OMS writes to the destination")
_CALLER_TITLE = t("IAM user with which the functions call OMS and OBS")


class Alibaba:
    """The account of Alibaba Cloud, and the project's resources in it.

    - `variables` are the variables of s.yaml.
    - `keys` are an administrator's keys; with None, the user is asked for them.
    - `reader` is the RAM user whose access key OMS uses to read the source.
    """

    def __init__(self, session: Session, variables: Mapping[str, str], keys: Keys | None = None) -> None:
        keys, clock, endpoints = (
            keys or read_administrator_keys(session, ALIBABA_VARIABLES),
            session.clock,
            session.caller.endpoints(),
        )
        self._caller, self._variables, self._region = session.caller, variables, variables["region"]
        self.source, self.log = (
            OssBucketClient.open(endpoints, self._region, variables[name], keys, clock)
            for name in ("sourceBucket", "logBucket")
        )
        self._ram = Ram(keys, clock, endpoints.get("RAM_ENDPOINT", ""))
        self.account = _alibaba_account(self._ram)
        number, endpoint = self.account.number, endpoints.get("FC_ENDPOINT", "")
        self._functions = FunctionService(self._region, number, keys, clock, endpoint)
        name, self._label = f"{variables['functionName']}-oms", ownership_label(variables)
        self.reader = RamHolder(
            self._ram, "User", name, {name: statements.source_reader_policy(self.source.name)}, self._label
        )

    def needs(self, has_task: Callable[[], bool]) -> Iterator[Need]:
        """Yield the project's needs in this account, except access keys.

        `has_task` returns True if a sync task exists.
        """
        yield self._account_need()
        permissions = list(list_permissions(statements.deployer_policy(self._variables)))
        yield _alias_need(self._caller, self._variables["access"], self.account.number, permissions)
        yield storage.source_bucket_need(self.source, self._region)
        prefix, suffix = (self._variables.get(name, "") for name in ("objectPrefix", "objectSuffix"))
        yield storage.trigger_need(
            self._functions,
            self.source.name,
            OssTrigger(self._variables["functionName"], "", CONTENT_EVENTS, prefix, suffix),
        )
        yield storage.log_bucket_need(self.log, self._region, self.account.number)
        for purposes, holder in self._list_role_holders():
            need = holder.need(_role_title(purposes))
            yield with_reason(need, statements.reading_reason(self._variables, purposes))
        yield self.reader.need(_READER_TITLE, [_handover_step(OMS_SOURCE_VARIABLES)], has_task)

    def removals(self) -> Iterator[Need]:
        """Yield the removal of each resource that setup created in this account, except the log bucket."""
        yield self._account_need()
        yield self.reader.removal(_READER_TITLE)
        for purposes, holder in self._list_role_holders():
            yield holder.removal(_role_title(purposes))

    def source_key_handover(self) -> Need:
        """Return the need for the access key with which OMS reads the source, if another person sets up Huawei Cloud.

        A person creates this key by hand, because setup would have to print the secret.
        """
        setup_step = Step("setup", {"only": "huawei"})
        title = t("access key of {name}, needed to set up Huawei Cloud", name=self.reader.name)
        text = t(
            "Create an access key for this user in the RAM console, and hand the key to the administrator of"
            " Huawei Cloud, who enters it in this command: {command}",
            command=setup_step,
        )

        def read_state() -> Line:
            if ids := self.reader.key_ids():
                return Line(ResourceState.EXISTS, facts=[untranslated(key_id) for key_id in ids])
            return Line(ResourceState.BY_HAND, t("none"), text)

        return Need(title, ("ram:ListAccessKeys",), read_state, manual_steps=[text], is_settled=lambda: True)

    def _account_need(self) -> Need:
        return self.account.need(t("Alibaba Cloud account"))

    def _list_role_holders(self) -> Iterator[tuple[Sequence[str], RamHolder]]:
        for name, roles in statements.group_roles(statements.list_roles(self._variables)):
            policies = {role.policy: role.document for role in roles}
            yield (
                [purpose for role in roles for purpose in role.purposes],
                RamHolder(self._ram, "Role", name, policies, self._label, json.dumps(statements.trust_policy(roles))),
            )


class Huawei:
    """The account of Huawei Cloud, and the project's resources in it.

    - `writer` is the IAM user whose access key OMS uses to write to the destination.
    - `functions` is the IAM user whose access key, `key`, the project's functions use.
    - `alibaba` is the account of Alibaba Cloud, or None if setup has no keys of it.
    """

    def __init__(
        self,
        session: Session,
        variables: Mapping[str, str],
        keys: Keys | None = None,
        alibaba: Alibaba | None = None,
        *,
        keep_storage_class: bool = False,
    ) -> None:
        self._keys, self._clock = keys or read_administrator_keys(session, HUAWEI_VARIABLES), session.clock
        endpoints = session.caller.endpoints()
        self._region, bucket = variables["destinationRegion"], variables["destinationBucket"]
        self._endpoints, self._bucket, self._log_bucket = endpoints, bucket, variables["logBucket"]
        self._iam = Service(endpoints.get("IAM_ENDPOINT") or "https://iam.myhuaweicloud.com", self._keys, self._clock)
        self.account = _huawei_account(self._iam, self._keys)
        name, label = variables["functionName"], ownership_label(variables)
        self.writer = IamUser(
            self._iam, f"{name}-oms", statements.destination_writer_policy(bucket), label, self._region
        )
        self._variables = variables
        self.functions = IamUser(
            self._iam, f"{name}-functions", statements.functions_policy(variables), label, self._region
        )
        self.key = FunctionsKey(self.functions, session.caller, session.clock, variables, self.has_task)
        holders = [self.writer, *([alibaba.reader] if alibaba else ())]
        self.task_keys = TaskKeys(alibaba.log if alibaba else None, name, session.clock, holders)
        number = self._find_project_id()
        self.tasks = SyncTasks(
            Service(
                endpoints.get("OMS_ENDPOINT") or f"https://oms.{self._region}.myhuaweicloud.com",
                self._keys,
                self._clock,
                {"X-Project-Id": number},
            ),
            number,
            BucketPair(variables["sourceBucket"], variables["region"], bucket, self._region),
            label,
            self.task_keys,
            variables.get("SYNC_URL", ""),
            keep_storage_class=keep_storage_class,
        )

    def create_destination_client(self, keys: Keys) -> ObsBucketClient:
        return ObsBucketClient.open(self._endpoints, self._region, self._bucket, keys, self._clock)

    def needs(self) -> Iterator[Need]:
        """Yield the project's needs in this account, except access keys and the sync task."""
        yield self._account_need()
        yield storage.destination_bucket_need(self.create_destination_client(self._keys), self._region)
        yield self.writer.need(_WRITER_TITLE, [_handover_step(OMS_DESTINATION_VARIABLES)], self.has_task)
        yield self._functions_need()

    def has_task(self) -> bool:
        """Return True if s.yaml names a sync task, or setup has created one: OMS then has the access keys for it."""
        return bool(self.tasks.address())

    def settings(self) -> dict[str, str]:
        """Return the variables that setup writes into s.yaml. Without a sync task, SYNC_URL is empty."""
        return {"SYNC_URL": self.tasks.address(), **self.key.settings, "logBucket": self._log_bucket}

    def list_own_settings(self) -> list[str]:
        """List the variables of s.yaml that a removal empties, because they name a task or a key of setup."""
        return [*(["SYNC_URL"] if self.tasks.owns_address() else ()), *self.key.list_own_settings()]

    def key_needs(self, holders: Sequence[Holder]) -> Iterator[Need]:
        """Yield the needs to delete unused access keys, then the need for the functions' key.

        `holders` are the users whose new keys setup gives to OMS.
        """
        for holder in holders:
            yield _unused_keys_need(holder, self.has_task, self.task_keys)
        yield _unused_keys_need(self.functions, self.key.is_used)
        yield self.key.need()

    def foreign_source_key(self) -> Need:
        """Return the need for the key with which OMS reads the source, if setup has no keys of the source's account.

        Another person administers that account, and hands the key over.
        """
        text = t(
            "Have the access key ready: setup asks for it, or reads it from the environment ({names})",
            names=OMS_SOURCE_VARIABLES,
        )

        def read_state() -> Line:
            return Line(ResourceState.EXISTS) if self.has_task() else Line(ResourceState.BY_HAND, None, text)

        return Need(t("access key with which OMS reads the source"), (), read_state)

    def renewals(self) -> Iterator[Need]:
        """Yield the needs of renewing the functions' access key."""
        yield self._account_need()
        yield self._functions_need()
        yield self.key.renewal()

    def removals(self) -> Iterator[Need]:
        """Yield the removal of each resource that setup created in this account, except the destination bucket."""
        yield self._account_need()
        yield self.tasks.removal()
        yield self.writer.removal(_WRITER_TITLE)
        yield self.functions.removal(_CALLER_TITLE)
        yield self.key.removal()

    def has_functions_policy(self) -> bool | None:
        """Return True if the functions' IAM user has the policy that s.yaml requires.

        Return False if setup has not created the user, and None if the policy is unknown or differs.
        """
        state = self._functions_need().inspect().state
        return {ResourceState.EXISTS: True, ResourceState.CREATE: False, ResourceState.STOP: False}.get(state)

    def _functions_need(self) -> Need:
        need = self.functions.need(_CALLER_TITLE, (), self.key.is_stored)
        reasons = statements.reading_reason(self._variables), statements.headers_hint(self._variables)
        return with_reason(need, sentences(*filter(None, reasons)) if any(reasons) else None)

    def _account_need(self) -> Need:
        return self.account.need(t("Huawei Cloud account"))

    def _find_project_id(self) -> str:
        projects = read_list(self._iam.call("GET", "/v3/projects", {"name": self._region}), "projects")
        if not projects:
            raise UsageError(
                t("The Huawei Cloud account has no IAM project for the region {region}", region=self._region),
                t("Open the region once in the Huawei Cloud console, or correct destinationRegion in s.yaml"),
            )
        return str(projects[0]["id"])


def ownership_label(variables: Mapping[str, str]) -> str:
    """Return the description or comment by which setup recognizes the resources that it created in both clouds.

    The text contains the source bucket, because several projects may have the same name. RAM allows 128 characters.
    """
    return f"oss-oms-sync:{variables['functionName']}:{variables['sourceBucket']}"[:128]


def _unused_keys_need(holder: Holder, is_used: Callable[[], bool], task_keys: TaskKeys | None = None) -> Need:
    """Return the need to delete a user's unused access keys, whose secrets are lost.

    A cloud shows a secret only once. Keys for a requested sync task are kept until OMS's list must contain the task.
    Setup deletes only keys that its plan has named.
    """
    planned_ids: list[str] | None = None

    def read_state() -> Line:
        nonlocal planned_ids
        keys = [] if is_used() else holder.key_ids()
        note = task_keys.find_unanswered_note() if task_keys and keys else None
        text = requested_text(note) if note and set(note.keys) & set(keys) else None
        may_be_in_use = task_keys and note and text and not task_keys.is_old(note)
        planned_ids = [key for key in keys if planned_ids is None or key in planned_ids] if not may_be_in_use else []
        if planned_ids:
            consequence = (
                t("If OMS creates the requested task later, the task cannot copy objects without these access keys")
                if text
                else None
            )
            return Line(ResourceState.REMOVE, text, consequence, [*map(untranslated, planned_ids)])
        return Line(ResourceState.EXISTS, text or t("none"), facts=[*map(untranslated, keys)] if text else ())

    def remove() -> None:
        for key in planned_ids or ():
            holder.delete_key(key)

    title, manual_steps = (
        t("unused access keys of {who}", who=holder.title),
        [t("Delete the access keys that are not in use")],
    )
    return Need(title, holder.key_permissions, read_state, remove, manual_steps, lambda: True)


def _role_title(purposes: Sequence[str]) -> Text:
    return t("RAM role for {names}", names=purposes)


def _handover_step(names: tuple[str, str]) -> Text:
    return t(
        "Create an access key for this user, and hand it to the person who runs setup. Setup asks for the"
        " key, or reads it from the environment ({names})",
        names=names,
    )


_ROOT_KEY_WARNING = t(
    "This is, or may be, the account's own access key, which has every permission. A user's access key is safer"
)


class Account(NamedTuple):
    """The account to which a key belongs, and the user with the key.

    `is_root` is True if the key is the account's own, with all permissions, or if this is unknown.
    """

    number: str
    holder: str
    is_root: bool

    def need(self, title: Text) -> Need:
        """Return a need that only shows the account in setup's plan."""
        text = t("{account}, as {holder}", account=self.number, holder=self.holder)
        return Need(title, (), lambda: Line(ResourceState.EXISTS, text, _ROOT_KEY_WARNING if self.is_root else None))


def _alibaba_account(ram: Ram) -> Account:
    identity = ram.identity()
    return Account(str(identity["AccountId"]), str(identity["Arn"]), identity["IdentityType"] == "Account")


def _huawei_account(iam: Service, keys: Keys) -> Account:
    """Return the account of the administrator's key.

    If IAM does not report the key's user, the user is `-`, and the key may be the account's own unless it is temporary.
    """
    domain = read_list(iam.call("GET", "/v3/auth/domains"), "domains")[0]
    users = []
    with suppress_refusal(lambda error: error.is_denied):
        users = read_list(iam.call("GET", "/v5/users", {"access_key_id": keys.access.reveal()}), "users")
    holder, is_root = (users[0]["user_name"], users[0]["is_root_user"]) if users else ("-", not keys.token)
    return Account(f"{domain['name']} ({domain['id']})", holder, is_root)


def _alias_need(caller: Caller, name: str, account: str, permissions: Sequence[Text]) -> Need:
    """Return the need that checks if the keys of the deployment tool, Serverless Devs, belong to `account`.

    `name` is the tool's alias for these keys. `permissions` are the permissions that the keys need; no call shows the
    permissions that they have.
    """

    def read_state() -> Line:
        masked_number = caller.account(name)
        if not masked_number:
            fix = t("Add the access key of a user in this account: s config add -a {name}", name=name)
            return Line(ResourceState.BY_HAND, t("none"), fix, permissions)
        if not re.fullmatch(masked_number.replace("*", r"\d"), account):
            return Line(
                ResourceState.STOP,
                t("belongs to another account: {shown}", shown=masked_number),
                t("Set another alias under access in s.yaml"),
            )
        text = t(
            "belongs to the same account ({shown}); the first deployment shows whether the key's permissions suffice",
            shown=masked_number,
        )
        return Line(ResourceState.EXISTS, text, None, permissions)

    return Need(t("access alias {name} of the Serverless Devs tool, for deployment", name=name), (), read_state)
