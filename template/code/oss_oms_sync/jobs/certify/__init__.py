"""GO, NO-GO or NOT PROVEN: says whether the cutover may be, in a document that a stranger can check. It also closes and
opens the project, and says whether it is closed and whether a GO stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from oss_oms_sync.answers.certificate import CutoverVerdict
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import LookAnswer, MarkAnswer, ShownMark
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.errors import SettingsError, log
from oss_oms_sync.jobs.certify.checks import all_checks
from oss_oms_sync.jobs.certify.closing_checks import nothing_waits, oms_finished
from oss_oms_sync.jobs.certify.document import build
from oss_oms_sync.jobs.certify.evidence import CutoverOptions, gather
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.certificates import Certificates, describe, number_of, shown_mark
from oss_oms_sync.ledger.closing import Closed, Closing
from oss_oms_sync.ledger.state import write_once

# A rehearsal closes nothing.
_OF_CUTOVERS = [verdict for verdict in CutoverVerdict if verdict is not CutoverVerdict.REHEARSAL]
_MIGRATES = t("The project stays open: a migration of the old objects is not over, and OMS may still write")


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Certify, or close or open the project, or say whether it is closed, as CutoverOptions in a manual call ask.

    It begins no pass: where one is missing or too old, the check says so, with the command. Only a sample is read here,
    and what was read is kept. The document is stored in the log bucket, and returned.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError if the log bucket or the listing of
    the source cannot be read, or the document cannot be stored: then a project is not known to be closed, or open.
    """
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that is to be compared with the destination"])
    options = CutoverOptions.parse(event, invocation.clock.now())
    if options.look:
        return _look(invocation, options)
    if options.close or options.open:
        answer = _open(invocation, options) if options.open else _close(invocation, options.run)
        log.info(answer)
        return answer
    evidence = gather(invocation, options)
    go = evidence.closed and Certificates(invocation).standing_go(evidence.closed)
    stays_closed = _stays_closed(options, evidence.closed, has_go=go is not None)
    evidence = replace(evidence, stays_closed=stays_closed, go_stands=go is not None)
    checks = all_checks(evidence, invocation.settings)
    document = _stored(invocation, lambda number: build(invocation, evidence, checks, number))
    log.info({name: document[name] for name in ("verdict", "text", "as_of", "document", "sha256")})
    return document


def _stored(invocation: Invocation, made: Callable[[int], dict[str, object]]) -> dict[str, object]:
    """The document, stored behind the last one. It overwrites none: the second of two calls at once that come to the
    same name takes the next number."""
    number = number_of(Certificates(invocation).last_name()) + 1
    while True:
        document = made(number)
        one = StoredObject.of_json(str(document["document"]), document)
        stored = write_once(invocation.log_bucket, one)
        if stored and stored.body == one.body:
            return document
        number += 1


def _close(invocation: Invocation, run: str) -> dict[str, object]:
    """Close the project, or close it anew: from now on nothing is sent. `run` is the cutover's that closes it.

    Not while a migration of the old objects is on its way. Who begins one writes that first, and then looks whether the
    project is closed; here it is the other way round: so at least one of both sees the other.
    """
    certificates = Certificates(invocation)
    last = certificates.read(certificates.last_name(_OF_CUTOVERS))
    found = {name: last[name] for name in ("document", "verdict", "made")} if last else None
    # A cutover closes first: what it comes to is not known yet, and what an earlier one came to is no reason.
    said = f"{found['document']}: {found['verdict']}" if found else "without a certificate"
    by, why = ("cutover", run) if run else ("close", said)
    closing, mark = Closing(invocation), None
    if not migration.current_migration(invocation):
        may_be_open, mark = closing.may_be_open(), closing.close(by, why, run)
        # Of a project that was closed before, the migration sees that, and does not begin.
        if may_be_open and migration.current_migration(invocation):
            mark = closing.open(by)
    answer = MarkAnswer(*_answer(invocation, mark)) if mark else MarkAnswer(None, _MIGRATES)
    return {**to_json(answer), "certificate": found}


def _open(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Open the project: after a GO only if that is asked for, because applications write to OBS; for the run of a
    cutover only if the mark is its own."""
    closing = Closing(invocation)
    mark = None if options.after_go else closing.state()
    if mark is None or not shown_mark(invocation, mark).go:
        mark = closing.open("open", run=options.run)
    return to_json(MarkAnswer(*_answer(invocation, mark)))  # type: ignore[no-any-return]


def _look(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Whether the project is closed, and the GO that stands (None if none does). With the time of a freeze the GO is of
    that one or a later one, and the checks for which a cutover waits before its standstill pass are there too."""
    closed, checks = Closing(invocation).state(), []
    if closed and options.frozen:
        evidence = gather(invocation, options)
        checks = [check(evidence) for check in (oms_finished, nothing_waits)]
    go = _standing_go(invocation, options, closed) if closed else None
    return to_json(LookAnswer(*_answer(invocation, closed), go, checks, migration.current_migration(invocation)))  # type: ignore[no-any-return]


def _stays_closed(options: CutoverOptions, closed: Closed | None, *, has_go: bool) -> bool:
    """Whether it is closed, and no cutover opens it: a rehearsal opens nothing, and no other what somebody has closed
    by hand, unless it has closed that anew, or where a GO stands, of whatever freeze."""
    if closed is None:
        return False
    is_by_hand = bool(options.run) and not closed.run
    return not options.frozen or is_by_hand or has_go


def _standing_go(invocation: Invocation, options: CutoverOptions, closed: Closed) -> dict[str, object] | None:
    """The last GO, if the project was not opened since. With the time of a freeze it has to be of that one or a later
    one, of what is set up today, and of no earlier time than the last NO-GO; None, too, where OMS does not tell that.
    """
    certificates = Certificates(invocation)
    go = certificates.standing_go(closed)
    if go is None or options.frozen is None:  # whoever would open it asks: then any GO counts
        return go
    no_go = certificates.last_name([CutoverVerdict.NO_GO])
    if number_of(no_go) > number_of(str(go["document"])) and certificates.read_since(closed, no_go):
        return None
    settings, task = invocation.settings, invocation.oms.task(invocation.deadline)
    today = {
        "source_bucket": settings.source_bucket,
        "destination_bucket": task.dst_bucket if isinstance(task, TaskInfo) else None,
        "scope": asdict(settings.key_filter),
    }
    return go if today.items() <= go.items() and str(go.get("frozen_since")) >= timestamp(options.frozen) else None


def _answer(invocation: Invocation, closed: Closed | None) -> tuple[ShownMark | None, Text]:
    """What a MarkAnswer says."""
    if closed is None:
        return None, t("The project is open: what was recorded while it was closed is sent in minutes.")
    mark = shown_mark(invocation, closed)
    return mark, describe(closed, mark.go)
