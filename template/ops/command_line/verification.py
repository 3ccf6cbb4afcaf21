"""The command `check`, which verifies a certificate, also against listings of both buckets.

A claim is a statement about the certificate, such as "The classes add up", which holds or does not hold.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.certificate import check as certificate_check
from ops.certificate import listings
from ops.certificate.counts import collect_reserved_keys, compare_listing, compare_shared
from ops.certificate.form import Claim
from ops.certificate.listings import PairDigests
from ops.clock import timestamp
from ops.errors import UntrustedError, UsageError
from ops.exit_codes import ExitCode
from ops.functions.tool_output import object_without_duplicates
from ops.report import cutover_result
from ops.report.words import Translator
from ops.session import Session
from ops.terminal import Line, MarkedLine, json_lines
from oss_oms_sync.answers.certificate import KIND, SCHEMA
from oss_oms_sync.answers.finding import Result
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t, untranslated
from oss_oms_sync.rules.comparison_checks import SUMS

_TRUE_TEXT, _FALSE_TEXT = t("holds"), t("does not hold")


def check(session: Session, options: Namespace) -> int:
    """Print each claim about a certificate and its result, and return the exit code. Raises OpsError."""
    document, claims = list_claims(options.certificate, options.source, options.destination, session.clock.now())
    lines = json_lines(_to_json(document, claims)) if options.json else _format_claims(document, claims, session.lang)
    session.screen.answer(lines)
    return exit_code(document, claims)


def list_claims(file: Path, source: Path | None, destination: Path | None, now: datetime) -> tuple[Any, list[Claim]]:
    """Return a certificate, and the claims about it at the time `now`.

    Raises UntrustedError if the file is not a certificate. Raises UsageError if a file cannot be read, or if the
    destination's listing is passed without the source's, because it proves nothing alone.
    """
    document = _read(file)
    try:
        claims = [*certificate_check.list_claims(document), certificate_check.check_time_made(document, now)]
        with listings.open_digest_files() if source and destination else nullcontext() as digests:
            claims += _compare_listings(document, source, destination, digests)
    except certificate_check.FORM_ERRORS:
        raise _no_certificate_error(file) from None
    return document, claims


def _compare_listings(
    document: Any, source: Path | None, destination: Path | None, digests: tuple[PairDigests, PairDigests] | None
) -> Iterator[Claim]:
    """Yield the claims that listings of the buckets have the certificate's counts and digests.

    `digests` are the files for the listings' digests, or None unless both listings are passed.
    """
    source_reserved_keys: set[bytes] = set()
    digest_receivers = [digest_file.add for digest_file in digests] if digests else [None, None]
    if source:
        yield compare_listing(
            document,
            "source",
            collect_reserved_keys(listings.read(source), source_reserved_keys),
            source_reserved_keys,
            digest_receivers[0],
        )
    if destination:
        reserved_keys: set[bytes] = set()
        claim = compare_listing(
            document,
            "destination",
            collect_reserved_keys(listings.read(destination), reserved_keys),
            source_reserved_keys,
            digest_receivers[1],
        )
        may_be_in_scope = any(key.startswith(document["scope"]["prefix"].encode()) for key in reserved_keys)
        if may_be_in_scope and not source and not claim.holds:
            raise UsageError(
                t(
                    "The destination's listing has keys like those of records or of OMS's own lists: such"
                    " keys count only if the source has them, too"
                ),
                t("Pass the listing of the source as well (--source)"),
            )
        yield claim
    if (
        digests
        and document["classes"] is not None
        and certificate_check.derive(document).result_of(SUMS.id) is not Result.FAILED
    ):
        yield compare_shared(document, digests[0].shared_with(digests[1]))


def check_time(document: Any, now: datetime) -> None:
    """Raise UntrustedError if a certificate was made after `now`, the time of this machine."""
    with suppress(*certificate_check.FORM_ERRORS):  # the report on it says that it is not valid
        if not certificate_check.check_time_made(document, now).holds:
            text = t("The certificate was made at {made}, but this machine's clock shows {now}")
            raise UntrustedError(
                text.filled(made=document["made"], now=timestamp(now)),
                t("Correct this machine's clock, or make a new certificate"),
            )


def exit_code(document: Any, claims: list[Claim]) -> ExitCode:
    """Return 4 if a claim does not hold, otherwise the code of the certificate's verdict.

    A rehearsal has the code 3, because it proves nothing.
    """
    if not all(claim.holds for claim in claims):
        return ExitCode.UNTRUSTED
    return certificate_check.EXIT_CODES.get(document["verdict"], ExitCode.NOT_PROVEN)


def _format_claims(document: Any, claims: list[Claim], lang: str) -> Iterator[Line]:
    for claim in claims:
        word, state = (_TRUE_TEXT, "good") if claim.holds else (_FALSE_TEXT, "bad")
        detail = "" if claim.holds or not claim.detail else f" ({claim.detail})"
        yield MarkedLine("  ", word.of(lang), state, f"{Translator(lang)(': ')}{claim.text.of(lang)}{detail}")
    if all(claim.holds for claim in claims):
        _, tone = cutover_result.VERDICT_LABELS[document["verdict"]]
        yield MarkedLine(
            "",
            t("The certificate is sound. Verdict: {verdict}.", verdict=document["verdict"]).of(lang),
            tone,
        )
    else:
        yield MarkedLine("", t("This certificate cannot be trusted.").of(lang), "bad")


def _to_json(document: Any, claims: list[Claim]) -> dict[str, Any]:
    """Return the checked claims as JSON data, with `sound`, which is True if all claims hold."""
    claim_rows = [
        {"claim": claim.text.en, "claim_zh": claim.text.zh, "holds": claim.holds, "detail": claim.detail}
        for claim in claims
    ]
    return {"sound": all(claim.holds for claim in claims), "verdict": document["verdict"], "findings": claim_rows}


def _read(file: Path) -> Any:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise UsageError(untranslated(str(error)), t("Pass the JSON file of a certificate")) from None
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
