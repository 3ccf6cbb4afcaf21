"""GO, NO-GO or NOT PROVEN: says whether the cutover may be, in a document that a stranger can check."""

from __future__ import annotations

import logging
from collections.abc import Callable

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import SettingsError
from oss_oms_sync.jobs.certify import mark
from oss_oms_sync.jobs.certify.checks import all_checks
from oss_oms_sync.jobs.certify.document import build, number_of
from oss_oms_sync.jobs.certify.evidence import gather
from oss_oms_sync.jobs.certify.options import Options
from oss_oms_sync.ledger.once import write_once

log = logging.getLogger(__name__)


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Certify, or close or open the project, or say whether it is closed, as OPTIONS in a manual call ask.

    It begins no pass: where one is missing or too old, the check says so, with the command. Only a sample is read here,
    and what was read is kept. The document is stored in the log bucket, and returned.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError if the log bucket or the listing of
    the source cannot be read, or the document cannot be stored.
    """
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that is to be compared with the destination"])
    options = Options.parse(event, invocation.clock.now())
    if options.mark:
        return _of_the_mark(invocation, options)
    evidence = gather(invocation, options)
    checks = all_checks(evidence, invocation.settings)
    document = _stored(invocation, lambda number: build(invocation, evidence, checks, number))
    log.info({name: document[name] for name in ("verdict", "text", "as_of", "document", "sha256")})
    return document


def _of_the_mark(invocation: Invocation, options: Options) -> dict[str, object]:
    if options.mark == "look":
        return mark.look(invocation, options)
    answer = (mark.close if options.mark == "close" else mark.open_again)(invocation, options.run)
    log.info(answer)
    return answer


def _stored(invocation: Invocation, made: Callable[[int], dict[str, object]]) -> dict[str, object]:
    """The document, stored behind the last one. It overwrites none: the second of two calls at once that come to the
    same name takes the next number."""
    number = number_of(mark.last_name(mark.certificates(invocation))) + 1
    while True:
        document = made(number)
        one = StoredObject.of_json(str(document["document"]), document)
        stored = write_once(invocation.log_bucket, one)
        if stored and stored.body == one.body:
            return document
        number += 1
