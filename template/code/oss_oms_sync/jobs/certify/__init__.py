"""Certificates of cutovers: documents with the verdict GO, NO-GO or NOT PROVEN, which every reader can verify.

This job also closes and opens the project, reports its state and the valid GO, and lists deletions.
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
from oss_oms_sync.ledger.certificates import Certificates, describe_closed, parse_number, read_mark_with_go
from oss_oms_sync.ledger.closing import CloseMark, ProjectState
from oss_oms_sync.ledger.state import write_once
from oss_oms_sync.rules.closing_checks import check_oms_finished
from oss_oms_sync.rules.waiting_check import check_waiting_keys

# A rehearsal closes nothing.
_CUTOVER_VERDICTS = [verdict for verdict in CutoverVerdict if verdict is not CutoverVerdict.REHEARSAL]
_MIGRATES = t("The project stays open: the migration of the existing objects is not finished, and OMS may still write")


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Do the work that CutoverOptions in the payload select: certify, close, open, report the state, or list deletions.

    A certificate starts no pass: if a pass is missing or too old, the check of this pass names the command. Only the
    objects of a sample are read here. The document is stored in the log bucket, and returned.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError if the log bucket or the listing of
    the source cannot be read, or if the document cannot be stored. After a StorageError, the state of the project is
    unknown.
    """
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that is to be compared with the destination"])
    options = CutoverOptions.parse(event, invocation.clock.now())
    if options.deletions_after is not None:
        answer = to_json(list_deletions(invocation, options.deletions_after))
        log.info({name: answer[name] for name in ("facts", "left_out", "after")})
        return answer  # type: ignore[no-any-return]
    if options.look:
        return _report_state(invocation, options)
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

    No document is overwritten: if two calls choose the same name at the same time, the second takes the next number.
    """
    number = parse_number(Certificates(invocation).last_name()) + 1
    while True:
        document = build_document(number)
        certificate = StoredObject.of_json(str(document["document"]), document)
        stored = write_once(invocation.log_bucket, certificate)
        if stored and stored.body == certificate.body:
            return document
        number += 1


def _close(invocation: Invocation, run: str) -> dict[str, object]:
    """Close the project or renew its mark, so that no job submits any more. `run` is the run of a cutover.

    A running migration of the existing objects prevents the close. The migration writes its record before it checks the
    mark, and here the order is reversed, so at least one of the two commands notices the other's object.
    """
    certificates = Certificates(invocation)
    last_certificate = certificates.read(certificates.last_name(_CUTOVER_VERDICTS))
    reason = {name: last_certificate[name] for name in ("document", "verdict", "made")} if last_certificate else None
    # A cutover closes the project before its verdict is known, so an earlier verdict is not the reason.
    description = f"{reason['document']}: {reason['verdict']}" if reason else "without a certificate"
    by, why = ("cutover", run) if run else ("close", description)
    closing, mark = ProjectState(invocation), None
    if not migration.read_current_migration(invocation):
        was_open, mark = closing.is_surely_open(), closing.close(by, why, run)
        # If the mark existed before the migration, the migration notices it and does not start.
        if was_open and migration.read_current_migration(invocation):
            mark = closing.open(by)
    answer = MarkAnswer(*_describe_state(invocation, mark)) if mark else MarkAnswer(None, _MIGRATES)
    return {**to_json(answer), "certificate": reason}


def _open(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Open the project.

    After a GO, this requires `after_go`, because applications write to OBS. For the run of a cutover, the mark must be
    its own.
    """
    closing = ProjectState(invocation)
    mark = None if options.after_go else closing.read_state()
    if mark is None or not read_mark_with_go(invocation, mark).go:
        mark = closing.open("open", run=options.run)
    return to_json(MarkAnswer(*_describe_state(invocation, mark)))  # type: ignore[no-any-return]


def _report_state(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Report the state of the project, and the valid GO or None.

    With the time of a freeze, the GO must belong to this freeze or a later one. The answer then has the checks that a
    cutover waits for before its standstill pass.
    """
    closed, checks = ProjectState(invocation).read_state(), []
    if closed and options.frozen:
        facts = gather_waiting(invocation, options)
        checks = [check_oms_finished(facts), check_waiting_keys(facts)]
    go = _read_matching_go(invocation, options, closed) if closed else None
    return to_json(  # type: ignore[no-any-return]
        LookAnswer(*_describe_state(invocation, closed), go, checks, migration.read_current_migration(invocation))
    )


def _read_matching_go(invocation: Invocation, options: CutoverOptions, closed: CloseMark) -> dict[str, object] | None:
    """Return the last GO if the project was not opened since, otherwise None.

    With the time of a freeze, the GO must belong to this freeze or a later one, have the current settings, and be later
    than the last NO-GO. If OMS does not report the task, the current settings are unknown, and the result is None.
    """
    certificates = Certificates(invocation)
    go = certificates.read_valid_go(closed)
    if go is None or options.frozen is None:  # any GO counts against opening the project
        return go
    no_go = certificates.last_name([CutoverVerdict.NO_GO])
    if parse_number(no_go) > parse_number(str(go["document"])) and certificates.read_since(closed, no_go):
        return None
    settings, task = invocation.settings, invocation.oms.task(invocation.deadline)
    current_settings = {
        "source_bucket": settings.source_bucket,
        "destination_bucket": task.dst_bucket if isinstance(task, TaskInfo) else None,
        "scope": asdict(settings.key_filter),
    }
    return (
        go
        if current_settings.items() <= go.items() and str(go.get("frozen_since")) >= timestamp(options.frozen)
        else None
    )


def _describe_state(invocation: Invocation, closed: CloseMark | None) -> tuple[MarkWithGo | None, Text]:
    """Return the fields of a MarkAnswer: the mark or None, and the state of the project in words."""
    if closed is None:
        return None, t("The project is open. The changes recorded while it was closed are submitted within minutes.")
    mark = read_mark_with_go(invocation, closed)
    return mark, describe_closed(closed, mark.go)
