"""The answer of certify: the certificate of a cutover, or a rehearsal of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.certificates import CHECKS, NOT_COUNTED, sha256
from ops.check import NO_FORM, doubts
from ops.commands import command, interpreter
from ops.report import comparison, counted, units
from ops.report.blocks import (
    Bar,
    Block,
    Cell,
    Column,
    Command,
    Detail,
    Facts,
    Figure,
    Figures,
    Finding,
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
    Step,
    Table,
    Time,
    keys,
)
from ops.report.words import Words
from oss_oms_sync.answers import finding, step
from oss_oms_sync.answers.certificate import (
    Certificate,
    CertifiedPass,
    CertifiedScope,
    CutoverVerdict,
    Rehearsal,
)
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.finding import Result

# Exit codes.
CODES = {"GO": 0, "NO-GO": 1, "NOT PROVEN": 3}
VERDICTS = {"GO": "good", "NO-GO": "bad", "NOT PROVEN": "open", "REHEARSAL": "way"}
# Results, the worst first: their words and tones.
_RESULTS = {
    Result.FAILED: ("result failed", "bad"),
    Result.NOT_PROVEN: ("not proven", "open"),
    Result.NOT_RUN: ("not run", "calm"),
    Result.PASSED: ("passed", "good"),
}
_STEPS = ("replay", "settle", "compare", "again", "close", "oms", "standstill", "sample")
_CUTOVER = step.Step("cutover")


def report(document: Mapping[str, Any], language: str) -> Report:
    """`document` is what certify answers; `language` is "en" or "zh". One that was changed, or whose verdict does not
    rest on its checks, is not valid; of one that has another form nothing else is said."""
    say, found = Words(language), read(document)
    if found is None:
        stated = _not_valid(document, None, say) if document else Hero(say("verdict not known"), "calm", "", None)
        return Report(stated, language, [], (), say("certificate"))
    both, lag, made = found.counted, found.shown.lag, units.moment(found.made)
    folders = comparison.folders(both, NOT_COUNTED, say) if both else Paragraph(say("folders not known"), "open")
    late = comparison.lag(lag, say) if lag else [Paragraph(say("not known"), "open")]
    return Report(
        _not_valid(document, found, say) if doubts(document) else _hero(found, say),
        language,
        [Figures(_figures(found, say))],
        [
            _rehearsal(found.rehearsal, say) if found.rehearsal else None,
            Section("looked-at", say("looked at"), None, _looked_at(found, say)),
            Section("checks", say("checks"), say("checks note"), _checks(found, say)),
            Section("waivers", say("waivers"), say("waivers note"), counted.waivers(found, say)),
            Section("classes", say("classes"), say("classes note"), [Detail(counted.classes(found, both, say))]),
            Section("digests", say("digests"), say("digests note"), counted.digests(found, say)),
            Section("sample", say("sample"), say("sample note"), counted.sample(found.sample, say)),
            Section("folders", say("folders"), say("folders note"), [Detail([folders])]),
            Section("lag", say("lag"), say("lag note"), [Detail(late)]),
            Section("shown", say("shown"), say("shown note"), [Detail(counted.not_judged(found, found.shown, say))]),
            Section("document", say("the document"), say("the document note"), _document(document, found, say)),
        ],
        say("certificate"),
        say("utc", time=units.clock(made)),
    )


def read(document: Mapping[str, Any]) -> Certificate | None:
    """The document as certify makes it; None if it has another form."""
    try:
        found = from_json(Certificate, document)
        compared, closed = found.passes.compare, found.closed
        judged, closed_since = compared.amended if compared else None, closed.since if closed else None
        for time in filter(None, (found.made, found.as_of, found.frozen_since, judged, closed_since)):
            units.moment(time)
    except ValueError:  # UnreadableError is one, too
        return None
    return found


def exit_code(document: Mapping[str, Any]) -> int:
    """0 for GO, 1 for NO-GO and for what is not sound, 3 for NOT PROVEN; of a rehearsal what it would be."""
    found = read(document)
    if found is None or doubts(document):
        return 1
    return CODES[(found.rehearsal.would_be if found.rehearsal else found.verdict).value]


def _not_valid(document: Mapping[str, Any], found: Certificate | None, say: Words) -> Hero:
    """Which of what has to hold does not."""
    listed = [
        (one.claim.of(say.language), Span("note", Span("outside", one.seen)) if one.seen else None)
        for one in doubts(document) or [NO_FORM]
    ]
    word, claim = say("verdict not valid"), say(f"verdict {found.verdict.value}") if found else say("not known")
    anew = Step(say("advise new"), command(_CUTOVER))
    return Hero(word, "bad", say("not valid", verdict=claim), anew, word, Items(listed))


def _hero(found: Certificate, say: Words) -> Hero:
    verdict = found.verdict.value
    lead = found.said.of(say.language)
    return Hero(say(f"verdict {verdict}"), VERDICTS[verdict], lead, _next(found, say), verdict)


def _next(found: Certificate, say: Words) -> Step:
    if found.verdict is CutoverVerdict.GO:
        return Step(say("advise closed"))
    # What failed comes before what was not looked at.
    for one in _by_result(found):
        if one.gates and one.result is not Result.PASSED and one.next.en:
            return Step(one.next.of(say.language), command(one.step))
    return Step(say("advise cutover"), command(_CUTOVER))


def _by_result(found: Certificate) -> list[finding.Finding]:
    """The checks, the worst first, and otherwise in their order; one with a result that is not known here is bad."""
    order = [*_RESULTS]
    return sorted(found.checks, key=lambda one: order.index(one.result) if one.result in order else 0)


def _figures(found: Certificate, say: Words) -> list[Figure]:
    sides = [
        Figure(
            say(title),
            units.count(side.objects if side else None, say),
            units.size(side.bytes if side else None, say),
            None if side else "open",
        )
        for title, side in (("source holds", found.source), ("destination holds", found.destination))
    ]
    checks = [one for one in found.checks if one.gates]
    passed = sum(one.result is Result.PASSED for one in checks)
    of_all = say("of", number=passed, total=max(len(checks), len(CHECKS) - 2))
    return [*sides, Figure(say("checks passed"), of_all), _freeze(found, say), _as_of(found, say)]


def _freeze(found: Certificate, say: Words) -> Figure:
    """Since when writes are stopped, or how long they will be."""
    minutes = found.rehearsal.minutes.get("total") if found.rehearsal else None
    if minutes is not None:
        return Figure(say("freeze"), say("freeze about", duration=60 * minutes), say("rehearsal note"))
    if found.frozen_since is None:
        return Figure(say("frozen"), say("none"), say("not frozen"))
    return _at(say("frozen"), found.frozen_since, "")


def _as_of(found: Certificate, say: Words) -> Figure:
    """As of when the document says what it says."""
    if found.as_of is None:
        return Figure(say("as of"), say("not known"), None, "open")
    note = ""
    if found.frozen_since:
        into = (units.moment(found.as_of) - units.moment(found.frozen_since)).total_seconds()
        note = " · " + say("frozen after", duration=into)
    return _at(say("as of"), found.as_of, note)


def _at(label: str, given: str, note: str) -> Figure:
    """A time of the document as a figure."""
    at = units.moment(given)
    return Figure(label, Time(given, f"{at:%H:%M}", None), f"{at:%Y-%m-%d} UTC{note}")


def _rehearsal(given: Rehearsal, say: Words) -> Section:
    """How long the freeze will last, step by step, and what would not pass."""
    minutes = {name: given.minutes.get(name) for name in _STEPS}
    total, verdict = given.minutes.get("total"), given.would_be.value
    long = {name: units.duration(None if one is None else 60 * one, say) for name, one in minutes.items()}
    whole_freeze = units.duration(None if total is None else 60 * total, say)
    parts = say("comma").join(say("bar part", name=say(f"step {name}"), number=long[name]) for name in _STEPS)
    # Two in turn, so that the parts can be told apart.
    tones = dict(zip(_STEPS, ("way", "calm") * len(_STEPS), strict=False))
    body = [
        ((Span("swatch", tone=tones[name]), say(f"step {name}")), Cell(long[name], "" if minutes[name] else "nil"))
        for name in _STEPS
    ]
    label = say("freeze bar", total=whole_freeze, parts=parts)
    picture = Picture(say("freeze"), whole_freeze, Bar([Part(minutes[one] or 0, tones[one]) for one in _STEPS], label))
    adds_up = total == sum(one or 0 for one in minutes.values())
    failing = [(_check_name(name, say), " ", Span("code", name)) for name in given.failing]
    return Section(
        "rehearsal",
        say("rehearsal"),
        say("rehearsal note"),
        [
            Detail([picture]),
            Table([Column(say("step")), Column(say("time taken"), "n")], body, [(say("total"), whole_freeze)]),
            None if adds_up else Paragraph(say("steps do not add up"), "bad"),
            Heading(Span("mark", say("would be", verdict=say(f"verdict {verdict}")), VERDICTS[verdict])),
            Paragraph((say("would fail"), say("colon")) if failing else say("would fail none")),
            Items(failing) if failing else None,
        ],
    )


def _looked_at(found: Certificate, say: Words) -> list[Block]:
    made = units.moment(found.made)
    source, destination = units.name(found.source_bucket, say), units.name(found.destination_bucket, say)
    compared, still = found.passes.compare, found.passes.standstill
    frozen = units.time(found.frozen_since, made, say) if found.frozen_since else say("not frozen")
    # When the source was last written to, and which object.
    last = [(units.time(one.at, made, say), Span("below", Span("key", one.key))) for one in found.last_written or ()]
    return [
        Facts(
            [
                (say("buckets"), (source, " → ", destination)),
                (say("scope"), _scope(found.scope, say)),
                (say("task"), units.name(found.task, say)),
                (say("log bucket"), units.name(found.log_bucket, say)),
                (say("frozen since"), frozen),
                (say("compared"), _pass(compared, compared.amended if compared else None, say)),
                (say("stood still"), _pass(still, None, say)),
                (say("written last"), next(iter(last), units.not_known(say))),
                (say("made"), units.time(found.made, None, say)),
                (say("made by"), _maker(found, say)),
            ]
        )
    ]


def _scope(scope: CertifiedScope, say: Words) -> Phrase:
    parts: list[Phrase] = []
    for name, value in (("prefix", scope.prefix), ("suffix", scope.suffix)):
        if value:
            # The key is put in afterwards, because it is quoted.
            parts += [say("comma") if parts else None, say(name, **{name: ""}), Span("key", value)]
    return parts or say("everything")


def _pass(given: CertifiedPass | None, amended: str | None, say: Words) -> Phrase:
    """When a pass took place, and how fast it was."""
    if given is None:
        return Span("", say("no such pass"), "open")
    again = Span("below", say("amended", time=units.clock(units.moment(amended)))) if amended else None
    return units.ran(given.started, given.ended, None, say, given.objects_per_minute), again


def _maker(found: Certificate, say: Words) -> Phrase:
    return (
        Span("code", found.project),
        " ",
        say("version", version=found.made_by.version),
        Span("below", say("code hash")),
        " ",
        Span("digest", found.made_by.code_sha256),
    )


def _check_name(name: str, say: Words) -> str:
    return say(f"check {name}") if name in CHECKS else say("check not known")


def _checks(found: Certificate, say: Words) -> list[Block]:
    """Those that have not passed at length, and the others as a table."""
    checks = _by_result(found)
    if not checks:
        return [Paragraph(say("no checks"), "bad")]
    wrong = [one for one in checks if one.gates and one.result is not Result.PASSED]
    body = [
        (
            (_title(one, say), None if one.gates else Span("note", say("does not gate"))),
            _result(one, say),
            one.seen.of(say.language),
        )
        for one in checks
        if one not in wrong
    ]
    columns = [Column(say("check")), Column(say("result")), Column(say("seen"), "half")]
    return [*(_trouble(found, one, say) for one in wrong), *([Detail([Table(columns, body)])] if body else ())]


def _title(check: finding.Finding, say: Words) -> Phrase:
    return _check_name(check.id, say), " ", Span("code", check.id)


def _result(check: finding.Finding, say: Words) -> Span:
    word, tone = _RESULTS.get(check.result, ("not known", "bad"))
    return Span("mark", say(word), tone)


def _trouble(found: Certificate, check: finding.Finding, say: Words) -> Finding:
    return Finding(
        _title(check, say),
        _result(check, say),
        [
            (say("counted"), _counted(found, check.id, say)),
            *((say(name), one.of(say.language)) for name, one in (("seen", check.seen), ("wanted", check.wanted))),
        ],
        say("first keys", number=len(check.keys)) if len(check.keys) > 1 else say("key"),
        keys(check.keys),
        Step(check.next.of(say.language), command(check.step)),
    )


def _counted(found: Certificate, check: str, say: Words) -> str | None:
    """What a check of classes is about, as the document counts it; None for another."""
    titles = CHECKS[check].classes if check in CHECKS else ()
    sides = [counted.of_class(found, title) for title in titles]
    return counted.objects_and_bytes(sides, say) if sides else None


def _document(document: Mapping[str, Any], found: Certificate, say: Words) -> list[Block]:
    made, stated = sha256(document), str(document.get("sha256"))
    result = Span("mark", say("hash agrees"), "good")
    if stated != made:
        result = Span("mark", say("hash differs"), "bad")
    return [
        Facts(
            [
                (say("stored as"), Span("key", found.document)),
                (say("sha256"), (Span("digest", stated), " ", result)),
            ]
        ),
        Paragraph(say("to check")),
        Command(f"{interpreter()} ops.py check {found.document.rpartition('/')[2] or 'certificate.json'}"),
        Detail([Paragraph(say("to check by hand"), "note")]),
    ]
