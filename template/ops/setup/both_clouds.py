"""Both accounts as an administrator sees them, and what the project has to have there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ops import project
from ops.clouds.buckets import ObsBucket, OssBucket, Place
from ops.clouds.keys import ALIBABA, HUAWEI, Keys, administrators
from ops.clouds.ram import Ram
from ops.clouds.services import Service
from ops.errors import UsageError
from ops.setup import owners, statements, storage
from ops.setup.functions_key import FunctionsKey
from ops.setup.iam_users import IamUser
from ops.setup.needs import Line, Need, Standing
from ops.setup.ram_holders import RamHolder
from ops.setup.tasks import Pair, Tasks
from ops.waiting import Session
from oss_oms_sync.answers.text import Text, t

Holder = IamUser | RamHolder

_READER = t("RAM user with whose key OMS reads the source")
_WRITER = t("IAM user with whose key OMS writes to the destination")
_CALLER = t("IAM user with whose key the functions call OMS and OBS")


class BothClouds:
    """`given`: the variables of s.yaml. `name` is the project's, with which the names of all begin that setup
    makes; `reader` and `writer` hold the keys that OMS gets."""

    def __init__(self, session: Session, given: Mapping[str, str], alibaba: Keys, huawei: Keys) -> None:
        self.given, self._session, self.name = given, session, given["functionName"]
        clock, here = session.clock, session.caller.endpoints()
        region, there = given["region"], given["destinationRegion"]
        oss = here.get("OSS_ENDPOINT") or f"https://oss-{region}.aliyuncs.com"
        self._obs = here.get("OBS_ENDPOINT") or f"https://obs.{there}.myhuaweicloud.com"
        self._ram = Ram(alibaba, clock, here.get("RAM_ENDPOINT", ""))
        self._iam = Service(here.get("IAM_ENDPOINT") or "https://iam.myhuaweicloud.com", huawei, clock)
        self._alibaba_account = owners.of_alibaba(self._ram)
        self._huawei_account = owners.of_huawei(self._iam, huawei)
        self.is_root = self._alibaba_account.is_root or self._huawei_account.is_root
        self.source, self.log = (
            OssBucket(Place.of(oss, given[name]), alibaba, clock, region) for name in ("sourceBucket", "logBucket")
        )
        self._huawei = huawei
        mark = f"oss-oms-sync:{self.name}"
        target = given["destinationBucket"]
        reads = {f"{self.name}-oms": statements.source_reader(self.source.name)}
        self.reader = RamHolder(self._ram, "User", f"{self.name}-oms", reads, mark)
        self.writer = IamUser(self._iam, f"{self.name}-oms", statements.destination_writer(target), mark)
        self.functions = IamUser(self._iam, f"{self.name}-functions", statements.functions_in_huawei(target), mark)
        self.key = FunctionsKey(self.functions, session.caller, self.name, given)
        self._mark = mark
        number = self._project(there)
        oms = here.get("OMS_ENDPOINT") or f"https://oms.{there}.myhuaweicloud.com"
        service = Service(oms, huawei, clock, {"X-Project-Id": number})
        pair = Pair(self.source.name, region, target, there)
        self.tasks = Tasks(service, number, pair, mark, given.get("SYNC_URL", ""))

    @classmethod
    def of(cls, session: Session, file: Path) -> BothClouds:
        """What s.yaml says, with an administrator's keys. Raises OpsError."""
        needed = ("functionName", "region", "sourceBucket", "logBucket", "destinationRegion", "destinationBucket")
        return cls(
            session, project.read(file, needed), administrators(session, ALIBABA), administrators(session, HUAWEI)
        )

    def with_keys(self, keys: Keys) -> ObsBucket:
        """The destination, as somebody with these keys sees it."""
        return ObsBucket(Place.of(self._obs, self.given["destinationBucket"]), keys, self._session.clock)

    def account_needs(self) -> Iterator[Need]:
        """Whose the keys are."""
        yield self._alibaba_account.need(t("account of Alibaba Cloud"))
        yield self._huawei_account.need(t("account of Huawei Cloud"))

    def bucket_needs(self) -> Iterator[Need]:
        """The three buckets, after the keys by which the tool deploys."""
        needed = list(statements.rights(statements.deployer(self.given)))
        yield owners.alias(self._session.caller, self.given["access"], self._alibaba_account.number, needed)
        yield storage.source(self.source, self.given["region"])
        yield storage.log(self.log, self.given["region"], self._alibaba_account.number)
        yield storage.destination(self.with_keys(self._huawei), self.given["destinationRegion"])

    def holder_needs(self) -> Iterator[Need]:
        """Roles and users, each with its policy."""
        for what, holder in self._roles():
            yield holder.need(what)
        yield self.reader.need(_READER)
        yield self.writer.need(_WRITER)
        yield self.functions.need(_CALLER)

    def _roles(self) -> Iterator[tuple[Text, RamHolder]]:
        found = statements.roles(self.given)
        for name in dict.fromkeys(role.name for role in found):
            held = [role for role in found if role.name == name]
            policies = {role.policy: role.document for role in held}
            trust = json.dumps(statements.trust_of(held))
            holder = RamHolder(self._ram, "Role", name, policies, self._mark, trust)
            yield t("RAM role of {names}", names=[one for role in held for one in role.purposes]), holder

    def removals(self) -> Iterator[Need]:
        """All that setup made, but the buckets, in the order in which nothing is left that something else needs."""
        what, first = t("functions and triggers"), t("Remove them first: s remove -y")
        yield Need(what, (), lambda: Line(Standing.BY_HAND, what, None, first), lambda: None)
        yield self.tasks.removal()
        yield self.writer.removal(_WRITER)
        yield self.functions.removal(_CALLER)
        yield self.reader.removal(_READER)
        for what, holder in self._roles():
            yield holder.removal(what)
        yield self.key.removal()

    def key_needs(self) -> Iterator[Need]:
        """Keys whose secrets nobody has go; then the functions get theirs."""
        for holder in (self.reader, self.writer):
            yield _orphans(holder, lambda: bool(self.tasks.address()))
        yield _orphans(self.functions, self.key.is_used)
        yield self.key.need()

    def renewals(self) -> Iterator[Need]:
        """Another key of the functions."""
        yield from self.account_needs()
        yield self.functions.need(_CALLER)
        yield self.key.renewal()

    def _project(self, region: str) -> str:
        found = self._iam.call("GET", "/v3/projects", {"name": region})["projects"]
        if not found:
            raise UsageError(
                t("The account of Huawei Cloud has no project in {region}", region=region),
                t("Open that region once in the console, or correct destinationRegion in s.yaml"),
            )
        return str(found[0]["id"])


def _orphans(holder: Holder, is_used: Callable[[], bool]) -> Need:
    """Keys of a user of setup's that nothing uses: their secrets were told once, and are lost."""
    what = t("access keys of {name} that nothing uses", name=holder.name)

    def look() -> Line:
        keys = [] if is_used() else holder.key_ids()
        return Line(Standing.REMOVE, what, facts=keys) if keys else Line(Standing.THERE, what, t("none"))

    def remove() -> None:
        for key in holder.key_ids():
            holder.delete_key(key)

    return Need(what, ("ram:ListAccessKeys", "iam:credentials:listCredentialsV5"), look, remove)
