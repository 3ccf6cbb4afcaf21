"""Is everything set up right? One small check per rule; each says what was seen, and what to do about a fault."""

from __future__ import annotations

import logging
import platform
import re
import socket
import ssl
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from heapq import nlargest
from itertools import chain, takewhile
from math import inf
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from oss_oms_sync import jsontext, options
from oss_oms_sync.clock import Clock, Deadline, parse_http_date
from oss_oms_sync.clouds.connection import NETWORK_ERRORS, Session, trusted_certificates
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import BAD_CREDENTIALS, Bucket, ObjectSummary, StorageFailure, StoredObject, etag_of
from oss_oms_sync.clouds.oss2_import import import_oss2
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.errors import CredentialsError, OmsSyncError, SettingsError, StorageError, presentable
from oss_oms_sync.ledger.records import record_prefix, record_root
from oss_oms_sync.ledger.runs import RunFiles
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.classify import Classifier
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import Passes
from oss_oms_sync.reasons import PERMANENT, Failure, Reason, grant
from oss_oms_sync.settings import MAX_PERIOD, Settings

T = TypeVar("T")

OK, WARNING, FAULT, UNKNOWN, SKIPPED = "ok", "warning", "fault", "unknown", "skipped"

_FIRST_V4 = (2, 16)
_SLOW_CLOCK, _BAD_CLOCK = timedelta(minutes=2), timedelta(minutes=14)
# OMS, "Constraints": where synchronization tasks exist, and how the console calls these regions.
_OMS_REGIONS = {
    "cn-north-4": "CN North-Beijing4",
    "cn-east-3": "CN East-Shanghai1",
    "cn-southwest-2": "CN Southwest-Guiyang1",
}
_OMS_HOST = re.compile(r"oms\.([a-z0-9-]+)\.myhuaweicloud\.com")
_WRONG_BUCKET = ("NoSuchBucket", "OtherRegion", "InvalidBucketName")
_REGION = re.compile(r"[a-z]{2}-[a-z]+(-[a-z0-9-]+)?")
_DAY = timedelta(days=1)
_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 15.0
# So long a check looks through records, and so many failures it reads.
_WALK_SECONDS = 20.0
_FAILURES_READ = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """What a check saw; `fix` is what to do, or empty.

    `state` is "ok", "warning", "fault", "unknown" (it could not look, so nobody knows) or "skipped" (there is nothing
    to look at: not yet, or by the settings).
    """

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
    """Runs every check, except those that depend on one that did not pass: they say on which.

    Returns {"ok", "text", "text_zh", "checks": [{"name", "state", "seen", "fix"}]}: ok if nothing is a fault or
    unknown. Sends nothing to OMS that counts as a sync request, and leaves nothing behind in the log bucket, if it may
    delete there. Raises PayloadError.
    """
    options.parse(payload, {})
    examination = _Examination(clients, fc_region, deadline, clock)
    found: dict[str, Finding] = {}
    for name, needs, look in CHECKS:
        finding = found[name] = _blocked(needs, found) or _looked(look, examination)
        log.info({"job": "doctor", "check": name, **asdict(finding)})
    examination.clear_away()
    checks = [{"name": name, **asdict(finding)} for name, finding in found.items()]
    states = {finding.state for finding in found.values()}
    text, text_zh = _verdict(states)
    return {"ok": not states & {FAULT, UNKNOWN}, "text": text, "text_zh": text_zh, "checks": checks}


def _verdict(states: set[str]) -> tuple[str, str]:
    if FAULT in states:
        return "Not set up right", "配置有误"
    if UNKNOWN in states:
        return "Not all could be looked at", "有未能检查的项目"
    return "Set up right", "配置正确"


def _blocked(needs: Sequence[str], found: dict[str, Finding]) -> Finding | None:
    blocking = {need: found[need].state for need in needs if found[need].state not in (OK, WARNING)}
    if not blocking:
        return None
    state = SKIPPED if set(blocking.values()) == {SKIPPED} else UNKNOWN
    return Finding(state, f"depends on: {', '.join(blocking)}")


def _looked(look: Callable[[_Examination], Finding], examination: _Examination) -> Finding:
    try:
        return look(examination)
    except OmsSyncError as error:
        return Finding(FAULT, str(error), "Look at the message; if it says nothing to do, run doctor again in a minute")


class _Examination:
    """One examination: the checks, and what several of them look at."""

    def __init__(self, clients: Clients | SettingsError, fc_region: str, deadline: Deadline, clock: Clock) -> None:
        self._given = clients
        self._fc_region = fc_region
        self._deadline = deadline
        self._clock = clock
        # A name that is not found, or an answer that drips, must not take all the time there is.
        self._pool = CallPool(2)
        self._probe: StoredObject | None = None

    def clear_away(self) -> None:
        """Deletes the probe, should it still be there."""
        if self._probe:
            self._buckets[0].try_delete_all([self._probe.name], self._deadline)

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
    def _state(self) -> JobState:
        return JobState(self._settings, self._buckets[0], self._clock)

    @cached_property
    def _task(self) -> dict[str, object] | Failure:
        return self._clients.oms.task(self._deadline)

    @cached_property
    def _log_bucket_says(self) -> StorageError | None:
        return self._listing_problem(self._buckets[0], record_root(self._settings.task.task_id))

    @cached_property
    def _source_bucket_says(self) -> StorageError | None:
        return self._listing_problem(self._buckets[1], self._settings.key_filter.prefix)

    def _a_while(self) -> Deadline:
        """How long one check may look through records, of which there may be millions."""
        return Deadline(min(_WALK_SECONDS, self._deadline.remaining() / 2), self._clock)

    def _listing_problem(self, bucket: Bucket, prefix: str) -> StorageError | None:
        try:
            bucket.list_page(prefix, "", self._deadline)
        except StorageError as error:
            return error
        return None

    # The function itself

    def libraries(self) -> Finding:
        oss2 = import_oss2()
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
        return self._connection(self._settings.task.url, "SYNC_URL")

    def oss_connection(self) -> Finding:
        return self._connection(self._settings.oss_endpoint, "OSS_ENDPOINT")

    def _connection(self, url: str, setting: str) -> Finding:
        (finding,) = self._pool.run([lambda: _connection(url, setting)], _LOOK_SECONDS)
        seen = f"{urlsplit(url).hostname} was not reached within {_LOOK_SECONDS:g} s"
        return finding or Finding(FAULT, seen, _unreached(setting))

    def clock(self) -> Finding:
        """By the Date of what both answer to an unsigned request, which they refuse."""
        urls = {"OMS": self._settings.task.url, "OSS": self._settings.oss_endpoint}
        dates = {}
        for name, url in urls.items():
            if date := self._date_at(url):
                dates[name] = abs(date - self._clock.now())
        if not dates:
            # Not unknown: a cloud that accepts a signature shows that the clock is right, and the next checks try that.
            return Finding(WARNING, "neither OMS nor OSS told its time", "See what the checks of OMS and OSS say")
        seen = ", ".join(f"{off.total_seconds():.0f} s off {name}'s clock" for name, off in dates.items())
        worst = max(dates.values())
        if worst <= _SLOW_CLOCK:
            return Finding(OK, seen)
        return Finding(FAULT if worst > _BAD_CLOCK else WARNING, seen, Reason.CLOCK.fix)

    def _date_at(self, url: str) -> datetime | None:
        with Session(url, self._clock) as session:

            def look() -> datetime | str:
                try:
                    return parse_http_date(session.head(url, timeout=_CONNECT_SECONDS).headers.get("Date")) or ""
                except NETWORK_ERRORS:  # then this one's clock is not known
                    return ""

            (date,) = self._pool.run([look], _LOOK_SECONDS)
            if date is None:
                session.abort()
            return date if isinstance(date, datetime) else None

    # Huawei's side

    def oms_answers(self) -> Finding:
        task = self._task
        if isinstance(task, Failure) and task.reason not in PERMANENT:
            fix = _unreached("SYNC_URL") if task.reason is Reason.TIMEOUT else task.reason.fix
            return Finding(FAULT, _told(task), fix)
        return Finding(OK, "OMS answers signed requests")

    def access_key(self) -> Finding:
        task = self._task
        if isinstance(task, Failure) and task.reason in (Reason.CREDENTIALS, Reason.CLOCK, Reason.ACCOUNT):
            return Finding(FAULT, _told(task), task.reason.fix)
        return Finding(OK, "Huawei Cloud accepts HW_AK and HW_SK")

    def right_to_get(self) -> Finding:
        return _right("get", self._task, "Without it doctor and status cannot look at the task.")

    def task(self) -> Finding:
        if isinstance(self._task, Failure):
            return Finding(FAULT, _told(self._task), self._task.reason.fix)
        if "status" not in self._task:
            return Finding(FAULT, "the answer is none that OMS's documents name", Reason.UNEXPECTED.fix)
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
        wrong = {
            "cloud": not cloud.lower().startswith("ali"),
            "region": region != settings.oss_region,
            "bucket": settings.source_bucket not in ("", bucket),
        }
        if any(wrong.values()):
            fix = (
                f"Its {' and '.join(what for what, is_wrong in wrong.items() if is_wrong)} should be that of"
                f" {settings.source_bucket or 'the source bucket'} in {settings.oss_region} (Aliyun): copy the SYNC_URL"
                " of the right task"
            )
            # In which form OMS names a region of Alibaba Cloud is not documented: another form is no other region.
            only_its_form = wrong == {"cloud": False, "region": True, "bucket": False} and not _REGION.fullmatch(region)
            return Finding(WARNING if only_its_form else FAULT, seen, fix)
        return Finding(OK, seen)

    def overwrite_mode(self) -> Finding:
        mode = self._field("object_overwrite_mode")
        if mode == "NO_OVERWRITE":
            return Finding(FAULT, f"{mode}: changed objects are not copied again", "Make a task that overwrites")
        if mode == "FULL_OVERWRITE":
            return Finding(OK, f"{mode}: no new version is skipped; what is submitted twice is copied twice")
        crc64 = mode == "CRC64_COMPARISON_OVERWRITE"
        where = "if one of the two objects has no CRC64, OMS compares size and time instead: " if crc64 else ""
        return Finding(
            WARNING,
            f"{mode}: {where}a new version of the same size that comes while OMS writes the old one may be skipped",
            "FULL_OVERWRITE does not have this gap, but copies again, at your cost, what is submitted twice",
        )

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
                "If the task is not found, make it in "
                + " or ".join(f"{name} ({region})" for region, name in _OMS_REGIONS.items()),
            )
        return Finding(OK, f"{_OMS_REGIONS[match[1]]} ({match[1]}) offers synchronization tasks")

    def right_to_statistics(self) -> Finding:
        now = self._clock.now()
        answer = self._clients.oms.statistics(now - timedelta(hours=1), now, self._deadline)
        return _right("statistics", answer, "Without it status shows no course of time.")

    def right_to_submit(self) -> Finding:
        """Told from the records, because asking for it would be a sync request.

        A key that was accepted after the last one that failed for want of the right proves it. What failed for a reason
        that was not read may have failed for that one.
        """
        enough = self._a_while()
        failures = nlargest(_FAILURES_READ + 1, _within(enough, self._failures()), key=lambda one: one.modified)
        all_failed = not enough.expired()
        read = self._buckets[0].try_get_all([one.name for one in failures[:_FAILURES_READ]], self._deadline)
        reasons = [*map(_reasons, read), *[{""}] * (len(failures) - len(read))]
        told = list(zip(failures, reasons, strict=True))
        doubtful = [one.modified for one, why in told if why & {Reason.FORBIDDEN.name, ""}]
        doubt = max(doubtful, default=0) if all_failed else inf

        accepted, all_accepted = self._accepted(doubt)
        if accepted > doubt:
            at = datetime.fromtimestamp(accepted, timezone.utc)
            return Finding(OK, f"a key was accepted at {at:%Y-%m-%d %H:%M} UTC")
        all_seen = all_failed and all_accepted
        if not failures and all_seen:
            return Finding(SKIPPED, "no key was accepted yet: upload an object, and look again")
        # Of a run file's keys only the run's time is known.
        last, why = next(((one, why) for one, why in told if not one.name.startswith(self._runs)), (None, set()))
        if last and why == {Reason.FORBIDDEN.name} and last.modified > accepted and all_seen:
            return Finding(FAULT, "the last key failed with FORBIDDEN", Reason.FORBIDDEN.fix)
        names = ", ".join(sorted(set().union(*reasons) - {""})) or "no reason told"
        return Finding(
            UNKNOWN,
            f"no key is known to be accepted since some failed ({names})"
            + ("" if all_seen else "; there are more records than could be looked at"),
            "See that the IAM user behind HW_AK may oms:synctask:createEvent, and what `s status invoke` says of the"
            " failed keys; run doctor again when replay has sent them",
        )

    def _failures(self) -> Iterator[ObjectSummary]:
        """Failed records, and run files, whose keys may stand in no record while replay has them in hand."""
        return chain(self._listed(self._runs, self._runs), self._records("failed"))

    @property
    def _runs(self) -> str:
        return f"{record_root(self._settings.task.task_id)}replay/"

    def _records(self, state: str) -> Iterator[ObjectSummary]:
        """The records of this project's keys, and of all long keys."""
        by_key, by_hash = (record_prefix(self._settings.task.task_id, state, long=long) for long in (False, True))
        for one in self._listed(f"{by_key}{self._settings.key_filter.prefix}", by_key):
            if self._settings.key_filter.matches(one.name.removeprefix(by_key)):
                yield one
        yield from self._listed(by_hash, by_hash)

    def _listed(self, prefix: str, itself: str) -> Iterator[ObjectSummary]:
        """What stands there; not the empty object that consoles make of a folder itself."""
        return (one for one in self._buckets[0].iter_objects(prefix, self._deadline) if one.name != itself)

    def _accepted(self, after: float) -> tuple[int, bool]:
        """When a key was accepted: the last time, or any time `after`; and whether it could look at all it needed."""
        enough, accepted = self._a_while(), 0
        for one in _within(enough, self._records("success")):
            accepted = max(accepted, one.modified)
            if accepted > after:
                break
        return accepted, not enough.expired()

    # Alibaba's side

    def oss_answers(self) -> Finding:
        problem = self._log_bucket_says
        if problem and problem.code in BAD_CREDENTIALS:
            fix = "Invoke again in a minute; if it lasts, check the function's role in the RAM console"
            return Finding(FAULT, str(problem), fix)
        if problem and problem.code not in (*_WRONG_BUCKET, "AccessDenied"):
            return Finding(FAULT, str(problem), "Run doctor again in a minute; if it lasts, see OSS's service health")
        return Finding(OK, "OSS accepts the role's credentials")

    def log_bucket(self) -> Finding:
        return self._bucket_is_there("LOG_BUCKET", self._settings.log_bucket, self._log_bucket_says)

    def source_bucket(self) -> Finding:
        if not self._settings.source_bucket:
            return Finding(SKIPPED, "SOURCE_BUCKET is empty: events of any bucket are taken, and reconcile cannot run")
        return self._bucket_is_there("SOURCE_BUCKET", self._settings.source_bucket, self._source_bucket_says)

    def _bucket_is_there(self, setting: str, name: str, problem: StorageError | None) -> Finding:
        if problem and problem.code in _WRONG_BUCKET:
            return Finding(FAULT, str(problem), f"Name an OSS bucket of {self._settings.oss_region} in {setting}")
        return Finding(OK, f"{name} is there")

    def right_to_list_records(self) -> Finding:
        return _may("list the records", "oss:ListObjects", "log bucket", self._log_bucket_says)

    def right_to_list_source(self) -> Finding:
        return _may("list the source bucket", "oss:ListObjects", "source bucket", self._source_bucket_says)

    def right_to_write(self) -> Finding:
        name = f"{record_root(self._settings.task.task_id)}doctor/{uuid.uuid4().hex}"
        self._probe = StoredObject(name, b"written by doctor, to be deleted at once")
        (problem,) = self._buckets[0].try_put_all([self._probe], self._deadline)
        return _may("write records", "oss:PutObject", "log bucket", problem)

    def right_to_read(self) -> Finding:
        (found,) = self._buckets[0].try_get_all([self._written.name], self._deadline)
        return _may("read records", "oss:GetObject", "log bucket", found if isinstance(found, StorageFailure) else None)

    def record_etag(self) -> Finding:
        listed = self._buckets[0].list_page(self._written.name, "", self._deadline).objects
        if not listed:
            return Finding(UNKNOWN, "the listing lacks what was just written", "Run doctor again in a minute")
        if listed[0].etag != etag_of(self._written.body):
            return Finding(
                FAULT,
                "the log bucket lists objects with an ETag that is not the MD5 of their contents",
                "Is it encrypted with KMS? Use a log bucket without: reconcile would send every object in each pass",
            )
        return Finding(OK, "a listing tells which version a record is of")

    def right_to_delete(self) -> Finding:
        (problem,) = self._buckets[0].try_delete_all([self._written.name], self._deadline).values()
        if problem is None:
            self._probe = None
        return _may("delete records", "oss:DeleteObject", "log bucket", problem)

    @property
    def _written(self) -> StoredObject:
        assert self._probe  # noqa: S101  the check "right to write records" has made it
        return self._probe

    # Both together

    def reconcile(self) -> Finding:
        if self._settings.reconcile_period is None:
            return Finding(OK, "reconcile runs by hand only, for RECONCILE_PERIOD is off")
        last = max(
            Passes(self._settings, self._buckets[0], self._clock).all(self._deadline),
            key=lambda one: one.started,
            default=None,
        )
        fix = "See in the Function Compute console that reconcile's timer is there, and in `s reconcile logs`"
        if last is None:
            if self._state.installed(self._deadline, note=False) < self._clock.now() - MAX_PERIOD:
                return Finding(WARNING, f"no pass of reconcile has begun in the last {MAX_PERIOD.days} days", fix)
            return Finding(SKIPPED, "no pass has begun yet: look again in 10 minutes, then see `s reconcile logs`")
        seen = f"the last pass of reconcile began at {last.started}"
        if last.is_late(self._settings, self._clock.now()):
            return Finding(WARNING, f"{seen}, and the next is long due", fix)
        return Finding(OK, seen)

    def records_flow(self) -> Finding:
        """Whether objects of the last day, and since the installation, have records."""
        settings, now = self._settings, self._clock.now()
        log_bucket, source_bucket = self._buckets
        installed = self._state.installed(self._deadline, note=False)
        scope = Scope(settings.key_filter, max(now - _DAY, installed), everything=False)
        classifier = Classifier(settings, scope, installed, now)
        walk = MergedListing(
            settings.task.task_id, source_bucket, log_bucket, classifier, scope.key_filter.prefix, "", self._deadline
        )
        in_hand = {
            key.key
            for run in RunFiles(self._settings, self._buckets[0], self._clock).leftovers(self._deadline)
            if run
            for key in run.keys
        }
        verdicts: Counter[str] = Counter()
        told = 0
        enough = self._a_while()
        for key, found in _within(enough, walk):
            verdict = classifier.classify(key, found)
            told += classifier.event_came(verdict, found) is True
            verdicts["failed_before" if verdict == "missing" and key in in_hand else verdict] += 1
        accepted, failed, missing = (verdicts[name] for name in ("covered", "failed_before", "missing"))
        names = f"{'the first ' if enough.expired() else ''}{verdicts.total():,} names"
        seen = (
            f"of {names}, {accepted} written in the last day were accepted, {failed} failed, {missing} have no record"
        )
        if missing:
            fix = (
                "See in the Function Compute console that forward's trigger is there (it is refused where it overlaps"
                " with another of this bucket in events, prefix and suffix); reconcile sends the objects"
            )
            return Finding(WARNING if accepted + failed else FAULT, seen, fix)
        if failed:
            return Finding(WARNING, seen, "`s status invoke` says why they failed")
        if not accepted:
            return Finding(SKIPPED, f"{seen}: upload an object, and look again in 15 minutes")
        if not told:
            # Reconcile's own records must not make a dead trigger look well.
            late = (
                f"{seen}; all records came so late that reconcile may have made them, so whether events arrive is open"
            )
            return Finding(UNKNOWN, late, "Upload an object, and look again: it should have a record within 15 minutes")
        return Finding(OK, seen)

    def _field(self, name: str) -> str:
        assert isinstance(self._task, dict)  # noqa: S101  the check "task" has looked
        return str(self._task.get(name, "unknown"))


def _within(enough: Deadline, items: Iterable[T]) -> Iterator[T]:
    return takewhile(lambda _: not enough.expired(), items)


def _reasons(failure: StoredObject | StorageFailure) -> set[str]:
    """The reasons that a failed record or a run file tells, or "" if it tells none or could not be read."""
    match jsontext.load(failure.body) if isinstance(failure, StoredObject) else None:
        case {"keys": list(keys)}:
            return {str(key.get("reason", "")) if isinstance(key, dict) else "" for key in keys}
        case {"reason": str(reason)}:
            return {reason}
    return {""}


def _unreached(setting: str) -> str:
    return f"Check the host in {setting}, and that the function has internetAccess: true"


def _may(what: str, action: str, where: str, problem: StorageError | StorageFailure | None) -> Finding:
    if problem is None:
        return Finding(OK, f"the function's role may {what}")
    said = problem.message if isinstance(problem, StorageFailure) else str(problem)
    if problem.code == "AccessDenied":
        statement = f"Grant the function's role {action} on the {where}, as policies/ in the project says"
        return Finding(FAULT, said, statement)
    return Finding(FAULT, said, "Look at the message, and run doctor again in a minute")


def _right(action: str, answer: object, without: str) -> Finding:
    if isinstance(answer, Failure) and answer.reason is Reason.FORBIDDEN:
        return Finding(FAULT, _told(answer), f"{grant(action)[0]} {without}")
    if isinstance(answer, Failure) and answer.reason is not Reason.NO_TASK:
        return Finding(FAULT, _told(answer), answer.reason.fix)
    return Finding(OK, f"the IAM user behind HW_AK may oms:synctask:{action}")


def _told(failure: Failure) -> str:
    parts = (failure.reason.name, failure.status, failure.error_code, failure.message)
    return " ".join(str(part) for part in parts if part)


def _connection(url: str, setting: str) -> Finding:
    """Name, TCP and TLS apart: each has another remedy."""
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    if proxy:
        url, setting = proxy if "://" in proxy else f"http://{proxy}", "HTTP_PROXY or HTTPS_PROXY"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # its text may quote a password
        return Finding(FAULT, f"{setting} holds no address", f"Correct {setting}, or take it away")
    shown = f"{'the proxy ' if proxy else ''}{host}"
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Finding(FAULT, presentable(f"the name {host} is not found: {error}"), f"Check the host in {setting}")
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connection:
            if parts.scheme == "https":
                authorities = _trusting(trusted_certificates() or DEFAULT_CA_BUNDLE_PATH)
                authorities.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLError as error:
        return Finding(
            FAULT,
            presentable(f"{host} cannot be trusted (TLS): {error}"),
            f"Check the host in {setting}: something else answers there, or stands in between",
        )
    except OSError as error:
        return Finding(FAULT, presentable(f"no connection to {shown} port {port}: {error}"), _unreached(setting))
    return Finding(OK, f"{shown} is found, and takes connections{' with TLS' if parts.scheme == 'https' else ''}")


def _trusting(certificates: str) -> ssl.SSLContext:
    is_folder = Path(certificates).is_dir()
    return ssl.create_default_context(
        cafile=None if is_folder else certificates, capath=certificates if is_folder else None
    )


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
    ("OSS answers", ("role", "OSS connection", "clock"), _Examination.oss_answers),
    ("log bucket", ("OSS answers",), _Examination.log_bucket),
    ("right to write records", _ON_RECORDS, _Examination.right_to_write),
    ("right to read records", ("right to write records",), _Examination.right_to_read),
    ("right to list records", _ON_RECORDS, _Examination.right_to_list_records),
    ("record ETag", ("right to write records", "right to list records"), _Examination.record_etag),
    ("right to delete records", ("right to write records",), _Examination.right_to_delete),
    ("source bucket", ("OSS answers",), _Examination.source_bucket),
    ("right to list source bucket", ("source bucket",), _Examination.right_to_list_source),
    (
        "right oms:synctask:createEvent",
        ("right to list records", "right to read records"),
        _Examination.right_to_submit,
    ),
    ("reconcile", ("right to list records", "right to read records"), _Examination.reconcile),
    (
        "records flow",
        ("right to list records", "right to read records", "right to list source bucket"),
        _Examination.records_flow,
    ),
)
