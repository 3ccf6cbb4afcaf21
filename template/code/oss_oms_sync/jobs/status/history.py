"""The history of one object key: the object as it is now, its records, and what happens next."""

from __future__ import annotations

import json
import logging
import math
import shlex
from collections.abc import Mapping

from oss_oms_sync import jsontext
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.destination import destination
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.comparison.classes import EQUAL, Moments, classify
from oss_oms_sync.comparison.classes import ObjectClass as ObjectClassInObs
from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.records import Kind, modified_at, record_name, success_etag
from oss_oms_sync.ledger.runs import RunFiles
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.classify import Classifier, Entry, ObjectClass, is_covered, listed_record
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.reasons import Reason

log = logging.getLogger(__name__)

_UNREAD = "Whether replay has it in hand is not known: not all of replay's run files could be read."


class KeyHistory:
    """One key: the object as it is now, its records, and what happens next."""

    def __init__(self, invocation: Invocation, key: str) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._key = key
        installed = JobState(invocation).installed(note=False)
        usual = Scope(self._settings.key_filter, None, everything=False)
        self._classifier = Classifier(self._settings, usual, installed, invocation.clock.now())

    def build(self) -> dict[str, object]:
        """Build the history.

        Raises StorageError.
        """
        source = self._source()
        success, failed = self._record("success"), self._record("failed")
        there = self._in_obs()
        body = jsontext.load(failed.body) if failed else None
        details = body if isinstance(body, dict) else {}
        accepted = bool(source and success and is_covered(source, listed_record(success, source.name)))
        story, following = self._conclude(source, success, failed, details, accepted)
        if accepted and source and success:
            copying = self._conclude_copy_failed(success, failed, details)
            if not isinstance(there, str):
                copying = self._conclude_in_obs(source, success, there, copying)
            story, following = copying or (story, following)
        log.info({"key": self._key, "story": story, "next": following})
        return {
            "key": self._key,
            "accepted": accepted,
            "object": source and _summary(source),
            "success": success and {"etag": success_etag(success), "modified": _time(modified_at(success))},
            "in_obs": there if isinstance(there, str) else there and _summary(there),
            "seconds": _seconds(source, success if accepted else None, there),
            "failed": failed and {**details, "modified": _time(modified_at(failed))},
            "story": story,
            "next": following,
        }

    def _in_obs(self) -> ObjectSummary | str | None:
        """The object as a listing of OBS shows it, which needs no right on objects; or why that is not known."""
        try:
            (found,) = destination(self._invocation).find_all([self._key])
        except StorageError as error:
            return str(error)
        return found

    def _source(self) -> ObjectSummary | None:
        """The object as a listing shows it, because that needs no further permission."""
        if not self._settings.source_bucket:
            return None
        (found,) = self._invocation.source_bucket.find_all([self._key])
        return found

    def _record(self, kind: Kind) -> StoredObject | None:
        name = record_name(self._invocation.task_id, kind, self._key)
        (found,) = self._invocation.log_bucket.get_all([name])
        return found

    def _conclude(
        self,
        source: ObjectSummary | None,
        success: StoredObject | None,
        failed: StoredObject | None,
        details: Mapping[str, object],
        accepted: bool,
    ) -> tuple[str, str]:
        """The story, and what happens next."""
        if not self._settings.source_bucket:
            return (
                "The current state of the object is unknown because SOURCE_BUCKET is empty.",
                f"Set SOURCE_BUCKET. {self._resend}",
            )
        if not self._settings.key_filter.matches(self._key):
            return "It is outside OBJECT_PREFIX and OBJECT_SUFFIX, or a record: it is never sent.", "Nothing."
        in_run_file = self._is_in_run_file()
        if in_run_file:
            return "It failed, and replay has it in hand.", "Nothing: replay sends it in its next run."
        if source is None:
            return _conclude_gone(success, failed, sure=in_run_file is not None)
        if accepted:
            return "OMS accepted this version.", f"If it is not in OBS, see the OMS console. {self._resend}"
        if failed and modified_at(failed) >= source.modified:
            reason = Reason.__members__.get(str(details.get("reason")))
            fix = reason.fix.en if reason else "The record says no more."
            return (
                f"It failed: {details.get('reason', 'UNKNOWN')}. {details.get('message', '')}".rstrip(),
                f"{fix} {self._resend}",
            )
        if in_run_file is None:
            return f"This version has no record. {_UNREAD}", f"See replay's log. {self._resend}"
        return self._conclude_unrecorded(source, success)

    def _conclude_unrecorded(self, source: ObjectSummary, success: StoredObject | None) -> tuple[str, str]:
        """The same for a version without a record: whether reconcile finds it."""
        object_class = self._classifier.classify(Entry(self._key, source))
        if object_class is None:
            return (
                "It is a symbolic link, or older than the installation: no event told of it, and timer's passes are"
                " not about it.",
                f"Let an OMS migration task copy it, or reconcile with since. {self._resend}",
            )
        if object_class is ObjectClass.PENDING:
            return "It was written just now: its event may be on its way.", "Look again in 15 minutes."
        if success:
            return "OMS accepted an older version.", f"Reconcile sends it in its next pass. {self._resend}"
        return "It has no record: its event was lost.", f"Reconcile sends it in its next pass. {self._resend}"

    def _conclude_copy_failed(
        self, success: StoredObject, failed: StoredObject | None, details: Mapping[str, object]
    ) -> tuple[str, str] | None:
        """The same for an accepted version that OMS failed to copy since, as its list said; None for any other."""
        is_failed = details.get("reason") == Reason.COPY_FAILED.name
        if not failed or not is_failed or modified_at(failed) < modified_at(success):
            return None
        code, message = str(details.get("error_code") or "no code"), details.get("message") or "no message"
        return (
            f"OMS accepted this version, and failed to copy it: {code}, {message}.",
            f"{copy_code(code).fix.en} Replay sends it again, at {details.get('not_before') or 'its next run'}."
            f" {self._resend}",
        )

    def _conclude_in_obs(
        self,
        source: ObjectSummary,
        success: StoredObject,
        there: ObjectSummary | None,
        copying: tuple[str, str] | None,
    ) -> tuple[str, str]:
        """The same for an accepted version, by what OBS has; `copying` if a list says why OMS failed to copy it."""
        now = self._invocation.clock.now().timestamp()
        entry = Entry(self._key, source, listed_record(success, self._key), None, there)
        # Nothing is too young here, where somebody asks for one key; but what OMS accepted within the last hour it may
        # still have in hand.
        found = classify(entry, Moments(math.inf, now - 3600))
        if found is ObjectClassInObs.EQUAL_CONTENTS:
            return "It is in OBS, with the same contents.", "Nothing."
        if found in EQUAL:
            return (
                "It is in OBS, with the same size and not older.",
                "Nothing. Compare with deep proves more.",
            )
        if copying:
            return copying
        if found is ObjectClassInObs.IN_FLIGHT:
            return "OMS accepted this version, and it is not in OBS yet.", f"Look again in a minute. {self._resend}"
        if there is None:
            return "OMS accepted this version, but it is not in OBS.", f"Compare sends it again. {self._resend}"
        return f"OMS accepted this version, but OBS has another: {found.title}.", f"See OMS's lists. {self._resend}"

    @property
    def _resend(self) -> str:
        """How to resend the key."""
        # A key may contain anything, so the command is quoted for a shell, and in plain ASCII.
        return f"To send it now: s replay invoke -e {shlex.quote(json.dumps({'keys': [self._key]}))}"

    def _is_in_run_file(self) -> bool | None:
        """Whether a run file has the key; None if unknown, because one that could not be read may have it."""
        found: bool | None = False
        for run in RunFiles(self._invocation).leftovers():
            if run is None:
                found = None
            elif any(key.key == self._key for key in run.keys):
                return True
        return found


def _conclude_gone(success: StoredObject | None, failed: StoredObject | None, *, sure: bool) -> tuple[str, str]:
    """The same for a key without an object; `sure` that it is in no run file."""
    if success:
        return "It was accepted by OMS, and is not in the source bucket any more.", "OMS does not delete in OBS."
    if failed:
        return "It failed, and is not in the source bucket any more.", "Replay sends it; OMS cannot copy it."
    if not sure:
        return f"There is no such object. {_UNREAD}", "See replay's log."
    return "There is no such object, and no record of one.", "Check the key: it is written as it is, unencoded."


def _summary(one: ObjectSummary) -> dict[str, object]:
    return {"etag": one.etag, "size": one.size, "modified": _time(one.modified)}


def _seconds(
    source: ObjectSummary | None, success: StoredObject | None, there: ObjectSummary | str | None
) -> dict[str, int | None]:
    """How long each step took since the object was written; None if it is not done, or not known."""
    if source is None:
        return {"accepted": None, "copied": None}
    copied = there.modified - source.modified if isinstance(there, ObjectSummary) else -1
    return {
        "accepted": max(0, modified_at(success) - source.modified) if success else None,
        "copied": copied if copied >= 0 else None,
    }


def _time(seconds: int) -> str:
    return timestamp(from_epoch(seconds))
