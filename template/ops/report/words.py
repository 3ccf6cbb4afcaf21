"""The translator of reports, and phrases that several reports share, such as the labels of counts and steps."""

from __future__ import annotations

from ops.shell import sentence
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, t


class Translator:
    """A translator of phrases into one language, "en" or "zh"."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, phrase: str | Text, /, **values: object) -> str:
        """Return `phrase` in the translator's language, with `values` in its placeholders.

        Callers pass phrases as literals, so that a test can compare them with the catalogue of translations (zh.json).
        """
        text = Text(phrase) if isinstance(phrase, str) else phrase
        return sentence(text.filled(**values), self.language)

    def add_colon(self, sentence: str, command: str | None) -> str:
        """Return `sentence` with a colon at its end if a command follows, unless it ends with a full stop."""
        return f"{sentence}{self(': ').rstrip()}" if command and sentence[-1:].isalnum() else sentence


UTC_NOTE = t("All times are UTC. Ages are as of {time}.")
NO_COMPARISON_TEXT = t("Unknown: no comparison with OBS has finished yet.")
MIGRATION_UNKNOWN_TEXT = t("The migration of the existing objects has not ended; its progress is unknown.")
LOST_EVENTS_TEXT = t("The events of {missing} of {new:new object|new objects} did not arrive.")
SIDE_LABELS = {"source": t("source (OSS)"), "destination": t("destination (OBS)")}
# Counts of a pass of reconcile, by field.
COUNT_LABELS = {
    "scanned": t("scanned"),
    "covered": t("accepted by OMS"),
    "failed_before": t("failed before"),
    "submitted": t("submitted by this pass"),
    "pending": t("younger than 15 minutes"),
    "migrating": t("migrating"),
    "unsent": t("not submitted (too many)"),
    "orphans": t("accepted earlier, deleted at the source since"),
}
# Steps of a cutover, in order.
STEP_LABELS = {
    "replay": t("resend failed objects"),
    "settle": t("wait for the last writes to settle"),
    "compare": t("compare both buckets"),
    "again": t("recheck late objects"),
    "close": t("close the project"),
    "oms": t("wait until OMS has finished"),
    "standstill": t("check that both buckets are unchanged"),
    "sample": t("read the sample"),
}
# Purposes of next steps, by job and options.
PURPOSES = {
    "open": t(
        "Run this only to undo the cutover, or to submit changes made after the close, because it opens the project:"
    ),
    "status acknowledge": t("When every change is resolved, acknowledge the changes:"),
    "doctor": t("Check the setup:"),
    "replay": t("Replay resends failed objects every minute. To resend them now:"),
    "replay reason": t("Remove the cause, then resend the affected objects at once:"),
    "status": t("Check the status again later:"),
    "reconcile": t("Find objects whose events were lost:"),
    "compare": t("Compare both buckets and submit objects missing in OBS:"),
    "compare again": t("Wait a few minutes while OMS copies the submitted objects, then recheck them:"),
    "compare restart": t("Start a new comparison, which submits objects that the last comparison did not submit:"),
    "compare restart since": t("Compare from an earlier time, to submit older objects as well:"),
    "compare overwrite restart": t("If the source has the correct versions, submit them:"),
    "compare deep": t("Read suspicious objects from the source to find differences:"),
    "migrate": t("The existing objects have been copied. Delete the access keys of the migration:"),
    "migrate overwrite": t("Overwrite the affected objects with an OMS task group:"),
    "migrate overwrite prefix": t("Overwrite the affected objects with an OMS task group:"),
    "migrate look": t("Check the migration of the existing objects:"),
    "migrate go_on": t("Continue the migration of the existing objects:"),
    "migrate retry": t("Remove the cause, then retry failed objects:"),
    "migrate remove": t("End the migration:"),
    "cutover rehearse": t("Rehearse the cutover to list the steps that come before it:"),
}
# Reasons why a call ended early.
STOP_TEXTS = {
    Stop.TIME: t("the time limit of the function call was reached"),
    Stop.SUPERSEDED: t("a newer pass has started"),
    Stop.LIMIT: t("the limit set by --limit was reached"),
    Stop.CLOSED: t("the project is closed"),
    Stop.MARK_UNREAD: t("it is unknown whether the project is closed"),
    Stop.REFUSED: t("OMS refuses all object keys"),
    Stop.NOTHING_TAKEN: t("OMS accepted no object key"),
    Stop.STORAGE: t("a function cannot list, read or write a bucket"),
    Stop.NO_PROGRESS: t("a range of keys made no progress"),
    Stop.TOO_LARGE: t("too many objects for a pass"),
    Stop.TOO_MANY: t("too many missing objects to submit"),
    Stop.PERIOD_OFF: t("automatic passes are off"),
    Stop.HEADERS: t("headers cannot be changed now"),
    Stop.BUSY: t("another run is in progress"),
}


def purpose(step: Step) -> Text:
    """Return the sentence that explains a next step, or the empty text NOTHING for a step that needs no explanation."""
    return PURPOSES.get(" ".join([step.job, *step.options]), NOTHING)
