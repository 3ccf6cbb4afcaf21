"""The answer of certify: the certificate of a cutover, or a rehearsal of one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.certificate.check import NO_FORM, doubts
from ops.certificate.counts import Doubt as Doubt
from ops.certificate.form import CHECKS, sha256
from ops.clock import moment
from ops.errors import UntrustedError
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
from ops.report.words import CUTOVER_STEPS, UTC, Words
from ops.shell import command, interpreter, quoted
from oss_oms_sync.answers import step
from oss_oms_sync.answers.certificate import (
    Certificate,
    CertifiedPass,
    CertifiedScope,
    Rehearsal,
)
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import ListingTotals, ObjectCount
from oss_oms_sync.answers.step import Result
from oss_oms_sync.answers.text import t

# Exit codes.
CODES = {"GO": 0, "NO-GO": 1, "NOT PROVEN": 3}
VERDICTS = {
    "GO": (t("GO"), "good"),
    "NO-GO": (t("NO-GO"), "bad"),
    "NOT PROVEN": (t("NOT PROVEN"), "open"),
    "REHEARSAL": (t("REHEARSAL"), "way"),
}
_MEASURED = t("From the times that the passes took.")


def report(document: Mapping[str, Any], language: str, file: Path | None = None) -> Report:
    """`document` is what certify answers; `language` is "en" or "zh". One that was changed, or whose verdict does not
    rest on its checks, is not valid; of one that has another form nothing else is said. `file`: where it is written, if
    that is known."""
    say, found, wrong = Words(language), read(document), doubts(document)
    if found is None:
        stated = _not_valid(wrong or [NO_FORM], None, say) if document else Hero(say("NOT KNOWN"), "calm", "", None)
        return Report(stated, language, [], (), say("Cutover certificate"))
    both, lag, made = found.counted, found.shown.lag, moment(found.made)
    folders = comparison.folders(both, say) if both else Paragraph(say("What is in which folder is not known."), "open")
    compared = found.passes.compare
    late = (
        comparison.lag(lag, compared.amended if compared else None, say)
        if lag
        else [Paragraph(say("not known"), "open")]
    )
    return Report(
        _not_valid(wrong, found, say) if wrong else _hero(found, say),
        language,
        [Figures(_figures(found, say))],
        [
            _rehearsal(found.rehearsal, found.judged, say) if found.rehearsal else None,
            Section("looked-at", say("What was looked at"), None, _looked_at(found, say)),
            Section(
                "checks",
                say("Checks"),
                say("What has not passed comes first. What certify saw and wants is in its own words."),
                findings.checks(found, say),
            ),
            Section(
                "waivers",
                say("Accepted by name"),
                say("Not proven, and somebody answers for it."),
                totals.waivers(found, say),
            ),
            Section(
                "classes",
                say("Classes"),
                say("Each object is in exactly one."),
                [Detail(totals.classes(found, both, say))],
            ),
            Section(
                "digests",
                say("Digests"),
                say(
                    "Sums of SHA-256 over keys and sizes: equal digests mean equal keys and sizes. They guard against"
                    " accidents, not against an adversary."
                ),
                totals.digests(found, say),
            ),
            Section(
                "sample",
                say("Sample"),
                say("Read wholly on both sides, and compared."),
                totals.sample(found.sample, say),
            ),
            comparison.folder_section(folders, say),
            comparison.lag_section([Detail(late)], say),
            Section(
                "shown",
                say("Shown, not judged"),
                say("It does not change the verdict."),
                [Detail(totals.not_judged(found, found.shown, say))],
            ),
            Section("document", say("This document"), say("How to check it."), _document(document, found, file, say)),
        ],
        say("Cutover certificate"),
        say(UTC, time=units.clock(made)),
    )


def read(document: Mapping[str, Any]) -> Certificate | None:
    """The document as certify makes it; None if it has another form."""
    try:
        found = from_json(Certificate, document)
        compared, closed = found.passes.compare, found.closed
        judged, closed_since = compared.amended if compared else None, closed.since if closed else None
        for time in filter(None, (found.made, found.as_of, found.frozen_since, judged, closed_since)):
            moment(time)
    except ValueError:  # UnreadableError is one, too
        return None
    return found


def exit_code(document: Mapping[str, Any]) -> int:
    """Return 0 for GO, 1 for NO-GO, 3 for NOT PROVEN, of a rehearsal what it would be; 4 for a document that is not
    sound."""
    found = read(document)
    if found is None or doubts(document):
        return UntrustedError.exit_code
    return CODES[(found.rehearsal.would_be if found.rehearsal else found.verdict).value]


def _not_valid(wrong: Sequence[Doubt], found: Certificate | None, say: Words) -> Hero:
    """Which of what has to hold does not."""
    listed = [
        (one.claim.of(say.language), Span("note", Span("outside", one.seen)) if one.seen else None) for one in wrong
    ]
    word, claim = say("NOT VALID"), say(VERDICTS[found.verdict.value][0]) if found else say("not known")
    when: dict[str, object] = {"frozen_since": "now"} if found and found.frozen_since else {"rehearse": True}
    return Hero(
        word,
        "bad",
        say("Do not rely on this document. It says {verdict}, but this does not hold:", verdict=claim),
        StepBlock(say("Make a new certificate:"), command(step.Step("cutover", when))),
        word,
        Items(listed),
    )


def _hero(found: Certificate, say: Words) -> Hero:
    word, tone = VERDICTS[found.verdict.value]
    return Hero(say(word), tone, say(found.said), findings.following(found, say), found.verdict.value)


def _figures(found: Certificate, say: Words) -> list[Figure]:
    gone = totals.of_class(found, ObjectClass.DELETED_AT_SOURCE.title)
    sides = [
        _bucket(say("In the source"), found.source, None, say),
        _bucket(say("In OBS"), found.destination, gone, say),
    ]
    results = [one.result for one in found.checks if one.gates]
    passed, total = results.count(Result.PASSED), max(len(results), len(CHECKS) - 2)
    of_all = say("{number} of {total}", number=passed, total=total)
    return [*sides, Figure(say("Checks passed"), of_all), _freeze(found, say), _as_of(found, say)]


def _bucket(label: str, listed: ListingTotals | None, gone: ObjectCount | None, say: Words) -> Figure:
    """Return the objects of a bucket. `gone`: those of them that are not in the source any more."""
    size = units.size(listed.bytes if listed else None, say)
    if gone and gone.objects:
        size = say("{size}, {n:object|objects} deleted at the source", size=size, n=gone.objects)
    return Figure(label, units.count(listed.objects if listed else None, say), size, None if listed else "open")


def _freeze(found: Certificate, say: Words) -> Figure:
    """Since when writes are stopped, or how long they will be."""
    minutes = found.rehearsal.minutes.get("total") if found.rehearsal else None
    if minutes is not None:
        return Figure(say("Freeze"), say("about {duration:time}", duration=60 * minutes), say(_MEASURED))
    if found.frozen_since is None:
        return Figure(say("Writes stopped"), say("none"), say("not stopped: a rehearsal"))
    return _at(say("Writes stopped"), found.frozen_since, "")


def _as_of(found: Certificate, say: Words) -> Figure:
    """As of when the document says what it says."""
    if found.as_of is None:
        return Figure(say("As of"), say("not known"), None, "open")
    note = ""
    if found.frozen_since:
        into = (moment(found.as_of) - moment(found.frozen_since)).total_seconds()
        note = " · " + say("{duration:time} into the freeze", duration=into)
    return _at(say("As of"), found.as_of, note)


def _at(label: str, given: str, note: str) -> Figure:
    """A time of the document as a figure."""
    at = moment(given)
    return Figure(label, Time(given, f"{at:%H:%M}", None), f"{at:%Y-%m-%d} UTC{note}")


def _rehearsal(given: Rehearsal, judged: tuple[int, int], say: Words) -> Section:
    """How long the freeze will last, step by step, and what would not pass."""
    minutes = {name: given.minutes.get(name) for name in CUTOVER_STEPS}
    total, (_, tone) = given.minutes.get("total"), VERDICTS[given.would_be.value]
    long = {name: units.duration(None if one is None else 60 * one, say) for name, one in minutes.items()}
    whole_freeze = units.duration(None if total is None else 60 * total, say)
    parts = say(", ").join(
        say("{name} {number}", name=say(CUTOVER_STEPS[name]), number=long[name]) for name in CUTOVER_STEPS
    )
    # Two in turn, so that the parts can be told apart.
    tones = dict(zip(CUTOVER_STEPS, ("way", "calm") * 4, strict=True))
    body = [
        ((Span("swatch", tone=tones[name]), say(CUTOVER_STEPS[name])), Cell(long[name], "" if minutes[name] else "nil"))
        for name in CUTOVER_STEPS
    ]
    label = say("{total}: {parts}", total=whole_freeze, parts=parts)
    picture = Picture(
        say("Freeze"), whole_freeze, Bar([Part(minutes[one] or 0, tones[one]) for one in CUTOVER_STEPS], label)
    )
    well = say("All checks would pass.")
    if judged[0] < judged[1]:
        well = say(
            "All checks would pass, as far as {judged} of {total:object|objects} could be judged.",
            judged=judged[0],
            total=judged[1],
        )
    adds_up = total is None or total == sum(one or 0 for one in minutes.values())
    failing = [(findings.name_of(name, say), " ", Span("code", name)) for name in given.failing]
    return Section(
        "rehearsal",
        say("How long writes will stand still"),
        say(_MEASURED),
        [
            Detail([picture]),
            Table([Column(say("step")), Column(say("time"), "n")], body, [(say("total"), whole_freeze)]),
            None if adds_up else Paragraph(say("The steps do not add up to the total."), "bad"),
            Heading(Span("mark", say("Would be {verdict}", verdict=given.would_be.value), tone)),
            Paragraph((say("Would not pass"), say(": ")) if failing else well),
            Items(failing) if failing else None,
        ],
    )


def _looked_at(found: Certificate, say: Words) -> Blocks:
    made = moment(found.made)
    source, destination = units.name(found.source_bucket, say), units.name(found.destination_bucket, say)
    compared, still = found.passes.compare, found.passes.standstill
    frozen = units.time(found.frozen_since, made, say) if found.frozen_since else say("not stopped: a rehearsal")
    version = say("version {version}", version=found.made_by.version)
    digest = (Span("below", say("SHA-256 of its code")), " ", Span("digest", found.made_by.code_sha256))
    # When the source was last written to, and which object.
    last = [(units.time(one.at, made, say), Span("below", Span("key", one.key))) for one in found.last_written or ()]
    return [
        FactList(
            [
                (say("from and to"), (source, " → ", destination)),
                (say("scope"), _scope(found.scope, say)),
                (say("sync task"), units.name(found.task, say)),
                (say("log bucket"), units.name(found.log_bucket, say)),
                (say("writes stopped"), frozen),
                (say("comparison"), _pass(compared, compared.amended if compared else None, say)),
                (say("standstill pass"), _pass(still, None, say)),
                (say("last write"), next(iter(last), units.not_known(say))),
                (say("made"), units.time(found.made, None, say)),
                (say("made by"), (Span("code", found.project), " ", version, digest)),
            ]
        )
    ]


def _scope(scope: CertifiedScope, say: Words) -> Phrase:
    parts: list[Phrase] = []
    # The key is put in afterwards, because it is quoted.
    named = (say("prefix {prefix}", prefix=""), scope.prefix), (say("suffix {suffix}", suffix=""), scope.suffix)
    for name, value in named:
        if value:
            parts += [say(", ") if parts else None, name, Span("key", value)]
    return parts or say("the whole bucket")


def _pass(given: CertifiedPass | None, amended: str | None, say: Words) -> Phrase:
    """When a pass took place, and how fast it was."""
    if given is None:
        return Span("", say("there is none"), "open")
    again = Span("below", say("late keys judged again {time}", time=units.clock(moment(amended)))) if amended else None
    return units.ran(given.started, given.ended, None, say, given.objects_per_minute), again


def file_name(document: Mapping[str, Any]) -> str:
    """The name that the document has in the log bucket, without its folders."""
    name = str(document["document"]).rpartition("/")[2]
    return name if re.fullmatch(r"[A-Za-z0-9-]+\.json", name) else "certificate.json"


def _document(document: Mapping[str, Any], found: Certificate, file: Path | None, say: Words) -> Blocks:
    made, stated = sha256(document), str(document.get("sha256"))
    result = Span("mark", say("agrees with the document"), "good")
    if stated != made:
        result = Span("mark", say("does not agree with the document"), "bad")
    return [
        FactList(
            [
                (say("stored as"), Span("key", found.document)),
                (say("SHA-256"), (Span("digest", stated), " ", result)),
            ]
        ),
        Paragraph(say("This checks it, and its digests against two listings of yours:")),
        CommandBlock(f"{interpreter()} ops.py check {quoted(str(file or file_name(document)))}"),
        Detail(
            [
                Paragraph(
                    say(
                        "With any other tool: the SHA-256 of the JSON document without “sha256”, in ASCII, its names"
                        " sorted, without spaces. It detects damage, not forgery."
                    ),
                    "note",
                )
            ]
        ),
    ]
