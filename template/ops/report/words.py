"""Phrases in one language, and the phrases that several reports share or that an answer selects."""

from __future__ import annotations

from ops.shell import sentence
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text, t


class Words:
    """The phrases in one language, "en" or "zh"."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, phrase: str | Text, /, **values: object) -> str:
        """Return a phrase or Text in this language, with `values` filled in.

        Phrases are literals at the place of use; the catalogue translates them.
        """
        text = Text(phrase) if isinstance(phrase, str) else phrase
        return sentence(text.filled(**values), self.language)

    def before(self, sentence: str, command: str | None) -> str:
        """Return `sentence` with a colon before a command, if it has no full stop."""
        return f"{sentence}{self(': ').rstrip()}" if command and sentence[-1:].isalnum() else sentence


UTC = t("All times are UTC. Ages are as of {time}.")
NEVER_COMPARED = t("Nothing has been compared with OBS yet: not known.")
MIGRATION_UNKNOWN = t("The migration of the existing objects is not finished; its progress is unknown.")
LOST_EVENTS = t("Of {new:new object|new objects}, the events of {missing} did not arrive.")
SIDES = {"source": t("source (OSS)"), "destination": t("destination (OBS)")}
# Counts of a pass of reconcile, by field.
PASS_COUNTS = {
    "scanned": t("scanned"),
    "covered": t("accepted by OMS"),
    "failed_before": t("failed before"),
    "submitted": t("sent by this pass"),
    "pending": t("younger than 15 minutes"),
    "migrating": t("migrating"),
    "unsent": t("left: too many"),
    "orphans": t("deleted at the source since"),
}
# Steps of a cutover, in order.
CUTOVER_STEPS = {
    "replay": t("resend what failed"),
    "settle": t("let the last writes settle"),
    "compare": t("compare both buckets"),
    "again": t("judge late keys again"),
    "close": t("close the project"),
    "oms": t("wait until OMS has finished"),
    "standstill": t("show that both buckets stand still"),
    "sample": t("read the sample"),
}
# Purposes of next steps, by job and options.
PURPOSES = {
    "open": t("Only to undo the cutover, or to send what came after the close. This opens the project:"),
    "status acknowledge": t("Once each change is resolved, acknowledge them:"),
    "doctor": t("This checks the setup, and names what is wrong:"),
    "replay": t("Replay resends them every minute. To do it now:"),
    "replay reason": t("Remove the cause. Then this sends its objects at once:"),
    "status": t("Look again later:"),
    "reconcile": t("Look through the source bucket for objects whose events were lost:"),
    "compare": t("This compares both buckets, and sends what is missing in OBS:"),
    "compare again": t("What may be resent has been. Judge these objects again:"),
    "compare restart": t("A new comparison sends what the last one did not:"),
    "compare restart since": t("A comparison since an earlier time sends what is older, too:"),
    "compare overwrite restart": t("If the source has the right versions, this submits them:"),
    "compare deep": t("Read at the source what looks different, to know what differs:"),
    "migrate": t("The old objects are there. Delete the access keys of their migration:"),
    "migrate overwrite": t("A task group of OMS overwrites these objects, whatever it finds:"),
    "migrate overwrite prefix": t("A task group of OMS overwrites these objects, whatever it finds:"),
    "migrate look": t("See what became of the old objects:"),
    "migrate go_on": t("Let the migration of the old objects go on:"),
    "migrate retry": t("Remove the cause. Then try again what failed:"),
    "migrate remove": t("End the migration:"),
    "cutover rehearse": t("This rehearses the cutover, and says what is to be done before it:"),
}
# Reasons why a call ended early.
STOPS = {
    Stop.TIME: t("its time is up"),
    Stop.SUPERSEDED: t("others have begun a newer pass"),
    Stop.LIMIT: t("the limit"),
    Stop.CLOSED: t("the project is closed"),
    Stop.MARK_UNREAD: t("whether the project is closed is not known"),
    Stop.REFUSED: t("OMS refuses every key"),
    Stop.NOTHING_TAKEN: t("OMS took nothing"),
    Stop.STORAGE: t("a bucket cannot be listed, read or written"),
    Stop.NO_PROGRESS: t("a range came nowhere"),
    Stop.TOO_LARGE: t("there is more than one pass can do"),
    Stop.TOO_MANY: t("too much is missing to be sent"),
    Stop.PERIOD_OFF: t("no pass begins by itself"),
    Stop.BUSY: t("another run is at it"),
}


def purpose(step: Step) -> Text:
    """Return the purpose of a next step; a test finds steps without one."""
    return PURPOSES.get(" ".join([step.job, *step.options]), NOTHING)
