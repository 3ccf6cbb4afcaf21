"""Whose the keys are: the administrator's in both clouds, and those by which the Serverless Devs tool deploys.

Sources: help.aliyun.com/zh/sts/developer-reference, "GetCallerIdentity"; support.huaweicloud.com/api-iam
(KeystoneListAuthDomains) and /api-iam5 (ListUsersV5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ops.call import Caller
from ops.clouds.keys import Keys
from ops.clouds.ram import Ram
from ops.clouds.services import Service
from ops.clouds.wire import refused
from ops.setup.needs import Line, Need, Standing
from oss_oms_sync.answers.text import Text, t

_SAFER = t("The key of a user would be safer: this is the account's own, or may be, and that may do everything")


class Account(NamedTuple):
    """The account that a key belongs to, and which of its users has the key; `is_root`: it is the account's own, which
    may do everything, or nobody knows."""

    number: str
    holder: str
    is_root: bool

    def need(self, what: Text) -> Need:
        """What the plan has of it."""
        seen = t("{account}, as {holder}", account=self.number, holder=self.holder)
        return Need(what, (), lambda: Line(Standing.THERE, seen, _SAFER if self.is_root else None))


def of_alibaba(ram: Ram) -> Account:
    """Raises RefusedError, UnreachableError and UnreadableError."""
    who = ram.whose()
    return Account(str(who["AccountId"]), str(who["Arn"]), who["IdentityType"] == "Account")


def of_huawei(iam: Service, keys: Keys) -> Account:
    """The same. Where IAM does not tell whose the key is, it is shown as `-`, and may be the account's own."""
    domain = iam.call("GET", "/v3/auth/domains")["domains"][0]
    users = []
    with refused(lambda error: error.status == 403):
        users = iam.call("GET", "/v5/users", {"access_key_id": keys.access.reveal()})["users"]
    holder, is_root = (users[0]["user_name"], users[0]["is_root_user"]) if users else ("-", not keys.token)
    return Account(f"{domain['name']} ({domain['id']})", holder, is_root)


def alias(caller: Caller, name: str, account: str, rights: Sequence[Text]) -> Need:
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
        seen = t("of the same account ({shown}); whether it has these rights shows when it deploys", shown=shown)
        return Line(Standing.THERE, seen, None, rights)

    return Need(t("alias {name} of the Serverless Devs tool, which deploys", name=name), (), look)
