"""Certificates of cutovers: documents with the verdict GO, NO-GO or NOT PROVEN, which every reader can verify.

A cutover begins with a freeze, when applications stop writing to OSS. Then a mark in the log bucket closes the project,
which submits nothing to OMS any more. This job also closes and opens the project, reports its state and the valid GO,
and lists deletions.
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
from oss_oms_sync.jobs.certify.document import build_certificate
from oss_oms_sync.jobs.certify.gathering import gather_facts, gather_waiting_facts
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.certificates import Certificates, describe_closed, parse_number, read_mark_with_go
from oss_oms_sync.ledger.closing import CloseMark, ProjectState
from oss_oms_sync.ledger.state import write_once
from oss_oms_sync.rules.closing_checks import check_oms_finished
from oss_oms_sync.rules.waiting_check import check_waiting_keys

# The verdicts of cutovers that may have closed the project; a rehearsal does not close it.
_CUTOVER_VERDICTS = [verdict for verdict in CutoverVerdict if verdict is not CutoverVerdict.REHEARSAL]
_STAYS_OPEN_TEXT = t(
    "The project stays open: the migration of existing objects is not finished, so OMS may still write to OBS"
)


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Create a certificate, close or open the project, report its state, or list deletions, as `event` requests.

    A certificate is stored in the log bucket, and returned as JSON. The call starts no pass: if a pass is missing or
    too old, a finding names the command that runs the pass.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError, after which the project may be open
    or closed.
    """
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Set it to the bucket to compare with the destination"])
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
    facts = gather_facts(invocation, options)
    document = _store_document(invocation, lambda number: build_certificate(invocation, facts, number))
    log.info({name: document[name] for name in ("verdict", "text", "as_of", "document", "sha256")})
    return document


def _store_document(invocation: Invocation, build_document: Callable[[int], dict[str, object]]) -> dict[str, object]:
    """Build the certificate with the next free number, store it, and return it.

    No certificate is overwritten: if two calls choose the same number at the same time, the second call takes the next
    number.
    """
    number = parse_number(Certificates(invocation).last_name()) + 1
    while True:
        document = build_document(number)
        certificate = StoredObject.of_json(str(document["document"]), document)
        stored_object = write_once(invocation.log_bucket, certificate)
        if stored_object and stored_object.body == certificate.body:
            return document
        number += 1


def _close(invocation: Invocation, run: str) -> dict[str, object]:
    """Write or renew the mark that closes the project, so that no job submits any more; return a MarkAnswer as JSON.

    `run` is the name of the cutover's run, or empty for a call by hand. A running migration of the existing objects
    prevents the close. It writes its record before it checks the mark, and this function checks the record again after
    writing the mark, so at least one of them notices the other.
    """
    certificates = Certificates(invocation)
    last_certificate = certificates.read(certificates.last_name(_CUTOVER_VERDICTS))
    certificate_summary = (
        {name: last_certificate[name] for name in ("document", "verdict", "made")} if last_certificate else None
    )
    # A cutover closes the project before its verdict is known, so an earlier verdict is not the reason.
    description = (
        f"{certificate_summary['document']}: {certificate_summary['verdict']}"
        if certificate_summary
        else "without a certificate"
    )
    command, reason = ("cutover", run) if run else ("close", description)
    project_state, mark = ProjectState(invocation), None
    if not migration.read_current_migration(invocation):
        was_open, mark = project_state.is_surely_open(), project_state.close(command, reason, run)
        # If the mark existed before the migration, the migration notices it and does not start.
        if was_open and migration.read_current_migration(invocation):
            mark = project_state.open(command)
    answer = MarkAnswer(*_describe_state(invocation, mark)) if mark else MarkAnswer(None, _STAYS_OPEN_TEXT)
    return {**to_json(answer), "certificate": certificate_summary}


def _open(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Open the project, and return a MarkAnswer as JSON.

    If a GO is valid, applications write to OBS, and the project stays closed without the option `after_go`. A cutover's
    run opens only a project that the same run has closed.
    """
    project_state = ProjectState(invocation)
    mark = None if options.after_go else project_state.read_state()
    if mark is None or not read_mark_with_go(invocation, mark).go:
        mark = project_state.open("open", run=options.run)
    return to_json(MarkAnswer(*_describe_state(invocation, mark)))  # type: ignore[no-any-return]


def _report_state(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Return a LookAnswer as JSON: the state of the project, and the document of the valid GO or None.

    If the options have the time of a freeze, the answer about a closed project also has the checks for which a cutover
    waits before its standstill pass.
    """
    mark, checks = ProjectState(invocation).read_state(), []
    if mark and options.freeze_time:
        facts = gather_waiting_facts(invocation, options)
        checks = [check_oms_finished(facts), check_waiting_keys(facts)]
    go = _read_matching_go(invocation, options, mark) if mark else None
    return to_json(  # type: ignore[no-any-return]
        LookAnswer(*_describe_state(invocation, mark), go, checks, migration.read_current_migration(invocation))
    )


def _read_matching_go(invocation: Invocation, options: CutoverOptions, mark: CloseMark) -> dict[str, object] | None:
    """Return the document of the last GO if the project has not been opened since, otherwise None.

    If the options have the time of a freeze, the GO must also be of this freeze or a later freeze, have the current
    settings, and be later than the last NO-GO.
    """
    certificates = Certificates(invocation)
    go = certificates.read_valid_go(mark)
    if go is None or options.freeze_time is None:  # any GO counts against opening the project
        return go
    no_go = certificates.last_name([CutoverVerdict.NO_GO])
    if parse_number(no_go) > parse_number(str(go["document"])) and certificates.read_since(mark, no_go):
        return None
    settings, task = invocation.settings, invocation.oms.query_task(invocation.deadline)
    current_settings = {
        "source_bucket": settings.source_bucket,
        "destination_bucket": task.dst_bucket if isinstance(task, TaskInfo) else None,
        "scope": asdict(settings.key_filter),
    }
    return (
        go
        if current_settings.items() <= go.items() and str(go.get("frozen_since")) >= timestamp(options.freeze_time)
        else None
    )


def _describe_state(invocation: Invocation, mark: CloseMark | None) -> tuple[MarkWithGo | None, Text]:
    if mark is None:
        return None, t(
            "The project is open. Within minutes, replay submits the changes recorded while the project was closed."
        )
    mark_with_go = read_mark_with_go(invocation, mark)
    return mark_with_go, describe_closed(mark, mark_with_go.go)
