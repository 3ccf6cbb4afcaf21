"""The command `check`, which verifies a certificate, also against listings of both buckets."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.certificate import check as judge
from ops.certificate import listings
from ops.certificate.counts import compare_listing, compare_shared, note_reserved_keys
from ops.certificate.form import Doubt
from ops.certificate.listings import PairDigests
from ops.clock import timestamp
from ops.errors import UntrustedError, UsageError
from ops.exit_codes import ExitCode
from ops.functions.tool_output import object_without_duplicates
from ops.report import cutover_result
from ops.report.words import Translator
from ops.session import Session
from ops.terminal import Line, MarkedLine, UnwrappedLine
from oss_oms_sync.answers.certificate import KIND, SCHEMA
from oss_oms_sync.answers.finding import Result
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t, untranslated
from oss_oms_sync.rules.comparison_checks import SUMS

_TRUE_TEXT, _FALSE_TEXT = t("holds"), t("does not hold")


def check(session: Session, options: Namespace) -> int:
    """Print the claims of a certificate and which of them hold; return the exit code. Raises OpsError."""
    document, doubts = findings(options.certificate, options.source, options.destination, session.clock.now())
    lines = (
        [UnwrappedLine(json.dumps(_to_json(document, doubts)))]
        if options.json
        else _claim_lines(document, doubts, session.lang)
    )
    session.screen.answer(lines)
    return exit_code(document, doubts)


def findings(file: Path, source: Path | None, destination: Path | None, now: datetime) -> tuple[Any, list[Doubt]]:
    """Return a certificate, and its claims at the time `now`.

    Raises UntrustedError if the file is not a certificate. Raises UsageError if a file cannot be read, or if the
    destination's listing is given without the source's, because it proves nothing alone.
    """
    document = _read(file)
    try:
        doubts = [*judge.findings(document), judge.check_made_before(document, now)]
        with listings.two_digests() if source and destination else nullcontext() as digests:
            doubts += _compare_listings(document, source, destination, digests)
    except judge.FORM_ERRORS:
        raise _no_certificate_error(file) from None
    return document, doubts


def _compare_listings(
    document: Any, source: Path | None, destination: Path | None, digests: tuple[PairDigests, PairDigests] | None
) -> Iterator[Doubt]:
    """Yield the claims that listings of the buckets have the certificate's counts and digests.

    Raises UsageError if a file cannot be read, or if the destination's listing is given without the source's.
    """
    own: set[bytes] = set()
    keep = [digest.add for digest in digests] if digests else [None, None]
    if source:
        yield compare_listing(document, "source", note_reserved_keys(listings.read(source), own), own, keep[0])
    if destination:
        reserved: set[bytes] = set()
        finding = compare_listing(
            document, "destination", note_reserved_keys(listings.read(destination), reserved), own, keep[1]
        )
        may_count = any(key.startswith(document["scope"]["prefix"].encode()) for key in reserved)
        if may_count and not source and not finding.holds:
            raise UsageError(
                t(
                    "The destination's listing has keys like those of records or of OMS's own lists: they"
                    " count only if the source has them, too"
                ),
                t("Pass --source, too"),
            )
        yield finding
    if digests and document["classes"] is not None and judge.derive(document).result_of(SUMS.id) is not Result.FAILED:
        yield compare_shared(document, digests[0].shared_with(digests[1]))


def check_time(document: Any, now: datetime) -> None:
    """Raise UntrustedError if a certificate was made after `now`, the time of this machine."""
    with suppress(*judge.FORM_ERRORS):  # the report on it says that it is not valid
        if not judge.check_made_before(document, now).holds:
            text = t("The certificate was made at {made}, but this machine's clock shows {now}")
            raise UntrustedError(
                text.filled(made=document["made"], now=timestamp(now)),
                t("Correct this machine's clock, or make a new certificate"),
            )


def exit_code(document: Any, doubts: list[Doubt]) -> ExitCode:
    """Return 4 if a claim does not hold, otherwise the code of the verdict; a rehearsal proves nothing (3)."""
    if not all(doubt.holds for doubt in doubts):
        return ExitCode.UNTRUSTED
    return judge.EXIT_CODES.get(document["verdict"], ExitCode.NOT_PROVEN)


def _claim_lines(document: Any, doubts: list[Doubt], lang: str) -> Iterator[Line]:
    """Yield a line for each claim, and the conclusion."""
    for doubt in doubts:
        word, state = (_TRUE_TEXT, "good") if doubt.holds else (_FALSE_TEXT, "bad")
        detail = "" if doubt.holds or not doubt.detail else f" ({doubt.detail})"
        yield MarkedLine("  ", word.of(lang), state, f"{Translator(lang)(': ')}{doubt.claim.of(lang)}{detail}")
    if all(doubt.holds for doubt in doubts):
        _, tone = cutover_result.VERDICT_LABELS[document["verdict"]]
        yield MarkedLine(
            "",
            t("The certificate is sound. Verdict: {verdict}.", verdict=document["verdict"]).of(lang),
            tone,
        )
    else:
        yield MarkedLine("", t("This certificate cannot be trusted.").of(lang), "bad")


def _to_json(document: Any, doubts: list[Doubt]) -> dict[str, Any]:
    """Return the checked claims, and True if all hold, as JSON data."""
    claims = [
        {"claim": doubt.claim.en, "claim_zh": doubt.claim.zh, "holds": doubt.holds, "detail": doubt.detail}
        for doubt in doubts
    ]
    return {"sound": all(doubt.holds for doubt in doubts), "verdict": document["verdict"], "findings": claims}


def _read(file: Path) -> Any:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise UsageError(untranslated(str(error)), t("Pass the JSON file")) from None
    try:
        # json detects the encoding of bytes: PowerShell writes UTF-16.
        document = json.loads(text, object_pairs_hook=object_without_duplicates)
    except (ValueError, RecursionError):
        raise _no_certificate_error(file) from None
    if isinstance(document, dict) and (document.get("kind"), document.get("schema")) == (KIND, SCHEMA):
        return document
    raise _no_certificate_error(file)


def _no_certificate_error(file: Path) -> UntrustedError:
    return UntrustedError(
        t("{file} is not a certificate, or is damaged", file=file),
        t(
            "Get the certificate again: `{command}` writes it, and the log bucket keeps a copy under"
            " oms_source_record/certificates/",
            command=Step("cutover", {"frozen_since": "now"}),
        ),
    )
