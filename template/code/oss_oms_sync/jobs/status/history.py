"""The history of an object key: its object, its records, and its story (the outcome, and what happens next).

A run file has the keys that a run of replay has taken from failed records.
"""

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
from oss_oms_sync.errors import UNKNOWN_REASON, UNKNOWN_REASON_FIX, Reason, StorageError, log
from oss_oms_sync.jobs.status.stories import (
    CLOSED_TEXT,
    COPYING_TEXT,
    NOTHING_TO_DO,
    WAITING_TEXT,
    Story,
    build_failed_copy_story,
    build_obs_story,
)
from oss_oms_sync.ledger.certificates import describe_closed, read_mark_with_go
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import COPY_ATTEMPTS_HEADER, NO_VERSION, success_etag, write_time
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles
from oss_oms_sync.passes.entries import Entry, is_covered, listed_record
from oss_oms_sync.passes.pieces import Scope

_UNREAD_RUN_FILES_TEXT = t(
    "It is unknown whether replay is working on the object: some run files of replay could not be read."
)
_CHECK_LOG_TEXT = t("Check replay's log (`s replay logs`).")


class KeyHistory:
    """The builder of the history of a key.

    Its methods raise StorageError if the source or the log bucket cannot be read.
    """

    def __init__(self, invocation: Invocation, key: str) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._key = key
        # The object is listed, because this needs no permission on objects.
        listed_objects = invocation.source_bucket.find_all([key]) if self._settings.source_bucket else [None]
        self._source: ObjectSummary | None = listed_objects[0]
        self._success_record, self._failed_record, self._proof_record = (
            self._read_record(kind) for kind in ("success", "failed", "proven")
        )
        body = jsontext.load(self._failed_record.body) if self._failed_record else None
        # Contents of the failed record.
        self._details = body if isinstance(body, dict) else {}
        self._in_run_file = self._is_in_run_file()

    def build(self) -> StoryAnswer:
        source = self._source
        success_record = self._success_record
        failed_record = self._failed_record
        obs_object = self._find_obs_object()
        is_accepted = bool(source and success_record and is_covered(source, listed_record(success_record, source.name)))
        story = self._find_story(is_accepted=is_accepted)
        if is_accepted and source and success_record:
            failed_copy_story = story if self._in_run_file else self._find_failed_copy_story(success_record)
            obs_story = (
                failed_copy_story
                if isinstance(obs_object, str)
                else self._find_story_in_obs(source, success_record, obs_object, failed_copy_story)
            )
            story = obs_story or story
        text, (next_text, step) = story.text, self._find_next_step(story)
        log.info({"key": self._key, "story": text.en, "next": next_text.en})
        return StoryAnswer(
            key=self._key,
            accepted=is_accepted,
            well=story.is_healthy,
            object=_describe_object(source) if source else None,
            success=AcceptedVersion(success_etag(success_record), _format_time(write_time(success_record)))
            if success_record
            else None,
            in_obs=None if isinstance(obs_object, str) else obs_object and _describe_object(obs_object),
            in_obs_unknown=obs_object if isinstance(obs_object, str) else None,
            seconds=_measure_steps(
                source, success_record if is_accepted else None, obs_object if story.is_healthy else None
            ),
            failed={**self._details, "modified": _format_time(write_time(failed_record))} if failed_record else None,
            story=text,
            next=next_text,
            step=step,
        )

    def _find_obs_object(self) -> ObjectSummary | str | None:
        """Return the object's entry in OBS's listing, None if OBS lacks the object, or the reason why it is unknown."""
        try:
            return self._invocation.destination().find_all([self._key])[0]
        except StorageError as error:
            return str(error)

    def _read_record(self, kind: Kind) -> StoredObject | None:
        return self._invocation.log_bucket.get_all([record_name(self._invocation.task_id, kind, self._key)])[0]

    def _find_story(self, *, is_accepted: bool) -> Story:
        """Return the key's outcome and next event, by the first true condition in a table of conditions.

        `is_accepted` is True if OMS has accepted the current version.
        """
        source = self._source
        success_record = self._success_record
        failed_record = self._failed_record
        details = self._details
        key_filter, is_gone = self._settings.key_filter, self._source is None
        reason = Reason.__members__.get(str(details.get("reason")))
        message = untranslated(str(details["message"])) if details.get("message") else None
        stories = (
            (
                not self._settings.source_bucket,
                t("The current state of the object is unknown because SOURCE_BUCKET is empty."),
                t("Set sourceBucket in s.yaml, then deploy."),
                CLOSED_TEXT,
            ),
            (
                not key_filter.matches(self._key),
                t(
                    "The key does not match OBJECT_PREFIX and OBJECT_SUFFIX, or is the key of a record, so no job"
                    " submits it."
                ),
                NOTHING_TO_DO,
                None,
            ),
            (
                self._in_run_file,
                t("The submission failed, and replay is working on the object."),
                t("Nothing to do: replay resends the object in its next run."),
                WAITING_TEXT,
            ),
            (
                is_gone and success_record,
                t("OMS accepted the object, which is no longer in the source bucket."),
                t("OMS does not delete the object in OBS."),
                None,
            ),
            (
                is_gone and failed_record,
                t("The submission failed, and the object is no longer in the source bucket."),
                t(
                    "Nothing to do: OMS cannot copy a missing object. Replay resends the key once at most, then drops"
                    " it."
                ),
                WAITING_TEXT,
            ),
            (
                is_gone and self._in_run_file is None,
                sentences(t("The object does not exist."), _UNREAD_RUN_FILES_TEXT),
                _CHECK_LOG_TEXT,
                None,
            ),
            (
                is_gone,
                t("The object does not exist and has no record."),
                t("Check the spelling of the key, which must not be URL-encoded."),
                None,
            ),
            (
                is_accepted,
                t("OMS accepted the current version."),
                t("If the object is not in OBS, check the sync task in the OMS console."),
                COPYING_TEXT,
            ),
            (
                source and failed_record and write_time(failed_record) >= source.modified,
                sentences(t("The submission failed: {reason}.", reason=details.get("reason", UNKNOWN_REASON)), message),
                reason.fix if reason else UNKNOWN_REASON_FIX,
                WAITING_TEXT,
            ),
            (
                self._in_run_file is None,
                sentences(t("The current version has no record."), _UNREAD_RUN_FILES_TEXT),
                _CHECK_LOG_TEXT,
                CLOSED_TEXT,
            ),
            (
                key_filter.is_canary(self._key),
                t("This is a canary object whose event was lost: no job submits it."),
                t(
                    "Nothing to do: the canary reports the object and deletes it. If the canary was"
                    " interrupted: {step}.",
                    step=Step("canary", {"remove": True}),
                ),
                CLOSED_TEXT,
            ),
        )
        matching_story = next((Story(*parts) for is_true, *parts in stories if is_true), None)
        return matching_story or self._build_unrecorded_story()

    def _build_unrecorded_story(self) -> Story:
        installation_time, opening_time = JobState(self._invocation).read_installation_time(store_missing=False), None
        scope = Scope(self._settings.key_filter, None, everything=False)
        with suppress(StorageError):  # the next step reports the failure to read it
            opening_time = ProjectState(self._invocation).read_opened()
        # The event of a newer object may still arrive, although reconcile does not wait for it.
        if opening_time and self._source and self._source.modified >= opening_time.timestamp():
            opening_time = None
        classifier = Classifier(
            self._settings, scope, installation_time, self._invocation.clock.now(), opened_at=opening_time
        )
        match classifier.classify(Entry(self._key, self._source)):
            case None:
                return Story(
                    t(
                        "The object is a symbolic link or was written before the first deployment: it"
                        " caused no event, and scheduled passes do not cover it."
                    ),
                    t(
                        "OMS copies no symbolic links. Copy any other object with an OMS migration task, or run"
                        " reconcile with --since."
                    ),
                    CLOSED_TEXT,
                )
            case ReconcileClass.PENDING:
                return Story(
                    t("The object was just written: its event may still arrive."),
                    t("Check the object again in 15 minutes."),
                    t(
                        "If an event for the key arrives, the key is recorded as failed. Once the project"
                        " is open, replay or reconcile submits the key."
                    ),
                )
        return Story(
            self._describe_record(),
            t("Reconcile submits the object in its next pass."),
            t("No job is working on the object: reconcile finds and submits it when the project is open."),
        )

    def _describe_record(self) -> Text:
        source, success_record = self._source, self._success_record
        if success_record is None:
            return t("The object has no record: its event was lost.")
        if success_etag(success_record) == NO_VERSION and source and write_time(success_record) >= source.modified:
            return t(
                "OMS accepted the object key at {time}; the record names no version.",
                time=_format_time(write_time(success_record)),
            )
        return t("OMS accepted an older version than the source's current version.")

    def _find_failed_copy_story(self, success_record: StoredObject) -> Story | None:
        """Return the story of an accepted version that OMS failed to copy, or None if no failed record reports this."""
        failed_record = self._failed_record
        is_failed = self._details.get("reason") == Reason.COPY_FAILED.name
        if not failed_record or not is_failed or write_time(failed_record) < write_time(success_record):
            return None
        return build_failed_copy_story(self._details)

    def _find_story_in_obs(
        self,
        source: ObjectSummary,
        success_record: StoredObject,
        obs_object: ObjectSummary | None,
        failed_copy_story: Story | None,
    ) -> Story:
        """Return the story of an accepted version, by the object in OBS.

        `failed_copy_story` is the story of a failed copy that waits to be resent. If it exists, only equal contents
        prove that OBS has this version: an object of the same size may be an earlier version.
        """
        proof_row = listed_record(self._proof_record, self._key) if self._proof_record else None
        entry = Entry(self._key, source, listed_record(success_record, self._key), None, obs_object, proof_row)
        # The object is judged at any age, because the call is for a single key. But OMS may still copy a version that
        # it accepted within the last hour.
        object_class = classify(
            entry, JudgementTimes(math.inf, OmsProgress.without_counts(self._invocation.clock.now().timestamp()))
        )
        if failed_copy_story and object_class is not ObjectClassInObs.EQUAL_CONTENTS:
            return failed_copy_story
        task, suffix = self._invocation.oms.query_task(self._invocation.deadline), self._settings.key_filter.suffix
        mode = task.object_overwrite_mode if isinstance(task, TaskInfo) else None
        was_resent = COPY_ATTEMPTS_HEADER in success_record.headers
        return build_obs_story(
            entry, object_class, remedy_of_key(entry, object_class, mode, suffix), was_resent=was_resent
        )

    def _find_next_step(self, story: Story) -> tuple[Text, Step | None]:
        """Return a text about the next event of the key, and the command that resends the key now.

        If nothing may be submitted, the command is None, and the text ends with the reason.
        """
        if refusal_text := self._find_refusal():
            next_text = story.closed_text or story.next_text
            return sentences(next_text, refusal_text), None
        if story.closed_text is None or story.step:
            return story.next_text, story.step
        next_text = sentences(story.next_text, t("To resend the object now:"))
        return next_text, Step("replay", {"key": self._key})

    def _find_refusal(self) -> Text | None:
        try:
            mark = ProjectState(self._invocation).read_state()
        except StorageError as error:
            return t(
                "It is unknown whether the project is closed, so nothing is submitted: {error}. To check the setup:"
                " {step}",
                error=error,
                step=Step("doctor"),
            )
        return describe_closed(mark, read_mark_with_go(self._invocation, mark).go) if mark else None

    def _is_in_run_file(self) -> bool | None:
        """Return True if replay is resending the key, False if not, and None if an unreadable file may have the key."""
        run_files = list(RunFiles(self._invocation).read_other_runs())
        if any(
            key.key == self._key for run_file in run_files if isinstance(run_file, RunFile) for key in run_file.keys
        ):
            return True
        return False if all(isinstance(run_file, RunFile) for run_file in run_files) else None


def _describe_object(row: ObjectSummary) -> ObjectInfo:
    return ObjectInfo(row.etag, row.size, _format_time(row.modified))


def _measure_steps(
    source: ObjectSummary | None, success_record: StoredObject | None, obs_object: ObjectSummary | str | None
) -> StepSeconds:
    if source is None:
        return StepSeconds(None, None)
    # A key in progress may not have arrived yet, so OBS may have an earlier version.
    has_source_size = isinstance(obs_object, ObjectSummary) and obs_object.size == source.size
    copied_seconds = (
        obs_object.modified - source.modified if isinstance(obs_object, ObjectSummary) and has_source_size else -1
    )
    accepted_seconds = max(0, write_time(success_record) - source.modified) if success_record else None
    return StepSeconds(accepted_seconds, copied_seconds if copied_seconds >= 0 else None)


def _format_time(seconds: int) -> str:
    return timestamp(from_epoch(seconds))
