"""GO, NO-GO or NOT PROVEN: says whether the cutover may be, in a document that a stranger can check. It also closes and
opens the project, and says whether it is closed and whether a GO stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

from oss_oms_sync import jsontext
from oss_oms_sync.answers.certificate import CutoverVerdict
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import LookAnswer, Mark, MarkAnswer
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.errors import SettingsError, log
from oss_oms_sync.jobs.certify.checks import all_checks
from oss_oms_sync.jobs.certify.closing_checks import nothing_waits, oms_finished
from oss_oms_sync.jobs.certify.document import build, certificates_folder, number_of
from oss_oms_sync.jobs.certify.evidence import CutoverOptions, gather
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import Closed, Closing
from oss_oms_sync.ledger.state import write_once

# How the name of a certificate ends that says GO; that of a NO-GO ends so too.
_GO, _NO_GO, _REHEARSED = (
    f"-{verdict.value.lower()}.json" for verdict in (CutoverVerdict.GO, CutoverVerdict.NO_GO, CutoverVerdict.REHEARSAL)
)
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
        # A run leaves it closed unless the mark is its own.
        opened = Closing(invocation).open("open", run=options.run) if options.open else None
        answer = to_json(MarkAnswer(*_answer(opened))) if options.open else _close(invocation, options.run)
        log.info(answer)
        return answer
    evidence = gather(invocation, options)
    evidence = replace(evidence, stays_closed=_stays_closed(invocation, options, evidence.closed))
    checks = all_checks(evidence, invocation.settings)
    document = _stored(invocation, lambda number: build(invocation, evidence, checks, number))
    log.info({name: document[name] for name in ("verdict", "text", "as_of", "document", "sha256")})
    return document


def _stored(invocation: Invocation, made: Callable[[int], dict[str, object]]) -> dict[str, object]:
    """The document, stored behind the last one. It overwrites none: the second of two calls at once that come to the
    same name takes the next number."""
    number = number_of(_last_name(_certificates(invocation))) + 1
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
    # A rehearsal closes nothing.
    names = (name for name in _certificates(invocation) if not name.endswith(_REHEARSED))
    last = _document(invocation, _last_name(names))
    found = {name: last[name] for name in ("document", "verdict", "made")} if last else None
    # A cutover closes first: what it comes to is not known yet, and what an earlier one came to is no reason.
    said = f"{found['document']}: {found['verdict']}" if found else "without a certificate"
    by, why = ("cutover", run) if run else ("close", said)
    closing, mark = Closing(invocation), None
    if not migration.under_way(invocation):
        may_be_open, mark = closing.may_be_open(), closing.close(by, why, run)
        # Of a project that was closed before, the migration sees that, and does not begin.
        if may_be_open and migration.under_way(invocation):
            mark = closing.open(by)
    answer = MarkAnswer(*_answer(mark)) if mark else MarkAnswer(None, _MIGRATES)
    return {**to_json(answer), "certificate": found}


def _look(invocation: Invocation, options: CutoverOptions) -> dict[str, object]:
    """Whether the project is closed, and the GO that stands (None if none does). With the time of a freeze the GO is of
    that one or a later one, and the checks for which a cutover waits before its standstill pass are there too."""
    closed, checks = Closing(invocation).state(), []
    if closed and options.frozen:
        evidence = gather(invocation, options)
        checks = [check(evidence) for check in (oms_finished, nothing_waits)]
    go = _standing_go(invocation, options, closed) if closed else None
    return to_json(LookAnswer(*_answer(closed), go, checks, migration.under_way(invocation)))  # type: ignore[no-any-return]


def _stays_closed(invocation: Invocation, options: CutoverOptions, closed: Closed | None) -> bool:
    """Whether it is closed, and no cutover opens it: a rehearsal opens nothing, and no other what somebody has closed
    by hand, unless it has closed that anew, or where a GO stands, of whatever freeze."""
    if closed is None:
        return False
    is_by_hand = bool(options.run) and not closed.run
    return not options.frozen or is_by_hand or _standing_go(invocation, CutoverOptions(), closed) is not None


def _standing_go(invocation: Invocation, options: CutoverOptions, closed: Closed) -> dict[str, object] | None:
    """The last GO, if the project was not opened since. With the time of a freeze it has to be of that one or a later
    one, of what is set up today, and of no earlier time than the last NO-GO; None, too, where OMS does not tell that.
    """
    names = list(_certificates(invocation))
    no_go = _last_name(name for name in names if name.endswith(_NO_GO))
    last = _last_name(name for name in names if name.endswith(_GO) and not name.endswith(_NO_GO))
    go = _of_mark(_document(invocation, last), closed)
    if go is None or options.frozen is None:  # whoever would open it asks: then any GO counts
        return go
    if number_of(no_go) > number_of(last) and _of_mark(_document(invocation, no_go), closed):
        return None
    settings, task = invocation.settings, invocation.oms.task(invocation.deadline)
    today = {
        "source_bucket": settings.source_bucket,
        "destination_bucket": task.dst_bucket if isinstance(task, TaskInfo) else None,
        "scope": asdict(settings.key_filter),
    }
    return go if today.items() <= go.items() and str(go.get("frozen_since")) >= timestamp(options.frozen) else None


def _of_mark(document: dict[str, object] | None, closed: Closed) -> dict[str, object] | None:
    """The document, if the project was not opened between it and this mark."""
    mark = document and document.get("closed")
    # Not by times: those of two instances may differ.
    return document if isinstance(mark, dict) and mark.get("opened") == closed.opened else None


def _certificates(invocation: Invocation) -> Iterable[str]:
    """The names of the project's certificates."""
    return (one.name for one in invocation.log_bucket.iter_objects(certificates_folder(invocation)))


def _last_name(names: Iterable[str]) -> str:
    """The name of the last certificate; empty if there is none."""
    # Two calls at once may have come to one number, in different seconds or with different verdicts.
    return max(names, key=lambda name: (number_of(name), name), default="")


def _document(invocation: Invocation, name: str) -> dict[str, object] | None:
    """A certificate; None if it is none."""
    found = jsontext.load(invocation.log_bucket.get(name) or b"{}") if name else {}
    return found if isinstance(found, dict) and {"document", "verdict", "made"} <= found.keys() else None


def _answer(closed: Closed | None) -> tuple[Mark | None, Text]:
    """What a MarkAnswer says."""
    if closed is None:
        return None, t("The project is open: what was recorded while it was closed is sent in minutes.")
    return Mark(closed.since, closed.by, closed.why, closed.run), closed.text
