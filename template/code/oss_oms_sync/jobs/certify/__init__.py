"""GO, NO-GO or NOT PROVEN: says whether the cutover may be, in a document that a stranger can check."""

from __future__ import annotations

import logging
from collections.abc import Callable

from oss_oms_sync import jsontext
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import SettingsError
from oss_oms_sync.jobs.certify.checks import all_checks
from oss_oms_sync.jobs.certify.document import build, certificates_folder, number_of
from oss_oms_sync.jobs.certify.evidence import gather
from oss_oms_sync.jobs.certify.options import Options
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.once import write_once

log = logging.getLogger(__name__)


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Certify, or close or open the project, as OPTIONS in a manual call ask.

    It begins no pass: where one is missing or too old, the check says so, with the command. Only a sample is read here,
    and what was read is kept. The document is stored in the log bucket, and returned.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError if the log bucket or the listing of
    the source cannot be read, or the document cannot be stored.
    """
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that is to be compared with the destination"])
    options = Options.parse(event, invocation.clock.now())
    if options.close or options.open:
        answer = _closed(invocation) if options.close else _opened(invocation)
        log.info(answer)
        return answer
    evidence = gather(invocation, options.frozen_since, options.sample)
    checks = all_checks(evidence, invocation.settings, options.accept)
    document = _stored(invocation, lambda number: build(invocation, evidence, checks, options.accept, number))
    log.info({name: document[name] for name in ("verdict", "text", "as_of", "document", "sha256")})
    return document


def _stored(invocation: Invocation, made: Callable[[int], dict[str, object]]) -> dict[str, object]:
    """The document, stored behind the last one. It overwrites none: the second of two calls at once that come to the
    same name takes the next number."""
    number = number_of(_last_name(invocation)) + 1
    while True:
        document = made(number)
        one = StoredObject.of_json(str(document["document"]), document)
        stored = write_once(invocation.log_bucket, one)
        if stored and stored.body == one.body:
            return document
        number += 1


def _closed(invocation: Invocation) -> dict[str, object]:
    """Close the project: from now on nothing is sent."""
    last = _last_certificate(invocation)
    why = f"{last['document']}: {last['verdict']}" if last else "without a certificate"
    closed = Closing(invocation).close("certify", why)
    return {
        "closed": {"since": closed.since, "by": closed.by, "why": closed.why},
        "certificate": last,
        "next": closed.text.en,
        "next_zh": closed.text.zh,
    }


def _opened(invocation: Invocation) -> dict[str, object]:
    """Open it again."""
    Closing(invocation).open("certify")
    return {
        "closed": None,
        "next": "The project is open: what was recorded meanwhile is sent in minutes. Deploy if the trigger is gone.",
        "next_zh": "项目已打开：期间记录的对象会在几分钟内发送。如触发器已删除，请重新部署。",
    }


def _last_certificate(invocation: Invocation) -> dict[str, object] | None:
    name = _last_name(invocation)
    match jsontext.load(invocation.log_bucket.get(name) or b"{}") if name else {}:
        case {"document": str(document), "verdict": str(verdict), "made": str(made)}:
            return {"document": document, "verdict": verdict, "made": made}
    return None


def _last_name(invocation: Invocation) -> str:
    """The name of the last certificate; empty if there is none."""
    names = (one.name for one in invocation.log_bucket.iter_objects(certificates_folder(invocation)))
    # Two calls at once may have come to one number, in different seconds or with different verdicts.
    return max(names, key=lambda name: (number_of(name), name), default="")
