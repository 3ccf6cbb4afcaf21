"""Both accounts as an administrator sees them, whose the keys are, and what the project has to have there.

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
from ops.accounts.needs import Line, Need, Standing, with_reason
from ops.accounts.ram_roles import RamHolder
from ops.accounts.sync_tasks import Pair, Tasks
from ops.accounts.task_keys import TaskKeys, asked_for
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import ALIBABA, HUAWEI, OMS_DESTINATION, OMS_SOURCE, Keys, administrators
from ops.clouds.services import Functions, OssTrigger, Ram, Service, listed
from ops.clouds.wire import refused
from ops.errors import UsageError
from ops.functions.call import Caller
from ops.session import Session
from ops.shell import Typed
from oss_oms_sync.answers.text import Text, same, t

Holder = IamUser | RamHolder

# What both need of s.yaml.
NEEDED = ("functionName", "region", "sourceBucket", "logBucket", "destinationRegion", "destinationBucket")

# The events of forward's trigger in s.yaml.
CONTENT_EVENTS = tuple(
    f"oss:ObjectCreated:{one}"
    for one in ("PutObject", "PostObject", "CopyObject", "AppendObject", "CompleteMultipartUpload")
)
_READER = t("RAM user with whose key OMS reads the source")
_WRITER = t("IAM user with whose key OMS writes to the destination")
_CALLER = t("IAM user with whose key the functions call OMS and OBS")


class Alibaba:
    """The account of Alibaba Cloud. `given`: the variables of s.yaml; `keys`: an administrator's, where a command has
    them already; `reader` holds the key with which OMS reads the
    source, where setup makes it."""

    def __init__(self, session: Session, given: Mapping[str, str], keys: Keys | None = None) -> None:
        keys, clock, here = keys or administrators(session, ALIBABA), session.clock, session.caller.endpoints()
        self._caller, self._given, self._region = session.caller, given, given["region"]
        self.source, self.log = (
            OssBucketClient.at(here, self._region, given[name], keys, clock) for name in ("sourceBucket", "logBucket")
        )
        self._ram = Ram(keys, clock, here.get("RAM_ENDPOINT", ""))
        self.account = _of_alibaba(self._ram)
        number, there = self.account.number, here.get("FC_ENDPOINT", "")
        self._functions = Functions(self._region, number, keys, clock, there)
        name, self._mark = f"{given['functionName']}-oms", mark_of(given)
        self.reader = RamHolder(self._ram, "User", name, {name: statements.source_reader(self.source.name)}, self._mark)

    def needs(self, has_task: Callable[[], bool]) -> Iterator[Need]:
        """What the project has to have there, but keys. `has_task`: whether OMS has a key of the reader."""
        yield self._account_need()
        needed = list(statements.rights(statements.deployer(self._given)))
        yield _alias(self._caller, self._given["access"], self.account.number, needed)
        yield storage.source(self.source, self._region)
        prefix, suffix = (self._given.get(name, "") for name in ("objectPrefix", "objectSuffix"))
        yield storage.triggers(
            self._functions,
            self.source.name,
            OssTrigger(self._given["functionName"], "", CONTENT_EVENTS, prefix, suffix),
        )
        yield storage.log(self.log, self._region, self.account.number)
        for purposes, holder in self._roles():
            need = holder.need(_role_of(purposes))
            yield with_reason(need, statements.reason_to_read(self._given, purposes))
        yield self.reader.need(_READER, [_handed(OMS_SOURCE)], has_task)

    def removals(self) -> Iterator[Need]:
        """All that setup made there, but the log bucket."""
        yield self._account_need()
        yield self.reader.removal(_READER)
        for purposes, holder in self._roles():
            yield holder.removal(_role_of(purposes))

    def key_to_hand_over(self) -> Need:
        """With which OMS reads the source, where somebody else makes the task: what one person hands to the other.
        Setup does not make it, because it would have to show its secret."""
        half = Typed("setup", only="huawei")
        what = t("access key of {name}, for whoever sets up Huawei Cloud", name=self.reader.name)
        text = t("Create one in the RAM console, and hand it over: {command} asks for it", command=half)

        def look() -> Line:
            if found := self.reader.key_ids():
                return Line(Standing.THERE, facts=[same(one) for one in found])
            return Line(Standing.BY_HAND, t("there is none"), text)

        return Need(what, ("ram:ListAccessKeys",), look, by_hand=[text], is_settled=lambda: True)

    def _account_need(self) -> Need:
        return self.account.need(t("account of Alibaba Cloud"))

    def _roles(self) -> Iterator[tuple[Sequence[str], RamHolder]]:
        for name, roles in statements.by_name(statements.roles(self._given)):
            policies = {role.policy: role.document for role in roles}
            yield (
                [purpose for role in roles for purpose in role.purposes],
                RamHolder(self._ram, "Role", name, policies, self._mark, json.dumps(statements.trust_of(roles))),
            )


class Huawei:
    """The account of Huawei Cloud. `writer` holds the key with which OMS writes to the destination, where setup makes
    it; `functions` that of the functions. `alibaba`: the other account, where setup has its keys as well."""

    def __init__(
        self, session: Session, given: Mapping[str, str], keys: Keys | None = None, alibaba: Alibaba | None = None
    ) -> None:
        self._keys, self._clock = keys or administrators(session, HUAWEI), session.clock
        here = session.caller.endpoints()
        self._region, target = given["destinationRegion"], given["destinationBucket"]
        self._endpoints, self._target, self._log = here, target, given["logBucket"]
        self._iam = Service(here.get("IAM_ENDPOINT") or "https://iam.myhuaweicloud.com", self._keys, self._clock)
        self.account = _of_huawei(self._iam, self._keys)
        name, mark = given["functionName"], mark_of(given)
        self.writer = IamUser(self._iam, f"{name}-oms", statements.destination_writer(target), mark, self._region)
        self._given = given
        self.functions = IamUser(
            self._iam, f"{name}-functions", statements.functions_in_huawei(given), mark, self._region
        )
        self.key = FunctionsKey(self.functions, session.caller, session.clock, given, self.has_task)
        holders = [self.writer, *([alibaba.reader] if alibaba else ())]
        self.task_keys = TaskKeys(alibaba.log if alibaba else None, name, session.clock, holders)
        number = self._project()
        self.tasks = Tasks(
            Service(
                here.get("OMS_ENDPOINT") or f"https://oms.{self._region}.myhuaweicloud.com",
                self._keys,
                self._clock,
                {"X-Project-Id": number},
            ),
            number,
            Pair(given["sourceBucket"], given["region"], target, self._region),
            mark,
            self.task_keys,
            given.get("SYNC_URL", ""),
        )

    def with_keys(self, keys: Keys) -> ObsBucketClient:
        """The destination, as somebody with these keys sees it."""
        return ObsBucketClient.at(self._endpoints, self._region, self._target, keys, self._clock)

    def needs(self) -> Iterator[Need]:
        """What the project has to have there, but keys and the task."""
        yield self._account_need()
        yield storage.destination(self.with_keys(self._keys), self._region)
        yield self.writer.need(_WRITER, [_handed(OMS_DESTINATION)], self.has_task)
        yield self._functions_need()

    def has_task(self) -> bool:
        """Whether OMS has its keys."""
        return bool(self.tasks.address())

    def settings(self) -> dict[str, str]:
        """Return what setup writes into s.yaml; SYNC_URL is empty until there is a task."""
        return {"SYNC_URL": self.tasks.address(), **self.key.settings, "logBucket": self._log}

    def own_settings(self) -> list[str]:
        """List the variables of s.yaml that name what setup removes, or what is gone."""
        return [*(["SYNC_URL"] if self.tasks.takes_back() else ()), *self.key.takes_back()]

    def key_needs(self, holders: Sequence[Holder]) -> Iterator[Need]:
        """Keys whose secrets nobody has go, also those of `holders`, for whom OMS gets new ones; then the functions get
        theirs."""
        for holder in holders:
            yield _orphans(holder, self.has_task, self.task_keys)
        yield _orphans(self.functions, self.key.is_used)
        yield self.key.need()

    def key_of_others(self) -> Need:
        """That with which OMS reads the source, where somebody else has that account."""
        text = t("Have it ready: this asks for it, or takes it from the environment ({names})", names=OMS_SOURCE)

        def look() -> Line:
            return Line(Standing.THERE) if self.has_task() else Line(Standing.BY_HAND, None, text)

        return Need(t("access key with which OMS reads the source"), (), look)

    def renewals(self) -> Iterator[Need]:
        """Another key of the functions."""
        yield self._account_need()
        yield self._functions_need()
        yield self.key.renewal()

    def removals(self) -> Iterator[Need]:
        """All that setup made there, but the destination, in the order in which nothing is left that something else
        needs."""
        yield self._account_need()
        yield self.tasks.removal()
        yield self.writer.removal(_WRITER)
        yield self.functions.removal(_CALLER)
        yield self.key.removal()

    def _functions_need(self) -> Need:
        need = self.functions.need(_CALLER, (), self.key.is_kept)
        return with_reason(need, statements.reason_to_read(self._given))

    def _account_need(self) -> Need:
        return self.account.need(t("account of Huawei Cloud"))

    def _project(self) -> str:
        found = listed(self._iam.call("GET", "/v3/projects", {"name": self._region}), "projects")
        if not found:
            raise UsageError(
                t("The account of Huawei Cloud has no project in {region}", region=self._region),
                t("Open that region once in the console, or correct destinationRegion in s.yaml"),
            )
        return str(found[0]["id"])


def mark_of(given: Mapping[str, str]) -> str:
    """By which setup knows again what it made: another project of this name is one of another source. A user's comment
    in RAM has 128 characters."""
    return f"oss-oms-sync:{given['functionName']}:{given['sourceBucket']}"[:128]


def _orphans(holder: Holder, is_used: Callable[[], bool], task_keys: TaskKeys | None = None) -> Need:
    """Delete the keys of a user of setup's that nothing uses: their secrets are shown once, and are lost. Keys that OMS
    may have got stay as long as its list may lack their task, and a key goes only if the plan names it."""
    named: list[str] | None = None

    def look() -> Line:
        nonlocal named
        keys = [] if is_used() else holder.key_ids()
        note = task_keys.unanswered() if task_keys and keys else None
        text = asked_for(note) if note and set(note.keys) & set(keys) else None
        is_awaited = task_keys and note and text and not task_keys.is_late(note)
        named = [key for key in keys if named is None or key in named] if not is_awaited else []
        if named:
            told = t("Without them a task that OMS creates later copies nothing") if text else None
            return Line(Standing.REMOVE, text, told, [*map(same, named)])
        return Line(Standing.THERE, text or t("none"), facts=[*map(same, keys)] if text else ())

    def remove() -> None:
        for key in named or ():
            holder.delete_key(key)

    what, by_hand = t("access keys of {who} that nothing uses", who=holder.called), [t("Delete those that nobody has")]
    return Need(what, holder.key_rights, look, remove, by_hand, lambda: True)


def _role_of(purposes: Sequence[str]) -> Text:
    return t("RAM role of {names}", names=purposes)


def _handed(names: tuple[str, str]) -> Text:
    return t(
        "Create an access key for it, and hand it to whoever runs setup: that asks for it, or takes it from the"
        " environment ({names})",
        names=names,
    )


_SAFER = t("The key of a user would be safer: this is the account's own, or may be, and that may do everything")


class Account(NamedTuple):
    """The account that a key belongs to, and which of its users has the key; `is_root`: it is the account's own, which
    may do everything, or nobody knows."""

    number: str
    holder: str
    is_root: bool

    def need(self, what: Text) -> Need:
        """What the plan has of it."""
        text = t("{account}, as {holder}", account=self.number, holder=self.holder)
        return Need(what, (), lambda: Line(Standing.THERE, text, _SAFER if self.is_root else None))


def _of_alibaba(ram: Ram) -> Account:
    """Raises RefusedError, UnreachableError and UnreadableError."""
    who = ram.whose()
    return Account(str(who["AccountId"]), str(who["Arn"]), who["IdentityType"] == "Account")


def _of_huawei(iam: Service, keys: Keys) -> Account:
    """The same. Where IAM does not tell whose the key is, it is shown as `-`, and may be the account's own."""
    domain = listed(iam.call("GET", "/v3/auth/domains"), "domains")[0]
    users = []
    with refused(lambda error: error.is_denied):
        users = listed(iam.call("GET", "/v5/users", {"access_key_id": keys.access.reveal()}), "users")
    holder, is_root = (users[0]["user_name"], users[0]["is_root_user"]) if users else ("-", not keys.token)
    return Account(f"{domain['name']} ({domain['id']})", holder, is_root)


def _alias(caller: Caller, name: str, account: str, rights: Sequence[Text]) -> Need:
    """The keys that the tool deploys with, by their alias, have to be of the same account; the tool shows some digits
    of it. What they may do is nowhere to be seen: `rights` says what they need."""

    def look() -> Line:
        shown = caller.account(name)
        if not shown:
            add = t("Add the keys of a user in this account: s config add -a {name}", name=name)
            return Line(Standing.BY_HAND, t("there is none"), add, rights)
        if not re.fullmatch(shown.replace("*", r"\d"), account):
            return Line(
                Standing.STOP,
                t("it is of another account: {shown}", shown=shown),
                t("Name another alias in s.yaml, under access"),
            )
        text = t("of the same account ({shown}); whether it has these rights shows when it deploys", shown=shown)
        return Line(Standing.THERE, text, None, rights)

    return Need(t("alias {name} of the Serverless Devs tool, which deploys", name=name), (), look)
