"""The history of an object key: the current object, its records, and what happens next."""

from __future__ import annotations

import math
from contextlib import suppress

from oss_oms_sync import jsontext
from oss_oms_sync.answers.job_answers import AcceptedVersion, ObjectInfo, StepSeconds, StoryAnswer
from oss_oms_sync.answers.layout import Kind, record_name
from oss_oms_sync.answers.object_class import ObjectClass as ObjectClassInObs
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t, untranslated
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.judge import JudgementTimes, classify
from oss_oms_sync.comparison.oms_progress import OmsProgress
from oss_oms_sync.comparison.reconciling import Classifier, ReconcileClass
from oss_oms_sync.comparison.result import remedy_of_key
from oss_oms_sync.errors import UNKNOWN, Reason, StorageError, log
from oss_oms_sync.jobs.status.stories import (
    CLOSED_TEXT,
    COPYING_TEXT,
    NOTHING_TO_DO,
    WAITING_TEXT,
    Story,
    story_in_obs,
    story_of_failed_copy,
)
from oss_oms_sync.ledger.certificates import describe_closed, read_mark_with_go
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import COPY_ATTEMPTS_HEADER, NO_VERSION, success_etag, write_time
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles
from oss_oms_sync.passes.entries import Entry, is_covered, listed_record
from oss_oms_sync.passes.pieces import Scope

_UNREAD_RUN_FILES = t("Unknown if replay is working on the object: some run files of replay could not be read.")
_SEE_REPLAYS_LOG = t("Check replay's log.")


class KeyHistory:
    """The history of a key: its current object, its records, and what happens next.

    Raises StorageError.
    """

    def __init__(self, invocation: Invocation, key: str) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._key = key
        # The object is listed, because this needs no permission on objects.
        rows = invocation.source_bucket.find_all([key]) if self._settings.source_bucket else [None]
        self._source: ObjectSummary | None = rows[0]
        self._success, self._failed, self._proof = (self._read_record(kind) for kind in ("success", "failed", "proven"))
        body = jsontext.load(self._failed.body) if self._failed else None
        # Contents of the failed record.
        self._details = body if isinstance(body, dict) else {}
        self._in_run_file = self._is_in_run_file()

    def build(self) -> StoryAnswer:
        """Return the history as an answer.

        Raises StorageError.
        """
        source, success, failed, obs_object = self._source, self._success, self._failed, self._find_in_obs()
        accepted = bool(source and success and is_covered(source, listed_record(success, source.name)))
        story = self._conclude(accepted=accepted)
        if accepted and source and success:
            failed_copy = story if self._in_run_file else self._conclude_failed_copy(success)
            in_obs = (
                failed_copy
                if isinstance(obs_object, str)
                else self._conclude_in_obs(source, success, obs_object, failed_copy)
            )
            story = in_obs or story
        text, (following, step) = story.text, self._next_step(story)
        log.info({"key": self._key, "story": text.en, "next": following.en})
        return StoryAnswer(
            key=self._key,
            accepted=accepted,
            well=story.well,
            object=_object_info(source) if source else None,
            success=AcceptedVersion(success_etag(success), _format_time(write_time(success))) if success else None,
            in_obs=None if isinstance(obs_object, str) else obs_object and _object_info(obs_object),
            in_obs_unknown=obs_object if isinstance(obs_object, str) else None,
            seconds=_step_seconds(source, success if accepted else None, obs_object if story.well else None),
            failed={**self._details, "modified": _format_time(write_time(failed))} if failed else None,
            story=text,
            next=following,
            step=step,
        )

    def _find_in_obs(self) -> ObjectSummary | str | None:
        """Return the object as a listing of OBS shows it, or the reason why it is unknown."""
        try:
            return self._invocation.destination().find_all([self._key])[0]
        except StorageError as error:
            return str(error)

    def _read_record(self, kind: Kind) -> StoredObject | None:
        return self._invocation.log_bucket.get_all([record_name(self._invocation.task_id, kind, self._key)])[0]

    def _conclude(self, *, accepted: bool) -> Story:
        """Return the story of the first condition that is true: the version's outcome, and what happens next."""
        source, success, failed, details = self._source, self._success, self._failed, self._details
        key_filter, is_gone = self._settings.key_filter, self._source is None
        reason = Reason.__members__.get(str(details.get("reason")))
        message = untranslated(str(details["message"])) if details.get("message") else None
        stories = (
            (
                not self._settings.source_bucket,
                t("The current state of the object is unknown because SOURCE_BUCKET is empty."),
                t("Set SOURCE_BUCKET."),
                CLOSED_TEXT,
            ),
            (
                not key_filter.matches(self._key),
                t("The key is outside OBJECT_PREFIX and OBJECT_SUFFIX, or a record's: it is never submitted."),
                NOTHING_TO_DO,
                None,
            ),
            (
                self._in_run_file,
                t("The submission failed, and replay is working on it."),
                t("Nothing to do: replay resends it in its next run."),
                WAITING_TEXT,
            ),
            (
                is_gone and success,
                t("OMS accepted the object, which is no longer in the source bucket."),
                t("OMS does not delete in OBS."),
                None,
            ),
            (
                is_gone and failed,
                t("The submission failed, and the object is no longer in the source bucket."),
                t("Replay resends it; OMS cannot copy it."),
                WAITING_TEXT,
            ),
            (
                is_gone and self._in_run_file is None,
                sentences(t("The object does not exist."), _UNREAD_RUN_FILES),
                _SEE_REPLAYS_LOG,
                None,
            ),
            (
                is_gone,
                t("The object does not exist, and has no record."),
                t("Check the key: write it unencoded."),
                None,
            ),
            (
                accepted,
                t("OMS accepted this version."),
                t("If the object is not in OBS, check the OMS console."),
                COPYING_TEXT,
            ),
            (
                source and failed and write_time(failed) >= source.modified,
                sentences(t("The submission failed: {reason}.", reason=details.get("reason", UNKNOWN)), message),
                reason.fix if reason else t("The record has no further details."),
                WAITING_TEXT,
            ),
            (
                self._in_run_file is None,
                sentences(t("This version has no record."), _UNREAD_RUN_FILES),
                _SEE_REPLAYS_LOG,
                CLOSED_TEXT,
            ),
            (
                key_filter.is_canary(self._key),
                t("A canary object whose event was lost: no job submits it."),
                t(
                    "Nothing to do: the canary reports the object and deletes it ({step}).",
                    step=Step("canary", {"remove": True}),
                ),
                CLOSED_TEXT,
            ),
        )
        first = next((Story(*first) for is_true, *first in stories if is_true), None)
        return first or self._conclude_unrecorded()

    def _conclude_unrecorded(self) -> Story:
        """Return the story of a version without a record, which depends on the scope of reconcile."""
        installed, opened = JobState(self._invocation).read_installation_time(store_missing=False), None
        scope = Scope(self._settings.key_filter, None, everything=False)
        with suppress(StorageError):  # the next step reports the failure to read it
            opened = ProjectState(self._invocation).read_opened()
        # The event of a newer object may still arrive, although reconcile does not wait for it.
        if opened and self._source and self._source.modified >= opened.timestamp():
            opened = None
        classifier = Classifier(self._settings, scope, installed, self._invocation.clock.now(), opened_at=opened)
        match classifier.classify(Entry(self._key, self._source)):
            case None:
                return Story(
                    t(
                        "The object is a symbolic link, or older than the installation: it caused no event, and the"
                        " timer's passes do not cover it."
                    ),
                    t("Copy the object with an OMS migration task, or run reconcile with since."),
                    CLOSED_TEXT,
                )
            case ReconcileClass.PENDING:
                return Story(
                    t("The object was just written: its event may still arrive."),
                    t("Check again in 15 minutes."),
                    t(
                        "If its event arrives, the key is recorded as failed and waits; when the project is"
                        " open, replay or reconcile submits it."
                    ),
                )
        return Story(
            self._describe_record(),
            t("Reconcile submits it in its next pass."),
            t("No job is working on the object: reconcile finds and submits it when the project is open."),
        )

    def _describe_record(self) -> Text:
        """Return the sentence about a version that has no success record."""
        source, success = self._source, self._success
        if success is None:
            return t("The object has no record: its event was lost.")
        if success_etag(success) == NO_VERSION and source and write_time(success) >= source.modified:
            return t(
                "OMS accepted the object key at {time}; the record names no version.",
                time=_format_time(write_time(success)),
            )
        return t("OMS accepted an older version.")

    def _conclude_failed_copy(self, success: StoredObject) -> Story | None:
        """Return the story of an accepted version that OMS then failed to copy, by its failed record, or None."""
        failed = self._failed
        is_failed = self._details.get("reason") == Reason.COPY_FAILED.name
        if not failed or not is_failed or write_time(failed) < write_time(success):
            return None
        return story_of_failed_copy(self._details)

    def _conclude_in_obs(
        self, source: ObjectSummary, success: StoredObject, obs_object: ObjectSummary | None, failed_copy: Story | None
    ) -> Story:
        """Return the story of an accepted version, by the object in OBS.

        `failed_copy` is the story of a failed copy that waits to be resent. Then only equal contents prove that OBS has
        this version, because an object of its size may be an earlier version.
        """
        proven = listed_record(self._proof, self._key) if self._proof else None
        entry = Entry(self._key, source, listed_record(success, self._key), None, obs_object, proven)
        # The object is judged at any age, because the call is for a single key. But OMS may still copy a version that
        # it accepted within the last hour.
        object_class = classify(
            entry, JudgementTimes(math.inf, OmsProgress.without_counts(self._invocation.clock.now().timestamp()))
        )
        if failed_copy and object_class is not ObjectClassInObs.EQUAL_CONTENTS:
            return failed_copy
        task, suffix = self._invocation.oms.task(self._invocation.deadline), self._settings.key_filter.suffix
        mode = task.object_overwrite_mode if isinstance(task, TaskInfo) else None
        resent = COPY_ATTEMPTS_HEADER in success.headers
        return story_in_obs(entry, object_class, remedy_of_key(entry, object_class, mode, suffix), was_resent=resent)

    def _next_step(self, story: Story) -> tuple[Text, Step | None]:
        """Return what happens next, and the command that resends the key now.

        If nothing may be submitted, there is no command, and the reason follows the text.
        """
        if refusal := self._refusal():
            following = story.closed or story.following
            return sentences(following, refusal), None
        if story.closed is None or story.step:
            return story.following, story.step
        following = sentences(story.following, t("To resend it now:"))
        return following, Step("replay", {"key": self._key})

    def _refusal(self) -> Text | None:
        """Return the reason why nothing may be submitted, or None if the project is open."""
        try:
            closed = ProjectState(self._invocation).read_state()
        except StorageError as error:
            return t(
                "Unknown whether the project is closed; until this is known, nothing is submitted: {error}. Check"
                " the setup: {step}",
                error=error,
                step=Step("doctor"),
            )
        return describe_closed(closed, read_mark_with_go(self._invocation, closed).go) if closed else None

    def _is_in_run_file(self) -> bool | None:
        """Return True if a run file has the key, and None if an unreadable run file may have it."""
        runs = list(RunFiles(self._invocation).read_other_runs())
        if any(key.key == self._key for run in runs if isinstance(run, RunFile) for key in run.keys):
            return True
        return False if all(isinstance(run, RunFile) for run in runs) else None


def _object_info(row: ObjectSummary) -> ObjectInfo:
    return ObjectInfo(row.etag, row.size, _format_time(row.modified))


def _step_seconds(
    source: ObjectSummary | None, success: StoredObject | None, obs_object: ObjectSummary | str | None
) -> StepSeconds:
    if source is None:
        return StepSeconds(None, None)
    # A key in progress may not have arrived yet, so OBS may have an earlier version.
    is_there = isinstance(obs_object, ObjectSummary) and obs_object.size == source.size
    copied = obs_object.modified - source.modified if isinstance(obs_object, ObjectSummary) and is_there else -1
    accepted = max(0, write_time(success) - source.modified) if success else None
    return StepSeconds(accepted, copied if copied >= 0 else None)


def _format_time(seconds: int) -> str:
    return timestamp(from_epoch(seconds))
