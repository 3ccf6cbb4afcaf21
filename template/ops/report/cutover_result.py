"""The report on a certificate, which is certify's answer after a cutover or a rehearsal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.certificate.check import FORM_CLAIM, find_false_claims, read_certificate
from ops.certificate.form import Claim as Claim
from ops.clock import parse_timestamp
from ops.report import comparison, findings, totals, units
from ops.report.blocks import (
    Bar,
    Blocks,
    Cell,
    Column,
    CommandBlock,
    Detail,
    FactList,
    Figure,
    Figures,
    Heading,
    Items,
    Paragraph,
    Part,
    Phrase,
    Picture,
    Report,
    ReportHead,
    Section,
    Span,
    StepBlock,
    Table,
    Time,
)
from ops.report.words import STEP_LABELS, UTC_NOTE, Translator
from ops.shell import command, interpreter, quote_word
from oss_oms_sync.answers.certificate import (
    Certificate,
    CertifiedPass,
    CertifiedScope,
    Rehearsal,
    document_hash,
)
from oss_oms_sync.answers.finding import Result
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import ListingTotals, ObjectCount
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.cutover import CHECKS
from oss_oms_sync.rules.summary import summarize

VERDICT_LABELS = {
    "GO": (t("GO"), "good"),
    "NO-GO": (t("NO-GO"), "bad"),
    "NOT PROVEN": (t("NOT PROVEN"), "open"),
    "REHEARSAL": (t("REHEARSAL"), "way"),
}
_ESTIMATE_NOTE = t("Estimated from the durations of the passes.")


def report(document: Mapping[str, Any], language: str, file: Path | None = None) -> Report:
    """Return the report on the certificate `document` in `language`, "en" or "zh".

    If the document was changed, or its verdict contradicts its checks, the report says that it is not valid. `file` is
    the path of the stored document, or None.
    """
    translate, certificate, false_claims = Translator(language), read_certificate(document), find_false_claims(document)
    if certificate is None:
        head = (
            _invalid_head(false_claims or [FORM_CLAIM], None, translate)
            if document
            else ReportHead(translate("UNKNOWN"), "calm", "", None)
        )
        return Report(head, language, [], (), translate("Cutover certificate"))
    both_buckets, lag, made_at = certificate.both_buckets, certificate.shown.lag, parse_timestamp(certificate.made)
    folders = (
        comparison.folders(both_buckets, translate)
        if both_buckets
        else Paragraph(translate("The counts by folder are unknown."), "open")
    )
    compare_pass = certificate.passes.compare
    lag_blocks = (
        comparison.lag(lag, compare_pass.amended if compare_pass else None, translate)
        if lag
        else [Paragraph(translate("unknown"), "open")]
    )
    return Report(
        _invalid_head(false_claims, certificate, translate) if false_claims else _make_head(certificate, translate),
        language,
        [Figures(_list_figures(certificate, translate))],
        [
            _rehearsal_section(certificate.rehearsal, certificate.judged_and_total_counts, translate)
            if certificate.rehearsal
            else None,
            Section("looked-at", translate("Scope of the check"), None, _describe_checks(certificate, translate)),
            Section(
                "checks",
                translate("Checks"),
                translate("Checks that have not passed come first."),
                findings.checks(certificate, translate),
            ),
            Section(
                "waivers",
                translate("Accepted by name"),
                translate("Not proven, but accepted by a named person."),
                totals.accepted_classes(certificate, translate),
            ),
            Section(
                "classes",
                translate("Classes"),
                translate("Each object is in exactly one class."),
                [Detail(totals.classes(certificate, both_buckets, translate))],
            ),
            Section(
                "digests",
                translate("Digests"),
                translate(
                    "Sums of SHA-256 over keys and sizes: equal digests mean equal keys and sizes. Digests"
                    " detect accidents, not attacks."
                ),
                totals.digests(certificate, translate),
            ),
            Section(
                "sample",
                translate("Sample"),
                translate("Objects that were read completely in both buckets and compared."),
                totals.sample(certificate.sample, translate),
            ),
            comparison.folder_section(folders, translate),
            comparison.lag_section([Detail(lag_blocks)], translate),
            Section(
                "shown",
                translate("For information"),
                translate("These facts are not part of the verdict."),
                [Detail(totals.extra_facts(certificate, certificate.shown, translate))],
            ),
            Section(
                "document",
                translate("This document"),
                translate("How to verify this document."),
                _describe_document(document, certificate, file, translate),
            ),
        ],
        translate("Cutover certificate"),
        translate(UTC_NOTE, time=units.date_and_time(made_at)),
    )


def _invalid_head(false_claims: Sequence[Claim], certificate: Certificate | None, translate: Translator) -> ReportHead:
    """Return the head of the report on an invalid document, with a list of its false claims.

    `certificate` is None if the document does not have the form of a certificate.
    """
    claims = [
        (claim.text.of(translate.language), Span("note", Span("outside", claim.detail)) if claim.detail else None)
        for claim in false_claims
    ]
    word, verdict = (
        translate("NOT VALID"),
        translate(VERDICT_LABELS[certificate.verdict.value][0]) if certificate else translate("unknown"),
    )
    options: dict[str, object] = (
        {"frozen_since": "now"} if certificate and certificate.frozen_since else {"rehearse": True}
    )
    return ReportHead(
        word,
        "bad",
        translate(
            "Do not rely on this document. Its verdict is {verdict}, but these claims do not hold:", verdict=verdict
        ),
        StepBlock(translate("Make a new certificate:"), command(Step("cutover", options))),
        word,
        Items(claims),
    )


def _make_head(certificate: Certificate, translate: Translator) -> ReportHead:
    word, tone = VERDICT_LABELS[certificate.verdict.value]
    summary = summarize(certificate, certificate.checks, certificate.verdict, certificate.rehearsal)
    return ReportHead(
        translate(word), tone, translate(summary), findings.next_step(certificate, translate), certificate.verdict.value
    )


def _list_figures(certificate: Certificate, translate: Translator) -> list[Figure]:
    deleted_count = totals.count_class(certificate, ObjectClass.DELETED_AT_SOURCE.title)
    sides = [
        _bucket_figure(translate("Objects in the source"), certificate.source, None, translate),
        _bucket_figure(translate("Objects in OBS"), certificate.destination, deleted_count, translate),
    ]
    results = [check.result for check in certificate.checks if check.gates]
    passed_count, total = results.count(Result.PASSED), max(len(results), len(CHECKS) - 2)
    passed_text = translate("{number} of {total}", number=passed_count, total=total)
    return [
        *sides,
        Figure(translate("Checks passed"), passed_text),
        _freeze_figure(certificate, translate),
        _validity_figure(certificate, translate),
    ]


def _bucket_figure(
    label: str, listing_totals: ListingTotals | None, deleted_count: ObjectCount | None, translate: Translator
) -> Figure:
    """Return a figure of the objects and bytes in a bucket.

    `deleted_count` counts the objects among them that were deleted at the source.
    """
    size = units.size(listing_totals.bytes if listing_totals else None, translate)
    if deleted_count and deleted_count.objects:
        size = translate(
            "{size}, including {n:object|objects} deleted at the source", size=size, n=deleted_count.objects
        )
    return Figure(
        label,
        units.count(listing_totals.objects if listing_totals else None, translate),
        size,
        None if listing_totals else "open",
    )


def _freeze_figure(certificate: Certificate, translate: Translator) -> Figure:
    minutes = certificate.rehearsal.minutes.get("total") if certificate.rehearsal else None
    if minutes is not None:
        return Figure(
            translate("Freeze"), translate("about {duration:time}", duration=60 * minutes), translate(_ESTIMATE_NOTE)
        )
    if certificate.frozen_since is None:
        return Figure(
            translate("Writes stopped"), translate("none"), translate("not stopped, because this is a rehearsal")
        )
    return _time_figure(translate("Writes stopped"), certificate.frozen_since, "")


def _validity_figure(certificate: Certificate, translate: Translator) -> Figure:
    if certificate.as_of is None:
        return Figure(translate("As of"), translate("unknown"), None, "open")
    note = ""
    if certificate.frozen_since:
        seconds = (parse_timestamp(certificate.as_of) - parse_timestamp(certificate.frozen_since)).total_seconds()
        note = " · " + translate("{duration:time} into the freeze", duration=seconds)
    return _time_figure(translate("As of"), certificate.as_of, note)


def _time_figure(label: str, time_text: str, note: str) -> Figure:
    time = parse_timestamp(time_text)
    return Figure(label, Time(time_text, f"{time:%H:%M}", None), f"{time:%Y-%m-%d} UTC{note}")


def _rehearsal_section(
    rehearsal: Rehearsal, judged_and_total_counts: tuple[int, int], translate: Translator
) -> Section:
    """Return the section on a rehearsal: the expected length of each step, and the checks that would not pass.

    `judged_and_total_counts` are the number of objects that could be judged, and the number of all objects.
    """
    minutes = {name: rehearsal.minutes.get(name) for name in STEP_LABELS}
    total, (_, tone) = rehearsal.minutes.get("total"), VERDICT_LABELS[rehearsal.would_be.value]
    durations = {
        name: units.duration(None if minute is None else 60 * minute, translate) for name, minute in minutes.items()
    }
    total_time = units.duration(None if total is None else 60 * total, translate)
    parts = translate(", ").join(
        translate("{name} {number}", name=translate(STEP_LABELS[name]), number=durations[name]) for name in STEP_LABELS
    )
    # Two alternating tones separate the parts.
    tones = dict(zip(STEP_LABELS, ("way", "calm") * 4, strict=True))
    rows = [
        (
            (Span("swatch", tone=tones[name]), translate(STEP_LABELS[name])),
            Cell(durations[name], "" if minutes[name] else "nil"),
        )
        for name in STEP_LABELS
    ]
    label = translate("{total}: {parts}", total=total_time, parts=parts)
    picture = Picture(
        translate("Freeze"),
        total_time,
        Bar([Part(minutes[cutover_step] or 0, tones[cutover_step]) for cutover_step in STEP_LABELS], label),
    )
    success_text = translate("All checks would pass.")
    if judged_and_total_counts[0] < judged_and_total_counts[1]:
        success_text = translate(
            "All checks would pass; {judged} of {total:object|objects} could be judged.",
            judged=judged_and_total_counts[0],
            total=judged_and_total_counts[1],
        )
    adds_up = total is None or total == sum(minute or 0 for minute in minutes.values())
    failing_checks = [
        (Span("code", name), translate(": "), findings.check_title(name, translate)) for name in rehearsal.failing
    ]
    return Section(
        "rehearsal",
        translate("Length of the freeze"),
        translate(_ESTIMATE_NOTE),
        [
            Detail([picture]),
            Table(
                [Column(translate("step")), Column(translate("time"), "n")], rows, [(translate("total"), total_time)]
            ),
            None if adds_up else Paragraph(translate("The durations of the steps do not add up to the total."), "bad"),
            Heading(Span("mark", translate("Expected verdict: {verdict}", verdict=rehearsal.would_be.value), tone)),
            Paragraph((translate("Checks that would not pass"), translate(": ")) if failing_checks else success_text),
            Items(failing_checks) if failing_checks else None,
        ],
    )


def _describe_checks(certificate: Certificate, translate: Translator) -> Blocks:
    made_at = parse_timestamp(certificate.made)
    source, destination = (
        units.resource_name(certificate.source_bucket, translate),
        units.resource_name(certificate.destination_bucket, translate),
    )
    compare_pass, standstill = certificate.passes.compare, certificate.passes.standstill
    frozen_text = (
        units.time_with_age(certificate.frozen_since, made_at, translate)
        if certificate.frozen_since
        else translate("not stopped, because this is a rehearsal")
    )
    version = translate("version {version}", version=certificate.made_by.version)
    digest = (
        Span("below", translate("SHA-256 of the program's code")),
        " ",
        Span("digest", certificate.made_by.code_sha256),
    )
    # Time and key of the last write to the source.
    last_writes = [
        (units.time_with_age(last_written.at, made_at, translate), Span("below", Span("key", last_written.key)))
        for last_written in certificate.last_written or ()
    ]
    return [
        FactList(
            [
                (translate("source and destination"), (source, " → ", destination)),
                (translate("scope"), _describe_scope(certificate.scope, translate)),
                (translate("sync task"), units.resource_name(certificate.task, translate)),
                (translate("log bucket"), units.resource_name(certificate.log_bucket, translate)),
                (translate("writes stopped"), frozen_text),
                (
                    translate("comparison"),
                    _describe_pass(compare_pass, compare_pass.amended if compare_pass else None, translate),
                ),
                (translate("standstill pass"), _describe_pass(standstill, None, translate)),
                (translate("last write"), next(iter(last_writes), units.unknown_span(translate))),
                (translate("made at"), units.time_with_age(certificate.made, None, translate)),
                (translate("made by"), (Span("code", certificate.project), " ", version, digest)),
            ]
        )
    ]


def _describe_scope(scope: CertifiedScope, translate: Translator) -> Phrase:
    parts: list[Phrase] = []
    # The key is a separate part, because it is quoted.
    conditions = (
        (translate("prefix {prefix}", prefix=""), scope.prefix),
        (translate("suffix {suffix}", suffix=""), scope.suffix),
    )
    for name, value in conditions:
        if value:
            parts += [translate(", ") if parts else None, name, Span("key", value)]
    return parts or translate("the whole bucket")


def _describe_pass(certified_pass: CertifiedPass | None, recheck_time: str | None, translate: Translator) -> Phrase:
    if certified_pass is None:
        return Span("", translate("none"), "open")
    recheck_note = (
        Span(
            "below",
            translate("late objects rechecked at {time}", time=units.date_and_time(parse_timestamp(recheck_time))),
        )
        if recheck_time
        else None
    )
    return units.pass_times(
        certified_pass.started, certified_pass.ended, None, translate, certified_pass.objects_per_minute
    ), recheck_note


def file_name(document: Mapping[str, Any]) -> str:
    """Return the last part of the document's object key, under which the document is saved.

    A document whose key has another form gets the name `certificate.json`.
    """
    name = str(document["document"]).rpartition("/")[2]
    return name if re.fullmatch(r"[A-Za-z0-9-]+\.json", name) else "certificate.json"


def _describe_document(
    document: Mapping[str, Any], certificate: Certificate, file: Path | None, translate: Translator
) -> Blocks:
    computed_hash, stated_hash = document_hash(document), str(document.get("sha256"))
    result = Span("mark", translate("matches the document"), "good")
    if stated_hash != computed_hash:
        result = Span("mark", translate("does not match the document"), "bad")
    return [
        FactList(
            [
                (translate("stored as"), Span("key", certificate.document)),
                (translate("SHA-256"), (Span("digest", stated_hash), " ", result)),
            ]
        ),
        Paragraph(translate("To verify this document, alone or against your own listings of both buckets:")),
        CommandBlock(f"{interpreter()} ops.py check {quote_word(str(file or file_name(document)))}"),
        Detail(
            [
                Paragraph(
                    translate(
                        "To check the hash with any other tool, compute the SHA-256 of the JSON document"
                        " without its field “sha256”, in ASCII, with sorted names and no spaces outside strings."
                        " The hash detects damage, not forgery."
                    ),
                    "note",
                )
            ]
        ),
    ]
