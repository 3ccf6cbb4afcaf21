"""A note in the log bucket that names the access keys of a requested sync task, written before OMS gets the keys.

OMS's answer may be lost, and OMS's list may show a new task late. The keys are kept until the list shows the task. The
note's name is:

    oms_source_record/setup/{project}-task.json
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from ops.clock import WallClock, parse_time, timestamp
from ops.clouds.buckets import OssBucketClient
from ops.clouds.wire import RefusedError, UnreadableResponseError, suppress_refusal
from ops.intention import Holder, list_keys
from oss_oms_sync.answers.layout import RECORDS
from oss_oms_sync.answers.text import Text, t

# Time for which OMS's list may lack a requested task.
_MAX_LIST_DELAY = timedelta(minutes=5)


@dataclass(frozen=True)
class Note:
    """A note on a request to create a sync task.

    - `since` is the time of the request.
    - `keys` are the ids of the access keys that setup created for the task.
    - `task` is the task's id, or empty until it is known.
    """

    since: str
    keys: Sequence[str]
    task: str = ""


class TaskKeys:
    """The stored note on a project's last request to create a sync task.

    If `log`, the client of the log bucket, is None, the note is only in memory. `holders` are the users whose keys the
    task has. All methods raise RefusedError, UnreachableError and UnreadableResponseError.
    """

    def __init__(self, log: OssBucketClient | None, project: str, clock: WallClock, holders: Sequence[Holder]) -> None:
        self._log, self._clock, self._holders = log, clock, holders
        self._name = f"{RECORDS}setup/{project}-task.json"
        # The note of this run, while the answer to its request is unknown.
        self.pending_note: Note | None = None
        self._memory_note: Note | None = None

    def read(self) -> Note | None:
        if self._log is None:
            return self._memory_note
        response = None
        with suppress_refusal(lambda error: error.code == "NoSuchBucket"):
            response = self._log.get(self._name)
        try:
            return Note(**json.loads(response.body)) if response else None
        except (TypeError, ValueError):
            raise UnreadableResponseError from None

    def find_recent_note(self) -> Note | None:
        """Return the note if OMS's list may still lack the requested task, otherwise None."""
        note = self.read()
        return note if note and not self.is_old(note) else None

    def find_unanswered_note(self) -> Note | None:
        """Return the note if it is unknown whether its request created a task.

        Return None if there is no note, or if the note is old and none of its keys is known to exist.
        """
        note = self.read()
        if note is None or note.task:
            return None
        return note if not self.is_old(note) or set(note.keys) & set(self._list_existing_keys() or ()) else None

    def list_lost_keys(self, task: str) -> list[str]:
        """List the ids of the task's access keys that were deleted, or nothing if the users' keys cannot be read."""
        note = self.read()
        if note is None or note.task not in ("", task):
            return []
        existing_keys = self._list_existing_keys()
        return [] if existing_keys is None else [key for key in note.keys if key not in existing_keys]

    def is_old(self, note: Note) -> bool:
        """Return True if the request is so old that OMS, if it has created the task, already lists it."""
        request_time = parse_time(note.since)
        return request_time is None or self._clock.now() - request_time >= _MAX_LIST_DELAY

    def request(self, keys: Sequence[str], create: Callable[[], str]) -> None:
        """Call `create`, which creates a task with these keys, and store the task's id in the note.

        If OMS refuses the request, the note is deleted. After any other error the task may exist, so the note remains.
        """
        note = Note(timestamp(self._clock.now()), keys)
        self._write(note)
        self.pending_note = note
        try:
            task = create()
        except RefusedError as error:
            if error.status < 500:
                self.forget()
            raise
        self.store_task_id(task)

    def store_task_id(self, task: str) -> None:
        """Store in the note the id of the task that has the keys."""
        note = self.pending_note or self.read()
        if note:
            self._write(replace(note, task=task))
        self.pending_note = None

    def forget(self) -> None:
        """Delete the note, because no task uses its access keys."""
        if self._log:
            self._log.delete(self._name)
        self.pending_note = self._memory_note = None

    def _list_existing_keys(self) -> list[str] | None:
        """List the ids of the holders' access keys; return None if they cannot be read."""
        with suppress_refusal(lambda error: error.is_denied):
            return [key for _, key in list_keys(self._holders)]
        return None

    def _write(self, note: Note) -> None:
        self._memory_note = note
        if self._log:
            self._log.put(self._name, json.dumps(asdict(note)).encode())


def requested_text(note: Note) -> Text:
    """Return a sentence for the plan: a task was requested, but OMS does not list it yet."""
    return t("the sync task was requested at {since}, but OMS does not list the task yet", since=note.since)
