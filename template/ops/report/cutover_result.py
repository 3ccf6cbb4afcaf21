"""The answer of certify: the certificate of a cutover or of its rehearsal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.certificate.check import FORM_DOUBT, doubts, read_certificate
from ops.certificate.form import Doubt as Doubt
from ops.clock import moment
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
    Hero,
    Items,
    Paragraph,
    Part,
    Phrase,
    Picture,
    Report,
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
    sha256,
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
_ESTIMATE_NOTE = t("Based on the durations of the passes.")


def report(document: Mapping[str, Any], language: str, file: Path | None = None) -> Report:
    """Return the report on `document`, the answer of certify, in "en" or "zh".

    A changed document, or a verdict that contradicts its checks, is not valid; a document in another form is only
    reported as such. `file`: its path, if known.
    """
    translate, certificate, wrong = Translator(language), read_certificate(document), doubts(document)
    if certificate is None:
        stated = (
            _not_valid(wrong or [FORM_DOUBT], None, translate)
            if document
            else Hero(translate("UNKNOWN"), "calm", "", None)
        )
        return Report(stated, language, [], (), translate("Cutover certificate"))
    both, lag, made = certificate.counted, certificate.shown.lag, moment(certificate.made)
    folders = (
        comparison.folders(both, translate)
        if both
        else Paragraph(translate("The contents of the folders are unknown."), "open")
    )
    compared = certificate.passes.compare
    late = (
        comparison.lag(lag, compared.amended if compared else None, translate)
        if lag
        else [Paragraph(translate("unknown"), "open")]
    )
    return Report(
        _not_valid(wrong, certificate, translate) if wrong else _hero(certificate, translate),
        language,
        [Figures(_figures(certificate, translate))],
        [
            _rehearsal(certificate.rehearsal, certificate.judged, translate) if certificate.rehearsal else None,
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
                [Detail(totals.classes(certificate, both, translate))],
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
                translate("Objects read completely on both sides and compared."),
                totals.sample(certificate.sample, translate),
            ),
            comparison.folder_section(folders, translate),
            comparison.lag_section([Detail(late)], translate),
            Section(
                "shown",
                translate("Shown, not judged"),
                translate("Not part of the verdict."),
                [Detail(totals.not_judged(certificate, certificate.shown, translate))],
            ),
            Section(
                "document",
                translate("This document"),
                translate("Verification of this document."),
                _document(document, certificate, file, translate),
            ),
        ],
        translate("Cutover certificate"),
        translate(UTC_NOTE, time=units.clock(made)),
    )


def _not_valid(wrong: Sequence[Doubt], certificate: Certificate | None, translate: Translator) -> Hero:
    """List the false claims."""
    listed = [
        (doubt.claim.of(translate.language), Span("note", Span("outside", doubt.detail)) if doubt.detail else None)
        for doubt in wrong
    ]
    word, claim = (
        translate("NOT VALID"),
        translate(VERDICT_LABELS[certificate.verdict.value][0]) if certificate else translate("unknown"),
    )
    when: dict[str, object] = (
        {"frozen_since": "now"} if certificate and certificate.frozen_since else {"rehearse": True}
    )
    return Hero(
        word,
        "bad",
        translate(
            "Do not rely on this document. Its verdict is {verdict}, but these claims do not hold:", verdict=claim
        ),
        StepBlock(translate("Make a new certificate:"), command(Step("cutover", when))),
        word,
        Items(listed),
    )


def _hero(certificate: Certificate, translate: Translator) -> Hero:
    word, tone = VERDICT_LABELS[certificate.verdict.value]
    summary = summarize(certificate, certificate.checks, certificate.verdict, certificate.rehearsal)
    return Hero(
        translate(word), tone, translate(summary), findings.next_step(certificate, translate), certificate.verdict.value
    )


def _figures(certificate: Certificate, translate: Translator) -> list[Figure]:
    gone = totals.of_class(certificate, ObjectClass.DELETED_AT_SOURCE.title)
    sides = [
        _bucket(translate("In the source"), certificate.source, None, translate),
        _bucket(translate("In OBS"), certificate.destination, gone, translate),
    ]
    results = [check.result for check in certificate.checks if check.gates]
    passed, total = results.count(Result.PASSED), max(len(results), len(CHECKS) - 2)
    of_all = translate("{number} of {total}", number=passed, total=total)
    return [
        *sides,
        Figure(translate("Checks passed"), of_all),
        _freeze(certificate, translate),
        _as_of(certificate, translate),
    ]


def _bucket(label: str, listed: ListingTotals | None, gone: ObjectCount | None, translate: Translator) -> Figure:
    """Return the objects of a bucket. `gone`: the objects deleted at the source."""
    size = units.size(listed.bytes if listed else None, translate)
    if gone and gone.objects:
        size = translate("{size}, {n:object|objects} deleted at the source", size=size, n=gone.objects)
    return Figure(label, units.count(listed.objects if listed else None, translate), size, None if listed else "open")


def _freeze(certificate: Certificate, translate: Translator) -> Figure:
    """Return the start of the freeze, or the expected length of a rehearsed freeze."""
    minutes = certificate.rehearsal.minutes.get("total") if certificate.rehearsal else None
    if minutes is not None:
        return Figure(
            translate("Freeze"), translate("about {duration:time}", duration=60 * minutes), translate(_ESTIMATE_NOTE)
        )
    if certificate.frozen_since is None:
        return Figure(translate("Writes stopped"), translate("none"), translate("not stopped: a rehearsal"))
    return _at(translate("Writes stopped"), certificate.frozen_since, "")


def _as_of(certificate: Certificate, translate: Translator) -> Figure:
    """Return the time to which the document's claims apply."""
    if certificate.as_of is None:
        return Figure(translate("As of"), translate("unknown"), None, "open")
    note = ""
    if certificate.frozen_since:
        into = (moment(certificate.as_of) - moment(certificate.frozen_since)).total_seconds()
        note = " · " + translate("{duration:time} into the freeze", duration=into)
    return _at(translate("As of"), certificate.as_of, note)


def _at(label: str, time_text: str, note: str) -> Figure:
    """Return a time of the document as a figure."""
    at = moment(time_text)
    return Figure(label, Time(time_text, f"{at:%H:%M}", None), f"{at:%Y-%m-%d} UTC{note}")


def _rehearsal(rehearsal: Rehearsal, judged: tuple[int, int], translate: Translator) -> Section:
    """Return the expected length of each step of the freeze, and the checks that would not pass."""
    minutes = {name: rehearsal.minutes.get(name) for name in STEP_LABELS}
    total, (_, tone) = rehearsal.minutes.get("total"), VERDICT_LABELS[rehearsal.would_be.value]
    long = {
        name: units.duration(None if minute is None else 60 * minute, translate) for name, minute in minutes.items()
    }
    whole_freeze = units.duration(None if total is None else 60 * total, translate)
    parts = translate(", ").join(
        translate("{name} {number}", name=translate(STEP_LABELS[name]), number=long[name]) for name in STEP_LABELS
    )
    # Two alternating tones separate the parts.
    tones = dict(zip(STEP_LABELS, ("way", "calm") * 4, strict=True))
    body = [
        (
            (Span("swatch", tone=tones[name]), translate(STEP_LABELS[name])),
            Cell(long[name], "" if minutes[name] else "nil"),
        )
        for name in STEP_LABELS
    ]
    label = translate("{total}: {parts}", total=whole_freeze, parts=parts)
    picture = Picture(
        translate("Freeze"),
        whole_freeze,
        Bar([Part(minutes[cutover_step] or 0, tones[cutover_step]) for cutover_step in STEP_LABELS], label),
    )
    well = translate("All checks would pass.")
    if judged[0] < judged[1]:
        well = translate(
            "All checks would pass, as far as {judged} of {total:object|objects} could be judged.",
            judged=judged[0],
            total=judged[1],
        )
    adds_up = total is None or total == sum(minute or 0 for minute in minutes.values())
    failing = [(Span("code", name), translate(": "), findings.name_of(name, translate)) for name in rehearsal.failing]
    return Section(
        "rehearsal",
        translate("Length of the freeze"),
        translate(_ESTIMATE_NOTE),
        [
            Detail([picture]),
            Table(
                [Column(translate("step")), Column(translate("time"), "n")], body, [(translate("total"), whole_freeze)]
            ),
            None if adds_up else Paragraph(translate("The steps do not add up to the total."), "bad"),
            Heading(Span("mark", translate("Would be {verdict}", verdict=rehearsal.would_be.value), tone)),
            Paragraph((translate("Would not pass"), translate(": ")) if failing else well),
            Items(failing) if failing else None,
        ],
    )


def _describe_checks(certificate: Certificate, translate: Translator) -> Blocks:
    made = moment(certificate.made)
    source, destination = (
        units.name(certificate.source_bucket, translate),
        units.name(certificate.destination_bucket, translate),
    )
    compared, still = certificate.passes.compare, certificate.passes.standstill
    frozen = (
        units.time(certificate.frozen_since, made, translate)
        if certificate.frozen_since
        else translate("not stopped: a rehearsal")
    )
    version = translate("version {version}", version=certificate.made_by.version)
    digest = (Span("below", translate("SHA-256 of its code")), " ", Span("digest", certificate.made_by.code_sha256))
    # Time and key of the last write to the source.
    last = [
        (units.time(last_written.at, made, translate), Span("below", Span("key", last_written.key)))
        for last_written in certificate.last_written or ()
    ]
    return [
        FactList(
            [
                (translate("from and to"), (source, " → ", destination)),
                (translate("scope"), _scope(certificate.scope, translate)),
                (translate("sync task"), units.name(certificate.task, translate)),
                (translate("log bucket"), units.name(certificate.log_bucket, translate)),
                (translate("writes stopped"), frozen),
                (translate("comparison"), _pass(compared, compared.amended if compared else None, translate)),
                (translate("standstill pass"), _pass(still, None, translate)),
                (translate("last write"), next(iter(last), units.unknown(translate))),
                (translate("made"), units.time(certificate.made, None, translate)),
                (translate("made by"), (Span("code", certificate.project), " ", version, digest)),
            ]
        )
    ]


def _scope(scope: CertifiedScope, translate: Translator) -> Phrase:
    parts: list[Phrase] = []
    # The key is a separate part, because it is quoted.
    named = (
        (translate("prefix {prefix}", prefix=""), scope.prefix),
        (translate("suffix {suffix}", suffix=""), scope.suffix),
    )
    for name, value in named:
        if value:
            parts += [translate(", ") if parts else None, name, Span("key", value)]
    return parts or translate("the whole bucket")


def _pass(certified_pass: CertifiedPass | None, amended: str | None, translate: Translator) -> Phrase:
    """Return the times and the speed of a pass."""
    if certified_pass is None:
        return Span("", translate("none"), "open")
    again = (
        Span("below", translate("late objects rechecked at {time}", time=units.clock(moment(amended))))
        if amended
        else None
    )
    return units.pass_times(
        certified_pass.started, certified_pass.ended, None, translate, certified_pass.objects_per_minute
    ), again


def file_name(document: Mapping[str, Any]) -> str:
    """Return the document's name in the log bucket, without its folders."""
    name = str(document["document"]).rpartition("/")[2]
    return name if re.fullmatch(r"[A-Za-z0-9-]+\.json", name) else "certificate.json"


def _document(
    document: Mapping[str, Any], certificate: Certificate, file: Path | None, translate: Translator
) -> Blocks:
    made, stated = sha256(document), str(document.get("sha256"))
    result = Span("mark", translate("agrees with the document"), "good")
    if stated != made:
        result = Span("mark", translate("does not agree with the document"), "bad")
    return [
        FactList(
            [
                (translate("stored as"), Span("key", certificate.document)),
                (translate("SHA-256"), (Span("digest", stated), " ", result)),
            ]
        ),
        Paragraph(translate("To verify the document, also against two listings of yours:")),
        CommandBlock(f"{interpreter()} ops.py check {quote_word(str(file or file_name(document)))}"),
        Detail(
            [
                Paragraph(
                    translate(
                        "With any other tool: the SHA-256 of the JSON document without “sha256”, in ASCII, its names"
                        " sorted, without spaces. It detects damage, not forgery."
                    ),
                    "note",
                )
            ]
        ),
    ]
