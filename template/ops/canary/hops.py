"""The progress of a canary's objects from OSS to OBS, hop by hop.

The hops of an object are: written to the source, event, accepted by OMS, counted by OMS, stored in OBS, and named in
OMS's lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from ops.canary.access import Accounts
from ops.canary.in_place import UNKNOWN
from ops.canary.objects import CanaryObject
from ops.clock import WallClock
from ops.clouds.bucket_client import ListedKey
from ops.clouds.oms import SyncTaskClient
from ops.clouds.wire import Response
from oss_oms_sync.answers.layout import Kind, record_name, task_lists_folder
from oss_oms_sync.rules.headers_in_place import NO, YES

# Maximum seconds of each hop: twice the time that documents state, which is five minutes for an event and ten for OMS.
# For its counts (in steps of five minutes) and its lists, OMS documents no time.
HOP_LIMITS_SECONDS = {"event": 600.0, "accepted": 600.0, "in_obs": 1200.0, "counted": 1200.0, "listed": 1200.0}
# Time after which OMS's count is final although a key is lacking, if all objects are in OBS.
_MERGE_DELAY = timedelta(minutes=10)
# Kinds of records in the log bucket: OMS accepted the key, or refused it.
_RECORD_KINDS: tuple[Kind, ...] = ("success", "failed")
# Maximum number of OMS's list files in the bucket for which the canary looks for new ones; OMS removes none.
_MAX_LISTS = 20_000
_LIST_PATTERN = re.compile(r"/(success|skip|failed)_object_lists/")
_SEPARATORS = (",", "\t", ";", "|", " ")


@dataclass
class Trace:
    """The times at which an object reached each hop on its way from OSS to OBS; None for a hop not reached yet.

    - `write_time` is the time when the source stored the object.
    - `record_time` is the time of the first record in the log bucket, and `acceptance_time` that of the success record.
    - `reason` is the reason in the failed record, or empty.
    - `headers` has the outcome of each header, by its name in OBS.
    """

    original: CanaryObject
    key: str
    etag: str = ""
    write_time: datetime | None = None
    record_time: datetime | None = None
    acceptance_time: datetime | None = None
    reason: str = ""
    copy_time: datetime | None = None
    destination: Response | None = None
    differences: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


class ListForm(NamedTuple):
    """The form of a file in which OMS lists objects, derived from its line about an object of the canary.

    - `kind` is "success", "skip" or "failed".
    - `columns` are the kinds of the line's values, such as "key" or "size".
    - `line_ending` is "LF" or "CRLF".
    - `write_time` is the time when OMS wrote the file.
    """

    kind: str
    separator: str
    columns: tuple[str, ...]
    line_ending: str
    has_header: bool
    write_time: datetime | None


class OmsTotals(NamedTuple):
    """OMS's counts since the canary began: the number of submitted keys, and of finished keys.

    `step` is OMS's name for the interval in which it counts.
    """

    step: str
    submitted: int
    finished: int


class Watch:
    """The observation of a canary's run: the progress of each object, OMS's counts, and OMS's lists."""

    def __init__(self, accounts: Accounts, clock: WallClock, run: str) -> None:
        self._accounts, self._clock = accounts, clock
        self._task = SyncTaskClient(accounts.variables["SYNC_URL"], accounts.keys[1], clock)
        self._prefix = accounts.prefix(run)
        self._start_time = clock.now()
        # The counts begin a day earlier, as for a certificate, and at a full hour, because OMS may count in hours.
        self._count_start = self._start_time.replace(minute=0, second=0) - timedelta(days=1)
        self._earlier_totals = self._read_totals()
        self._old_lists = {listing.key for listing in self._list_files()}
        # If the bucket has more lists, a new list may sort after the last list that is read.
        self._reads_lists = len(self._old_lists) < _MAX_LISTS
        self.traces: list[Trace] = []
        # The header change in the source. Its `write_time` is the time of the change; only later records belong to it.
        self.change: Trace | None = None
        self._change_seconds = 0.0
        self.counts: OmsTotals | None = None
        self.count_time: datetime | None = None
        self._stable_time: datetime | None = None
        self.lists: list[ListForm] = []
        self.key_order = ""

    @property
    def are_counts_exclusive(self) -> bool:
        """True if OMS's counts seem to include only the canary's keys."""
        return self.counts is not None and self.counts.submitted in (self._submission_count - 1, self._submission_count)

    @property
    def is_done(self) -> bool:
        """True if OMS has finished all submitted keys, also those submitted twice, so that no copy arrives later."""
        return bool(self.count_time) and self.counts is not None and self.counts[1:] == (self._submission_count,) * 2

    @property
    def unfinished_key_count(self) -> int:
        """The number of keys that OMS will never count as finished, because OMS has lost or merged them."""
        lost_count = sum(trace.acceptance_time is not None and trace.copy_time is None for trace in self.traces)
        unfinished_count = lost_count + (self.double_counting == "merged")
        # OMS counts failed objects as finished.
        return (
            min(unfinished_count, max(0, self.counts.submitted - self.counts.finished))
            if self.counts
            else unfinished_count
        )

    @property
    def double_counting(self) -> str:
        """OMS's treatment of a key that it received twice: "each counted", "merged" or "unknown".

        The treatment is unknown if OMS's counts include keys of other objects.
        """
        counts = self.counts
        if not counts or not self.count_time or counts.submitted != self._submission_count:
            return "unknown"
        return {0: "each counted", 1: "merged"}.get(counts.submitted - counts.finished, "unknown")

    @property
    def _submission_count(self) -> int:
        """The number of submissions that OMS has accepted; the key with two events counts twice."""
        return 1 + len(self._acceptances)

    @property
    def last_acceptance_time(self) -> datetime | None:
        """The time at which OMS accepted the last key, or None before any acceptance."""
        return max(self._acceptances, default=None)

    @property
    def _acceptances(self) -> list[datetime]:
        traces = [*self.traces, self.change] if self.change else self.traces
        return [trace.acceptance_time for trace in traces if trace.acceptance_time]

    @property
    def change_event(self) -> str:
        """The word "yes" if forward received an event of the header change, and "no" if it did not.

        The word is empty if no header was changed.
        """
        return UNKNOWN if self.change is None else YES if self.change.record_time else NO

    @property
    def change_seconds_left(self) -> float:
        """The seconds left to wait for the event of the header change; 0 after OMS has accepted the changed object."""
        if self.change is None or self.change.acceptance_time:
            return 0.0
        return max(0.0, self._change_seconds + HOP_LIMITS_SECONDS["event"] - self._clock.monotonic())

    def find_changeable_object(self) -> Trace | None:
        """Return the `Trace` of an object whose headers can be changed now, or None.

        OMS must have finished the object. Otherwise OMS could merge the submission of the change with the first
        submission.
        """
        if self.change:
            return None
        return next(
            (trace for trace in self.traces if trace.original.is_changed and trace.acceptance_time and trace.copy_time),
            None,
        )

    def store_change(self, change: Trace) -> None:
        """Store the header change, and discard the time of OMS's final count, because OMS counts the change as well."""
        self.change, self._change_seconds, self.count_time = change, self._clock.monotonic(), None

    def read_progress(self) -> None:
        for trace in self.traces:
            self._read_trace(trace)
            if self.change and self.change.key == trace.key and self.change.acceptance_time is None:
                self._read_records(self.change, trace.acceptance_time)
        if any(trace.copy_time for trace in self.traces):
            self._read_counts()
            self._read_new_lists()
        if all(trace.copy_time for trace in self.traces) and not self.key_order:
            self.key_order = _detect_order(
                [listed_key.key for listed_key in self._accounts.destination.objects(self._prefix)]
            )

    def list_incomplete_hops(self) -> dict[str, list[CanaryObject]]:
        """Return the incomplete hops, each with the objects that have not passed it.

        The list is empty for a hop that all objects pass together, such as OMS's counts.
        """
        originals_by_hop = {
            "event": [trace.original for trace in self.traces if not trace.record_time],
            "accepted": [trace.original for trace in self.traces if trace.record_time and not trace.acceptance_time],
            "in_obs": [trace.original for trace in self.traces if trace.acceptance_time and not trace.copy_time],
        }
        common_hops = {"counted": self.count_time, "listed": self.lists or not self._reads_lists}
        return {
            **{hop: originals for hop, originals in originals_by_hop.items() if originals},
            **{hop: [] for hop, is_complete in common_hops.items() if not is_complete},
        }

    def _read_trace(self, trace: Trace) -> None:
        if trace.acceptance_time is None:
            self._read_records(trace)
        if trace.copy_time is None:
            response = self._accounts.destination.head(trace.key)
            if response:
                trace.destination, trace.copy_time = response, read_last_modified(response)

    def _read_records(self, trace: Trace, start: datetime | None = None) -> None:
        """Read the records of a key in the log bucket.

        With `start`, read only the records written after that time.
        """
        accounts, records = self._accounts, []
        for kind in _RECORD_KINDS:
            response = accounts.log.get(record_name(accounts.task, kind, trace.key))
            record_time = read_last_modified(response) if response else None
            records.append(response if start is None or (record_time is not None and record_time > start) else None)
        success_record, failed_record = records
        record_times = [read_last_modified(response) for response in records if response]
        trace.record_time = trace.record_time or min((time for time in record_times if time), default=None)
        if failed_record:
            reason = re.search(rb'"reason": ?"([A-Z_]+)"', failed_record.body)
            trace.reason = reason[1].decode() if reason else "FAILED"
        if success_record and _accepted_etag(success_record) in (trace.etag, "-"):
            trace.acceptance_time, trace.reason = read_last_modified(success_record), ""

    def _read_counts(self) -> None:
        step, submitted_keys, finished_keys = self._read_totals()
        now = self._clock.now()
        counts = OmsTotals(
            step, submitted_keys - self._earlier_totals.submitted, finished_keys - self._earlier_totals.finished
        )
        if self.counts is None or counts != self.counts:
            self._stable_time = now
        self.counts = counts
        expected_count = self._submission_count
        is_complete = min(counts.submitted, counts.finished) >= expected_count
        # The count is final although a key is lacking: an event was lost, or OMS has merged two submissions.
        is_stable = self._stable_time is not None and now - self._stable_time >= _MERGE_DELAY
        are_copies_present = all(trace.copy_time for trace in self.traces if trace.acceptance_time)
        is_key_missing = (
            are_copies_present and is_stable and min(counts.submitted, counts.finished) == expected_count - 1
        )
        if (
            not self.count_time
            and expected_count > 1
            and (is_complete or is_key_missing)
            and not self.change_seconds_left
        ):
            self.count_time = self._stable_time

    def _read_totals(self) -> OmsTotals:
        step, sums_by_kind = self._task.statistics(self._count_start)
        return OmsTotals(
            step, sums_by_kind["REQUEST"], sums_by_kind["SUCCESS"] + sums_by_kind["FAILURE"] + sums_by_kind["SKIP"]
        )

    def _list_files(self) -> list[ListedKey]:
        return list(islice(self._accounts.destination.objects(task_lists_folder(self._task.id)), _MAX_LISTS))

    def _read_new_lists(self) -> None:
        if self.lists or not self._reads_lists:
            return
        for listed_key in self._list_files():
            if listed_key.key in self._old_lists:
                continue
            response = self._accounts.destination.get(listed_key.key)
            list_form = _detect_list_form(listed_key.key, response, self.traces) if response else None
            if list_form:
                self.lists.append(list_form)
            else:
                self._old_lists.add(listed_key.key)


def find_first_acceptance(traces: Iterable[Trace]) -> datetime | None:
    return min((trace.acceptance_time for trace in traces if trace.acceptance_time), default=None)


def compare(trace: Trace, response: Response | None, contents: bytes, *, carries_metadata: bool) -> None:
    """Add to `trace` the differences between the object in OBS and the written object, and the outcome of each header.

    OMS always copies Content-Type. It copies other headers only if the task transfers metadata, and only values of
    letters, digits and hyphens (OMS's FAQ on metadata).
    """
    if response is None:
        trace.differences.append("gone")
        return
    if response.body != contents:
        trace.differences.append("bytes")
    for name, value in trace.original.headers.items():
        actual_value = response.headers.get(name.lower().replace("x-oss-", "x-obs-"))
        trace.headers[name.lower()] = "kept" if actual_value == value else "lost" if actual_value is None else "changed"
    required_names = {"content-type", *(["x-oss-meta-plain"] if carries_metadata else [])}
    trace.differences += [
        name for name, outcome in trace.headers.items() if name in required_names and outcome != "kept"
    ]


def _detect_order(keys: list[str]) -> str:
    """Return the order in which OBS lists keys: "bytes", "utf-16", "regardless of case" or "other"."""
    orders = {
        "bytes": sorted(keys, key=lambda key: key.encode()),
        "utf-16": sorted(keys, key=lambda key: key.encode("utf-16-be")),
        "regardless of case": sorted(keys, key=str.casefold),
    }
    return next((name for name, sorted_keys in orders.items() if keys == sorted_keys), "other")


def _detect_list_form(name: str, response: Response, traces: list[Trace]) -> ListForm | None:
    """Return the form of an OMS list, from its line about the canary's small object, whose key needs no quotes.

    Return None if the list has no such line.
    """
    text = response.body.decode("utf-8", "replace")
    lines = text.splitlines()
    kind = _LIST_PATTERN.search(name)
    for trace in traces:
        for line in lines:
            if trace.original.title != "small" or trace.key not in line or not kind:
                continue
            text_before = line[: line.index(trace.key)]
            separator = next(
                (
                    candidate
                    for candidate in _SEPARATORS
                    if text_before.endswith(candidate) or f"{trace.key}{candidate}" in line
                ),
                "",
            )
            columns = tuple(_column_kind(part, trace) for part in (line.split(separator) if separator else [line]))
            # A line of column titles has no digits.
            has_header = not any(character.isdigit() for character in lines[0])
            return ListForm(
                kind[1],
                separator,
                columns,
                "CRLF" if "\r\n" in text else "LF",
                has_header,
                read_last_modified(response),
            )
    return None


def _column_kind(text: str, trace: Trace) -> str:
    text = text.strip().strip('"')
    if text == trace.key:
        return "key"
    if text == quote(trace.key, safe=""):
        return "encoded key"
    if text == str(trace.original.size):
        return "size"
    if re.fullmatch(r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d.*", text):
        return "time"
    return "code" if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", text) else "other"


def _accepted_etag(record: Response) -> str:
    """Return the ETag of the accepted version, from its success record, or "-" if the event had no ETag."""
    return record.headers.get("x-oss-meta-etag", record.body.decode("utf-8", "replace")).removesuffix(" again")


def read_last_modified(response: Response) -> datetime | None:
    """Return the time at which the object of a response was stored, or None if the response lacks it."""
    try:
        return parsedate_to_datetime(response.headers["last-modified"]).astimezone(timezone.utc)
    except (KeyError, ValueError):
        return None
