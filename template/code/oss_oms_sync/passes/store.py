"""The passes stored in the log bucket: how far each is, and what it counted.

oms_source_record/{task}/reconcile/{scope}/{pass}.json
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from oss_oms_sync import jsontext
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.settings import MAX_PERIOD, Settings

# A pass takes time, so the next one may begin this much later than its period says.
_LATE = timedelta(days=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pass:
    """One pass of reconcile through `source_bucket`: everything up to the key `after` is done. `ended` is empty while
    it is open; `limited` means that no timer resumes it.

    Each has an object of its own, so that a pass that is still running cannot overwrite one that was started later.
    """

    name: str
    source_bucket: str
    scope: Scope
    started: str
    limited: bool
    after: str = ""
    ended: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def is_late(self, settings: Settings, now: datetime) -> bool:
        """Whether the next pass is long overdue. If no timer starts one, this pass counts until it is forgotten."""
        return self.started < timestamp(now - (settings.reconcile_period or MAX_PERIOD) - _LATE)


class Passes:
    """The passes of one project."""

    def __init__(self, invocation: Invocation) -> None:
        self._settings = invocation.settings
        self._folder = f"{record_root(invocation.task_id)}reconcile/"
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock

    def new(self, scope: Scope, limited: bool) -> Pass:
        """Start a pass.

        Raises StorageError.
        """
        now = self._clock.now()
        name = f"{self._folder_of(scope)}{now.strftime('%Y%m%dT%H%M%S.%fZ')}-{uuid.uuid4().hex[:8]}.json"
        begun = Pass(name, self._settings.source_bucket, scope, timestamp(now), limited)
        self.save(begun)
        return begun

    def all(self) -> list[Pass]:
        """Read this project's stored passes, except forgotten ones, sorted by scope and within a scope by start.

        Raises StorageError.
        """
        names = [one.name for one in self._bucket.iter_folder(self._folder) if not self._is_forgotten(one)]
        found = filter(None, self._bucket.get_all(names))  # the others were deleted meanwhile
        read = [self._started_over(one) for one in map(_pass_from_json, found) if one]
        return [
            one
            for one in read
            if one.source_bucket == self._settings.source_bucket
            and one.scope.key_filter.is_within(self._settings.key_filter)
        ]

    def _started_over(self, one: Pass) -> Pass:
        """An open pass that an older version stored names no bucket: it is still wanted, but starts over, because its
        position may be of another bucket. An ended pass without a bucket is left as it is, and so does not count."""
        if one.source_bucket or one.ended:
            return one
        return replace(one, source_bucket=self._settings.source_bucket, after="", counts={})

    def save(self, one: Pass) -> None:
        """Store how far a pass is.

        Raises StorageError: the stored pass then stays as it was.
        """
        self._bucket.put(StoredObject.of_json(one.name, _pass_to_json(one)))

    def finish(self, one: Pass) -> None:
        """Store a pass as ended, and delete those before it and the forgotten ones.

        Raises StorageError if it is not stored.
        """
        self.save(replace(one, ended=timestamp(self._clock.now())))
        mine = self._folder_of(one.scope)
        try:
            listed = list(self._bucket.iter_folder(self._folder))
        except StorageError as error:  # they are deleted after the next pass
            log.error({"passes": "not cleared away", "problem": str(error)})  # noqa: TRY400
            return
        over = [old.name for old in listed if mine < old.name < one.name or self._is_forgotten(old)]
        for name, problem in self._bucket.try_delete_all(over).items():
            if problem:
                log.error({"pass": name, "problem": problem.message})

    def _folder_of(self, scope: Scope) -> str:
        digest = hashlib.sha256(jsontext.dump(_scope_to_json(scope))).hexdigest()
        return f"{self._folder}{digest[:16]}/"

    def _is_forgotten(self, listed: ObjectSummary) -> bool:
        """Whether nobody resumed a pass for so long that the next one is due, whatever the period."""
        return listed.modified < (self._clock.now() - MAX_PERIOD).timestamp()


def _scope_to_json(scope: Scope) -> dict[str, object]:
    since = timestamp(scope.since) if scope.since else ""
    return {**asdict(scope.key_filter), "since": since, "all": scope.everything}


def _pass_to_json(one: Pass) -> dict[str, object]:
    return {**asdict(one), "scope": _scope_to_json(one.scope)}


def _pass_from_json(found: StoredObject) -> Pass | None:
    match jsontext.load(found.body):
        case {
            "scope": {"prefix": str(prefix), "suffix": str(suffix), "since": str(since), "all": bool(everything)},
            "started": str(started),
            "limited": bool(limited),
            "after": str(after),
            "ended": str(ended),
            "counts": dict(counts),
            **rest,
        } if parse_time(since) or not since:
            scope = Scope(KeyFilter(prefix, suffix), parse_time(since), everything)
            return Pass(found.name, str(rest.get("source_bucket", "")), scope, started, limited, after, ended, counts)
    log.error({"pass": found.name, "problem": "unreadable, so another begins"})
    return None
