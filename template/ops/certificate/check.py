"""The check of a certificate: its conclusions must follow from its facts, and its facts must agree with each other.

A certificate is a JSON document: facts of a cutover (such as counts, times and digests), and the conclusions from them,
which are checks and a verdict. The rules that made the certificate derive the conclusions again, so that the stated
conclusions are not trusted. Tests compare these rules with a second, independent set of rules, on random facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta

from ops.certificate.counts import check_counts
from ops.certificate.form import Claim, Document, require_count
from ops.certificate.plausibility import check_headers, check_sample, check_standstill_headers, check_waiting_keys
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
FORM_CLAIM = Claim(t("The document has the form of a certificate"), holds=False)


def find_false_claims(document: Document) -> list[Claim]:
    """Return the claims about a certificate that do not hold; a sound certificate has none."""
    try:
        return [claim for claim in list_claims(document) if not claim.holds]
    except FORM_ERRORS:
        return [FORM_CLAIM]


def derive(document: Document) -> Certificate:
    """Return the certificate with the conclusions that follow from its facts, whatever conclusions it states.

    Raises one of FORM_ERRORS if the document is not a certificate.
    """
    if require_count(document["schema"]) != SCHEMA or document["kind"] != KIND:
        raise ValueError("not a certificate of this form")
    facts = from_json(CutoverFacts, document)
    if _format_json(to_json(facts)) != _format_json({name: document[name] for name in _FACT_NAMES}):
        raise ValueError("facts with unknown names")
    has_comparison = facts.passes.compare is not None
    if any((document[name] is not None) is not has_comparison for name in COMPARISON_FIELDS):
        raise ValueError("counts without a comparison, or a comparison without counts")
    if facts.passes.standstill is not None and not has_comparison:
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


_FACT_NAMES = [field.name for field in fields(CutoverFacts)]


def _format_json(value: object) -> str:
    """Return a value as JSON text, so that a comparison distinguishes 1, 1.0 and true."""
    return json.dumps(value, sort_keys=True)


def list_claims(document: Document) -> Iterator[Claim]:
    """Yield every claim that the document alone can prove or disprove, each with the result of its check.

    Raises one of FORM_ERRORS if the document is not a certificate.
    """
    # These texts are made before any rule runs, from the document as it was stored.
    stated_texts = {
        "checks": _format_json([[check[name] for name in ("id", "result", "gates")] for check in document["checks"]]),
        "verdict": _format_json(document["verdict"]),
        "rehearsal": _format_json(document["rehearsal"]),
    }
    certificate = derive(document)
    derived_document = to_json(certificate)
    computed_hash = document_hash(document)
    yield Claim(t("The document matches its own SHA-256"), computed_hash == document["sha256"], computed_hash)
    yield _check_stated_checks(document, derived_document, stated_texts["checks"])
    yield Claim(
        t("The verdict follows from the facts"),
        stated_texts["verdict"] == _format_json(derived_document["verdict"]),
        certificate.verdict.value,
    )
    yield Claim(
        t("The forecast of the rehearsal follows from the facts"),
        stated_texts["rehearsal"] == _format_json(derived_document["rehearsal"]),
        stated_texts["rehearsal"],
    )
    for rule in (
        _check_order,
        _check_acceptances,
        _check_name,
        _check_oms,
        check_waiting_keys,
        check_headers,
        check_standstill_headers,
    ):
        yield rule(document)
    if document["sample"] is not None:
        yield check_sample(document)
    if document["passes"]["compare"] is not None:
        adds_up = certificate.result_of(SUMS.id) is not Result.FAILED
        yield from check_counts(document, adds_up=adds_up, is_go=certificate.verdict is CutoverVerdict.GO)


def check_time_made(document: Document, now: datetime) -> Claim:
    """Return the claim that the document was made before `now`, this machine's time, or at most ten minutes later."""
    text = t("The certificate was made in the past")
    return Claim(
        text, parse_timestamp(document["made"]) <= now + _MACHINE_TOLERANCE, f"{document['made']}, {timestamp(now)}"
    )


def _check_stated_checks(document: Document, derived_document: Document, stated_text: str) -> Claim:
    """Return the claim that the document states the checks that follow from its facts.

    A check has an id, a result, and `gates`, which is True if the check decides the verdict.
    """
    derived_checks = [[check[name] for name in ("id", "result", "gates")] for check in derived_document["checks"]]
    by_id = {name: _format_json([name, *values]) for name, *values in derived_checks}
    wrong_ids = [
        str(check["id"])
        for check in document["checks"]
        if by_id.get(str(check["id"])) != _format_json([check[name] for name in ("id", "result", "gates")])
    ]
    text = t("Each check's result follows from the facts")
    return Claim(text, stated_text == _format_json(derived_checks), ", ".join(dict.fromkeys(wrong_ids)))


def _check_oms(document: Document) -> Claim:
    """Return the claim that OMS's numbers in the document are possible.

    - `left` is at least the number of recorded objects that OMS has not accepted.
    - `may_finish` follows from OMS's idle time, compared with the time that a copy of its largest object takes.
    """
    oms = document["oms"]
    objects_left, accepted_objects, recorded_objects, largest_bytes = (
        oms[name] for name in ("left", "accepted", "recorded", "largest")
    )
    wrong_names = [name for name in ("accepted", "largest") if require_count(oms[name]) < 0]
    if objects_left is not None and require_count(objects_left) < max(
        0, require_count(recorded_objects) - accepted_objects if recorded_objects is not None else 0
    ):
        wrong_names.append("left")
    if objects_left is not None and objects_left > 0 and oms["busy"] is not None and recorded_objects is not None:
        idle_time = parse_timestamp(document["made"]) - parse_timestamp(oms["busy"])
        max_idle_time = OMS_STALL_TIME + timedelta(minutes=largest_bytes / BYTES_PER_MINUTE)
        if abs(idle_time - max_idle_time) > CLOSE_DELAY and oms["may_finish"] is not (idle_time < max_idle_time):
            wrong_names.append("may_finish")
    return Claim.claim_unless(t("The statements about OMS are plausible"), wrong_names)


def _check_order(document: Document) -> Claim:
    """Return the claim that all times are in order: each pass starts before it ends, and the document is made last.

    The start of the standstill pass by OSS's clock may differ from that by the function's clock within a tolerance.
    """
    comparison, standstill = document["passes"]["compare"], document["passes"]["standstill"]
    latest_time, freeze_time, closed_state = (
        parse_timestamp(document["made"]) + MAX_CLOCK_SKEW,
        document["frozen_since"],
        document["closed"],
    )
    recheck_times = [comparison["amended"]] if comparison and comparison["amended"] is not None else []
    times_by_name = {
        "frozen_since": [freeze_time] if freeze_time is not None else [],
        "compare": [comparison["started"], comparison["ended"], *recheck_times] if comparison else [],
        "standstill": [document["as_of"], standstill["started"], standstill["ended"]] if standstill else [],
        "began": [standstill["began"]] if standstill else [],
        **{
            name: [closed_state[name]] if closed_state and closed_state[name] else []
            for name in ("opened", "since", "written")
        },
    }
    wrong_names = [
        name
        for name, time_texts in times_by_name.items()
        if (times_until_made := [*map(parse_timestamp, time_texts), latest_time]) != sorted(times_until_made)
    ]
    if (
        standstill
        and abs(parse_timestamp(standstill["began"]) - parse_timestamp(standstill["started"])) > MAX_CLOCK_SKEW
    ):
        wrong_names.append("began by OSS's clock")
    if document["as_of"] != (times_by_name["compare"][-1] if comparison else None):
        wrong_names.append("as_of")
    if comparison and comparison["state"] != document["source"]["state_digest"]:
        wrong_names.append("state")
    return Claim.claim_unless(t("The times are in chronological order"), wrong_names)


def _check_acceptances(document: Document) -> Claim:
    """Return the claim that only acceptable classes and checks were accepted, each with the name of a person."""
    wrong_names = [
        name for name, person in document["accepted"].items() if name not in ACCEPTABLE_NAMES or not person.strip()
    ]
    return Claim.claim_unless(t("Only classes and checks that can be accepted were accepted by name"), wrong_names)


def _check_name(document: Document) -> Claim:
    """Return the claim that the document's name follows from its project, task, number, time and verdict."""
    folder = certificate_folder(document["task"], document["project"])
    number = document["document"].removeprefix(folder).partition("-")[0]
    time_digits, verdict_word = (
        document["made"].replace("-", "").replace(":", ""),
        document["verdict"].lower().replace(" ", "-"),
    )
    name = f"{folder}{number}-{time_digits}-{verdict_word}.json"
    text = t("The document's name matches its content")
    return Claim(
        text, document["document"] == name and len(number) >= 4 and number.isascii() and number.isdecimal(), name
    )


def read_certificate(document: Document) -> Certificate | None:
    """Return the certificate with the conclusions that follow from its facts.

    Return None if `document` is not a certificate.
    """
    try:
        certificate = derive(document)
        comparison, closed_state = certificate.passes.compare, certificate.closed
        recheck_time, close_time = (
            comparison.amended if comparison else None,
            closed_state.since if closed_state else None,
        )
        for time_text in filter(
            None, (certificate.made, certificate.as_of, certificate.frozen_since, recheck_time, close_time)
        ):
            parse_timestamp(time_text)
    except FORM_ERRORS:
        return None
    return certificate


def exit_code(document: Document) -> ExitCode:
    """Return the exit code: 0 for GO, 1 for NO-GO, 3 for NOT PROVEN, 4 if the document is invalid.

    A rehearsal has the code of the verdict that it expects.
    """
    certificate = read_certificate(document)
    if certificate is None or find_false_claims(document):
        return UntrustedError.exit_code
    return EXIT_CODES[(certificate.rehearsal.would_be if certificate.rehearsal else certificate.verdict).value]
