"""The check of a certificate: do its conclusions follow from its facts, and do its facts agree with each other?

The rules that made the certificate derive the conclusions again, so that the check does not rely on the stated ones.
Tests compare these rules with a second, independent set of rules, on random facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta

from ops.certificate.counts import counts
from ops.certificate.form import Document, Doubt, require_count
from ops.certificate.plausibility import checked_headers_fit, headers_fit, sample_fits, waiting_fits
from ops.clock import parse_timestamp, timestamp
from ops.errors import UntrustedError
from ops.exit_codes import ExitCode
from oss_oms_sync.answers.certificate import (
    COMPARISON_FIELDS,
    KIND,
    SCHEMA,
    Certificate,
    CodeVersion,
    CutoverFacts,
    CutoverVerdict,
    document_hash,
)
from oss_oms_sync.answers.codec import from_json, to_json
from oss_oms_sync.answers.finding import Result
from oss_oms_sync.answers.layout import certificate_folder
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.comparison_checks import SUMS
from oss_oms_sync.rules.cutover import judge
from oss_oms_sync.rules.next_steps import ACCEPTABLE_NAMES
from oss_oms_sync.rules.times import BYTES_PER_MINUTE, CLOSE_DELAY, MAX_CLOCK_SKEW, OMS_STALL_TIME

# A certificate may be this much newer than the clock of the checking machine.
_MACHINE_TOLERANCE = timedelta(minutes=10)
# Exit code of each verdict.
EXIT_CODES = {"GO": ExitCode.OK, "NO-GO": ExitCode.FAILED, "NOT PROVEN": ExitCode.NOT_PROVEN}
# Errors that reading a document raises if it is not a certificate; UnreadableError is a ValueError.
FORM_ERRORS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
FORM_DOUBT = Doubt(t("The document has the form of a certificate"), holds=False)


def doubts(document: Document) -> list[Doubt]:
    """Return the claims of a document that do not hold; an empty list means that the document is sound."""
    try:
        return [finding for finding in findings(document) if not finding.holds]
    except FORM_ERRORS:
        return [FORM_DOUBT]


def derive(document: Document) -> Certificate:
    """Return the certificate with the conclusions that follow from its facts, whatever it states itself.

    Raises one of FORM_ERRORS if the document is not a certificate.
    """
    if require_count(document["schema"]) != SCHEMA or document["kind"] != KIND:
        raise ValueError("not a certificate of this form")
    facts = from_json(CutoverFacts, document)
    if _as_text(to_json(facts)) != _as_text({name: document[name] for name in _FACTS}):
        raise ValueError("facts with unknown names")
    is_compared = facts.passes.compare is not None
    if any((document[name] is not None) is not is_compared for name in COMPARISON_FIELDS):
        raise ValueError("counts without a comparison, or a comparison without counts")
    if facts.passes.standstill is not None and not is_compared:
        raise ValueError("a standstill pass without a comparison")
    judgement = judge(facts)
    return Certificate(
        **vars(facts),
        schema=SCHEMA,
        kind=KIND,
        made_by=from_json(CodeVersion, document["made_by"]),
        verdict=judgement.verdict,
        text=judgement.text,
        checks=judgement.checks,
        rehearsal=judgement.rehearsal,
        document=from_json(str, document["document"]),
    )


_FACTS = [field.name for field in fields(CutoverFacts)]


def _as_text(value: object) -> str:
    """Return JSON as text, so that a comparison distinguishes 1, 1.0 and true."""
    return json.dumps(value, sort_keys=True)


def findings(document: Document) -> Iterator[Doubt]:
    """Yield every claim that the document alone can prove or disprove.

    Raises one of FORM_ERRORS if the document is not a certificate.
    """
    # Taken before any rule runs, in the form in which the document was stored.
    stated = {
        "checks": _as_text([[check[name] for name in ("id", "result", "gates")] for check in document["checks"]]),
        "verdict": _as_text(document["verdict"]),
        "rehearsal": _as_text(document["rehearsal"]),
    }
    certificate = derive(document)
    conclusions = to_json(certificate)
    made = document_hash(document)
    yield Doubt(t("The document is unchanged"), made == document["sha256"], made)
    yield _compare_checks(document, conclusions, stated["checks"])
    yield Doubt(
        t("The verdict follows from the facts"),
        stated["verdict"] == _as_text(conclusions["verdict"]),
        certificate.verdict.value,
    )
    yield Doubt(
        t("The forecast of the rehearsal follows from the facts"),
        stated["rehearsal"] == _as_text(conclusions["rehearsal"]),
        stated["rehearsal"],
    )
    for rule in (
        _check_order,
        _check_acceptances,
        _check_name,
        _check_oms,
        waiting_fits,
        headers_fit,
        checked_headers_fit,
    ):
        yield rule(document)
    if document["sample"] is not None:
        yield sample_fits(document)
    if document["passes"]["compare"] is not None:
        adds_up = certificate.result_of(SUMS.id) is not Result.FAILED
        yield from counts(document, adds_up=adds_up, is_go=certificate.verdict is CutoverVerdict.GO)


def check_made_before(document: Document, now: datetime) -> Doubt:
    """Return the claim that the document was not made after `now`, the time of this machine."""
    claim = t("The certificate was made before now")
    return Doubt(
        claim, parse_timestamp(document["made"]) <= now + _MACHINE_TOLERANCE, f"{document['made']}, {timestamp(now)}"
    )


def _compare_checks(document: Document, conclusions: Document, stated: str) -> Doubt:
    """Return the claim that each stored check has the id, the result and the gates that follow from the facts."""
    derived = [[check[name] for name in ("id", "result", "gates")] for check in conclusions["checks"]]
    by_id = {name: _as_text([name, *values]) for name, *values in derived}
    wrong = [
        str(check["id"])
        for check in document["checks"]
        if by_id.get(str(check["id"])) != _as_text([check[name] for name in ("id", "result", "gates")])
    ]
    claim = t("Each check ended as the facts say")
    return Doubt(claim, stated == _as_text(derived), ", ".join(dict.fromkeys(wrong)))


def _check_oms(document: Document) -> Doubt:
    """Return the claim that OMS's numbers are possible.

    Every recorded object is counted by OMS or left, and OMS may finish the objects left only if it was active recently.
    """
    oms = document["oms"]
    left, accepted, recorded, largest = (oms[name] for name in ("left", "accepted", "recorded", "largest"))
    wrong = [name for name in ("accepted", "largest") if require_count(oms[name]) < 0]
    if left is not None and require_count(left) < max(
        0, require_count(recorded) - accepted if recorded is not None else 0
    ):
        wrong.append("left")
    if left is not None and left > 0 and oms["busy"] is not None and recorded is not None:
        quiet = parse_timestamp(document["made"]) - parse_timestamp(oms["busy"])
        patience = OMS_STALL_TIME + timedelta(minutes=largest / BYTES_PER_MINUTE)
        if abs(quiet - patience) > CLOSE_DELAY and oms["may_finish"] is not (quiet < patience):
            wrong.append("may_finish")
    return Doubt.claim_unless(t("The statements about OMS are plausible"), wrong)


def _check_order(document: Document) -> Doubt:
    """Return the claim that all times are in order: each pass starts before it ends, and the document is made last.

    OSS's clock and the function's clock agree about the start of the standstill pass.
    """
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    made, frozen, closed = (
        parse_timestamp(document["made"]) + MAX_CLOCK_SKEW,
        document["frozen_since"],
        document["closed"],
    )
    amended = [compared["amended"]] if compared and compared["amended"] is not None else []
    rows = {
        "frozen_since": [frozen] if frozen is not None else [],
        "compare": [compared["started"], compared["ended"], *amended] if compared else [],
        "standstill": [document["as_of"], still["started"], still["ended"]] if still else [],
        "began": [still["began"]] if still else [],
        **{name: [closed[name]] if closed and closed[name] else [] for name in ("opened", "since", "written")},
    }
    wrong = [
        name
        for name, times in rows.items()
        if (times_until_made := [*map(parse_timestamp, times), made]) != sorted(times_until_made)
    ]
    if still and abs(parse_timestamp(still["began"]) - parse_timestamp(still["started"])) > MAX_CLOCK_SKEW:
        wrong.append("began by OSS's clock")
    if document["as_of"] != (rows["compare"][-1] if compared else None):
        wrong.append("as_of")
    if compared and compared["state"] != document["source"]["state_digest"]:
        wrong.append("state")
    return Doubt.claim_unless(t("The times are in order"), wrong)


def _check_acceptances(document: Document) -> Doubt:
    """Return the claim that only acceptable names were accepted, and that each names a person."""
    wrong = [name for name, who in document["accepted"].items() if name not in ACCEPTABLE_NAMES or not who.strip()]
    return Doubt.claim_unless(t("Only acceptable classes were accepted by name"), wrong)


def _check_name(document: Document) -> Doubt:
    """Return the claim that the document's name follows from its project, task, number, time and verdict.

    The number stands nowhere else, so it is taken from the name.
    """
    folder = certificate_folder(document["task"], document["project"])
    number = document["document"].removeprefix(folder).partition("-")[0]
    made, verdict = document["made"].replace("-", "").replace(":", ""), document["verdict"].lower().replace(" ", "-")
    name = f"{folder}{number}-{made}-{verdict}.json"
    claim = t("The document's name matches its content")
    return Doubt(
        claim, document["document"] == name and len(number) >= 4 and number.isascii() and number.isdecimal(), name
    )


def read_certificate(document: Document) -> Certificate | None:
    """Return the certificate with the conclusions that follow from its facts; None if it is not a certificate."""
    try:
        certificate = derive(document)
        compared, closed = certificate.passes.compare, certificate.closed
        judged, closed_since = compared.amended if compared else None, closed.since if closed else None
        for time in filter(None, (certificate.made, certificate.as_of, certificate.frozen_since, judged, closed_since)):
            parse_timestamp(time)
    except FORM_ERRORS:
        return None
    return certificate


def exit_code(document: Document) -> ExitCode:
    """Return 0 for GO, 1 for NO-GO, 3 for NOT PROVEN, 4 if the document is invalid.

    A rehearsal has the code of its expected verdict.
    """
    certificate = read_certificate(document)
    if certificate is None or doubts(document):
        return UntrustedError.exit_code
    return EXIT_CODES[(certificate.rehearsal.would_be if certificate.rehearsal else certificate.verdict).value]
