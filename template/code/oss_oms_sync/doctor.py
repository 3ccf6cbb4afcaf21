"""Is everything set up right? One small check per rule; each says what was seen, and what to do about a fault."""

from __future__ import annotations

import logging
import platform
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from itertools import islice
from urllib.parse import urlsplit

import oss2
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from . import jsontext
from .bucket import BAD_CREDENTIALS, Bucket, Object
from .errors import CredentialsError, SettingsError, StorageError, presentable
from .oms import OmsClient
from .payloads import options
from .reasons import Failure, Reason
from .records import etag_of, folder, root
from .retry import Clock, Deadline, date_of
from .settings import Settings
from .state import State
from .walk import Judge, Scope, Walk

OK, WARNING, FAULT, SKIPPED = "ok", "warning", "fault", "skipped"

_FIRST_V4 = (2, 16)
_SLOW_CLOCK, _BAD_CLOCK = timedelta(minutes=2), timedelta(minutes=14)
# OMS, "Constraints": where synchronization tasks exist.
_OMS_REGIONS = ("cn-north-4", "cn-east-2", "cn-southwest-2")
_OMS_HOST = re.compile(r"oms\.([a-z0-9-]+)\.myhuaweicloud\.com")
_DAY = timedelta(days=1)
_LOOKED_AT = 1000
_CONNECT_SECONDS = 5.0

log = logging.getLogger("oss_oms_sync")


@dataclass(frozen=True)
class Finding:
    """What a check saw: `state` is "ok", "warning", "fault" or "skipped", `fix` what to do, or empty."""

    state: str
    seen: str
    fix: str = ""


@dataclass(frozen=True)
class Clients:
    """What an invocation has to work with, once the settings are right."""

    settings: Settings
    oms: OmsClient
    # Raises CredentialsError where the function has no role.
    buckets: Callable[[], tuple[Bucket, Bucket]]


def doctor(
    payload: bytes | str, clients: Clients | SettingsError, fc_region: str, deadline: Deadline, clock: Clock
) -> dict[str, object]:
    """Runs every check; one that depends on another that went wrong is skipped, and says on which.

    Returns {"ok", "checks": [{"name", "state", "seen", "fix"}]}: ok without a fault. Sends nothing to OMS that counts
    as a sync request, and leaves nothing behind in the log bucket, if it may delete there. Raises PayloadError.
    """
    options(payload, {})
    examination = _Examination(clients, fc_region, deadline, clock)
    found: dict[str, Finding] = {}
    for name, needs, look in CHECKS:
        blocked = [need for need in needs if found[need].state in (FAULT, SKIPPED)]
        finding = Finding(SKIPPED, f"depends on: {', '.join(blocked)}") if blocked else look(examination)
        found[name] = finding
        log.info({"job": "doctor", "check": name, **asdict(finding)})
    checks = [{"name": name, **asdict(finding)} for name, finding in found.items()]
    return {"ok": all(finding.state != FAULT for finding in found.values()), "checks": checks}


class _Examination:
    """One examination: the checks, and what several of them look at."""

    def __init__(self, clients: Clients | SettingsError, fc_region: str, deadline: Deadline, clock: Clock) -> None:
        self._given = clients
        self._fc_region = fc_region
        self._deadline = deadline
        self._clock = clock

    # What several checks look at. Only those ask that depend on the settings.

    @property
    def _clients(self) -> Clients:
        assert isinstance(self._given, Clients)  # noqa: S101  the check "settings" has looked
        return self._given

    @property
    def _settings(self) -> Settings:
        return self._clients.settings

    @cached_property
    def _buckets(self) -> tuple[Bucket, Bucket]:
        return self._clients.buckets()

    @cached_property
    def _task(self) -> dict[str, object] | Failure:
        return self._clients.oms.task(self._deadline)

    @cached_property
    def _log_bucket_says(self) -> StorageError | None:
        return self._listing_problem(self._buckets[0], root(self._settings.task.task_id))

    @cached_property
    def _source_bucket_says(self) -> StorageError | None:
        return self._listing_problem(self._buckets[1], self._settings.object_prefix)

    def _listing_problem(self, bucket: Bucket, prefix: str) -> StorageError | None:
        try:
            bucket.page(prefix, "", self._deadline)
        except StorageError as error:
            return error
        return None

    # The function itself

    def libraries(self) -> Finding:
        seen = f"Python {platform.python_version()}, oss2 {oss2.__version__}, requests {requests.__version__}"
        numbers = tuple(int(number) for number in re.findall(r"\d+", oss2.__version__)[:2])
        if numbers < _FIRST_V4:
            fix = "oss2 before 2.16.0 makes no V4 signatures: set runtime to python3.12 or python3.10 in s.yaml"
            return Finding(FAULT, seen, fix)
        return Finding(OK, seen)

    def settings(self) -> Finding:
        if isinstance(self._given, SettingsError):
            return Finding(FAULT, str(self._given), "Correct this in s.yaml (secrets: `s secret add`), then `s deploy`")
        return Finding(OK, "all settings are complete and well-formed")

    def role(self) -> Finding:
        try:
            self._buckets  # noqa: B018  made at first sight
        except CredentialsError as error:
            return Finding(FAULT, "the function has no credentials", str(error))
        return Finding(OK, "the function has the temporary credentials of its role")

    def region(self) -> Finding:
        if not self._fc_region or self._fc_region == self._settings.oss_region:
            return Finding(OK, f"function and OSS endpoint are in {self._settings.oss_region}")
        return Finding(
            FAULT,
            f"the function is in {self._fc_region}, OSS_ENDPOINT in {self._settings.oss_region}",
            "Deploy to the source bucket's region (vars.region in s.yaml): trigger, function and both buckets share it",
        )

    # The network and the time

    def oms_connection(self) -> Finding:
        return _connection(self._settings.task.url, "SYNC_URL")

    def oss_connection(self) -> Finding:
        return _connection(self._settings.oss_endpoint, "OSS_ENDPOINT")

    def clock(self) -> Finding:
        """By the Date of what both answer to an unsigned request, which they refuse."""
        worst = timedelta()
        for name, url in (("OMS", self._settings.task.url), ("OSS", self._settings.oss_endpoint)):
            date = _date_at(url)
            off = abs(date - self._clock.now()) if date else timedelta()
            if off > _SLOW_CLOCK:
                fix = Reason.CLOCK.fix
                return Finding(
                    FAULT if off > _BAD_CLOCK else WARNING,
                    f"{off.total_seconds() / 60:.0f} min off {name}'s clock",
                    fix,
                )
            worst = max(worst, off)
        return Finding(OK, f"at most {worst.total_seconds():.0f} s off both clouds' clocks")

    # Huawei's side

    def oms_answers(self) -> Finding:
        task = self._task
        about_access = {Reason.CREDENTIALS, Reason.CLOCK, Reason.ACCOUNT, Reason.FORBIDDEN, Reason.NO_TASK}
        if isinstance(task, Failure) and task.reason not in about_access:
            return Finding(FAULT, _told(task), task.reason.fix)
        return Finding(OK, "OMS answers signed requests")

    def access_key(self) -> Finding:
        task = self._task
        if isinstance(task, Failure) and task.reason in (Reason.CREDENTIALS, Reason.CLOCK, Reason.ACCOUNT):
            return Finding(FAULT, _told(task), task.reason.fix)
        return Finding(OK, "Huawei Cloud accepts HW_AK and HW_SK")

    def right_to_get(self) -> Finding:
        return _right("get", self._task, "without it doctor and status cannot look at the task")

    def task(self) -> Finding:
        if isinstance(self._task, Failure):
            return Finding(FAULT, _told(self._task), self._task.reason.fix)
        return Finding(OK, f"the task copies to {self._task.get('dst_bucket')} in {self._task.get('dst_region')}")

    def task_runs(self) -> Finding:
        status = self._field("status")
        if status != "SYNCHRONIZING":
            return Finding(FAULT, f"the task is {status}", "Start it in the OMS console: a stopped task takes no keys")
        return Finding(OK, "the task is SYNCHRONIZING")

    def task_source(self) -> Finding:
        settings = self._settings
        bucket, region = self._field("src_bucket"), self._field("src_region").removeprefix("oss-")
        cloud = self._field("src_cloud_type")
        seen = f"the task reads from {bucket} in {region} ({cloud})"
        wrong = [
            what
            for what, is_wrong in (
                ("cloud", not cloud.lower().startswith("ali")),
                ("region", region != settings.oss_region),
                ("bucket", settings.source_bucket not in ("", bucket)),
            )
            if is_wrong
        ]
        if wrong:
            fix = (
                f"Its {' and '.join(wrong)} should be that of {settings.source_bucket or 'the source bucket'} in"
                f" {settings.oss_region} (Aliyun): copy the SYNC_URL of the right task"
            )
            return Finding(FAULT, seen, fix)
        return Finding(OK, seen)

    def overwrite_mode(self) -> Finding:
        mode = self._field("object_overwrite_mode")
        if mode == "NO_OVERWRITE":
            return Finding(FAULT, f"{mode}: changed objects are not copied again", "Make a task that overwrites")
        if mode == "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE":
            return Finding(
                WARNING,
                f"{mode}: a new version of the same size that comes while OMS writes the old one may be skipped",
                "Prefer a task with CRC64_COMPARISON_OVERWRITE or FULL_OVERWRITE",
            )
        return Finding(OK, mode)

    def task_options(self) -> Finding:
        restore = "are restored and copied" if self._field("enable_restore") == "True" else "fail"
        metadata = "is" if self._field("enable_metadata_migration") == "True" else "is not"
        return Finding(OK, f"archived objects {restore}; objects' own metadata {metadata} copied")

    def oms_region(self) -> Finding:
        match = _OMS_HOST.fullmatch(urlsplit(self._settings.task.url).hostname or "")
        if not match:
            return Finding(SKIPPED, "the host of SYNC_URL names no region")
        if match[1] not in _OMS_REGIONS:
            return Finding(
                WARNING,
                f"{match[1]} is not known to offer synchronization tasks",
                f"If the task is not found, make it in one of {', '.join(_OMS_REGIONS)}",
            )
        return Finding(OK, f"{match[1]} offers synchronization tasks")

    def right_to_statistics(self) -> Finding:
        now = self._clock.now()
        answer = self._clients.oms.statistics(now - timedelta(hours=1), now, self._deadline)
        return _right("statistics", answer, "without it status shows no course of time")

    def right_to_submit(self) -> Finding:
        """Told from the records: asking for it would be a sync request."""
        log_bucket, task_id = self._buckets[0], self._settings.task.task_id
        newest = {}
        for state in ("success", "failed"):
            listed = log_bucket.page(folder(task_id, state), "", self._deadline).objects
            newest[state] = max(listed, key=lambda one: one.modified, default=None)
        success, failed = newest["success"], newest["failed"]
        if failed and (success is None or failed.modified > success.modified):
            body = jsontext.load(log_bucket.get(failed.name, self._deadline) or b"")
            if isinstance(body, dict) and body.get("reason") == Reason.FORBIDDEN.name:
                return Finding(FAULT, "the last key failed with FORBIDDEN", Reason.FORBIDDEN.fix)
        if success is None:
            return Finding(SKIPPED, "no key was accepted yet: upload an object, and look again")
        at = datetime.fromtimestamp(success.modified, timezone.utc)
        return Finding(OK, f"a key was accepted at {at:%Y-%m-%d %H:%M} UTC")

    # Alibaba's side

    def role_credentials(self) -> Finding:
        problem = self._log_bucket_says
        if problem and problem.code in BAD_CREDENTIALS:
            return Finding(
                FAULT, str(problem), "Invoke again in a minute; if it lasts, check the role in the RAM console"
            )
        return Finding(OK, "OSS accepts the role's credentials")

    def log_bucket(self) -> Finding:
        return self._bucket_is_there("LOG_BUCKET", self._settings.log_bucket, self._log_bucket_says)

    def source_bucket(self) -> Finding:
        if not self._settings.source_bucket:
            return Finding(SKIPPED, "SOURCE_BUCKET is empty: events of any bucket are taken, and reconcile cannot run")
        return self._bucket_is_there("SOURCE_BUCKET", self._settings.source_bucket, self._source_bucket_says)

    def _bucket_is_there(self, setting: str, name: str, problem: StorageError | None) -> Finding:
        if problem and problem.code != "AccessDenied":
            return Finding(FAULT, str(problem), f"Name an OSS bucket of {self._settings.oss_region} in {setting}")
        return Finding(OK, f"{name} is there")

    def right_to_list_records(self) -> Finding:
        return _may("list the records", "oss:ListObjects", "log bucket", self._log_bucket_says)

    def right_to_list_source(self) -> Finding:
        return _may("list the source bucket", "oss:ListObjects", "source bucket", self._source_bucket_says)

    def right_to_write(self) -> Finding:
        return self._try_probe("write records", "oss:PutObject", self._write_probe)

    def right_to_read(self) -> Finding:
        return self._try_probe("read records", "oss:GetObject", self._read_probe)

    def record_etag(self) -> Finding:
        log_bucket, probe = self._buckets[0], self._probe
        etags = [one.etag for one in log_bucket.page(probe.name, "", self._deadline).objects]
        if etags != [etag_of(probe.body)]:
            return Finding(
                FAULT,
                "the log bucket lists objects with an ETag that is not the MD5 of their contents",
                "Is it encrypted with KMS? Use a log bucket without: reconcile would send every object in each pass",
            )
        return Finding(OK, "a listing tells which version a record is of")

    def right_to_delete(self) -> Finding:
        return self._try_probe("delete records", "oss:DeleteObject", self._delete_probe)

    @property
    def _probe(self) -> Object:
        return Object(f"{root(self._settings.task.task_id)}doctor/probe", b"written by doctor, to be deleted at once")

    def _write_probe(self) -> StorageError | None:
        (trouble,) = self._buckets[0].put_all([self._probe], self._deadline)
        return StorageError(trouble.problem, trouble.code) if trouble else None

    def _read_probe(self) -> StorageError | None:
        (found,) = self._buckets[0].get_all([self._probe.name], self._deadline)
        return None if isinstance(found, Object) else StorageError(found.problem, found.code)

    def _delete_probe(self) -> StorageError | None:
        (trouble,) = self._buckets[0].delete_all([self._probe.name], self._deadline).values()
        return StorageError(trouble.problem, trouble.code) if trouble else None

    def _try_probe(self, what: str, action: str, call: Callable[[], StorageError | None]) -> Finding:
        return _may(what, action, "log bucket", call())

    # Both together

    def records_flow(self) -> Finding:
        """Whether objects of the last day have records; the first thousand are looked at."""
        settings, now = self._settings, self._clock.now()
        log_bucket, source_bucket = self._buckets
        installed = State(settings.task.task_id, log_bucket, self._clock).installed(self._deadline, note=False)
        scope = Scope(settings.object_prefix, max(now - _DAY, installed), everything=False)
        judge = Judge(settings, scope, installed, now)
        walk = Walk(settings.task.task_id, source_bucket, log_bucket, judge, scope.prefix, "", self._deadline)
        verdicts = Counter(judge.says(key, found) for key, found in islice(walk, _LOOKED_AT))
        recorded = verdicts["covered"] + verdicts["failed_before"]
        seen = f"{recorded} objects of the last day have a record, {verdicts['missing']} have none"
        fix = (
            "See in the OSS and Function Compute consoles that sync's trigger is there; reconcile sends what is missing"
        )
        if verdicts["missing"]:
            return Finding(WARNING if recorded else FAULT, seen, fix)
        if not recorded:
            return Finding(SKIPPED, "no object was written in the last day: upload one, and look again in 15 minutes")
        return Finding(OK, seen)

    def _field(self, name: str) -> str:
        assert isinstance(self._task, dict)  # noqa: S101  the check "task" has looked
        return str(self._task.get(name, "unknown"))


def _may(what: str, action: str, where: str, problem: StorageError | None) -> Finding:
    if problem is None:
        return Finding(OK, f"the function's role may {what}")
    if problem.code == "AccessDenied":
        statement = f"Grant the function's role {action} on the {where}, as policies/ in the project says"
        return Finding(FAULT, str(problem), statement)
    return Finding(FAULT, str(problem), "Look at the message; invoke again in a minute")


def _right(action: str, answer: object, without: str) -> Finding:
    if isinstance(answer, Failure) and answer.reason is Reason.FORBIDDEN:
        fix = f"Grant the IAM user behind HW_AK the action oms:synctask:{action} (policies/huawei.json): {without}"
        return Finding(FAULT, _told(answer), fix)
    if isinstance(answer, Failure) and answer.reason is not Reason.NO_TASK:
        return Finding(FAULT, _told(answer), answer.reason.fix)
    return Finding(OK, f"the IAM user behind HW_AK may oms:synctask:{action}")


def _told(failure: Failure) -> str:
    parts = (failure.reason.name, failure.status, failure.error_code, failure.message)
    return " ".join(str(part) for part in parts if part)


def _connection(url: str, setting: str) -> Finding:
    """Name, TCP and TLS apart: each has another remedy."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Finding(FAULT, f"the name {host} is not found: {error.strerror}", f"Check the host in {setting}")
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connection:
            if parts.scheme == "https":
                authorities = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
                authorities.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLError as error:
        return Finding(
            FAULT,
            presentable(f"{host} cannot be trusted (TLS): {error}"),
            f"Check the host in {setting}: something else answers there, or stands in between",
        )
    except OSError as error:
        return Finding(
            FAULT,
            presentable(f"no connection to {host} port {port}: {error}"),
            f"Check that the function has internetAccess: true, and the host in {setting}",
        )
    return Finding(OK, f"{host} is found, and takes connections{' with TLS' if parts.scheme == 'https' else ''}")


def _date_at(url: str) -> datetime | None:
    try:
        answer = requests.head(url, timeout=_CONNECT_SECONDS, allow_redirects=False)
    except requests.RequestException:  # then this one's clock is not known
        return None
    return date_of(answer.headers.get("Date"))


_ON_OMS = ("OMS connection", "clock")
_ON_TASK = ("task",)
_ON_RECORDS = ("log bucket",)
# In the order in which they run: the name, the checks it depends on, and how to look.
CHECKS: Sequence[tuple[str, Sequence[str], Callable[[_Examination], Finding]]] = (
    ("libraries", (), _Examination.libraries),
    ("settings", ("libraries",), _Examination.settings),
    ("region", ("settings",), _Examination.region),
    ("OMS connection", ("settings",), _Examination.oms_connection),
    ("OSS connection", ("region",), _Examination.oss_connection),
    ("clock", ("settings",), _Examination.clock),
    ("OMS answers", _ON_OMS, _Examination.oms_answers),
    ("access key", ("OMS answers",), _Examination.access_key),
    ("right oms:synctask:get", ("access key",), _Examination.right_to_get),
    ("task", ("right oms:synctask:get",), _Examination.task),
    ("task runs", _ON_TASK, _Examination.task_runs),
    ("task source", ("task", "region"), _Examination.task_source),
    ("task overwrite mode", _ON_TASK, _Examination.overwrite_mode),
    ("task options", _ON_TASK, _Examination.task_options),
    ("OMS region", ("settings",), _Examination.oms_region),
    ("right oms:synctask:statistics", _ON_TASK, _Examination.right_to_statistics),
    ("role", ("settings",), _Examination.role),
    ("role credentials", ("role", "OSS connection", "clock"), _Examination.role_credentials),
    ("log bucket", ("role credentials",), _Examination.log_bucket),
    ("right to write records", _ON_RECORDS, _Examination.right_to_write),
    ("right to read records", ("right to write records",), _Examination.right_to_read),
    ("right to list records", _ON_RECORDS, _Examination.right_to_list_records),
    ("record ETag", ("right to write records", "right to list records"), _Examination.record_etag),
    ("right to delete records", ("right to write records",), _Examination.right_to_delete),
    ("source bucket", ("role credentials",), _Examination.source_bucket),
    ("right to list source bucket", ("source bucket",), _Examination.right_to_list_source),
    (
        "right oms:synctask:createEvent",
        ("right to list records", "right to read records"),
        _Examination.right_to_submit,
    ),
    (
        "records flow",
        ("right to list records", "right to read records", "right to list source bucket"),
        _Examination.records_flow,
    ),
)
