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
from ops.setup import statements, storage
from ops.setup.iam_users import IamUser
from ops.setup.needs import Line, Need, Standing
from ops.setup.ram_holders import RamHolder
from ops.setup.tasks import Pair, Tasks
from ops.waiting import Session
from oss_oms_sync.answers.text import Text, t

Holder = IamUser | RamHolder

_READER = t("RAM user with whose key OMS reads the source")
_WRITER = t("IAM user with whose key OMS writes to the destination")
_KEY = t("access key of the functions")
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
        self._who = self._ram.whose()
        self.account = str(self._who["AccountId"])
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

    @property
    def is_root(self) -> bool:
        """Whether these are the keys of the account itself, which may do everything."""
        return str(self._who["IdentityType"]) == "Account"

    def account_needs(self) -> Iterator[Need]:
        """Whose the keys are."""
        what = t("account of Alibaba Cloud")
        seen = t("{account}, as {arn}", account=self.account, arn=self._who["Arn"])
        safer = t("A RAM user's key would be safer: this one may do everything") if self.is_root else None
        yield Need(what, (), lambda: Line(Standing.THERE, what, seen, safer), lambda: None)

    def bucket_needs(self) -> Iterator[Need]:
        """The three buckets."""
        yield storage.source(self.source, self.given["region"])
        yield storage.log(self.log, self.given["region"], self.account)
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
        yield Need(_KEY, (), self._look_to_forget, self._forget)

    def _look_to_forget(self) -> Line:
        if not self._secrets() & set(self._session.caller.secrets()):
            return Line(Standing.THERE, _KEY, t("nothing of setup's"))
        return Line(Standing.REMOVE, _KEY, t("from the secret store of this machine"), None, sorted(self._secrets()))

    def _forget(self) -> None:
        for name in sorted(self._secrets()):
            self._session.caller.forget_secret(name)

    def _secrets(self) -> set[str]:
        return {f"{self.name}_{one}" for one in ("HW_AK", "HW_SK")}

    def key_needs(self, keep: Callable[[Keys], None]) -> Iterator[Need]:
        """Keys whose secrets nobody has go; then the functions get theirs, which `keep` stores."""
        for holder in (self.reader, self.writer):
            yield _orphans(holder, lambda: bool(self.tasks.address()))
        # That of a project which was set up before may be in another machine's store: this one gets a second.
        yield _orphans(self.functions, lambda: self._has_secrets() or bool(self.given.get("HW_AK")))
        yield Need(_KEY, (), self._look_at_key, lambda: keep(self.functions.make_key()))

    def _look_at_key(self) -> Line:
        if self._has_secrets():
            return Line(Standing.THERE, _KEY)
        return Line(Standing.CREATE, _KEY, t("into the secret store of the Serverless Devs tool on this machine"))

    def _has_secrets(self) -> bool:
        return self._secrets() <= set(self._session.caller.secrets())

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
