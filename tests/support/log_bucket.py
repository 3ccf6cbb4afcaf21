"""The log bucket of a project, with methods that write its objects by hand.

A test writes an object by hand only if no run of a job would leave it in this state. tests/stored has an example of
each form.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.passes.pieces import Pass, Piece, Scope
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import OBJECTS_IN_SCOPE, ClassCount, Side, Tally
from sandbox import Sandbox
from sandbox.oss.objects import etag_of
from support.stored import Stored

TASK = "0f7c9b1e-5a3d-4f61-8a55-0123456789ab"
# The folder of the task's records and states.
ROOT = f"oms_source_record/{TASK}/"
# Details of the failed record of a key that OMS throttled.
THROTTLED = {"reason": "THROTTLED", "status": 429, "error_code": "APIGW.0308", "message": "slow down"}
# Scopes of passes: the timer's, and one of all existing objects.
USUAL = {"prefix": "", "suffix": "", "since": "", "all": False}
BACKFILL = {**USUAL, "since": "1970-01-01T00:00:00Z"}


def record_name(state: str, key: str, root: str = ROOT) -> str:
    """Return the name of a key's record; the name for a long key has the key's hash instead."""
    name = f"{root}{state}_object/{key}"
    return (
        name if len(name.encode()) <= 1023 else f"{root}{state}_object_long/{hashlib.sha256(key.encode()).hexdigest()}"
    )


class LogBucket(Stored):
    """The log bucket of a project in the sandbox.

    `root` is the folder of the project's task. `now` returns the time, by default the sandbox's time.
    """

    def __init__(self, box: Sandbox, project: str = "oss-oms-sync", now: Callable[[], datetime] | None = None) -> None:
        super().__init__(box.oss, box.log_bucket)
        self.root = f"oms_source_record/{box.task_id}/"
        self._task, self._project, self._destination = box.task_id, project, box.destination_bucket
        self._now = now or (lambda: from_epoch(box.now()))
        self._numbers = count(1)

    # States of the project.

    def add_json(self, name: str, value: object) -> None:
        self.add(StoredObject(f"{self.root}{name}", json.dumps(value).encode()))

    def add_installation(self, time: datetime | None = None) -> None:
        """Store the time of the project's installation, by default an hour ago."""
        self.add_json("state/installed.json", {"at": timestamp(time or self._now() - timedelta(hours=1))})

    def add_mark(self, *, closed: bool, by: str = "", why: str = "") -> None:
        mark = {
            "closed": closed,
            "at": timestamp(self._now()),
            "by": by,
            "why": why,
            "run": "",
            "opened": "",
            "first": "",
        }
        self.add_json(f"state/closed-{self._project}.json", mark)

    def add_back_to_source(self, rules: int | None = 0, *, bucket: str = "", at: str = "") -> None:
        """Store the number of back-to-source rules in OBS, as `ops.py checklist` does; None if it is unknown."""
        self.add_json("state/back_to_source.json", {"bucket": bucket or self._destination, "at": at, "rules": rules})

    def add_canary_result(self, report: Mapping[str, object], at: str = "2026-01-01T00:00:00Z") -> None:
        self.add_json(f"state/canary-{self._project}.json", {"at": at, "report": report})

    def add_migration(self, ago: float = 3600, **fields: object) -> None:
        """Store the record of a running migration that began `ago` seconds ago."""
        self.add_json(f"state/migrate-{self._project}.json", self._intention(ago, **fields))

    def add_ended_migration(self, how: str = "done", run: str = "ab12", **fields: object) -> None:
        """Store the outcome of a migration that ends now, and delete the record of the running migration."""
        self.objects.pop(f"{self.root}state/migrate-{self._project}.json", None)
        outcome = {**self._intention(3600), "ended": timestamp(self._now()), "how": how, **fields}
        self.add_json(f"state/migrated-{self._project}-{run}.json", outcome)

    def _intention(self, ago: float, **fields: object) -> dict[str, object]:
        begun = timestamp(self._now() - timedelta(seconds=ago))
        return {"begun": begun, "group": "", "prefixes": [""], "digest_without_extra": "", **fields}

    def add_read_lines(self, lines: int, outside: int = 0, month: str = "2026-03") -> None:
        """Store how many lines of OMS's lists of failed copies replay has read in a month.

        `outside` of these lines have keys outside the project's prefix or suffix.
        """
        stored = self.objects.get(f"{self.root}state/failed_copies.json")
        value = json.loads(stored.body) if stored else to_json(ListPositions())
        value["listed"][month] = [lines, outside]
        self.add_json("state/failed_copies.json", value)

    # Records of keys.

    def add_success_record(self, key: str, data: str = "A", ago: float = 0) -> None:
        """Store the success record of a version, as if OMS had accepted it `ago` seconds ago."""
        name, etag = record_name("success", key, self.root), etag_of(data.encode())
        body, headers = (etag, {}) if name.endswith(key) else (key, {"x-oss-meta-etag": etag})
        self.add(StoredObject(name, body.encode(), headers))
        self.modified[name] -= int(ago)

    def add_failed_records(self, *keys: str, reason: str = "UNAVAILABLE", data: str = "", **details: object) -> None:
        """Store the failed records of keys; `data` has the contents of their versions."""
        now = timestamp(self._now())
        times = {"first_failure": now, "last_failure": now, "etag": etag_of(data.encode()) if data else ""}
        for key in keys:
            body = {"key": key, "reason": reason, **times, **details}
            self.add(StoredObject(record_name("failed", key, self.root), json.dumps(body).encode()))

    def add_copy_failed_record(self, key: str, code: str = "UPLOAD_DST_OBJ_FAILURE", attempts: int = 1) -> None:
        """Store the failed record of a key that OMS failed to copy `attempts` times, with OMS's error code."""
        self.add_failed_records(key, reason="COPY_FAILED", error_code=code, copy_attempts=attempts)

    def add_run_file(self, *keys: str, **entry: object) -> None:
        """Store a run file with these keys, as a run of replay that has ended leaves it."""
        fields = dict.fromkeys(("event_name", "event_time", "etag", "first_failure", "reason"), "")
        entries = [{"key": key, **fields, "held": False, **entry} for key in keys]
        self.add_json(f"replay/{self._project}/{next(self._numbers)}.json", {"busy_until": "", "keys": entries})

    def failed_keys(self) -> set[str]:
        return {json.loads(self.objects[name].body)["key"] for name in self.names(f"{self.root}failed_object")}

    def failed_record(self, key: str) -> dict[str, Any]:
        return json.loads(self.record_body("failed", key) or b"")

    def succeeded_keys(self) -> set[str]:
        short, long = f"{self.root}success_object/", f"{self.root}success_object_long/"
        long_keys = {self.objects[name].body.decode() for name in self.names(long)}
        return {name.removeprefix(short) for name in self.names(short)} | long_keys

    def keys_in_run_files(self) -> set[str]:
        run_files = [json.loads(self.objects[name].body) for name in self.names(f"{self.root}replay/")]
        return {entry["key"] for run_file in run_files for entry in run_file["keys"]}

    def job_state(self, name: str = "replay") -> dict[str, Any]:
        """Return the stored state of a job, or an empty dict if there is none."""
        stored = [state for state in self.names(f"{self.root}state/{name}") if "-timer-" not in state]
        return json.loads(self.objects[stored[0]].body) if stored else {}

    def record_body(self, state: str, key: str) -> bytes | None:
        """Return the contents of a key's record, or None if there is no record in this state."""
        record = self.objects.get(record_name(state, key, self.root))
        return record and record.body

    # Passes.

    def add_pass(
        self,
        scope: Mapping[str, Any] = USUAL,
        *,
        ended: bool = True,
        job: str = "reconcile",
        tally: Tally | None = None,
        **counts: int,
    ) -> None:
        now = self._now() + timedelta(microseconds=next(self._numbers))
        identity = hashlib.sha256(json.dumps(scope).encode()).hexdigest()[:16]
        name = f"{identity}-{now.strftime('%Y%m%dT%H%M%S%fZ')}"
        since = parse_time(scope["since"]) if scope["since"] else None
        is_standstill = scope.get("standstill", False)
        of = Scope(KeyFilter(scope["prefix"], scope["suffix"]), since, scope["all"], standstill=is_standstill)
        at = timestamp(now)
        destination = self._destination if job == "compare" else ""
        about = Pass(name, "photos", of, started=at, installed=at, destination_bucket=destination)
        counted = tally or Tally(Counter({OBJECTS_IN_SCOPE: 1, **counts}), state=1)
        total = to_json(PassState(about, counted, at, ranges_open=0, ranges_done=1, pieces=1))
        piece = to_json(Piece(tally=counted, about=about))
        folder = f"oms_source_record/passes/{self._project}-{job}/{self._task}/{name}/"
        written, value = ("total", total) if ended else ("r/0000", piece)
        self.add(StoredObject(f"{folder}{written}", json.dumps(value).encode()))

    def add_comparison(self, oldest: int | None = None, *, ended: bool = True, **numbers: int) -> None:
        """Store a comparison with these numbers of objects in each class.

        `oldest` is the Unix time of the oldest object that is missing in OBS.
        """
        classes = {name: ClassCount(Side(number, number), Side(number, number)) for name, number in numbers.items()}
        self.add_pass(ended=ended, job="compare", tally=Tally(classes=classes, oldest_not_there=oldest))

    def add_standstill(self, *, state: int, twin: int) -> None:
        """Store a standstill pass with the digests of the source (`state`) and of OBS (`twin`).

        `add_comparison` stores 0 for each digest.
        """
        self.add_pass({**USUAL, "standstill": True}, job="compare", tally=Tally(state=state, twin=twin))
