"""Certificates of cutovers: a document with the verdict GO, NO-GO or NOT PROVEN, that every reader can verify.

The job also closes and opens the project, reports its state and the current GO, and lists deletions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from oss_oms_sync.answers.certificate import CutoverVerdict
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import LookAnswer, MarkAnswer, MarkWithGo
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.errors import SettingsError, log
from oss_oms_sync.jobs.certify.cutover_options import CutoverOptions
from oss_oms_sync.jobs.certify.deletions import list_deletions
from oss_oms_sync.jobs.certify.document import build
from oss_oms_sync.jobs.certify.gathering import gather, gather_waiting
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.certificates import Certificates, describe, number_of, shown_mark
from oss_oms_sync.ledger.closing import Closed, Closing
from oss_oms_sync.ledger.state import write_once
from oss_oms_sync.rules.closing_checks import check_oms_finished
from oss_oms_sync.rules.waiting_check import check_waiting_keys

# A rehearsal closes nothing.
_CUTOVER_VERDICTS = [verdict for verdict in CutoverVerdict if verdict is not CutoverVerdict.REHEARSAL]
_MIGRATES = t("The project stays open: the migration of the existing objects is not finished, and OMS may still write")


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Certify, close or open the project, report its state or list deletions, by CutoverOptions in a call.

    Certify begins no pass: if a pass is missing or too old, its check reports this with the command. Only a sample is
    read here, and its results are stored. The document is stored in the log bucket, and returned.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError if the log bucket or the listing of
    the source cannot be read, or the document cannot be stored: then the state of the project is unknown.
    """
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that is to be compared with the destination"])
    options = CutoverOptions.parse(event, invocation.clock.now())
    if options.deletions_after is not None:
        answer = to_json(list_deletions(invocation, options.deletions_after))
        log.info({name: answer[name] for name in ("facts", "left_out", "after")})
        return answer  # type: ignore[no-any-return]
    if options.look:
        return _look(invocation, options)
    if options.close or options.open:
        answer = _open(invocation, options) if options.open else _close(invocation, options.run)
        log.info(answer)
        return answer
    facts = gather(invocation, options)
    document = _store_document(invocation, lambda number: build(invocation, facts, number))
    log.info({name: document[name] for name in ("verdict", "text", "as_of", "document", "sha256")})
    return document


def _store_document(invocation: Invocation, build_document: Callable[[int], dict[str, object]]) -> dict[str, object]:
    """Store the document under the next number, and return it.

    It overwrites no document: if two simultaneous calls choose the same name, the second takes the next number.
    """
    number = number_of(Certificates(invocation).last_name()) + 1
    while True:
        document = build_document(number)
        certificate = StoredObject.of_json(str(document["document"]), document)
        stored = write_once(invocation.log_bucket, certificate)
        if stored and stored.body == certificate.body:
            return document
        number += 1


def _close(invocation: Invocation, run: str) -> dict[str, object]:
    """Close the project or renew its mark: no job submits any more. `run`: the cutover's run.

    A running migration of the existing objects prevents the close. A migration is recorded before its check of the
    mark; here the order is reversed, so at least one of the two commands notices the other's object.
    """
    certificates = Certificates(invocation)
    last = certificates.read(certificates.last_name(_CUTOVER_VERDICTS))
    reason = {name: last[name] for name in ("document", "verdict", "made")} if last else None
    # A cutover closes the project before its verdict is known, so an earlier verdict is not the reason.
    description = f"{reason['document']}: {reason['verdict']}" if reason else "without a certificate"
    by, why = ("cutover", run) if run else ("close", description)
    closing, mark = Closing(invocation), None
    if not migration.current_migration(invocation):
        may_be_open, mark = closing.may_be_open(), closing.close(by, why, run)
        # If the project was closed before, the migration notices that, and does not begin.
        if may_be_open and migration.current_migration(invocation):
            mark = closing.open(by)
    answer = MarkAnswer(*_answer(invocation, mark)) if mark else MarkAnswer(None, _MIGRATES)
    return {**to_json(answer), "certificate": reason}


def _open(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Open the project.

    After a GO this needs `after_go`, because applications write to OBS; for a cutover's run, the mark has to be its
    own.
    """
    closing = Closing(invocation)
    mark = None if options.after_go else closing.state()
    if mark is None or not shown_mark(invocation, mark).go:
        mark = closing.open("open", run=options.run)
    return to_json(MarkAnswer(*_answer(invocation, mark)))  # type: ignore[no-any-return]


def _look(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Report the state of the project, and the current GO or None.

    With the time of a freeze, the GO belongs to this or a later freeze, and the answer has the checks that a cutover
    waits for before its standstill pass.
    """
    closed, checks = Closing(invocation).state(), []
    if closed and options.frozen:
        facts = gather_waiting(invocation, options)
        checks = [check_oms_finished(facts), check_waiting_keys(facts)]
    go = _valid_go(invocation, options, closed) if closed else None
    return to_json(LookAnswer(*_answer(invocation, closed), go, checks, migration.current_migration(invocation)))  # type: ignore[no-any-return]


def _valid_go(invocation: Invocation, options: CutoverOptions, closed: Closed) -> dict[str, object] | None:
    """Return the last GO, if the project was not opened since then.

    With the time of a freeze, the GO has to belong to this or a later freeze, to the current settings, and be later
    than the last NO-GO; None also if OMS does not report the task.
    """
    certificates = Certificates(invocation)
    go = certificates.valid_go(closed)
    if go is None or options.frozen is None:  # any GO counts against opening the project
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


def _answer(invocation: Invocation, closed: Closed | None) -> tuple[MarkWithGo | None, Text]:
    """Return the fields of a MarkAnswer."""
    if closed is None:
        return None, t("The project is open. The changes recorded while it was closed are submitted within minutes.")
    mark = shown_mark(invocation, closed)
    return mark, describe(closed, mark.go)
