"""The answer of certify: the certificate of a cutover, or a rehearsal of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from ops.certificates import CHECKS, NOT_COUNTED, bound, gates, said, sha256, side_of
from ops.check import doubts
from ops.commands import command, interpreter
from ops.report import comparison, units
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
from ops.report.copying import counters
from ops.report.parts import Answer, fields, in_language, moment, part, rows, text, whole
from ops.report.words import Words
from oss_oms_sync.answers import step as answered
from oss_oms_sync.answers.codec import UnreadableError, from_json
from oss_oms_sync.answers.pass_answers import BothBuckets, Lags

T = TypeVar("T")

# Exit codes.
CODES = {"GO": 0, "NO-GO": 1, "NOT PROVEN": 3}
VERDICTS = {"GO": "good", "NO-GO": "bad", "NOT PROVEN": "open", "REHEARSAL": "way"}
# Results, the worst first: their words and tones.
_RESULTS = {
    "failed": ("result failed", "bad"),
    "not proven": ("not proven", "open"),
    "not run": ("not run", "calm"),
    "passed": ("passed", "good"),
}
_STEPS = ("replay", "settle", "compare", "again", "close", "oms", "standstill", "sample")
_CUTOVER = answered.Step("cutover")


def report(document: Answer, language: str) -> Report:
    """`document` is what certify answers; `language` is "en" or "zh". A document that was changed, or whose verdict
    does not rest on its checks, is not valid."""
    say, made = Words(language), moment(part(document, "made"))
    lags, both = _read(Lags, part(document, "shown", "lag")), _read(BothBuckets, document)
    shown = comparison.lag(lags, say) if lags else [Paragraph(say("not known"), "open")]
    folders = comparison.folders(both, NOT_COUNTED, say) if both else Paragraph(say("folders not known"), "open")
    return Report(
        _hero(document, say),
        language,
        [Figures(_figures(document, say))],
        [
            _rehearsal(document, say),
            Section("looked-at", say("looked at"), None, _looked_at(document, made, say)),
            Section("checks", say("checks"), say("checks note"), _checks(document, say)),
            Section("waivers", say("waivers"), say("waivers note"), _waivers(document, say)),
            Section("classes", say("classes"), say("classes note"), [Detail(_classes(document, both, say))]),
            Section("digests", say("digests"), say("digests note"), _digests(document, say)),
            Section("sample", say("sample"), say("sample note"), _sample(document, say)),
            Section("folders", say("folders"), say("folders note"), [Detail([folders])]),
            Section("lag", say("lag"), say("lag note"), [Detail(shown)]),
            Section("shown", say("shown"), say("shown note"), [Detail(_shown(document, say))]),
            Section("document", say("the document"), say("the document note"), _document(document, say)),
        ],
        say("certificate"),
        say("utc", time=units.clock(made)) if made else None,
    )


def _read(kind: type[T], value: object) -> T | None:
    """A part of the document; None if it is not of that form, which makes nothing valid."""
    try:
        return from_json(kind, value)
    except UnreadableError:
        return None


def _hero(document: Answer, say: Words) -> Hero:
    verdict = text(document, "verdict") or ""
    if not document:
        return Hero(say("verdict not known"), "calm", say("classes not known"), None)
    if found := doubts(document):
        claim = say(f"verdict {verdict}") if verdict in VERDICTS else verdict or say("not known")
        listed = [
            (one.claim.of(say.language), Span("note", Span("outside", one.seen)) if one.seen else None) for one in found
        ]
        step = Step(say("advise new"), command(_CUTOVER))
        word = say("verdict not valid")
        return Hero(word, "bad", say("not valid", verdict=claim), step, word, Items(listed))
    lead = said(document).of(say.language)
    return Hero(say(f"verdict {verdict}"), VERDICTS[verdict], lead, _next(document, say), verdict)


def _next(document: Answer, say: Words) -> Step | None:
    if text(document, "verdict") == "GO":
        return Step(say("advise closed"))
    # What failed comes before what was not looked at.
    for one in _by_result(document):
        following = in_language(one, "next", say.language)
        if part(one, "result") != "passed" and gates(one) and following:
            return Step(following, _line(one))
    return Step(say("advise cutover"), command(_CUTOVER))


def _line(check: Answer) -> str:
    """The command of a check's next step; empty if there is none."""
    return command(_read(answered.Step, part(check, "step")))


def _by_result(document: Answer) -> list[Answer]:
    """The checks, the worst first, and otherwise in their order; one with a result that is not known here is bad."""
    order = list(_RESULTS)
    return sorted(
        (fields({"it": one}, "it") for one in rows(document, "checks")),
        key=lambda one: order.index(one["result"]) if part(one, "result") in order else 0,
    )


def _figures(document: Answer, say: Words) -> list[Figure]:
    sides = [
        Figure(
            say(title),
            units.count(whole(document, side, "objects"), say),
            units.size(whole(document, side, "bytes"), say),
            None if whole(document, side, "objects") is not None else "open",
        )
        for title, side in (("source holds", "source"), ("destination holds", "destination"))
    ]
    checks = [one for one in rows(document, "checks") if gates(one)]
    passed = sum(part(one, "result") == "passed" for one in checks)
    of_all = say("of", number=passed, total=max(len(checks), len(CHECKS) - 1))
    return [*sides, Figure(say("checks passed"), of_all), _freeze(document, say), _as_of(document, say)]


def _freeze(document: Answer, say: Words) -> Figure:
    """Since when writes are stopped, or how long they will be."""
    minutes, frozen = whole(document, "rehearsal", "minutes", "total"), moment(part(document, "frozen_since"))
    if minutes is not None:
        long = units.duration(60 * minutes, say)
        return Figure(say("freeze"), say("freeze about", duration=long), say("rehearsal note"))
    if frozen is None:
        return Figure(say("frozen"), say("none"), say("not frozen"))
    since = Time(str(part(document, "frozen_since")), f"{frozen:%H:%M}", None)
    return Figure(say("frozen"), since, f"{frozen:%Y-%m-%d} UTC")


def _as_of(document: Answer, say: Words) -> Figure:
    """As of when the document says what it says."""
    as_of, frozen = moment(part(document, "as_of")), moment(part(document, "frozen_since"))
    if as_of is None:
        return Figure(say("as of"), say("not known"), None, "open")
    note = f"{as_of:%Y-%m-%d} UTC"
    if frozen:
        note += " · " + say("frozen after", duration=units.duration((as_of - frozen).total_seconds(), say))
    return Figure(say("as of"), Time(str(part(document, "as_of")), f"{as_of:%H:%M}", None), note)


def _rehearsal(document: Answer, say: Words) -> Section | None:
    """How long the freeze will last, step by step, and what would not pass."""
    given = fields(document, "rehearsal")
    if not given:
        return None
    minutes = {name: whole(given, "minutes", name) for name in _STEPS}
    total = whole(given, "minutes", "total")
    long = {name: units.duration(None if one is None else 60 * one, say) for name, one in minutes.items()}
    whole_freeze = units.duration(None if total is None else 60 * total, say)
    parts = say("comma").join(say("bar part", name=say(f"step {name}"), number=long[name]) for name in _STEPS)
    # Two in turn, so that the parts can be told apart.
    tones = dict(zip(_STEPS, ("way", "calm") * len(_STEPS), strict=False))
    body = [
        ((Span("swatch", tone=tones[name]), say(f"step {name}")), Cell(long[name], "" if minutes[name] else "nil"))
        for name in _STEPS
    ]
    verdict, names = text(given, "would_be"), [str(one) for one in rows(given, "failing")]
    claim = say(f"verdict {verdict}") if verdict in VERDICTS else verdict or say("not known")
    label = say("freeze bar", total=whole_freeze, parts=parts)
    picture = Picture(say("freeze"), whole_freeze, Bar([Part(minutes[one] or 0, tones[one]) for one in _STEPS], label))
    adds_up = total == sum(one or 0 for one in minutes.values())
    return Section(
        "rehearsal",
        say("rehearsal"),
        say("rehearsal note"),
        [
            Detail([picture]),
            Table([Column(say("step")), Column(say("time taken"), "n")], body, [(say("total"), whole_freeze)]),
            None if adds_up else Paragraph(say("steps do not add up"), "bad"),
            Heading(Span("mark", say("would be", verdict=claim), VERDICTS.get(verdict or "", "calm"))),
            Paragraph((say("would fail"), say("colon")) if names else say("would fail none")),
            Items([(_check_name(name, say), " ", Span("code", name)) for name in names]) if names else None,
        ],
    )


def _looked_at(document: Answer, made: datetime | None, say: Words) -> list[Block]:
    source, destination = (units.name(text(document, f"{side}_bucket"), say) for side in ("source", "destination"))
    frozen = part(document, "frozen_since")
    return [
        Facts(
            [
                (say("buckets"), (source, " → ", destination)),
                (say("scope"), _scope(fields(document, "scope"), say)),
                (say("task"), units.name(text(document, "task"), say)),
                (say("log bucket"), units.name(text(document, "log_bucket"), say)),
                (say("frozen since"), units.time(frozen, made, say) if frozen else say("not frozen")),
                (say("compared"), _pass(fields(document, "passes", "compare"), say)),
                (say("stood still"), _pass(fields(document, "passes", "standstill"), say)),
                (say("written last"), _written_last(document, made, say)),
                (say("made"), units.time(part(document, "made"), None, say)),
                (say("made by"), _maker(document, say)),
            ]
        )
    ]


def _written_last(document: Answer, made: datetime | None, say: Words) -> Phrase:
    """When the source was last written to, and which object."""
    last = next(iter(rows(document, "last_written")), None)
    if not (key := text(last, "key")):
        return units.not_known(say)
    return units.time(part(last, "at"), made, say), Span("below", Span("key", key))


def _scope(scope: Answer, say: Words) -> Phrase:
    if not scope:
        return units.not_known(say)
    parts: list[Phrase] = []
    for name in ("prefix", "suffix"):
        if value := text(scope, name):
            # The key is put in afterwards, because it is quoted.
            parts += [say("comma") if parts else None, say(name, **{name: ""}), Span("key", value)]
    return parts or say("everything")


def _pass(given: Answer, say: Words) -> Phrase:
    """When a pass took place, and how fast it was."""
    if not given:
        return Span("", say("no such pass"), "open")
    amended = moment(part(given, "amended"))
    again = Span("below", say("amended", time=units.clock(amended))) if amended else None
    started, ended = text(given, "started"), text(given, "ended")
    return units.ran(started, ended, None, say, whole(given, "objects_per_minute")), again


def _maker(document: Answer, say: Words) -> Phrase:
    version, code = (text(document, "made_by", name) for name in ("version", "code_sha256"))
    return (
        Span("code", text(document, "project") or "oss-oms-sync"),
        " ",
        say("version", version=version or say("not known")),
        Span("below", say("code hash")),
        " ",
        _digest(code, say),
    )


def _digest(digest: str | None, say: Words) -> Span:
    return Span("digest", digest) if digest else units.not_known(say)


def _check_name(name: str, say: Words) -> str:
    return say(f"check {name}") if name in CHECKS else say("check not known")


def _checks(document: Answer, say: Words) -> list[Block]:
    """Those that have not passed at length, and the others as a table."""
    checks = _by_result(document)
    if not checks:
        return [Paragraph(say("no checks"), "bad")]
    wrong = [one for one in checks if part(one, "result") != "passed" and gates(one)]
    body = [
        (
            (_title(one, say), None if gates(one) else Span("note", say("does not gate"))),
            _result(one, say),
            in_language(one, "seen", say.language) or say("not known"),
        )
        for one in checks
        if one not in wrong
    ]
    columns = [Column(say("check")), Column(say("result")), Column(say("seen"), "half")]
    return [*(_trouble(document, one, say) for one in wrong), *([Detail([Table(columns, body)])] if body else ())]


def _title(check: Answer, say: Words) -> Phrase:
    name = text(check, "id") or ""
    return _check_name(name, say), " ", Span("code", name)


def _result(check: Answer, say: Words) -> Span:
    word, tone = _RESULTS.get(str(part(check, "result")), ("not known", "bad"))
    return Span("mark", say(word), tone)


def _trouble(document: Answer, check: Answer, say: Words) -> Finding:
    name, names = text(check, "id") or "", rows(check, "keys")
    following = in_language(check, "next", say.language)
    return Finding(
        _title(check, say),
        _result(check, say),
        [
            (say("counted"), _counted(document, name, say) if _classes_of(name) else None),
            *((say(what), in_language(check, what, say.language) or say("not known")) for what in ("seen", "wanted")),
        ],
        say("first keys", number=len(names)) if len(names) > 1 else say("key"),
        keys(names),
        Step(following or "", _line(check)),
    )


def _classes_of(name: str) -> Sequence[str]:
    return CHECKS[name].classes if name in CHECKS else ()


def _counted(document: Answer, name: str, say: Words) -> str:
    """What a check of classes is about, as the document counts it."""
    sides = [fields(document, "classes", title, side_of(title)) for title in _classes_of(name)]
    objects, size = (units.added(whole(one, what) for one in sides) for what in ("objects", "bytes"))
    return _objects_and_bytes(objects, size, say)


def _objects_and_bytes(objects: int | None, size: int | None, say: Words) -> str:
    numbers = say("of objects", number=units.count(objects, say)), units.exact(size, say)
    return say("pause").join(numbers)


def _waivers(document: Answer, say: Words) -> list[Block]:
    accepted = fields(document, "accepted")
    if not accepted:
        return [Paragraph(say("no waivers"))]
    body = [
        (
            (comparison.class_name(name, say), " ", Span("code", name)),
            Span("outside", text(accepted, name) or say("not known")),
            units.number(whole(document, "classes", name, side_of(name), "objects"), say),
            units.volume(whole(document, "classes", name, side_of(name), "bytes"), say),
        )
        for name in accepted
    ]
    columns = [Column(say("class")), Column(say("who")), Column(say("objects"), "n"), Column(say("volume"), "n")]
    return [Table(columns, body)]


def _classes(document: Answer, both: BothBuckets | None, say: Words) -> list[Block]:
    if both is None:
        return [Paragraph(say("classes not known"), "open")]
    accepted = fields(document, "accepted")
    return [*comparison.classes(both, NOT_COUNTED, accepted, say), comparison.sums(both, NOT_COUNTED, say)]


def _digests(document: Answer, say: Words) -> list[Block]:
    """The digests that a stranger recomputes, with the exact numbers that belong to them."""
    sides = {name: fields(document, name) for name in ("source", "destination")}
    if not any(text(one, "digest") for one in sides.values()):
        return [Paragraph(say("digests not known"), "open")]
    given: list[tuple[str, Phrase]] = [
        (
            say(f"in {name}"),
            (
                _digest(text(one, "digest"), say),
                Span("below", _objects_and_bytes(whole(one, "objects"), whole(one, "bytes"), say)),
            ),
        )
        for name, one in sides.items()
    ]
    state = _digest(text(document, "source", "state_digest"), say)
    of_classes = (block for name in fields(document, "classes") for block in _class_digests(document, name, say))
    return [Facts([*given, (say("state digest"), state)]), Detail([*of_classes])]


def _class_digests(document: Answer, name: str, say: Words) -> list[Block]:
    one = fields(document, "classes", name)
    held = {each: text(one, "digests", each) for each in ("source", "destination") if whole(one, each, "objects")}
    if not held:
        return []
    if len(held) == 2 and held["source"] == held["destination"]:
        pairs = [(say("same"), _digest(held["source"], say))]
    else:
        pairs = [(say(f"in {each}"), _digest(digest, say)) for each, digest in held.items()]
    return [Heading((comparison.class_name(name, say), " ", Span("code", name))), Facts(pairs)]


def _sample(document: Answer, say: Words) -> list[Block]:
    sample = fields(document, "sample")
    if not sample:
        return [Paragraph(say("no sample"))]
    trouble = {name: rows(sample, name) for name in ("differing", "unread")}
    read, population = whole(sample, "read"), whole(sample, "population")
    drawn = say(
        "sample drawn",
        drawn=units.count(whole(sample, "drawn"), say),
        population=units.count(population, say),
        largest=units.limit(whole(sample, "largest"), say),
    )
    figures = [
        Figure(say("sample read"), units.count(read, say), drawn),
        Figure(say("sample bytes"), units.size(whole(sample, "bytes"), say)),
        *(
            Figure(say(f"sample {name}"), f"{len(names):,}", None, "bad" if names else None)
            for name, names in trouble.items()
        ),
    ]
    is_equal = read and population and not trouble["differing"]
    return [
        Figures(figures, within=True),
        *([Paragraph(bound(read, population).of(say.language))] if read and population and is_equal else ()),
        *(block for name, names in trouble.items() if names for block in (Heading(say(f"sample {name}")), keys(names))),
        Facts([(say("seed"), _digest(text(sample, "seed"), say))]),
    ]


def _shown(document: Answer, say: Words) -> list[Block]:
    """What is known besides, and was not judged."""
    shown = fields(document, "shown")
    if not shown:
        return [Paragraph(units.not_known(say).content, "open")]
    oms, gone = fields(shown, "oms"), fields(document, "classes", "deleted_at_source", "destination")
    status, mode = (text(shown, "task", name) for name in ("status", "object_overwrite_mode"))
    new, missing = (units.count(whole(shown, "trigger", name), say) for name in ("new", "missing"))
    volume = say("of objects", number=units.count(whole(gone, "objects"), say)), units.size(whole(gone, "bytes"), say)
    problem = text(oms, "problem")
    migrated = [(say("migrated"), _migrated(one, say)) for one in rows(shown, "migrations")]
    return [
        Facts(
            [
                (say("task status"), units.name(status, say)),
                (say("overwrite mode"), units.name(mode, say)),
                (
                    say("events"),
                    say("lost events", new=new, missing=missing) if fields(shown, "trigger") else say("not known"),
                ),
                (say("class deleted_at_source"), say("pause").join(volume)),
                *migrated,
                (say("project"), _closed(part(document, "closed"), say)),
            ]
        ),
        Paragraph((say("oms silent"), say("colon"), Span("code", problem)), "open")
        if problem
        else counters({"this month": {name: whole(oms, name) for name in oms}}, say, say("oms")),
    ]


def _migrated(one: object, say: Words) -> str:
    numbers = {name: units.count(whole(one, name), say) for name in ("total", "copied", "skipped", "failed")}
    return say("migration", begun=text(one, "begun"), ended=text(one, "ended"), **numbers)


def _closed(closed: object, say: Words) -> Phrase:
    if closed is None:
        return say("open")
    at, by = moment(part(closed, "since")), text(closed, "by")
    since = say("closed since", time=units.clock(at)) if at else say("not known")
    return since, Span("note", Span("outside", by)) if by else None


def _document(document: Answer, say: Words) -> list[Block]:
    agrees, name = text(document, "sha256") == sha256(document), text(document, "document")
    file = (name or "").rpartition("/")[2] or "certificate.json"
    result = Span("mark", say("hash agrees"), "good") if agrees else Span("mark", say("hash differs"), "bad")
    return [
        Facts(
            [
                (say("stored as"), Span("key", name) if name else say("not known")),
                (say("sha256"), (_digest(text(document, "sha256"), say), " ", result)),
            ]
        ),
        Paragraph(say("to check")),
        Command(f"{interpreter()} ops.py check {file}"),
        Detail([Paragraph(say("to check by hand"), "note")]),
    ]


def exit_code(document: Answer) -> int:
    """0 for GO, 1 for NO-GO and for what is not sound, 3 for NOT PROVEN; of a rehearsal what it would be."""
    if doubts(document):
        return 1
    is_rehearsal = part(document, "verdict") == "REHEARSAL"
    verdict = part(document, *(("rehearsal", "would_be") if is_rehearsal else ("verdict",)))
    return CODES.get(verdict, 3)
